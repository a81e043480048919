"""What the faux server is to say, and what a vendor's SDK must then have seen.

A scenario is one reply, made for the dialect that asks; the model's name chooses it, so that the server needs no order.
What a reader must see is written down here in the provider's own words, from its documentation; texts, calls and
counts are the script's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import frozen

from lash_proto.faux import FauxCall, FauxError, FauxReply
from lash_proto.messages import ImagePart, OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from lash_proto.usage import LlmUsage

CHAT, RESPONSES = "openai-completions", "openai-responses"
ANTHROPIC, GOOGLE = "anthropic-messages", "google-generative-ai"
ALL = (CHAT, RESPONSES, ANTHROPIC, GOOGLE)

UNICODE = (
    "Grüße, 世界! 👩\u200d🚀 family 👨\u200d👩\u200d👧\u200d👦 flag 🇵🇹 e\u0301 "
    "line\u2028para\u2029next\u0085end\ufeff bom\u00a0nbsp \u202eRTL\u202c "
    'quote " slash \\ tab\t nul-free <b>&amp;=\'</b> data: [DONE]\n\nevent: error\r\ndata: {"error": 1}\r'
)
LONG = "".join(f"Line {number}: the quick brown fox jumps over the lazy dog. 🦊\n" for number in range(2000))
WEATHER = {"city": "Lisbon", "celsius": 24.5, "sky": "clear ☀️"}
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBmYXV4IHNlcnZlcg=="
MESSAGE = "It will not do: 🙃 “no”."
SOURCE = "https://example.org/fox"

# What is sent with a thought or a call so that it can be sent back, in each dialect's word.
_SEALS = {ANTHROPIC: "signature", RESPONSES: "encrypted_content", GOOGLE: "thoughtSignature"}


@frozen
class Scenario:
    """`make(api)` is the reply. `streams` of one kind only where a reply makes no sense in the other."""

    name: str
    make: Callable[[str], FauxReply]
    apis: tuple[str, ...] = ALL
    only_streams: bool = False

    def reply(self, api: str) -> FauxReply:
        """The reply as the dialect tells it."""
        return self.make("google-generative-ai" if api == "google-code-assist" else api)


def answer(call: FauxCall) -> FauxReply:
    """The script of the faux server: the model's name is the scenario's."""
    return SCENARIOS[call.model].reply(call.api)


def _said(*content: Part | str, **more: Any) -> Callable[[str], FauxReply]:
    parts = tuple(TextPart(part) if isinstance(part, str) else part for part in content)
    return lambda _: FauxReply(parts, **more)


def _reasoned(api: str) -> FauxReply:
    sealed = {_SEALS[api]: SIGNATURE} if api in _SEALS else None
    thought = ReasoningPart("First I think.\nThen I think again: 🤔", provider_data=sealed)
    return FauxReply((thought, TextPart("Then I speak.")), usage=LlmUsage(20, output_tokens=30, reasoning_tokens=11))


def _redacted(_: str) -> FauxReply:
    hidden = ReasoningPart(provider_data={"type": "redacted_thinking", "data": SIGNATURE})
    return FauxReply((hidden, TextPart("I thought something.")))


def _called(api: str) -> FauxReply:
    sealed = {_SEALS[api]: SIGNATURE} if api == GOOGLE else None
    nested = {"path": "C:\\x\n\u2028", "lines": [1, 2.5, None, True], "deep": {"a": {"b": ["é", "🎈"]}}, "n": -0.5}
    first = ToolCallPart("call_one", "weather", {"city": "São Paulo 🌧️"}, provider_data=sealed)
    second, third = (
        ToolCallPart("call_two", "edit_file", nested),
        ToolCallPart("call_three", "weather", {"city": "Oslo"}),
    )
    return FauxReply((TextPart("Let me look. "), first, second, third))


def _cited(api: str) -> FauxReply:
    citation: dict[str, Any] = {"type": "url_citation", "url": SOURCE, "title": "Fox", "start_index": 0, "end_index": 7}
    if api == CHAT:
        citation = {"type": "url_citation", "url_citation": {k: v for k, v in citation.items() if k != "type"}}
    elif api == ANTHROPIC:
        citation = {
            "type": "web_search_result_location",
            "url": SOURCE,
            "title": "Fox",
            "encrypted_index": "ZQ==",
            "cited_text": "A fox.",
        }
    return FauxReply((TextPart("A fox is quick.", citations=(citation,)),))


def _searched(api: str) -> FauxReply:
    """A tool that the provider runs itself, between two texts."""
    found = {"type": "web_search_result", "url": SOURCE, "title": "Fox", "encrypted_content": "ZQ==", "page_age": None}
    blocks: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
        ANTHROPIC: (
            (
                "server_tool_use",
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "fox 🦊"}},
            ),
            (
                "web_search_tool_result",
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]},
            ),
        ),
        RESPONSES: (
            (
                "web_search_call",
                {"status": "completed", "action": {"type": "search", "query": "fox 🦊", "sources": []}},
            ),
        ),
        GOOGLE: (
            ("executableCode", {"executableCode": {"language": "PYTHON", "code": "print('🦊')"}}),
            ("codeExecutionResult", {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "🦊\n"}}),
        ),
    }
    return FauxReply((TextPart("I search. "), *(OpaquePart(*block) for block in blocks[api]), TextPart("I found it.")))


def _fails(
    kind: Any, status: int | None, retry_after: float | None = None, after: str = ""
) -> Callable[[str], FauxReply]:
    error = FauxError(kind, MESSAGE, status, retry_after)
    return _said(*([after] if after else []), error=error)


_LIST = [
    Scenario("text", _said("The quick brown fox jumps over the lazy dog.")),
    Scenario("unicode", _said(UNICODE, piece=1)),
    Scenario("long", _said(LONG, piece=40)),
    Scenario("empty", _said()),
    Scenario("reasoning", _reasoned),
    Scenario("tools", _called),
    Scenario("no-arguments", _said(ToolCallPart("call_bare", "now"))),
    Scenario(
        "custom", _said(ToolCallPart("call_c", "sql", raw_arguments="SELECT '🦊'\n", kind="custom")), (CHAT, RESPONSES)
    ),
    Scenario("cache", _said("Cached.", usage=LlmUsage(7, 1100, 300, 40, 16))),
    Scenario("no-usage", _said("Uncounted.", usage=None), (CHAT, RESPONSES, GOOGLE)),
    Scenario("structured", _said(json.dumps(WEATHER, ensure_ascii=False))),
    Scenario("length", _said("And so on and", stop_reason="length")),
    Scenario("refusal", _said(RefusalPart("I will not. 🙅")), (CHAT, RESPONSES, ANTHROPIC)),
    Scenario("filtered", _said("Once upon", stop_reason="content_filter"), (CHAT, RESPONSES, GOOGLE)),
    Scenario("blocked", _said(stop_reason="content_filter", usage=LlmUsage(9)), (GOOGLE,)),
    Scenario("redacted", _redacted, (ANTHROPIC,)),
    Scenario("picture", _said(ImagePart(b"\x89PNG", "image/png")), (RESPONSES, GOOGLE)),
    Scenario("citation", _cited, (CHAT, RESPONSES, ANTHROPIC)),
    Scenario("server-tool", _searched, (RESPONSES, ANTHROPIC, GOOGLE)),
    Scenario("error-400", _fails("invalid_request", 400)),
    Scenario("error-401", _fails("authentication", 401)),
    Scenario("error-404", _fails("not_found", 404)),
    Scenario("error-429", _fails("rate_limit", 429, 7)),
    Scenario("error-529", _fails("overloaded", 529)),
    Scenario("error-in-stream", _fails("overloaded", None, after="So far so good"), only_streams=True),
    Scenario("cut", _said("The quick brown fox jumps over the lazy dog.", piece=4, cut_after=8), only_streams=True),
]
SCENARIOS = {scenario.name: scenario for scenario in _LIST}

_STOPS = {
    CHAT: {"stop": "stop", "tool_use": "tool_calls", "length": "length", "content_filter": "content_filter"},
    RESPONSES: {
        "stop": "completed",
        "tool_use": "completed",
        "length": "max_output_tokens",
        "content_filter": "content_filter",
    },
    ANTHROPIC: {"stop": "end_turn", "tool_use": "tool_use", "length": "max_tokens"},
    GOOGLE: {"stop": "STOP", "tool_use": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"},
}

# The SDK's class, and the provider's word for it: OpenAI's `type`, Anthropic's `type`, Google's `status`.
_ERRORS = {
    "error-400": ("BadRequestError", "invalid_request_error", "INVALID_ARGUMENT"),
    "error-401": ("AuthenticationError", "authentication_error", "UNAUTHENTICATED"),
    "error-404": ("NotFoundError", "not_found_error", "NOT_FOUND"),
    "error-429": ("RateLimitError", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    "error-529": ("InternalServerError", "overloaded_error", "UNAVAILABLE"),
    "error-in-stream": ("OverloadedError", "overloaded_error", "UNAVAILABLE"),
}
_OPENAI_TYPES = {
    "error-401": "invalid_request_error",
    "error-404": "invalid_request_error",
    "error-429": "tokens",
    "error-529": "service_unavailable_error",
    "error-in-stream": "service_unavailable_error",
}

# What eight events hold of a text in pieces of four: a dialect has its own number of events before the first.
_CUT = {
    CHAT: "The quick brown fox jumps ov",
    RESPONSES: "The quick brown ",
    ANTHROPIC: "The quick brown fox ",
    GOOGLE: "The quick brown fox jumps over t",
}
BROKEN = "an error that says that the stream broke off"


def scripted(scenario: Scenario, api: str) -> dict[str, Any]:
    """What a reader must have seen, field by field; a field that the dialect has no word for is left out."""
    reply = scenario.reply(api)
    error = _error(scenario, reply, api)
    parts = reply.content
    seen: dict[str, Any] = {"error": error, "misfits": []}
    if reply.error is not None and reply.error.status is not None:
        return seen
    texts, thoughts = _joined(parts, TextPart), _joined(parts, ReasoningPart)
    calls = [
        [part.id, part.name, part.raw_arguments if part.kind == "custom" else dict(part.arguments)]
        for part in parts
        if isinstance(part, ToolCallPart)
    ]
    seen |= {"text": texts, "reasoning": thoughts, "calls": calls, "id": reply.id, "model": scenario.name}
    seen["refusal"] = _joined(parts, RefusalPart)
    if reply.cut_after is not None:
        seen |= {"text": _CUT[api], "error": BROKEN}
    if api != CHAT:
        # Anthropic's refusal is no block: it stands beside the content.
        blocks = parts if api != ANTHROPIC else [part for part in parts if not isinstance(part, RefusalPart)]
        seen["blocks"] = [_block(part, api) for part in blocks]
        seals = [(getattr(part, "provider_data", None) or {}).get(_SEALS[api]) for part in parts]
        seen["seals"] = [seal for seal in seals if seal is not None]
    if reply.error is not None and api == RESPONSES:
        seen["failed"] = ["failed", "server_is_overloaded", reply.error.message]
    if reply.error is not None or reply.cut_after is not None:
        return seen
    stop = "refusal" if api == ANTHROPIC and seen["refusal"] else _STOPS[api][reply.stop]
    seen |= {
        "stop": stop,
        "usage": _usage(reply.usage, api),
        "citations": [SOURCE] if scenario.name == "citation" else [],
    }
    if scenario.name == "blocked":
        seen["stop"] = "SAFETY"
    if scenario.name == "structured":
        seen["parsed"] = WEATHER
    return seen


def _joined(parts: tuple[Part, ...], kind: type[Any]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kind))


def _error(scenario: Scenario, reply: FauxReply, api: str) -> dict[str, Any] | None:
    error = reply.error
    if error is None:
        return None
    name, word, google_word = _ERRORS[scenario.name]
    if api in (CHAT, RESPONSES):
        word = _OPENAI_TYPES.get(scenario.name, word)
    elif api == GOOGLE:
        name, word = ("ServerError" if error.status is None or error.status >= 500 else "ClientError"), google_word
    elif scenario.name == "error-529":
        name = "OverloadedError"
    status = error.status
    if status is None:  # Google's error objects name one themselves, and OpenAI's SDK has no class without one
        status = 503 if api == GOOGLE else None
        name = "APIError" if api in (CHAT, RESPONSES) else name
    seen: dict[str, Any] = {"class": name, "word": word, "message": error.message, "status": status}
    if error.retry_after is not None:
        seen["retry_after"] = f"{error.retry_after:g}s" if api == GOOGLE else f"{error.retry_after:g}"
    return seen


def _usage(usage: LlmUsage | None, api: str) -> dict[str, Any] | None:
    if usage is None:
        return None
    seen = {
        "input": usage.input_tokens,
        "cache_read": usage.cached_input_tokens,
        "cache_write": usage.cache_write_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens or 0,
    }
    if api == GOOGLE:  # which has no word for cache writes: they are input like any other
        seen |= {"input": seen["input"] + seen["cache_write"], "cache_write": 0}
    return seen


_BLOCKS = {
    ANTHROPIC: {TextPart: "text", ReasoningPart: "thinking", ToolCallPart: "tool_use"},
    RESPONSES: {TextPart: "message", RefusalPart: "message", ReasoningPart: "reasoning", ToolCallPart: "function_call"}
    | {ImagePart: "image_generation_call"},
    GOOGLE: {TextPart: "text", ReasoningPart: "thought", ToolCallPart: "function_call", ImagePart: "inline_data"},
}


def _block(part: Part, api: str) -> str:
    if isinstance(part, OpaquePart):
        return {"executableCode": "executable_code", "codeExecutionResult": "code_execution_result"}.get(
            part.type, part.type
        )
    if isinstance(part, ToolCallPart) and part.kind == "custom":
        return "custom_tool_call"
    if isinstance(part, ReasoningPart) and part.provider_data is not None and "type" in part.provider_data:
        return str(part.provider_data["type"])
    return _BLOCKS[api][type(part)]
