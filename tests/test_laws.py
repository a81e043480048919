"""The laws of the house as properties: over own fixtures, scripted replies and, where they are, recordings.

Law 9 (the same events under every driver) is held by tests/io, where the drivers are.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.codec import Codec, Route
from lash_proto.codecs import CODECS
from lash_proto.compat import CODEX, AnthropicCompat, ChatCompat, Compat, ResponsesCompat
from lash_proto.errors import UnsupportedRequest
from lash_proto.exchange import Exchange
from lash_proto.faux import FauxReply
from lash_proto.messages import CacheRetention, LlmRequest, ProviderOptions, TextPart, ToolCallPart, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import LlmResponse, PartAdded, ReasoningStart, TextDelta, TextStart, ToolCallStart
from lash_proto.testing import (
    Fixture,
    check_codec,
    check_cuts,
    check_events,
    check_garbage,
    check_machine,
    check_prefixes,
    check_replay,
    check_saved,
    check_usage,
    read,
    work,
)
from lash_proto.testing.codec import BESIDE, _not_grown, _without
from tests import fake_world
from tests.fake_world import rendered
from tests.recordings import FIXTURES, NO_RECORDINGS, Item, find_recordings, read_items
from tests.strategies import REQUESTS, conversations, cuts, faux_replies, odd_json

pytestmark = pytest.mark.usefixtures("engine")

CHATS = tuple(api for api in CODECS if not api.endswith("-images"))
MODEL = "test-model"
API = st.sampled_from(CHATS)


def fixture_of(item: Item) -> Fixture:
    return Fixture(item.body, item.meta["status"], tuple(item.headers))


OWN = [item for folder in sorted(FIXTURES.iterdir()) for item in read_items(folder)]


@pytest.mark.parametrize("item", OWN, ids=[f"{item.api}-{item.name}" for item in OWN])
def test_every_law_holds_for_every_fixture(item: Item) -> None:
    codec = CODECS[item.api]
    if item.api in CHATS:
        check_codec(codec, fixture_of(item))
    else:  # what pictures are asked for with is no conversation
        for check in (check_events, check_cuts, check_prefixes, check_garbage, check_saved, check_usage):
            check(codec, fixture_of(item))


SAMPLE = 12
LARGEST = 60_000


def sample(folder: Path, number: int) -> list[Item]:
    """Recordings of no more than some size, the same ones each time."""
    items = [item for item in read_items(folder) if len(item.body) <= LARGEST]
    return random.Random(folder.name).sample(items, min(number, len(items)))


@pytest.mark.parametrize(
    "api", ["openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai"]
)
def test_every_law_holds_for_recordings(api: str) -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    for item in sample(folder / api, SAMPLE):
        try:
            check_codec(CODECS[api], fixture_of(item))
        except AssertionError as error:
            error.add_note(f"recording {item.name}")
            raise


# --- scripted replies ------------------------------------------------------------------------------------------------


def scripted(codec: Codec, reply: FauxReply, *, stream: bool) -> Fixture:
    answer = rendered(codec, reply, stream=stream)
    return Fixture(answer.body, answer.status, answer.headers, MODEL)


def read_whole(codec: Codec, fixture: Fixture) -> LlmResponse:
    return read(codec, fixture, [fixture.body]).response


@given(API, faux_replies(), st.booleans(), st.data())
def test_laws_1_2_3_5_and_7_hold_for_scripted_replies(
    api: str, reply: FauxReply, stream: bool, data: st.DataObject
) -> None:
    codec = CODECS[api]
    fixture = scripted(codec, reply, stream=stream)
    whole = read(codec, fixture, [fixture.body])
    assert read(codec, fixture, data.draw(cuts(fixture.body))) == whole
    check_events(codec, fixture)
    check_prefixes(codec, fixture, prefixes=6)
    check_garbage(codec, fixture, mutants=3)
    check_saved(codec, fixture, saves=3)
    check_usage(codec, fixture)


@given(API, faux_replies(whole=True), st.booleans())
def test_what_is_scripted_is_what_is_read(api: str, reply: FauxReply, stream: bool) -> None:
    codec = CODECS[api]
    response = read_whole(codec, scripted(codec, reply, stream=stream))
    assert response.error is None
    assert response.text == "".join(part.text for part in reply.content if isinstance(part, TextPart))
    calls = [part for part in reply.content if isinstance(part, ToolCallPart)]
    assert [(call.name, dict(call.arguments)) for call in response.tool_calls] == [
        (call.name, dict(call.arguments)) for call in calls
    ]
    assert response.stop_reason == ("tool_use" if calls else "stop")
    if reply.usage is not None:
        assert response.usage is not None
        assert response.usage.total_input_tokens == reply.usage.total_input_tokens
        assert response.usage.cached_input_tokens == reply.usage.cached_input_tokens
        assert response.usage.output_tokens == reply.usage.output_tokens


@given(API, faux_replies(whole=True), st.booleans())
def test_law_6_holds_for_scripted_replies(api: str, reply: FauxReply, stream: bool) -> None:
    check_replay(CODECS[api], scripted(CODECS[api], reply, stream=stream))


# --- law 3 by structure ----------------------------------------------------------------------------------------------


@given(API, faux_replies(whole=True), st.data())
def test_law_3_holds_for_bodies_with_one_odd_value(api: str, reply: FauxReply, data: st.DataObject) -> None:
    codec = CODECS[api]
    fixture = scripted(codec, reply, stream=False)
    body = json.dumps(data.draw(odd_json(json.loads(fixture.body)))).encode()
    odd = Fixture(body, fixture.status, fixture.headers, MODEL)
    whole = read(codec, odd, [body])
    assert read(codec, odd, data.draw(cuts(body))) == whole
    check_events(codec, odd)


# --- law 6 for requests ----------------------------------------------------------------------------------------------

MARKERS = frozenset({*BESIDE, "prompt_cache_breakpoint"})


@given(API, REQUESTS, st.booleans())
def test_encoding_is_total_and_stable(api: str, request: LlmRequest, stream: bool) -> None:
    """Whatever a request holds, it is encoded, the same way each time, or refused by part and rule."""
    codec = CODECS[api]
    try:
        http = codec.encode(request, MODEL, stream=stream)
    except UnsupportedRequest as refusal:
        with pytest.raises(UnsupportedRequest, match="^" + re.escape(f"{refusal.part}: {refusal.rule}") + "$"):
            codec.encode(request, MODEL, stream=stream)
        return
    assert codec.encode(request, MODEL, stream=stream) == http
    assert codec.encode(LlmRequest.from_json(json.loads(json.dumps(request.to_json()))), MODEL, stream=stream) == http
    json.loads(http.body)
    assert http.method == "POST"
    assert not {name for name, _ in http.headers} & {"authorization", "x-api-key", "x-goog-api-key", "api-key"}


def flagged(api: str, *flags: Compat) -> list[Codec]:
    return [evolve(cast("Any", CODECS[api]), compat=each) for each in flags]


# Servers that differ in what a conversation becomes there.
SERVERS = [
    *[CODECS[api] for api in CHATS],
    *flagged(
        "openai-completions",
        ChatCompat(cache_marks="openai", cache_lifetime="options"),
        ChatCompat(cache_marks="anthropic", marker_ttl=False, tool_result_name=True),
        ChatCompat(cache_marks="gemini", reasoning_as_text=True, store=False),
        ChatCompat(reasoning_as_text=True, assistant_after_tool_result=True, content_required=True),
        ChatCompat(reasoning_content_required=True, reasoning_filler=" ", mistral=True, tool_stream=True),
        ChatCompat(tools_with_history=True, replay_reasoning=False, body={"priority": 1}),
    ),
    *flagged(
        "openai-responses",
        ResponsesCompat(cache_breakpoints=True, cache_lifetime="options", system_role="developer"),
        CODEX,
    ),
    *flagged("anthropic-messages", AnthropicCompat(tool_markers=False, marker_ttl=False, empty_signature_allowed=True)),
]


@given(st.sampled_from(SERVERS), st.sampled_from(["none", "short", "long"]), conversations())
def test_a_longer_conversation_leaves_what_was_said_as_it_was(
    codec: Codec, retention: CacheRetention, request: LlmRequest
) -> None:
    options = ProviderOptions(cache_retention=retention)
    bodies: list[Any] = []
    for end in range(1, len(request.messages) + 1):
        if not isinstance(request.messages[end - 1], UserMessage):
            continue  # calls that nobody has answered yet are nothing to send
        shorter = LlmRequest(
            request.messages[:end], request.system, request.tools, request.tool_choice, options=options
        )
        bodies.append(_without(json.loads(codec.encode(shorter, MODEL).body), MARKERS))
    for one, other in zip(bodies, bodies[1:], strict=False):
        assert _not_grown(one, other, "$") is None


# --- laws 4, 5 and 8: the exchange -----------------------------------------------------------------------------------


@st.composite
def answers(draw: st.DrawFn, codec: Codec) -> fake_world.Answer | fake_world.Refused:
    """How one attempt may go."""
    if draw(st.integers(0, 5)) == 0:
        return fake_world.Refused(draw(st.sampled_from(["connection", "timeout", "protocol"])), draw(st.floats(0, 20)))
    answer = rendered(codec, draw(faux_replies()), stream=True)
    ending = draw(st.sampled_from([None, None, "hang", "connection", "connection", "protocol"]))
    chunks = answer.chunks if ending is None else answer.chunks[: draw(st.integers(0, len(answer.chunks)))]
    return fake_world.Answer(
        draw(cuts(b"".join(chunks))),
        answer.status,
        answer.headers,
        connect=draw(st.sampled_from([0.0, 0.0, 0.5, 9.0, None])),
        head=draw(st.sampled_from([0.0, 0.0, 1.0, 1.0, 200.0, None])),
        gap=draw(st.sampled_from([0.0, 0.0, 0.1, 0.1, 5.0, 130.0])),
        ending=ending,
    )


@given(API, st.data())
def test_laws_4_5_and_8_hold_for_an_exchange(api: str, data: st.DataObject) -> None:
    codec = CODECS[api]
    options = ProviderOptions(
        total_timeout=data.draw(st.sampled_from([None, None, None, 3.0, 300.0])),
        throttle_budget=2.0,  # two waits at most, which cost a second at least, beside the two retries
    )
    allowed = data.draw(st.booleans())

    def make() -> Exchange:
        return Exchange(
            Route("http://x.test", codec),
            KeyAuth("t", "authorization", optional=True),
            LlmRequest("Hi", options=options),
            ModelSpec(MODEL),
            seed=b"seed",
            retry_after_output=allowed,
        )

    cancel_at = data.draw(st.sampled_from([None, None, None, 0.0, 0.3, 7.0, 150.0]))
    done = fake_world.run(make(), [data.draw(answers(codec)) for _ in range(5)], cancel_at=cancel_at)
    assert check_machine(make, done.trace, now=fake_world.START) == done.outputs
    response = done.result
    assert len(response.attempts) == len(done.calls)
    assert response.attempts[-1].failure == response.error or response.error is None or cancel_at is not None
    assert shown(done.events) == "".join(part.text for part in response.content if isinstance(part, TextPart))
    if not allowed:
        resets = [type(each).__name__ for each in done.events].count("AttemptReset")
        before = done.events[: len(done.events) - 1 - last_attempt(done.events)]
        assert resets == 0 or not any(
            isinstance(e, (TextStart, ReasoningStart, ToolCallStart, PartAdded)) for e in before
        )


def last_attempt(events: list[Any]) -> int:
    """How many events stand behind the last AttemptReset."""
    names = [type(each).__name__ for each in events]
    return names[::-1].index("AttemptReset") if "AttemptReset" in names else len(names) - 1


def shown(events: list[Any]) -> str:
    """The text that someone sees who takes back what an AttemptReset withdraws."""
    text = ""
    for event in events:
        if type(event).__name__ == "AttemptReset":
            text = ""
        elif isinstance(event, TextDelta):
            text += event.text
    return text


# --- law 10 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CHATS)
@pytest.mark.parametrize("kind", ["arguments", "text"])
def test_law_10_a_fragment_costs_the_same_however_many_there_are(api: str, kind: str) -> None:
    codec = CODECS[api]

    def cost(length: int) -> float:
        text = "x" * length
        part = TextPart(text) if kind == "text" else ToolCallPart("call_1", "f", {"a": text}, json.dumps({"a": text}))
        answer = rendered(codec, FauxReply((part,), piece=1), stream=True)
        return work(codec, Fixture(answer.body, answer.status, answer.headers), answer.chunks) / length

    assert cost(1600) <= 1.1 * cost(400)
