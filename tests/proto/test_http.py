"""Header rules, URLs joined, and content codings. Compressed bytes come from zlib and gzip, or from a hand."""

from __future__ import annotations

import copy
import gzip
import sys
import types
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lash_proto import http
from lash_proto.failures import LocalProtocolError, RemoteProtocolError
from lash_proto.http import ContentDecoder, HttpRequest, check_header, content_decoder, join_url, merge_headers
from lash_proto.values import Secret

# --- headers ---------------------------------------------------------------------------------------------------------


def test_later_headers_replace_earlier_ones_without_regard_to_case() -> None:
    merged = merge_headers({"Accept": "a", "X-One": "1"}, [("ACCEPT", "b"), ("x-two", "2")])
    assert merged == (("accept", "b"), ("x-one", "1"), ("x-two", "2"))


def test_none_removes_a_header_and_may_name_one_that_is_not_there() -> None:
    assert merge_headers({"Accept": "a", "x": "1"}, {"ACCEPT": None, "y": None}) == (("x", "1"),)


def test_a_removed_header_may_come_back() -> None:
    assert merge_headers({"a": "1", "b": "2"}, {"a": None}, {"A": "3"}) == (("b", "2"), ("a", "3"))


def test_no_layers_are_no_headers() -> None:
    assert merge_headers() == ()


def test_a_secret_stays_a_secret() -> None:
    key = Secret("k")
    ((name, value),) = merge_headers({"Authorization": key})
    assert (name, value) == ("authorization", key)
    assert repr(value) == "Secret('***')"


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "a\x7fb", "snow \u2603", "a\x1bb", "a\n"])
def test_a_value_cannot_begin_another_line(value: str) -> None:
    for each in (value, Secret(value)):
        with pytest.raises(LocalProtocolError) as caught:
            check_header("x-key", each)
        assert str(caught.value) == ("the value of header 'x-key' holds a line break or another character HTTP forbids")


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\t", " "])
def test_a_value_does_not_begin_or_end_with_white_space(value: str) -> None:
    with pytest.raises(LocalProtocolError, match="begins or ends with white space"):
        merge_headers({"x-key": value})


@pytest.mark.parametrize("value", ["", "a", "a b\tc", "caf\xe9", "!~", None, Secret("s")])
def test_what_http_allows_passes(value: str | Secret | None) -> None:
    check_header("x-key", value)


@pytest.mark.parametrize("name", ["", "a b", "a:", ":path", "a\r\n", "a\n", "h\xe9", "a(b)", "a,b", 'a"'])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="is no header name"):
        check_header(name, None)


def test_a_request_does_not_print_its_body() -> None:
    request = HttpRequest("POST", "v1/x", (), b"private")
    assert repr(request) == "HttpRequest(method='POST', path='v1/x', headers=(), body=<7 bytes>, notes=())"


# --- URLs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://api.openai.com/v1", "chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("https://api.anthropic.com", "v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://x.test/v1internal", ":generateContent", "https://x.test/v1internal:generateContent"),
        ("https://x.test/v1internal/", ":streamGenerateContent?alt=sse", "https://x.test/v1internal:streamGenerateContent?alt=sse"),
        ("https://x.test/v1", "", "https://x.test/v1"),
        ("https://x.test/v1/", "", "https://x.test/v1/"),
        ("https://x.test/v1/", "?a=1", "https://x.test/v1/?a=1"),
        ("https://x.test/openai?api-version=1", "chat", "https://x.test/openai/chat?api-version=1"),
        ("https://x.test/openai/?api-version=1", "/chat?b=2", "https://x.test/openai/chat?api-version=1&b=2"),
        ("https://x.test/v1", "chat?", "https://x.test/v1/chat"),
    ],
)  # fmt: skip
def test_base_and_path_join_with_one_slash_and_keep_their_queries(base: str, path: str, url: str) -> None:
    assert join_url(base, path) == url


