"""JSON Schema checked and projected, and replies read back as what was asked for.

Decisions. A reply is held to the schema that the caller gave, not to the one that went out, and nulls that stand for
what was left out (strict mode has no optional keys) are taken out first. Schemas are checked by jsonschema where it is
installed (extra `tools`), always with an empty registry: by itself it would fetch references over the network. A type
checks itself as it is made, so replies for a type are safe without it. Only a whole answer counts: JSON that happens to
end where a reply was cut is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeVar, cast, overload

from .errors import OutputError
from .messages import JsonObject, JsonSchema, TextPart
from .projections import Dialect, Projection, Purpose, check_schema, lookup, no_parameters, project, takes_null
from .replies import LlmResponse
from .shapes import Misfit, schema_of, step, value_of
from .values import MAX_DEPTH, Json, JsonDict, parse_json

__all__ = [
    "Dialect",
    "Misfit",
    "Projection",
    "Purpose",
    "check_value",
    "no_parameters",
    "output_of",
    "parse_output",
    "project",
    "schema_of",
    "value_of",
]

T = TypeVar("T")


def output_of(wanted: Any, name: str | None = None, *, strict: bool = True) -> JsonObject | JsonSchema | None:
    """What LlmRequest takes as `output`, from a type or a schema; what it takes already stays as it is.

    `name` is the type's own, cut to what providers take, or "output". Raises TypeError as `schema_of`.
    """
    if wanted is None or isinstance(wanted, (JsonObject, JsonSchema)):
        return wanted
    if name is None and isinstance(wanted, type):
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted.__name__)[:64]
    return JsonSchema(name or "output", schema_of(wanted), strict)


@overload
def parse_output(response: LlmResponse, wanted: type[T], *, check: bool | None = None) -> T: ...
@overload
def parse_output(response: LlmResponse, wanted: Any, *, check: bool | None = None) -> Any: ...
def parse_output(response: LlmResponse, wanted: Any, *, check: bool | None = None) -> Any:
    """The reply's JSON as the type or schema that was asked for: a type gives its value, a schema plain JSON.

    `check` holds the JSON to the schema with jsonschema; None does so where it is installed, and True raises
    ImportError where it is not. Commentary is set aside; text around the JSON, a code fence too, is not.

    Raises OutputError for a reply that was refused, cut, is not JSON or does not fit; TypeError for a type that JSON
    cannot say and UnsupportedRequest for a schema that is none.
    """
    if isinstance(wanted, JsonSchema):
        wanted = wanted.schema
    schema = schema_of(wanted)
    check_schema(schema)
    try:
        data = _data(response)
        data = _without_nulls(data, schema, schema)
        if check or (check is None and _jsonschema() is not None):
            check_value(data, schema)
        return value_of(wanted, data)
    except Misfit as error:
        raise OutputError(error.path, error.rule, response=response) from error


def _data(response: LlmResponse) -> Json:
    if response.refusal:
        raise Misfit("", f"the model declined: {response.refusal}")
    if response.stop_reason != "stop":
        raise Misfit("", f"the reply is no whole answer, it ended with {response.stop_reason}")
    text = "".join([p.text for p in response.content if isinstance(p, TextPart) and p.phase != "commentary"])
    try:
        return parse_json(text)
    except ValueError as error:
        raise Misfit("", f"the reply is not JSON ({error})") from None


# --- checking --------------------------------------------------------------------------------------------------------


def check_value(value: Json, schema: Mapping[str, Any]) -> None:
    """Raise Misfit where a JSON value does not fit a schema, or the schema is none or refers outside itself.

    Raises ImportError where jsonschema is not installed (extra `tools`).
    """
    jsonschema = _jsonschema()
    if jsonschema is None:
        raise ImportError("checking against a JSON Schema needs jsonschema: pip install 'lash-llm[tools]'")
    said = schema.get("$schema")
    draft = jsonschema.Draft202012Validator
    if isinstance(said, str):
        draft = jsonschema.validators.validator_for({"$schema": said}, default=draft)
    try:
        validator = draft(schema, registry=import_module("referencing").Registry())
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except Exception as error:  # jsonschema raises whatever it stumbles over in a schema that is none
        raise Misfit("", f"the schema cannot be applied ({type(error).__name__}: {error})") from error
    if error is not None:
        path = ""
        for key in error.absolute_path:
            path = step(path, key)
        raise Misfit(path, error.message)


def _jsonschema() -> Any:
    try:
        return import_module("jsonschema")
    except ImportError:
        return None


def _without_nulls(value: Json, schema: Json, whole: Mapping[str, Any]) -> Json:
    """The value less each null at an optional key that takes none: what strict mode says for a key left out."""
    schema = _resolved(schema, value, whole)
    if isinstance(value, list):
        return [_without_nulls(each, schema.get("items"), whole) for each in cast("list[Json]", value)]
    if not isinstance(value, dict):
        return value
    known, required = schema.get("properties"), schema.get("required", ())
    others = schema.get("additionalProperties")
    made: JsonDict = {}
    for name, each in cast("JsonDict", value).items():
        named = isinstance(known, Mapping) and name in known
        inner: Json = cast("Mapping[str, Json]", known)[name] if named else others
        if not (each is None and named and name not in required and not takes_null(inner, whole)):
            made[name] = _without_nulls(each, inner, whole)
    return made


def _resolved(schema: Json, value: Json, whole: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """The schema that speaks of the value: what a reference points to, the arm of a choice that may be meant."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return {}
    schema = cast("Mapping[str, Json]", schema)
    if "$ref" in schema:
        return _resolved(lookup(schema["$ref"], whole), value, whole, depth + 1)
    arms = [_resolved(arm, value, whole, depth + 1) for arm in (*schema.get("anyOf", ()), *schema.get("oneOf", ()))]
    return next((arm for arm in arms if _may_mean(arm, value)), schema)


def _may_mean(schema: Mapping[str, Any], value: Json) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, list) and "items" in schema
    known: Mapping[str, Any] = schema.get("properties", {})
    return all(name in value for name in schema.get("required", ())) and all(
        _fits_words(known.get(name), each) for name, each in cast("JsonDict", value).items()
    )


def _fits_words(schema: Json, value: Json) -> bool:
    """Whether a value is among those that a schema lists, if it lists any: what tells the arms of a choice apart."""
    if not isinstance(schema, Mapping):
        return True
    schema = cast("Mapping[str, Json]", schema)
    return value in schema.get("enum", (value,)) and value == schema.get("const", value)
