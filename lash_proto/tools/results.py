"""What a tool gave back, as the model and the app get it.

Decisions. A tool returns what it likes, and it becomes text: a string as it is, anything structured as compact JSON, by
the keys that its schema would have; parts (a picture, say) stay parts, also in a list among other values. A tool that
found nothing to say says so, for some models answer an empty result with an empty reply. `details` are plain JSON from
the beginning, so that a result that was saved equals one that was not.

What went wrong is a result too, never an exception: the model reads it and mends its call. It reads the exception's own
words, less whatever looks like a credential, and no traceback.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time
from enum import Enum
from typing import Any, ClassVar, Final, cast

import attrs
from attrs import field, frozen
from attrs.converters import optional

from ..messages import AudioPart, DocumentPart, ImagePart, Part, TextPart, ToolCallPart, ToolResultMessage, as_content
from ..values import Json, Secret, Value, dump_json, parse_json, redact_text

NO_OUTPUT: Final = "(no output)"

_PARTS: Final = (TextPart, ImagePart, DocumentPart, AudioPart)


def json_of(value: Any) -> Json:
    """A Python value as plain JSON, made anew: what `schema_of` knows as a type, by the same keys.

    A set is put in order. Raises TypeError for what has no JSON form, ValueError for NaN, Infinity and no end.
    """
    try:
        return parse_json(dump_json(_plain(value)))
    except RecursionError:
        raise ValueError("it is nested deeper than the caller's stack allows") from None


def _plain(value: Any) -> Json:
    if value is None or isinstance(value, (bool, int, float, str)):
        return _plain(value.value) if isinstance(value, Enum) else value
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, AbstractSet):
        return sorted([_plain(each) for each in cast("AbstractSet[Any]", value)], key=dump_json)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in cast("Iterable[Any]", value)]
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Value):
        return value.to_json()
    if isinstance(value, Secret):
        return str(value)
    if not isinstance(value, type):
        class_ = cast("Any", type(value))
        if attrs.has(class_):
            members = [(str(each.alias), each.name) for each in attrs.fields(class_)]
            return {key: _plain(getattr(value, name)) for key, name in members}
        if dataclasses.is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        if hasattr(value, "model_dump"):  # pydantic's way to say it
            return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _key(key: Any) -> str:
    plain: Json = _plain(key)
    return plain if isinstance(plain, str) else dump_json(plain)


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolResult(Value):
    """What one call of a tool gave: `content` is for the model, a string or parts; `is_error` tells it of a failure.

    `details` are for the app, which alone sees them: any value with a JSON form, kept as that. `terminate` asks that
    the loop ends after this batch of calls; it does if every result of the batch asks. Raises TypeError for content
    that is no part and for details without a JSON form.
    """

    tag: ClassVar = ("type", "tool_result")
    content: str | tuple[Part, ...] = field(converter=as_content)
    is_error: bool = False
    details: Any = field(  # pyright: ignore[reportUnknownVariableType]
        default=None, converter=optional(json_of)
    )
    terminate: bool = False

    @property
    def text(self) -> str:
        """Every TextPart joined with nothing."""
        if isinstance(self.content, str):
            return self.content
        return "".join([part.text for part in self.content if isinstance(part, TextPart)])

    def message(self, call: ToolCallPart) -> ToolResultMessage:
        """The message that answers the call."""
        return ToolResultMessage(call.id, self.content, call.name, self.is_error)


def to_result(value: Any) -> ToolResult:
    """The result that a tool means by what it returned. What has no JSON form becomes an error that says so."""
    if isinstance(value, ToolResult):
        return value
    try:
        if isinstance(value, _PARTS):
            return ToolResult((value,))
        if isinstance(value, (list, tuple)):
            items = cast("list[Any]", value)
            if any(isinstance(each, _PARTS) for each in items):
                return ToolResult([each if isinstance(each, _PARTS) else TextPart(_text(each)) for each in items])
        return ToolResult(_text(value))
    except Exception as error:  # `model_dump` is the tool's own code
        return error_result(f"The tool returned what cannot be told as text: {_words(error)}")


def _text(value: Any) -> str:
    if value is None:
        return NO_OUTPUT
    return value if isinstance(value, str) and not isinstance(value, Enum) else dump_json(json_of(value))


def error_result(error: BaseException | str, *, details: Any = None) -> ToolResult:
    """The result of a call that failed: the exception's words (of a group, those of all in it), secrets out."""
    text = error if isinstance(error, str) else _words(error)
    return ToolResult(redact_text(text), is_error=True, details=details)


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join([_words(each) for each in cast("BaseExceptionGroup[BaseException]", error).exceptions])
    name, text = type(error).__name__, str(error)
    # A KeyError's own words are the key and nothing else.
    return f"{name}: {text}" if isinstance(error, KeyError) else text or name
