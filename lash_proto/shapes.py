"""Python types as JSON Schemas, and JSON values as those types.

Decisions. Every class that a type names stands in `$defs` and is referred to, so that types may refer to themselves;
the outermost one stands at the root, because providers want an object there. A class takes no keys but its own. What
may be left out is what has a default; the default itself stays out of the schema, since the class puts it in.
Descriptions come from `Annotated[T, "..."]`, from a field's metadata, and from the class's own docstring.

A value is read as strictly as its schema says: no string becomes a number. In a union the first arm that fits wins. A
null at a key that may be left out, and takes none, is taken for one left out, as strict mode has it.
Pydantic is never imported: a class with `model_json_schema` and `model_validate_json` speaks for itself, and so does a
TypeAdapter, with `json_schema` and `validate_json`.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
    Set,
)
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, Union, cast
from weakref import WeakKeyDictionary

import attrs

from .fitting import Misfit, Schema, step, without_nulls
from .values import Json, JsonDict, dump_json

# --- what a type says ------------------------------------------------------------------------------------------------


@attrs.frozen
class _Field:
    """One key of an object: `argument` is what the class calls it when it is made."""

    key: str
    argument: str
    hint: Any
    required: bool
    description: str | None = None


_SCALARS: Final[Mapping[Any, JsonDict]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
}
_DATES: Final = (datetime, date, time)
_LISTS: Final = (list, Sequence, MutableSequence, Collection, Iterable)
_SETS: Final = (set, frozenset, Set, MutableSet)
_MAPS: Final = (dict, Mapping, MutableMapping)
_WORDS: Final[Mapping[Any, str]] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _plain(hint: Any) -> tuple[Any, str | None]:
    """A hint without what is wrapped around it, and the description that came with it."""
    description: str | None = None
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint, *said = typing.get_args(hint)
            description = description or next((text for each in said if (text := _described(each))), None)
        elif _qualifier(origin):
            (hint,) = typing.get_args(hint)
        elif hasattr(hint, "__supertype__"):  # a NewType
            hint = hint.__supertype__
        else:
            return type(None) if hint is None else hint, description


def _qualifier(origin: Any) -> str | None:
    """The word around the type of a TypedDict's key, by name: typing_extensions has some that typing lacks."""
    name = None if isinstance(origin, type) else getattr(origin, "__name__", None)
    return name if name in ("Required", "NotRequired", "ReadOnly") else None


def _described(said: Any) -> str | None:
    """The text in an annotation: itself, pydantic's `Field(description=)`, typing_extensions' `Doc`."""
    for text in (said, getattr(said, "description", None), getattr(said, "documentation", None)):
        if isinstance(text, str):
            return text
    return None


def _is_alias(hint: Any) -> bool:
    """Whether this is a `type X = ...` of Python 3.12, or typing_extensions' `TypeAliasType`."""
    return type(hint).__name__ == "TypeAliasType"


def _meaning(alias: Any) -> Any:
    try:
        return alias.__value__
    except Exception as error:  # it is worked out only now
        raise TypeError(f"{alias.__name__}: {error}") from error


_Speech: TypeAlias = tuple[Callable[[], JsonDict], Callable[[str], Any]]


def _speech(hint: Any) -> _Speech | None:
    """How a pydantic model, or a TypeAdapter, tells its schema and reads JSON; None for what does neither."""
    prefix = "model_" if isinstance(hint, type) else ""
    tell, read = getattr(hint, f"{prefix}json_schema", None), getattr(hint, f"{prefix}validate_json", None)
    return None if tell is None or read is None else (tell, read)


def _is_typed_dict(hint: Any) -> bool:
    return hasattr(hint, "__required_keys__")  # typing's `is_typeddict` does not know those of typing_extensions


def _is_class(hint: Any) -> bool:
    return isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or attrs.has(cast("Any", hint)) or _is_typed_dict(hint)
    )


_known: Final[WeakKeyDictionary[Any, list[_Field]]] = WeakKeyDictionary()


def _fields(class_: Any) -> list[_Field]:
    """The class's keys; its annotations are worked out once, which takes longer than reading many a value."""
    found = _known.get(class_)
    if found is None:
        found = _known[class_] = _read_fields(class_)
    return found


