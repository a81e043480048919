"""A form with files (RFC 7578) as a provider reads it: what a JSON body would say, so that a script can look at it."""

from __future__ import annotations

import re
from typing import Any

from ..values import JsonDict

_BOUNDARY = re.compile(r'multipart/form-data\s*;.*\bboundary="?([^";]+)', re.IGNORECASE)
_WORD = re.compile(r'(name|filename)="([^"]*)"')


def read_form(content_type: str, body: bytes) -> JsonDict | None:
    """The fields by name, None where the content is no form. A name that ends in `[]` is a list.

    A file reads as an object of its `filename`, its `content_type` and its size in `bytes`.
    """
    announced = _BOUNDARY.match(content_type)
    if announced is None:
        return None
    fields: JsonDict = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + announced[1].encode("latin-1"))[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = head.decode("utf-8", "replace")
        words = dict(_WORD.findall(headers))
        value: Any = data.decode("utf-8", "replace")
        if "filename" in words:
            kind = headers.lower().partition("content-type:")[2].strip()
            value = {"filename": words["filename"], "content_type": kind, "bytes": len(data)}
        name = words.get("name", "")
        if name.endswith("[]"):
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields
