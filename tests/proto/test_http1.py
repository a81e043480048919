"""One request and its response as bytes: hand-written from RFC 9112, and held against h11 on the same bytes."""

from __future__ import annotations

import copy
import gzip
import pickle
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.fuzz_http1 import check, cut, read_by_h11, read_by_lash
from lash_proto.effects import CallHttp
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Failed, Happening, HeadReceived
from lash_proto.http1 import MAX_HEAD, Http1Exchange, Origin, split_url
from lash_proto.values import Secret

if TYPE_CHECKING:
    from lash_proto.http import HeaderItems

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_HEAD = HeadReceived(1, 200, (("transfer-encoding", "chunked"),))


def begin(method: str = "GET", headers: HeaderItems = ()) -> Http1Exchange:
    exchange = Http1Exchange(CallHttp(1, method, "http://example.com/", headers, b""))
    exchange.to_send()
    return exchange


def sent(method: str, url: str, headers: HeaderItems = (), body: bytes = b"") -> bytes:
    return Http1Exchange(CallHttp(1, method, url, headers, body)).to_send()


def receive_all(*pieces: bytes, method: str = "GET") -> list[Happening]:
    exchange = begin(method)
    return [happening for piece in pieces for happening in exchange.receive(piece)]


# --- the request -----------------------------------------------------------------------------------------------------


def test_a_request_is_written_whole() -> None:
    headers = (("content-type", "application/json"), ("authorization", Secret("Bearer k")))
    assert sent("POST", "https://api.example.com/v1/chat?alt=sse", headers, b'{"a": 1}') == (
        b"POST /v1/chat?alt=sse HTTP/1.1\r\n"
        b"host: api.example.com\r\n"
        b"accept-encoding: identity\r\n"
        b"content-length: 8\r\n"
        b"content-type: application/json\r\n"
        b"authorization: Bearer k\r\n"
        b"\r\n"
        b'{"a": 1}'
    )


def test_a_get_has_no_content_length_and_an_empty_post_has() -> None:
    assert sent("GET", "http://a") == b"GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: identity\r\n\r\n"
    assert b"\r\ncontent-length: 0\r\n" in sent("POST", "http://a")
    assert b"\r\ncontent-length: 1\r\n" in sent("DELETE", "http://a", body=b"x")


def test_the_callers_headers_outrank_ours() -> None:
    headers = (("Host", "b"), ("Accept-Encoding", "gzip"), ("x-name", "caf\xe9"))
    assert sent("GET", "http://a", headers) == (
        b"GET / HTTP/1.1\r\nhost: b\r\naccept-encoding: gzip\r\nx-name: caf\xe9\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "origin", "authority", "target"),
    [
        ("http://example.com", Origin("http", "example.com", 80), "example.com", "/"),
        ("HTTPS://Example.COM/A", Origin("https", "example.com", 443), "example.com", "/A"),
        ("http://example.com:80/", Origin("http", "example.com", 80), "example.com", "/"),
        ("http://example.com:443/", Origin("http", "example.com", 443), "example.com:443", "/"),
        ("https://example.com:8443/a/b", Origin("https", "example.com", 8443), "example.com:8443", "/a/b"),
        ("http://example.com:/", Origin("http", "example.com", 80), "example.com", "/"),
        ("http://example.com?key=1", Origin("http", "example.com", 80), "example.com", "/?key=1"),
        ("http://127.0.0.1:8000/v1", Origin("http", "127.0.0.1", 8000), "127.0.0.1:8000", "/v1"),
        ("http://[::1]/", Origin("http", "::1", 80), "[::1]", "/"),
        ("http://[2001:DB8::1]:8080/x", Origin("http", "2001:db8::1", 8080), "[2001:db8::1]:8080", "/x"),
        ("http://a/x%20y#part", Origin("http", "a", 80), "a", "/x%20y"),
        ("http://a//b:c@d", Origin("http", "a", 80), "a", "//b:c@d"),
    ],
)
def test_a_url_is_an_origin_and_a_target(url: str, origin: Origin, authority: str, target: str) -> None:
    assert split_url(url) == (origin, target)
    assert origin.authority == authority
    assert Http1Exchange(CallHttp(1, "GET", url, (), b"")).origin == origin


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:11434/v1", True),
        ("http://LOCALHOST", True),
        ("http://127.0.0.1", True),
        ("http://127.1.2.3:80", True),
        ("http://[::1]:8000", True),
        ("http://127.0.0.1.example.com", False),
        ("http://127.example.com", False),
        ("http://localhost.example.com", False),
        ("http://128.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://[::2]", False),
        ("http://10.0.0.1", False),
    ],
)
def test_what_stays_on_this_machine(url: str, loopback: bool) -> None:
    assert split_url(url)[0].is_loopback is loopback


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/", "a/b", "", "//a/b", "http:a", "http://", "http:///x", "http://:80/", "http://a:b/", "http://a:99999/",
        "http://a:0/", "http://a b/", "http://a/\r\nx: y", "http://a/\tb", "http://caf\xe9/", "http://a/\u2603", "http://[::1/",
        "http://[::1]x/", "http://[fe80::1%25eth0]/", "http://a\\b/", "http://a[b]/", "http://::1/", "unix://x",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(LocalProtocolError, match="^the URL"):
        Http1Exchange(CallHttp(1, "GET", url, (), b""))


