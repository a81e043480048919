"""What a stream says, read by other eyes than the codecs': which bytes are one event, what text it adds, what ends it.

As little as the tests need, by WIRE 1c, 2c, 4c, 5c and 12.1: it knows only streams in which nothing is bent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r)(?:\r\n|\n|\r)+")


def events_of(body: bytes) -> list[bytes]:
    """The body cut behind each event: at blank lines, or behind the elements of Google's array. Joined, the body."""
    if body.lstrip().startswith(b"["):
        ends = list(_elements(body))
    else:
        ends = [match.end() for match in _BLANK_LINE.finditer(body)]
    ends = [end for end in ends if end < len(body)]
    return [body[a:b] for a, b in zip([0, *ends], [*ends, len(body)], strict=True)]


def _elements(body: bytes) -> Iterator[int]:
    text = body.decode("latin-1")  # one character a byte
    at = text.index("[") + 1
    decoder = json.JSONDecoder(strict=False)
    while (start := text.find("{", at)) >= 0:
        _, at = decoder.raw_decode(text, start)
        yield at


def data_of(event: bytes) -> Any:
    """The JSON of an event, None where it holds none."""
    lines = event.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join(line[5:] for line in lines if line.startswith("data:")) or event.decode().strip(" \r\n,[]")
    try:
        return json.loads(text)
    except ValueError:
        return None


def text_of(api: str, event: bytes) -> str:
    """The text that an event adds to the answer."""
    data = data_of(event)
    if not isinstance(data, dict):
        return ""
    found: Any = ""
    match api:
        case "openai-completions":
            found = "".join(choice["delta"].get("content") or "" for choice in data.get("choices", ()))
        case "openai-responses":
            found = data["delta"] if data["type"] == "response.output_text.delta" else ""
        case "anthropic-messages":
            found = data.get("delta", {}).get("text", "")
        case _:
            for candidate in data.get("response", data).get("candidates", ()):
                parts = candidate.get("content", {}).get("parts", ())
                found += "".join(part.get("text", "") for part in parts if not part.get("thought"))
    assert isinstance(found, str)
    return found


_ENDS = ("completed", "incomplete", "failed", "cancelled", "done")
_NOT_SAID = ("", None, 0, "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")


def ends(api: str, event: bytes) -> bool:
    """Whether the event is the dialect's evidence that the answer is whole."""
    data = data_of(event)
    if not isinstance(data, dict):
        return False
    match api:
        case "openai-completions":
            choices = data.get("choices") or ()
            return any(choice.get("finish_reason") for choice in choices if not choice.get("index"))
        case "openai-responses":
            return data.get("type") in [f"response.{word}" for word in _ENDS]
        case "anthropic-messages":
            return bool(data.get("type") == "message_stop")
        case _:
            said = data.get("response", data)
            words = [candidate.get("finishReason") for candidate in said.get("candidates") or ()][:1]
            words.append((said.get("promptFeedback") or {}).get("blockReason"))
            return any(word not in _NOT_SAID for word in words)


def is_error(event: bytes) -> bool:
    """Whether the event tells of an error, as an object or by its name."""
    data = data_of(event)
    named = re.search(rb"^(?:event: ?)?error(?::|\r?$)", event, re.MULTILINE) is not None
    return named or (isinstance(data, dict) and (bool(data.get("error")) or data.get("type") == "error"))
