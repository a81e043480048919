"""What every decoder does the same: tell the kinds of body apart, feed what comes, and answer for how it ended.

A dialect derives from `DialectDecoder` and says what one event of its stream means (`_event`), what a whole body means
(`_body`), whether the evidence of an end was seen (`_is_complete`) and what its stop words mean (`STOPS`).

Decisions.
- The kind of body is told by status and content type and, where these say nothing or lie, by the first byte that is not
  blank: `{` and `[` begin JSON whatever the headers say, because gateways send error objects as `text/event-stream`.
- Handlers read a wire that bends every promise, so one net stands around them: a TypeError or KeyError in there is the
  peer's mistake and becomes RemoteProtocolError. What a handler stores for later it checks when it stores it.
- What comes after `ended` may add (usage) and can no longer break: a fault there is not raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, cast

from attrs import define, evolve, field

from ..failures import Failure, RemoteProtocolError, failure_of, kind_of, request_id_of
from ..messages import Origin, Part, RefusalPart, ToolCallPart
from ..models import ModelSpec
from ..replies import LlmResponse, ResponseStart, StreamEvent, UsageUpdate
from ..sse import SseParser
from ..usage import LlmUsage, StopReason
from ..values import Headers, Json, clean, header, parse_json
from ._blocks import Blocks

MAX_BODY_BYTES = 256 * 1024 * 1024
"""A body larger than this is refused, streamed or whole; pictures of tens of megabytes fit."""

MAX_ERROR_BYTES = 1024 * 1024
"""Of an error body only this much is kept, and no more is waited for."""

_BLANK = b" \t\r\n"
_FRAME = len("data: \n\n")
_BOM = b"\xef\xbb\xbf"
_BENT = (
    RemoteProtocolError,
    TypeError,
    KeyError,
    AttributeError,
    ValueError,
    IndexError,
    OverflowError,
    RecursionError,
)

_Mode = Literal["", "sse", "json", "array", "error"]


@define
class DialectDecoder:
    """One response of one dialect, as its bytes come. See `lash_proto.codec.Decoder` for the contract."""

    STOPS: ClassVar[Mapping[str, StopReason]]
    """The dialect's words for why it stopped. "tool_use" and "stop" both mean: look whether there is a call."""
    STREAMS_ARRAYS: ClassVar[bool] = False
    """Whether a body that begins with `[` is a stream of events (Gemini without `alt=sse`)."""

    api: str
    provider: str | None
    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    model_asked: ModelSpec | None

    id: str | None = field(default=None, init=False)
    model: str | None = field(default=None, init=False)
    raw_stop_reason: str | None = field(default=None, init=False)
    usage: LlmUsage | None = field(default=None, init=False)
    error: Failure | None = field(default=None, init=False)
    ended: bool = field(default=False, init=False)
    progress: int = field(default=0, init=False)
    blocks: Blocks = field(init=False)

    _mode: _Mode = field(default="", init=False)
    _streaming: bool = field(
        default=False, init=False
    )  # the mode is sse, and nothing has gone wrong or come to its end
    _sse: SseParser = field(factory=SseParser, init=False)
    _pieces: list[bytes] = field(factory=list[bytes], init=False)
    _size: int = field(default=0, init=False)
    _fault: RemoteProtocolError | None = field(default=None, init=False, eq=repr)  # exceptions compare by identity
    _deaf: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _started: bool = field(default=False, init=False)
    _understood: bool = field(default=False, init=False)
    _whole: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        spec = self.model_asked
        self.blocks = Blocks(Origin(self.provider, self.api, spec.id if spec is not None else None))

    # --- what a dialect says ---------------------------------------------------------------------------------------

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        """One event of a stream: its SSE name (`""` where none) and its parsed data."""
        raise NotImplementedError

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        """A whole JSON body of a successful response. Raises RemoteProtocolError if it is not the dialect's."""
        raise NotImplementedError

    def _is_complete(self) -> bool:
        """Whether the dialect's terminal evidence was seen (WIRE 12.1). Only asked of streams."""
        raise NotImplementedError

    def _sentinel(self, out: list[StreamEvent]) -> None:
        """`data: [DONE]`. No proof of anything; gateways add it to dialects that have none."""

    def _before_end(self, out: list[StreamEvent]) -> None:
        """The body is over; open blocks are about to be closed."""

    def _stop_reason(self, content: tuple[Part, ...]) -> StopReason:
        """Why the model stopped, by the provider's word and the content."""
        return stop_reason_of(self.raw_stop_reason, self.STOPS, content)

    def _stop_message(self, word: str) -> str:
        """What to tell where that word is an error."""
        return f"the model stopped with {word}"

    # --- the contract ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[StreamEvent]:
        """The events of these bytes. Raises RemoteProtocolError for a fault that an earlier call came upon."""
        out: list[StreamEvent] = []
        if self._streaming:
            sse = self._sse
            begun = sse.begun
            if begun and 10 not in data and 13 not in data:
                # Most reads of a few bytes: more of a line. To call the parser for it would cost half as much again.
                begun += data
                if len(begun) <= sse.limit:
                    return out
                data = b""
            # What `_guard`, `_feed` and `_take` would do, without their calls and questions, which take a tenth of an
            # event: nearly every event comes this way, and reads may be as small as 16 bytes.
            try:
                for name, text in sse.receive(data):
                    size = self._size + len(text) + _FRAME
                    try:
                        parsed = None if text == "[DONE]" or size > MAX_BODY_BYTES else parse_json(text)
                    except ValueError:
                        parsed = None
                    if parsed is None:
                        self._take(name, text, out)
                    else:
                        self._size = size
                        self._event(name, parsed, out)
            except _BENT as error:
                self._stumble(error, out)
            return out
        if self._fault is not None:
            raise self._fault
        if not self._deaf:
            self._guard(self._feed, data, out)
        return out

    def end(self) -> list[StreamEvent]:
        """The body is over: the last events, and the End of what is still open."""
        if self._fault is not None:
            raise self._fault
        out: list[StreamEvent] = []
        if not self._over:
            self._over = True
            self._streaming = False
            if not self._deaf:
                self._guard(self._finish_feed, b"", out)
            self._guard(self._close, b"", out)
        return out

    def finish(self) -> LlmResponse:
        """The whole response. Raises RemoteProtocolError for a cut and for a body that is not the dialect's."""
        if not self._over and self._fault is None:
            self.end()
        if self._fault is None and self.error is None and not self._whole and not self._is_complete():
            self._fault = self._cut()
        if self._fault is not None and self.error is None:
            failure = self._fault.failure or Failure(kind="protocol", message=str(self._fault))
            raise RemoteProtocolError(str(self._fault), failure=failure, response=self.partial())
        return self._response(self.error)

    def partial(self) -> LlmResponse:
        """Whatever arrived, at any time. An answer whose end was not seen has an `error` that says so."""
        if self.error is not None or (
            self._fault is None and (self._whole or (self._understood and self._is_complete()))
        ):
            return self._response(self.error)
        fault = self._fault if self._fault is not None else self._cut()
        failure = fault.failure or Failure(kind="protocol", message=str(fault))
        return self._response(evolve(failure, request_id=request_id_of(self.headers)))

    # --- for dialects ----------------------------------------------------------------------------------------------

    def _begin(self, id: Json, model: Json, out: list[StreamEvent]) -> None:
        """Note id and model (the first that is not empty) and announce the response once."""
        self._understood = True
        if not self.id and isinstance(id, str):
            self.id = clean(id)
        if not self.model and isinstance(model, str):
            self.model = clean(model)
        if not self._started:
            self._started = True
            out.append(ResponseStart(self.id or None, self.model or None))

    def _count(self, usage: LlmUsage | None, out: list[StreamEvent]) -> None:
        """Note the usage so far; the last one counts."""
        if usage is not None and usage != self.usage:
            self.usage = usage
            out.append(UsageUpdate(usage))

    def _fail(self, error: Json, *, default: Any = None) -> None:
        """The provider reported an error inside the stream or body. The first one stands."""
        if self.error is None:
            status = self.status if self.status >= 400 else None
            self.error = failure_of(
                error,
                status=status,
                headers=self.headers,
                request_id=request_id_of(self.headers),
                default=default,
            )
        self.ended = True

    def _not_ours(self, what: str) -> RemoteProtocolError:
        message = f"{what}, which is not {self.api}"
        return RemoteProtocolError(message, failure=Failure(kind="protocol", message=message))

    # --- bytes in --------------------------------------------------------------------------------------------------

    def _guard(self, step: Callable[[bytes, list[StreamEvent]], None], data: bytes, out: list[StreamEvent]) -> None:
        if self._fault is not None:
            return
        try:
            step(data, out)
        except _BENT as error:
            self._stumble(error, out)

    def _stumble(self, error: Exception, out: list[StreamEvent]) -> None:
        self._streaming = False
        if self.ended:
            self._deaf = True
            return
        if not isinstance(error, RemoteProtocolError):
            message = f"the {self.api} stream holds something it should not: {type(error).__name__}"
            error = RemoteProtocolError(message)
        error.__traceback__ = None  # frames would keep the caller's chunks alive, and do not pickle
        error.__context__ = None
        if error.failure is None:
            error.failure = Failure(kind="protocol", message=str(error))
        self._fault = error
        self.ended = True
        self.blocks.close_all(out)  # each Start has its End, and from here on only the fault is told

    def _feed(self, data: bytes, out: list[StreamEvent]) -> None:
        if self._mode == "sse":
            for name, text in self._sse.receive(data):
                self._take(name, text, out)
        elif self._mode == "":
            self._sniff(data, out)
        elif self._mode == "array":
            for text in self._split_array(data):
                self._take("", text, out)
        else:
            self._keep(data)

    def _sniff(self, data: bytes, out: list[StreamEvent]) -> None:
        if not 200 <= self.status < 300:
            self._mode = "error"
            self._feed(data, out)
            return
        joined = b"".join([*self._pieces, data])
        body = joined.lstrip(_BLANK)
        before = joined[: len(joined) - len(body)]
        bom = b""
        if body[:3] == _BOM[: len(body)]:  # a byte order mark, or what may become one
            bom, body = body[:3], body[3:].lstrip(_BLANK)
        if body:
            self._pieces = []
            self._mode = self._mode_of(body[0])
            self._streaming = self._mode == "sse"
            self._feed(joined if self._streaming else body, out)
        else:  # some servers keep a connection alive with blanks: what is kept of them does not grow
            after = joined[len(before) + len(bom) :]
            self._pieces = [_last_blank(before) + bom + _last_blank(after)]

    def _mode_of(self, first: int) -> _Mode:
        if first == 0x7B:  # {
            return "json"
        if first == 0x5B:  # [
            return "array" if self.STREAMS_ARRAYS else "json"
        said = (header(self.headers, "content-type") or "").lower()
        # A page of HTML, or JSON that is a bare word or number, where the headers promise JSON.
        if first == 0x3C or ("json" in said and first in b'"-0123456789tfn'):
            return "json"
        return "sse"

    def _keep(self, data: bytes) -> None:
        limit = MAX_ERROR_BYTES if self._mode == "error" else MAX_BODY_BYTES
        self._size += len(data)
        if self._size <= limit:
            self._pieces.append(data)
        elif self._mode == "error":
            room = limit - (self._size - len(data))
            if room > 0:
                self._pieces.append(data[:room])
            self.ended = True  # a page without end is not waited for
        else:
            raise RemoteProtocolError(f"a body of more than {limit} bytes")

    def _split_array(self, data: bytes) -> list[str]:
        """The whole elements that these bytes complete; for dialects that stream arrays."""
        raise NotImplementedError

    def _take(self, name: str, text: str, out: list[StreamEvent]) -> None:
        # Counted by events, not by reads: of what stands between them nothing is kept.
        self._size += len(text) + _FRAME
        if self._size > MAX_BODY_BYTES:
            raise RemoteProtocolError(f"a body of more than {MAX_BODY_BYTES} bytes")
        if text == "[DONE]":
            self._understood = True
            self._sentinel(out)
            return
        try:
            data = parse_json(text)
        except ValueError as error:
            if not text.strip():  # `data:` with nothing behind it is an event all the same; some keep alive with it
                return
            raise RemoteProtocolError(f"an event of the {self.api} stream is not JSON: {error}") from None
        self._event(name, data, out)

    def _finish_feed(self, data: bytes, out: list[StreamEvent]) -> None:
        if self._mode == "sse":
            for name, text in self._sse.end():
                self._take_last(name, text, out)
        elif self._mode == "json":
            self._finish_body(out)
        elif self._mode == "error" or not 200 <= self.status < 300:
            self._finish_error()

    def _take_last(self, name: str, text: str, out: list[StreamEvent]) -> None:
        """The last event without its blank line counts if it is whole; a tail that does not parse was cut (WIRE 9)."""
        if text != "[DONE]":
            try:
                parse_json(text)
            except ValueError:
                return
        self._take(name, text, out)

    def _finish_body(self, out: list[StreamEvent]) -> None:
        text = b"".join(self._pieces).decode("utf-8", "replace")
        self._pieces = []
        try:
            body = parse_json(text)
        except ValueError as error:
            if text.lstrip().startswith("<"):
                raise self._not_ours("the body is a page of HTML") from None
            raise RemoteProtocolError(f"the body is not JSON: {error}", failure=_body_failure(text, error)) from None
        self._body(body, out)
        self._whole = True
        self.ended = True

    def _finish_error(self) -> None:
        body = b"".join(self._pieces)
        self._pieces = []
        self.error = error_of_body(body, self.status, self.headers)
        self.ended = True

    def _close(self, data: bytes, out: list[StreamEvent]) -> None:
        self._before_end(out)
        self.blocks.close_all(out)

    # --- the answer ------------------------------------------------------------------------------------------------

    def _cut(self) -> RemoteProtocolError:
        said = (header(self.headers, "content-type") or "").lower()
        if self._over and self._mode == "sse" and not self._understood and "event-stream" not in said:
            return self._not_ours("the body holds no event")
        message = f"the {self.api} response ended before its end was said"
        return RemoteProtocolError(
            message,
            failure=Failure(kind="truncated", message=message, retryable=True, request_id=request_id_of(self.headers)),
        )

    def _response(self, error: Failure | None) -> LlmResponse:
        content = self.blocks.parts()
        stop: StopReason = "error" if error is not None else self._stop_reason(content)
        if stop == "error" and error is None:
            word = self.raw_stop_reason or ""
            kind = kind_of(None, (word.lower(),), word)
            error = Failure(
                kind=kind,
                message=self._stop_message(word),
                code=word,
                request_id=request_id_of(self.headers),
                retryable=kind in ("server", "overloaded"),
            )
        return LlmResponse(
            content=content,
            stop_reason=stop,
            raw_stop_reason=self.raw_stop_reason,
            usage=self.usage,
            model=self.model,
            id=self.id,
            provider=self.provider,
            api=self.api,
            error=error,
            request_id=request_id_of(self.headers),
            headers=self.headers,
        )


