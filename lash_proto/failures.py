"""What went wrong, as a value: `Failure`, its kinds, and what a status, a code or a Retry-After means.

A failure of the world is data that travels in a response; an exception is made of it only where a client raises
(`errors.py`). The two exceptions here are the exceptions of the machines themselves: blame is a type, as in h11.

How a kind is found, in this order: the provider's own word (its code or type) where it is one we know, a text that
tells of a full context window, then the HTTP status. A word beats a status because a gateway says 400 or 200 of
things that the provider behind it names exactly (WIRE 12.2, 12.3).

The headers of a successful response say nothing of an error in its body: Anthropic and Hugging Face send Retry-After
with every 200, and mean the next time that the limit is reached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from attrs import field, frozen

from .values import Headers, Json, Value, get_dict, get_int, get_list, get_str, header, redact_json, redact_text

if TYPE_CHECKING:
    from .replies import LlmResponse

FailureKind = Literal[
    "connection",
    "timeout",
    "truncated",
    "protocol",
    "authentication",
    "permission",
    "not_found",
    "rate_limit",
    "quota",
    "overloaded",
    "server",
    "context_overflow",
    "invalid_request",
    "unsupported",
    "cancelled",
    "other",
]


class LashError(Exception):
    """The parent of every exception that lash raises.

    `failure` says what went wrong and `response` holds whatever had arrived; each is None where there is none.
    """

    failure: Failure | None
    response: LlmResponse | None

    def __init__(
        self, message: str = "", *, failure: Failure | None = None, response: LlmResponse | None = None
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.response = response


class LocalProtocolError(LashError):
    """A mistake on our side of the wire: a driver that broke the machine contract, a header that cannot be sent."""


class RemoteProtocolError(LashError):
    """The peer sent what its protocol does not allow, or stopped before its protocol was at an end."""


@frozen(weakref_slot=False, getstate_setstate=False)
class Failure(Value):
    """Why a call, or one attempt of it, did not succeed. A value: it never holds an exception or a secret.

    `status` is the HTTP status, or the status that an error inside a 200 stream names itself. `retry_after` is in
    seconds. `raw` is the provider's error object (the inner one where it is wrapped), None where it sent none.
    """

    tag: ClassVar = ("type", "failure")
    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    raw: Any = field(default=None)


# Words that providers use as `code`, `type`, `status` or `reason`, lower case. WIRE 1g, 2g, 3, 4g, 5g.
_WORDS: dict[str, FailureKind] = {
    "invalid_api_key": "authentication",
    "api_key_invalid": "authentication",
    "authentication_error": "authentication",
    "unauthenticated": "authentication",
    "token_expired": "authentication",
    "permission_error": "permission",
    "permission_denied": "permission",
    "insufficient_permissions": "permission",
    "unsupported_country_region_territory": "permission",
    "not_found_error": "not_found",
    "not_found": "not_found",
    "model_not_found": "not_found",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "ramp_limit_exceeded": "rate_limit",
    "resource_exhausted": "rate_limit",
    "too_many_requests": "rate_limit",
    "insufficient_quota": "quota",
    "credit_balance_exhausted": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_error": "quota",
    "usage_limit_reached": "quota",
    "usage_not_included": "quota",
    "quota_exceeded": "quota",
    "quota_exhausted": "quota",
    "model_capacity_exhausted": "quota",
    "insufficient_g1_credits_balance": "quota",
    "enforced_spend_limit_reached": "quota",
    "contract_spend_limit_reached": "quota",
    "gousagelimiterror": "quota",
    "freeusagelimiterror": "quota",
    "1308": "quota",  # GLM
    "overloaded_error": "overloaded",
    "overloaded": "overloaded",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "service_unavailable_error": "overloaded",
    "service_unavailable": "overloaded",
    "temporarily_unavailable": "overloaded",
    "unavailable": "overloaded",
    "server_error": "server",
    "internal_server_error": "server",
    "api_error": "server",
    "internal": "server",
    "network_error": "server",
    "insufficient_system_resource": "overloaded",
    "malformed_function_call": "server",
    "malformed_response": "server",
    "timeout_error": "timeout",
    "deadline_exceeded": "timeout",
    "context_length_exceeded": "context_overflow",
    "1261": "context_overflow",  # GLM
    "exceed_context_size_error": "context_overflow",
    "request_too_large": "context_overflow",
    "model_context_window_exceeded": "context_overflow",
    "invalid_request_error": "invalid_request",
    "invalid_argument": "invalid_request",
    "failed_precondition": "invalid_request",
    "invalid_prompt": "invalid_request",
    "image_generation_user_error": "invalid_request",
    "cancelled": "cancelled",
}

_LIMIT_SHARED = re.compile(r"subscription_sharing_\w*limit_exceeded")
# What a response.failed says of pictures that it was given (WIRE 1g): nothing there but the word tells whose fault.
_OF_THE_REQUEST = re.compile(r"image_\w+|(invalid|unsupported|empty)_\w+|failed_to_download_image")

# Words too broad to outrank what stands beside them: Groq and OpenAI call nearly every 4xx an `invalid_request_error`,
# and OpenAI's `slow_down` comes with 503 and with 429.
_BROAD: frozenset[str] = frozenset(
    {"invalid_request_error", "invalid_argument", "failed_precondition", "api_error", "slow_down"}
)

_STATUSES: dict[int, FailureKind] = {
    400: "invalid_request",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "not_found",
    405: "invalid_request",
    408: "timeout",
    409: "other",
    413: "context_overflow",
    415: "invalid_request",
    422: "invalid_request",
    425: "other",
    429: "rate_limit",
    498: "overloaded",
    499: "cancelled",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_RETRYABLE: frozenset[str] = frozenset({"connection", "timeout", "truncated", "rate_limit", "overloaded", "server"})

# A lock or a conflict (WIRE 1g, 4g), too early (LASH 1.9), and cancelled by the server itself (WIRE 5g): none says
# anything of the next time.
_RETRYABLE_STATUSES: frozenset[int] = frozenset({409, 425, 499})

# WIRE 12.3, in the order of that table; the last two from LASH 1.9.
_OVERFLOW = re.compile(
    r"prompt (is )?too long"
    r"|prompt exceeds max length"
    r"|request_too_large"
    r"|input is too long for requested model"
    r"|exceeds the context window"
    r"|exceeds .{0,80}maximum context length"
    r"|context window exceeded"
    r"|input token count.{0,80}exceeds the maximum"
    r"|maximum prompt length is \d"
    r"|reduce the length of the messages"
    r"|maximum context length is \d"
    r"|exceeds the maximum allowed input length of \d"
    r"|input \([\d,]+ tokens\) is longer than the model's context length"
    r"|(?:prompt|input|tokens?)\b.{0,60}exceeds the limit of \d"
    r"|exceeds the available context size"
    r"|greater than the context length"
    r"|context window exceeds limit"
    r"|exceeded model token limit"
    r"|too large for model with \d+ maximum context length"
    r"|model_context_window_exceeded"
    r"|exceeded (max )?context length"
    r"|range of input length should be"
    r"|context[_ ]length[_ ]exceeded"
    r"|input length and `?max_tokens`? exceed context limit"
    r"|but the configured context size is \d"
    r"|too many tokens"
    r"|token limit exceeded"
    r"|reduce the length of your prompt"
    r"|exceeds (the )?maximum number of tokens",
    re.IGNORECASE,
)
_NOT_OVERFLOW = re.compile(
    r"rate.?limit|too many requests|throttling|service unavailable:|tokens per (?:min|hour|day)|\btpm\b|quota",
    re.IGNORECASE,
)
# WIRE 4h, 5g; AI_AND_PI 7.5.
_HARD_QUOTA = re.compile(
    r"credit balance is too low|\blimit: 0\b|(out of|draw from your) extra usage|monthly (spend|usage) limit"
    r"|out of budget|(insufficient|available) balance",
    re.IGNORECASE,
)


def is_context_overflow(text: str) -> bool:
    """Whether a provider's message says that the input does not fit the model's context window (WIRE 12.3)."""
    return _OVERFLOW.search(text) is not None and _NOT_OVERFLOW.search(text) is None


def kind_of(status: int | None, words: tuple[str, ...], message: str) -> FailureKind:
    """The kind that a status, the provider's words (`code`, `type`, `status`) and its message make together."""
    # 413: Groq calls a request that no minute's limit will ever let through `rate_limit_exceeded`.
    if status == 413 or is_context_overflow(message):
        return "context_overflow"
    if _HARD_QUOTA.search(message) or any(_LIMIT_SHARED.fullmatch(word) for word in words):
        return "quota"
    known = [word for word in words if word in _WORDS]
    for word in known:
        if word not in _BROAD:
            return _WORDS[word]
    if status is not None:
        if status in _STATUSES:
            return _STATUSES[status]
        if 400 <= status:
            return "server" if status >= 500 else "invalid_request"
    if known:
        return _WORDS[known[0]]
    return "invalid_request" if any(_OF_THE_REQUEST.fullmatch(word) for word in words) else "other"


