"""JSON Schemas as each dialect takes them.

Decisions. A projection never narrows what a reply may be, with three exceptions that servers insist on: optional keys
come as null where there are no optional ones, an object takes no keys but those it names, and a schema with
`properties` is one of objects. What the dialect lacks and the server can do without is left out and reported; what
would change the meaning is refused. References stay where the dialect takes them. A schema that fits goes out as it is.

Without strict a schema is the server's to judge, but for what makes it refuse the request whatever the mode: the root
of a tool's parameters, and OpenAI's patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from attrs import Factory, define, frozen

from .errors import UnsupportedRequest
from .fitting import LISTS, MAPS, ONES, Schema, lookup, step, takes_null
from .values import Json, JsonDict

Dialect: TypeAlias = Literal["openai", "anthropic", "google", "google-openapi"]
Purpose: TypeAlias = Literal["tool", "output"]


@frozen
class Projection:
    """A schema as a dialect takes it, and a line for each kind of change, with the places as JSON Pointers."""

    schema: Schema
    changes: tuple[str, ...] = ()


def project(
    schema: Schema, dialect: Dialect, purpose: Purpose, *, strict: bool = False, where: str = "schema"
) -> Projection:
    """The schema as this dialect takes it for a tool's parameters or for structured output.

    `strict`: the server is to hold the model to it; Anthropic always does with output. "google-openapi" is Gemini's
    older form, a subset of OpenAPI 3. `where` names the schema in changes and errors. Raises UnsupportedRequest, with
    the place as a JSON Pointer, for what cannot be said (WIRE 1b, 4b, 5b; the vendors' pages on structured
    output).
    """
    work = _Work(schema, where)
    if dialect in ("openai", "anthropic") and not strict and (dialect == "openai" or purpose == "tool"):
        made: Schema = work.everywhere(schema, work.without_lookaround) if dialect == "openai" else schema
        if purpose == "tool":
            made = work.loose_root(made, dialect)
    else:
        check_schema(schema, where)
        if dialect == "google":
            made = work.everywhere(schema, work.without_const)
        elif dialect == "google-openapi":
            return Projection(work.openapi(schema, "", 0), work.lines())
        else:
            made = work.root(_OPENAI if dialect == "openai" else _ANTHROPIC, purpose)
    changes = work.lines()
    return Projection(made if changes else schema, changes)


def no_parameters(*, strict: bool) -> JsonDict:
    """The schema of a tool that takes nothing, for servers that want one."""
    made: JsonDict = {"type": "object", "properties": {}}
    return {**made, "additionalProperties": False} if strict else made


def _refuse_choice(schema: Schema, where: str) -> None:
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            raise UnsupportedRequest(where, f"the schema may not begin with {key}")


# --- what servers take -----------------------------------------------------------------------------------------------


@frozen
class _Rules:
    """What a server takes that holds the model to a schema."""

    name: str
    keys: frozenset[str]
    formats: frozenset[str]
    optional: bool
    """Whether a property may be left out."""
    recursive: bool
    """Whether a schema may refer to itself."""
    unmatched: re.Pattern[str]
    """What a `pattern` may not have in it."""
    told: frozenset[str]
    """Keys that go into the description where they are not taken, as the vendor's own SDK has it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARED: Final = _words(
    "type properties required additionalProperties items enum anyOf $ref $defs definitions description title pattern"
    " format minItems"
)
_FORMATS: Final = _words("date-time time date duration email hostname ipv4 ipv6 uuid")
# "Invalid JSON schema: regex lookaround is not supported", says OpenAI of any tool, strict or not (pydantic-ai #5508,
# vercel/ai #16021). Pydantic writes it for a Decimal, zod for an e-mail address.
_LOOKAROUND: Final = re.compile(r"\(\?<?[=!]")
_OPENAI: Final = _Rules(
    "strict mode",
    _SHARED | _words("multipleOf maximum minimum exclusiveMaximum exclusiveMinimum maxItems"),
    _FORMATS,
    optional=False,
    recursive=True,
    unmatched=_LOOKAROUND,
    told=frozenset(),
)
_ANTHROPIC: Final = _Rules(
    "the server",
    _SHARED | _words("const default"),
    _FORMATS | {"uri"},
    optional=True,
    # "Circular reference detected in schema definitions: N -> N. Self-referencing or mutually-referencing definitions
    # are not supported."
    recursive=False,
    # No word boundaries and back references either, says the page on structured outputs.
    unmatched=re.compile(_LOOKAROUND.pattern + r"|\\[bB1-9]"),
    told=_words(
        "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems uniqueItems"
        " minContains maxContains minProperties maxProperties format pattern"
    ),
)
_OBJECT: Final = (dict, Mapping)  # dict first: to ask for an abstract class takes ten times as long
_NO_PROPERTIES: Final[JsonDict] = {"properties": {}}
_LOOSE: Final = "it can be sent without strict, where the dialect has that"

