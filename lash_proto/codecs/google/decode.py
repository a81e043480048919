"""What Gemini answers, as events: an event stream, a JSON array in pieces, or one object; WIRE 5c to 5h.

Decisions.
- In a stream, neighbouring text parts are increments of one block, and so are neighbouring thoughts. A part that says
  more than its text (a `thoughtSignature`, mostly) is a block of its own, even when its text is empty: Gemini wants
  each signature back on the part that had it, and never merged (WIRE 5h). What it says more is the block's
  `provider_data`. In a whole body every part is a block.
- A call comes whole, or, from Vertex, in pieces by JSONPath; `arguments.py` makes JSON text of these. A call that ends
  without its last empty `functionCall` is whole where the model stopped by itself, and cut where it ran out of tokens.
- Grounding, citations and URL context belong to the candidate, not to a part. The block of text nearest to where they
  come keeps them in `citations`, as sent, each under its wire name: `{"groundingMetadata": {...}}`.
- Counts are cumulative and a field can vanish again. Where the rest still makes the total it is nought, because Google
  leaves out zeros; where not, what was said of it last stands.
- Drafts of a picture (`thought: true`) and all kinds of parts that have no class here are OpaqueParts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

from attrs import define, evolve, field

from ...failures import Failure, RemoteProtocolError
from ...messages import AudioPart, ImagePart, OpaquePart, Part, TextPart
from ...replies import LlmResponse, StreamEvent
from ...usage import StopReason
from ...values import Json, JsonDict, clean, dump_json, get_dict, get_int, get_list, get_str
from .._blocks import CallBlock, TextBlock
from .._decoder import DialectDecoder
from .arguments import StreamedArguments
from .array import ArraySplitter
from .faults import refine
from .usage import add_counts, usage_of

# WIRE 5f. What is not here is an error: MALFORMED_*, UNEXPECTED_TOOL_CALL, OTHER, NO_IMAGE. The numbers are those of
# Vertex's enum: an old client asks for `enum-encoding=int`.
STOPS: Final[dict[str, StopReason]] = {
    "STOP": "stop",
    "1": "stop",
    "MAX_TOKENS": "length",
    "2": "length",
    "SAFETY": "content_filter",
    "3": "content_filter",
    "RECITATION": "content_filter",
    "4": "content_filter",
    "BLOCKLIST": "content_filter",
    "6": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "7": "content_filter",
    "SPII": "content_filter",
    "8": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "10": "content_filter",
    "LANGUAGE": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "CONTINUATION": "pause",
}

# The enums' zero: a field that was not set, written out by some serialisers. It ends nothing.
_NOT_SAID: Final = frozenset({"", "0", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})

_OURS: Final = frozenset({"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"})
_METADATA: Final = ("groundingMetadata", "citationMetadata", "urlContextMetadata")
_MOST_COUNTS: Final = 64  # that are kept before they are added up
# What a part may say beside the one thing that it is.
_ASIDES: Final = frozenset(
    {"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution", "mediaProcessing"}
)


@define
class GoogleDecoder(DialectDecoder):
    """One response of the Gemini API or of Code Assist, which wraps each object in `response`."""

    STOPS: ClassVar[Mapping[str, StopReason]] = STOPS
    STREAMS_ARRAYS: ClassVar[bool] = True

    wrapped: bool = False

    _array: ArraySplitter = field(factory=ArraySplitter, init=False)
    _growing: TextBlock | None = field(default=None, init=False)  # what the next text may go on
    _call: CallBlock | None = field(default=None, init=False)  # a call whose arguments come in pieces
    _arguments: StreamedArguments = field(factory=StreamedArguments, init=False)
    _counts: list[JsonDict] = field(factory=list[JsonDict], init=False)  # as they came; the first may be a sum
    _untold: bool = field(default=False, init=False)  # there are some that no UsageUpdate has told
    _citations: JsonDict = field(factory=dict[str, Any], init=False)
    _uncited: bool = field(default=False, init=False)  # they wait for a block of text
    _one_body: bool = field(default=False, init=False)
    _answered: bool = field(default=False, init=False)  # there was a candidate
    _finished: bool = field(default=False, init=False)
    _blocked: bool = field(default=False, init=False)
    _finish_message: str = field(default="", init=False)

    # --- the contract with DialectDecoder --------------------------------------------------------------------------

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        if self.id and self.model and not name and self._goes_on(data, out):
            return
        chunk: JsonDict = data
        if type(chunk) is not dict:
            # In mid-stream an error may be a list of one (WIRE 5c).
            items = cast("list[Json]", data) if type(data) is list else []
            if len(items) != 1 or type(items[0]) is not dict:
                raise self._not_ours("an event is no object")
            chunk = cast("JsonDict", items[0])
        self._chunk(name, chunk, out)

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        self._one_body = True
        if type(body) is not dict:
            raise self._not_ours("the body is no object")
        if not self._chunk("", cast("JsonDict", body), out):
            raise self._not_ours("the body has neither candidates nor an error")
        if self.error is None and not self._answered and not self._blocked:
            # Code Assist does this now and then; asking again helps (WIRE 5c).
            message = "the answer has no candidate and no reason for that"
            raise RemoteProtocolError(message, failure=Failure(kind="truncated", message=message, retryable=True))

    def _is_complete(self) -> bool:
        return self._finished or self._blocked

    def _split_array(self, data: bytes) -> list[str]:
        return self._array.receive(data)

    def _finish_feed(self, data: bytes, out: list[StreamEvent]) -> None:
        if self._mode == "array":
            self._array.end()
        super()._finish_feed(data, out)

    def _tell(self, out: list[StreamEvent]) -> None:
        self._untold = False
        self._counts = [add_counts(self._counts)]
        self._count(usage_of(self._counts[0]), out)

    def _response(self, error: Failure | None) -> LlmResponse:
        response = super()._response(error)
        return evolve(response, usage=usage_of(add_counts(self._counts))) if self._untold else response

    def _stop_reason(self, content: tuple[Part, ...]) -> StopReason:
        # OTHER is an error as a finishReason and a filter as a blockReason.
        return "content_filter" if self._blocked and not self._finished else super()._stop_reason(content)

    def _stop_message(self, word: str) -> str:
        said = super()._stop_message(word)
        return f"{said}: {self._finish_message}" if self._finish_message else said

    def _fail(self, error: Json, *, default: Any = None) -> None:
        super()._fail(error, default=default)
        self._refine()

    def _finish_error(self) -> None:
        super()._finish_error()
        self._refine()

    def _refine(self) -> None:
        self.error = None if self.error is None else refine(self.error)

    # --- nearly every chunk ----------------------------------------------------------------------------------------

    def _goes_on(self, data: Json, out: list[StreamEvent]) -> bool:
        """Whether this chunk was one more piece of the text or call at hand and no more, which is then read.

        `_chunk` would do the same, in twice the time: a chunk is four levels deep, and each level may say something
        else there. Here the shape is asked first. What can be looked up by a name is an object, so what holds one
        without a name was an array; and an object of so many members that has these has no others.
        """
        try:
            said: JsonDict = data["response"] if self.wrapped else data
            candidate: JsonDict
            part: JsonDict
            [candidate] = said["candidates"]
            [part] = candidate["content"]["parts"]
            if len(candidate) > 1 and (len(candidate) > 2 or candidate["index"] != 0):
                return False
        except (KeyError, TypeError, ValueError):
            return False
        if type(part) is not dict or "error" in said or "error" in data or "promptFeedback" in said:
            return False
        before = len(out)
        growing = self._growing
        if growing is not None:
            text: Json = part.get("text")
            if len(part) != (2 if growing.reasoning else 1) or type(text) is not str:
                return False
            if growing.reasoning and part.get("thought") is not True:
                return False
            growing.add(text, out)
        else:
            call: JsonDict | None = part.get("functionCall")
            if type(call) is not dict or "name" in call or len(part) > 1:
                return False
            self._continue(call, out)
        self._count_later(said, out, before)
        return True

    # --- one object ------------------------------------------------------------------------------------------------

    def _chunk(self, name: str, data: JsonDict, out: list[StreamEvent]) -> bool:
        """One GenerateContentResponse or error. False for what is neither."""
        said = data
        before = len(out)
        if self.wrapped:
            inner = data.get("response")
            if type(inner) is dict:
                said = cast("JsonDict", inner)
        failed = name == "error" or said.get("error") is not None or data.get("error") is not None
        ours = "candidates" in said or not _OURS.isdisjoint(said)
        if ours:
            if not (self._started and self.id and self.model):
                id = said.get("responseId")
                if not id and self.wrapped:
                    id = data.get("traceId", id)
                self._begin(id, said.get("modelVersion"), out)
            candidates: list[Any] | None = said.get("candidates")
            if type(candidates) is list:
                candidate: JsonDict
                for place, candidate in enumerate(candidates):
                    index = candidate.get("index") if type(candidate) is dict else -1
                    if type(index) is not int:
                        index = get_int(candidate, "index")
                    if (place if index is None else index) == 0:
                        self._answered = True
                        self._candidate(candidate, out)
            if "promptFeedback" in said and said["promptFeedback"] is not None and not self._finished:
                self._feedback(said["promptFeedback"])
            self._count_later(said, out, before)
        if failed:
            self._fail(said if said.get("error") is not None else data)
        return ours or failed

    def _count_later(self, said: JsonDict, out: list[StreamEvent], before: int) -> None:
        """Keep the counts of this chunk, which began when there were so many events, and tell them if it is time.

        Every chunk counts anew. Told each time, counts would cost more than the text and ten times its memory: they are
        told at first, where a chunk brings nothing else, and at the end. To add them up costs as much as the text too,
        and of most of them nothing is left in the end: that is done when they are told.
        """
        counts: JsonDict | None = said.get("usageMetadata")
        if type(counts) is dict:
            self._untold = True
            self._counts.append(counts)
            if len(self._counts) > _MOST_COUNTS:
                self._counts = [add_counts(self._counts)]
        if self._untold and (self.usage is None or len(out) == before or self._finished or self._blocked):
            self._tell(out)

    def _candidate(self, candidate: JsonDict, out: list[StreamEvent]) -> None:
        if "groundingMetadata" in candidate or "citationMetadata" in candidate or "urlContextMetadata" in candidate:
            for key in _METADATA:
                if type(candidate.get(key)) is dict:
                    self._cite(key, candidate[key])
        content: JsonDict | None = candidate.get("content")
        parts: list[Any] | None = content.get("parts") if type(content) is dict else None
        if type(parts) is list:
            part: JsonDict
            for part in parts:
                if type(part) is dict:
                    self._part(part, out)
        word = candidate.get("finishReason")
        if word is not None:
            self._finish(candidate, word, out)

    def _finish(self, candidate: JsonDict, word: Json, out: list[StreamEvent]) -> None:
        if type(word) is int:
            word = str(word)
        if type(word) is str and word:
            self.raw_stop_reason = clean(word)
            self._finish_message = clean(get_str(candidate, "finishMessage") or "")
            if word not in _NOT_SAID:
                self._finished = self.ended = True
                self._end_growing(out)
                self._end_call(out, whole=STOPS.get(word) == "stop")
                self._cite_late()

    def _feedback(self, feedback: Json) -> None:
        word = feedback.get("blockReason")
        if type(word) is int:
            word = str(word)
        if type(word) is str and word not in _NOT_SAID:
            self.raw_stop_reason = clean(word)
            self._blocked = self.ended = True

    # --- parts -----------------------------------------------------------------------------------------------------

    def _part(self, part: JsonDict, out: list[StreamEvent]) -> None:
        text = part.get("text")
        if type(text) is str:
            growing = self._growing
            if len(part) == 1 and growing is not None and not growing.reasoning and not self._one_body:
                if text:  # nearly always: more of the text, and nothing beside it
                    growing.add(text, out)
                return
            thought = part.get("thought") is True
            if len(part) > 1 + ("thought" in part) and (more := _more(part, "text")):
                block = self._start(thought, out)
                block.provider_data = more
                block.add(text, out)
                self._end_growing(out)
            elif text:
                if growing is None or growing.reasoning is not thought or self._one_body:
                    growing = self._start(thought, out)
                growing.add(text, out)
            return
        if type(part.get("functionCall")) is dict:
            self._end_growing(out)
            self._function_call(part, out)
            return
        if type(part.get("inlineData")) is dict:
            self._end_growing(out)
            self._inline_data(part, out)
            return
        for key, value in part.items():
            if value is not None and key not in _ASIDES:
                self._opaque(key, part, out)
                return
        if part.get("thoughtSignature"):  # a signature alone is wanted back too
            self._opaque("thoughtSignature", part, out)

    def _opaque(self, type: str, part: JsonDict, out: list[StreamEvent]) -> None:
        self._end_growing(out)
        self.blocks.add_part(OpaquePart(clean(type), part, self.blocks.origin), out)

    def _start(self, thought: bool, out: list[StreamEvent]) -> TextBlock:
        self._end_growing(out)
        block = self.blocks.start_reasoning(out) if thought else self.blocks.start_text(out)
        self._growing = block
        if self._uncited and not thought:
            self._uncited = False
            block.citations = _list(self._citations)
        return block

    def _end_growing(self, out: list[StreamEvent]) -> None:
        if self._growing is not None:
            self.blocks.close(self._growing, out)
            self._growing = None

    def _cite(self, key: str, metadata: Json) -> None:
        self._citations[key] = metadata
        if self._growing is not None and not self._growing.reasoning:
            self._growing.citations = _list(self._citations)
        else:
            self._uncited = True

    def _cite_late(self) -> None:
        """Where no block of text came after the citations, the last one before them has them."""
        content = self.blocks.content
        for index in range(len(content) - 1, -1, -1) if self._uncited else ():
            part = content[index]
            if isinstance(part, TextPart) and part.text:
                self.blocks.replace(index, evolve(part, citations=tuple(_list(self._citations))))
                self._uncited = False
                return

    def _before_end(self, out: list[StreamEvent]) -> None:
        self._cite_late()
        if self._untold:
            self._tell(out)

    # --- calls -----------------------------------------------------------------------------------------------------

    def _continue(self, call: JsonDict, out: list[StreamEvent]) -> None:
        block = self._call
        if block is None:
            return  # the empty `functionCall` after a call that had come whole; a nameless call is no call
        pieces: list[Any] | None = call.get("partialArgs")
        for piece in pieces if type(pieces) is list else ():
            block.add(self._arguments.receive(piece), out)
        if not block.pieces and (arguments := get_dict(call, "args")):
            block.add(dump_json(arguments), out)
        if call.get("willContinue") is not True:
            self._end_call(out, whole=True)

    def _end_call(self, out: list[StreamEvent], *, whole: bool) -> None:
        if self._call is not None:
            if whole:
                self._call.add(self._arguments.end(), out)
            self.blocks.close(self._call, out)
            self._call = None

    def _function_call(self, part: JsonDict, out: list[StreamEvent]) -> None:
        call: JsonDict = part["functionCall"]
        more = _more(part, "functionCall") if len(part) > 1 else {}
        name = call.get("name")
        if type(name) is not str or not name:
            if self._call is not None and more:
                self._call.provider_data = {**(self._call.provider_data or {}), **more}
            self._continue(call, out)
            return
        self._end_call(out, whole=True)
        if call.get("willContinue") is True or get_list(call, "partialArgs"):
            block = self._call = self.blocks.new_call(get_str(call, "id"), name)
            block.provider_data = more or None
            self._arguments = StreamedArguments()
            self.blocks.start_call(block, self.id, out)
            self._continue(call, out)
            return
        arguments = call.get("args")
        # By way of text, which makes all strings in them encodable.
        text = dump_json(arguments) if arguments else None
        self.blocks.whole_call(get_str(call, "id"), name, text, self.id, out, provider_data=more or None)

    def _inline_data(self, part: JsonDict, out: list[StreamEvent]) -> None:
        key = "inlineData"
        media_type = get_str(part[key], "mimeType") or ""
        kind = media_type.partition("/")[0].lower()
        text = get_str(part[key], "data")
        if part.get("thought") is True or kind not in ("image", "audio") or text is None:
            self._opaque(key, part, out)
            return
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self._opaque(key, part, out)
            return
        class_ = ImagePart if kind == "image" else AudioPart
        made = class_(
            data=data, media_type=clean(media_type), origin=self.blocks.origin, provider_data=_more(part, key) or None
        )
        self.blocks.add_part(made, out)


def _more(part: JsonDict, *known: str) -> JsonDict:
    """What a part says beside what lash reads: signature and metadata, to be sent back with it."""
    return {
        key: value for key, value in part.items() if key != "thought" and key not in known and value not in (None, "")
    }


def _list(citations: JsonDict) -> list[Mapping[str, Any]]:
    return [{key: value} for key, value in citations.items()]
