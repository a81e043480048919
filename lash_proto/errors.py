"""The exceptions that clients raise, made from a Failure: the class follows the kind, also in mid-stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .failures import Failure, FailureKind, LashError, LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from .replies import LlmResponse

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ContextOverflowError",
    "InsecureRequest",
    "InternalServerError",
    "LashError",
    "LocalProtocolError",
    "MissingCredential",
    "NotFoundError",
    "OutputError",
    "OverloadedError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitError",
    "RemoteProtocolError",
    "StreamTruncatedError",
    "UnsupportedRequest",
    "error_of",
]


class UnsupportedRequest(LashError, ValueError):
    """The dialect cannot say this. `part` names what, `rule` says why and what would do. Raised before any I/O."""

    def __init__(self, part: str, rule: str) -> None:
        super().__init__(f"{part}: {rule}", failure=Failure(kind="unsupported", message=f"{part}: {rule}"))
        self.part = part
        self.rule = rule

    def __reduce__(self) -> tuple[type[UnsupportedRequest], tuple[str, str]]:
        return type(self), (self.part, self.rule)


class OutputError(LashError, ValueError):
    """A reply is not what was asked for. `path` is a JSON Pointer into it, `""` for the whole; `rule` says why.

    `response` is the reply; `failure` is None, for the call itself went well.
    """

    def __init__(self, path: str, rule: str, *, response: LlmResponse | None = None) -> None:
        super().__init__(f"{path}: {rule}" if path else rule, response=response)
        self.path = path
        self.rule = rule

    def __reduce__(self) -> Any:
        return type(self), (self.path, self.rule), self.__dict__


class MissingCredential(LashError):
    """No key was given and none was found; the message names where one is looked for. Raised before any I/O."""


class InsecureRequest(LashError):
    """A credential would have gone over plain http to `place`, a host and port beyond this machine. Raised before any
    I/O."""

    def __init__(self, place: str) -> None:
        message = (
            f"the credential would go to {place} in the clear: use https://, or say allow_http=True, in the call or in "
            "the handle's options, where the way there is safe"
        )
        super().__init__(message, failure=Failure(kind="unsupported", message=message))
        self.place = place

    def __reduce__(self) -> tuple[type[InsecureRequest], tuple[str]]:
        return type(self), (self.place,)


class APIError(LashError):
    """A call that failed."""


class APIConnectionError(APIError):
    """The provider was not reached, or the connection broke before an answer began."""


class APITimeoutError(APIConnectionError):
    """A deadline passed."""


class StreamTruncatedError(APIError):
    """The stream stopped before its dialect's end; `response` has what came."""


class APIStatusError(APIError):
    """The provider answered with an error."""


class AuthenticationError(APIStatusError):
    """The key or token was refused (401)."""


class PermissionDeniedError(APIStatusError):
    """The key may not do this (403)."""


class NotFoundError(APIStatusError):
    """No such model or endpoint (404)."""


class BadRequestError(APIStatusError):
    """The provider found the request invalid (400, 422)."""


class ContextOverflowError(BadRequestError):
    """The input does not fit the model's context window."""


class RateLimitError(APIStatusError):
    """Too many requests or tokens for now (429); `failure.retry_after` where the provider said how long."""


class QuotaExceededError(RateLimitError):
    """The plan or the credit is used up; waiting a little does not help."""


class InternalServerError(APIStatusError):
    """The provider failed (5xx)."""


class OverloadedError(InternalServerError):
    """The provider is too busy (503, 529)."""


_CLASSES: dict[FailureKind, type[LashError]] = {
    "connection": APIConnectionError,
    "timeout": APITimeoutError,
    "truncated": StreamTruncatedError,
    "protocol": RemoteProtocolError,
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "not_found": NotFoundError,
    "rate_limit": RateLimitError,
    "quota": QuotaExceededError,
    "overloaded": OverloadedError,
    "server": InternalServerError,
    "context_overflow": ContextOverflowError,
    "invalid_request": BadRequestError,
}


def error_of(failure: Failure, response: LlmResponse | None = None) -> LashError:
    """The exception for a failure, with both in it."""
    default = APIStatusError if failure.status is not None else APIError
    class_ = _CLASSES.get(failure.kind, default)
    return class_(failure.message, failure=failure, response=response)
