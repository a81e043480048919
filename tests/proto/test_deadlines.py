"""The deadlines of a call, by hand and in each dialect's own bytes: what is life, what keeps a connection warm, what is
thought.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.deadlines import Deadlines
from lash_proto.exchange import Exchange
from lash_proto.faux import FauxReply
from lash_proto.messages import LlmRequest, ProviderOptions, ReasoningPart, TextPart
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import ReasoningDelta, ReasoningEnd, ReasoningStart, TextDelta, UsageUpdate
from lash_proto.usage import LlmUsage
from tests.fake_world import Answer, Run, rendered, run

# --- by hand ---------------------------------------------------------------------------------------------------------

COUNT = UsageUpdate(LlmUsage(input_tokens=1))


def deadlines(*, stream: bool = True, **options: Any) -> Deadlines:
    return Deadlines.of(ProviderOptions(**options), 1000.0, stream=stream)


def test_what_a_request_leaves_unset_has_its_default() -> None:
    """The table of DESIGN, section 3."""
    assert deadlines() == Deadlines(None, connect=10.0, first_event=120.0, idle=120.0, reasoning_idle=600.0)
    assert deadlines(stream=False).first_event == 600.0


def test_none_is_no_limit() -> None:
    none = deadlines(connect_timeout=None, first_event_timeout=None, idle_timeout=None, reasoning_idle_timeout=None)
    assert none == Deadlines()
    assert none.expect_connection(1001.0) is none.expect_first_event(1001.0) is none.expect_next([], 1001.0) is None
    assert deadlines(stream=False, first_event_timeout=None).first_event is None
    assert deadlines(stream=False, reasoning_idle_timeout=None).first_event is None


def test_one_runs_at_a_time_and_says_which_it_was() -> None:
    one = deadlines()
    assert (one.expect_connection(1001.0), one.running) == (1011.0, "connect_timeout")
    assert one.what_passed(1011.0) == "no connection within the time allowed (connect_timeout)"
    assert (one.expect_first_event(1002.0), one.running) == (1122.0, "first_event_timeout")
    assert one.what_passed(1122.0) == "no event within the time allowed (first_event_timeout)"
    assert (one.expect_next([TextDelta(0, "a")], 1003.0), one.running) == (1123.0, "idle_timeout")
    assert (one.expect_rest(1004.0, 1.0), one.pause()) == (1005.0, None)


def test_the_whole_calls_runs_beside_them_all() -> None:
    whole = deadlines(total_timeout=5.0)
    assert whole.expect_connection(1001.0) == whole.expect_first_event(1001.0) == whole.pause() == 1005.0
    assert whole.expect_next([TextDelta(0, "a")], 1001.0) == 1005.0
    assert (whole.expect_rest(1003.0, 1.0), whole.expect_rest(1004.5, 1.0)) == (1004.0, 1005.0)
    assert (whole.sooner(None), whole.sooner(1004.0), whole.sooner(1006.0)) == (1005.0, 1004.0, 1005.0)
    assert (whole.is_late(1004.9), whole.is_late(1005.0)) == (False, True)
    assert whole.what_passed(1005.0) == "the call took longer than its total_timeout"


@pytest.mark.parametrize(
    ("events", "reasons"),
    [
        ([ReasoningStart(0)], True),
        ([TextDelta(0, "a"), ReasoningDelta(1, "b")], True),
        ([ReasoningDelta(0, "b"), COUNT, COUNT], True),
        ([ReasoningDelta(0, "b"), ReasoningEnd(0, ReasoningPart("b"))], False),
        ([ReasoningDelta(0, "b"), TextDelta(1, "a"), COUNT], False),
    ],
)
def test_the_last_word_says_whether_the_model_reasons(events: list[Any], reasons: bool) -> None:
    one = deadlines()
    assert one.expect_next(events, 1001.0) == (1601.0 if reasons else 1121.0)
    for silent in ([], [COUNT]):  # word of work, and counts: it does what it did
        assert one.expect_next(silent, 1002.0) == (1602.0 if reasons else 1122.0)


# --- in each dialect's own bytes -------------------------------------------------------------------------------------

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


def sse(*events: Any) -> list[bytes]:
    return [f"event: {event.get('type', 'x')}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def chat(**delta: Any) -> Any:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]}


# What a provider says of its work before the next event of ours: a response that begins, and what follows (WIRE 1c, 4c,
# 2c). Each is heard once more after a minute and a half, and again.
AT_WORK: dict[str, tuple[str, Any, Any]] = {
    "in the queue": ("openai-responses", {"type": "response.created", "response": {"id": "r"}},
                     {"type": "response.in_progress", "response": {"id": "r"}}),
    "searching": ("openai-responses", {"type": "response.created", "response": {"id": "r"}},
                  {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0}),
    "writing code": ("openai-responses", {"type": "response.created", "response": {"id": "r"}},
                     {"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "x"}),
    "drawing": ("openai-responses", {"type": "response.created", "response": {"id": "r"}},
                {"type": "response.image_generation_call.partial_image", "partial_image_b64": "AA=="}),
    "refusing": ("openai-responses", {"type": "response.created", "response": {"id": "r"}},
                 {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "No."}),
    "a tool of the server's": ("anthropic-messages", {"type": "content_block_start", "index": 0, "content_block": {
        "type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}),
    "sound": ("openai-completions", chat(role="assistant"), chat(audio={"data": "AA=="})),
    "a refusal": ("openai-completions", chat(role="assistant"), chat(refusal="No.")),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_WORK)
def test_a_provider_that_tells_of_its_work_is_no_idle_one(name: str) -> None:
    api, first, work = AT_WORK[name]
    begin = (
        [{"type": "message_start", "message": {"id": "m", "model": "m", "content": []}}] if "anthropic" in api else []
    )
    pings = [ping for ping in PINGS.get(api, (b": ping\n\n",)) for _ in range(4)]
    done = call(api, Answer([*sse(*begin, first, work, work, work), *pings], gap=100.0, ending="hang"))
    assert (done.took, done.result.error.kind) == (100.0 * (len(begin) + 4) + 120.0, "timeout")
    assert "(idle_timeout)" in done.result.error.message


def test_a_block_that_begins_is_work_though_it_is_told_when_it_ends() -> None:
    """Compaction says nothing until its summary is written (WIRE 4c)."""
    said = sse(
        {"type": "message_start", "message": {"id": "m", "model": "m", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "compaction", "content": ""}},
    )
    assert call("anthropic-messages", Answer(said, gap=100.0, ending="hang")).took == 320.0


def test_work_in_the_middle_of_reasoning_leaves_its_patience() -> None:
    said = sse(
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning"}},
        {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 1},
    )
    assert call("openai-responses", Answer(said, gap=100.0, ending="hang")).took == 900.0


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
