"""What a Chat Completions server answers: chunks of one message, or the message whole.

Every server bends this dialect its own way, so the rules here are about shapes and never about names of servers.

- Choice 0 alone is read; a choice that does not say its index is choice 0. A whole body may split it over several
  entries (GitHub Copilot), which are joined in order.
- Reasoning goes before content where one delta has both: servers that send both mean it so.
- Calls stay open until the end, because their fragments may interleave; a text and a reasoning block never are open
  at once, and either is closed by the other and by a call.
- The refusal and the sound come whole, when the answer is over. What belongs to reasoning and comes late (signatures,
  encrypted copies) is added to the part that is already there.
- The last word for why it stopped counts, `""` where there was none; the end is proved by any word but that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

from attrs import define, evolve, field

from ...compat import ChatCompat
from ...failures import Failure
from ...messages import OpaquePart, Part, ReasoningPart, RefusalPart, TextPart
from ...replies import LlmResponse, StreamEvent
from ...usage import StopReason
from ...values import Json, JsonDict, clean, get_dict, get_int, get_list, get_str
from .._blocks import CallBlock, TextBlock
from .._chat import FIELDS, STOPS, field_text, image_of, is_error, read_counts, usage_of
from .._decoder import DialectDecoder
from .calls import Calls, arguments_text
from .media import Audio
from .reasoning import Details, details_text, thinking_text

# What a delta of reasoning holds as a rule.
_PLAIN: Final = frozenset({"role", "content", FIELDS[0]})

# What a delta seldom says: where it says none of this, nobody asks for it.
_SELDOM: Final = frozenset(
    {"reasoning_details", "reasoning_opaque", "refusal", "function_call", "annotations", "images", "audio"}
)


@define
class ChatDecoder(DialectDecoder):
    """One Chat Completions response."""

    STOPS: ClassVar[Mapping[str, StopReason]] = STOPS

    compat: ChatCompat = field(factory=ChatCompat)

    _named: bool = field(default=False, init=False)
    _finished: bool = field(default=False, init=False)
    _sentinel_seen: bool = field(default=False, init=False)
    _text: TextBlock | None = field(default=None, init=False)
    _last_text: TextBlock | None = field(default=None, init=False)
    _reasoning: TextBlock | None = field(default=None, init=False)
    _last_reasoning: int = field(default=-1, init=False)
    _from_field: bool = field(default=False, init=False)
    _details: Details = field(factory=Details, init=False)
    _opaque: str | None = field(default=None, init=False)
    _calls: Calls = field(factory=Calls, init=False)
    _function_call: CallBlock | None = field(default=None, init=False)
    _refusal: list[str] = field(factory=list[str], init=False)
    _audio: Audio = field(factory=Audio, init=False)
    _counts: dict[str, int] = field(factory=dict[str, int], init=False)

    # --- events ----------------------------------------------------------------------------------------------------

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        chunk: JsonDict = data
        if type(chunk) is not dict:
            if name == "error":
                self._fail(data)
            return
        choices: list[Any] | None = chunk.get("choices")
        if choices is None and type(chunk.get("provider")) is dict:
            chunk = chunk["provider"]  # OpenRouter has sent a completion inside its own `provider`
            choices = chunk.get("choices")
        if type(choices) is list:
            if not self._named:
                self._begin(chunk.get("id"), chunk.get("model"), out)
                self._named = bool(self.id and self.model)
            choice: JsonDict
            for choice in choices:
                if type(choice) is dict:
                    self._choice(choice, out)
        usage = chunk.get("usage")
        if usage is not None:
            self._usage(usage, out)
        if "x_groq" in chunk:
            self._groq(chunk, out)
        if "error" in chunk or name == "error" or chunk.get("object") == "error":
            self._error(chunk, name)

    def _choice(self, choice: JsonDict, out: list[StreamEvent]) -> None:
        if choice.get("index") and get_int(choice, "index") != 0:
            return
        delta: JsonDict | None = choice.get("delta")
        if type(delta) is dict:
            # Nearly all deltas say one thing, and asking for all that a message may say takes as long as its JSON.
            text = delta.get("content")
            if type(text) is str and len(delta) == 1:
                if text:
                    (self._text or self._open_text(out)).add(text, out)
            elif len(delta) == 1 and type(delta.get("tool_calls")) is list:
                self._take_calls(delta["tool_calls"], out)
            elif not text and type(thought := delta.get(FIELDS[0])) is str and thought and _PLAIN.issuperset(delta):
                self._add_reasoning(FIELDS[0], thought, out)
            else:
                self._message(delta, out, whole=False)
        elif delta is None and not self.blocks.content and type(choice.get("message")) is dict:
            # A gateway that waited for the whole answer sends it as the one event of a stream.
            self._message(choice["message"], out, whole=True)
        if choice.get("finish_reason") is not None or "usage" in choice or "error" in choice:
            self._rest(choice, out)

    def _rest(self, choice: JsonDict, out: list[StreamEvent]) -> None:
        """What stands beside the delta or message of a choice."""
        word = choice.get("finish_reason")
        if type(word) is str:
            if word or self.raw_stop_reason is None:
                self.raw_stop_reason = clean(word)
            if word:
                self._finished = True
        if (usage := choice.get("usage")) is not None:  # Moonshot
            self._usage(usage, out)
        if error := choice.get("error"):  # OpenRouter
            self._fail(error)

    def _sentinel(self, out: list[StreamEvent]) -> None:
        self._sentinel_seen = True
        self.ended = True

    def _is_complete(self) -> bool:
        if self._finished:
            return True
        return not self.compat.finish_reason_required and self._started and (self._over or self._sentinel_seen)

    def _groq(self, chunk: JsonDict, out: list[StreamEvent]) -> None:
        own = get_dict(chunk, "x_groq")
        if chunk.get("usage") is None and own.get("usage") is not None:
            self._usage(own["usage"], out)
        if own.get("error"):
            self._fail(own["error"])

    def _error(self, chunk: JsonDict, name: str) -> None:
        error = chunk.get("error")
        if not error and name != "error" and chunk.get("object") != "error":
            return  # null: nothing to report
        # Beside choices the error is what stands under `error`; alone, its neighbours (`code`, `detail`) belong to it.
        beside = type(error) is dict or "choices" in chunk
        self._fail(error if error and beside else chunk)

    def _usage(self, usage: Json, out: list[StreamEvent]) -> None:
        counts = read_counts(usage)
        if counts:
            self._counts.update(counts)
            whole = self.compat.reasoning_in_output
            self._count(usage_of(self._counts, cast("JsonDict", usage), reasoning_in_output=whole), out)
            self.ended = self.ended or self._finished

    # --- bodies ----------------------------------------------------------------------------------------------------

    def _finish_error(self) -> None:
        bare = self.status == 400 and not b"".join(self._pieces).strip()
        super()._finish_error()
        if bare and self.compat.bare_400_is_overflow and self.error is not None:
            self.error = evolve(self.error, kind="context_overflow")

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        if type(body) is list:  # Google's compatible server wraps an error in a list
            body = next(iter(cast("list[Json]", body)), None)
        if type(body) is not dict:
            raise self._not_ours("the body is no JSON object")
        whole = cast("JsonDict", body)
        if not get_list(whole, "choices") and get_list(whole.get("provider"), "choices"):
            whole = get_dict(whole, "provider")
        choices = get_list(whole, "choices")
        error = whole.get("error")
        if not choices and not is_error(whole):
            # The wrong endpoint, an echo, an answer of nothing: no events, but partial() has what it did say.
            self._begin(whole.get("id"), whole.get("model"), [])
            self._usage(whole.get("usage"), [])
            raise self._not_ours("the body has no choices")
        if choices:
            self._begin(whole.get("id"), whole.get("model"), out)
        for choice in choices:
            if type(choice) is dict and get_int(choice, "index") in (0, None):
                self._message(get_dict(choice, "message"), out, whole=True)
                self._rest(cast("JsonDict", choice), out)
        if whole.get("usage") is not None:
            self._usage(whole["usage"], out)
        if "x_groq" in whole:
            self._groq(whole, out)
        if error or not choices:
            self._error(whole, "error")

    # --- messages --------------------------------------------------------------------------------------------------

    def _message(self, message: JsonDict, out: list[StreamEvent], *, whole: bool) -> None:
        """A delta, or a whole message: they hold the same keys."""
        seldom = not _SELDOM.isdisjoint(message)
        name, text = field_text(message)
        if seldom:
            text = self._take_details(message, name, text, out, whole=whole)
        if text:
            self._add_reasoning(name, text, out)
        content = message.get("content")
        if type(content) is str:
            if content:
                (self._text or self._open_text(out)).add(content, out)
        elif content:
            self._take_parts(content, out, whole=whole)
        if seldom and type(message.get("refusal")) is str:
            self._refusal.append(message["refusal"])
        if type(message.get("tool_calls")) is list:
            self._take_calls(message["tool_calls"], out, whole=whole)
        if seldom:
            self._take_rest(message, out)
            self.progress += any(message.get(key) for key in _SELDOM)

    def _take_rest(self, message: JsonDict, out: list[StreamEvent]) -> None:
        if type(message.get("function_call")) is dict and self._calls.last is None:  # else it says the same again
            self._take_function_call(message["function_call"], out)
        if annotations := message.get("annotations"):
            self._take_annotations(annotations, out)
        if images := message.get("images"):
            self._take_images(images, out)
        if type(message.get("audio")) is dict:
            self._audio.add(message["audio"])

    def _open_text(self, out: list[StreamEvent]) -> TextBlock:
        self._close_reasoning(out)
        self._text = self._last_text = self.blocks.start_text(out)
        return self._text

    def _close_text(self, out: list[StreamEvent]) -> None:
        if self._text is not None:
            self.blocks.close(self._text, out)
            self._text = None

    def _take_parts(self, content: Json, out: list[StreamEvent], *, whole: bool) -> None:
        if type(content) is dict:
            # Cloudflare's JSON mode: the object itself, where its text should be.
            self._add(OpaquePart("json", cast("JsonDict", content), self.blocks.origin), out)
            return
        for part in cast("list[Json]", content) if type(content) is list else ():
            kind = get_str(part, "type")
            if kind == "thinking":  # Mistral
                self._take_thinking(part, out)
            elif kind == "text" or kind is None:
                if text := part if type(part) is str else get_str(part, "text"):
                    (self._text or self._open_text(out)).add(text, out)
            elif kind == "image_url":
                self._take_images([part], out)
            elif kind == "refusal":
                self._refusal.append(get_str(part, "refusal") or "")
            else:
                self._add(OpaquePart(clean(kind), part, self.blocks.origin), out)
            if whole:  # each part is one of its own; in a stream they are pieces
                self._close_text(out)
                self._close_reasoning(out)

    def _add(self, part: Part, out: list[StreamEvent]) -> None:
        self._close_text(out)
        self._close_reasoning(out)
        self.blocks.add_part(part, out)

    # --- reasoning -------------------------------------------------------------------------------------------------

    def _take_details(self, message: JsonDict, name: str, text: str, out: list[StreamEvent], *, whole: bool) -> str:
        """What stands beside the field of reasoning, and the text to read: the field's, or else the details'."""
        details = [cast("JsonDict", entry) for entry in get_list(message, "reasoning_details") if type(entry) is dict]
        if details:
            # The same text stands in both, as a rule; once a field has spoken, the details alone add nothing to read.
            if not name and not self._from_field:
                text = details_text(details)
            if self._reasoning is None and not text and not self.blocks.content:
                self._open_reasoning(out)
            self._details.add(details, merging=not whole)
        opaque = message.get("reasoning_opaque")
        if type(opaque) is str and opaque:  # GitHub Copilot
            self._opaque = opaque
        return text

    def _add_reasoning(self, name: str, text: str, out: list[StreamEvent]) -> None:
        block = self._reasoning or self._open_reasoning(out)
        if name:
            self._from_field = True
            if block.provider_data is None:
                block.provider_data = {"field": name}
        block.add(text, out)

    def _take_thinking(self, part: JsonDict, out: list[StreamEvent]) -> None:
        block = self._reasoning or self._open_reasoning(out)
        data = block.provider_data or {"field": "content"}
        rest = {key: value for key, value in part.items() if key not in ("type", "thinking")}
        block.provider_data = {**data, "with": {**get_dict(data, "with"), **rest}} if rest else data
        if text := thinking_text(part):
            block.add(text, out)
        if rest.get("closed"):
            self._close_reasoning(out)

    def _open_reasoning(self, out: list[StreamEvent]) -> TextBlock:
        self._close_text(out)
        self._reasoning = self.blocks.start_reasoning(out)
        self._last_reasoning = self._reasoning.index
        return self._reasoning

    def _close_reasoning(self, out: list[StreamEvent]) -> None:
        block = self._reasoning
        if block is not None:
            block.provider_data = self._reasoning_data(block.provider_data)
            self.blocks.close(block, out)
            self._reasoning = None

    def _reasoning_data(self, data: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The provider data of a reasoning part, with what has come for it since."""
        added: JsonDict = dict(data or {})
        if self._details.entries:
            added["details"] = self._details.take(get_list(added, "details"))
        if self._opaque is not None:
            added["opaque"], self._opaque = self._opaque, None
        return added or None

    # --- tool calls ------------------------------------------------------------------------------------------------

    def _take_calls(self, calls: list[Json], out: list[StreamEvent], whole: bool = False) -> None:
        call: JsonDict
        for place, call in enumerate(calls):
            if type(call) is not dict:
                continue
            # Nearly always: more of a call's arguments under its index, and nothing else.
            index = call.get("index")
            function: JsonDict | None = call.get("function")
            if type(index) is int and len(call) == 2 and type(function) is dict and len(function) == 1 and not whole:
                block = self._calls.by_index.get(index)
                fragment = function.get("arguments")
                if block is not None and block.kind == "function" and type(fragment) is str:
                    block.add(fragment, out)
                    continue
            self._take_call(call, out, alone=whole or place > 0, whole=whole)

    def _take_call(self, call: JsonDict, out: list[StreamEvent], *, alone: bool, whole: bool) -> None:
        """One entry of `tool_calls`. `alone`: without a key of its own it is a call of its own."""
        function, custom = get_dict(call, "function"), get_dict(call, "custom")
        # Snowflake sends both objects, one of them of empty strings.
        is_custom = call.get("type") == "custom" or (bool(custom.get("name")) and not function.get("name"))
        body, word = (custom, "input") if is_custom else (function, "arguments")
        name = get_str(body, "name") or ""
        fragment = arguments_text(body.get(word))
        id = get_str(call, "id") or None
        index = None if whole else get_int(call, "index")
        block = None if whole else self._calls.find(id, index, name, fragment, alone=alone)
        if block is None:
            block = self.blocks.new_call(id, name, "custom" if is_custom else "function")
            self._calls.note(block, id, index)
            if name:
                self._start_call(block, out)
        elif not block.name and name:
            block.name = clean(name)
            block.kind = "custom" if is_custom else "function"
            self._calls.named(block)
            self._start_call(block, out)
        if block.kind == "custom" and not is_custom:
            fragment = arguments_text(custom.get("input"))
        if type(call.get("extra_content")) is dict:  # Google's compatible server: thought signatures
            block.provider_data = {"extra_content": call["extra_content"]}
        block.add(fragment, out)

    def _start_call(self, block: CallBlock, out: list[StreamEvent]) -> None:
        self._close_text(out)
        self._close_reasoning(out)
        self.blocks.start_call(block, self.id, out)

    def _take_function_call(self, call: JsonDict, out: list[StreamEvent]) -> None:
        """The form before `tool_calls`: one call, without an id."""
        block = self._function_call
        if block is None:
            name = get_str(call, "name")
            if not name:
                return
            block = self._function_call = self.blocks.new_call(None, name)
            self._start_call(block, out)
        block.add(arguments_text(call.get("arguments")), out)

    # --- the rest of a message -------------------------------------------------------------------------------------

    def _take_annotations(self, annotations: Json, out: list[StreamEvent]) -> None:
        for annotation in cast("list[Json]", annotations) if type(annotations) is list else ():
            if type(annotation) is not dict:
                continue
            if get_str(annotation, "type") == "file":  # OpenRouter: a document as it was parsed, wanted back as it is
                self._add(OpaquePart("file", cast("JsonDict", annotation), self.blocks.origin), out)
                continue
            block = self._text or self._last_text or self._open_text(out)
            block.citations.append(cast("JsonDict", annotation))

    def _take_images(self, images: Json, out: list[StreamEvent]) -> None:
        for image in cast("list[Json]", images) if type(images) is list else ():
            part = image_of(image, self.blocks.origin)
            if part is not None:
                self._add(part, out)

    # --- the end ---------------------------------------------------------------------------------------------------

    def _late_parts(self) -> list[Part]:
        """The refusal and the sound, as far as they have come."""
        parts: list[Part] = []
        refusal = clean("".join(self._refusal))
        if refusal:
            parts.append(RefusalPart(refusal, self.blocks.origin))
        audio = self._audio.part(self.blocks.origin)
        if audio is not None:
            parts.append(audio)
        return parts

    def _before_end(self, out: list[StreamEvent]) -> None:
        self._close_text(out)
        self._close_reasoning(out)
        if self._details.entries or self._opaque is not None:
            self._settle_reasoning(out)
        block = self._last_text
        if block is not None and block.citations:
            # They come after the text, as a rule, and the text may have been closed by a call.
            text = cast("TextPart", self.blocks.content[block.index])
            self.blocks.replace(block.index, evolve(text, citations=tuple(block.citations)))
        nameless, self._calls.nameless = self._calls.nameless, []
        for call in nameless:
            if call.id:
                self.blocks.start_call(call, self.id, out)
        for part in self._late_parts():
            self.blocks.add_part(part, out)
        self._refusal, self._audio = [], Audio()

    def _settle_reasoning(self, out: list[StreamEvent]) -> None:
        if self._last_reasoning < 0:
            data = self._reasoning_data(None)
            self.blocks.add_part(ReasoningPart(origin=self.blocks.origin, provider_data=data), out)
            return
        part = cast("ReasoningPart", self.blocks.content[self._last_reasoning])
        data = self._reasoning_data(part.provider_data)
        self.blocks.replace(self._last_reasoning, evolve(part, provider_data=data))

    def _response(self, error: Failure | None) -> LlmResponse:
        response = super()._response(error)
        late = self._late_parts()
        if not late:
            return response
        content = (*response.content, *late)
        stop = response.stop_reason if response.error else self._stop_reason(content)
        return evolve(response, content=content, stop_reason=stop)