def failure_of(
    error: Json,
    *,
    status: int | None = None,
    headers: Headers = (),
    request_id: str | None = None,
    default: FailureKind | None = None,
) -> Failure:
    """The failure that an error object tells, whatever its shape (WIRE 2g lists the shapes).

    `status` is the HTTP status of an error response, None for an error inside a 200. `default` is the kind where
    nothing tells; without it that is "other".
    """
    inner = unwrap_error(error)
    words = tuple(redact_text(word) for word in _words(inner))
    said = _said(inner)
    message = redact_text(said) if said else _describe(status, words)
    if status is None or status < 300:
        status, headers = _own_status(inner), ()
    # The reason is exact where the words beside it are not: RESOURCE_EXHAUSTED may be a second's limit or a month's.
    # OpenRouter's own message says nothing; what its provider said stands in `metadata.raw`.
    told = f"{message} {get_str(get_dict(inner, 'metadata'), 'raw') or ''}"
    kind = kind_of(status, tuple(word.lower() for word in (*_reasons(inner), *words)), told)
    if kind == "other" and default is not None:
        kind = default
    wait = retry_after(headers)
    if wait is None and kind in _MAY_ASK:
        wait = _asked_wait(inner, message)
    if kind == "rate_limit" and (_violated(inner, "PerDay", "Daily") or (wait is None and _used_up(told))):
        kind = "quota"
    retryable = kind in _RETRYABLE or status in _RETRYABLE_STATUSES
    if kind == "rate_limit" and wait is None:
        wait = 60.0 if _violated(inner, "PerMinute") else None
        retryable = wait is not None or not _is_spent(inner)
    if kind != "quota":
        # The server knows best (WIRE 1g, 4g).
        asked = (header(headers, "x-should-retry") or "").strip().lower()
        retryable = {"true": True, "false": False}.get(asked, retryable)
    return Failure(
        kind=kind,
        message=message,
        status=status,
        code=words[0] if words else None,
        request_id=request_id,
        retryable=retryable,
        retry_after=wait,
        raw=redact_json(inner),
    )


