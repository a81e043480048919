"""Authorities and certificates by file name, as a client takes them, over real TLS on all three drivers."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpcore
import pytest
import trustme

from lash_io import AsyncClient, Client
from lash_io.blocking import FauxTransport
from lash_proto import APIConnectionError, ProviderOptions
from lash_proto.faux import FauxProvider
from lash_proto.providers import anthropic
from tests.io.loopback import Server
from tests.io.test_client import HELLO
from tests.io.worlds import WORLDS, World

ONCE = {"model": "m", "options": ProviderOptions(max_retries=0)}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Path:
    """`ca.pem`, and a client's certificate: `both.pem`, `cert.pem` and `key.pem`, the last sealed in `sealed.pem`."""
    from cryptography.hazmat.primitives import serialization

    folder = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    ours = authority.issue_cert("client@example.org")
    ours.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    ours.private_key_pem.write_to_path(str(folder / "key.pem"))
    for piece in ours.cert_chain_pems:
        piece.write_to_path(str(folder / "cert.pem"), append=True)
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    (folder / "sealed.pem").write_bytes(sealed)
    return folder


def serving(authority: trustme.CA, *, asks: bool = False) -> Server:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return Server([HELLO], tls=context)


async def hello(client: Any) -> str:
    text: str = (await client.complete("Say hello.")).text
    return text


def test_a_file_of_authorities_is_trusted_in_place_of_the_systems(
    world: World, authority: trustme.CA, files: Path
) -> None:
    with serving(authority) as server:
        handle = anthropic("k", base_url=server.url)
        with pytest.raises(APIConnectionError, match="certificate of 127.0.0.1 is not trusted"):
            world(hello, handle, **ONCE)
        assert world(hello, handle, ca_file=files / "ca.pem", **ONCE) == "hello"


@pytest.mark.parametrize("cert", [("both.pem",), ("cert.pem", "key.pem"), ("cert.pem", "sealed.pem", "open sesame")])
def test_a_client_shows_its_certificate_where_it_is_asked(
    world: World, authority: trustme.CA, files: Path, cert: tuple[str, ...]
) -> None:
    paths = [files / name if name.endswith(".pem") else name for name in cert]
    with serving(authority, asks=True) as server:
        given: Any = tuple(paths) if len(paths) > 1 else paths[0]
        handle = anthropic("k", base_url=server.url)
        assert world(hello, handle, ca_file=files / "ca.pem", cert=given, **ONCE) == "hello"


def test_a_server_that_asks_in_vain_lets_nobody_in(world: World, authority: trustme.CA, files: Path) -> None:
    with serving(authority, asks=True) as server:
        with pytest.raises(APIConnectionError):
            world(hello, anthropic("k", base_url=server.url), ca_file=files / "ca.pem", **ONCE)
        assert server.requests == []


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_file_that_cannot_serve_is_told_before_any_call(client: Any, files: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(FileNotFoundError):
        client("anthropic", api_key="k", ca_file=tmp_path / "nowhere.pem")
    with pytest.raises(ssl.SSLError):
        client("anthropic", api_key="k", ca_file=tmp_path / "empty.pem")
    with pytest.raises(ssl.SSLError):
        client("anthropic", api_key="k", cert=files / "cert.pem")  # which has no key
    with pytest.raises(ssl.SSLError):
        client("anthropic", api_key="k", cert=(files / "cert.pem", files / "sealed.pem"))  # and nobody is asked
    with pytest.raises(ssl.SSLError):
        client("anthropic", api_key="k", cert=(files / "cert.pem", files / "sealed.pem", "open says me"))


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_what_would_do_nothing_is_a_mistake(client: Any, files: Path) -> None:
    ca_file = files / "ca.pem"
    with pytest.raises(TypeError, match="ssl_context has its own"):
        client("anthropic", api_key="k", ca_file=ca_file, ssl_context=ssl.create_default_context())
    with pytest.raises(TypeError, match="ca_file would do nothing: the pool that was given has its own"):
        client("anthropic", api_key="k", ca_file=ca_file, pool=httpcore.ConnectionPool())
    with pytest.raises(TypeError, match="proxy and http2 would do nothing: the transport that was given"):
        client("anthropic", api_key="k", proxy="http://p:1", http2=True, transport=FauxTransport(FauxProvider()))
