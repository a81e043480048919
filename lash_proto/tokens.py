"""How many tokens a conversation is likely to be, and whether an answer says that it was too many.

Decisions.
- The estimate is for deciding whether to shrink a conversation, not for billing: four bytes of UTF-8 are a token. In
  English that is the usual four characters, in Chinese about one token to a character, where counting
  characters would be wrong by three. No tokenizer is shipped: each model has its own, and most are not public.
- Pictures, pages and sound cost what they cost, whatever their bytes: the numbers stand below with their sources.
- A provider that cuts the input without a word (Ollama) cannot be found out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .failures import Failure, is_context_overflow
from .messages import (
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    JsonSchema,
    LlmRequest,
    Message,
    OpaquePart,
    Part,
    ToolCallPart,
    ToolDefinition,
    UserMessage,
)
from .replies import LlmResponse
from .values import dump_json

BYTES_PER_TOKEN: Final = 4
IMAGE_TOKENS: Final = 1_600
"""A picture of 1.15 megapixels, the most that Claude looked at for years (width x height / 750); OpenAI's and Gemini's
cost less at their defaults."""
SMALL_IMAGE_TOKENS: Final = 85
"""OpenAI's `detail: low`."""
PAGE_TOKENS: Final = 2_000
"""A page of a PDF, which most models read as text and as a picture; Anthropic says 1,500 to 3,000 for its text."""
PAGE_BYTES: Final = 50_000
"""The size of a page where a PDF's pages cannot be counted, because it is packed or not here."""
AUDIO_BYTES_PER_TOKEN: Final = 500
"""Gemini counts 32 tokens a second; at 128 kbit/s that is 16,000 bytes."""

_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_FULL: Final = 0.99


def estimate_tokens(what: LlmRequest | ImageRequest | Iterable[Message] | str) -> int:
    """About how many input tokens a request, its messages or a text will be. Never raises; 0 for nothing."""
    if isinstance(what, str):
        return _rounded(_text(what))
    if isinstance(what, ImageRequest):
        what = (UserMessage(what.prompt),)
    if not isinstance(what, LlmRequest):
        return _rounded(sum([_message(message) for message in what]))
    system = what.system or ""
    count = _text(system) if isinstance(system, str) else sum([_text(part.text) for part in system])
    for tool in what.tools:
        if isinstance(tool, ToolDefinition):
            count += _text(tool.name) + _text(tool.description) + _json(tool.parameters) + _json(tool.format)
        else:
            count += _json(tool.data)
    if isinstance(what.output, JsonSchema):
        count += _json(what.output.schema)
    return _rounded(count + sum([_message(message) for message in what.messages]))


def is_overflow(outcome: LlmResponse | Failure, context_window: int | None = None) -> bool:
    """Whether an answer means that the input did not fit the model's context window (WIRE 12.3).

    With `context_window` (in tokens, `ModelSpec.context_window`) also where no error tells: an answer to more input
    than the window holds (z.ai), and one that ended for length before it began, with the window full (MiMo).
    """
    if isinstance(outcome, Failure):
        return outcome.kind == "context_overflow" or is_context_overflow(outcome.message)
    if outcome.error is not None and is_overflow(outcome.error):
        return True
    if is_context_overflow(outcome.raw_stop_reason or ""):
        return True
    if context_window is None or outcome.usage is None:
        return False
    used = outcome.usage.total_input_tokens
    if outcome.stop_reason == "length" and outcome.usage.output_tokens == 0:
        return used >= _FULL * context_window
    return used > context_window


# --- bytes that stand for tokens ------------------------------------------------------------------------------------


def _rounded(count: int) -> int:
    """Tokens from the bytes that stand for them."""
    return -(-count // BYTES_PER_TOKEN)


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _json(value: Mapping[str, Any] | None) -> int:
    if value is None:
        return 0
    try:
        return _text(dump_json(dict(value)))
    except (ValueError, TypeError):  # an encoder will refuse it
        return _text(repr(value))


def _message(message: Message) -> int:
    if isinstance(message, CustomMessage):
        return 0
    content = message.content
    return _text(content) if isinstance(content, str) else sum([_part(part) for part in content])


def _part(part: Part) -> int:
    if isinstance(part, ImagePart):
        return BYTES_PER_TOKEN * (SMALL_IMAGE_TOKENS if part.detail == "low" else IMAGE_TOKENS)
    if isinstance(part, DocumentPart):
        return _text(part.context or "") + _document(part)
    if isinstance(part, AudioPart):
        heard = len(part.data or b"") // AUDIO_BYTES_PER_TOKEN * BYTES_PER_TOKEN
        return max(heard, _text(part.transcript or ""))
    if isinstance(part, ToolCallPart):
        return _text(part.name) + (_text(part.raw_arguments) if part.raw_arguments else _json(part.arguments))
    if isinstance(part, OpaquePart):
        return _json(part.data)
    return _text(part.text)


def _document(part: DocumentPart) -> int:
    if part.text is not None:
        return _text(part.text)
    data = part.data or b""
    if (part.media_type or "").startswith("text/"):
        return len(data)
    pages = len(_PAGE.findall(data)) or -(-len(data) // PAGE_BYTES) or 1
    return BYTES_PER_TOKEN * PAGE_TOKENS * pages
