"""What Google's errors need beyond what all providers' do (WIRE 5g): messages in messages, and waits of hours."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from ...failures import Failure, failure_of, unwrap_error
from ...values import Json, get_str, parse_json

LONGEST_WAIT: Final = 300.0
"""Seconds. A quota that comes back later than this is used up, as far as one call is concerned."""

_MAX_DRILL = 10


def refine(failure: Failure) -> Failure:
    """The failure that an error in the message tells, where there is one. `raw` stays what the provider sent."""
    inner = _innermost(failure.raw)
    if inner is not failure.raw:
        told = failure_of(inner, status=failure.status)
        failure = evolve(
            failure,
            kind=told.kind,
            message=told.message,
            code=told.code or failure.code,
            retryable=told.retryable,
            retry_after=told.retry_after if failure.retry_after is None else failure.retry_after,
        )
    if failure.kind == "rate_limit" and (failure.retry_after or 0.0) > LONGEST_WAIT:
        failure = evolve(failure, kind="quota", retryable=False)
    return failure


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
