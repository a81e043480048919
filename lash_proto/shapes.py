"""Python types as JSON Schemas, and JSON values as those types.

Decisions. Every class that a type names stands in `$defs` and is referred to, so that types may refer to themselves;
the outermost one stands at the root, because providers want an object there. A class takes no keys but its own. What
may be left out is what has a default; the default itself stays out of the schema, since the class puts it in.
Descriptions come from `Annotated[T, "..."]`, from a field's metadata, and from the class's own docstring.

A value is read as strictly as its schema says: no string becomes a number. Pydantic is never imported: a class with
`model_json_schema` and `model_validate_json` speaks for itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time
from enum import Enum
from typing import Annotated, Any, Final, Literal, NotRequired, Required, Union, cast

import attrs

from .values import Json, JsonDict, dump_json


class Misfit(ValueError):
    """A JSON value is not what was asked for. `path` is a JSON Pointer (RFC 6901), `""` the whole; `rule` says why."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path or 'the value'}: {rule}")
        self.path = path
        self.rule = rule

    def __reduce__(self) -> tuple[type[Misfit], tuple[str, str]]:
        return type(self), (self.path, self.rule)


def step(path: str, key: str | int) -> str:
    """The JSON Pointer one key further."""
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


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
_LISTS: Final = (list, Sequence)
_SETS: Final = (set, frozenset, Set)
_MAPS: Final = (dict, Mapping)
_WORDS: Final[Mapping[Any, str]] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _plain(hint: Any) -> tuple[Any, str | None]:
    """A hint without what is wrapped around it, and the description that came with it."""
    description: str | None = None
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint, *said = typing.get_args(hint)
            description = description or next((text for each in said if (text := _described(each))), None)
        elif origin in (Required, NotRequired):
            (hint,) = typing.get_args(hint)
        elif hasattr(hint, "__supertype__"):  # a NewType
            hint = hint.__supertype__
        elif hasattr(hint, "__value__") and not isinstance(hint, type):  # a `type X = ...` of Python 3.12
            hint = hint.__value__
        else:
            return type(None) if hint is None else hint, description


def _described(said: Any) -> str | None:
    """The text in an annotation: itself, pydantic's `Field(description=)`, typing_extensions' `Doc`."""
    for text in (said, getattr(said, "description", None), getattr(said, "documentation", None)):
        if isinstance(text, str):
            return text
    return None


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "model_json_schema") and hasattr(hint, "model_validate_json")


def _is_class(hint: Any) -> bool:
    return isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or attrs.has(cast("Any", hint)) or typing.is_typeddict(cast("Any", hint))
    )


def _fields(class_: Any) -> list[_Field]:
    try:
        hints = typing.get_type_hints(class_, include_extras=True)
    except NameError as error:
        raise TypeError(f"{class_.__name__}: {error}; its annotations must be found from its module") from None
    if typing.is_typeddict(class_):
        return [_Field(key, key, hint, _is_required(class_, key, hint)) for key, hint in hints.items()]
    found: list[_Field] = []
    if attrs.has(class_):
        for field in attrs.fields(class_):
            if field.init:
                required = field.default is attrs.NOTHING
                description = _described(field.metadata.get("description"))
                hint = hints.get(field.name, Any)
                found.append(_Field(cast("str", field.alias), cast("str", field.alias), hint, required, description))
    else:
        for member in dataclasses.fields(class_):
            if member.init:
                required = member.default is dataclasses.MISSING and member.default_factory is dataclasses.MISSING
                description = _described(member.metadata.get("description"))
                found.append(_Field(member.name, member.name, hints[member.name], required, description))
    return found


def _is_required(class_: Any, key: str, hint: Any) -> bool:
    # `__required_keys__` does not see through annotations that are strings, so the resolved hint speaks first.
    while typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    origin = typing.get_origin(hint)
    return origin is Required or (origin is not NotRequired and key in class_.__required_keys__)


# --- a type becomes a schema -----------------------------------------------------------------------------------------