def test_a_refused_url_is_not_shown() -> None:
    for url in ("http://me:hunter2@a/", "http://a/?key=hunter2\n", "http://a:hunter2/"):
        with pytest.raises(LocalProtocolError) as caught:
            Http1Exchange(CallHttp(1, "GET", url, (), b""))
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "headers", "why"),
    [
        ("CONNECT", (), "tunnel"),
        ("G T", (), "Illegal method"),
        ("M\xc9T", (), "cannot be sent"),
        ("POST", (("content-length", "5"),), "Too little data"),
        ("POST", (("content-length", "x"),), "bad Content-Length"),
        ("POST", (("Transfer-Encoding", "chunked"),), "'transfer-encoding' is not for"),
        ("GET", (("upgrade", "websocket"),), "'upgrade' is not for"),
        ("GET", (("x y", "1"),), "no header name"),
        ("GET", (("x-key", Secret("hunter2\r\nx: y")),), "'x-key' holds a line break"),
        ("GET", (("x-key", Secret("hunter2 ")),), "'x-key' begins or ends"),
    ],
)
def test_a_request_that_cannot_be_sent_is_refused(method: str, headers: HeaderItems, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why) as caught:
        sent(method, "http://a/", headers)
    assert "hunter2" not in str(caught.value)


def test_an_exchange_does_not_print_secrets_or_the_query() -> None:
    exchange = Http1Exchange(CallHttp(1, "GET", "http://a/", (("x-key", Secret("hunter2")),), b""))
    exchange.to_send()
    assert "hunter2" not in repr(exchange)


# --- the driver's mistakes -------------------------------------------------------------------------------------------


def test_one_exchange_is_one_request() -> None:
    exchange = begin()
    with pytest.raises(LocalProtocolError, match="given before"):
        exchange.to_send()


def test_nothing_is_received_before_the_request_was_given() -> None:
    exchange = Http1Exchange(CallHttp(1, "GET", "http://a/", (), b""))
    with pytest.raises(LocalProtocolError, match="to_send comes first"):
        exchange.receive(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize("response", [b"HTTP/1.1 204 No Content\r\n\r\n", b"nonsense\r\n\r\n", b""])
def test_nothing_is_received_after_the_end(response: bytes) -> None:
    exchange = begin()
    exchange.receive(response)
    assert exchange.ended
    with pytest.raises(LocalProtocolError, match="has ended"):
        exchange.receive(b"")


# --- the head --------------------------------------------------------------------------------------------------------


def test_a_response_with_a_length() -> None:
    exchange = begin()
    assert exchange.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Name: caf\xe9\r\n\r\nhel") == [
        HeadReceived(1, 200, (("content-length", "5"), ("x-name", "caf\xe9"))),
        BodyReceived(1, b"hel"),
    ]
    assert (exchange.started, exchange.ended, exchange.reusable) == (True, False, False)
    assert exchange.receive(b"lo") == [BodyReceived(1, b"lo"), BodyEnded(1)]
    assert (exchange.started, exchange.ended, exchange.reusable) == (True, True, True)