def unwrap_error(error: Json) -> Json:
    """The inner error object: out of Google's one-element list and out of `{"error": {...}}`."""
    if isinstance(error, list) and len(cast("list[Json]", error)) == 1:
        error = cast("list[Json]", error)[0]
    inner = get_dict(error, "error")
    return inner if inner else cast("Json", error)


def _said(error: Json) -> str | None:
    """The message, wherever the shape has it."""
    if isinstance(error, str):
        return error
    for key in ("message", "detail", "error", "msg"):
        if said := get_str(error, key):
            return said
    # FastAPI's list of what is wrong with a request (Mistral 422).
    return "; ".join([said for detail in get_list(error, "detail") if (said := get_str(detail, "msg"))]) or None


def _words(error: Json) -> tuple[str, ...]:
    """`code` before `type` before `status`: the first is what `Failure.code` shows."""
    number = get_int(error, "code")  # GLM's own; one that is a status is no word
    found = [str(number) if number is not None and number > 999 else None]
    found += [get_str(error, key) for key in ("code", "type", "status")]
    return tuple(word for word in [*found, *_reasons(error)] if word and word != "error")


def _reasons(error: Json) -> tuple[str, ...]:
    """What stands in `details`: the reason of a google.rpc.ErrorInfo, Anthropic's stable `error_code`."""
    found = [get_str(detail, "reason") for detail in get_list(error, "details")]
    found.append(get_str(get_dict(error, "details"), "error_code"))
    return tuple(word for word in found if word)


def _own_status(error: Json) -> int | None:
    """The HTTP status that an error inside a 200 names itself: Google's `code`, Groq's `status_code`."""
    for key in ("code", "status_code", "status", "statusCode"):
        number = get_int(error, key)
        if number is not None and 400 <= number <= 599:
            return number
    return None


def _violated(error: Json, *words: str) -> bool:
    """Whether a google.rpc.QuotaFailure names a quota of such a period: one a day is a hard one (WIRE 5g)."""
    for detail in get_list(error, "details"):
        for violation in get_list(detail, "violations"):
            quota = get_str(violation, "quotaId") or ""
            if any(word in quota for word in words):
                return True
    return False


