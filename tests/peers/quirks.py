"""What the vendors' SDKs are known to do their own way, each with the reason: theirs, not ours.

A row is (modes, scenario, field, what is seen instead, why). Where an SDK mends its way, its reading differs from the
row: `make peers` says so, and the row goes.
"""

from __future__ import annotations

from typing import Any

from scenarios import MESSAGE

_CUT = "A body that ends cleanly in the middle passes for a whole answer: no error. (lash: StreamTruncatedError.)"
_NO_COMPLETED = "`.stream()` takes `response.completed` alone for an end, and loses every other one and its error."
_YIELDED = "`create(stream=True)` raises nothing for an `error` event: it hands it on like any other."
_STATUS_200 = (
    "An error in mid-stream gets its class from the HTTP status, which is 200. (lash: by the error's own type.)"
)
_HELPER_RAISES = "`.stream()` makes an exception of a finish reason even where no format was asked for."

_CUSTOM = (
    "`.stream()` has no type for a custom call of a chat stream, and its final completion falls over the plain dict."
)

_NO_CUSTOM_DELTA = "The SDK's types have no custom call among a chat stream's deltas."
_UNLISTED = (
    "The SDK's list of codes of a failed response lacks `server_is_overloaded`, which servers send in mid-stream."
)

_NO_END = {"class": "RuntimeError", "message": "Didn't receive a `response.completed` event."}
_LENGTH = "Could not parse response content as the length limit was reached"
_FILTERED = "Could not parse response content as the request was rejected by the content filter"

_CHAT_HELPER, _HELPER = ("chat .stream()",), ("responses .stream()",)
_ITERATED = ("responses create", "codex create")
_MESSAGES = ("messages create", "messages .stream()", "beta .stream()")
_UNGUARDED = (
    "chat create",
    *_CHAT_HELPER,
    *_ITERATED,
    *_MESSAGES,
    "stream default",
    "stream v1",
    "stream v1beta",
    "aio default",
)

_ROWS: list[tuple[tuple[str, ...], str, str, Any, str]] = [
    (_UNGUARDED, "cut", "error", None, _CUT),
    (
        ("chat create",),
        "custom",
        "misfits",
        ["ChatCompletionChunk.choices.0.delta.tool_calls.0.type"],
        _NO_CUSTOM_DELTA,
    ),
    (_ITERATED, "error-in-stream", "misfits", ["ResponseFailedEvent.response.error.code"], _UNLISTED),
    (_HELPER, "cut", "error", _NO_END, _NO_COMPLETED),
    (_HELPER, "length", "error", _NO_END, _NO_COMPLETED),
    (_HELPER, "filtered", "error", _NO_END, _NO_COMPLETED),
    (_HELPER, "error-in-stream", "error", _NO_END, _NO_COMPLETED),
    (
        _ITERATED,
        "error-in-stream",
        "error",
        {"class": "", "word": "server_is_overloaded", "message": MESSAGE, "status": None},
        _YIELDED,
    ),
    (
        _MESSAGES,
        "error-in-stream",
        "error",
        {"class": "APIStatusError", "word": "overloaded_error", "message": MESSAGE, "status": 200},
        _STATUS_200,
    ),
    (
        _CHAT_HELPER,
        "custom",
        "error",
        {"class": "AttributeError", "message": "'dict' object has no attribute 'name'"},
        _CUSTOM,
    ),
    (_CHAT_HELPER, "length", "error", {"class": "LengthFinishReasonError", "message": _LENGTH}, _HELPER_RAISES),
    (
        _CHAT_HELPER,
        "filtered",
        "error",
        {"class": "ContentFilterFinishReasonError", "message": _FILTERED},
        _HELPER_RAISES,
    ),
]

QUIRKS = {(mode, scenario, field): (seen, why) for modes, scenario, field, seen, why in _ROWS for mode in modes}
