"""Requests of the strategy that `python -m tests.requests` holds to the vendors' types, and what holds of them here.

The checker is no part of this repository, so that nothing here needs it: that a case is made and sent at all, that a
reply goes back with all that its provider wants back, and that what is said later leaves what was said as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.codecs import CODECS
from lash_proto.errors import UnsupportedRequest
from lash_proto.handoff import handoff
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    LlmRequest,
    Message,
    ProviderOptions,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.providers import kinds, register_all
from lash_proto.providers.presets import PRESETS
from lash_proto.replies import LlmResponse
from lash_proto.testing.codec import _not_grown, _strings, _without
from lash_proto.values import clean
from tests.recordings import NO_RECORDINGS, find_recordings, read_items
from tests.requests.checking import send
from tests.requests.conversations import native, talks
from tests.requests.replies import Speaker, render, scripts
from tests.requests.strategy import cases
from tests.requests.targets import CHAT, CODE_ASSIST, GEMINI, MESSAGES, PICTURES, RESPONSES, TARGETS, Target

MARKERS: Final = frozenset({"cache_control", "prompt_cache_breakpoint"})
ANY: Final = st.sampled_from(TARGETS)
TOOLS: Final = (ToolDefinition("look"), ToolDefinition("search"))
NAMES: Final = [tool.name for tool in TOOLS]


@given(st.sampled_from([*TARGETS, *PICTURES]), st.data())
def test_a_case_is_sent_or_refused_by_part_and_rule(target: Target, data: st.DataObject) -> None:
    case = data.draw(cases(target))
    with suppress(UnsupportedRequest):
        call = send(case)
        assert send(case) == call
        if isinstance(case.request, LlmRequest):
            said = "\n".join(_strings(json.loads(call.body)))
            assert [texts for texts in texts_of(case.request) if all(text not in said for text in texts)] == []


def texts_of(request: LlmRequest) -> Iterator[tuple[str, str]]:
    """What was said in words, by whomever: all of it goes to the model, as it was streamed or as it was in the end."""
    said: list[Any] = [request.system]
    said += [message.content for message in request.messages if not isinstance(message, CustomMessage)]
    for content in said:
        for part in [TextPart(content)] if isinstance(content, str) else content or ():
            if isinstance(part, TextPart) and part.text.strip():
                yield clean(part.text), clean((part.provider_data or {}).get("text", part.text))


def test_every_kind_and_every_preset_is_asked() -> None:
    register_all()
    assert {target.handle.kind for target in (*TARGETS, *PICTURES)} == set(kinds())
    assert set(PRESETS) <= {target.name for target in TARGETS}
    assert {target.codec(model.spec).api for target in (*TARGETS, *PICTURES) for model in target.models} == set(CODECS)


# --- what a provider wants back --------------------------------------------------------------------------------------


def documents(body: bytes) -> list[Any]:
    """The JSON of a body: of each event, of each object of an array, or of the whole."""
    text = body.decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    lines = [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]
    return [json.loads(line) for line in lines if line.startswith("{")]


def items_of(api: str, body: bytes) -> list[Any]:
    """What a reply consists of, as the wire has it, less reasoning that leads to nothing: no server takes that back."""
    read = {MESSAGES: _blocks, RESPONSES: _outputs, CHAT: _chat}.get(api, _parts)
    items = list(read(documents(body)))
    while items and items[-1].get("type") in ("thinking", "redacted_thinking", "reasoning"):
        items.pop()
    return items


def _blocks(events: list[Any]) -> Iterator[Any]:
    block: dict[str, Any] = {}
    for event in events:
        if event["type"] == "content_block_start":
            block = event["content_block"]
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            block |= {key: value for key, value in delta.items() if key == "signature"}
            if "citation" in delta:
                block.setdefault("citations", []).append(delta["citation"])
        elif event["type"] == "content_block_stop":
            yield block
        yield from event.get("content", ())
        yield from event.get("message", {}).get("content", ())


def _outputs(events: list[Any]) -> Iterator[Any]:
    done = [event["item"] for event in events if event.get("type") == "response.output_item.done"]
    yield from done or events[-1].get("response", events[-1]).get("output", ())


def _parts(objects: list[Any]) -> Iterator[Any]:
    for each in objects:
        candidates = each.get("response", each).get("candidates") or [{}]
        yield from candidates[0].get("content", {}).get("parts", ())


def _chat(chunks: list[Any]) -> Iterator[Any]:
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                said = choice.get("delta") or choice.get("message") or {}
                # Sound goes back by its id alone.
                yield {**said, "audio": {"id": said["audio"].get("id")}} if said.get("audio") else said


# By dialect, the keys whose values a provider wants back to the letter.
WANTED: Final[dict[str, frozenset[str]]] = {
    MESSAGES: frozenset({"signature", "data", "id", "tool_use_id", "encrypted_content", "encrypted_index"}),
    RESPONSES: frozenset({"id", "call_id", "encrypted_content"}),
    GEMINI: frozenset({"thoughtSignature", "thought_signature", "id"}),
    CODE_ASSIST: frozenset({"thoughtSignature", "id"}),
    CHAT: frozenset({"id", "signature", "data", "reasoning_opaque"}),
}


def strings(value: Any, keys: frozenset[str]) -> Iterator[str]:
    """The strings under these keys, wherever they stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str):
                if key in keys and inner:
                    yield inner
            else:
                yield from strings(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, keys)