def _read_fields(class_: Any) -> list[_Field]:
    if hasattr(class_, "__pydantic_validator__"):
        raise TypeError(f"{class_.__name__}: a pydantic dataclass tells its schema by pydantic's TypeAdapter only")
    try:
        hints = typing.get_type_hints(class_, include_extras=True)
    except Exception as error:  # annotations that are strings are any code
        raise TypeError(f"{class_.__name__}: {error}; its annotations must be found from its module") from error
    if _is_typed_dict(class_):
        return [_Field(key, key, hint, _is_required(class_, key, hint)) for key, hint in hints.items()]
    found: list[_Field] = []
    if attrs.has(class_):
        for field in attrs.fields(class_):
            if field.init:
                required = field.default is attrs.NOTHING
                description = _described(field.metadata.get("description"))
                hint = hints.get(field.name, Any if field.type is None else field.type)
                found.append(_Field(cast("str", field.alias), cast("str", field.alias), hint, required, description))
    else:
        # Not `fields`, which leaves out what only `__init__` takes.
        for name, member in cast("dict[str, dataclasses.Field[Any]]", class_.__dataclass_fields__).items():
            hint = hints[name]
            if member.init and hint is not ClassVar and typing.get_origin(hint) is not ClassVar:
                required = member.default is dataclasses.MISSING and member.default_factory is dataclasses.MISSING
                hint = cast("Any", hint).type if isinstance(hint, dataclasses.InitVar) else hint
                found.append(_Field(name, name, hint, required, _described(member.metadata.get("description"))))
    return found


def _is_required(class_: Any, key: str, hint: Any) -> bool:
    # `__required_keys__` does not see through annotations that are strings, so the resolved hint speaks first.
    origin = typing.get_origin(hint)
    while origin is Annotated or _qualifier(origin) == "ReadOnly":
        hint = typing.get_args(hint)[0]
        origin = typing.get_origin(hint)
    said = _qualifier(origin)
    return key in class_.__required_keys__ if said is None else said == "Required"


# --- a type becomes a schema -----------------------------------------------------------------------------------------


def schema_of(wanted: Any) -> Mapping[str, Any]:
    """The JSON Schema of a type; a schema (any mapping) is its own.

    Takes dataclasses, attrs classes, TypedDicts, pydantic models and TypeAdapters, Enums, Literal, unions, lists, sets,
    tuples, mappings with str keys, dates, plain types, and these inside each other. Raises TypeError for a type that
    JSON cannot say.
    """
    if isinstance(wanted, Mapping):
        return cast("Mapping[str, Any]", wanted)
    makers = _Schemas()
    made = makers.schema(wanted, "", root=True)
    return {**made, "$defs": makers.defs} if makers.defs else made