def test_interim_heads_are_passed_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    ended = [HeadReceived(1, 200, (("content-length", "0"),)), BodyEnded(1)]
    assert receive_all(interim + final) == ended
    assert receive_all(interim, final) == ended
    assert receive_all(*cut(interim + final, 1)) == ended


def test_a_switch_of_protocols_is_refused() -> None:
    (failed,) = receive_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    assert isinstance(failed, Failed)
    assert failed.kind == "protocol"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_a_body_ends_with_its_head(status: bytes) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\n"
    headers = (("content-length", "9"), ("content-encoding", "gzip"))
    assert receive_all(head) == [HeadReceived(1, int(status[:3]), headers), BodyEnded(1)]


def test_the_response_to_head_has_no_body() -> None:
    assert receive_all(CHUNKED, method="HEAD") == [CHUNKED_HEAD, BodyEnded(1)]


def test_a_connection_that_ends_before_the_response_was_stale() -> None:
    exchange = begin()
    assert exchange.receive(b"") == [Failed(1, "connection", "the connection ended before the response began")]
    assert (exchange.started, exchange.ended, exchange.reusable) == (False, True, False)


@pytest.mark.parametrize(
    "head", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_a_head_cut_short_is_truncated(head: bytes) -> None:
    exchange = begin()
    assert exchange.receive(head) == []
    assert exchange.started
    assert exchange.receive(b"") == [Failed(1, "truncated", "the connection ended inside the head of the response")]


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"\r\nHTTP/1.1 200 OK\r\n\r\n", b" HTTP/1.1 200 OK", b"\n"]
)
def test_what_cannot_begin_a_head_is_told_at_its_first_byte(garbage: bytes) -> None:
    expected = [Failed(1, "protocol", "the response does not begin like HTTP")]
    assert receive_all(garbage) == receive_all(garbage[:1]) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Name : blank before the colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded from nothing\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5_0\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_head_that_is_not_http_is_a_protocol_failure(head: bytes) -> None:
    (failed,) = receive_all(head)
    assert isinstance(failed, Failed)
    assert failed.kind == "protocol"
    assert failed.message.startswith("the head of the response is not HTTP: ")
    assert receive_all(*cut(head[: head.index(b"\r\n\r\n") + 4], 1)) == [failed]