_TYPES: Final = _words("object array string number integer boolean null")
_KINDS: Final[Mapping[Any, str]] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
# Keys that say nothing of the value: the outermost is meant.
_ABOUT: Final = _words("title description default examples $comment deprecated readOnly writeOnly")
# Keys that say something about values of one type only.
_OF_TYPE: Final = {"properties": "object", "required": "object", "additionalProperties": "object", "items": "array"}

# The OpenAPI subset as google-genai's `Schema` has it, less what is made here.
_PLAIN: Final = _words(
    "title description nullable minItems maxItems minProperties maxProperties minimum maximum minLength"
    " maxLength pattern default example propertyOrdering"
)
# "only 'enum' and 'date-time' are supported for STRING type", says the server.
_PLAIN_FORMATS: Final = ("enum", "date-time", "float", "double", "int32", "int64")
# Not worth a line there: they say nothing about the value.
_SILENT: Final = _words("$schema $id $anchor $comment $defs definitions examples deprecated")

# Schemas in one: with references put in place, a few lines may unfold into more than there is memory.
_MAX_SCHEMAS: Final = 20_000
_MAX_DEPTH: Final = 128  # a level takes several frames here, so fewer than JSON may have


def check_schema(schema: Schema, where: str = "schema") -> None:
    """Raise UnsupportedRequest for what is no JSON Schema by its shape, or has no end."""
    _Work(schema, where).check(schema, "", 0)