# --- content codings -------------------------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def decoder_of(coding: str, **options: int) -> ContentDecoder:
    decoder = content_decoder([("Content-Encoding", coding)], **options)
    assert decoder is not None
    return decoder


def read(coding: str, pieces: list[bytes], **options: int) -> tuple[bytes, str | None, str | None]:
    """What came out, the fault, and what `end` said."""
    decoder = decoder_of(coding, **options)
    out = b""
    for piece in pieces:
        if decoder.fault is None:
            out += decoder.decode(piece)
    try:
        assert decoder.end() == b""
    except RemoteProtocolError as error:
        return out, decoder.fault, str(error)
    return out, decoder.fault, None


def every_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("value", ["identity", "", " , identity", "Identity"])
def test_bytes_that_are_as_they_should_be_need_no_decoder(value: str) -> None:
    assert content_decoder([("content-encoding", value)]) is None
    assert content_decoder([("content-type", "gzip")]) is None


@pytest.mark.parametrize("said", ["gzip", "GZip", "x-gzip", " gzip , identity"])
def test_gzip_by_each_of_its_names(said: str) -> None:
    assert read(said, [gzip.compress(b"hello")]) == (b"hello", None, None)


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", raw_deflate(b"hello")),
    ],
)
def test_each_coding_whole_and_byte_by_byte(coding: str, data: bytes) -> None:
    assert read(coding, [data]) == (b"hello", None, None)
    assert read(coding, every_byte(data)) == (b"hello", None, None)


def test_what_was_flushed_is_told_at_once() -> None:
    engine = zlib.compressobj(wbits=31)
    decoder = decoder_of("gzip")
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert decoder.decode(engine.compress(event) + engine.flush(zlib.Z_SYNC_FLUSH)) == event


def test_gzip_members_follow_each_other_with_padding_between() -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"") + b"\0\0\0" + gzip.compress(b"two") + b"\0"
    assert read("gzip", [data]) == (b"one two", None, None)
    assert read("gzip", every_byte(data)) == (b"one two", None, None)


def test_a_body_of_many_empty_members_costs_no_more_than_its_length() -> None:
    assert read("gzip", [gzip.compress(b"", mtime=0) * 50_000 + gzip.compress(b"x")]) == (b"x", None, None)


def test_what_follows_a_gzip_member_must_be_one() -> None:
    data = gzip.compress(b"one") + b"junk"
    fault = "the gzip body is broken: Error -3 while decompressing data: incorrect header check"
    assert read("gzip", [data]) == (b"one", fault, fault)
    assert read("gzip", every_byte(data)) == (b"one", fault, fault)


def test_nothing_follows_a_deflate_body() -> None:
    fault = "bytes follow the end of the deflate body"
    assert read("deflate", [zlib.compress(b"one") + b"\0"]) == (b"one", fault, fault)
    assert read("deflate", [zlib.compress(b"one"), b"\0"]) == (b"one", fault, fault)


def test_a_body_that_never_began_is_whole() -> None:
    assert read("gzip", []) == (b"", None, None)
    assert read("gzip", [b""]) == (b"", None, None)


def test_a_body_cut_short_is_truncated() -> None:
    data = gzip.compress(b"hello")
    decoder = decoder_of("gzip")
    assert decoder.decode(data[:-1]) == b"hello"
    with pytest.raises(RemoteProtocolError, match="the gzip body stops before its end") as caught:
        decoder.end()
    assert caught.value.failure is not None
    assert (caught.value.failure.kind, caught.value.failure.retryable) == ("truncated", True)


def test_what_stands_before_a_fault_is_handed_over_and_the_next_call_raises() -> None:
    data = bytearray(gzip.compress(b"hello"))
    data[-8] ^= 1  # the checksum
    decoder = decoder_of("gzip")
    assert decoder.decode(bytes(data)) == b"hello"
    assert decoder.fault == "the gzip body is broken: Error -3 while decompressing data: incorrect data check"
    with pytest.raises(RemoteProtocolError, match="incorrect data check"):
        decoder.decode(b"x")
    with pytest.raises(RemoteProtocolError, match="incorrect data check"):
        decoder.end()


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < 10_000
    fault = "the gzip body decodes to over 5000 bytes"
    assert read("gzip", [bomb], max_output=5000) == (bytes(5000), fault, fault)
    assert read("gzip", every_byte(bomb), max_output=5000) == (bytes(5000), fault, fault)


