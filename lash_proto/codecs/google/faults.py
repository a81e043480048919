"""What Google's error objects say beyond what all providers' do (WIRE 5g).

The time to wait stands in `details` (`google.rpc.RetryInfo`) or in the message, never in a header; `ErrorInfo.reason`
says whether waiting helps at all; and the message may itself be JSON in which the real error stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from attrs import evolve

from ...failures import Failure, failure_of, unwrap_error
from ...values import Json, JsonDict, get_list, get_str, parse_json

LONGEST_WAIT: Final = 300.0
"""Seconds. A quota that comes back later than this is used up, as far as one call is concerned."""

_MAX_DRILL = 10

# google.rpc.ErrorInfo: reasons for which waiting does not help.
_USED_UP: Final = frozenset({"QUOTA_EXHAUSTED", "MODEL_CAPACITY_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE"})
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+"
_HINT = re.compile(rf"(?:retry in|reset after) ({_DURATION})\b", re.IGNORECASE)
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


def refine(failure: Failure) -> Failure:
    """The failure with what Google's details and nested messages add. `raw` stays what the provider sent."""
    inner = _innermost(failure.raw)
    if inner is not failure.raw:
        told = failure_of(inner, status=failure.status)
        failure = evolve(
            failure, kind=told.kind, message=told.message, code=told.code or failure.code, retryable=told.retryable
        )
    details = [*_details(inner), *(() if inner is failure.raw else _details(failure.raw))]
    wait = failure.retry_after
    for detail in details:
        if wait is None:
            wait = seconds_of(get_str(detail, "retryDelay") or "")
    if wait is None and (hint := _HINT.search(failure.message)) is not None:
        wait = seconds_of(hint[1])
    used_up = any(get_str(detail, "reason") in _USED_UP for detail in details)
    if failure.kind == "rate_limit" and (used_up or (wait is not None and wait > LONGEST_WAIT)):
        failure = evolve(failure, kind="quota", retryable=False)
    return evolve(failure, retry_after=wait)


def seconds_of(text: str) -> float | None:
    """A duration as Google writes it (`34.07s`, `500ms`, `18h31m10s`), None for anything else."""
    if re.fullmatch(_DURATION, text) is None:
        return None
    return sum((float(number) * _UNITS[unit] for number, unit in _STEP.findall(text)), 0.0)


def _innermost(error: Json) -> Json:
    for _ in range(_MAX_DRILL):
        message = (get_str(error, "message") or "").strip()
        if not message.startswith(("{", "[")):
            return error
        try:
            inner = unwrap_error(parse_json(message))
        except ValueError:
            return error
        if get_str(inner, "message") is None:
            return error
        error = inner
    return error


def _details(error: Json) -> Iterator[Any]:
    # Some of Google's own fronts write keys with a space before them (`" @type"`).
    for detail in get_list(error, "details"):
        if type(detail) is dict:
            yield {key.strip(): value for key, value in cast("JsonDict", detail).items()}
