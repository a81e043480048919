"""What a faux provider says, in no dialect, and who says it.

A `FauxReply` is an answer written down: parts, usage, an error, a cut. Each dialect's file renders it as the bytes that
dialect's real server would send, one chunk an event, and knows its own paths. `FauxProvider` takes a request's bytes,
finds the dialect by the path, and answers with the next reply of its script. It is a machine without time: an answer
says how long each chunk of a stream is to be waited for at a speed, and who serves it does the waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from typing import Any, ClassVar, Protocol, cast

from attrs import define, evolve, field, frozen

from ..failures import FailureKind
from ..messages import OpaquePart, Part, ReasoningPart, TextPart, ToolCallPart
from ..usage import LlmUsage, StopReason
from ..values import Headers, Json, JsonDict, Value, dump_json, header, parse_json
from .form import read_form


@frozen(weakref_slot=False, getstate_setstate=False)
class FauxError(Value):
    """An error to be told: as the HTTP response where `status` is set, else as an event inside a 200 stream.

    `body` is what that response says where the server at hand has a form of its own, not the dialect's: JSON, or a
    string for plain text. Then kind and message go unsaid.
    """

    tag: ClassVar = ("type", "faux_error")
    kind: FailureKind
    message: str = ""
    status: int | None = None
    retry_after: float | None = None
    body: Any = None


def _parts(value: str | Iterable[Part]) -> tuple[Part, ...]:
    return (TextPart(value),) if isinstance(value, str) else tuple(value)


@frozen(weakref_slot=False, getstate_setstate=False)
class FauxReply(Value):
    """One scripted answer. A string is one text; text, reasoning, tool calls, refusals, pictures and opaque parts work.

    `stop_reason` None is "tool_use" where there is a call, else "stop". `cut_after` ends the body cleanly after that
    many stream events, with nothing behind. `piece` is how many characters a delta holds. A stream of Chat Completions
    tells usage to who asks for it, and with `usage_unasked` to others too, as Mistral's server does.
    """

    tag: ClassVar = ("type", "faux_reply")
    content: tuple[Part, ...] = field(default=(), converter=_parts)
    stop_reason: StopReason | None = None
    usage: LlmUsage | None = LlmUsage(input_tokens=12, output_tokens=34)
    error: FauxError | None = None
    cut_after: int | None = None
    piece: int = 12
    id: str = "faux-1"
    model: str | None = None
    usage_unasked: bool = False

    @property
    def stop(self) -> StopReason:
        """The stop reason, worked out where the script leaves it open."""
        if self.stop_reason is not None:
            return self.stop_reason
        return "tool_use" if any(isinstance(part, ToolCallPart) for part in self.content) else "stop"

    def pieces(self, text: str) -> list[str]:
        """A text in the pieces that deltas carry."""
        return [text[i : i + self.piece] for i in range(0, len(text), self.piece)]


@frozen(weakref_slot=False)
class FauxCall:
    """A request as the provider reads it. Credentials in its headers read `***`."""

    api: str
    model: str
    stream: bool
    body: Json
    path: str = ""
    headers: Headers = ()


@frozen(weakref_slot=False)
class Answer:
    """A response as bytes: a chunk an event, the whole body in one chunk where it is not a stream.

    `tokens` is how much of the reply each chunk of a stream tells; empty where nothing is paced.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    chunks: tuple[bytes, ...]
    tokens: tuple[int, ...] = ()

    @property
    def body(self) -> bytes:
        """All chunks together."""
        return b"".join(self.chunks)

    def waits(self, tokens_per_second: float | None) -> tuple[float, ...]:
        """How many seconds to wait before each chunk, so that the reply comes at this speed; None: at once."""
        if tokens_per_second is None or not self.tokens:
            return (0.0,) * len(self.chunks)
        return tuple(count / tokens_per_second for count in self.tokens)


def check_speed(tokens_per_second: float | None) -> float | None:
    """The speed; ValueError for one at which nothing would ever come."""
    if tokens_per_second is not None and not tokens_per_second > 0:
        raise ValueError(f"tokens_per_second {tokens_per_second!r}: it must be above 0")
    return tokens_per_second


