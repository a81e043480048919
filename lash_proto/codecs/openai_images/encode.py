"""An ImageRequest as the JSON body of `/images/generations` (WIRE 6.1)."""

from __future__ import annotations

from typing import Final

from ...errors import UnsupportedRequest
from ...messages import ImageRequest, TextPart
from ...values import JsonDict

FORMATS: Final = ("png", "jpeg", "webp", "gif", "svg")
MAX_PROMPT: Final = 32_000
"""Characters."""
MAX_PICTURES: Final = 10


def generation(request: ImageRequest, model: str, *, stream: bool) -> JsonDict:
    """The body. `response_format` is never sent: GPT image models answer it with a 400 and always send base64."""
    body: JsonDict = {"model": model, "prompt": _prompt(request)}
    if request.n is not None:
        if not 1 <= request.n <= MAX_PICTURES:
            raise UnsupportedRequest(f"n {request.n}", f"one call makes 1 to {MAX_PICTURES} pictures")
        body["n"] = request.n
    if request.size is not None:
        body["size"] = request.size
    if request.quality is not None:
        body["quality"] = request.quality
    if request.format is not None:
        if request.format not in FORMATS:
            raise UnsupportedRequest(f"format {request.format!r}", "it is one of " + ", ".join(FORMATS))
        body["output_format"] = request.format
    if stream:
        body["stream"] = True
    return body


def _prompt(request: ImageRequest) -> str:
    if isinstance(request.prompt, str):
        prompt = request.prompt
    else:
        texts: list[str] = []
        for part in request.prompt:
            if not isinstance(part, TextPart):
                raise UnsupportedRequest(
                    f"{type(part).__name__} in a prompt", "generations take text; pictures to start from are edits"
                )
            texts.append(part.text)
        prompt = "\n".join(texts)
    if not prompt.strip():
        raise UnsupportedRequest("prompt", "it is empty")
    if len(prompt) > MAX_PROMPT:
        raise UnsupportedRequest(f"prompt of {len(prompt)} characters", f"at most {MAX_PROMPT} are allowed")
    return prompt
