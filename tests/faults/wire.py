"""HTTP/1.1 by hand: responses as bytes, rightly framed or not."""

from __future__ import annotations

from typing import Any

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
LAST = b"0\r\n\r\n"


def head(content_type: str | None = SSE, status: int = 200, more: str = "Transfer-Encoding: chunked") -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} So", *([f"Content-Type: {content_type}"] if content_type else []), more]
    return "".join(f"{line}\r\n" for line in lines if line).encode() + b"\r\n"


def chunk(*pieces: bytes) -> bytes:
    """Each piece as a chunk."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def respond(*pieces: bytes, **how: Any) -> bytes:
    """A whole response, its body in chunks."""
    return head(**how) + chunk(*(piece for piece in pieces if piece)) + LAST


def sized(body: bytes, length: int, content_type: str = SSE) -> bytes:
    """A response that says how long its body is, rightly or not."""
    return head(content_type, more=f"Content-Length: {length}") + body
