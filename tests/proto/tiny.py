"""A dialect as small as can be, for tests of what stands above the codecs.

A stream's events are `{"say": text}`, `{"think": text}`, `{"use": [input, output]}`, `{"error": {...}}` and, last,
`{"stop": word}`; a whole body is `{"say": text, "stop": word}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attrs import define, field, frozen

from lash_proto.codecs._blocks import TextBlock
from lash_proto.codecs._decoder import DialectDecoder
from lash_proto.codecs._encoder import http_request
from lash_proto.errors import UnsupportedRequest
from lash_proto.failures import RemoteProtocolError
from lash_proto.http import HttpRequest
from lash_proto.messages import AssistantMessage, LlmRequest, TextPart, ToolResultMessage, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.replies import StreamEvent
from lash_proto.usage import LlmUsage, StopReason
from lash_proto.values import Json, get_dict, get_list, get_str


@define
class TinyDecoder(DialectDecoder):
    STOPS: ClassVar[Mapping[str, StopReason]] = {"end": "stop", "full": "length", "no": "refusal"}

    _block: TextBlock | None = field(default=None, init=False)

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        if type(data) is not dict:
            raise RemoteProtocolError("an event that is no object")
        self._begin(data.get("id"), data.get("model"), out)
        for word, reasoning in (("think", True), ("say", False)):
            text = get_str(data, word)
            if text is not None:
                self._add(text, reasoning, out)
        counts = get_list(data, "use")
        if counts:
            self._count(LlmUsage(abs(int(counts[0])), output_tokens=abs(int(counts[1])), raw={"use": counts}), out)
        if get_dict(data, "error"):
            self._fail(data)
        if get_str(data, "stop") is not None:
            self.raw_stop_reason = data["stop"]
            self.ended = True

    def _add(self, text: str, reasoning: bool, out: list[StreamEvent]) -> None:
        block = self._block
        if block is None or block.reasoning != reasoning:
            if block is not None:
                self.blocks.close(block, out)
            block = self._block = self.blocks.start_reasoning(out) if reasoning else self.blocks.start_text(out)
        block.add(text, out)

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        if not isinstance(body, dict) or not {"say", "error"} & set(body):
            raise self._not_ours("the body says nothing")
        self._event("", body, out)

    def _is_complete(self) -> bool:
        return self.raw_stop_reason is not None


@frozen
class Tiny:
    """The codec."""

    provider: str | None = None
    notes: tuple[str, ...] = ()
    api: str = "tiny"

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        messages: list[Any] = []
        for message in request.messages:
            if isinstance(message, (UserMessage, ToolResultMessage)):
                if not isinstance(message.content, str):
                    raise UnsupportedRequest("parts", "tiny speaks plain text only")
                messages.append([message.role, message.content])
            elif isinstance(message, AssistantMessage):
                texts = [part.text for part in message.content if isinstance(part, TextPart)]
                messages.append([message.role, *texts])
        body = {"model": ModelSpec.of(model).id, "messages": messages}
        return http_request("/tiny", body, request.options, stream=stream, notes=self.notes)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> TinyDecoder:
        spec = ModelSpec.of(model) if model is not None else None
        return TinyDecoder(self.api, self.provider, status, tuple(headers), spec)


def event(**data: Any) -> bytes:
    """One event of the stream."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


HELLO = event(id="r-1", model="tiny-1")
END = event(use=[3, 4], stop="end")
REPLY = HELLO + event(say="Hel") + event(say="lo.") + END
THOUGHT = HELLO + event(think="Hm. ") + event(say="Yes.") + END
