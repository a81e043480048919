"""JSON Schema checked and projected, and replies read back as what was asked for.

Decisions. A reply is held to the schema that the caller gave, not to the one that went out, and nulls that stand for
what was left out (strict mode has no optional keys) are taken out first. Schemas are checked by jsonschema where it is
installed (extra `tools`), always with an empty registry: by itself it would fetch references over the network. A type
checks itself as it is made, so its replies are the same with and without jsonschema, and cost no exponential time where
unions nest. Only a whole answer counts: JSON that happens to end where a reply was cut is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Final, TypeVar, cast, overload

from .errors import OutputError
from .fitting import Misfit, Schema, step, without_nulls
from .messages import JsonObject, JsonSchema, TextPart
from .projections import Dialect, Projection, Purpose, check_schema, no_parameters, project
from .replies import LlmResponse
from .shapes import schema_of, value_of
from .values import Json, JsonDict, dump_json, parse_json, shorten

__all__ = [
    "Checker",
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

_VALUE: Final = "value"
"""The key in which a type that is no object goes out, and comes back."""


def output_of(wanted: Any, name: str | None = None, *, strict: bool = True) -> JsonObject | JsonSchema | None:
    """What LlmRequest takes as `output`, from a type or a schema; what it takes already stays as it is.

    A type that is no object (a list, a union, an Enum) is asked for as the `value` of one, because OpenAI takes
    objects only; `parse_output` knows. `name` is the type's own, cut to what providers take, or "output". Raises
    TypeError as `schema_of`.
    """
    if wanted is None or isinstance(wanted, (JsonObject, JsonSchema)):
        return wanted
    if name is None and isinstance(wanted, type):
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted.__name__)[:64]
    schema = schema_of(wanted)
    if not isinstance(wanted, Mapping) and not _is_object(schema):
        inner, defs = dict(schema), {}
        if "$defs" in inner:
            defs = {"$defs": inner.pop("$defs")}
        schema = {
            "type": "object",
            "properties": {_VALUE: inner},
            "required": [_VALUE],
            "additionalProperties": False,
            **defs,
        }
    return JsonSchema(name or "output", schema, strict)


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object"


@overload
def parse_output(response: LlmResponse, wanted: type[T], *, check: bool | None = None) -> T: ...
@overload
def parse_output(response: LlmResponse, wanted: Any, *, check: bool | None = None) -> Any: ...
def parse_output(response: LlmResponse, wanted: Any, *, check: bool | None = None) -> Any:
    """The reply's JSON as the type or schema that was asked for: a type gives its value, a schema plain JSON.

    `check` holds the JSON to the schema with jsonschema; None does so for a schema where it is installed, and leaves a
    type to check itself; True raises ImportError where it is not installed. Commentary is set aside; text around the
    JSON, a code fence too, is not.

    Raises OutputError for a reply that was refused, cut, is not JSON or does not fit; TypeError for a type that JSON
    cannot say and UnsupportedRequest for a schema that is none.
    """
    if isinstance(wanted, (JsonObject, JsonSchema)):
        wanted = wanted.schema if isinstance(wanted, JsonSchema) else {"type": "object"}
    schema = schema_of(wanted)
    check_schema(schema)
    try:
        data, path = _data(response), ""
        if isinstance(wanted, Mapping):
            return _checked(data, schema, path, check)
        if not _is_object(schema) and isinstance(data, dict) and data.keys() == {_VALUE}:
            data, path = cast("JsonDict", data)[_VALUE], step(path, _VALUE)
        if check:
            _checked(data, schema, path, check)
        return value_of(wanted, data, path)
    except Misfit as error:
        raise OutputError(error.path, error.rule, response=response) from error


def _checked(data: Json, schema: Schema, path: str, check: bool | None) -> Json:
    data = without_nulls(data, schema)
    if check or (check is None and _jsonschema() is not None):
        check_value(data, schema, path)
    return data


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


def check_value(value: Json, schema: Schema, path: str = "") -> None:
    """Raise Misfit where a JSON value does not fit a schema, or the schema is none or refers outside itself.

    `path` is where the value stands. Raises ImportError where jsonschema is not installed (extra `tools`).
    """
    checker = Checker(schema)
    error = checker.jsonschema.exceptions.best_match(checker.errors(value, path))
    if error is not None:
        raise Misfit(_place(error, path), error.message)


class Checker:
    """A schema made ready, for checking more than one value by it.

    Raises ImportError where jsonschema is not installed (extra `tools`), and Misfit for what is no schema by the draft
    that it names: a schema that is used once is not held to its draft, which takes longer than many a value.
    """

    __slots__ = ("jsonschema", "validator")

    def __init__(self, schema: Schema, *, strict: bool = False) -> None:
        self.jsonschema = _jsonschema()
        if self.jsonschema is None:
            raise ImportError("checking against a JSON Schema needs jsonschema: pip install 'lash-llm[tools]'")
        said = schema.get("$schema")
        draft = self.jsonschema.Draft202012Validator
        if isinstance(said, str):
            draft = self.jsonschema.validators.validator_for({"$schema": said}, default=draft)
        if strict:
            try:
                draft.check_schema(schema)
            except self.jsonschema.exceptions.SchemaError as error:
                raise Misfit(_place(error, ""), error.message) from error
        # Less its own name for the draft, at which jsonschema would go back to its own class.
        schema = {key: value for key, value in schema.items() if key != "$schema"}
        self.validator = _linear(self.jsonschema, draft)(schema, registry=import_module("referencing").Registry())

    def errors(self, value: Json, path: str = "") -> list[Any]:
        """All that jsonschema finds wrong. Raises Misfit where the schema cannot be applied."""
        seen = _seen.set({})
        try:
            return list(self.validator.iter_errors(value))
        except Exception as error:  # jsonschema raises whatever it stumbles over in a schema that is none
            raise Misfit(path, f"the schema cannot be applied ({type(error).__name__}: {error})") from error
        finally:
            _seen.reset(seen)

    def problems(self, value: Json) -> list[Misfit]:
        """What is wrong, a Misfit for each place, worded for whoever wrote the value: what is long is cut."""
        try:
            errors = self.errors(value)
        except Misfit as error:
            return [error]
        best_match = self.jsonschema.exceptions.best_match
        return [Misfit(_place(error, ""), _worded(error)) for error in [best_match([each]) for each in errors]]


def _place(error: Any, path: str) -> str:
    for key in error.absolute_path:
        path = step(path, key)
    return path


_SHOWN: Final = 100
"""Characters of a value, and three times as many of a rule, that a problem tells."""


def _worded(error: Any) -> str:
    """jsonschema's message with the value as JSON, and of a choice among types all the types."""
    message, shown = str(error.message), repr(error.instance)
    if error.context and all(each.validator == "type" and not each.path for each in error.context):
        types = dict.fromkeys(
            [word for each in error.context for word in each.message.partition("type ")[2].split(", ")]
        )
        message = f"{shown} is not of type {', '.join(types)}"
    if message.startswith(shown):
        return shorten(dump_json(error.instance), _SHOWN) + shorten(message[len(shown) :], 3 * _SHOWN)
    return shorten(message, 3 * _SHOWN)


# What is found behind a reference, by the place in the schema and the value: where choices nest, jsonschema asks the
# same again in every arm, and takes twice as long for every level (14 levels of two arms: 12 s).
_seen: ContextVar[dict[tuple[int, int], list[Any]]] = ContextVar("seen")
_drafts: dict[Any, Any] = {}


def _linear(jsonschema: Any, draft: Any) -> Any:
    """The draft's validator, asking only once."""
    if draft not in _drafts:
        plain = draft.VALIDATORS.get("$ref")

        def once(validator: Any, reference: Any, instance: Json, schema: Any) -> Iterator[Any]:
            if type(instance) not in (dict, list):  # these alone stand in one place only
                yield from plain(validator, reference, instance, schema)
                return
            seen, key = _seen.get(), (id(schema), id(instance))
            if key not in seen:
                seen[key] = list(plain(validator, reference, instance, schema))
            for error in seen[key]:
                yield error.create_from(error)  # on its way up it is told where it stands

        _drafts[draft] = jsonschema.validators.extend(draft, {"$ref": once})
    return _drafts[draft]


def _jsonschema() -> Any:
    try:
        return import_module("jsonschema")
    except ImportError:
        return None
