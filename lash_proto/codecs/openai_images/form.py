"""A body of fields and files (`multipart/form-data`, RFC 7578), the same bytes for the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from ...values import clean, dump_json


@frozen(weakref_slot=False)
class File:
    """A file in a form, under the name of its field."""

    name: str
    filename: str
    media_type: str
    data: bytes


def form(fields: Mapping[str, Any], files: Iterable[File]) -> tuple[str, bytes]:
    """The media type with its boundary, and the body. The boundary is made from what it must not occur in."""
    parts = [_part(f'name="{_quoted(name)}"', _text(value).encode()) for name, value in fields.items()]
    for file in files:
        disposition = f'name="{file.name}"; filename="{file.filename}"\r\nContent-Type: {file.media_type}'
        parts.append(_part(disposition, file.data))
    boundary = "lash-" + hashlib.sha256(b"".join(parts)).hexdigest()[:32]
    line = b"--" + boundary.encode()
    body = b"".join([line + b"\r\n" + part + b"\r\n" for part in parts]) + line + b"--\r\n"
    return f"multipart/form-data; boundary={boundary}", body


def _part(disposition: str, data: bytes) -> bytes:
    return clean(f"Content-Disposition: form-data; {disposition}\r\n\r\n").encode() + data


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else dump_json(value)


def _quoted(name: str) -> str:
    # As browsers do it, so that no name ends its line (WHATWG HTML, multipart/form-data).
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
