"""Recorded responses on disk, in the format of the recordings: what RecordTransport writes and ReplayTransport reads.

    <name>/response.body    the body after content-decoding
    <name>/request.json     the request's body
    <name>/meta.json        api, provider, url_path, status, content_type, headers, streaming, complete

Secrets never reach the disk: of a request nothing but path and body is written, and of both what looks like a
credential, or was sent as one, is replaced by `***`. `complete` is false where the response broke off.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import field, frozen

from lash_proto.effects import CallHttp
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Connected, Failed, HeadReceived
from lash_proto.http import CREDENTIAL_HEADERS
from lash_proto.values import Secret, header, redact_text

from .flights import News

__all__ = ["Fixture", "Recording", "load"]

# Cookies are credentials, and the rest say whose account it was.
_PRIVATE = ("set-cookie", "cookie", "authorization", "proxy-", "x-api-key", "organization", "account", "user", "cf-ray")
_FRAMING = (
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
)  # not of the body kept
_KEYS = frozenset({"key", "api_key", "apikey", "api-key", "access_token", "token", "sig", "signature"})


@frozen
class Fixture:
    """One recorded response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    complete: bool = True
    name: str = ""

    @classmethod
    def read(cls, folder: Path) -> Fixture:
        """The fixture in a folder. Raises LocalProtocolError where there is none."""
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            body = (folder / "response.body").read_bytes()
            headers = {str(name).lower(): str(value) for name, value in (meta.get("headers") or {}).items()}
            if meta.get("content_type"):
                headers.setdefault("content-type", meta["content_type"])
            return cls(int(meta["status"]), tuple(headers.items()), body, meta.get("complete", True), folder.name)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LocalProtocolError(f"{folder.name} is no recorded response: {error!r}") from None

    def happenings(self, id: int, cuts: int | None) -> Iterator[News]:
        """What came, told again; `cuts` is how many bytes come at once, None for all."""
        yield Connected(id)
        yield HeadReceived(id, self.status, self.headers)
        step = cuts or len(self.body) or 1
        for at in range(0, len(self.body), step):
            yield BodyReceived(id, self.body[at : at + step])
        yield BodyEnded(id) if self.complete else Failed(id, "truncated", "the recorded response broke off here")


def load(source: str | Path | Fixture | Iterable[str | Path | Fixture]) -> list[Fixture]:
    """Fixtures, in order: of one folder, of a folder of such folders, or of each in a list."""
    if isinstance(source, Fixture):
        return [source]
    if isinstance(source, str | Path):
        folder = Path(source)
        if (folder / "meta.json").exists() or not folder.is_dir():
            return [Fixture.read(folder)]
        return [Fixture.read(each) for each in sorted(folder.iterdir()) if each.is_dir()]
    return [fixture for each in source for fixture in load(each)]


class Recorder:
    """Where recordings go: a folder each, named `0001`, `0002` and so on, after those that are there."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._lock = threading.Lock()
        self._number = 0

    def folder(self) -> Path:
        """A new folder."""
        with self._lock:
            self._directory.mkdir(parents=True, exist_ok=True)
            if not self._number:
                self._number = sum(1 for _ in self._directory.iterdir())
            while True:
                self._number += 1
                folder = self._directory / f"{self._number:04}"
                try:
                    folder.mkdir()
                    return folder
                except FileExistsError:
                    pass


class Recording:
    """One call as it is recorded: hears what happens, and writes it when that ends."""

    def __init__(self, call: CallHttp, recorder: Recorder) -> None:
        self._call = call
        self._recorder = recorder
        self._head: HeadReceived | None = None
        self._body: list[bytes] = []

    def hear(self, happening: News | None) -> None:
        """Take in one happening."""
        match happening:
            case HeadReceived():
                self._head = happening
            case BodyReceived(data=data):
                self._body.append(data)
            case BodyEnded():
                self.write(complete=True)
            case Failed():
                self.write(complete=False)
            case _:
                pass

    def write(self, *, complete: bool) -> None:
        """Write the folder, once, where a response had begun."""
        head, self._head = self._head, None
        if head is None:
            return
        kept = {
            name: self._hide(value)
            for name, value in head.headers
            if name not in _FRAMING and not any(private in name for private in _PRIVATE)
        }
        content_type = header(head.headers, "content-type")
        meta = {
            "api": None,
            "provider": urlsplit(self._call.url).hostname,
            "url_path": self._path(),
            "status": head.status,
            "content_type": content_type,
            "headers": kept,
            "streaming": bool(content_type and "event-stream" in content_type),
            "complete": complete,
        }
        folder = self._recorder.folder()
        (folder / "response.body").write_bytes(self._hide_bytes(b"".join(self._body)))
        (folder / "request.json").write_bytes(self._hide_bytes(self._call.body))
        (folder / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _path(self) -> str:
        parts = urlsplit(self._call.url)
        query = [
            (name, "***" if name.lower() in _KEYS else self._hide(value)) for name, value in parse_qsl(parts.query)
        ]
        return parts.path + (f"?{urlencode(query, safe='*')}" if query else "")

    def _hide(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return redact_text(text)

    def _hide_bytes(self, data: bytes) -> bytes:
        return self._hide(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _secrets(self) -> list[str]:
        """What was sent as a secret, by header or query, as it is and as a URL and JSON write it. The longest first.

        With and without its scheme: "Bearer x" and "x". A header that the caller set himself may be plain text.
        """
        texts = [
            value.reveal() if isinstance(value, Secret) else value
            for name, value in self._call.headers
            if isinstance(value, Secret) or name.lower() in CREDENTIAL_HEADERS
        ]
        words = {word for text in texts for word in (text, text.rpartition(" ")[2])}
        words |= {value for name, value in parse_qsl(urlsplit(self._call.url).query) if name.lower() in _KEYS}
        forms = {
            form for word in words if len(word) > 3 for form in (word, quote(word, safe=""), json.dumps(word)[1:-1])
        }
        return sorted(forms, key=len, reverse=True)
