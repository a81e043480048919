"""The client for asyncio and trio: prompts in, replies out."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from lash_proto.admission import Limits
from lash_proto.failures import LocalProtocolError
from lash_proto.messages import ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle
from lash_proto.replies import LlmResponse, StreamEvent, TextDelta
from lash_proto.values import Secret

from ..calls import Asked, Call, Calls, OnPayload, OnResponse
from ..cancel import CancelToken
from ..choice import refuse_settings
from ..log import log_attempts, warn_unclosed
from ..pictures import PicturePrompt
from ..requests import Prompt
from ..tls import ClientCert, File
from ..world import CLOCK, Clock
from .driver import Run, Transport, performers
from .transports.default import DefaultTransport, default_transport
from .transports.limited import LimitedTransport

__all__ = ["Client", "Stream"]

_log = logging.getLogger(__name__)


class Client:
    """Asks one provider. May be shared by tasks, and by event loops one after the other; each stream belongs to a task.

    `provider` is a handle, or a name: "anthropic:claude-opus-5". `options` fill in what a call leaves unset. A
    transport given here stays the caller's to close. `proxy` is a URL, "" for none, None for what the environment
    says. `ca_file` names the authorities to trust in place of the system's, `cert` a client's certificate (a PEM file,
    or one for it, one for its key, and a password); `ssl_context` has its own of both. `raise_errors=False` makes every
    outcome of a call a response. `on_payload(body, model)` may return a body to be sent instead,
    `on_response(head, model)` sees status and headers of each attempt; a call's own go first. `limits` hold for all
    calls of the client together, each attempt counting.
    """

    def __init__(
        self,
        provider: ProviderHandle | str,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        options: ProviderOptions | None = None,
        raise_errors: bool = True,
        on_payload: OnPayload | None = None,
        on_response: OnResponse | None = None,
        limits: Limits | None = None,
        transport: Transport | None = None,
        proxy: str | None = None,
        http2: bool = False,
        pool: Any = None,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: File | None = None,
        cert: ClientCert | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        self._owned: DefaultTransport | None = None
        self._calls = Calls.of(provider, model, api_key, options, raise_errors, on_payload, on_response, limits)
        self._clock = clock
        settings = {
            "proxy": proxy,
            "http2": http2,
            "pool": pool,
            "ssl_context": ssl_context,
            "ca_file": ca_file,
            "cert": cert,
        }
        if transport is None:
            transport = default_transport(self.provider, clock=clock, **settings)
            self._owned = transport if isinstance(transport, DefaultTransport) else None
        else:
            refuse_settings("transport", settings)
        if limits is not None:
            transport = LimitedTransport(transport, limits, clock=clock)
        self._performers = performers(transport)

    @property
    def provider(self) -> ProviderHandle:
        """The handle, with the key that was found for it."""
        return self._calls.provider

    @property
    def model(self) -> str | ModelSpec | None:
        """The model of calls that name none."""
        return self._calls.model

    @property
    def options(self) -> ProviderOptions:
        """What calls take that leave an option unset."""
        return self._calls.options

    async def complete(
        self,
        prompt: Prompt,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        cancel: CancelToken | None = None,
        raise_errors: bool | None = None,
        on_payload: OnPayload | None = None,
        on_response: OnResponse | None = None,
        stream: bool = True,
        **knobs: Any,
    ) -> LlmResponse:
        """The whole answer. `stream=False` asks for one body instead of events, for servers that have no others.

        `knobs` are fields of LlmRequest and ProviderOptions; TypeError for any other.

        Raises MissingCredential and UnsupportedRequest before any I/O, and the typed error of a call that failed.
        """
        knobs.setdefault("retry_after_output", True)  # nobody sees it before it is whole
        asked = Asked(model, api_key, cancel, raise_errors, on_payload, on_response)
        async with self._open(self._calls.words(prompt, knobs, asked, stream=stream)) as answer:
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
        on_payload: OnPayload | None = None,
        on_response: OnResponse | None = None,
        **knobs: Any,
    ) -> Stream:
        """The answer as it comes: `async with client.stream(...) as stream`. Takes and raises what `complete` does."""
        asked = Asked(model, api_key, cancel, raise_errors, on_payload, on_response)
        return self._open(self._calls.words(prompt, knobs, asked))

    async def generate_images(
        self,
        prompt: PicturePrompt,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        cancel: CancelToken | None = None,
        raise_errors: bool | None = None,
        on_payload: OnPayload | None = None,
        on_response: OnResponse | None = None,
        **knobs: Any,
    ) -> LlmResponse:
        """Pictures: `response.images`. A prompt with pictures in it asks for others made from them.

        `knobs` are fields of ImageRequest and of the options of the provider's pictures; TypeError for any other.

        Raises what `complete` does, and UnsupportedRequest where the provider makes no pictures.
        """
        asked = Asked(model, api_key, cancel, raise_errors, on_payload, on_response)
        async with self._open(self._calls.pictures(prompt, knobs, asked)) as answer:
            async for _ in answer:
                pass
            return answer.response

    def _open(self, call: Call) -> Stream:
        table = self._performers
        if call.answer is not None:
            table = table | performers(ask_host=call.answer)
        return Stream(call, Run(call.exchange, table, clock=self._clock, cancel=call.cancel))

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        if self._owned is not None:
            await self._owned.close()

    def __del__(self) -> None:
        if self._owned is not None and self._owned.abandon():
            warn_unclosed(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Stream:
    """One answer as it comes: iterate for its events, or over `text`. When its block ends, the connection is gone."""

    def __init__(self, call: Call, run: Run[LlmResponse]) -> None:
        self._call = call
        self._run = run
        self._ended = False

    @property
    def partial(self) -> LlmResponse:
        """Whatever has arrived, at any time."""
        return self._call.exchange.partial

    @property
    def response(self) -> LlmResponse:
        """The response: as far as it has come during the block, as it ended after it."""
        return self._call.exchange.partial

    @property
    def text(self) -> AsyncIterator[str]:
        """The text alone, as it comes. What was said is never taken back, so nothing is retried after output."""
        self._call.exchange.retry_after_output = False
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
            error = self._call.verdict() if self._end() else None
            if error is None:
                raise
        raise error

    def _end(self) -> bool:
        """Whether this is the first time that the end is seen."""
        first, self._ended = not self._ended, True
        if first and self._run.done:
            log_attempts(_log, self.response, self._call.exchange.model.id)
        return first


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
