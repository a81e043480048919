"""What a user or a tool says, part by part, as Chat Completions writes it (WIRE 2b)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import define, field

from ...cache import Slot, ephemeral, place_breakpoints, place_last_marker, place_markers
from ...compat import ChatCompat
from ...errors import UnsupportedRequest
from ...messages import AudioPart, CacheRetention, DocumentPart, ImagePart, Part, TextPart
from ...values import JsonDict
from .._encoder import data_url, encode_base64, media_type_of

_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SOUNDS: Final = {
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_Kind: TypeAlias = Literal["system", "user", "assistant", "tool"]
"""Whose part it is."""

_URL = re.compile(r"(?:https?|gs)://|data:", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")


@define
class PartEncoder:
    """Encodes parts, and remembers which of them may end a cached prefix."""

    compat: ChatCompat
    retention: CacheRetention
    notes: list[str]
    slots: list[Slot] = field(factory=list[Slot], init=False)
    in_lists: bool = field(init=False)
    """Whether content is always a list, so that a marker finds a part to stand on and turns no string into one."""

    def __attrs_post_init__(self) -> None:
        self.in_lists = self.compat.cache_marks in ("anthropic", "gemini")

    def user_part(self, part: Part) -> list[JsonDict]:
        """A part of a user's message: nothing for a text of nothing, and a document after its context."""
        if isinstance(part, TextPart):
            text = self.text(part)
            return [] if text is None else [text]
        if isinstance(part, ImagePart):
            return [self.image(part)]
        if isinstance(part, DocumentPart):
            return self.document(part)
        if isinstance(part, AudioPart):
            return [sound(part)]
        raise UnsupportedRequest(f"a {type(part).__name__} in a user message", "only text, images, documents and audio")

    def text(self, part: TextPart, kind: _Kind = "user") -> JsonDict | None:
        """A text part; servers refuse an empty one."""
        if not part.text:
            return None
        return self._mark({"type": "text", "text": part.text}, part.cache_breakpoint, kind)

    def string(self, text: str, kind: _Kind = "user") -> str | list[JsonDict]:
        """A string as it is, or as the one part that it always is where parts carry `cache_control`."""
        if not self.in_lists:
            return text
        part = self.text(TextPart(text), kind)
        return [] if part is None else [part]

    def image(self, part: ImagePart) -> JsonDict:
        """A picture as a URL, `data:` for bytes."""
        if part.data is not None:
            url = data_url(media_type_of(part, _PICTURES, "an image"), part.data)
        elif part.url is not None and _URL.match(part.url):
            url = part.url
        else:
            raise UnsupportedRequest(
                "an image", "Chat Completions takes bytes, or a URL with its scheme, and no file id"
            )
        inner = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
        return self._mark({"type": "image_url", "image_url": inner}, part.cache_breakpoint)

    def document(self, part: DocumentPart, kind: _Kind = "user") -> list[JsonDict]:
        """A document as a file part, plain text as text; before it what is said of it."""
        context = [{"type": "text", "text": part.context}] if part.context else []
        if part.citations:
            self.note("a document's citations cannot be asked for")
        if part.name is not None and (part.text is not None or part.file_id is not None and not self.compat.mistral):
            self.note("the name of a document that is sent as text or by its id is left out")
        if part.text is None:
            return [*context, self._mark(self._file(part), part.cache_breakpoint)]
        self.note("a document of plain text was sent as text")
        if not part.text:
            raise UnsupportedRequest("a document", "its text is empty")
        return [*context, self._mark({"type": "text", "text": part.text}, part.cache_breakpoint, kind)]

    def _file(self, part: DocumentPart) -> JsonDict:
        if self.compat.mistral:
            return _mistral_document(part)
        if part.file_id is not None:
            file = {"file_id": part.file_id}
        elif part.data is not None:
            media_type = _document_type(part)
            default = "document.pdf" if media_type == "application/pdf" else "document"
            file = {"filename": part.name or default, "file_data": data_url(media_type, part.data)}
        else:
            raise UnsupportedRequest("a document", "Chat Completions takes bytes or a file id, and no URL")
        return {"type": "file", "file": file}

    def note(self, what: str) -> None:
        """What was changed without harm, once."""
        if what not in self.notes:
            self.notes.append(what)

    def _mark(self, part: JsonDict, breakpoint: bool, kind: _Kind = "user") -> JsonDict:
        if breakpoint and self.retention != "none" and self.compat.cache_marks is None:
            self.note("the server has no cache breakpoints")
        # Anthropic takes no marker on blank text.
        text = part["type"] == "text" and kind != "tool" and not part["text"].isspace()
        self.slots.append(Slot(part, "system" if kind == "system" else "message", text=text, explicit=breakpoint))
        return part

    def write_marks(self, tools: list[JsonDict], extra_body: Mapping[str, Any] | None) -> None:
        """Mark the parts that end a cached prefix, by the rules of `lash_proto.cache`."""
        marks = self.compat.cache_marks
        marker = ephemeral(self.retention, ttl=marks == "anthropic" and self.compat.marker_ttl)
        if marker is None or marks is None:
            return
        if marks == "anthropic":
            self.notes += place_markers([*[Slot(tool, "tool") for tool in tools], *self.slots], marker, extra_body)
        elif marks == "gemini":
            self.notes += place_last_marker(self.slots, marker)
        else:
            self.notes += place_breakpoints([slot.target for slot in self.slots if slot.explicit], extra_body)


def sound(part: AudioPart) -> JsonDict:
    """A sound as base64 in one of the two formats that the API knows."""
    if part.data is None:
        raise UnsupportedRequest("audio", "Chat Completions takes its bytes, and no URL or id, from a user")
    media_type = media_type_of(part, frozenset(_SOUNDS), "audio")
    return {"type": "input_audio", "input_audio": {"data": encode_base64(part.data), "format": _SOUNDS[media_type]}}


def _document_type(part: DocumentPart) -> str:
    media_type = (part.media_type or "").lower().split(";")[0].strip()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise UnsupportedRequest("a document", "bytes need a media_type")
    return media_type


def _mistral_document(part: DocumentPart) -> JsonDict:
    if part.data is not None:
        url = data_url(_document_type(part), part.data)
    elif part.url is not None:
        url = part.url
    else:
        raise UnsupportedRequest("a document", "Mistral takes bytes or a URL")
    named = {"document_name": part.name} if part.name else {}
    return {"type": "document_url", "document_url": url, **named}
