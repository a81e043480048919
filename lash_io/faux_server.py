"""The faux provider on a real loopback port: scripted replies in every dialect, for tests, the demo and users.

It reads requests with h11's server side, which shares no code with our client's body reader, and answers one chunk an
event. One thread a connection: this is for tests, not for load. It binds 127.0.0.1 and nothing else. A client that goes
away, or speaks no HTTP, costs its own connection and no more; what a script's function raises is told as any thread's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

import attrs
import h11

from lash_proto.codec import Route
from lash_proto.faux import Answer, FauxProvider
from lash_proto.faux.script import check_speed
from lash_proto.providers import ProviderHandle

_READ = 65536
_PATIENCE = 5.0
"""Seconds that `close` waits for a thread: none takes so long, but no test hangs on one."""


class FauxServer:
    """`with FauxServer(FauxProvider([...])) as server:` serves at `server.url` until the block ends.

    Streams come at `tokens_per_second`, four characters being a token; without it, at once. With `ssl_context` it
    serves https. `provider` may be exchanged for another between two requests.
    """

    def __init__(
        self,
        provider: FauxProvider | None = None,
        *,
        port: int = 0,
        tokens_per_second: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.provider = provider if provider is not None else FauxProvider()
        self.tokens_per_second = check_speed(tokens_per_second)
        self.connections = 0
        """Connections accepted so far: a client that keeps its connections makes few."""
        self._ssl = ssl_context
        self._lock = threading.Lock()
        self._answering = threading.Lock()  # a provider is a machine: one request at a time
        self._open: dict[threading.Thread, socket.socket] = {}
        self._closed = False
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="lash faux server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Scheme, host and port, without a path."""
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}"

    def aim(self, handle: ProviderHandle) -> ProviderHandle:
        """The handle with its calls sent here: the base URL keeps its path and loses its host."""
        pictures = None if handle.pictures is None else self._aimed(handle.pictures)
        routes = tuple((begins, self._aimed(route)) for begins, route in handle.routes)
        return attrs.evolve(handle, route=self._aimed(handle.route), pictures=pictures, routes=routes)

    def _aimed(self, route: Route) -> Route:
        path = "/" + route.base_url.split("://", 1)[-1].partition("/")[2]
        return attrs.evolve(route, base_url=self.url + path.rstrip("/"))

    def close(self) -> None:
        """Stop serving and drop every connection, those in mid-stream too. Twice does no harm."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop.set()
        with contextlib.suppress(OSError):  # only a connection wakes a thread that accepts, on every system
            socket.create_connection(("127.0.0.1", self.port), _PATIENCE).close()
        self._thread.join(_PATIENCE)
        self._listener.close()
        with self._lock:
            connections = dict(self._open)
        for connection in connections.values():
            _hang_up(connection)
        for thread in connections:
            if thread is not threading.current_thread():  # where a script closes the server it plays on
                thread.join(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._ssl is not None:
                    connection = self._ssl.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            except (ConnectionError, ssl.SSLError):  # it was reset while it queued
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="lash faux connection", daemon=True)
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self.connections += 1
                self._open[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        http = h11.Connection(h11.SERVER)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            while self._one_request(connection, http):
                http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                with contextlib.suppress(OSError):
                    self._send(connection, http, _refusal(error))
        except OSError:
            pass  # the client went away, which is its right
        finally:
            with self._lock:
                del self._open[threading.current_thread()]
            connection.close()

    def _one_request(self, connection: socket.socket, http: h11.Connection) -> bool:
        """Answer one request; True if the connection may carry another."""
        request: h11.Request | None = None
        body: list[bytes] = []
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                    connection.sendall(http.send(go_on) or b"")
                http.receive_data(connection.recv(_READ))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False  # closed between two requests
        assert request is not None
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers]
        with self._answering:
            answer = self.provider.answer(
                request.method.decode("ascii"), request.target.decode("ascii"), headers, b"".join(body)
            )
        self._send(connection, http, answer if request.method != b"HEAD" else attrs.evolve(answer, chunks=()))
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    def _send(self, connection: socket.socket, http: h11.Connection, answer: Answer) -> None:
        headers = [*answer.headers, ("transfer-encoding", "chunked")]
        head = http.send(h11.Response(status_code=answer.status, headers=headers, reason=b"Faux"))
        connection.sendall(head or b"")
        for chunk, wait in zip(answer.chunks, answer.waits(self.tokens_per_second), strict=True):
            if wait and self._stop.wait(wait):
                return
            connection.sendall(http.send(h11.Data(data=chunk)) or b"")
        connection.sendall(http.send(h11.EndOfMessage()) or b"")


def _refusal(error: h11.RemoteProtocolError) -> Answer:
    return Answer(
        error.error_status_hint, (("content-type", "text/plain"), ("connection", "close")), (str(error).encode(),)
    )


def _hang_up(connection: socket.socket) -> None:
    """Wake whoever reads or writes it. Not SSLSocket's own shutdown, which pulls TLS from under a thread that reads."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
