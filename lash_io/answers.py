"""What a faux provider answers, told as happenings. Shared by the twins."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lash_proto.effects import CallHttp
from lash_proto.faux import Answer
from lash_proto.happenings import BodyEnded, BodyReceived, Connected, HeadReceived
from lash_proto.http1 import split_url
from lash_proto.values import Headers, Secret

from .flights import News

__all__ = ["happenings"]


def happenings(
    call: CallHttp, answer: Callable[[str, str, Headers, bytes], Answer], tokens_per_second: float | None
) -> Iterator[News | float]:
    """Ask, and tell the answer a chunk at a time; a number is a pause before the next, in seconds."""
    yield Connected(call.id)
    _, target = split_url(call.url)
    headers = [(name, value.reveal() if isinstance(value, Secret) else value) for name, value in call.headers]
    answered = answer(call.method, target, headers, call.body)
    yield HeadReceived(call.id, answered.status, tuple(answered.headers))
    for chunk, wait in zip(answered.chunks, answered.waits(tokens_per_second), strict=True):
        if wait:
            yield wait
        yield BodyReceived(call.id, chunk)
    yield BodyEnded(call.id)