def _last_blank(blanks: bytes) -> bytes:
    """One blank that an event stream reads as it would read all of these: a line begun with a space, or a new line."""
    return b"" if not blanks else b"\n" if blanks[-1] in b"\r\n" else b" "


def stop_reason_of(word: str | None, stops: Mapping[str, StopReason], content: tuple[Part, ...]) -> StopReason:
    """The stop reason that the provider's word and the content make together, first that fits. `""` is no word."""
    meaning = stops.get(word, "error") if word else "stop"
    if meaning in ("aborted", "error", "content_filter"):
        return meaning
    if meaning == "refusal" or any(isinstance(part, RefusalPart) for part in content):
        return "refusal"
    if meaning in ("length", "pause"):
        return meaning
    return "tool_use" if any(isinstance(part, ToolCallPart) for part in content) else "stop"


# Linear on a megabyte of `<`: a script that is never closed goes to the end, and no tag holds another.
_TAGS = re.compile(r"<(script|style)\b.*?(?:</\1>|\Z)|<[^<>]*+>", re.DOTALL | re.IGNORECASE)


def error_of_body(body: bytes, status: int, headers: Headers) -> Failure:
    """The failure that an HTTP error response tells, however odd its body: JSON of any shape, HTML, text, nothing."""
    text = body.decode("utf-8-sig", "replace").strip()
    request_id = request_id_of(headers)
    parsed = _error_json(text)
    if isinstance(parsed, (dict, list)) and parsed:
        failure = failure_of(parsed, status=status, headers=headers, request_id=request_id)
        if failure.request_id is None and isinstance(parsed, dict):
            said = cast("dict[str, Json]", parsed).get("request_id")
            failure = evolve(failure, request_id=said) if isinstance(said, str) else failure
        return failure
    words = " ".join(_TAGS.sub(" ", text).split())[:300]
    failure = failure_of(words or None, status=status, headers=headers, request_id=request_id)
    message = f"HTTP {status}: {failure.message}" if words else f"HTTP {status} without a body"
    return evolve(failure, message=message, raw=None)


def _error_json(text: str) -> Json:
    """The JSON of an error body. Who asked for a stream may get it as the event of one, in spite of the status."""
    for said in (text, *[line[5:] for line in text.split("\n") if line.startswith("data:")]):
        try:
            return parse_json(said)
        except ValueError:
            continue
    return None


# What a cut can leave of a literal, a number or an escape, from where the parser stumbles over it.
_HALF_TOKEN = re.compile(r"(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|[-.]|[eE][-+]?|\\?u[0-9a-fA-F]{0,4})?\s*")


def _body_failure(text: str, error: ValueError) -> Failure:
    # JSON that stops in the middle was cut; JSON that is wrong somewhere else is not JSON.
    position = getattr(error, "pos", None)
    cut = "Unterminated" in str(error) or (position is not None and _HALF_TOKEN.fullmatch(text, position) is not None)
    return Failure(
        kind="truncated" if cut else "protocol", message=f"the body is not whole JSON: {error}", retryable=cut
    )
