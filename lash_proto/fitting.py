"""Which value fits which schema, as far as types, words and keys say: enough to tell what a null stands for.

Strict mode has no optional keys, so a model says null for one that it would leave out. Where the key takes no null of
its own, the null is taken out again. In a choice that depends on the arm that is meant: it is the first that the value
then fits. Limits, patterns and formats are not looked at; that is jsonschema's work, or the type's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

from attrs import Factory, define

from .values import Json, JsonDict

Schema: TypeAlias = Mapping[str, Any]

# Where schemas stand in a schema: under names, in a list, alone.
MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
ONES: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"},
)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "number": (int, float),
    "integer": (int, float),
}


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


def lookup(reference: str, whole: Schema) -> Schema | None:
    """The schema that a reference inside the whole points to; None for all others, which are never followed."""
    first, *names = reference.split("/")
    found: Json = whole if first == "#" else None
    # A JSON Pointer as it stands in a URL (RFC 6901, 6): what is no plain character may come as %20.
    steps = iter([unquote(name).replace("~1", "/").replace("~0", "~") for name in names])
    for key in steps:
        held: Json = cast("Schema", found).get(key) if isinstance(found, Mapping) else None
        if key in MAPS:
            found = cast("Schema", held).get(next(steps, "")) if isinstance(held, Mapping) else None
        elif key in LISTS:
            found = {str(i): each for i, each in enumerate(held or ())}.get(next(steps, ""))
        else:
            found = held if key in ONES else None
    return cast("Schema", found) if isinstance(found, Mapping) else None


def without_nulls(value: Json, schema: Schema) -> Json:
    """The value less each null at an optional key that takes none, by a well-formed schema.

    Raises Misfit where it is nested deeper than the caller's stack allows.
    """
    try:
        return Fitting(schema).fit(value, schema)[0]
    except RecursionError:
        raise Misfit("", "it is nested deeper than the caller's stack allows") from None


def takes_null(schema: Json, whole: Schema) -> bool:
    """Whether null fits a well-formed schema. False where it leads back to itself, or through too many others."""
    try:
        return Fitting(whole).fit(None, schema)[1]
    except RecursionError:
        return False


@define
class Fitting:
    """One value and one schema, and what was found of their parts: choices inside choices ask the same again."""

    whole: Schema
    known: dict[tuple[int, int], tuple[Json, bool]] = Factory(dict[tuple[int, int], "tuple[Json, bool]"])

    def fit(self, value: Json, schema: Json) -> tuple[Json, bool]:
        """The value without the nulls, and whether it then fits."""
        if not isinstance(schema, Mapping):
            return value, schema is not False
        schema = cast("Schema", schema)
        key = (id(schema), id(value))
        if key in self.known:
            return self.known[key]
        self.known[key] = (value, False)  # for a schema that leads back to itself and no further into the value
        value = self.as_type(value, schema.get("type", ()))
        fits = (
            has_type(value, schema.get("type", ()))
            and value in schema.get("enum", (value,))
            and value == schema.get("const", value)
        )
        also: list[Json] = [lookup(schema["$ref"], self.whole)] if "$ref" in schema else []
        for each in (*also, *schema.get("allOf", ())):
            value, fitting = self.fit(value, each)
            fits = fits and fitting
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                value, fitting = self.choose(value, schema[choice])
                fits = fits and fitting
        if isinstance(value, list):
            value, fits = self._items(cast("list[Json]", value), schema, fits)
        elif isinstance(value, dict):
            value, fits = self._keys(cast("JsonDict", value), schema, fits)
        self.known[key] = (value, fits)
        return value, fits

    def as_type(self, value: Json, said: Json) -> Json:
        """What a reader of another kind may make of a value where these types are said; it must keep what it makes."""
        return value

    def choose(self, value: Json, arms: Sequence[Json]) -> tuple[Json, bool]:
        """The value as the first arm that it fits has it, and whether there is one."""
        for arm in arms:
            tried, fitting = self.fit(value, arm)
            if fitting:
                return tried, True
        return value, False

    def _items(self, value: list[Json], schema: Schema, fits: bool) -> tuple[Json, bool]:
        first = schema.get("prefixItems", ())
        made: list[Json] = []
        for i, each in enumerate(value):
            inner, fitting = self.fit(each, first[i] if i < len(first) else schema.get("items"))
            made.append(inner)
            fits = fits and fitting
        return made, fits

    def _keys(self, value: JsonDict, schema: Schema, fits: bool) -> tuple[Json, bool]:
        properties: Schema = schema.get("properties", {})
        required = schema.get("required", ())
        made: JsonDict = {}
        for name, each in value.items():
            inner, fitting = self.fit(each, properties.get(name, schema.get("additionalProperties")))
            if each is None and not fitting and name in properties and name not in required:
                continue
            made[name] = inner
            fits = fits and fitting
        return made, fits and all(name in made for name in required)


def has_type(value: Json, said: Json) -> bool:
    """Whether the value is of one of these types. Where none is said, or a word that is no type, it may be."""
    words: tuple[str, ...] = (said,) if isinstance(said, str) else tuple(said)
    if not words or not _TYPES.keys() >= set(words):
        return True
    return any(
        type(value) in _TYPES[word] and (word != "integer" or type(value) is int or value.is_integer())
        for word in words
    )