@define
class _Work:
    """One projection under way: the whole schema, and what was changed, with the places."""

    whole: Schema
    where: str
    changes: dict[str, dict[str, None]] = Factory(dict[str, "dict[str, None]"])
    seen: int = 0
    followed: set[str] = Factory(set[str])

    def note(self, what: str, path: str) -> None:
        self.changes.setdefault(what, {})[f"#{path}"] = None

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{self.where}: {what} ({', '.join(places)})" for what, places in self.changes.items())

    def refuse(self, path: str, rule: str) -> UnsupportedRequest:
        return UnsupportedRequest(f"{self.where} at #{path}" if path else self.where, rule)

    # --- before anything: whether it is a schema ---------------------------------------------------------------------

    def check(self, schema: Json, path: str, depth: int) -> None:
        """Refuse what is no schema or has no end, so that all else may rely on its shape."""
        self._bound(depth)
        if isinstance(schema, bool):
            return
        if not isinstance(schema, _OBJECT):
            raise self.refuse(path, "a schema is an object")
        for key, value in cast("Mapping[Any, Json]", schema).items():
            if not isinstance(key, str):
                raise self.refuse(path, f"its key {key!r} is no string")
            if isinstance(value, str) and key in ("type", "$ref", "description"):
                continue
            here = step(path, key)
            if key in MAPS:
                if not isinstance(value, _OBJECT):
                    raise self.refuse(here, "it is an object")
                for name, each in cast("Schema", value).items():
                    if not isinstance(cast("Any", name), str):
                        raise self.refuse(here, f"its key {name!r} is no string")
                    self.check(each, step(here, name), depth + 1)
            elif key in LISTS:
                for i, each in enumerate(self._list(value, here)):
                    self.check(each, step(here, i), depth + 1)
            elif key in ONES:
                self.check(value, here, depth + 1)
            elif key == "enum":
                self._list(value, here)
            elif key in ("required", "type"):
                if not all(isinstance(word, str) for word in self._list(value, here, least=int(key == "type"))):
                    raise self.refuse(here, "it is a list of strings")
            elif key in ("$ref", "description"):
                raise self.refuse(here, "it is a string")

    def _list(self, value: Json, path: str, least: int = 1) -> list[Json]:
        if not isinstance(value, (list, tuple)) or len(cast("list[Json]", value)) < least:
            raise self.refuse(path, "it is a list that holds something" if least else "it is a list")
        return list(cast("list[Json]", value))

    def _bound(self, depth: int) -> None:
        self.seen += 1
        if depth > _MAX_DEPTH:
            raise self.refuse("", "its schema is nested too deep, or refers to itself, which this form cannot say")
        if self.seen > _MAX_SCHEMAS:
            raise self.refuse("", f"its schema is of more than {_MAX_SCHEMAS} schemas")

    def found(self, reference: str, path: str, whole: Schema) -> Schema:
        """What a reference points to, or UnsupportedRequest."""
        found = lookup(reference, whole)
        if found is None:
            raise self.refuse(path, f"its schema refers to {reference}, which is no schema inside it")
        return found

    # --- one change to all of it -------------------------------------------------------------------------------------

    def everywhere(
        self, schema: Json, change: Callable[[JsonDict, str], JsonDict], path: str = "", depth: int = 0
    ) -> Json:
        """The schema with this change made to it and to those inside; what has no schema's shape stays as it is."""
        self._bound(depth)
        if not isinstance(schema, _OBJECT):
            return schema
        made = change(dict(cast("Schema", schema)), path)
        for key, value in made.items():
            if key in MAPS and isinstance(value, _OBJECT):
                here, inside = step(path, key), cast("Schema", value).items()
                made[key] = {name: self.everywhere(each, change, step(here, name), depth + 1) for name, each in inside}
            elif key in LISTS and isinstance(value, (list, tuple)):
                here, arms = step(path, key), enumerate(cast("list[Json]", value))
                made[key] = [self.everywhere(each, change, step(here, i), depth + 1) for i, each in arms]
            elif key in ONES:
                made[key] = self.everywhere(value, change, step(path, key), depth + 1)
        return made

    def without_const(self, schema: JsonDict, path: str) -> JsonDict:
        """The same with an enum of one: Gemini's JSON Schema passes over `const` (WIRE 5b), strict mode lacks it."""
        if "const" not in schema:
            return schema
        self.note("const is sent as an enum of one", path)
        return {key: value for key, value in schema.items() if key != "const"} | {"enum": [schema["const"]]}

    def without_lookaround(self, schema: JsonDict, path: str) -> JsonDict:
        pattern = schema.get("pattern")
        if not isinstance(pattern, str) or _LOOKAROUND.search(pattern) is None:
            return schema
        self.note("pattern is left out: the server knows no lookaround", path)
        return {key: value for key, value in schema.items() if key != "pattern"}

    # --- parameters that nobody holds the model to -------------------------------------------------------------------

    def loose_root(self, schema: Schema, dialect: Dialect) -> Schema:
        """Only the root of a tool's parameters has to be an object's."""
        missing: JsonDict = {"type": "object", "properties": {}} if dialect == "openai" else {"type": "object"}
        made: JsonDict = {**missing, **schema}
        for key in missing:
            if key not in schema:
                self.note(f"{key} is put in", "")
        if made["type"] != "object":
            raise self.refuse("", "the schema must be of an object")
        if dialect == "anthropic":
            _refuse_choice(made, self.where)
        return made

    # --- strict: OpenAI and Anthropic --------------------------------------------------------------------------------

    def root(self, rules: _Rules, purpose: Purpose) -> JsonDict:
        schema, seen = self.whole, set[str]()
        while "$ref" in schema and schema["$ref"] not in seen:
            # A type that refers to itself stands in $defs, and servers want an object here, no reference.
            seen.add(schema["$ref"])
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self.found(schema["$ref"], "", self.whole), **beside}
            self.note("what is referred to is put in place", "")
        if purpose == "tool":
            # A tool that takes nothing may say as much.
            if not schema.keys() & {"type", "$ref", "allOf", "anyOf", "oneOf"}:
                schema = {"type": "object", **schema}
                self.note("type is put in", "")
            if schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties", "allOf"}:
                schema = {**schema, **_NO_PROPERTIES}
                self.note("properties is put in", "")
        made = self.strict(schema, "", rules)
        if purpose == "tool" or rules is _OPENAI:
            _refuse_choice(made, self.where)
            if made.get("type") != "object":
                raise self.refuse("", "the schema must be of an object")
        self._follow(made, made, "", rules)
        return made

    def strict(self, schema: Json, path: str, rules: _Rules) -> JsonDict:
        """The schema as the rules have it, down to its leaves."""
        if not isinstance(schema, Mapping):
            raise self.refuse(path, f"{rules.name} wants a schema that says its type; {_LOOSE}")
        schema = self._flat(dict(cast("Schema", schema)), path, rules)
        if "$ref" in schema:
            return self._reference(schema, path, rules)
        types = self._types(schema, path, rules)
        nullable: list[str] = []
        if "array" in types:
            self._put_items(schema, path, rules)
        if "object" in types:
            nullable = self._close(schema, path, rules)
        made: JsonDict = {}
        told: JsonDict = {}
        for key, value in schema.items():
            here = step(path, key)
            if types and _OF_TYPE.get(key) not in (None, *types):
                self.note(f"{key} is left out, which means nothing to this type", path)
            elif not _takes(key, value, rules):
                if key in rules.told:
                    told[key] = value
                self.note(f"{key} is {'said in words' if key in told else 'left out'}: {rules.name} has none", path)
            elif key in ("properties", "$defs", "definitions"):
                made[key] = {name: self.strict(each, step(here, name), rules) for name, each in value.items()}
            elif key == "anyOf":
                made[key] = [self.strict(each, step(here, i), rules) for i, each in enumerate(value)]
            elif key == "items":
                made[key] = self.strict(value, here, rules)
            else:
                made[key] = value
        for name in nullable:
            if not takes_null(made["properties"][name], self.whole):
                made["properties"][name] = _or_null(made["properties"][name])
            self.note(
                f"what is optional is required and may be null: {rules.name} has none",
                f"{path}/properties{step('', name)}",
            )
        if told:
            words = "{" + ", ".join(f"{key}: {value}" for key, value in told.items()) + "}"
            made["description"] = f"{made['description']}\n\n{words}" if made.get("description") else words
        return made

    def _flat(self, schema: JsonDict, path: str, rules: _Rules) -> JsonDict:
        """The same in words that the server has: no allOf of one, no oneOf, no const."""
        while len(schema.get("allOf", ())) == 1 and isinstance(schema["allOf"][0], Mapping):
            only: JsonDict = dict(schema["allOf"][0])
            schema = {key: value for key, value in schema.items() if key != "allOf"}
            clash = [key for key in only.keys() - _ABOUT if key in schema and schema[key] != only[key]]
            if clash:
                raise self.refuse(path, f"allOf says another {min(clash)}; say it once")
            schema = {**only, **schema}
            self.note("what allOf has is put in its place", path)
        if "allOf" in schema:
            raise self.refuse(path, f"{rules.name} has no allOf; {_LOOSE}")
        if "oneOf" in schema:
            if "anyOf" in schema:
                raise self.refuse(path, f"{rules.name} has no oneOf beside anyOf; {_LOOSE}")
            schema = {"anyOf" if key == "oneOf" else key: value for key, value in schema.items()}
            self.note("oneOf is sent as anyOf", path)
        return schema if "const" in rules.keys else self.without_const(schema, path)

    def _reference(self, schema: JsonDict, path: str, rules: _Rules) -> JsonDict:
        reference: str = schema["$ref"]
        self.found(reference, path, self.whole)
        beside = {key: value for key, value in schema.items() if key in ("description", "title")}
        for key in schema.keys() - beside.keys() - {"$ref"}:
            self.note(f"{key} is left out beside $ref: {rules.name} takes none", path)
        if not beside:
            return {"$ref": reference}
        self.note("$ref with a description is sent inside anyOf", path)
        return {"anyOf": [{"$ref": reference}], **beside}

    def _types(self, schema: JsonDict, path: str, rules: _Rules) -> list[str]:
        """The schema's types, put in where they follow from the rest; none for a choice."""
        if "type" not in schema:
            words: list[Json] = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
            kinds = list(dict.fromkeys(_KINDS.get(cast("Any", type(word)), "") for word in words))
            if schema.keys() & {"properties", "additionalProperties"}:
                kinds = ["object"]
            elif schema.keys() & {"items", "prefixItems"}:
                kinds = ["array"]
            elif "anyOf" in schema:
                return []
            elif not kinds or "" in kinds:
                raise self.refuse(path, f"{rules.name} wants a schema that says its type; {_LOOSE}")
            schema["type"] = kinds[0] if len(kinds) == 1 else kinds
            self.note("type is put in", path)
        said: Json = schema["type"]
        types: list[str] = [said] if isinstance(said, str) else list(cast("list[str]", said))
        if not _TYPES.issuperset(types):
            raise self.refuse(path, f"type {said!r} is none of JSON's")
        return types

    def _put_items(self, schema: JsonDict, path: str, rules: _Rules) -> None:
        """Items that have a schema each become items that have any of these."""
        arms: list[Json] = list(schema.pop("prefixItems", ()))
        rest = schema.get("items")
        if arms:
            if isinstance(rest, Mapping):
                arms.append(cast("Schema", rest))
            elif rest is not False and schema.get("maxItems") != len(arms):
                raise self.refuse(path, f"{rules.name} wants `items` for an array; {_LOOSE}")
            arms = [arm for i, arm in enumerate(arms) if arm not in arms[:i]]
            schema["items"] = arms[0] if len(arms) == 1 else {"anyOf": arms}
            self.note("prefixItems is sent as items that are any of them", path)
        elif "items" not in schema:
            raise self.refuse(path, f"{rules.name} wants `items` for an array; {_LOOSE}")

    def _close(self, schema: JsonDict, path: str, rules: _Rules) -> list[str]:
        """No keys but those that are named. Gives the names that were optional where none may be."""
        others = schema.get("additionalProperties")
        named: Schema = schema.get("properties", {})
        if (
            schema.get("patternProperties")
            or isinstance(others, Mapping)
            or (others is True and not named)
            or (others is None and "properties" not in schema)
        ):
            raise self.refuse(path, f"{rules.name} has no objects with keys that are not named; {_LOOSE}")
        if "anyOf" in schema:
            raise self.refuse(path, f"{rules.name} has no anyOf beside properties; {_LOOSE}")
        if others is not False:
            schema["additionalProperties"] = False
            self.note("additionalProperties is false, as it has to be", path)
        required: list[str] = list(schema.get("required", ()))
        ghosts = [name for name in required if name not in named]
        if ghosts:
            raise self.refuse(path, f"{ghosts[0]!r} is required, but no property")
        optional = [] if rules.optional else [name for name in named if name not in required]
        if optional:
            schema["required"] = [*required, *optional]
        return optional

    def _follow(
        self,
        schema: Schema,
        whole: Schema,
        path: str,
        rules: _Rules,
        inside: frozenset[str] = frozenset(),
        depth: int = 0,
    ) -> None:
        """Refuse references to what is gone, and where the server wants none, a schema that refers to itself."""
        if "$ref" in schema:
            reference: str = schema["$ref"]
            there = self.found(reference, path, whole)
            if not rules.recursive and reference not in self.followed:
                if reference in inside or depth > _MAX_DEPTH:
                    raise self.refuse(path, f"{rules.name} takes no schema that refers to itself; {_LOOSE}")
                self._follow(there, whole, reference[1:], rules, inside | {reference}, depth + 1)
                self.followed.add(reference)
        for key in ("properties", "$defs", "definitions"):
            for name, each in schema.get(key, {}).items():
                self._follow(each, whole, step(step(path, key), name), rules, inside, depth + 1)
        for i, each in enumerate(schema.get("anyOf", ())):
            self._follow(each, whole, step(step(path, "anyOf"), i), rules, inside, depth + 1)
        if "items" in schema:
            self._follow(schema["items"], whole, step(path, "items"), rules, inside, depth + 1)

    # --- Gemini ------------------------------------------------------------------------------------------------------

    def openapi(self, schema: Json, path: str, depth: int) -> JsonDict:
        """`parameters` and `responseSchema` take a subset of OpenAPI 3 (WIRE 5b).

        References are put in place, a list of types becomes `nullable` or `anyOf`, and only strings are enumerated.
        """
        self._bound(depth)
        if not isinstance(schema, Mapping):  # true and false are schemas too
            return {}
        schema = cast("Schema", schema)
        if "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self.openapi({**self.found(schema["$ref"], path, self.whole), **beside}, path, depth + 1)

        def inner(value: Json, *steps: str | int) -> JsonDict:
            here = path
            for each in steps:
                here = step(here, each)
            return self.openapi(value, here, depth + 1)

        made: JsonDict = {}
        for key, value in schema.items():
            if key == "type":
                _put_type(made, value)
            elif key in ("const", "enum"):
                words = [value] if key == "const" else list(value)
                texts = [word for word in words if isinstance(word, str)]
                if texts and len(texts) == len(words) - words.count(None):
                    made.update(type="STRING", enum=texts, **({"nullable": True} if None in words else {}))
                else:
                    self._lose(key, path)
            elif key == "properties" and value:
                made[key] = {name: inner(each, key, name) for name, each in value.items()}
            elif key == "items":
                made[key] = inner(value, key)
            elif key in ("anyOf", "oneOf"):
                _put_choice(made, value, [inner(each, key, i) for i, each in enumerate(value)])
            elif key == "allOf" and len(value) == 1:
                made.update(inner(value[0], key, 0))
            elif key in _PLAIN or (key == "format" and value in _PLAIN_FORMATS):
                made[key] = value
            elif key not in _SILENT and key not in ("required", "properties"):
                self._lose(key, path)
        known = made.get("properties", {})
        required = [name for name in schema.get("required", ()) if name in known]
        if required:
            made["required"] = required
        if made.get("type") == "ARRAY":
            made.setdefault("items", {})
        return made

    def _lose(self, key: str, path: str) -> None:
        self.note(f"{key} is left out, which this model's form of schema lacks", path)


