"""Proxies that pass bytes on, and what may go where: over loopback, on all three drivers."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from lash_io.tls import trusting
from lash_proto import APIConnectionError, InsecureRequest, ProviderOptions
from lash_proto.providers import anthropic
from tests.io.loopback import Peer, Server
from tests.io.machines import OneCall
from tests.io.test_client import HELLO
from tests.io.test_transports import SIZED
from tests.io.worlds import WORLDS, World, run_all, twin

ONCE = {"model": "m", "options": ProviderOptions(max_retries=0)}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def passing_on(origin: Server) -> Callable[[Peer], None]:
    """A proxy that, whatever is asked for, connects to `origin`."""

    def pass_on(peer: Peer) -> None:
        request = peer.read_request()
        assert request is not None
        peer.server.requests.append(request)
        host, _, port = origin.url.rpartition("//")[2].rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            peer.connection.sendall(b"HTTP/1.1 200 Go On\r\n\r\n")
            ends = {peer.connection: onward, onward: peer.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    return pass_on


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tunnel_is_kept_and_the_proxys_password_stays_with_the_proxy(
    world: str, authority: trustme.CA, scheme: str, tmp_path: Path
) -> None:
    """Through a proxy at https:// that is TLS within TLS."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secured = serving(authority, "127.0.0.1") if scheme == "https" else None
    with (
        Server([SIZED], [SIZED], tls=serving(authority, "api.example")) as origin,
        Server(tls=secured, greeting=passing_on(origin)) as proxy,
    ):
        outcomes = run_all(
            world,
            lambda twin: twin.transports.DefaultTransport(
                proxy=proxy.url.replace("//", "//user:pass@"), ca_file=tmp_path / "ca.pem"
            ),
            [OneCall("https://api.example/v1"), OneCall("https://api.example/v1")],
        )
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert (origin.accepted, proxy.accepted, len(origin.requests)) == (1, 1, 2)
        (asked,) = proxy.requests
        assert asked.startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
        assert b"Basic dXNlcjpwYXNz" in asked
        assert not any(b"proxy" in request.lower() for request in origin.requests)


def test_a_clients_certificate_is_not_for_the_proxy(world: str, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    asking = serving(authority, "127.0.0.1")
    authority.configure_trust(asking)
    asking.verify_mode = ssl.CERT_OPTIONAL
    shown: list[Any] = []

    def look(peer: Peer) -> None:
        shown.append(peer.connection.getpeercert())  # type: ignore[attr-defined]
        peer.read_request()
        peer.connection.sendall(SIZED)

    with Server(tls=asking, greeting=look) as proxy, Server(tls=asking, greeting=look) as origin:
        settings = {"ca_file": tmp_path / "ca.pem", "cert": tmp_path / "both.pem"}
        proxied = run_all(
            world, lambda twin: twin.DefaultTransport(proxy=proxy.url, **settings), [OneCall("http://api.example/")]
        )
        direct = run_all(world, lambda twin: twin.DefaultTransport(**settings), [OneCall(origin.url)])
    assert proxied == direct == [(["connected", 200], b"hello")]
    assert (shown[0], shown[1]["subjectAltName"]) == (None, (("email", "client@example.org"),))


def test_a_proxy_from_the_environment_and_a_host_excepted_from_it(
    world: str, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async def hello(client: Any) -> str:
        text: str = (await client.complete("Say hello.")).text
        return text

    with (
        Server([HELLO], tls=serving(authority, "api.example")) as origin,
        Server(greeting=passing_on(origin)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "elsewhere.invalid")
        ask = World(world)
        settings = {"ca_file": tmp_path / "ca.pem", **ONCE}
        assert ask(hello, anthropic("k", base_url="https://api.example"), **settings) == "hello"
        assert len(proxy.requests) == 1
        with pytest.raises(APIConnectionError, match=r"elsewhere\.invalid cannot be resolved"):
            ask(hello, anthropic("k", base_url="https://elsewhere.invalid"), **settings)
        with pytest.raises(APIConnectionError, match=r"api\.example cannot be resolved"):
            ask(hello, anthropic("k", base_url="https://api.example"), proxy="", **settings)
        assert len(proxy.requests) == 1


def test_a_proxy_that_is_not_there_is_named(world: str) -> None:
    with Server() as server:
        url = server.url
    ((events, failed),) = run_all(
        world, lambda twin: twin.DefaultTransport(proxy=url), [OneCall("https://api.example/", told=True)]
    )
    assert (events, failed.kind) == ([], "connection")
    assert failed.message.startswith(f"no connection to {url.removeprefix('http://')}: ConnectionRefusedError")


@pytest.mark.parametrize("transport", ["StreamTransport", "HttpcoreTransport"])
def test_a_redirect_leads_nowhere(world: str, transport: str) -> None:
    async def ask(client: Any) -> Any:
        return (await client.complete("Hi.", raise_errors=False)).error

    with Server([HELLO]) as other:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {other.url}/v1/messages\r\nContent-Length: 0\r\n\r\n".encode()
        with Server([moved]) as server:
            made = getattr(twin(world).transports, transport)()
            error = World(world)(ask, anthropic("k", base_url=server.url), transport=made, model="m")
            if world == "blocking":
                made.close()
        assert error.message.startswith(f"HTTP 307: the server sends this call to {other.url}/v1/messages, and lash")
        assert (len(server.requests), other.accepted) == (1, 0)


def test_a_key_in_the_clear_is_refused_before_anything_is_sent(world: str) -> None:
    async def complete(client: Any) -> None:
        await client.complete("Hi.", raise_errors=False)

    async def stream(client: Any) -> None:
        async with client.stream("Hi."):
            raise AssertionError("the block must not begin")

    for scenario in (complete, stream):
        with pytest.raises(InsecureRequest, match=r"to api\.example in the clear"):
            World(world)(scenario, anthropic("k", base_url="http://api.example"), model="m")


def test_settings_without_a_certificate_show_nothing_to_anybody() -> None:
    tls = trusting(None)
    assert tls.showing_nothing() is tls.get()
