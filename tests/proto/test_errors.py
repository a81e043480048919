"""The exceptions: one tree, the class by the failure's kind, and copies that keep what they hold."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import pytest

from lash_proto import errors
from lash_proto.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ContextOverflowError,
    InsecureRequest,
    InternalServerError,
    LashError,
    LocalProtocolError,
    MissingCredential,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RemoteProtocolError,
    StreamTruncatedError,
    UnsupportedRequest,
    error_of,
)
from lash_proto.failures import Failure, FailureKind
from lash_proto.replies import LlmResponse


def test_the_tree_is_that_of_the_design() -> None:
    parents = {
        name: class_.__bases__[0].__name__
        for name in errors.__all__
        if isinstance(class_ := getattr(errors, name), type)
    }
    assert parents == {
        "LashError": "Exception",
        "APIError": "LashError",
        "RemoteProtocolError": "LashError",
        "LocalProtocolError": "LashError",
        "UnsupportedRequest": "LashError",
        "MissingCredential": "LashError",
        "InsecureRequest": "LashError",
        "OutputError": "LashError",
        "APIConnectionError": "APIError",
        "APITimeoutError": "APIConnectionError",
        "StreamTruncatedError": "APIError",
        "APIStatusError": "APIError",
        "AuthenticationError": "APIStatusError",
        "PermissionDeniedError": "APIStatusError",
        "NotFoundError": "APIStatusError",
        "BadRequestError": "APIStatusError",
        "ContextOverflowError": "BadRequestError",
        "RateLimitError": "APIStatusError",
        "QuotaExceededError": "RateLimitError",
        "InternalServerError": "APIStatusError",
        "OverloadedError": "InternalServerError",
    }


CLASSES = [
    ("connection", APIConnectionError),
    ("timeout", APITimeoutError),
    ("truncated", StreamTruncatedError),
    ("protocol", RemoteProtocolError),
    ("authentication", AuthenticationError),
    ("permission", PermissionDeniedError),
    ("not_found", NotFoundError),
    ("rate_limit", RateLimitError),
    ("quota", QuotaExceededError),
    ("overloaded", OverloadedError),
    ("server", InternalServerError),
    ("context_overflow", ContextOverflowError),
    ("invalid_request", BadRequestError),
    ("unsupported", APIError),
    ("cancelled", APIError),
    ("other", APIError),
]


@pytest.mark.parametrize(("kind", "class_"), CLASSES)
def test_the_class_follows_the_kind_also_in_mid_stream(kind: FailureKind, class_: type[LashError]) -> None:
    failure = Failure(kind, "Oops.")
    response = LlmResponse((), "error", error=failure)
    error = error_of(failure, response)
    assert type(error) is class_
    assert (str(error), error.failure, error.response) == ("Oops.", failure, response)


def test_every_kind_has_a_class() -> None:
    assert {kind for kind, _ in CLASSES} == set(get_args(FailureKind))


@pytest.mark.parametrize("kind", ["unsupported", "other", "cancelled"])
def test_what_has_a_status_and_no_class_of_its_own_is_a_status_error(kind: FailureKind) -> None:
    assert type(error_of(Failure(kind, "Oops.", status=418))) is APIStatusError


def test_an_unsupported_request_names_part_and_rule() -> None:
    error = UnsupportedRequest("audio", "the dialect takes none")
    assert (str(error), error.part, error.rule) == ("audio: the dialect takes none", "audio", "the dialect takes none")
    assert error.failure == Failure("unsupported", "audio: the dialect takes none")
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedRequest("audio", "none"),
        MissingCredential("no key"),
        InsecureRequest("example.com"),
        LocalProtocolError("ours"),
        error_of(Failure("rate_limit", "Later.", 429, retry_after=3), LlmResponse((), "error")),
    ],
)
def test_exceptions_survive_copies(error: LashError) -> None:
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), copy.copy(error)):
        assert type(copied) is type(error)
        assert (str(copied), copied.failure, copied.response) == (str(error), error.failure, error.response)
        assert copied.__dict__ == error.__dict__
