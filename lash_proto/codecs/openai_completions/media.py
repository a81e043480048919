"""Sound in an answer: OpenAI's `audio`."""

from __future__ import annotations

from base64 import b64decode

from attrs import define, field

from ...messages import AudioPart, Origin
from ...values import JsonDict, clean, get_int, get_str


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
