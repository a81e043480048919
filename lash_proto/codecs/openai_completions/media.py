"""Pictures and sound in an answer: OpenRouter's `images`, OpenAI's `audio`."""

from __future__ import annotations

import re
from base64 import b64decode

from attrs import define, field

from ...messages import AudioPart, ImagePart, Origin
from ...values import Json, JsonDict, clean, get_dict, get_int, get_str

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,", re.IGNORECASE)


def image_of(image: Json, origin: Origin) -> ImagePart | None:
    """An entry of `images`: an object with a URL inside, or a bare URL; None where there is none."""
    url = image if type(image) is str else get_str(get_dict(image, "image_url"), "url") or get_str(image, "image_url")
    if not url:
        return None
    match = _DATA_URL.match(url)
    if match is not None:
        try:
            data = b64decode(url[match.end() :], validate=True)
        except ValueError:  # kept as it came
            return ImagePart(url=clean(url), origin=origin)
        return ImagePart(data=data, media_type=clean(match[1]).lower() or "image/png", origin=origin)
    return ImagePart(url=clean(url), origin=origin)


@define
class Audio:
    """The sound of one answer while it comes. Its media type is what the request asked for; the wire does not say."""

    id: str | None = None
    expires_at: int | None = None
    data: list[str] = field(factory=list[str])
    transcript: list[str] = field(factory=list[str])

    def add(self, audio: JsonDict) -> None:
        """More of it. Snowflake sends the object with nothing in it."""
        if piece := get_str(audio, "data"):
            self.data.append(piece)
        if piece := get_str(audio, "transcript"):
            self.transcript.append(piece)
        self.id = get_str(audio, "id") or self.id
        self.expires_at = get_int(audio, "expires_at") or self.expires_at

    def part(self, origin: Origin) -> AudioPart | None:
        """The sound so far, None where none came."""
        if not (self.data or self.transcript or self.id):
            return None
        return AudioPart(
            data=_decode(self.data),
            transcript=clean("".join(self.transcript)) or None,
            id=clean(self.id) if self.id else None,
            origin=origin,
            provider_data={"expires_at": self.expires_at} if self.expires_at else None,
        )


def _decode(pieces: list[str]) -> bytes | None:
    try:
        # Each piece is base64 of its own where the server encodes as it goes.
        return b"".join([b64decode(piece, validate=True) for piece in pieces]) or None
    except ValueError:
        pass
    try:
        return b64decode("".join(pieces), validate=True)
    except ValueError:
        return None
