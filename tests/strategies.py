"""What hypothesis tries: requests with every part and knob, scripted replies, cuts of bytes, JSON with odd values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from lash_proto.codecs._blocks import made_up_id
from lash_proto.failures import Failure
from lash_proto.faux import FauxError, FauxReply
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    JsonObject,
    JsonSchema,
    LlmRequest,
    Message,
    OpaquePart,
    Origin,
    ProviderOptions,
    ProviderTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.replies import (
    Attempt,
    AttemptReset,
    LlmResponse,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from lash_proto.usage import LlmUsage
from lash_proto.values import UNSET, Value

# --- pieces ----------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
SPOKEN = st.one_of(
    WORDS, st.sampled_from(["Grüße, 世界 😀", 'a "quoted"\nline', "data: x\n\n", "\u2028", "{", "]]"]), TEXTS
)
"""Text that someone says, with what trips up readers of event streams and of JSON."""
BLOBS = st.binary(min_size=1, max_size=12)
COUNTS = st.integers(0, 100_000)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)
SCHEMAS = st.builds(
    lambda names: {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    },
    st.lists(WORDS, unique=True, max_size=3),
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """This or None."""
    return st.none() | strategy


# --- parts and messages ----------------------------------------------------------------------------------------------

ORIGINS = st.builds(Origin, maybe(WORDS), WORDS, maybe(WORDS))
TEXT_PARTS = st.builds(TextPart, SPOKEN, st.booleans())
IMAGE_PARTS = st.builds(ImagePart, BLOBS, st.sampled_from(["image/png", "image/jpeg"]), cache_breakpoint=st.booleans())
DOCUMENT_PARTS = st.builds(DocumentPart, BLOBS, st.just("application/pdf"), name=maybe(WORDS)) | st.builds(
    DocumentPart, text=WORDS, context=maybe(WORDS)
)
AUDIO_PARTS = st.builds(AudioPart, BLOBS, st.just("audio/wav"))


@st.composite
def tool_calls(draw: st.DrawFn, tools: list[str] | None = None) -> ToolCallPart:
    """A call as a model makes it: its arguments are what its text says."""
    name = draw(st.sampled_from(tools) if tools else WORDS)
    arguments = draw(OBJECTS)
    raw = json.dumps(arguments, ensure_ascii=draw(st.booleans()))
    return ToolCallPart(f"call_{draw(st.integers(1, 10**9))}", name, json.loads(raw), raw)


ODD_PARTS = st.one_of(
    st.builds(TextPart, TEXTS, st.booleans(), maybe(WORDS), st.tuples(OBJECTS), ORIGINS, maybe(OBJECTS)),
    st.builds(ImagePart, maybe(BLOBS), maybe(WORDS), maybe(WORDS), maybe(WORDS), maybe(WORDS), st.booleans()),
    st.builds(DocumentPart, maybe(BLOBS), maybe(WORDS), maybe(TEXTS), citations=st.booleans(), origin=maybe(ORIGINS)),
    st.builds(AudioPart, maybe(BLOBS), maybe(WORDS), maybe(TEXTS), maybe(WORDS), maybe(WORDS)),
    st.builds(ToolCallPart, WORDS, WORDS, OBJECTS, TEXTS, maybe(TEXTS), st.sampled_from(["function", "custom"])),
    st.builds(ReasoningPart, TEXTS, maybe(ORIGINS), maybe(OBJECTS)),
    st.builds(RefusalPart, TEXTS, maybe(ORIGINS), maybe(OBJECTS)),
    st.builds(OpaquePart, WORDS, OBJECTS, maybe(ORIGINS)),
)
"""Every kind of part with every field: what has a JSON form, if no sense."""

USAGES = st.builds(LlmUsage, COUNTS, COUNTS, COUNTS, COUNTS, maybe(COUNTS), COUNTS, COUNTS, maybe(OBJECTS))
FAILURES = st.builds(
    Failure,
    st.sampled_from(["server", "timeout", "other"]),
    TEXTS,
    maybe(st.integers(400, 599)),
    maybe(WORDS),
    maybe(WORDS),
    st.booleans(),
    maybe(st.floats(0, 1e6)),
    JSON,
)
STOPS = st.sampled_from(["stop", "length", "tool_use", "refusal", "content_filter", "pause", "error", "aborted"])
ODD_MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(UserMessage, TEXTS | st.lists(ODD_PARTS, max_size=3)),
    st.builds(AssistantMessage, st.lists(ODD_PARTS, max_size=3), maybe(STOPS), maybe(USAGES), maybe(FAILURES)),
    st.builds(ToolResultMessage, WORDS, TEXTS | st.lists(ODD_PARTS, max_size=2), maybe(WORDS), st.booleans()),
    st.builds(CustomMessage, WORDS, JSON),
)


def unset(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """This or UNSET."""
    return st.just(UNSET) | strategy


SECONDS = unset(maybe(st.floats(0, 1e6)))
OPTIONS = st.builds(
    ProviderOptions,
    cache_retention=unset(st.sampled_from(["none", "short", "long"])),
    reasoning=unset(maybe(st.sampled_from(["off", "minimal", "low", "medium", "high", "xhigh", "max"]) | COUNTS)),
    expose_thinking=unset(st.booleans()),
    parallel_tool_calls=unset(maybe(st.booleans())),
    service_tier=unset(maybe(WORDS)),
    extra_body=unset(maybe(OBJECTS)),
    extra_headers=unset(maybe(st.dictionaries(WORDS, maybe(WORDS), max_size=2))),
    connect_timeout=SECONDS,
    first_event_timeout=SECONDS,
    idle_timeout=SECONDS,
    reasoning_idle_timeout=SECONDS,
    total_timeout=SECONDS,
    max_retries=unset(st.integers(0, 9)),
    retry_base_delay=unset(st.floats(0, 10)),
    retry_max_delay=unset(st.floats(0, 100)),
    retry_after_limit=SECONDS,
    throttle_budget=SECONDS,
    retry_after_output=unset(st.booleans()),
)
TOOLS = st.builds(ToolDefinition, WORDS, TEXTS, maybe(SCHEMAS), maybe(st.booleans()))
OUTPUTS = st.builds(JsonObject) | st.builds(JsonSchema, WORDS, SCHEMAS, st.booleans())
REQUESTS = st.builds(
    LlmRequest,
    st.lists(ODD_MESSAGES, max_size=3),
    maybe(TEXTS | st.lists(TEXT_PARTS, max_size=2)),
    st.lists(TOOLS | st.builds(ProviderTool, OBJECTS), max_size=2),
    maybe(WORDS),
    maybe(OUTPUTS),
    maybe(COUNTS),
    maybe(st.floats(0, 2)),
    maybe(st.floats(0, 1)),
    st.lists(WORDS, max_size=2),
    maybe(COUNTS),
    maybe(WORDS),
    maybe(WORDS),
    maybe(st.dictionaries(WORDS, WORDS, max_size=2)),
    OPTIONS,
)
"""Requests with every field: what has a JSON form, and what encoders may refuse but must not fall over."""


@st.composite
def conversations(draw: st.DrawFn) -> LlmRequest:
    """A conversation as agents have it: calls are answered, and no knob is one that only some dialects have."""
    tools = draw(st.lists(TOOLS, min_size=1, max_size=3, unique_by=lambda tool: tool.name))
    names = [tool.name for tool in tools]
    user = TEXT_PARTS.filter(lambda part: part.text.strip()) | IMAGE_PARTS
    messages: list[Message] = []
    for _ in range(draw(st.integers(1, 4))):
        messages.append(UserMessage(draw(WORDS | st.lists(user, min_size=1, max_size=3))))
        calls = draw(st.lists(tool_calls(names), max_size=2, unique_by=lambda call: call.id))
        said = draw(st.lists(st.builds(TextPart, WORDS), min_size=0 if calls else 1, max_size=2))
        messages.append(AssistantMessage([*said, *calls]))
        messages += [
            ToolResultMessage(call.id, draw(WORDS), name=call.name, is_error=draw(st.booleans())) for call in calls
        ]
    messages.append(UserMessage("Go on."))
    return LlmRequest(messages, draw(maybe(WORDS)), tuple(tools), draw(st.sampled_from([None, "auto", *names])))


# --- replies ---------------------------------------------------------------------------------------------------------

ATTEMPTS = st.builds(
    Attempt,
    COUNTS,
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    failure=maybe(FAILURES),
    output=st.booleans(),
    usage=maybe(USAGES),
    retry_in=maybe(st.floats(0, 1e9)),
    counted=st.booleans(),
)
RESPONSES = st.builds(
    LlmResponse,
    st.lists(ODD_PARTS, max_size=2).map(tuple),
    STOPS,
    maybe(WORDS),
    maybe(USAGES),
    maybe(WORDS),
    maybe(WORDS),
    maybe(WORDS),
    maybe(WORDS),
    maybe(FAILURES),
    st.lists(TEXTS, max_size=2).map(tuple),
    st.lists(ATTEMPTS, max_size=2).map(tuple),
    maybe(WORDS),
    st.lists(st.tuples(WORDS, TEXTS), max_size=2).map(tuple),
)
EVENTS: st.SearchStrategy[Value] = st.one_of(
    st.builds(ResponseStart, maybe(WORDS), maybe(WORDS)),
    st.builds(TextStart, COUNTS),
    st.builds(TextDelta, COUNTS, TEXTS),
    st.builds(TextEnd, COUNTS, st.builds(TextPart, TEXTS)),
    st.builds(ReasoningStart, COUNTS),
    st.builds(ReasoningDelta, COUNTS, TEXTS),
    st.builds(ReasoningEnd, COUNTS, st.builds(ReasoningPart, TEXTS)),
    st.builds(ToolCallStart, COUNTS, WORDS, WORDS),
    st.builds(ToolCallDelta, COUNTS, TEXTS),
    st.builds(ToolCallEnd, COUNTS, tool_calls()),
    st.builds(PartAdded, COUNTS, ODD_PARTS),
    st.builds(UsageUpdate, USAGES),
    st.builds(AttemptReset, COUNTS, FAILURES),
    st.builds(ResponseEnd, RESPONSES),
)

_FAUX_ERRORS = st.builds(
    FauxError,
    st.sampled_from(["server", "overloaded", "rate_limit", "invalid_request", "authentication"]),
    WORDS,
    maybe(st.sampled_from([400, 401, 429, 500, 503])),
    maybe(st.integers(1, 90).map(float)),
)


@st.composite
def faux_replies(draw: st.DrawFn, *, whole: bool = False) -> FauxReply:
    """A reply of any kind; `whole`: with neither error nor cut."""
    said = st.builds(TextPart, SPOKEN.filter(bool))
    thought = st.builds(ReasoningPart, SPOKEN.filter(bool))
    content = draw(st.lists(said | thought | tool_calls(), max_size=4))
    ids = [part.id for part in content if isinstance(part, ToolCallPart)]
    content = [part for part in content if not isinstance(part, ToolCallPart) or ids.count(part.id) == 1]
    total = draw(maybe(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS)))
    usage = None if total is None else LlmUsage(total[0], total[1], 0, total[2] + total[3], total[3])
    return FauxReply(
        content,
        usage=usage,
        error=None if whole else draw(maybe(_FAUX_ERRORS)),
        cut_after=None if whole else draw(maybe(st.integers(0, 8))),
        piece=draw(st.integers(1, 20)),
        id=made_up_id(None, draw(COUNTS), "faux"),
    )


# --- bytes -----------------------------------------------------------------------------------------------------------


@st.composite
def cuts(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """The body in pieces, empty ones among them."""
    places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


@st.composite
def odd_json(draw: st.DrawFn, value: Any) -> Any:
    """The value with one value inside it replaced, or one key or item gone."""
    places: list[tuple[Any, Any]] = []
    copied = json.loads(json.dumps(value))

    def walk(each: Any, put: Callable[[Any], None]) -> None:
        places.append((each, put))
        if isinstance(each, dict):
            for key in list(each):
                walk(each[key], lambda new, each=each, key=key: each.__setitem__(key, new))  # type: ignore[misc]
        elif isinstance(each, list):
            for i in range(len(each)):
                walk(each[i], lambda new, each=each, i=i: each.__setitem__(i, new))  # type: ignore[misc]

    box = [copied]
    walk(copied, lambda new: box.__setitem__(0, new))
    each, put = places[draw(st.integers(0, len(places) - 1))]
    if isinstance(each, dict) and each and draw(st.booleans()):
        del each[draw(st.sampled_from(sorted(each)))]
    else:
        put(draw(JSON))
    return box[0]