def test_the_same_length_twice_is_one_length() -> None:
    for lengths in (b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: 2, 2"):
        happenings = receive_all(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\n\r\nok")
        assert happenings == [HeadReceived(1, 200, (("content-length", "2"),)), BodyReceived(1, b"ok"), BodyEnded(1)]


def test_what_h11_quotes_is_bounded_and_holds_no_credential() -> None:
    line = b"sk-" + b"a" * 40 + b"x" * 1000
    (failed,) = receive_all(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
    assert isinstance(failed, Failed)
    assert len(failed.message) < 300
    assert "sk-aaaa" not in failed.message


def test_a_head_has_a_bound_wherever_it_is_cut() -> None:
    too_long = [Failed(1, "protocol", "the head of the response is over 65536 bytes")]
    frame = b"HTTP/1.1 204 No Content\r\nX: \r\n\r\n"
    for size, fits in ((MAX_HEAD, True), (MAX_HEAD + 1, False)):
        head = frame.replace(b"X: ", b"X: " + b"a" * (size - len(frame)))
        assert len(head) == size
        for pieces in ([head], cut(head, 997), [head[:-1], head[-1:]]):
            exchange = begin()
            happenings: list[Happening] = []
            for piece in pieces:
                if not exchange.ended:
                    happenings += exchange.receive(piece)
            assert (happenings == too_long) is not fits
            assert (happenings[-1] == BodyEnded(1)) is fits


def test_interim_heads_share_that_bound() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" * 3000
    for pieces in ([interim], cut(interim, 1000)):
        exchange = begin()
        happenings: list[Happening] = []
        for piece in pieces:
            if not exchange.ended:
                happenings += exchange.receive(piece)
        assert happenings == [Failed(1, "protocol", "the head of the response is over 65536 bytes")]


@pytest.mark.parametrize("run", [b" " * 60_000, b"\t" * 1023, b" \r\n" * 20_000])
def test_blanks_cannot_be_made_to_take_time(run: bytes) -> None:
    """h11 alone reads the first of these for 13 s."""
    blanks = "holds 512 blanks in a row"
    assert receive_all(b"HTTP/1.1 200 OK\r\nX:" + run + b"\0\r\n\r\n") == [
        Failed(1, "protocol", f"the head of the response {blanks}")
    ]
    assert receive_all(CHUNKED + b"0\r\nX:" + run + b"\0\r\n\r\n")[1:] == [
        Failed(1, "protocol", f"the trailer of the response {blanks}")
    ]
    chunk = b"5;" + b" " * 60_000 + b"\n\r\n"
    assert receive_all(CHUNKED + chunk)[1:] == [Failed(1, "protocol", "a chunk of the response has no valid size")]


def test_as_many_blanks_as_anyone_means_pass() -> None:
    assert receive_all(b"HTTP/1.1 204 No Content\r\nX: a" + b" " * 500 + b"b\r\nY:\r\n\r\n") == [
        HeadReceived(1, 204, (("x", "a" + " " * 500 + "b"), ("y", ""))),
        BodyEnded(1),
    ]


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_the_chunks_of_one_read_are_one_happening() -> None:
    assert receive_all(CHUNKED + b"5\r\nhello\r\n2\r\n, \r\n5\r\nworld\r\n0\r\n\r\n") == [
        CHUNKED_HEAD,
        BodyReceived(1, b"hello, world"),
        BodyEnded(1),
    ]


def test_a_chunk_comes_as_its_bytes_do() -> None:
    assert receive_all(CHUNKED, b"1", b"0\r", b"\nabc", b"def", b"ghijklmnop\r", b"\n0\r\n", b"\r", b"\n") == [
        CHUNKED_HEAD,
        BodyReceived(1, b"abc"),
        BodyReceived(1, b"def"),
        BodyReceived(1, b"ghijklmnop"),
        BodyEnded(1),
    ]


@pytest.mark.parametrize(
    "line", [b"5", b"05", b"5;name=value", b'5;a="b;c"', b"5; spaced", b"5 \t ", b"5;\r", b"0" * 19 + b"5"]
)
def test_sizes_and_extensions_that_h11_takes(line: bytes) -> None:
    happenings = receive_all(CHUNKED + line + b"\r\nhello\r\n0;last\r\n\r\n")
    assert happenings == [CHUNKED_HEAD, BodyReceived(1, b"hello"), BodyEnded(1)]


@pytest.mark.parametrize(
    "line",
    [
        b"+5",
        b"-5",
        b"0x5",
        b"5_0",
        b"",
        b" 5",
        b"5 x",
        b"g",
        b";a",
        b"5\n",
        b"5;a\nb",
        b"0" * 20 + b"5",
        b"\xb2",
        b"5\r",
    ],
)
def test_sizes_that_h11_does_not_take(line: bytes) -> None:
    fault = Failed(1, "protocol", "a chunk of the response has no valid size")
    body = b"2\r\nok\r\n" + line + b"\r\nhello\r\n0\r\n\r\n"
    assert receive_all(CHUNKED + body) == [CHUNKED_HEAD, BodyReceived(1, b"ok"), fault]
    assert read_by_h11(CHUNKED + body).verdict == "protocol"


@pytest.mark.parametrize("footer", [b"x\r\n", b"\n0\r\n\r\n", b"\rx"])
def test_a_chunk_ends_where_it_said(footer: bytes) -> None:
    fault = Failed(1, "protocol", "a chunk of the response is longer than it said")
    assert receive_all(CHUNKED + b"5\r\nhello" + footer) == [CHUNKED_HEAD, BodyReceived(1, b"hello"), fault]
    assert receive_all(CHUNKED, b"5\r\nhello", *cut(footer, 1)[: 2 if footer[:1] == b"\r" else 1]) == [
        CHUNKED_HEAD,
        BodyReceived(1, b"hello"),
        fault,
    ]


@pytest.mark.parametrize("trailers", [b"\r\n", b"\n", b"X: 1\r\n\r\n", b"X: 1\nY:\n\n", b"X: a\r\n folded\r\n\r\n"])
def test_trailers_are_passed_over(trailers: bytes) -> None:
    expected = [CHUNKED_HEAD, BodyReceived(1, b"a"), BodyEnded(1)]
    data = CHUNKED + b"1\r\na\r\n0\r\n" + trailers
    assert receive_all(data) == receive_all(*cut(data, 1)) == expected


@pytest.mark.parametrize(
    "trailers", [b"no colon\r\n\r\n", b" folded from nothing\r\n\r\n", b"Content-Length: x\r\n\r\n"]
)
def test_trailers_are_held_to_the_rules_of_headers(trailers: bytes) -> None:
    data = CHUNKED + b"0\r\n" + trailers
    head, failed = receive_all(data)
    assert isinstance(failed, Failed)
    assert (head, failed.kind) == (CHUNKED_HEAD, "protocol")
    assert failed.message.startswith("the trailer of the response is not HTTP: ")
    assert receive_all(*cut(data, 1)) == [head, failed]


@pytest.mark.parametrize(
    ("before", "filler", "after", "what"),
    [
        (b"", b"1;", b"\r\n", "the line before a chunk"),
        (b"", b"\r", b"\r\n", "the line before a chunk"),
        (b"0\r\n", b"X: ", b"\r\n\r\n", "the trailer of the response"),
    ],
)
def test_lines_and_trailers_have_a_bound_wherever_they_are_cut(
    before: bytes, filler: bytes, after: bytes, what: str
) -> None:
    fault = Failed(1, "protocol", f"{what} is over 65536 bytes")
    text = filler + b"a" * (MAX_HEAD + 1 - len(filler) - len(after)) + after
    assert len(text) == MAX_HEAD + 1
    for pieces in ([text], cut(text, 1000), [text[:-1]], [text[:-1], text[-1:]]):
        exchange = begin()
        happenings = exchange.receive(CHUNKED + before)
        for piece in pieces:
            if not exchange.ended:
                happenings += exchange.receive(piece)
        assert happenings == [CHUNKED_HEAD, fault]


def test_a_line_and_trailers_of_just_the_bound_pass() -> None:
    line = b"1;" + b"a" * (MAX_HEAD - 4) + b"\r\n"
    trailers = b"X: " + b"a" * (MAX_HEAD - 7) + b"\r\n\r\n"
    assert len(line) == len(trailers) == MAX_HEAD
    for size in (len(line) + len(trailers) + 10, 1000, MAX_HEAD - 1):
        pieces = cut(line + b"b\r\n0\r\n" + trailers, size)
        assert receive_all(CHUNKED, *pieces) == [CHUNKED_HEAD, BodyReceived(1, b"b"), BodyEnded(1)]


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_body_without_a_length_ends_with_the_connection(version: bytes) -> None:
    exchange = begin()
    assert exchange.receive(version + b" 200 OK\r\n\r\nall") == [HeadReceived(1, 200, ()), BodyReceived(1, b"all")]
    assert exchange.receive(b" of it") == [BodyReceived(1, b" of it")]
    assert exchange.receive(b"") == [BodyEnded(1)]
    assert not exchange.reusable


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"Content-Length: 5\r\n\r\nhell", "inside the body"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell", "before the last chunk"),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n", "before the last chunk"),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n", "before the last chunk"),
    ],
)
def test_a_body_cut_short_is_truncated(body: bytes, where: str) -> None:
    exchange = begin()
    _, received = exchange.receive(b"HTTP/1.1 200 OK\r\n" + body)
    assert received == BodyReceived(1, b"hell")
    assert exchange.receive(b"") == [Failed(1, "truncated", f"the connection ended {where} of the response")]
    assert not exchange.reusable


