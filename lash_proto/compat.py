"""How servers of one dialect differ, as data. A flag here is the only way a codec becomes lenient or different.

Defaults are the vendor's own server. One class a dialect; `ModelSpec.compat` holds the one that fits the codec, and a
codec given none, or another dialect's, uses its defaults.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from attrs import frozen

from .values import Value


@frozen(weakref_slot=False, getstate_setstate=False)
class ChatCompat(Value):
    """Chat Completions servers."""

    tag: ClassVar = ("type", "chat_compat")
    finish_reason_required: bool = True
    """False: the server may end a whole answer without a finish_reason (WIRE 12.1)."""


@frozen(weakref_slot=False, getstate_setstate=False)
class ResponsesCompat(Value):
    """Responses servers."""

    tag: ClassVar = ("type", "responses_compat")


@frozen(weakref_slot=False, getstate_setstate=False)
class AnthropicCompat(Value):
    """Messages servers."""

    tag: ClassVar = ("type", "anthropic_compat")
    message_stop_required: bool = True
    """False: a front may cut `message_stop`; a `message_delta` with a stop reason is then the end (WIRE 12.1)."""


@frozen(weakref_slot=False, getstate_setstate=False)
class GoogleCompat(Value):
    """Gemini API and Code Assist."""

    tag: ClassVar = ("type", "google_compat")


Compat: TypeAlias = ChatCompat | ResponsesCompat | AnthropicCompat | GoogleCompat
