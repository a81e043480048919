"""Messages responses, from bytes to events (WIRE 4c to 4g).

Decisions.
- Wire indexes lead to blocks through a map that a second `message_start` empties: the index space starts again there,
  and blocks that were still open are closed, for nobody will close them. First id and model stand.
- What comes after `message_stop` may still bring counts, and nothing else (law 2).
- `redacted_thinking` is reasoning without a text, so that whoever drops or keeps reasoning treats both kinds alike; its
  data is in `provider_data` and goes back in its place.
- Server tools, their results and kinds unknown are an OpaquePart, told when the block is over, its streamed pieces put
  where the block has them: `partial_json` as `input`, any other text of a delta under the delta's own key
  (`compaction_delta`). Where the next block begins before that, the block is told first, so that no number is skipped.
- Keys of a block that lash does not know (`caller`, `toolset_name`) are kept in `provider_data` and go back with it.
- `container` and a refusal's `stop_details` stand beside the content on the wire, but the next request may need them:
  they become an OpaquePart of type `container` and a RefusalPart, which the encoder does not send as blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias, cast

from attrs import define, evolve, field

from ...compat import AnthropicCompat
from ...failures import RemoteProtocolError
from ...messages import OpaquePart, Origin, RefusalPart
from ...partial_json import parse_arguments
from ...replies import StreamEvent
from ...usage import LlmUsage, StopReason
from ...values import Json, JsonDict, clean, dump_json, get_dict, get_int, get_list, get_str
from .._blocks import CallBlock, TextBlock
from .._decoder import DialectDecoder

# Keys of each block that parts have fields of their own for; all else is `provider_data`.
_TEXT_KEYS = frozenset({"type", "text", "citations"})
_THINKING_KEYS = frozenset({"type", "thinking", "signature"})
_CALL_KEYS = frozenset({"type", "id", "name", "input"})


@define
class OpaqueBlock:
    """A block that lash does not interpret, still growing."""

    type: str
    data: JsonDict
    pieces: dict[str, list[str]] = field(factory=dict[str, list[str]])
    index: int = -1

    def part(self, origin: Origin) -> OpaquePart:
        """The block as it would stand in a body that was not streamed."""
        data = dict(self.data)
        for key, pieces in self.pieces.items():
            text = "".join(pieces)
            if key != "partial_json":
                data[key] = (get_str(data, key) or "") + text
            elif text:
                # Cut by max_tokens it is no JSON; what goes back must be an object, so what the start said stands.
                arguments, error = parse_arguments(text)
                data["input"] = arguments if error is None else get_dict(data, "input")
        return OpaquePart(self.type, data, origin=origin)


_Open: TypeAlias = TextBlock | CallBlock | OpaqueBlock


@define
class MessagesDecoder(DialectDecoder):
    """One response of the Messages API. See `lash_proto.codec.Decoder`."""

    STOPS: ClassVar[Mapping[str, StopReason]] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tool_use",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "pause_turn": "pause",
        "compaction": "pause",
        "refusal": "refusal",
        "sensitive": "content_filter",  # GLM behind this dialect
        "safety": "content_filter",
    }

    compat: AnthropicCompat = AnthropicCompat()

    _open: dict[Any, _Open] = field(factory=dict[Any, _Open], init=False)
    _untold: OpaqueBlock | None = field(default=None, init=False)
    _usage: JsonDict = field(factory=dict[str, Any], init=False)
    _container: JsonDict | None = field(default=None, init=False)
    _refused: bool = field(default=False, init=False)

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        event: JsonDict = data
        if type(event) is not dict:
            return
        kind = event.get("type")
        if self.ended:
            if kind == "message_delta":
                self._add_usage(event, out)
        elif kind == "content_block_delta":  # nearly all of them; the table is for the others
            self._block_delta(event, out)
        elif (handler := self._EVENTS.get(kind)) is not None:
            handler(self, event, out)
        elif name == "error" or event.get("error"):
            self._report(event)

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        if not isinstance(body, dict):
            raise self._not_ours("the body is not an object")
        body = cast("JsonDict", body)
        if body.get("error") or body.get("type") == "error":
            self._report(body)
            return
        content = body.get("content")
        if body.get("type") != "message" and not isinstance(content, list):
            raise self._not_ours("the body holds no message")
        self._begin(body.get("id"), body.get("model"), out)
        self._add_content(content, out)
        self._add_usage(body, out)
        self._note_end(body, out)
        self._tell_container(out)

    def _is_complete(self) -> bool:
        if self.ended:
            return True
        return bool(self.raw_stop_reason) and not self.compat.message_stop_required

    def _before_end(self, out: list[StreamEvent]) -> None:
        self._close_open(out)
        self._tell_container(out)

    # --- what blocks, whole messages and their ends have in common --------------------------------------------------

    def _start(self, key: Json, block: Json, out: list[StreamEvent]) -> None:
        """A block begins; `key` is the wire's index, or anything unique in a whole body."""
        if key in self._open:
            self._stop(self._open.pop(key), out)
        self._tell(out)
        if not isinstance(block, dict):
            raise RemoteProtocolError("a content block that is not an object")
        block = cast("JsonDict", block)
        kind = get_str(block, "type")
        if kind is None:
            raise RemoteProtocolError("a content block without a type")
        starter = _STARTS.get(kind, _start_opaque)
        if starter is _start_call and not get_str(block, "name"):
            starter = _start_opaque  # nobody could answer a call without a name
        self._open[key] = started = starter(self, block, out)
        self._untold = started if isinstance(started, OpaqueBlock) else None
        self.progress += 1

    def _stop(self, block: _Open, out: list[StreamEvent]) -> None:
        if isinstance(block, OpaqueBlock):
            if block is self._untold:
                self._tell(out)
            else:
                self.blocks.replace(block.index, block.part(self.blocks.origin))
            return
        if isinstance(block, CallBlock):
            _settle_input(block, out)
        self.blocks.close(block, out)

    def _tell(self, out: list[StreamEvent]) -> None:
        """Give the opaque block that is being read its place, as far as it has come."""
        if self._untold is not None:
            block, self._untold = self._untold, None
            block.index = self.blocks.add_part(block.part(self.blocks.origin), out)

    def _close_open(self, out: list[StreamEvent]) -> None:
        blocks, self._open = self._open, {}
        for block in blocks.values():
            self._stop(block, out)

    def _add_content(self, content: Json, out: list[StreamEvent]) -> None:
        """The blocks of a message that came whole."""
        if content is None:
            return
        if not isinstance(content, list):
            raise RemoteProtocolError("a message whose content is no array")
        for block in cast("list[Json]", content):
            self._start("whole", block, out)
            self._stop(self._open.pop("whole"), out)

    def _add_usage(self, holder: JsonDict, out: list[StreamEvent]) -> None:
        """Counts overwrite, but only where they say something: fronts send null, or leave out the input (WIRE 4c)."""
        said = {key: value for key, value in get_dict(holder, "usage").items() if value is not None}
        if said:
            self._usage = {**self._usage, **said}
            self._count(_usage_of(self._usage), out)

    def _note_end(self, holder: JsonDict, out: list[StreamEvent]) -> None:
        """Why it stopped, and what stands beside that: in the message itself, or in a `message_delta`."""
        word = get_str(holder, "stop_reason")
        if word or (word is not None and self.raw_stop_reason is None):
            self.raw_stop_reason = clean(word)
        self._container = get_dict(holder, "container") or self._container
        details = get_dict(holder, "stop_details")
        if word == "refusal" and get_str(details, "type") == "refusal" and not self._refused:
            self._refused = True
            explanation = clean(get_str(details, "explanation") or "")
            self.blocks.add_part(RefusalPart(explanation, origin=self.blocks.origin, provider_data=details), out)

    def _tell_container(self, out: list[StreamEvent]) -> None:
        if self._container is not None:
            container, self._container = self._container, None
            self.blocks.add_part(OpaquePart("container", container, origin=self.blocks.origin), out)

    def _report(self, data: JsonDict) -> None:
        said = self.error is None
        self._fail(data)
        request_id = get_str(data, "request_id")
        if said and self.error is not None and self.error.request_id is None and request_id:
            self.error = evolve(self.error, request_id=clean(request_id))

    # --- events ------------------------------------------------------------------------------------------------------

    def _message_start(self, data: JsonDict, out: list[StreamEvent]) -> None:
        message = get_dict(data, "message")
        self._close_open(out)
        self._begin(message.get("id"), message.get("model"), out)
        # Programmatic tool calling: the message comes whole in its start, then `message_stop`.
        self._add_content(message.get("content"), out)
        self._add_usage(message, out)
        self._note_end(message, out)

    def _block_start(self, data: JsonDict, out: list[StreamEvent]) -> None:
        self._begin(None, None, out)
        self._start(data.get("index"), data.get("content_block"), out)

    def _block_delta(self, data: JsonDict, out: list[StreamEvent]) -> None:
        delta = data["delta"]
        block = self._open.get(data.get("index"))
        if type(block) is TextBlock:
            kind, key = ("thinking_delta", "thinking") if block.reasoning else ("text_delta", "text")
            if delta["type"] == kind:
                block.add(delta[key], out)
                return
        elif type(block) is OpaqueBlock:
            self.progress += 1
            _add_opaque(block, delta)
            return
        handler = _DELTAS.get(delta["type"])
        if handler is None:
            return
        if block is None:
            raise RemoteProtocolError("a delta for a block that is not open")
        handler(block, delta, out)

    def _block_stop(self, data: JsonDict, out: list[StreamEvent]) -> None:
        block = self._open.pop(data.get("index"), None)
        if block is not None:
            self._stop(block, out)

    def _message_delta(self, data: JsonDict, out: list[StreamEvent]) -> None:
        self._begin(None, None, out)
        self._note_end(get_dict(data, "delta"), out)
        self._add_usage(data, out)

    def _message_stop(self, data: JsonDict, out: list[StreamEvent]) -> None:
        if self._started:
            self._before_end(out)
            self.ended = True

    def _error(self, data: JsonDict, out: list[StreamEvent]) -> None:
        self._report(data)

    _EVENTS: ClassVar[dict[Any, Callable[[MessagesDecoder, JsonDict, list[StreamEvent]], None]]] = {
        "content_block_start": _block_start,
        "content_block_stop": _block_stop,
        "message_start": _message_start,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "error": _error,
    }


