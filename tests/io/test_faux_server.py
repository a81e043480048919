"""The faux server, asked by http.client and plain sockets: by nothing of ours."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any

import pytest
import trustme

from lash_io.blocking import Client
from lash_io.faux_server import FauxServer
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.providers import (
    ProviderHandle,
    anthropic,
    codex,
    github_copilot,
    google,
    google_oauth,
    openai,
    openai_compatible,
)

PATIENCE = 10.0
NEVER = 0.0001
"""Tokens a second at which none comes while a test runs."""

MESSAGES = {"model": "m", "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 9}
STREAMED = {**MESSAGES, "stream": True}


@pytest.fixture
def server() -> Iterator[FauxServer]:
    with FauxServer(FauxProvider(otherwise=FauxReply("Hello.", piece=100))) as server:
        yield server


_stack = ExitStack()


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    _stack.close()


def connect(server: FauxServer, trusting: ssl.SSLContext | None = None) -> HTTPConnection:
    """A connection that is closed when the test ends."""
    made = (
        HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        if trusting is None
        else HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=trusting)
    )
    _stack.callback(made.close)
    return made


def post(connection: HTTPConnection, path: str, body: Any) -> HTTPResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, text, {"content-type": "application/json"})
    response = connection.getresponse()
    _stack.callback(response.close)
    return response


def raw(server: FauxServer, data: bytes) -> bytes:
    """All that the server says to these bytes, until it hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(data)
        said = b""
        while more := connection.recv(65536):
            said += more
        return said


def request_bytes(body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST /v1/messages HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def faux_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lash faux")]


STREAMS = [
    ("/v1/messages", STREAMED, "anthropic-messages"),
    ("/v1/responses", {"model": "m", "input": "Hi.", "stream": True}, "openai-responses"),
    ("/backend-api/codex/responses", {"model": "m", "input": [], "stream": True}, "openai-responses"),
    ("/v1/chat/completions", {"model": "m", "messages": [], "stream": True}, "openai-completions"),
    ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": []}, "google-generative-ai"),
    ("/v1internal:streamGenerateContent?alt=sse", {"model": "m", "request": {"contents": []}}, "google-code-assist"),
]

BODIES = [
    ("/v1/messages", MESSAGES, "anthropic-messages"),
    ("/v1/responses", {"model": "m", "input": "Hi."}, "openai-responses"),
    ("/v1/chat/completions", {"model": "m", "messages": []}, "openai-completions"),
    ("/v1beta/models/m:generateContent", {"contents": []}, "google-generative-ai"),
    ("/v1beta/models/m:streamGenerateContent", {"contents": []}, "google-generative-ai"),
    ("/v1internal:generateContent", {"model": "m", "request": {"contents": []}}, "google-code-assist"),
]


@pytest.mark.parametrize(("path", "body", "api"), STREAMS)
def test_a_stream_comes_from_the_path_of_every_dialect(server: FauxServer, path: str, body: Any, api: str) -> None:
    response = post(connect(server), path, body)
    assert response.status == 200
    assert (response.getheader("content-type") or "").partition(";")[0] == "text/event-stream"
    assert response.getheader("transfer-encoding") == "chunked"
    said = response.read()
    assert b"data: " in said
    assert b'"Hello."' in said
    (call,) = server.provider.calls
    assert (call.api, call.model, call.stream, call.path, call.body) == (api, "m", True, path, body)


@pytest.mark.parametrize(("path", "body", "api"), BODIES)
def test_a_json_body_comes_from_the_path_of_every_dialect(server: FauxServer, path: str, body: Any, api: str) -> None:
    response = post(connect(server), path, body)
    assert response.status == 200
    assert (response.getheader("content-type") or "").partition(";")[0] == "application/json"
    text = response.read().decode()
    json.loads(text)
    assert '"Hello."' in text
    assert server.provider.calls[0].api == api


def test_an_error_has_the_status_that_the_script_gives_it(server: FauxServer) -> None:
    server.provider = FauxProvider([FauxReply(error=FauxError("rate_limit", "Slowly.", status=429, retry_after=3))])
    response = post(connect(server), "/v1/messages", STREAMED)
    assert (response.status, response.getheader("retry-after")) == (429, "3")
    assert json.loads(response.read())["error"] == {"type": "rate_limit_error", "message": "Slowly."}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/nothing", b"{}", 404, b"the faux provider knows no POST /v1/nothing"),
        ("GET", "/v1/messages", b"", 404, b"the faux provider knows no GET /v1/messages"),
        ("HEAD", "/", b"", 404, b""),
        ("POST", "/v1/messages", b"not JSON", 400, b"the request body is not JSON"),
        ("POST", "/v1/messages", b"\xff", 400, b"the request body is not JSON"),
    ],
)
def test_what_no_provider_knows_is_refused_and_the_connection_kept(
    server: FauxServer, method: str, path: str, body: bytes, status: int, said: bytes
) -> None:
    connection = connect(server)
    connection.request(method, path, body)
    response = connection.getresponse()
    assert (response.status, response.read()) == (status, said)
    assert server.provider.calls == []
    assert post(connection, "/v1/messages", MESSAGES).status == 200
    assert server.connections == 1


def test_one_connection_carries_many_calls(server: FauxServer) -> None:
    connection = connect(server)
    for _ in range(3):
        assert b"Hello." in post(connection, "/v1/messages", STREAMED).read()
    assert server.connections == 1


def test_requests_sent_in_one_go_are_answered_in_order(server: FauxServer) -> None:
    server.provider = FauxProvider([FauxReply("one"), FauxReply("two")])
    body = json.dumps(MESSAGES).encode()
    said = raw(server, request_bytes(body) + request_bytes(body, "Connection: close"))
    assert said.count(b"HTTP/1.1 200 Faux") == 2
    assert 0 < said.index(b'"one"') < said.index(b'"two"')


