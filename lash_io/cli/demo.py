"""`lash demo`: one conversation, five provider kinds, three drivers, no key and no network.

A faux server on loopback speaks each provider's real bytes; the clients that read them are the ones users get. Every
reply is held against what was scripted, and anything that is off makes the exit status 1: this is a check as well as a
show.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import attrs

from lash_proto import (
    AssistantMessage,
    LlmRequest,
    LlmResponse,
    LlmUsage,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.providers import ProviderHandle, anthropic, codex, google_oauth, openai, openai_compatible
from lash_proto.replies import ReasoningDelta, ReasoningEnd, StreamEvent, TextDelta, TextEnd, ToolCallEnd

from .. import aio, blocking
from ..faux_server import FauxServer
from .screen import Screen, open_screen, usage_line

_QUESTION = "Is it warmer in Lisbon or in Oslo right now?"

_WEATHER = ToolDefinition(
    name="weather",
    description="The temperature in a city, in degrees Celsius.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)

_PIECE = 4
_TOKENS_PER_SECOND = 40
"""What one can watch: the whole takes about fifteen seconds."""

_FIRST = FauxReply(
    (
        ReasoningPart("Two cities, two look-ups; both at once."),
        TextPart("Let me look at both."),
        ToolCallPart("call_lisbon", "weather", {"city": "Lisbon"}),
        ToolCallPart("call_oslo", "weather", {"city": "Oslo"}),
    ),
    usage=LlmUsage(input_tokens=64, cached_input_tokens=1024, output_tokens=58, reasoning_tokens=12),
    piece=_PIECE,
)

_SECOND = FauxReply(
    (TextPart("Lisbon, by far: 24 °C there, and −3 °C in Oslo. 🌞"),),
    usage=LlmUsage(input_tokens=41, cached_input_tokens=1152, output_tokens=21, reasoning_tokens=0),
    piece=_PIECE,
)

_ANSWERS = {"Lisbon": "24", "Oslo": "-3"}


def _kinds(url: str) -> list[tuple[str, ProviderHandle, str]]:
    """The five kinds with a model each. The keys are made up: the server asks for none."""
    return [
        ("openai", openai("demo"), "gpt-5.6"),
        ("openai-compatible", openai_compatible("demo", base_url=f"{url}/v1"), "qwen3-coder"),
        ("codex", codex("demo", account_id="demo"), "gpt-5.6-codex"),
        ("anthropic", anthropic("demo"), "claude-opus-5"),
        ("google_oauth", google_oauth("demo", project="demo"), "gemini-3-pro"),
    ]


class _Conversation:
    """The conversation as one driver sees it: what to ask next, and what was off in what came."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.messages: list[Any] = [UserMessage(_QUESTION)]
        self.replies: list[LlmResponse] = []
        self.faults: list[str] = []
        self._open = False

    def request(self) -> LlmRequest:
        return LlmRequest(self.messages, tools=(_WEATHER,), system="Answer in one short sentence.")

    def show(self, event: StreamEvent) -> None:
        if isinstance(event, TextDelta):
            self.screen.piece(event.text)
            self._open = True
        elif isinstance(event, ReasoningDelta):
            self.screen.piece(event.text, "dim italic")
            self._open = True
        elif isinstance(event, (ReasoningEnd, TextEnd)):
            self._end_line()
        elif isinstance(event, ToolCallEnd):
            call = event.tool_call
            self.screen.line(f"  -> {call.name}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})", "cyan")

    def take(self, response: LlmResponse, script: FauxReply) -> None:
        self._end_line()
        self.screen.line(f"  {usage_line(response)}", "dim")
        self.faults += _faults(response, script)
        self.replies.append(response)
        self.messages.append(AssistantMessage(response.content, stop_reason=response.stop_reason))
        for call in response.tool_calls:
            city = str(call.arguments.get("city"))
            degrees = _ANSWERS.get(city, "?")
            self.screen.line(f"  <- {city}: {degrees}", "cyan")
            self.messages.append(ToolResultMessage(call.id, degrees, name=call.name))

    def _end_line(self) -> None:
        if self._open:
            self.screen.line()
            self._open = False