@attrs.define
class _Schemas:
    """The schemas of one call of `schema_of`: what is in `$defs`, and by what names."""

    defs: JsonDict = attrs.field(factory=dict[str, Any])
    names: dict[Any, str] = attrs.field(factory=dict[Any, str])
    bodies: dict[Any, JsonDict] = attrs.field(factory=dict[Any, JsonDict])
    open: set[Any] = attrs.field(factory=set[Any])
    """Aliases of which the schema is being made."""

    def schema(self, hint: Any, path: str, *, root: bool = False) -> JsonDict:
        """The hint's schema; a class stands in `$defs`, unless it is the root."""
        hint, description = _plain(hint)
        made = self._alias(hint, path, root) if _is_alias(hint) else self._schema(hint, path, root)
        return {**made, "description": description} if description else made

    def _schema(self, hint: Any, path: str, root: bool) -> JsonDict:
        if hint is Any or hint is object:
            return {}
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Literal:
            return _choice([_word(each) for each in inner], path)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.schema(each, path) for each in inner]}
        kind = origin or hint
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        if kind in _LISTS:
            return {"type": "array", "items": self.schema(inner[0], f"{path}[]") if inner else {}}
        if kind in _SETS:
            items = self.schema(inner[0], f"{path}[]") if inner else {}
            if inner and not _is_hashable(inner[0]):
                raise TypeError(f"{path or 'the type'}: a set cannot hold values of {inner[0]!r}")
            return {"type": "array", "items": items, "uniqueItems": True}
        if kind is tuple:
            return self._tuple(inner, path)
        if kind in _MAPS:
            if inner and _plain(inner[0])[0] is not str:
                raise TypeError(f"{path or 'the type'}: the keys of a JSON object are strings, not {inner[0]!r}")
            return {
                "type": "object",
                **({"additionalProperties": self.schema(inner[1], f"{path}{{}}")} if inner else {}),
            }
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _choice([each.value for each in hint], path)
        if _is_class(hint) or _speech(hint):
            return self._body(hint) if root else {"$ref": f"#/$defs/{self._name(hint)}"}
        raise TypeError(f"{path or 'the type'}: {hint!r} has no JSON Schema")

    def _tuple(self, inner: tuple[Any, ...], path: str) -> JsonDict:
        if not inner:
            return {"type": "array", "items": {}}
        if inner[-1] is Ellipsis:
            return {"type": "array", "items": self.schema(inner[0], f"{path}[]")}
        each = [self.schema(hint, f"{path}[{i}]") for i, hint in enumerate(inner)]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}

    def _alias(self, alias: Any, path: str, root: bool) -> JsonDict:
        """What the alias stands for; one that has itself inside stands in `$defs`."""
        if alias in self.open and alias not in self.names:
            self._take_name(alias, {})
        if alias not in self.names:
            self.open.add(alias)
            made = self.schema(_meaning(alias), path, root=root)
            if alias not in self.names:
                self.open.remove(alias)
                return made
            self.defs[self.names[alias]] = made
        return {"$ref": f"#/$defs/{self.names[alias]}"}

    def _name(self, class_: Any) -> str:
        """The class's name in `$defs`, where its schema now is."""
        if class_ not in self.names:
            # A model brings the models in it along, so it may have come before.
            body = self._body(class_) if _speech(class_) else None
            self._take_name(class_, body)  # before its own fields ask for it
            if body is None:
                self.defs[self.names[class_]] = self._body(class_)
        return self.names[class_]

    def _take_name(self, type_: Any, body: JsonDict | None) -> None:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", getattr(type_, "__name__", "value"))
        while self.defs.get(name, body) != body or (not body and name in self.defs):
            name += "_"
        self.names[type_] = name
        self.defs[name] = body

    def _body(self, class_: Any) -> JsonDict:
        if class_ not in self.bodies:
            speech = _speech(class_)
            if speech is None:
                self._make_object(class_)
            else:
                self.bodies[class_] = self._told(class_, speech[0])
        return self.bodies[class_]

    def _told(self, model: Any, tell: Callable[[], JsonDict]) -> JsonDict:
        name = getattr(model, "__name__", "the type")
        try:
            made = dict(tell())
        except Exception as error:  # of pydantic's own kinds, which are not known here
            raise TypeError(f"{name}: {error}") from error
        for each, schema in cast("JsonDict", made.pop("$defs", {})).items():
            if self.defs.setdefault(each, schema) != schema:
                raise TypeError(f"{name}: two types are called {each}")
        reference = made.get("$ref")
        if reference is not None:  # a model that refers to itself stands in its own $defs
            made = {**made, **self.defs[reference.removeprefix("#/$defs/")]}
            del made["$ref"]
        return made

    def _make_object(self, class_: Any) -> None:
        made: JsonDict = {"type": "object"}
        doc = class_.__dict__.get("__doc__")
        if doc and not doc.startswith(f"{class_.__name__}("):  # which is the one that dataclasses write
            made["description"] = inspect.cleandoc(doc)
        properties: JsonDict = {}
        fields = _fields(class_)
        # Before the fields are walked: a class that stands in itself is being made already.
        self.bodies[class_] = made
        for field in fields:
            schema = self.schema(field.hint, f"{class_.__name__}.{field.key}")
            if field.description and "description" not in schema:
                schema["description"] = field.description
            properties[field.key] = schema
        made["properties"] = properties
        made["required"] = [field.key for field in fields if field.required]
        made["additionalProperties"] = False


def _is_hashable(hint: Any) -> bool:
    hint, _ = _plain(hint)
    kind = typing.get_origin(hint) or hint
    return kind not in _LISTS and getattr(kind, "__hash__", None) is not None


def _word(member: Any) -> Json:
    return member.value if isinstance(member, Enum) else member