def sent_again(codec: Any, model: Any, reply: LlmResponse | AssistantMessage) -> Any:
    """The body of the request that goes on from a reply."""
    message = reply.message if isinstance(reply, LlmResponse) else reply
    calls = [part for part in message.content if isinstance(part, ToolCallPart)]
    messages: list[Message] = [UserMessage("Begin."), message]
    messages += [ToolResultMessage(call.id, "done", call.name) for call in calls]
    request = LlmRequest([*messages, UserMessage("Go on.")], tools=TOOLS)
    return json.loads(codec.encode(request, model).body)


@given(ANY, st.data())
def test_a_scripted_reply_goes_back_with_its_ids_signatures_and_encrypted_reasoning(
    target: Target, data: st.DataObject
) -> None:
    model = data.draw(st.sampled_from(target.models))
    who = native(target, model)
    answer = render(who, data.draw(scripts(who, 1, NAMES)), stream=data.draw(st.booleans()))
    keys = WANTED[target.api]
    if target.dialect == "mistral":  # whose ids are nine letters and digits, which those of a script are not
        keys = keys - {"id"}
    body = sent_again(target.codec(model.spec), model.spec, who.read(answer.status, answer.headers, answer.body))
    assert set(strings(items_of(target.api, answer.body), keys)) <= set(strings(body, keys))


@pytest.mark.parametrize("api", [CHAT, RESPONSES, MESSAGES, GEMINI])
def test_a_recorded_reply_goes_back_with_its_ids_signatures_and_encrypted_reasoning(api: str) -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    who = Speaker(api, "its provider", "its-model")
    seen = 0
    for item in read_items(folder / api):
        reply = who.read(item.meta["status"], item.headers, item.body)
        if item.meta["status"] != 200 or reply.error is not None:
            continue
        items = items_of(api, item.body)
        if any(each.get("type") == "reasoning" and not each.get("encrypted_content") for each in items):
            continue  # nobody but a server that stores it knows it again, nor the ids of what it led to (WIRE 1h)
        wanted = set(strings(items, WANTED[api]))
        body = sent_again(CODECS[api], "its-model", reply)
        lost = wanted - set(strings(body, WANTED[api]))
        assert not lost, f"{item.name} lost {lost}"
        seen += bool(wanted)
    assert seen > 40


# --- what was said before --------------------------------------------------------------------------------------------


def turns(messages: list[Message]) -> Iterator[int]:
    """After how many messages a model can be asked: when a user has spoken, or every call has its result."""
    open: set[str] = set()
    for number, message in enumerate(messages, 1):
        if isinstance(message, AssistantMessage):
            open = {part.id for part in message.content if isinstance(part, ToolCallPart)}
        elif isinstance(message, ToolResultMessage):
            if message.tool_call_id in open and len(open) == 1:  # a result of no call gives nobody his turn
                yield number
            open.discard(message.tool_call_id)
        elif isinstance(message, UserMessage):
            open = set()
            yield number


def said(target: Target, body: Any) -> Any:
    """The conversation in a body."""
    inner = body.get("request", body)
    return _without(next(inner[key] for key in ("messages", "input", "contents") if key in inner), MARKERS)


@given(ANY, st.sampled_from(["none", "short", "long"]), st.booleans(), st.data())
def test_a_longer_conversation_begins_with_the_shorter_one_wherever_it_came_from(
    target: Target, retention: Any, pure: bool, data: st.DataObject
) -> None:
    model = data.draw(st.sampled_from(target.models))
    knobs = target.knobs - model.lacks
    talk = data.draw(talks(target, model, knobs, NAMES, pure=pure))
    options = ProviderOptions(cache_retention=retention)
    codec = target.codec(model.spec)
    before: tuple[Message, ...] = ()
    bodies: list[Any] = []
    for number in turns(talk.messages):
        messages = tuple(talk.messages[:number])
        if talk.loose:
            messages = handoff(messages, target.handle, model.spec).messages
            assert messages[: len(before)] == before
            before = messages
        if not all(isinstance(message, CustomMessage) for message in messages):
            request = LlmRequest(messages, tools=TOOLS, options=options)
            bodies.append(said(target, json.loads(codec.encode(request, model.spec).body)))
    for one, other in zip(bodies, bodies[1:], strict=False):
        assert _not_grown(one, other, "$") is None
