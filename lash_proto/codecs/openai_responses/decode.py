"""Responses, from the wire to events.

Decisions.
- State is kept by `output_index`: GitHub Copilot gives one item another id in every event. Where a
  gateway leaves the index out, the item's id tells, else the item at hand.
- `response.output_item.done` has the authoritative item, and blocks end with it, so that an End carries the whole part.
  The terminal event's `output` finishes what had no `done`, adds what the stream never told, and fills what is missing
  (Azure's encrypted reasoning, lists of MCP tools: WIRE 1h). On the Codex backend it is empty: then the items stand.
- One reasoning item is one ReasoningPart, its summaries and open text joined with nothing; the item is kept whole for
  the replay. Each text of a message item is a TextPart that remembers its item, so that the encoder rebuilds it.
- Whatever the server does by itself, and item types of tomorrow, are OpaqueParts. So is a picture made by the server's
  tool: an ImagePart beside it would be said twice when it is sent back.
- An `error` event may be followed by `response.failed`: the first error stands, the second tells status and usage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias, cast

from attrs import define, evolve, field

from ...failures import RemoteProtocolError
from ...messages import OpaquePart, ReasoningPart, RefusalPart
from ...replies import LlmResponse, StreamEvent
from ...usage import StopReason
from ...values import Json, JsonDict, clean, get_dict, get_list, get_str
from .._blocks import MAX_BLOCKS, CallBlock, TextBlock
from .._decoder import DialectDecoder
from .items import (
    CALLS,
    OutputItem,
    add_arguments,
    annotations_of,
    call_data,
    content_of,
    filled,
    index_of,
    kind_of,
    message_data,
    reasoning_text,
    text_of,
    usage_of,
)

_OnEvent: TypeAlias = "Callable[[ResponsesDecoder, JsonDict, list[StreamEvent]], None]"
_OnItem: TypeAlias = "Callable[[ResponsesDecoder, OutputItem, JsonDict, list[StreamEvent]], None]"

# The events that end a stream, and the status of a response that tells none. `done` is the Codex backend's (WIRE 3).
_TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
    "response.done": "completed",
}


@define
class ResponsesDecoder(DialectDecoder):
    """One Responses response: event stream, whole body or error body."""

    # WIRE 1f. Other reasons for `incomplete` (max_messages) are no answer that could be gone on from: "error".
    STOPS: ClassVar[Mapping[str, StopReason]] = {
        "completed": "stop",
        "max_output_tokens": "length",
        "max_tokens": "length",
        "incomplete": "length",
        "content_filter": "content_filter",
        "steered": "pause",
        "queued": "pause",
        "in_progress": "pause",
        "cancelled": "aborted",
        "failed": "error",
    }

    _items: list[OutputItem] = field(factory=list[OutputItem], init=False)
    _at: dict[int, OutputItem] = field(factory=dict[int, OutputItem], init=False)
    _by_id: dict[str, OutputItem] = field(factory=dict[str, OutputItem], init=False)
    _current: OutputItem | None = field(default=None, init=False)
    _terminal: bool = field(default=False, init=False)

    # --- what a dialect says ---------------------------------------------------------------------------------------

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        event: JsonDict = data
        if type(event) is not dict:
            raise self._not_ours("an event of the stream is no object")
        kind = event.get("type")
        if type(kind) is not str:
            kind = event["type"] = name
        handler = self._EVENTS.get(kind)
        if handler is None:
            if event.get("error"):  # fatal for the vendor's SDK too, whatever the event is called (WIRE 1c)
                self._error(event, out)
            elif kind.startswith("response."):  # a search, a picture or code on its way; not `keepalive`
                self.progress += 1
        elif not self.ended or kind in _TERMINAL:
            if not self._started and kind != "error":
                self._open_response(event, out)
            handler(self, event, out)

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        if get_str(body, "object") != "response" and type(cast("JsonDict", body).get("output")) is not list:
            if not (cast("JsonDict", body).get("error") or get_str(body, "type") == "error"):
                raise self._not_ours("the body is no response object")
            self._fail(body)
            return
        self._open_response({"response": body}, out)
        self._take_response(body, get_str(body, "status"), out)

    def _is_complete(self) -> bool:
        return self._terminal

    def _before_end(self, out: list[StreamEvent]) -> None:
        for item in self._items:
            if not item.done:
                self._flush(item, out)

    def partial(self) -> LlmResponse:
        """Whatever arrived, at any time; of a refusal, too, that is a part only when its message is done."""
        response = super().partial()
        late = [
            self._refusal(item, index, "".join(pieces))
            for item in self._items
            if not item.done
            for index, pieces in item.refusals.items()
        ]
        return evolve(response, content=(*response.content, *late)) if late else response

    # --- the response ----------------------------------------------------------------------------------------------

    def _open_response(self, event: JsonDict, out: list[StreamEvent]) -> None:
        response = get_dict(event, "response")
        self._begin(response.get("id"), response.get("model"), out)
        self._count(usage_of(response.get("usage")), out)

    def _tell(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self.progress += 1
        self._open_response(event, out)

    def _take_response(self, response: JsonDict, status: str | None, out: list[StreamEvent]) -> None:
        """The whole response, as a terminal event or a JSON body has it."""
        self._reconcile([item for item in get_list(response, "output") if type(item) is dict], out)
        self._before_end(out)
        self.blocks.close_all(out)
        word = get_str(get_dict(response, "incomplete_details"), "reason") or status
        self.raw_stop_reason = clean(word) if word is not None else None
        if response.get("error"):
            self._fail(response["error"])

    def _end(self, event: JsonDict, out: list[StreamEvent]) -> None:
        response = get_dict(event, "response")
        # GitHub Copilot gives the response another id in every event; its last word counts.
        if get_str(response, "id"):
            self.id = None
        if get_str(response, "model"):
            self.model = None
        self._open_response(event, out)
        status = get_str(response, "status") or _TERMINAL[event["type"]]
        if not self.ended:
            self._take_response(response, status, out)
            self._terminal = True
            self.ended = True
        elif self.raw_stop_reason is None:  # after an `error` event
            self.raw_stop_reason = clean(status)

    def _error(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self._understood = True
        self._fail(event)

    # --- items -----------------------------------------------------------------------------------------------------

    def _added(self, event: JsonDict, out: list[StreamEvent]) -> None:
        told = get_dict(event, "item")
        if not kind_of(told):
            return
        index = event.get("output_index")
        known = self._at.get(index) if type(index) is int else None
        if known is None or known.announced or known.kind != kind_of(told):
            self._open(told, index, out)
            return
        known.announced = True
        known.told = told
        self._name(known, told)
        if known.call is not None:
            self._introduce(known.call, told, out)

    def _done(self, event: JsonDict, out: list[StreamEvent]) -> None:
        told = get_dict(event, "item")
        if not kind_of(told):
            return
        index = event.get("output_index")
        if type(index) is int:
            item = self._at.get(index)
        else:
            item = self._by_id.get(get_str(told, "id") or "") or self._current
        if item is None or item.kind != kind_of(told) or (item.done and not item.is_again(told)):
            item = self._open(told, index, out)
        if not item.done:
            self._complete(item, told, out)

    def _find(self, event: JsonDict, kind: str, out: list[StreamEvent]) -> OutputItem | None:
        """The open item that a piece belongs to; begun here if nobody announced it. None: the piece is not for us."""
        index = event.get("output_index")
        if type(index) is int:
            item = self._at.get(index)
        else:
            item = self._by_id.get(get_str(event, "item_id") or "") or self._current
        if item is None:
            item = self._open({"type": kind}, index, out)
            item.announced = False
        return None if item.done or item.kind != kind else item

    def _open(self, told: JsonDict, index: Json, out: list[StreamEvent]) -> OutputItem:
        if len(self._items) >= MAX_BLOCKS:
            raise RemoteProtocolError(f"more than {MAX_BLOCKS} items in one response")
        item = OutputItem(kind_of(told), told, len(self._items))
        self._items.append(item)
        self._current = item
        if type(index) is int:
            self._at[index] = item
        self._name(item, told)
        if item.kind == "reasoning":
            item.reasoning = self.blocks.start_reasoning(out)
            item.places.append(item.reasoning.index)
        elif item.kind in CALLS:
            item.call = self.blocks.new_call(None, None, CALLS[item.kind])
            self._introduce(item.call, told, out)
        return item

    def _name(self, item: OutputItem, told: JsonDict) -> None:
        id = get_str(told, "id")
        if id:
            self._by_id[id] = item

    def _complete(self, item: OutputItem, told: JsonDict, out: list[StreamEvent]) -> None:
        """The item as the server has it at its end."""
        item.done = True
        item.told = told
        self._name(item, told)
        self._COMPLETE.get(item.kind, ResponsesDecoder._complete_opaque)(self, item, told, out)

    def _flush(self, item: OutputItem, out: list[StreamEvent]) -> None:
        """What an item without its `done` still has to say when nothing more comes."""
        item.done = True
        for index, pieces in item.refusals.items():
            self._refuse(item, index, "".join(pieces), out)
        if item.call is not None:
            self._introduce(item.call, item.told, out)
            if not item.call.pieces:  # gateways that put the arguments into `added` and send no delta
                add_arguments(item.call, item.told, out)
            self._finish_call(item, item.call, {**item.told, "status": None}, out)

    # --- messages --------------------------------------------------------------------------------------------------

    def _part_added(self, event: JsonDict, out: list[StreamEvent]) -> None:
        if get_str(get_dict(event, "part"), "type") == "output_text":
            item = self._find(event, "message", out)
            if item is not None:
                self._text_block(item, index_of(event, "content_index"), out)

    def _text_delta(self, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, "message", out)
        if item is not None:
            index = event.get("content_index")
            block = item.texts.get(index) if type(index) is int else None
            if block is None:
                block = self._text_block(item, index_of(event, "content_index"), out)
            delta = event.get("delta")
            if delta:
                block.add(delta, out)

    def _text_done(self, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, "message", out)
        if item is not None:
            self._text_block(item, index_of(event, "content_index"), out).settle(text_of(event, "text"), out)

    def _annotation(self, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, "message", out)
        annotation = get_dict(event, "annotation")
        if item is not None and annotation:
            self._text_block(item, index_of(event, "content_index"), out).citations.append(annotation)

    def _refusal_delta(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self.progress += 1
        item = self._find(event, "message", out)
        if item is not None:
            item.refusals.setdefault(index_of(event, "content_index"), []).append(text_of(event, "delta"))

    def _refusal_done(self, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, "message", out)
        if item is not None:
            item.refusals[index_of(event, "content_index")] = [text_of(event, "refusal")]

    def _text_block(self, item: OutputItem, index: int, out: list[StreamEvent]) -> TextBlock:
        block = item.texts.get(index)
        if block is None:
            block = item.texts[index] = self.blocks.start_text(out)
            self._describe(block, item, index)
        return block

    def _describe(self, block: TextBlock, item: OutputItem, index: int) -> dict[str, Json]:
        phase = get_str(item.told, "phase")
        block.phase = clean(phase) if phase else None
        block.provider_data = message_data(item.told, index)
        return block.provider_data

    def _refusal(self, item: OutputItem, index: int, text: str) -> RefusalPart:
        data = message_data(item.told, index)
        phase = get_str(item.told, "phase")
        if phase:
            data["phase"] = phase
        return RefusalPart(clean(text), self.blocks.origin, data)

    def _refuse(self, item: OutputItem, index: int, text: str, out: list[StreamEvent]) -> None:
        self.blocks.add_part(self._refusal(item, index, text), out)

    def _complete_message(self, item: OutputItem, told: JsonDict, out: list[StreamEvent]) -> None:
        parts = content_of(told)
        refusals = item.refusals
        for index, part in enumerate(parts):
            kind = get_str(part, "type")
            if kind == "output_text":
                block = self._text_block(item, index, out)
                final = get_str(part, "text") or ""
                differs = bool(final) and block.settle(final, out)
                block.citations = annotations_of(part) or block.citations
                data = self._describe(block, item, index)
                if differs:
                    data["text"] = final
            elif kind == "refusal":
                said = "".join(refusals.pop(index, []))
                self._refuse(item, index, get_str(part, "refusal") or said, out)
            elif kind:
                # A kind of content that has no part of ours goes alone into a message item of the same id.
                self.blocks.add_part(OpaquePart("message", {**told, "content": [part]}, self.blocks.origin), out)
        for index, block in item.texts.items():
            if index >= len(parts):
                self._describe(block, item, index)
            self.blocks.close(block, out)
        for index, pieces in refusals.items():
            self._refuse(item, index, "".join(pieces), out)
        if not (parts or item.texts or refusals):
            # The reasoning before it may not be sent back without what followed it (WIRE 1h), be it ever so empty.
            self.blocks.add_part(OpaquePart("message", told, self.blocks.origin), out)

    # --- reasoning, calls, the rest --------------------------------------------------------------------------------

    def _reasoning_delta(self, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, "reasoning", out)
        delta = event.get("delta")
        if item is not None and item.reasoning is not None and delta:
            item.reasoning.add(delta, out)

    def _complete_reasoning(self, item: OutputItem, told: JsonDict, out: list[StreamEvent]) -> None:
        block = cast("TextBlock", item.reasoning)
        final = reasoning_text(told)
        if final:
            block.settle(final, out)
        block.provider_data = told
        self.blocks.close(block, out)

    def _arguments_delta(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self._call_delta("function_call", event, out)

    def _input_delta(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self._call_delta("custom_tool_call", event, out)

    def _call_delta(self, kind: str, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, kind, out)
        if item is not None and item.call is not None:
            item.call.add(text_of(event, "delta"), out)

    def _arguments_done(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self._call_done("function_call", event, out)

    def _input_done(self, event: JsonDict, out: list[StreamEvent]) -> None:
        self._call_done("custom_tool_call", event, out)

    def _call_done(self, kind: str, event: JsonDict, out: list[StreamEvent]) -> None:
        item = self._find(event, kind, out)
        if item is not None and item.call is not None:
            if item.announced:  # else its own `done` may still tell the call's id
                self._introduce(item.call, event, out)
            else:
                item.told = {**item.told, "name": event.get("name")}
            add_arguments(item.call, event, out)

    def _introduce(self, call: CallBlock, told: JsonDict, out: list[StreamEvent]) -> None:
        """Take a call's id and name from its item, and begin it once its name is known. The id may come late."""
        call.id = call.id or clean(get_str(told, "call_id") or "") or None
        if call.index < 0:
            call.name = call.name or clean(get_str(told, "name") or "")
            if call.name:
                self.blocks.start_call(call, self.id, out)

    def _complete_call(self, item: OutputItem, told: JsonDict, out: list[StreamEvent]) -> None:
        call = cast("CallBlock", item.call)
        self._introduce(call, told, out)
        add_arguments(call, told, out)
        self._finish_call(item, call, told, out)

    def _finish_call(self, item: OutputItem, call: CallBlock, told: JsonDict, out: list[StreamEvent]) -> None:
        if call.index < 0 and call.id:
            self.blocks.start_call(call, self.id, out)
        call.provider_data = call_data(item.kind, told)
        self.blocks.close(call, out)

    def _complete_opaque(self, item: OutputItem, told: JsonDict, out: list[StreamEvent]) -> None:
        item.places.append(self.blocks.add_part(OpaquePart(item.kind, told, self.blocks.origin), out))

    # --- the terminal event's output -------------------------------------------------------------------------------

    def _reconcile(self, output: list[JsonDict], out: list[StreamEvent]) -> None:
        streamed = len(self._items)
        waiting: dict[str, list[OutputItem]] = {}  # by kind, the next one last
        for known in reversed(self._items):
            waiting.setdefault(known.kind, []).append(known)
        taken: set[int] = set()
        for position, told in enumerate(output):
            if not kind_of(told):
                continue
            item = self._match(told, position, taken, waiting.get(kind_of(told), []))
            if item is None or item.order >= streamed:
                item = self._open(told, None, out)
            taken.add(item.order)
            if item.done:
                self._fill(item, told)
            else:
                self._complete(item, told, out)

    def _match(self, told: JsonDict, position: int, taken: set[int], waiting: list[OutputItem]) -> OutputItem | None:
        """The streamed item that this one is: by id, by place, else the next of its kind (Copilot changes the ids)."""
        while waiting and waiting[-1].order in taken:
            waiting.pop()
        for item in (self._by_id.get(get_str(told, "id") or ""), self._at.get(position), *waiting[-1:]):
            if item is not None and item.kind == kind_of(told) and item.order not in taken and item.may_be(told):
                return item
        return None

    def _fill(self, item: OutputItem, told: JsonDict) -> None:
        """What only the terminal event has of a finished item; what the item said itself stands."""
        for index in item.places:
            part = self.blocks.content[index]
            if isinstance(part, ReasoningPart):
                self.blocks.replace(index, evolve(part, provider_data=filled(part.provider_data or {}, told)))
            else:
                opaque = cast("OpaquePart", part)
                self.blocks.replace(index, evolve(opaque, data=filled(opaque.data, told)))

    # The wire's own words (WIRE 1c). Events that only tell of progress are not here, and counted.
    _EVENTS: ClassVar[dict[str, _OnEvent]] = {
        "response.created": _open_response,
        "response.queued": _tell,
        "response.in_progress": _tell,
        "response.output_item.added": _added,
        "response.output_item.done": _done,
        "response.content_part.added": _part_added,
        "response.output_text.delta": _text_delta,
        "response.output_text.done": _text_done,
        "response.output_text.annotation.added": _annotation,
        "response.refusal.delta": _refusal_delta,
        "response.refusal.done": _refusal_done,
        "response.reasoning_summary_text.delta": _reasoning_delta,
        "response.reasoning_text.delta": _reasoning_delta,
        "response.function_call_arguments.delta": _arguments_delta,
        "response.function_call_arguments.done": _arguments_done,
        "response.custom_tool_call_input.delta": _input_delta,
        "response.custom_tool_call_input.done": _input_done,
        "error": _error,
        **dict.fromkeys(_TERMINAL, _end),
    }
    _COMPLETE: ClassVar[dict[str, _OnItem]] = {
        "message": _complete_message,
        "reasoning": _complete_reasoning,
        **dict.fromkeys(CALLS, _complete_call),
    }
