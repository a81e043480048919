"""What only Responses can be told, beside a request's content (WIRE 1b)."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen

from ...messages import ProviderOptions
from ...values import UNSET, Unset


@frozen(weakref_slot=False, getstate_setstate=False)
class ResponsesOptions(ProviderOptions):
    """Options of a call by Responses. What is UNSET comes from the handle, then from the default named here."""

    tag: ClassVar = ("type", "responses_options")
    store: bool | Unset | None = UNSET
    """Whether the provider keeps the response (30 days and more). Default: what the server's compat says, False."""
    encrypted_reasoning: bool | Unset | None = UNSET
    """Ask for reasoning that can be sent back though nothing is stored. Default: what the compat says, True."""
    include: tuple[str, ...] | Unset | None = UNSET
    """Further parts of the output to be sent: `file_search_call.results`, `web_search_call.action.sources`."""
    summary: Literal["auto", "concise", "detailed"] | Unset | None = UNSET
    """How reasoning is summed up. Default None: `auto` with `expose_thinking`, else none."""
    verbosity: Literal["low", "medium", "high"] | Unset | None = UNSET
    """How much is said. Default None: the provider's own default."""
    truncation: Literal["auto", "disabled"] | Unset | None = UNSET
    """`auto` lets the provider drop old input that does not fit. Default None: it refuses."""
    previous_response_id: str | Unset | None = UNSET
    """A stored response to go on from; the messages are then what is new. Default None."""
    conversation: str | Unset | None = UNSET
    """The id of a stored conversation to go on with, instead of `previous_response_id`. Default None."""
    max_tool_calls: int | Unset | None = UNSET
    """How many calls of the provider's own tools one response may make. Default None: no limit."""
    background: bool | Unset | None = UNSET
    """Answer at once with a response that is queued; needs `store`. Default None: no."""
    safety_identifier: str | Unset | None = UNSET
    """A stable name for the end user, at most 64 characters, told to the provider. Default None."""