# --- blocks ----------------------------------------------------------------------------------------------------------


def _extras(block: JsonDict, known: frozenset[str]) -> dict[str, Any] | None:
    kept = {key: value for key, value in block.items() if key not in known and value is not None}
    return kept or None


def _start_text(decoder: MessagesDecoder, block: JsonDict, out: list[StreamEvent]) -> TextBlock:
    text = decoder.blocks.start_text(out)
    text.provider_data = _extras(block, _TEXT_KEYS)
    text.citations += [citation for citation in get_list(block, "citations") if isinstance(citation, dict)]
    text.add(get_str(block, "text") or "", out)
    return text


def _start_thinking(decoder: MessagesDecoder, block: JsonDict, out: list[StreamEvent]) -> TextBlock:
    thinking = decoder.blocks.start_reasoning(out)
    thinking.provider_data = {**(_extras(block, _THINKING_KEYS) or {}), "type": "thinking"}
    _sign(thinking, block)
    thinking.add(get_str(block, "thinking") or "", out)
    return thinking


def _start_redacted(decoder: MessagesDecoder, block: JsonDict, out: list[StreamEvent]) -> TextBlock:
    redacted = decoder.blocks.start_reasoning(out)
    redacted.provider_data = block
    return redacted


def _start_call(decoder: MessagesDecoder, block: JsonDict, out: list[StreamEvent]) -> CallBlock:
    call = decoder.blocks.new_call(get_str(block, "id"), get_str(block, "name"))
    call.provider_data = _extras(block, _CALL_KEYS)
    # The start may hold the whole input already. Deltas that say more replace it, so it is told when the block ends.
    given = block.get("input")
    if isinstance(given, dict):
        call.arguments = cast("JsonDict", given) or None
    elif given is not None:
        call.pieces = [given if isinstance(given, str) else dump_json(given)]
    decoder.blocks.start_call(call, decoder.id, out)
    return call