def count_tokens(said: Json, names: Collection[str]) -> int:
    """The tokens in the strings that stand under one of these names, however deep; four characters are a token."""
    total = 0
    if isinstance(said, list):
        for each in cast("list[Json]", said):
            total += count_tokens(each, names)
    elif isinstance(said, dict):
        for name, value in cast("JsonDict", said).items():
            total += -(-len(value) // 4) if isinstance(value, str) and name in names else count_tokens(value, names)
    return total


class FauxDialect(Protocol):
    """What a file of this room offers."""

    def recognise(self, method: str, path: str, body: Json) -> FauxCall | None:
        """The call, where method and path (with query) are this dialect's; else None."""
        ...

    def render(self, reply: FauxReply, call: FauxCall) -> Answer:
        """The reply in this dialect's bytes."""
        ...


# In the order they are asked. Each file knows its own paths; pictures and chat, which share one, differ in the body.
DIALECTS: tuple[str, ...] = (
    "anthropic_messages",
    "openai_responses",
    "openrouter_images",
    "openai_completions",
    "google",
    "openai_images",
)

Scripted = FauxReply | Callable[[FauxCall], FauxReply]


def _scripted(value: Scripted | str) -> Scripted:
    return FauxReply(value) if isinstance(value, str) else value


def _script(value: Iterable[Scripted | str]) -> list[Scripted]:
    return [_scripted(each) for each in value]


def _echo(call: FauxCall) -> FauxReply:
    return FauxReply(f"This is {call.model}, played by lash's faux provider over {call.api}.")


@define
class FauxProvider:
    """Answers requests of any dialect with the replies of a script, in order; then with `otherwise`.

    A reply may be a string, which is its text, or a function of the call. `calls` keeps what was asked.
    """

    script: list[Scripted] = field(factory=list[Scripted], converter=_script)
    otherwise: Scripted = field(default=_echo, converter=_scripted)
    calls: list[FauxCall] = field(factory=list[FauxCall])

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Answer:
        """The response to one request. `path` may hold a query and a prefix before the dialect's own path."""
        parsed: Any = read_form(header(headers, "content-type") or "", body)
        if parsed is None:
            try:
                parsed = parse_json(body.decode()) if body else None
            except ValueError:
                return _plain(400, "the request body is not JSON")
        for name in DIALECTS:
            dialect = cast("FauxDialect", import_module(f".{name}", __package__))
            call = dialect.recognise(method, path, parsed)
            if call is not None:
                call = evolve(call, path=path, headers=_without_keys(headers))
                self.calls.append(call)
                scripted = self.script.pop(0) if self.script else self.otherwise
                reply = scripted if isinstance(scripted, FauxReply) else scripted(call)
                return _in_its_own_words(dialect.render(reply, call), reply.error)
        return _plain(404, f"the faux provider knows no {method} {path}")


def _in_its_own_words(answer: Answer, error: FauxError | None) -> Answer:
    """The answer with the body that the error brings, where it brings one."""
    if error is None or error.status is None or error.body is None:
        return answer
    said = error.body if isinstance(error.body, str) else dump_json(error.body)
    kind = "text/plain" if isinstance(error.body, str) else "application/json"
    kept = [item for item in answer.headers if item[0] != "content-type"]
    return evolve(answer, headers=(("content-type", kind), *kept), chunks=(said.encode(),))


_KEYS = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})


def _without_keys(headers: Headers) -> Headers:
    return tuple((name, "***" if name.lower() in _KEYS else value) for name, value in headers)


def _plain(status: int, message: str) -> Answer:
    return Answer(status, (("content-type", "text/plain"),), (message.encode(),))


__all__ = [
    "Answer",
    "FauxCall",
    "FauxDialect",
    "FauxError",
    "FauxProvider",
    "FauxReply",
    "OpaquePart",
    "ReasoningPart",
    "Scripted",
]
