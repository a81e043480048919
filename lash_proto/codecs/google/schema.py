"""JSON Schemas made fit for Gemini, which reads two kinds (WIRE 5b).

`parametersJsonSchema` and `responseJsonSchema` take JSON Schema; only `const` is passed over there, and goes as an
`enum` of one. `parameters` and `responseSchema` take a subset of OpenAPI 3: references are put in place, a list of
types becomes `nullable` or `anyOf`, and what the subset does not know is left out. What is lost is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from ...errors import UnsupportedRequest
from ...values import MAX_DEPTH, Json, JsonDict

_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONES: Final = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})

# The OpenAPI subset as google-genai's `Schema` has it, less what is made here.
_PLAIN: Final = frozenset(
    {
        "format",
        "title",
        "description",
        "nullable",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "default",
        "example",
        "propertyOrdering",
    }
)
# Not worth a note: they say nothing about the value.
_SILENT: Final = frozenset({"$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "examples", "deprecated"})


def json_schema(schema: Mapping[str, Any], where: str) -> JsonDict:
    """The schema with each `const` as an `enum` of one. Raises UnsupportedRequest where it has no end."""
    return cast("JsonDict", _without_const(schema, where, 0))


def _without_const(schema: Json, where: str, depth: int) -> Json:
    if not isinstance(schema, Mapping):
        return schema
    _bound(where, depth)
    made: JsonDict = {}
    for key, value in cast("Mapping[str, Json]", schema).items():
        if key == "const":
            made.setdefault("enum", [value])
        elif key in _MAPS and isinstance(value, Mapping):
            inner = cast("Mapping[str, Json]", value)
            made[key] = {name: _without_const(each, where, depth + 1) for name, each in inner.items()}
        elif key in _LISTS and isinstance(value, (list, tuple)):
            made[key] = [_without_const(each, where, depth + 1) for each in cast("list[Json]", value)]
        elif key in _ONES:
            made[key] = _without_const(value, where, depth + 1)
        else:
            made[key] = value
    return made


def openapi_schema(schema: Mapping[str, Any], where: str, notes: list[str]) -> JsonDict:
    """The schema in the OpenAPI subset. Raises UnsupportedRequest for one that refers to itself or elsewhere."""
    lost: dict[str, None] = {}
    made = _openapi(schema, schema, where, lost, 0)
    if lost:
        notes.append(f"{where}: the schema's {', '.join(lost)} left out, which this model's form of schema lacks")
    return made


def _openapi(schema: Json, root: Mapping[str, Any], where: str, lost: dict[str, None], depth: int) -> JsonDict:
    _bound(where, depth)
    if not isinstance(schema, Mapping):  # true and false are schemas too
        return {}
    schema = cast("Mapping[str, Json]", schema)
    if isinstance(schema.get("$ref"), str):
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _openapi({**_found(schema["$ref"], root, where), **beside}, root, where, lost, depth + 1)

    def inner(value: Json) -> JsonDict:
        return _openapi(value, root, where, lost, depth + 1)

    made: JsonDict = {}
    for key, value in schema.items():
        if key == "type":
            _put_type(made, value)
        elif key in ("const", "enum"):
            words = [value] if key == "const" else list(cast("list[Json]", value))
            if all(isinstance(word, str) for word in words):
                made.update(type="STRING", enum=words)
            else:  # only strings may be enumerated here
                lost[key] = None
        elif key == "properties" and isinstance(value, Mapping) and value:
            made[key] = {name: inner(each) for name, each in cast("Mapping[str, Json]", value).items()}
        elif key == "items":
            made[key] = inner(value)
        elif key in ("anyOf", "oneOf") and isinstance(value, (list, tuple)):
            _put_choice(made, list(cast("list[Json]", value)), inner)
        elif key == "allOf" and isinstance(value, (list, tuple)) and len(cast("list[Json]", value)) == 1:
            made.update(inner(value[0]))
        elif key in _PLAIN:
            made[key] = value
        elif key not in _SILENT and key not in ("required", "properties"):
            lost[key] = None
    known = made.get("properties", {})
    required = [name for name in schema.get("required", ()) if name in known]
    if required:
        made["required"] = required
    if made.get("type") == "ARRAY":
        made.setdefault("items", {})
    return made


def _put_type(made: JsonDict, said: Json) -> None:
    types = [said] if isinstance(said, str) else [each for each in cast("list[str]", said) if each != "null"]
    if not isinstance(said, str) and len(types) < len(cast("list[str]", said)):
        made["nullable"] = True
    if len(types) == 1:
        made["type"] = types[0].upper()
    elif types:
        made["anyOf"] = [{"type": each.upper()} for each in types]


def _put_choice(made: JsonDict, choices: list[Json], inner: Callable[[Json], JsonDict]) -> None:
    some = [each for each in choices if each != {"type": "null"}]
    if len(some) < len(choices):
        made["nullable"] = True
    if len(some) == 1:
        made.update(inner(some[0]))
    elif some:
        made["anyOf"] = [inner(each) for each in some]


def _found(reference: str, root: Mapping[str, Any], where: str) -> Mapping[str, Json]:
    found: Json = root if reference.startswith("#/") else None
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = cast("Mapping[str, Json]", found).get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise UnsupportedRequest(where, f"its schema refers to {reference}, which is not inside it")
    return cast("Mapping[str, Json]", found)


def _bound(where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnsupportedRequest(
            where, "its schema is nested too deep, or refers to itself, which this form cannot say"
        )
