"""The transport of a client that was given none."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from lash_proto.effects import CallHttp
from lash_proto.http1 import split_url
from lash_proto.providers import FauxHandle, ProviderHandle

from ...choice import Choice, choose, refuse_settings
from ...tls import ClientCert, File, trusting
from ...world import CLOCK, Clock, environment
from ..driver import Flight, Transport
from .faux import FauxTransport
from .stream import StreamTransport

if TYPE_CHECKING:
    from .pool import HttpcoreTransport

__all__ = ["DefaultTransport", "default_transport"]


class DefaultTransport:
    """StreamTransport, or HttpcoreTransport where `lash_io.choice` says so, origin by origin."""

    def __init__(
        self,
        *,
        proxy: str | None = None,
        http2: bool = False,
        pool: Any = None,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: File | None = None,
        cert: ClientCert | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        if pool is not None:
            given = {"proxy": proxy, "ssl_context": ssl_context, "ca_file": ca_file, "cert": cert}
            refuse_settings("pool", given)
        self._proxy = proxy
        self._http2 = http2
        self._pool = pool
        self._tls = trusting(ssl_context, ca_file, cert)  # one a client: it is dear, and knows no origin
        self._environment = environment()
        self._stream = StreamTransport(ssl_context=self._tls, clock=clock)
        self._others: dict[Choice, HttpcoreTransport] = {}

    def open(self, call: CallHttp) -> Flight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        origin, _ = split_url(call.url)
        choice = choose(
            origin,
            proxy=self._proxy,
            http2=self._http2,
            pool=self._pool is not None,
            environment=self._environment,
        )
        if not choice.httpcore:
            return self._stream.open(call)
        if choice not in self._others:
            from .pool import HttpcoreTransport

            self._others[choice] = HttpcoreTransport(
                pool=self._pool, proxy=choice.proxy, http2=self._http2, ssl_context=self._tls
            )
        return self._others[choice].open(call)

    def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        for transport in self._transports():
            transport.close()

    def abandon(self) -> bool:
        """Drop the idle connections from anywhere, without waiting; whether there were any."""
        found = [transport.idle.abandon() for transport in self._transports()]
        return any(found)

    def _transports(self) -> list[StreamTransport | HttpcoreTransport]:
        return [self._stream, *self._others.values()]


def default_transport(handle: ProviderHandle, **settings: Any) -> Transport:
    """What performs a handle's calls: a faux one asks its own provider."""
    if isinstance(handle, FauxHandle):
        return FauxTransport(handle.provider, tokens_per_second=handle.tokens_per_second, clock=settings["clock"])
    return DefaultTransport(**settings)
