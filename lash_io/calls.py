"""What a client's call is made of, and what its outcome means. Shared by the twins, which only run it.

A hook is a function of the caller's that the Exchange asks (`AskHost`) where one is given. In AsyncClient it may be
async. It runs in the caller's task or thread where nothing else could happen meanwhile, else in one of its own.

Two hooks are the client's own: it keeps the handle that a call renewed (`kept`), and gives it to those under way with
an older one. So a credential is had anew once for all of its calls, also where two find out at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeAlias

from attrs import field, frozen

from lash_proto.admission import Limits
from lash_proto.effects import AskHost
from lash_proto.errors import error_of
from lash_proto.exchange import ON_PAYLOAD, ON_RESPONSE, Exchange
from lash_proto.failures import LashError
from lash_proto.http import ResponseHead
from lash_proto.messages import ImageRequest, LlmRequest, ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle
from lash_proto.renewal import ON_RENEW, ON_RENEWED, is_renewable
from lash_proto.replies import LlmResponse
from lash_proto.values import Secret

from .cancel import CancelToken
from .kept import Kept, Ticket
from .keys import with_env_key
from .pictures import PicturePrompt, image_request_of
from .requests import Prompt, provider_of, request_of
from .world import entropy

__all__ = ["Asked", "Call", "Calls", "OnPayload", "OnResponse"]

OnPayload: TypeAlias = Callable[[Any, ModelSpec], Any]
"""Given the body that is to be sent (JSON as Python data, a form as bytes) and the model. A mapping or bytes that it
returns are sent in its place; None leaves it."""
OnResponse: TypeAlias = Callable[[ResponseHead, ModelSpec], Any]
"""Given the head of each attempt's response, before any of its events, and the model."""


@frozen
class Asked:
    """What one call says beside its prompt and knobs; None: as the client has it."""

    model: str | ModelSpec | None = None
    api_key: str | Secret | None = field(default=None, repr=False)
    cancel: CancelToken | None = None
    raise_errors: bool | None = None
    on_payload: OnPayload | None = None
    on_response: OnResponse | None = None


@frozen
class Call:
    """A call ready to be run, `answer` being the performer of what its Exchange asks, None where it asks nothing."""

    exchange: Exchange
    raise_errors: bool
    cancel: CancelToken | None = None
    answer: Callable[[AskHost], Any] | None = None
    leave: Callable[[], None] = lambda: None
    """Told that it is over."""

    def verdict(self) -> LashError | None:
        """What to raise once the call has ended; an abort that the caller asked for is no error."""
        response: LlmResponse = self.exchange.partial
        asked_for = self.cancel is not None and self.cancel.cancelled and response.stop_reason == "aborted"
        if response.error is None or asked_for or not self.raise_errors:
            return None
        return error_of(response.error, response)


@frozen
class Calls:
    """What a client knows, from which its calls are made. `newer` is the twin's way to wait for what `kept` answers."""

    kept: Kept
    newer: Callable[[Kept, Ticket, ProviderHandle], Any]
    model: str | ModelSpec | None
    options: ProviderOptions
    raise_errors: bool
    on_payload: OnPayload | None
    on_response: OnResponse | None
    limited: bool

    @classmethod
    def of(
        cls,
        newer: Callable[[Kept, Ticket, ProviderHandle], Any],
        provider: ProviderHandle | str,
        model: str | ModelSpec | None,
        api_key: str | Secret | None,
        options: ProviderOptions | None,
        raise_errors: bool,
        on_payload: OnPayload | None,
        on_response: OnResponse | None,
        limits: Limits | None,
    ) -> Self:
        """By the arguments of a client. A key that is not given is looked for in the environment, here alone."""
        handle, model = provider_of(provider, model)
        handle = handle.with_key(api_key) if api_key else with_env_key(handle)
        options = options or ProviderOptions()
        return cls(Kept(handle), newer, model, options, raise_errors, on_payload, on_response, limits is not None)

    @property
    def provider(self) -> ProviderHandle:
        """The handle that the next call is made from."""
        return self.kept.handle

    def words(self, prompt: Prompt, knobs: dict[str, Any], asked: Asked, *, stream: bool = True) -> Call:
        """A call for a conversation. TypeError for a knob that nobody knows, and where no model is named."""
        handle, model = self._whom(asked)
        return self._call(
            handle, request_of(prompt, knobs, self.options, handle.options_type(model)), model, asked, stream
        )

    def pictures(self, prompt: PicturePrompt, knobs: dict[str, Any], asked: Asked) -> Call:
        """A call for pictures; the same."""
        handle, model = self._whom(asked)
        request = image_request_of(prompt, knobs, self.options, handle.picture_options_type)
        return self._call(handle, request, model, asked, False)

    def _whom(self, asked: Asked) -> tuple[ProviderHandle, str | ModelSpec]:
        model = self.model if asked.model is None else asked.model
        if model is None:
            raise TypeError("no model: give one to the client or to the call")
        return (self.provider.with_key(asked.api_key) if asked.api_key else self.provider), model

    def _call(
        self,
        handle: ProviderHandle,
        request: LlmRequest | ImageRequest,
        model: str | ModelSpec,
        asked: Asked,
        stream: bool,
    ) -> Call:
        wanted: dict[str, Callable[..., Any] | None] = {
            ON_PAYLOAD: asked.on_payload or self.on_payload,
            ON_RESPONSE: asked.on_response or self.on_response,
        }
        ticket = None
        if not asked.api_key and is_renewable(handle):  # and not one with a key of the call's own
            ticket = self.kept.ticket()
            wanted |= self._shared(ticket)
        hooks = {name: hook for name, hook in wanted.items() if hook is not None}
        exchange = handle.exchange(request, model, stream=stream, seed=entropy(16), hooks=hooks, limited=self.limited)
        raise_errors = self.raise_errors if asked.raise_errors is None else asked.raise_errors
        if not hooks:
            return Call(exchange, raise_errors, asked.cancel)

        def answer(effect: AskHost) -> Any:
            return hooks[effect.name](effect.value, exchange.model)

        def leave() -> None:
            if ticket is not None:
                self.kept.leave(ticket, exchange.handle)

        return Call(exchange, raise_errors, asked.cancel, answer, leave)

    def _shared(self, ticket: Ticket) -> dict[str, Callable[..., Any]]:
        """The hooks by which a call shares the handle with others."""
        return {
            ON_RENEW: lambda handle, model: self.newer(self.kept, ticket, handle),
            ON_RENEWED: lambda outcome, model: self.kept.tell(ticket, outcome),
        }