def test_an_old_client_is_answered_without_chunks(server: FauxServer) -> None:
    head, _, body = raw(server, request_bytes(json.dumps(MESSAGES).encode(), version="1.0")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert json.loads(body)["content"] == [{"type": "text", "text": "Hello."}]


def test_a_client_that_waits_to_be_told_so_may_go_on(server: FauxServer) -> None:
    body = json.dumps(MESSAGES).encode()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(request_bytes(b"x" * len(body), "Expect: 100-continue")[: -len(body)])
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 Faux\r\n")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS to a server that speaks none
        b"GET /\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\n\r\n",  # no Host
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_costs_its_own_connection_only(server: FauxServer, garbage: bytes) -> None:
    kept = connect(server)
    assert post(kept, "/v1/messages", MESSAGES).read()
    assert raw(server, garbage).startswith(b"HTTP/1.1 400 Faux\r\n")
    assert post(kept, "/v1/messages", MESSAGES).status == 200
    assert post(connect(server), "/v1/messages", MESSAGES).status == 200


def test_clients_that_leave_in_the_middle_cost_their_own_connection_only(server: FauxServer) -> None:
    for part in (b"", b"POST /v1/mess", request_bytes(b"xxxx")[:-2]):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(part)
    assert post(connect(server), "/v1/messages", MESSAGES).status == 200


def test_streams_are_paced_and_bodies_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with FauxServer(FauxProvider(otherwise=FauxReply("Hello, world.", piece=8)), tokens_per_second=4) as server:
        monkeypatch.setattr(server._stop, "wait", pauses.append)
        assert post(connect(server), "/v1/messages", MESSAGES).read()
        assert pauses == []
        assert post(connect(server), "/v1/messages", STREAMED).read()
        assert pauses == [0.5, 0.5]  # "Hello, w" is two tokens of four characters, and so is "orld."


def test_a_speed_at_which_nothing_would_come_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens_per_second 0: it must be above 0"):
        FauxServer(tokens_per_second=0)


def test_a_server_that_closes_breaks_its_streams_off() -> None:
    server = FauxServer(tokens_per_second=NEVER)
    response = post(connect(server), "/v1/messages", STREAMED)
    assert response.status == 200
    server.close()
    with pytest.raises(IncompleteRead):
        response.read()
    assert faux_threads() == []
    server.close()
    with pytest.raises(ConnectionRefusedError):
        connect(server).connect()


def test_a_script_may_close_the_server_it_plays_on() -> None:
    def script(call: FauxCall) -> FauxReply:
        serving.close()
        return FauxReply("Too late.")

    serving = FauxServer(FauxProvider([script]))
    with pytest.raises(ConnectionError):
        post(connect(serving), "/v1/messages", MESSAGES)


def test_a_slow_stream_keeps_no_other_connection_waiting() -> None:
    with FauxServer(tokens_per_second=NEVER) as server:
        slow = post(connect(server), "/v1/messages", STREAMED)
        assert b"faux provider" in post(connect(server), "/v1/messages", MESSAGES).read()
        assert server.connections == 2
        assert not slow.isclosed()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def secured(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and a client's."""
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    return ours, theirs


def test_it_serves_https(authority: trustme.CA) -> None:
    ours, theirs = secured(authority)
    with FauxServer(ssl_context=ours) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        connection = connect(server, theirs)
        for _ in range(2):
            assert b"message_stop" in post(connection, "/v1/messages", STREAMED).read()
        assert server.connections == 1
        with Client(server.aim(anthropic("k")), model="m", ssl_context=theirs) as client:
            assert client.complete("Hi.").text == "This is m, played by lash's faux provider over anthropic-messages."


def test_a_client_that_distrusts_it_costs_its_own_connection_only(authority: trustme.CA) -> None:
    ours, theirs = secured(authority)
    with FauxServer(ssl_context=ours) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server, ssl.create_default_context()).connect()
        connection = connect(server, theirs)
        assert post(connection, "/v1/messages", MESSAGES).status == 200


def test_a_server_that_closes_waits_for_no_handshake_and_no_reader(authority: trustme.CA) -> None:
    ours, theirs = secured(authority)
    server = FauxServer(ssl_context=ours, tokens_per_second=NEVER)
    streaming = connect(server, theirs)
    response = post(streaming, "/v1/messages", STREAMED)
    idle = connect(server, theirs)
    assert post(idle, "/v1/messages", MESSAGES).read()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as silent:
        server.close()
        assert faux_threads() == []
        assert silent.recv(1) == b""
    with pytest.raises((IncompleteRead, ssl.SSLError)):
        response.read()


@pytest.mark.parametrize(
    ("handle", "path"),
    [
        (openai("k"), "/v1"),
        (openai_compatible("k", base_url="https://example.test/api/v1/"), "/api/v1"),
        (codex("k"), "/backend-api/codex"),
        (anthropic("k"), ""),
        (google("k"), ""),
        (google_oauth("k"), ""),
    ],
)
def test_a_handle_aimed_at_it_keeps_its_path_and_all_else(
    server: FauxServer, handle: ProviderHandle, path: str
) -> None:
    aimed = server.aim(handle)
    assert aimed.route.base_url == server.url + path
    assert (aimed.kind, aimed.auth, aimed.route.codec) == (handle.kind, handle.auth, handle.route.codec)
    with Client(aimed, model="m") as client:
        assert client.complete("Hi.").text == "Hello."


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5", "claude-opus-5"])
def test_every_route_of_a_handle_is_aimed_at_it(server: FauxServer, model: str) -> None:
    with Client(server.aim(github_copilot("t")), model=model) as client:
        assert client.complete("Hi.").text == "Hello."