def test_a_body_of_just_the_limit_passes() -> None:
    assert read("gzip", [gzip.compress(b"12345")], max_output=5) == (b"12345", None, None)
    two = gzip.compress(b"123") + gzip.compress(b"456")
    assert read("gzip", [two], max_output=5)[:2] == (b"12345", "the gzip body decodes to over 5 bytes")


@pytest.mark.parametrize("coding", ["compress", "aws-chunked", "x" * 100])
def test_an_unknown_coding_is_named(coding: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^unknown content coding '{coding[:40]}'$"):
        content_decoder([("content-encoding", coding)])


def test_one_coding_upon_another_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="^the body is coded more than once: deflate, gzip$"):
        content_decoder([("content-encoding", "deflate"), ("Content-Encoding", "gzip")])


def test_a_decoder_copies_between_any_two_calls() -> None:
    data = gzip.compress(b"hello hello hello")
    for at in range(len(data)):
        decoder = decoder_of("gzip")
        out = decoder.decode(data[:at])
        twin = copy.deepcopy(decoder)
        assert out + twin.decode(data[at:]) == b"hello hello hello"
        assert out + decoder.decode(data[at:]) == b"hello hello hello"


@given(
    text=st.binary(max_size=300) | st.just(b"data: {}\n\n" * 40),
    pack=st.sampled_from([("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]),
    change=st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)),
    cuts=st.lists(st.integers(0, 400), max_size=5),
    limit=st.sampled_from([10, 100, 1 << 20]),
)
def test_cuts_do_not_matter_for_garbage_too(
    text: bytes, pack: tuple[str, Any], change: tuple[int, bytes, int], cuts: list[int], limit: int
) -> None:
    coding, compress = pack
    at, new, gone = change
    data = compress(text)
    data = data[:at] + new + data[at + gone :]
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert read(coding, pieces, max_output=limit) == read(coding, [data], max_output=limit)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_give_bytes_or_a_fault(data: bytes, coding: str) -> None:
    out, fault, said = read(coding, [data], max_output=1000)
    assert len(out) <= 1000
    assert fault is None or said == fault


# --- codings whose packages may be missing ---------------------------------------------------------------------------


def test_a_coding_without_its_package_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(RemoteProtocolError, match="^content coding 'zstd' needs the package zstandard$"):
        content_decoder([("content-encoding", "zstd")])


def test_a_brotli_that_cannot_bound_its_output_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", types.SimpleNamespace(Decompressor=type("Decompressor", (), {})))
    with pytest.raises(RemoteProtocolError, match="^content coding 'br' needs the package brotli"):
        content_decoder([("content-encoding", "br")])


class FakeBrotli:
    """brotli 1.2's surface, the bytes inside being zlib's. Like the original it fails on what follows the end."""

    error = type("error", (Exception,), {})

    class Decompressor:
        def __init__(self) -> None:
            self.zlib = zlib.decompressobj()

        def can_accept_more_data(self) -> bool:
            return not self.zlib.unconsumed_tail

        def is_finished(self) -> bool:
            return self.zlib.eof

        def process(self, data: bytes, output_buffer_limit: int) -> bytes:
            try:
                out = self.zlib.decompress(data, output_buffer_limit)
            except zlib.error as error:
                raise FakeBrotli.error("brotli: decoder failed") from error
            if self.zlib.unused_data:
                raise FakeBrotli.error("brotli: decoder failed")
            return out


class FakeZstandard:
    """zstandard's surface, the bytes inside being zlib's."""

    ZstdError = type("ZstdError", (Exception,), {})

    class Object:
        def __init__(self) -> None:
            self.zlib = zlib.decompressobj()

        @property
        def eof(self) -> bool:
            return self.zlib.eof

        @property
        def unused_data(self) -> bytes:
            return self.zlib.unused_data

        def decompress(self, data: bytes) -> bytes:
            assert len(data) <= 1024
            try:
                return self.zlib.decompress(data)
            except zlib.error as error:
                raise FakeZstandard.ZstdError(str(error)) from error

    class ZstdDecompressor:
        def __init__(self, max_window_size: int) -> None:
            assert max_window_size == 8 * 1024 * 1024  # RFC 9659

        def decompressobj(self) -> FakeZstandard.Object:
            return FakeZstandard.Object()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", FakeBrotli)
    monkeypatch.setitem(sys.modules, "zstandard", FakeZstandard)


INCOMPRESSIBLE = b"".join(zlib.crc32(bytes((n & 255, n >> 8))).to_bytes(4, "big") for n in range(1500))


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_an_optional_coding_goes_through_its_package(coding: str) -> None:
    for text in (b"", b"hello", INCOMPRESSIBLE):
        data = zlib.compress(text)
        assert read(coding, [data]) == (text, None, None)
        assert read(coding, every_byte(data)) == (text, None, None)
    assert read(coding, [zlib.compress(b"hello")[:-1]])[2] == f"the {coding} body stops before its end"


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_an_optional_coding_is_bounded(coding: str) -> None:
    fault = f"the {coding} body decodes to over 3000 bytes"
    assert read(coding, [zlib.compress(INCOMPRESSIBLE)], max_output=3000) == (INCOMPRESSIBLE[:3000], fault, fault)


@pytest.mark.usefixtures("fakes")
def test_a_package_that_fails_is_a_fault() -> None:
    assert read("br", [b"junk"])[:2] == (b"", "the br body is broken: brotli: decoder failed")
    out, fault, _ = read("zstd", [zlib.compress(INCOMPRESSIBLE)[:3000] + bytes(5000)])
    assert INCOMPRESSIBLE.startswith(out[:2000])
    assert fault is not None
    assert fault.startswith("the zstd body is broken: ")


@pytest.mark.usefixtures("fakes")
def test_zstandard_frames_follow_each_other_and_brotli_has_but_one() -> None:
    one, two = zlib.compress(b"one "), zlib.compress(INCOMPRESSIBLE)
    assert read("zstd", [one + two]) == (b"one " + INCOMPRESSIBLE, None, None)
    assert read("zstd", [two + one]) == (INCOMPRESSIBLE + b"one ", None, None)
    fault = "bytes follow the end of the br body"
    assert read("br", [one, b"x"]) == (b"one ", fault, fault)


def test_the_real_brotli() -> None:
    brotli = pytest.importorskip("brotli", reason="brotli is not installed")
    data = brotli.compress(b"hello hello hello")
    assert read("br", [data]) == read("br", every_byte(data)) == (b"hello hello hello", None, None)
    assert read("br", [brotli.compress(bytes(10_000_000))], max_output=5000)[0] == bytes(5000)
    assert read("br", [b"\xff" * 9])[1] is not None
    assert read("br", [data, b"x"])[1] == "bytes follow the end of the br body"


def test_the_real_zstandard() -> None:
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    data = zstandard.compress(b"hello ") + zstandard.compress(b"again")
    assert read("zstd", [data]) == read("zstd", every_byte(data)) == (b"hello again", None, None)
    assert read("zstd", [zstandard.compress(bytes(10_000_000))], max_output=5000)[0] == bytes(5000)
    assert read("zstd", [b"\xff" * 9])[1] is not None
    assert read("zstd", [data[:-1]])[2] == "the zstd body stops before its end"


def test_the_default_limit_is_what_the_docstring_says() -> None:
    assert http.MAX_OUTPUT == 256 * 1024 * 1024
    assert decoder_of("gzip").max_output == http.MAX_OUTPUT
