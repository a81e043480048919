"""What the Images API answers: one JSON object with all pictures, or an event stream with one (WIRE 6.1).

Decisions. The previews of a stream (`partial_image`) are no part of the answer and are passed over. What kind of
picture it is says `output_format`, and where that is missing the picture's own first bytes. A revised prompt stays with
its picture, in `provider_data`. A picture that is no base64 is kept as it came, as an OpaquePart.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import ClassVar, Final, cast

from attrs import define, field

from ...messages import ImagePart, OpaquePart
from ...replies import StreamEvent
from ...usage import LlmUsage, StopReason
from ...values import Json, JsonDict, clean, get_dict, get_int, get_list, get_str
from .._decoder import DialectDecoder

_DONE: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "image/svg+xml"),
)


@define
class ImagesDecoder(DialectDecoder):
    """One response of the Images API."""

    STOPS: ClassVar[Mapping[str, StopReason]] = {}

    _completed: bool = field(default=False, init=False)

    def _event(self, name: str, data: Json, out: list[StreamEvent]) -> None:
        kind = get_str(data, "type") or name
        if kind in _DONE:
            self._begin(None, data.get("model"), out)
            self._picture(data, data, out)
            self._count(_usage(data), out)
            self._completed = self.ended = True
        elif kind == "error" or get_dict(data, "error"):
            self._fail(data)
        elif kind.endswith(".partial_image"):
            self.progress += 1

    def _body(self, body: Json, out: list[StreamEvent]) -> None:
        whole = cast("JsonDict", body) if type(body) is dict else {}
        if type(whole.get("data")) is list:
            self._begin(None, whole.get("model"), out)
            for picture in get_list(whole, "data"):
                self._picture(picture, whole, out)
            self._count(_usage(whole), out)
        elif whole.get("error") is not None:
            self._fail(whole)
        else:
            raise self._not_ours("the body has neither pictures nor an error")

    def _is_complete(self) -> bool:
        return self._completed

    def _picture(self, picture: Json, around: JsonDict, out: list[StreamEvent]) -> None:
        text, url, prompt = (get_str(picture, key) for key in ("b64_json", "url", "revised_prompt"))
        origin = self.blocks.origin
        more = {"revised_prompt": clean(prompt)} if prompt else None
        if text:
            try:
                data = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                self.blocks.add_part(OpaquePart("image", picture, origin), out)
                return
            kind = _media_type(get_str(around, "output_format"), data)
            self.blocks.add_part(ImagePart(data=data, media_type=kind, origin=origin, provider_data=more), out)
        elif url:
            self.blocks.add_part(ImagePart(url=clean(url), origin=origin, provider_data=more), out)


def _media_type(said: str | None, data: bytes) -> str | None:
    if said:
        return "image/svg+xml" if said == "svg" else f"image/{clean(said)}"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def _usage(body: JsonDict) -> LlmUsage | None:
    said = get_dict(body, "usage")
    total, output = _count(said, "input_tokens", "prompt_tokens"), _count(said, "output_tokens", "completion_tokens")
    if total is None and output is None:
        return None
    cached = max(0, get_int(get_dict(said, "input_tokens_details"), "cached_tokens") or 0)
    return LlmUsage(
        input_tokens=max(0, (total or 0) - cached),
        cached_input_tokens=cached,
        output_tokens=max(0, output or 0),
        reasoning_tokens=get_int(get_dict(said, "output_tokens_details"), "reasoning_tokens"),
        raw=said,
    )


def _count(said: JsonDict, name: str, old: str) -> int | None:
    """A count under its name, or under that of Chat, which some servers of this API use."""
    count = get_int(said, name)
    return get_int(said, old) if count is None else count