def _takes(key: str, value: Json, rules: _Rules) -> bool:
    if key == "format":
        return isinstance(value, str) and value in rules.formats
    if key == "pattern":
        return isinstance(value, str) and rules.unmatched.search(value) is None
    if key == "additionalProperties":
        return value is False
    if key == "minItems" and "minItems" in rules.told:
        return value in (0, 1)
    return key in rules.keys


def _or_null(schema: JsonDict) -> JsonDict:
    said = schema.get("type")
    if "enum" not in schema and isinstance(said, str) and said not in ("object", "array"):
        return {**schema, "type": [said, "null"]}
    if schema.keys() <= {"anyOf", "description", "title"}:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    about: JsonDict = {key: schema[key] for key in ("description", "title") if key in schema}
    return {"anyOf": [{key: value for key, value in schema.items() if key not in about}, {"type": "null"}], **about}


def _put_type(made: JsonDict, said: Json) -> None:
    types: list[str] = [said] if isinstance(said, str) else [each for each in said if each != "null"]
    if not isinstance(said, str) and len(types) < len(said):
        made["nullable"] = True
    if len(types) == 1:
        made["type"] = types[0].upper()
    elif types:
        made["anyOf"] = [{"type": each.upper()} for each in types]


def _put_choice(made: JsonDict, choices: list[Json], arms: list[JsonDict]) -> None:
    some = [arm for choice, arm in zip(choices, arms, strict=True) if choice != {"type": "null"}]
    if len(some) < len(choices):
        made["nullable"] = True
    if len(some) == 1:
        made.update(some[0])
    elif some:
        made["anyOf"] = some