def _choice(words: list[Json], path: str) -> JsonDict:
    kinds: dict[str, None] = {}
    for word in words:
        kind = _WORDS.get(cast("Any", type(word)))
        if kind is None:
            raise TypeError(f"{path or 'the type'}: {word!r} is no JSON string, number, boolean or null")
        kinds[kind] = None
    if not kinds:
        raise TypeError(f"{path or 'the type'}: an Enum without members has no value")
    return {"type": next(iter(kinds)) if len(kinds) == 1 else list(kinds), "enum": words}


# --- a JSON value becomes a type -------------------------------------------------------------------------------------


def value_of(wanted: Any, data: Json, path: str = "") -> Any:
    """The JSON value as the type; a schema leaves it as it is. `path` is where the value stands, for Misfit to tell.

    Raises Misfit where it does not fit, also where the class itself refuses it, and TypeError as `schema_of`.
    """
    if isinstance(wanted, Mapping):
        return data
    try:
        return _Reader().value(wanted, data, path)
    except RecursionError:
        raise Misfit(path, "nested deeper than the caller's stack allows") from None


@attrs.define
class _Reader:
    """One call of `value_of`, and what it has read already.

    At each place a class is tried once, however many arms of unions lead there: what nests in unions would take twice
    as long with every level.
    """

    schemas: dict[Any, Schema] = attrs.field(factory=dict[Any, "Schema"])
    read: dict[tuple[Any, str], Any] = attrs.field(factory=dict[tuple[Any, str], Any])

    def value(self, hint: Any, data: Json, path: str) -> Any:
        hint, _ = _plain(hint)
        if hint is Any or hint is object:
            return data
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Literal:
            return _chosen(inner, data, path)
        if origin in (Union, types.UnionType):
            return self._either(inner, data, path)
        kind = origin or hint
        if kind in _SCALARS:
            return _scalar(kind, data, path)
        if kind in _LISTS:
            return self._list(inner[0] if inner else Any, data, path)
        if kind in _SETS:
            items = self._list(inner[0] if inner else Any, data, path)
            try:
                return frozenset(items) if kind is frozenset else set(items)
            except TypeError:
                raise Misfit(path, "a set cannot hold these items") from None
        if kind is tuple:
            return self._tuple(inner, _array(data, path), path)
        if kind in _MAPS:
            inside = inner[1] if inner else Any
            return {key: self.value(inside, each, step(path, key)) for key, each in _object(data, path).items()}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _chosen(tuple(hint), data, path)
        place: Any = (hint, path)
        if place not in self.read:
            self.read[place] = Misfit(path, "its type stands for nothing but itself")
            try:
                self.read[place] = self._named(hint, data, path)
            except Misfit as error:
                self.read[place] = error
        found = self.read[place]
        if isinstance(found, Misfit):
            raise found
        return found

    def _named(self, hint: Any, data: Json, path: str) -> Any:
        if _is_alias(hint):
            return self.value(_meaning(hint), data, path)
        speech = _speech(hint)
        if speech is not None:
            if hint not in self.schemas:
                self.schemas[hint] = schema_of(hint)
            return _validated(hint, speech[1], without_nulls(data, self.schemas[hint]), path)
        if _is_class(hint):
            return self._instance(hint, _object(data, path), path)
        raise TypeError(f"{hint!r} has no JSON Schema")

    def _list(self, hint: Any, data: Json, path: str) -> list[Any]:
        return [self.value(hint, each, step(path, i)) for i, each in enumerate(_array(data, path))]

    def _tuple(self, inner: tuple[Any, ...], data: list[Json], path: str) -> tuple[Any, ...]:
        if not inner or inner[-1] is Ellipsis:
            inner = (inner[0] if inner else Any,) * len(data)
        if len(inner) != len(data):
            raise Misfit(path, f"expected {len(inner)} items, found {len(data)}")
        pairs = enumerate(zip(inner, data, strict=True))
        return tuple([self.value(hint, each, step(path, i)) for i, (hint, each) in pairs])

    def _either(self, arms: tuple[Any, ...], data: Json, path: str) -> Any:
        problems: list[tuple[bool, int, Misfit]] = []
        for arm in arms:
            try:
                return self.value(arm, data, path)
            except Misfit as error:
                # Of an arm whose words are those of the data, and that got further inside, one wants to hear.
                problems.append((self._has_words(arm, data), error.path.count("/"), error))
        *most, _ = max(problems, key=lambda problem: problem[:2])
        said = [error for *rank, error in problems if rank == most]
        rules = dict.fromkeys([error.rule for error in said if error.path == said[0].path])
        raise Misfit(said[0].path, " or ".join(rules))

    def _has_words(self, hint: Any, data: Json) -> bool:
        """Whether a class insists on words (a Literal), and the data has all of them."""
        hint, _ = _plain(hint)
        if not _is_class(hint) or not isinstance(data, dict):
            return False
        words = [
            (field.key, typing.get_args(plain))
            for field in _fields(hint)
            if typing.get_origin(plain := _plain(field.hint)[0]) is Literal
        ]
        return bool(words) and all(_is_among(inner, cast("JsonDict", data).get(key)) for key, inner in words)

    def _instance(self, class_: Any, data: JsonDict, path: str) -> Any:
        arguments: JsonDict = {}
        left = dict(data)
        for field in _fields(class_):
            if field.key in left:
                each = left.pop(field.key)
                try:
                    arguments[field.argument] = self.value(field.hint, each, step(path, field.key))
                except Misfit:
                    if field.required or each is not None:
                        raise
            elif field.required:
                raise Misfit(path, f"{field.key!r} is missing")
        if left:
            raise Misfit(path, f"{next(iter(left))!r} is no key of {class_.__name__}")
        try:
            return class_(**arguments)
        except Exception as error:  # a class may check its fields as it likes
            raise Misfit(path, f"{class_.__name__} refuses it: {error}") from error