def _settle_input(call: CallBlock, out: list[StreamEvent]) -> None:
    if call.arguments is not None:
        given, call.arguments = call.arguments, None
        call.add(dump_json(given), out)


def _start_opaque(decoder: MessagesDecoder, block: JsonDict, out: list[StreamEvent]) -> OpaqueBlock:
    kind = clean(block["type"])
    if kind == "fallback":  # the model that goes on from here is the one that answers
        model = get_str(get_dict(block, "to"), "model")
        decoder.model = clean(model) if model else decoder.model
    return OpaqueBlock(kind, block)


_STARTS: dict[str, Callable[[MessagesDecoder, JsonDict, list[StreamEvent]], _Open]] = {
    "text": _start_text,
    "thinking": _start_thinking,
    "redacted_thinking": _start_redacted,
    "tool_use": _start_call,
}


# --- deltas ----------------------------------------------------------------------------------------------------------


def _sign(block: TextBlock, holder: JsonDict) -> None:
    signature = get_str(holder, "signature")
    if signature:
        block.provider_data = {**(block.provider_data or {}), "signature": clean(signature)}


def _misplaced(block: _Open, delta: JsonDict, out: list[StreamEvent]) -> None:
    raise RemoteProtocolError(f"a {delta['type']} in a block of another kind")


