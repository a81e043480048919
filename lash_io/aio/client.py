"""The client for asyncio and trio: prompts in, replies out."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from lash_proto.errors import error_of
from lash_proto.exchange import Exchange
from lash_proto.failures import LashError, LocalProtocolError
from lash_proto.messages import ImageRequest, LlmRequest, ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle
from lash_proto.replies import LlmResponse, StreamEvent, TextDelta
from lash_proto.values import Secret

from ..cancel import CancelToken
from ..keys import with_env_key
from ..log import log_attempts
from ..pictures import PicturePrompt, image_request_of
from ..requests import Prompt, provider_of, request_of
from ..world import CLOCK, Clock, entropy
from .driver import Run, Transport, performers
from .transports.default import default_transport

__all__ = ["Client", "Stream"]

_log = logging.getLogger(__name__)


class Client:
    """Asks one provider. May be shared by tasks, and by event loops one after the other; each stream belongs to a task.

    `provider` is a handle, or a name: "anthropic:claude-opus-5". `options` fill in what a call leaves unset. A
    transport given here stays the caller's to close. `proxy` is a URL, "" for none, None for what the environment
    says. `raise_errors=False` makes every outcome of a call a response.
    """

    def __init__(
        self,
        provider: ProviderHandle | str,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        options: ProviderOptions | None = None,
        raise_errors: bool = True,
        transport: Transport | None = None,
        proxy: str | None = None,
        http2: bool = False,
        pool: Any = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        handle, self.model = provider_of(provider, model)
        self.provider = handle.with_key(api_key) if api_key else with_env_key(handle)
        self.options = options or ProviderOptions()
        self._raise_errors = raise_errors
        self._clock = clock
        self._owned: Transport | None = None
        if transport is None:
            transport = self._owned = default_transport(
                self.provider, proxy=proxy, http2=http2, pool=pool, ssl_context=ssl_context, clock=clock
            )
        self._performers = performers(transport)

    async def complete(
        self,
        prompt: Prompt,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        cancel: CancelToken | None = None,
        raise_errors: bool | None = None,
        stream: bool = True,
        **knobs: Any,
    ) -> LlmResponse:
        """The whole answer. `stream=False` asks for one body instead of events, for servers that have no others.

        `knobs` are fields of LlmRequest and ProviderOptions; TypeError for any other.

        Raises MissingCredential and UnsupportedRequest before any I/O, and the typed error of a call that failed.
        """
        knobs.setdefault("retry_after_output", True)  # nobody sees it before it is whole
        async with self._open(prompt, knobs, model, api_key, cancel, raise_errors, stream) as answer:
            async for _ in answer:
                pass
            return answer.response

    def stream(
        self,
        prompt: Prompt,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        cancel: CancelToken | None = None,
        raise_errors: bool | None = None,
        **knobs: Any,
    ) -> Stream:
        """The answer as it comes: `async with client.stream(...) as stream`. Takes and raises what `complete` does."""
        return self._open(prompt, knobs, model, api_key, cancel, raise_errors, True)

    async def generate_images(
        self,
        prompt: PicturePrompt,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        cancel: CancelToken | None = None,
        raise_errors: bool | None = None,
        **knobs: Any,
    ) -> LlmResponse:
        """Pictures: `response.images`. A prompt with pictures in it asks for others made from them.

        `knobs` are fields of ImageRequest and of the options of the provider's pictures; TypeError for any other.

        Raises what `complete` does, and UnsupportedRequest where the provider makes no pictures.
        """
        handle = self.provider.with_key(api_key) if api_key else self.provider
        request = image_request_of(prompt, knobs, self.options, handle.picture_options_type)
        async with self._ask(handle, request, self._chosen(model), cancel, raise_errors, False) as answer:
            async for _ in answer:
                pass
            return answer.response

    def _open(
        self,
        prompt: Prompt,
        knobs: dict[str, Any],
        model: str | ModelSpec | None,
        api_key: str | Secret | None,
        cancel: CancelToken | None,
        raise_errors: bool | None,
        stream: bool,
    ) -> Stream:
        handle = self.provider.with_key(api_key) if api_key else self.provider
        chosen = self._chosen(model)
        request = request_of(prompt, knobs, self.options, handle.options_type(chosen))
        return self._ask(handle, request, chosen, cancel, raise_errors, stream)

    def _chosen(self, model: str | ModelSpec | None) -> str | ModelSpec:
        chosen = self.model if model is None else model
        if chosen is None:
            raise TypeError("no model: give one to the client or to the call")
        return chosen

    def _ask(
        self,
        handle: ProviderHandle,
        request: LlmRequest | ImageRequest,
        model: str | ModelSpec,
        cancel: CancelToken | None,
        raise_errors: bool | None,
        stream: bool,
    ) -> Stream:
        exchange = handle.exchange(request, model, stream=stream, seed=entropy(16))
        run: Run[LlmResponse] = Run(exchange, self._performers, clock=self._clock, cancel=cancel)
        return Stream(exchange, run, self._raise_errors if raise_errors is None else raise_errors, cancel)

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        if self._owned is not None:
            await self._owned.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Stream:
    """One answer as it comes: iterate for its events, or over `text`. When its block ends, the connection is gone."""

    def __init__(
        self, exchange: Exchange, run: Run[LlmResponse], raise_errors: bool, cancel: CancelToken | None
    ) -> None:
        self._exchange = exchange
        self._run = run
        self._raise_errors = raise_errors
        self._cancel = cancel
        self._ended = False

    @property
    def partial(self) -> LlmResponse:
        """Whatever has arrived, at any time."""
        return self._exchange.partial

    @property
    def response(self) -> LlmResponse:
        """The response: as far as it has come during the block, as it ended after it."""
        return self._exchange.partial

    @property
    def text(self) -> AsyncIterator[str]:
        """The text alone, as it comes. What was said is never taken back, so nothing is retried after output."""
        self._exchange.retry_after_output = False
        return _Text(self)

    def close(self) -> None:
        """End it here: the connection is dropped, what has come stays. Twice does no harm."""
        self._run.abandon()
        self._end()

    async def __aenter__(self) -> Self:
        self._run.start()
        await self._run.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self._run.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        if not self._run.started:
            raise LocalProtocolError("a stream begins with its block: async with client.stream(...) as stream")
        try:
            event: StreamEvent = await anext(self._run)
            return event
        except StopAsyncIteration:
            error = self._verdict() if self._end() else None
            if error is None:
                raise
        raise error

    def _end(self) -> bool:
        """Whether this is the first time that the end is seen."""
        first, self._ended = not self._ended, True
        if first and self._run.done:
            log_attempts(_log, self.response, self._exchange.model.id)
        return first

    def _verdict(self) -> LashError | None:
        """What to raise for a call that failed; an abort that the caller asked for is none."""
        response = self.response
        asked_for = self._cancel is not None and self._cancel.cancelled and response.stop_reason == "aborted"
        if response.error is None or asked_for or not self._raise_errors:
            return None
        return error_of(response.error, response)


class _Text:
    """A stream's text. A class, because an asynchronous generator that is left half-way is closed by nobody."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._stream)
            if isinstance(event, TextDelta):
                return event.text
