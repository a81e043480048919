"""What never goes where: a credential in the clear, and anything after a redirect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto import InsecureRequest, LlmRequest, ProviderOptions, from_json, to_json
from lash_proto.effects import CallHttp
from lash_proto.exchange import ON_PAYLOAD
from lash_proto.failures import Failure
from lash_proto.http import has_credential, merge_headers, without_secrets
from lash_proto.providers import ProviderHandle, anthropic, openai_compatible
from lash_proto.values import Secret
from tests.fake_world import Answer, run

JSON = (("content-type", "application/json"),)


def started(handle: ProviderHandle, hooks: tuple[str, ...] = (), **options: Any) -> list[Any]:
    request = LlmRequest("Hi.", options=handle.options_type("m")(**options))
    return handle.exchange(request, "m", hooks=hooks).start(0.0)


@pytest.mark.parametrize("url", ["http://llm.example/v1", "http://10.0.0.5:8000/v1", "HTTP://localhost.example/v1"])
def test_a_credential_does_not_go_in_the_clear_to_another_machine(url: str) -> None:
    with pytest.raises(InsecureRequest, match=r"use https://, or say allow_http=True") as caught:
        started(openai_compatible("secret-key", base_url=url))
    place = url.lower().removeprefix("http://").removesuffix("/v1")
    assert (caught.value.place, place in str(caught.value)) == (place, True)
    assert "secret-key" not in str(caught.value)
    assert caught.value.failure == Failure("unsupported", str(caught.value))


def test_that_is_told_before_anybody_is_asked() -> None:
    with pytest.raises(InsecureRequest):
        started(anthropic("k", base_url="http://llm.example"), (ON_PAYLOAD,))


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "http://127.0.0.1/v1", "http://[::1]:8000/v1"])
def test_this_machine_may_have_it(url: str) -> None:
    assert isinstance(started(openai_compatible("k", base_url=url))[0], CallHttp)


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer mine"},
        {"authorization": Secret("Bearer mine")},
        {"x-mine": Secret("mine")},
        {"cookie": "session=1"},
    ],
)
def test_a_credential_in_the_callers_own_headers_is_one_too(header: dict[str, Any]) -> None:
    handle = openai_compatible(base_url="http://llm.example/v1")
    with pytest.raises(InsecureRequest):
        started(handle, extra_headers=header)
    assert started(handle, extra_headers={"x-mine": "1"})


def test_where_no_credential_goes_nothing_is_refused() -> None:
    assert started(openai_compatible(base_url="http://llm.example/v1"))
    keyed = openai_compatible("k", base_url="http://llm.example/v1")
    assert started(keyed, extra_headers={"authorization": None})


def test_it_may_be_allowed_by_the_call_or_by_the_handle_and_that_is_kept() -> None:
    url = "http://llm.example/v1"
    assert started(openai_compatible("k", base_url=url), allow_http=True)
    handle = openai_compatible("k", base_url=url, options=ProviderOptions(allow_http=True))
    assert started(handle)
    with pytest.raises(InsecureRequest):
        started(handle, allow_http=False)
    kept: Any = from_json(json.loads(json.dumps(to_json(handle.spec))))
    assert kept.options.allow_http is True


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://elsewhere.example/v1/messages", "https://elsewhere.example/v1/messages"),
        ("https://user:pass@elsewhere.example/v1?key=abc#x", "https://elsewhere.example/v1"),
        ("/v2/messages", "/v2/messages"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_that_says_where_to(status: int, location: str, told: str) -> None:
    html = (("content-type", "text/html"), ("location", location))
    machine = anthropic("k").exchange(LlmRequest("Hi."), "m")
    outcome = run(machine, [Answer([b"<html>Moved.</html>"], status=status, headers=html)])
    assert len(outcome.calls) == 1
    error = outcome.result.error
    assert (error.status, error.retryable) == (status, False)
    assert error.message.startswith(f"HTTP {status}: the server sends this call to {told}, and lash follows nobody")
    assert "abc" not in repr(error)
    assert "pass@" not in repr(error)


def test_a_redirect_that_says_no_place_is_an_error_like_others() -> None:
    machine = anthropic("k").exchange(LlmRequest("Hi."), "m")
    outcome = run(machine, [Answer([b"<html>Moved.</html>"], status=302, headers=(("content-type", "text/html"),))])
    assert (outcome.result.error.status, "follows" in outcome.result.error.message) == (302, False)


def test_a_credential_that_a_caller_wrote_as_plain_text_is_a_secret_too() -> None:
    merged = merge_headers([("x-a", "1"), ("Authorization", "Bearer abc"), ("x-api-key", Secret("def"))])
    assert merged == (("x-a", "1"), ("authorization", Secret("Bearer abc")), ("x-api-key", Secret("def")))
    assert has_credential(merged)
    assert not has_credential(merge_headers({"x-a": "1"}))


def test_it_is_in_no_effect_that_prints_no_failure_and_no_saved_handle() -> None:
    options = ProviderOptions(extra_headers={"Authorization": "Bearer my-own-key", "x-mine": "1"}, max_retries=0)
    handle = openai_compatible(base_url="https://llm.example/v1", options=options)
    said = Answer([b'{"error": {"message": "no such key: my-own-key"}}'], status=401, headers=JSON)
    outcome = run(handle.exchange(LlmRequest("Hi."), "m"), [said])
    assert outcome.result.error.message == "no such key: ***"
    assert "my-own-key" not in repr(outcome.calls)
    assert "my-own-key" not in json.dumps(to_json(handle.spec))
    assert handle.spec.options is not None
    assert handle.spec.options.extra_headers == {"x-mine": "1"}


@pytest.mark.parametrize("url", ["https://user:pa/ss@llm.example/v1", "https://llm.example:pass/v1"])
def test_what_may_be_a_password_is_not_told_of_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="base_url is no URL: its host or port cannot be read") as caught:
        openai_compatible("k", base_url=url)
    assert caught.value.__cause__ is None
    assert "pa" not in str(caught.value).replace("openai-compatible", "")


def test_a_url_as_it_may_be_shown() -> None:
    assert without_secrets("https://user:p@h.example:8/a/b@c?key=1#x") == "https://h.example:8/a/b@c"
    assert without_secrets("/a?b") == "/a"
