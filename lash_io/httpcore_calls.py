"""What both HttpcoreTransports know: a call as an httpcore request, and what httpcore's exceptions mean."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from lash_proto.effects import CallHttp
from lash_proto.failures import LocalProtocolError, RemoteProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Failed, HeadReceived
from lash_proto.http import ContentDecoder, check_header, content_decoder, in_pieces
from lash_proto.http1 import Origin, split_url
from lash_proto.values import Secret, redact_text

from .flights import News, unreached
from .tls import LazyContext

if TYPE_CHECKING:
    import httpcore

__all__ = [
    "Body",
    "alpn",
    "failure",
    "may_renew",
    "needs",
    "peer_of",
    "proxy_of",
    "request_of",
    "secured_proxy",
    "shares",
]


def request_of(call: CallHttp, connect_timeout: float | None, trace: Any) -> tuple[Origin, httpcore.Request]:
    """Where a call goes, and the request. Raises LocalProtocolError for what cannot be sent."""
    import httpcore

    origin, target = split_url(call.url)
    headers = {"host": origin.authority, "accept-encoding": "identity"}
    if call.body or call.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(call.body))
    for name, value in call.headers:
        check_header(name, value)
        headers[name.lower()] = value.reveal() if isinstance(value, Secret) else value
    url = httpcore.URL(f"{origin.scheme}://{origin.authority}{target}")
    try:
        items = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    except UnicodeEncodeError:
        raise LocalProtocolError("a header holds characters that HTTP cannot carry") from None
    # The driver's deadlines bound the call. These are for what it cannot see in a pool, and for what it left behind.
    timeouts = {"connect": connect_timeout, "pool": connect_timeout, "read": call.patience, "write": call.patience}
    extensions = {"timeout": timeouts, "trace": trace}
    return origin, httpcore.Request(call.method, url, headers=items, content=_Content(call.body), extensions=extensions)


def needs(module: str, extra: str, what: str) -> None:
    """Refuse what httpcore could not do without one of its extras, before anything is sent."""
    if find_spec(module) is None:
        raise LocalProtocolError(f"{what} needs an extra: pip install 'lash-llm[{extra}]'")


def proxy_of(url: str) -> httpcore.Proxy:
    """A proxy by its URL; a user name and password in it are sent to the proxy alone."""
    import httpcore

    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
    except ValueError:  # whose message may quote a password
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        raise LocalProtocolError("the proxy's URL is none: write it as http://host:port, https:// or socks5://")
    if parts.scheme.startswith("socks"):
        needs("socksio", "socks", "a SOCKS proxy")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore.Proxy(f"{parts.scheme}://{host}:{port}", auth=auth)


def secured_proxy(proxy: httpcore.Proxy, tls: LazyContext) -> httpcore.Proxy:
    """The proxy with the authorities to trust where it is at https://. A client's certificate is for the origin."""
    if proxy.url.scheme == b"https" and proxy.ssl_context is None:
        proxy.ssl_context = tls.showing_nothing()
    return proxy


def peer_of(proxy: httpcore.Proxy) -> Origin:
    """Where a proxy listens."""
    return Origin("http", proxy.url.host.decode("ascii"), proxy.url.origin.port)


def alpn(http2: bool) -> list[str]:
    """What TLS is to offer, as httpcore has it."""
    return ["http/1.1", "h2"] if http2 else ["http/1.1"]


def shares(network: Any) -> bool:
    """Whether calls may share a network stream of httpcore's: HTTP/2 was agreed on."""
    tls = network.get_extra_info("ssl_object")
    return tls is not None and tls.selected_alpn_protocol() == "h2"


def failure(id: int, origin: Origin, error: Exception, *, started: bool) -> Failed | None:
    """What an exception means; `started`: the response had begun. None for one that is no failure of the world.

    By name, because a pool with httpcore's API may have exceptions of its own.
    """
    names = {class_.__name__ for class_ in type(error).__mro__}
    text = redact_text(str(error))
    if "TimeoutException" in names:
        what = "no answer from" if names & {"ReadTimeout", "WriteTimeout"} else "no connection to"
        return Failed(id, "timeout", f"{what} {origin.host}:{origin.port} within the time allowed")
    if "ProxyError" in names:
        return Failed(id, "connection", f"the proxy refused: {text}")
    if "RemoteProtocolError" in names:
        if started and "closed" in text:
            return Failed(id, "truncated", "the connection ended inside the body of the response")
        if "disconnected" in text:
            return Failed(id, "connection", "the connection ended before the response began")
        return Failed(id, "protocol", f"the response is not HTTP: {text}")
    if not names & {"NetworkError", "OSError"}:
        return None
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__  # anyio's exceptions stand between; the pool forgets the cause
    return unreached(id, origin, cause or error, started=started)


def may_renew(error: Exception, *, unheard: bool) -> bool:
    """Whether a request on a kept connection that ended so may go out again on another: nothing of an answer had come.

    `unheard`: no byte at all. What is not HTTP or breaks off has begun, and a stream of HTTP/2 that the server resets
    was seen by it.
    """
    import httpcore

    if isinstance(error, httpcore.RemoteProtocolError) and "disconnected" not in str(error):
        return False
    return unheard and isinstance(error, httpcore.ReadError | httpcore.WriteError | httpcore.RemoteProtocolError)


class _Content:
    """A request's body in one piece. httpcore's own is a generator, of which trio warns where the sending broke off."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        return iter((self._data,))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(iter(self))


class _Pieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


class Body:
    """The response as happenings, its content decoded."""

    def __init__(self, id: int, response: httpcore.Response) -> None:
        self._id = id
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
        self.head = HeadReceived(id, response.status, headers)
        self._decoder: ContentDecoder | None = None
        self._pieces: deque[bytes] = deque()
        self._fault: Failed | None = None
        try:
            self._decoder = content_decoder(headers)
        except RemoteProtocolError as error:
            self._fault = Failed(id, "protocol", str(error))

    def waiting(self) -> News | None:
        """What was received and not told yet; a fault after what came before it. None: nothing."""
        if self._pieces:
            return BodyReceived(self._id, self._pieces.popleft())
        return self._fault

    def receive(self, data: bytes) -> None:
        """More of the body."""
        if self._decoder is not None:
            data = self._decoder.decode(data)
            if self._decoder.fault is not None:
                self._fault = Failed(self._id, "protocol", self._decoder.fault)
        self._pieces.extend(in_pieces(data))

    def end(self) -> News:
        """The body is over."""
        if self._decoder is not None:
            try:
                self._decoder.end()
            except RemoteProtocolError as error:
                return Failed(self._id, "truncated", str(error))
        return BodyEnded(self._id)
