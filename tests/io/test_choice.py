"""Which transport a call takes where none is named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import lash_io.aio
import lash_io.blocking
from lash_io import httpcore_calls
from lash_io.choice import Choice, choose
from lash_io.httpcore_calls import proxy_of
from lash_proto.failures import LocalProtocolError
from lash_proto.http1 import Origin

SECURE = Origin("https", "api.example.com", 443)
PLAIN = Origin("http", "api.example.com", 80)
STREAM = Choice()


def chosen(origin: Origin = SECURE, **settings: Any) -> Choice:
    given: dict[str, Any] = {"proxy": None, "http2": False, "pool": False, "environment": {}}
    return choose(origin, **{**given, **settings})


def by(proxy: str | None = None) -> Choice:
    return Choice(httpcore=True, proxy=proxy)


def test_the_stream_transport_is_the_default() -> None:
    assert chosen() == STREAM


def test_httpcore_where_it_is_needed() -> None:
    assert chosen(http2=True) == by()
    assert chosen(pool=True) == by()
    assert chosen(proxy="http://p:3128") == by("http://p:3128")


@pytest.mark.parametrize(
    ("environment", "secure", "plain"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, by("http://p:1"), STREAM),
        ({"http_proxy": "http://p:1"}, STREAM, by("http://p:1")),
        ({"ALL_PROXY": "socks5://p:1"}, by("socks5://p:1"), by("socks5://p:1")),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}, by("http://lower:1"), STREAM),
        ({"HTTPS_PROXY": "p:3128"}, by("http://p:3128"), STREAM),
        ({"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}, STREAM, STREAM),
        ({"HTTPS_PROXY": ""}, STREAM, STREAM),
    ],
)
def test_a_proxy_that_the_environment_names(environment: dict[str, str], secure: Choice, plain: Choice) -> None:
    assert (chosen(SECURE, environment=environment), chosen(PLAIN, environment=environment)) == (secure, plain)


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("other.org, api.example.com", True),
        ("*", True),
        ("API.EXAMPLE.COM:443", True),
        ("api.example.com:8080", False),
        ("ample.com", False),
        ("", False),
    ],
)
def test_no_proxy_excepts_hosts(no_proxy: str, direct: bool) -> None:
    environment = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": no_proxy}
    assert (chosen(environment=environment) == STREAM) is direct


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.99/24", True),
        ("10.1.2.3", "10.2.0.0/16", False),
        ("10.1.2.3", "fe80::/10", False),
        ("fe80::1", "fe80::/10", True),
        ("10.1.2.3", "10.0.0.0/99, 10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("example.com", "10.0.0.0/8", False),
    ],
)
def test_no_proxy_excepts_networks(host: str, no_proxy: str, direct: bool) -> None:
    environment = {"ALL_PROXY": "http://p:1", "NO_PROXY": no_proxy}
    assert (chosen(Origin("https", host, 443), environment=environment) == STREAM) is direct


def test_an_empty_proxy_means_none_at_all() -> None:
    assert chosen(proxy="", environment={"HTTPS_PROXY": "http://p:1"}) == STREAM


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_no_proxy_reaches_this_machine(host: str) -> None:
    environment = {"HTTP_PROXY": "http://p:1"}
    assert chosen(Origin("http", host, 80), environment=environment) == STREAM
    assert chosen(Origin("http", host, 80), proxy="http://p:1") == by("http://p:1")


def test_a_proxys_credentials_go_to_the_proxy() -> None:
    proxy = proxy_of("http://user:p%40ss@proxy.example:3128")
    assert (bytes(proxy.url), proxy.auth) == (b"http://proxy.example:3128/", (b"user", b"p@ss"))


@pytest.mark.parametrize("url", ["proxy:3128", "ftp://proxy", "http://", "http://user:s3/cret@h:1", "http://h:s3cret"])
def test_a_proxy_url_that_is_none_is_a_mistake(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="proxy's URL is none") as caught:
        proxy_of(url)
    assert "s3" not in str(caught.value)


def test_a_proxys_password_is_not_printed() -> None:
    assert "s3cret" not in repr(by("http://user:s3cret@proxy.example:3128"))


@pytest.mark.parametrize("twin", ["blocking", "aio"])
def test_httpcore_is_imported_only_where_it_is_used(twin: str) -> None:
    script = (
        f"import sys, lash_io.{twin} as twin\n"
        f"from lash_proto.providers import faux\n"
        f"twin.Client(faux(), model='m'), twin.DefaultTransport()\n"
        f"assert 'httpcore' not in sys.modules\n"
        f"from lash_io.{twin} import HttpcoreTransport\n"
        f"assert HttpcoreTransport is twin.transports.HttpcoreTransport\n"
        f"assert 'httpcore' in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "settings", "said"),
    [
        ("h2", {"http2": True}, r"HTTP/2 needs an extra: pip install 'lash-llm\[http2\]'"),
        ("socksio", {"proxy": "socks5://h"}, r"a SOCKS proxy needs an extra: pip install 'lash-llm\[socks\]'"),
    ],
)
@pytest.mark.parametrize("twin", [lash_io.aio, lash_io.blocking])
def test_what_needs_an_extra_names_it_before_any_call(
    twin: Any, module: str, settings: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpcore_calls, "find_spec", lambda name: None if name == module else object())
    with pytest.raises(LocalProtocolError, match=said):
        twin.transports.HttpcoreTransport(**settings)