# --- keeping the connection ------------------------------------------------------------------------------------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("response", "reusable"),
    [
        (ANSWER, True),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", True),
        (ANSWER.replace(b"1.1", b"1.0"), False),
        (ANSWER.replace(b"Content", b"Connection: keep-alive\r\nContent").replace(b"1.1", b"1.0"), False),
        (ANSWER.replace(b"Content", b"Connection: x, Close\r\nContent"), False),
        (ANSWER + b"x", False),
        (ANSWER + b"\r\n", False),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\nx", False),
        (CHUNKED + b"2\r\nok\r\n0\r\nX: 1\r\n\r\nx", False),
        (b"HTTP/1.1 204 No Content\r\n\r\nx", False),
        (CHUNKED.replace(b"\r\nT", b"\r\nContent-Length: 9\r\nT") + b"0\r\n\r\n", False),  # RFC 9112 section 6.3
    ],
)
def test_a_connection_is_kept_only_where_nothing_speaks_against_it(response: bytes, reusable: bool) -> None:
    exchange = begin()
    assert exchange.receive(response)[-1] == BodyEnded(1)
    assert exchange.reusable is reusable


def test_a_request_that_closes_the_connection_does_not_keep_it() -> None:
    exchange = begin(headers=(("connection", "close"),))
    exchange.receive(ANSWER)
    assert (exchange.ended, exchange.reusable) == (True, False)