def _signature(block: _Open, delta: JsonDict, out: list[StreamEvent]) -> None:
    if isinstance(block, TextBlock) and block.reasoning:
        _sign(block, delta)


def _input(block: _Open, delta: JsonDict, out: list[StreamEvent]) -> None:
    if not isinstance(block, CallBlock):
        raise RemoteProtocolError("an input_json_delta in a block of another kind")
    fragment = delta["partial_json"]
    if not isinstance(fragment, str):
        raise RemoteProtocolError("an input_json_delta without text")
    if fragment:
        block.arguments = None
        block.add(fragment, out)


def _citation(block: _Open, delta: JsonDict, out: list[StreamEvent]) -> None:
    citation = delta.get("citation")
    if isinstance(block, TextBlock) and isinstance(citation, dict):
        block.citations.append(cast("JsonDict", citation))


_DELTAS: dict[Any, Callable[[_Open, JsonDict, list[StreamEvent]], None]] = {
    "text_delta": _misplaced,
    "thinking_delta": _misplaced,
    "input_json_delta": _input,
    "signature_delta": _signature,
    "citations_delta": _citation,
}


def _add_opaque(block: OpaqueBlock, delta: JsonDict) -> None:
    for key, value in delta.items():
        if key != "type" and isinstance(value, str):
            block.pieces.setdefault(key, []).append(value)


# --- usage -----------------------------------------------------------------------------------------------------------

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _usage_of(raw: JsonDict) -> LlmUsage | None:
    """Anthropic's input buckets are disjoint already; `output_tokens` holds the thinking (WIRE 4e)."""
    fresh, output, read, written = (get_int(raw, name) for name in _COUNTS)
    if written is None:
        split = [get_int(get_dict(raw, "cache_creation"), f"ephemeral_{ttl}_input_tokens") for ttl in ("5m", "1h")]
        if split != [None, None]:
            written = sum(count or 0 for count in split)
    if fresh is output is read is written is None:
        return None
    thinking = get_int(get_dict(raw, "output_tokens_details"), "thinking_tokens")
    return LlmUsage(
        input_tokens=max(0, fresh or 0),
        cached_input_tokens=max(0, read or 0),
        cache_write_tokens=max(0, written or 0),
        output_tokens=max(0, output or 0),
        reasoning_tokens=None if thinking is None else max(0, thinking),
        raw=raw,
    )