def schema_of(wanted: Any) -> Mapping[str, Any]:
    """The JSON Schema of a type; a schema (any mapping) is its own.

    Takes dataclasses, attrs classes, TypedDicts, pydantic models, Enums, Literal, unions, lists, sets, tuples, mappings
    with str keys, dates, plain types, and these inside each other. Raises TypeError for a type that JSON cannot say.
    """
    if isinstance(wanted, Mapping):
        return cast("Mapping[str, Any]", wanted)
    makers = _Schemas({}, {}, {})
    plain, description = _plain(wanted)
    made = makers.body(plain) if _is_class(plain) or _is_model(plain) else makers.schema(plain, "")
    if description:
        made = {**made, "description": description}
    if makers.defs:
        made = {**made, "$defs": makers.defs}
    return made


@attrs.frozen
class _Schemas:
    """The schemas of one call of `schema_of`: what is in `$defs`, and by what names."""

    defs: JsonDict
    names: dict[Any, str]
    bodies: dict[Any, JsonDict]

    def schema(self, hint: Any, path: str) -> JsonDict:
        hint, description = _plain(hint)
        made = self._schema(hint, path)
        return {**made, "description": description} if description else made

    def _schema(self, hint: Any, path: str) -> JsonDict:
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
            return {"type": "array", "items": self.schema(inner[0], f"{path}[]") if inner else {}, "uniqueItems": True}
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
        if _is_class(hint) or _is_model(hint):
            return {"$ref": f"#/$defs/{self._name(hint)}"}
        raise TypeError(f"{path or 'the type'}: {hint!r} has no JSON Schema")

    def _tuple(self, inner: tuple[Any, ...], path: str) -> JsonDict:
        if not inner:
            return {"type": "array", "items": {}}
        if inner[-1] is Ellipsis:
            return {"type": "array", "items": self.schema(inner[0], f"{path}[]")}
        each = [self.schema(hint, f"{path}[{i}]") for i, hint in enumerate(inner)]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}

    def _name(self, class_: Any) -> str:
        """The class's name in `$defs`, where its schema now is."""
        name = self.names.get(class_)
        if name is None:
            # A model brings the models in it along, so it may have come before.
            body = self.body(class_) if _is_model(class_) else None
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", class_.__name__)
            while self.defs.get(name, body) != body or (body is None and name in self.defs):
                name += "_"
            self.names[class_] = name
            self.defs[name] = body  # a class's name is taken before its own fields ask for it
            if body is None:
                self.defs[name] = self.body(class_)
        return name

    def body(self, class_: Any) -> JsonDict:
        found = self.bodies.get(class_)
        if found is None:
            found = self.bodies[class_] = self._model(class_) if _is_model(class_) else self._object(class_)
        return found

    def _model(self, class_: Any) -> JsonDict:
        made: JsonDict = dict(class_.model_json_schema())
        for name, schema in cast("JsonDict", made.pop("$defs", {})).items():
            if self.defs.setdefault(name, schema) != schema:
                raise TypeError(f"{class_.__name__}: two types are called {name}")
        reference = made.get("$ref")
        if reference is not None:  # a model that refers to itself stands in its own $defs
            made = {**made, **self.defs[reference.removeprefix("#/$defs/")]}
            del made["$ref"]
        return made

    def _object(self, class_: Any) -> JsonDict:
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
        return made


def _word(member: Any) -> Json:
    return member.value if isinstance(member, Enum) else member


def _choice(words: list[Json], path: str) -> JsonDict:
    kinds: dict[str, None] = {}
    for word in words:
        kind = _WORDS.get(cast("Any", type(word)))
        if kind is None:
            raise TypeError(f"{path or 'the type'}: {word!r} is no JSON string, number, boolean or null")
        kinds[kind] = None
    return {"type": next(iter(kinds)) if len(kinds) == 1 else list(kinds), "enum": words}


# --- a JSON value becomes a type -------------------------------------------------------------------------------------