def _faults(response: LlmResponse, script: FauxReply) -> list[str]:
    """What the client read otherwise than it was scripted."""
    told, usage = script.usage, response.usage
    assert told is not None
    wanted = {
        "text": "".join(p.text for p in script.content if isinstance(p, TextPart)),
        "reasoning": "".join(p.text for p in script.content if isinstance(p, ReasoningPart)),
        "calls": [(p.name, p.arguments) for p in script.content if isinstance(p, ToolCallPart)],
        "stop": script.stop,
        "error": None,
        "usage": (told.input_tokens, told.cached_input_tokens, told.cache_write_tokens, told.output_tokens),
        "reasoning tokens": told.reasoning_tokens,
    }
    found = {
        "text": response.text,
        "reasoning": response.reasoning,
        "calls": [(p.name, p.arguments) for p in response.tool_calls],
        "stop": response.stop_reason,
        "error": response.error,
        "usage": usage
        and (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens, usage.output_tokens),
        "reasoning tokens": usage and usage.reasoning_tokens,
    }
    return [f"{key}: {found[key]!r} instead of {wanted[key]!r}" for key in wanted if found[key] != wanted[key]]


def _blocking(handle: ProviderHandle, model: str, talk: _Conversation) -> None:
    with blocking.Client(handle, model=model) as client:
        for script in (_FIRST, _SECOND):
            with client.stream(talk.request()) as stream:
                for event in stream:
                    talk.show(event)
                talk.take(stream.response, script)


async def _aio(handle: ProviderHandle, model: str, talk: _Conversation) -> None:
    async with aio.Client(handle, model=model) as client:
        for script in (_FIRST, _SECOND):
            async with client.stream(talk.request()) as stream:
                async for event in stream:
                    talk.show(event)
                talk.take(stream.response, script)


def _asyncio(handle: ProviderHandle, model: str, talk: _Conversation) -> None:
    asyncio.run(_aio(handle, model, talk))


def _trio(handle: ProviderHandle, model: str, talk: _Conversation) -> None:
    import trio

    trio.run(_aio, handle, model, talk)


_Driver = Callable[[ProviderHandle, str, _Conversation], None]


def _drivers() -> list[tuple[str, _Driver]]:
    drivers: list[tuple[str, _Driver]] = [("blocking", _blocking), ("asyncio", _asyncio)]
    if importlib.util.find_spec("trio") is not None:
        drivers.append(("trio", _trio))
    return drivers


def demo(*, fast: bool = False) -> int:
    """Run the whole show; the exit status says whether all was read as scripted."""
    screen = open_screen()
    drivers = _drivers()
    rows: list[list[str]] = []
    faults: list[str] = []
    with FauxServer(tokens_per_second=None if fast else _TOKENS_PER_SECOND) as server:
        screen.line(f"One conversation, five provider kinds, {len(drivers)} drivers; no key and no network.")
        screen.line(f"A faux server at {server.url} plays the providers, byte for byte.")
        screen.line(f"The question: {_QUESTION}")
        for kind, handle, model in _kinds(server.url):
            for name, run in drivers:
                screen.heading(f"{kind} · {name} · {handle.route.codec.api}")
                server.provider = FauxProvider([_FIRST, _SECOND])
                before = server.connections
                talk = _Conversation(screen)
                try:
                    run(server.aim(handle), model, talk)
                except BrokenPipeError:  # of our own output: a client's would be an APIConnectionError
                    raise
                except Exception as error:
                    talk.faults.append(f"{type(error).__name__}: {error}")
                if server.connections != before + 1:
                    talk.faults.append(f"connections: {server.connections - before} instead of 1")
                faults += [f"{kind}, {name}: {fault}" for fault in talk.faults]
                rows.append(_row(kind, name, talk))
    screen.table("What came, in one vocabulary", _COLUMNS, rows)
    if len(drivers) < 3:
        screen.line("\ntrio is not installed, so its driver was left out: pip install 'lash-llm[trio]'", "yellow")
    for fault in faults:
        screen.line(f"OFF  {fault}", "bold red")
    if faults:
        screen.line("\nNot all was read as it was scripted.", "bold red")
        return 1
    screen.line("\nAll was read as it was scripted, each conversation over one connection.", "bold green")
    return 0


_COLUMNS = ["provider kind", "driver", "calls", "input", "cached", "output", "reasoning", ""]


def _row(kind: str, driver: str, talk: _Conversation) -> list[str]:
    usages = [attrs.asdict(reply.usage) for reply in talk.replies if reply.usage is not None]

    def total(*names: str) -> str:
        return str(sum(usage[name] or 0 for usage in usages for name in names))

    return [
        kind,
        driver,
        str(sum(len(reply.tool_calls) for reply in talk.replies)),
        total("input_tokens", "cached_input_tokens", "cache_write_tokens"),
        total("cached_input_tokens"),
        total("output_tokens"),
        total("reasoning_tokens"),
        "off" if talk.faults else "ok",
    ]