def _scalar(kind: Any, data: Json, path: str) -> Any:
    if kind in _DATES:
        try:
            # What has ten characters at most is a date alone, which `datetime` would read as its midnight.
            if kind is datetime and len(data) <= 10:
                raise ValueError
            return kind.fromisoformat(data)
        except (TypeError, ValueError):
            raise Misfit(path, f"expected a {kind.__name__} as ISO 8601 writes it") from None
    if kind is float and type(data) is int:
        try:
            return float(data)
        except OverflowError:
            raise Misfit(path, "the number is too large") from None
    if kind is int and type(data) is float and data.is_integer():  # 1.0 is an integer in JSON Schema
        return int(data)
    if type(data) is not kind:
        raise Misfit(path, f"expected {_SCALARS[kind]['type']}")
    return data


def _array(data: Json, path: str) -> list[Json]:
    if not isinstance(data, list):
        raise Misfit(path, "expected array")
    return cast("list[Json]", data)


def _object(data: Json, path: str) -> JsonDict:
    if not isinstance(data, dict):
        raise Misfit(path, "expected object")
    return cast("JsonDict", data)


def _chosen(members: tuple[Any, ...], data: Json, path: str) -> Any:
    for member in members:
        if _is_among((member,), data):
            return member
    raise Misfit(path, "expected one of " + ", ".join([repr(_word(member)) for member in members]))


def _is_among(members: tuple[Any, ...], data: Json) -> bool:
    # True == 1
    return any(_word(each) == data and isinstance(_word(each), bool) == isinstance(data, bool) for each in members)


def _validated(model: Any, read: Callable[[str], Any], data: Json, path: str) -> Any:
    name = getattr(model, "__name__", "the type")
    try:
        return read(dump_json(data))  # as JSON: strict models too take dates and tuples then
    except Exception as error:  # a validator may raise what it likes
        if not hasattr(error, "errors"):
            raise Misfit(path, f"{name} refuses it: {error}") from error
        problem: Any = cast("Any", error).errors()[0]
        # On the way pydantic also names arms of unions, which are no keys of the data.
        for key in problem["loc"]:
            if isinstance(data, dict) and key in data:
                path, data = step(path, key), cast("JsonDict", data)[key]
            elif isinstance(data, list) and isinstance(key, int):
                path, data = step(path, key), cast("list[Json]", data)[key]
        if problem["type"] == "missing":
            path = step(path, problem["loc"][-1])
        raise Misfit(path, f"{name} refuses it: {problem['msg']}") from error