def value_of(wanted: Any, data: Json, path: str = "") -> Any:
    """The JSON value as the type; a schema leaves it as it is.

    Raises Misfit where it does not fit, also where the class itself refuses it, and TypeError as `schema_of`.
    """
    if isinstance(wanted, Mapping):
        return data
    hint, _ = _plain(wanted)
    if hint is Any or hint is object:
        return data
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return _chosen(inner, data, path)
    if origin in (Union, types.UnionType):
        return _either(inner, data, path)
    kind = origin or hint
    if kind in _SCALARS:
        return _scalar(kind, data, path)
    if kind in _LISTS or kind in _SETS:
        made = [value_of(inner[0] if inner else Any, each, step(path, i)) for i, each in enumerate(_array(data, path))]
        return made if kind in _LISTS else frozenset(made) if kind is frozenset else set(made)
    if kind is tuple:
        return _tuple(inner, _array(data, path), path)
    if kind in _MAPS:
        return {
            key: value_of(inner[1] if inner else Any, each, step(path, key))
            for key, each in _object(data, path).items()
        }
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _chosen(tuple(hint), data, path)
    if _is_model(hint):
        return _model(hint, data, path)
    if _is_class(hint):
        return _instance(hint, _object(data, path), path)
    raise TypeError(f"{hint!r} has no JSON Schema")


def _scalar(kind: Any, data: Json, path: str) -> Any:
    if kind in _DATES:
        try:
            return kind.fromisoformat(data)
        except (TypeError, ValueError):
            raise Misfit(path, f"expected a {kind.__name__} as ISO 8601 writes it") from None
    if kind is float and type(data) is int:
        return float(data)
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


def _tuple(inner: tuple[Any, ...], data: list[Json], path: str) -> tuple[Any, ...]:
    if not inner or inner[-1] is Ellipsis:
        inner = (inner[0] if inner else Any,) * len(data)
    if len(inner) != len(data):
        raise Misfit(path, f"expected {len(inner)} items, found {len(data)}")
    return tuple(value_of(hint, each, step(path, i)) for i, (hint, each) in enumerate(zip(inner, data, strict=True)))


def _chosen(members: tuple[Any, ...], data: Json, path: str) -> Any:
    for member in members:
        word = _word(member)
        if word == data and isinstance(word, bool) == isinstance(data, bool):  # True == 1
            return member
    raise Misfit(path, "expected one of " + ", ".join([repr(_word(member)) for member in members]))


def _either(arms: tuple[Any, ...], data: Json, path: str) -> Any:
    problem: Misfit | None = None
    for arm in arms:
        try:
            return value_of(arm, data, path)
        except Misfit as error:
            # The arm that got further inside knows more of what is wrong.
            problem = error if problem is None or len(error.path) > len(problem.path) else problem
    raise cast("Misfit", problem)


def _instance(class_: Any, data: JsonDict, path: str) -> Any:
    arguments: JsonDict = {}
    left = dict(data)
    for field in _fields(class_):
        if field.key in left:
            arguments[field.argument] = value_of(field.hint, left.pop(field.key), step(path, field.key))
        elif field.required:
            raise Misfit(path, f"{field.key!r} is missing")
    if left:
        raise Misfit(path, f"{next(iter(left))!r} is no key of {class_.__name__}")
    try:
        return class_(**arguments)
    except Exception as error:  # a class may check its fields as it likes
        raise Misfit(path, f"{class_.__name__} refuses it: {error}") from error


def _model(class_: Any, data: Json, path: str) -> Any:
    try:
        return class_.model_validate_json(dump_json(data))  # as JSON: strict models too take dates and tuples then
    except ValueError as error:
        details: list[Any] = cast("Any", error).errors() if hasattr(error, "errors") else []
        for key in details[0]["loc"] if details else ():
            path = step(path, key)
        raise Misfit(path, f"{class_.__name__} refuses it: {details[0]['msg'] if details else error}") from error
