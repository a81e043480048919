"""What stands in the place of a picture, a document or a sound that a model cannot be given.

Decisions. A document that is text is told as its text, and a sound as its transcript. For the rest there is a line that
says what was left out, so that the model neither makes up what it did not see nor wonders what is spoken of; a run of
pictures has one line. A cache breakpoint goes on to what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import evolve

from .messages import (
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolResultMessage,
)

MediaPart: TypeAlias = ImagePart | DocumentPart | AudioPart

IMAGE_OMITTED: Final = "(image omitted: model does not support images)"
TOOL_IMAGE_OMITTED: Final = "(tool image omitted: model does not support images)"


def put_placeholder(made: list[Part], part: MediaPart, no_image: str) -> None:
    """Add to the parts made so far what is said in a part's place; `no_image` is the line for pictures."""
    marked = not isinstance(part, AudioPart) and part.cache_breakpoint
    text = no_image if isinstance(part, ImagePart) else _words(part)
    last = made[-1] if made else None
    if not (isinstance(part, ImagePart) and isinstance(last, TextPart) and last.text == text):
        made.append(TextPart(text, marked))
    elif marked:
        made[-1] = evolve(last, cache_breakpoint=True)


def without_media(messages: Iterable[Message], kinds: frozenset[str]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The messages with placeholders for the parts of these kinds (words of their JSON form), and the kind of each."""
    told: list[str] = []
    return tuple([_message(message, kinds, told) for message in messages]), tuple(told)


def _message(message: Message, kinds: frozenset[str], told: list[str]) -> Message:
    if isinstance(message, CustomMessage) or isinstance(message.content, str):
        return message
    if not any(part.tag[1] in kinds for part in message.content):
        return message
    no_image = TOOL_IMAGE_OMITTED if isinstance(message, ToolResultMessage) else IMAGE_OMITTED
    made: list[Part] = []
    for part in message.content:
        if isinstance(part, MediaPart) and part.tag[1] in kinds:
            told.append(part.tag[1])
            put_placeholder(made, part, no_image)
        else:
            made.append(part)
    return evolve(message, content=made)


def _words(part: DocumentPart | AudioPart) -> str:
    """A part's own words where it has some."""
    if isinstance(part, AudioPart):
        return part.transcript or "(audio omitted)"
    text = part.text if part.data is None or part.text else _decoded(part.data, part.media_type)
    if not text:
        name = f" {part.name!r}" if part.name else ""
        text = f"(document{name} omitted)"
    return f"{part.context}\n\n{text}" if part.context else text


def _decoded(data: bytes, media_type: str | None) -> str | None:
    """The text of a document whose bytes are text."""
    if not (media_type or "").lower().startswith("text/"):
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
