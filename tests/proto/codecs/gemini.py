"""What Gemini's tests have in common: its objects, and ways to have them decoded."""

from __future__ import annotations

import json
from typing import Any

from lash_proto.codecs import CODECS
from lash_proto.codecs.google import GoogleDecoder
from lash_proto.messages import Origin
from lash_proto.replies import LlmResponse, StreamEvent

GEMINI = Origin(None, "google-generative-ai", None)
SIGNATURE = "RXBFR0NvNEdB"

GROUNDING = {"webSearchQueries": ["q"]}
UNAVAILABLE = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}

BEGINNING = {"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": SIGNATURE}


def candidate(*parts: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    said = {"content": {"role": "model", "parts": list(parts)}, **more}
    return {"candidates": [said if finish is None else {**said, "finishReason": finish}]}


def decoder(
    status: int = 200, content_type: str = "text/event-stream", api: str = "google-generative-ai"
) -> GoogleDecoder:
    made = CODECS[api].decoder(status=status, headers=[("content-type", content_type)])
    assert isinstance(made, GoogleDecoder)
    return made


def sse(*objects: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in objects)


def events(*objects: Any) -> list[StreamEvent]:
    ours = decoder()
    return ours.receive(sse(*objects)) + ours.end()


def streamed(*objects: Any, api: str = "google-generative-ai") -> LlmResponse:
    ours = decoder(api=api)
    ours.receive(sse(*objects))
    return ours.finish()


def whole(body: Any, api: str = "google-generative-ai") -> LlmResponse:
    ours = decoder(content_type="application/json", api=api)
    ours.receive(json.dumps(body).encode())
    return ours.finish()


def piece(path: str, more: bool = False, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path, **value, **({"willContinue": True} if more else {})}


def going_on(*pieces: dict[str, Any]) -> dict[str, Any]:
    return {"functionCall": {"partialArgs": list(pieces), "willContinue": True}}