def _used_up(said: str) -> bool:
    """OpenAI says so with a code, gateways without; Google says it of a minute's limit too, and which (LASH 1.9)."""
    said = said.lower()
    soft = "quota exceeded for metric" in said or "please retry" in said
    return "you exceeded your current quota" in said and not soft


def _is_spent(error: Json) -> bool:
    """Code Assist names no delay where a limit is not soon lifted (WIRE 5g)."""
    return any(
        get_str(detail, "reason") == "RATE_LIMIT_EXCEEDED"
        and get_str(detail, "domain") == "cloudcode-pa.googleapis.com"
        for detail in get_list(error, "details")
    )


_MAY_ASK: frozenset[str] = frozenset({"rate_limit", "quota", "overloaded"})

# "34.07s", "120ms", "6m0s", "18h31m10s"
_DURATION = r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?) ?(ms|s))?"
_HINT = re.compile(r"(?:try again in|retry in|retry after|reset after)\s{0,3}" + _DURATION, re.IGNORECASE)


def _asked_wait(error: Json, message: str) -> float | None:
    """How long an error without a Retry-After asks to wait, in seconds: google.rpc.RetryInfo, Codex' reset, the text.

    WIRE 1g, 3, 5g.
    """
    for detail in get_list(error, "details"):
        match = re.fullmatch(_DURATION, get_str(detail, "retryDelay") or "")
        if match is not None:
            return _seconds(match)
    reset = get_int(error, "resets_in_seconds")
    if reset is not None and reset >= 0:
        return float(reset)
    match = _HINT.search(message)
    return None if match is None else _seconds(match)


def _seconds(duration: re.Match[str]) -> float | None:
    hours, minutes, number, unit = duration.groups()
    if hours is None and minutes is None and number is None:
        return None
    seconds = float(number or 0) / (1000 if unit == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def _describe(status: int | None, words: tuple[str, ...]) -> str:
    if words:
        return words[0]
    return f"HTTP {status}" if status is not None else "the provider reported an error without a message"


_MONTHS = {m: i for i, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_HTTP_DATE = re.compile(r"\w{3,9}, (\d\d)[ -](\w{3})[ -](\d{4}|\d\d) (\d\d):(\d\d):(\d\d) GMT")


def http_date(text: str) -> float | None:
    """An IMF-fixdate or RFC 850 date as seconds since the epoch, None if it is neither (RFC 9110 section 5.6.7).

    By hand: the standard library's parsers for this import `socket` or `time`.
    """
    match = _HTTP_DATE.fullmatch(text.strip())
    if match is None or match[2] not in _MONTHS:
        return None
    day, month, year = int(match[1]), _MONTHS[match[2]], int(match[3])
    if len(match[3]) == 2:
        year += 1900 if year >= 70 else 2000
    # Days from civil: shift the year to begin in March, so that the leap day is its last.
    y, m = (year, month) if month > 2 else (year - 1, month + 12)
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5 + day - 719469
    return float(days * 86400 + int(match[4]) * 3600 + int(match[5]) * 60 + int(match[6]))


def retry_after(headers: Headers, now: float | None = None) -> float | None:
    """How long the server asks us to wait, in seconds: `retry-after-ms` first, then `retry-after` (WIRE 1g, 9).

    A date counts from the response's own `Date`, else from `now`; with neither it says nothing.
    """
    milliseconds = _number(header(headers, "retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = header(headers, "retry-after")
    seconds = _number(said)
    if seconds is not None or said is None:
        return seconds
    until = http_date(said)
    since = http_date(header(headers, "date") or "")
    since = now if since is None else since
    return max(0.0, until - since) if until is not None and since is not None else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\s*\d{1,15}(\.\d{1,15})?\s*", text) else None


_REQUEST_IDS: Final = ("x-request-id", "request-id", "apim-request-id", "x-github-request-id", "x-generation-id")


def request_id_of(headers: Headers) -> str | None:
    """The provider's id of the request: whichever of the usual headers is there (WIRE 1a, 2h, 4a, 7)."""
    found: dict[str, str] = {}
    for key, value in headers:  # once: real responses have thirty, and a call asks four times
        name = key.lower()
        if name in _REQUEST_IDS:
            found.setdefault(name, value)
    return next((found[name] for name in _REQUEST_IDS if found.get(name)), None)