# --- content codings -------------------------------------------------------------------------------------------------


def coded(coding: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (coding, len(body), body)


def test_a_coded_body_is_decoded() -> None:
    for coding, body in ((b"gzip", gzip.compress(b"hello")), (b"deflate", zlib.compress(b"hello"))):
        assert receive_all(coded(coding, body))[1:] == [BodyReceived(1, b"hello"), BodyEnded(1)]
        assert b"hello" == read_by_lash(cut(coded(coding, body), 1)).body


def test_an_empty_body_needs_no_coding() -> None:
    assert receive_all(coded(b"gzip", b""))[1:] == [BodyEnded(1)]
    assert receive_all(coded(b"br, x", b""))[1:] == [BodyEnded(1)]


def test_an_unknown_coding_is_a_protocol_failure_after_the_head() -> None:
    head, failed = receive_all(coded(b"compress", b"x"))
    assert isinstance(head, HeadReceived)
    assert failed == Failed(1, "protocol", "unknown content coding 'compress'")


def test_what_a_compressed_body_holds_is_told_a_mebibyte_at_a_time() -> None:
    """Between two of them a deadline can end what a read of 3 KB began."""
    body = b"x" * (5 << 19)
    _, *told, end = receive_all(coded(b"gzip", gzip.compress(body)))
    ahead, *sizes = [len(each.data) for each in told if isinstance(each, BodyReceived)]
    assert (ahead, sizes) == (1024, [(1 << 20) - 1024, 1 << 20, 1 << 19])
    assert end == BodyEnded(1)


def test_the_first_kilobyte_goes_ahead_of_what_came_with_the_head() -> None:
    """So that a first text need not wait until hundreds of events are decoded."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"
    exchange = begin()
    assert exchange.receive(head + b"a" * 1024 + b"b" * 1000)[1:] == [
        BodyReceived(1, b"a" * 1024),
        BodyReceived(1, b"b" * 1000),
    ]
    assert exchange.receive(b"c" * 976 + b"surplus") == [BodyReceived(1, b"c" * 976), BodyEnded(1)]
    assert not exchange.reusable


def test_a_body_of_a_kilobyte_comes_in_one_piece() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n"
    assert begin().receive(head + b"a" * 1024)[1:] == [BodyReceived(1, b"a" * 1024), BodyEnded(1)]


def test_a_broken_coding_is_told_before_broken_framing() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head + b"4\r\njunk\r\nnonsense\r\n"
    _, failed = receive_all(data)
    fault = "the gzip body is broken: Error -3 while decompressing data: incorrect header check"
    assert failed == Failed(1, "protocol", fault)
    assert read_by_lash(cut(data, 1)) == read_by_lash([data])


def test_a_coded_body_that_stops_short_is_truncated() -> None:
    body = gzip.compress(b"hello")[:-1]
    expected = [BodyReceived(1, b"hello"), Failed(1, "truncated", "the gzip body stops before its end")]
    assert receive_all(coded(b"gzip", body))[1:] == expected
    assert receive_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body, b"")[1:] == expected


# --- laws ------------------------------------------------------------------------------------------------------------

RESPONSES = [
    ANSWER,
    b"HTTP/1.1 200\nContent-Length: 3,3\nX: a\n b\n\nabcHTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall of it",
    CHUNKED + b"5;x\r\nhello\r\n00A \r\n, the rest\r\n0\r\nX: y\r\n z\r\n\r\nsurplus",
    CHUNKED + b"1\r\na\r\n" * 9 + b"0\r\n\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ANSWER,
    b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    coded(b"gzip", gzip.compress(b"hello ", mtime=0) + gzip.compress(b"again", mtime=0)),
    coded(b"deflate", zlib.compress(b"hello hello")),
]
WORDS = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"0",
        b"5",
        b"f",
        b"+",
        b"0x",
        b"_",
        b";",
        b" ",
        b"\t",
        b":",
        b",",
        b"\0",
        b"\xff",
        b"0\r\n\r\n",
    ),
    *(
        b"Content-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Content-Encoding: gzip\r\n",
    ),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid response with a few bytes put in, taken out or replaced."""
    data = draw(st.sampled_from(RESPONSES))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.sampled_from([b"", *WORDS]) | st.binary(max_size=3))
        data = data[:at] + new + data[at + draw(st.integers(0, 4)) :]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@given(
    data=mutated() | st.binary(max_size=60),
    method=st.sampled_from(["GET", "HEAD"]),
    cuts=st.lists(st.integers(0, 300), max_size=6),
)
@example(data=b"", method="GET", cuts=[])
@example(data=b"HTTP/1.1 100 Continue\r\n\r\n", method="GET", cuts=[3])
def test_the_same_bytes_mean_what_they_mean_to_h11_however_they_are_cut(
    data: bytes, method: str, cuts: list[int]
) -> None:
    edges = sorted({0, len(data), *(min(at, len(data)) for at in cuts)})
    pieces = [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert read_by_lash(pieces, method) == read_by_lash([data], method) == read_by_h11(data, method)


@given(st.sampled_from(RESPONSES), st.integers(1, 20))
def test_the_messages_of_failures_do_not_depend_on_the_cuts(data: bytes, size: int) -> None:
    data = data.replace(b"\r\n", b"\r \n", 1) if size % 2 else data[:-size]

    def faults(pieces: list[bytes]) -> list[Happening]:
        exchange = begin()
        return [
            h
            for piece in [*pieces, b""]
            if not exchange.ended
            for h in exchange.receive(piece)
            if isinstance(h, Failed)
        ]

    assert faults(cut(data, size)) == faults([data])


@pytest.mark.parametrize(
    "data", [response for response in RESPONSES if b"Encoding: gzip" not in response and b"deflate" not in response]
)
def test_saved_equals_unsaved(data: bytes) -> None:
    assert read_by_lash(cut(data, 1), save=True) == read_by_lash(cut(data, 1)) == read_by_h11(data)


def test_an_exchange_inside_a_coded_body_copies_but_does_not_pickle() -> None:
    exchange = begin()
    data = coded(b"gzip", gzip.compress(b"hello"))
    exchange.receive(data[:-4])
    with pytest.raises(TypeError):
        pickle.dumps(exchange)
    assert copy.deepcopy(exchange).receive(data[-4:]) == exchange.receive(data[-4:]) == [BodyEnded(1)]


@pytest.mark.parametrize("response", RESPONSES)
def test_the_fuzzed_law_holds_for_each_response(response: bytes) -> None:
    for first in range(0, 256, 15):
        check(bytes([first]) + response)
