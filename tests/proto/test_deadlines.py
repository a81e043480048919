"""The deadlines of a call in each dialect's own bytes: what is life, what keeps a connection warm, what is thought."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.exchange import Exchange
from lash_proto.faux import FauxReply
from lash_proto.messages import LlmRequest, ProviderOptions, ReasoningPart, TextPart
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from tests.fake_world import Answer, Run, rendered, run

CHATS = tuple(api for api in CODECS if not api.endswith("-images"))
THOUGHT = FauxReply((ReasoningPart("Hm, hm, hm, hm, hm."), TextPart("Yes, yes, yes, yes.")), piece=4)

# What servers send to keep a connection (WIRE 2h, 4c, 9).
COMMENTS = (b": ping\n\n", b": OPENROUTER PROCESSING\n\n", b": keep-alive\n\n", b"\n", b"\r\n\r\n", b"data:\n\n")
PINGS = {
    "anthropic-messages": (b'event: ping\ndata: {"type": "ping"}\n\n',),
    "openai-responses": (b'event: keepalive\ndata: {"type": "keepalive", "sequence_number": 3}\n\n',),
}


def call(api: str, answer: Answer, *, stream: bool = True, **options: Any) -> Run:
    machine = Exchange(
        Route("http://x.test", CODECS[api]),
        KeyAuth("t", optional=True),
        LlmRequest("Hi", options=ProviderOptions(max_retries=0, **options)),
        ModelSpec("m"),
        stream=stream,
    )
    return run(machine, [answer])


def chunks(api: str, *, until: bytes = b"") -> list[bytes]:
    """The reply's events up to the first that holds `until`, all of them without."""
    found = list(rendered(CODECS[api], THOUGHT, stream=True).chunks)
    ends = [at for at, chunk in enumerate(found) if until and until in chunk]
    return found[: ends[0] + 1] if ends else found


@pytest.mark.parametrize("api", CHATS)
def test_the_reply_is_whole_where_nothing_is_late(api: str) -> None:
    done = call(api, Answer(chunks(api), gap=30.0, connect=9.0, head=89.0))
    assert (done.result.text, done.result.error) == ("Yes, yes, yes, yes.", None)


@pytest.mark.parametrize("api", CHATS)
def test_what_keeps_a_connection_warm_is_no_event(api: str) -> None:
    for warm in (*COMMENTS, *PINGS.get(api, ())):
        done = call(api, Answer([warm] * 99, connect=1.0, head=1.0, gap=5.0, ending="hang"))
        assert (done.took, done.result.error.kind) == (121.0, "timeout"), warm
        assert "first_event_timeout" in done.result.error.message
        said = chunks(api, until=b"Yes,")
        done = call(api, Answer([*said, *[warm] * 99], gap=5.0, ending="hang"))
        assert done.took == 5.0 * len(said) + 120.0, warm
        assert "(idle_timeout)" in done.result.error.message


@pytest.mark.parametrize("api", CHATS)
def test_while_the_model_reasons_there_is_more_patience(api: str) -> None:
    said = chunks(api, until=b"Hm,")
    done = call(api, Answer(said, ending="hang"))
    assert (done.took, "reasoning_idle_timeout" in done.result.error.message) == (600.0, True)
    assert call(api, Answer(said, ending="hang"), reasoning_idle_timeout=700.0, idle_timeout=7.0).took == 700.0
    assert call(api, Answer(chunks(api, until=b"Yes,"), ending="hang"), idle_timeout=7.0).took == 7.0


def test_a_model_that_keeps_its_reasoning_to_itself_has_it_too() -> None:
    """It says that it begins, and then nothing for minutes (WIRE 1c, 9)."""
    said = (
        b'data: {"type":"response.created","response":{"id":"r","model":"m","status":"in_progress"}}\n\n'
        b'data: {"type":"response.output_item.added","output_index":0,'
        b'"item":{"id":"rs_1","type":"reasoning","summary":[]}}\n\n'
    )
    assert call("openai-responses", Answer([said], ending="hang")).took == 600.0
    said = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"m","content":[]}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n'
    )
    assert call("anthropic-messages", Answer([said], ending="hang")).took == 600.0


@pytest.mark.parametrize("api", CHATS)
def test_blanks_before_a_body_in_one_piece_are_no_answer(api: str) -> None:
    """DeepSeek keeps a waiting call alive so (WIRE 2h)."""
    json = (("content-type", "application/json"),)
    done = call(api, Answer([b"\n"] * 99, headers=json, gap=10.0, ending="hang"), stream=False)
    assert done.took == 600.0


@pytest.mark.parametrize("api", CHATS)
def test_no_drip_outlives_the_whole_calls_deadline(api: str) -> None:
    done = call(api, Answer(chunks(api), gap=1.0), total_timeout=3.5)
    assert (done.took, done.result.error.message) == (3.5, "the call took longer than its total_timeout")
    assert done.result.stop_reason == "error"
