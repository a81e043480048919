"""What OpenRouter answers who asked for pictures: chunks of one message, or the message whole (WIRE 6.2, 2h).

Decisions. A picture comes whole, in a stream too, as a rule late. Text and reasoning are blocks as in any chat, closed
by each other and by a picture. Signatures of reasoning are passed over: no request for pictures brings them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from attrs import define, field

from ...messages import Part, RefusalPart
from ...replies import StreamEvent
from ...usage import StopReason
from ...values import Json, JsonDict, clean, get_dict, get_int, get_list, get_str
from .._blocks import TextBlock
from .._chat import STOPS, field_text, image_of, is_error, read_counts, usage_of
from .._decoder import DialectDecoder


@define
class OpenRouterImagesDecoder(DialectDecoder):
    """One response of OpenRouter with pictures."""

    STOPS: ClassVar[Mapping[str, StopReason]] = STOPS

    _block: TextBlock | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)
    _refusal: list[str] = field(factory=list[str], init=False)
    _counts: dict[str, int] = field(factory=dict[str, int], init=False)

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        if type(data) is not dict:
            if name == "error":
                self._fail(data)
            return
        chunk = _unwrapped(cast("JsonDict", data))
        if type(chunk.get("choices")) is list:
            self._begin(chunk.get("id"), chunk.get("model"), out)
        self._choices(chunk, "delta", out)
        if chunk.get("error") or name == "error" or chunk.get("object") == "error":
            self._error(chunk)

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        whole = _unwrapped(cast("JsonDict", body)) if type(body) is dict else {}
        choices = get_list(whole, "choices")
        if not choices and not is_error(whole):
            raise self._not_ours("the body has neither choices nor an error")
        if choices:
            self._begin(whole.get("id"), whole.get("model"), out)
        self._choices(whole, "message", out)
        if whole.get("error") or not choices:
            self._error(whole)

    def _choices(self, body: JsonDict, key: str, out: list[StreamEvent]) -> None:
        for choice in get_list(body, "choices"):
            if type(choice) is dict and get_int(choice, "index") in (0, None):
                self._message(get_dict(choice, key), out)
                self._rest(cast("JsonDict", choice))
        counts = read_counts(body.get("usage"))
        if counts:
            self._counts.update(counts)
            self._count(usage_of(self._counts, get_dict(body, "usage"), reasoning_in_output=True), out)
            self.ended = self.ended or self._finished

    def _rest(self, choice: JsonDict) -> None:
        word = get_str(choice, "finish_reason")
        if word:
            self.raw_stop_reason = clean(word)
            self._finished = True
        if choice.get("error"):
            self._fail(choice["error"])

    def _error(self, body: JsonDict) -> None:
        # Beside choices the error is what stands under `error`; alone, its neighbours (`code`) belong to it.
        error = body.get("error")
        self._fail(error if error and (type(error) is dict or "choices" in body) else body)

    def _sentinel(self, out: list[StreamEvent]) -> None:
        self.ended = True

    def _is_complete(self) -> bool:
        return self._finished

    # --- messages --------------------------------------------------------------------------------------------------

    def _message(self, message: JsonDict, out: list[StreamEvent]) -> None:
        """A delta, or a whole message: they hold the same keys."""
        self._say(field_text(message)[1], out, reasoning=True)
        content = message.get("content")
        if type(content) is str:
            self._say(content, out)
        for part in get_list(message, "content"):
            self._say(get_str(part, "text") or "", out)
            if get_str(part, "type") == "image_url":
                self._picture(part, out)
        for image in get_list(message, "images"):
            self._picture(image, out)
        if refusal := get_str(message, "refusal"):
            self._refusal.append(refusal)

    def _say(self, text: str, out: list[StreamEvent], *, reasoning: bool = False) -> None:
        if not text:
            return
        block = self._block
        if block is None or block.reasoning is not reasoning:
            self._close_block(out)
            block = self.blocks.start_reasoning(out) if reasoning else self.blocks.start_text(out)
            self._block = block
        block.add(text, out)

    def _picture(self, image: Any, out: list[StreamEvent]) -> None:
        part = image_of(image, self.blocks.origin)
        if part is not None:
            self._add(part, out)

    def _add(self, part: Part, out: list[StreamEvent]) -> None:
        self._close_block(out)
        self.blocks.add_part(part, out)

    def _close_block(self, out: list[StreamEvent]) -> None:
        if self._block is not None:
            self.blocks.close(self._block, out)
            self._block = None

    def _before_end(self, out: list[StreamEvent]) -> None:
        refusal = clean("".join(self._refusal))
        if refusal:
            self._add(RefusalPart(refusal, self.blocks.origin), out)


def _unwrapped(body: JsonDict) -> JsonDict:
    """The completion, also where it stands inside its own `provider`, as OpenRouter has sent it."""
    inner = get_dict(body, "provider")
    return inner if body.get("choices") is None and inner.get("choices") is not None else body
