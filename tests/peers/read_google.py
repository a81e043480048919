"""What google-genai reads from the server it is aimed at. Runs where that SDK is, and knows nothing of lash.

On stdin: {"url", "jobs": [[mode, model], ...]}; on stdout a list of what was seen, in the words of scenarios.py.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

from google import genai
from google.genai import errors, types
from pydantic import BaseModel


class Weather(BaseModel):
    """The shape of the structured answer."""

    city: str
    celsius: float
    sky: str


def main() -> None:
    asked = json.load(sys.stdin)
    json.dump([read(asked["url"], mode, model) for mode, model in asked["jobs"]], sys.stdout)


def read(url: str, mode: str, model: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"error": None, "text": "", "reasoning": "", "refusal": "", "calls": [], "citations": []}
    seen |= {"blocks": [], "seals": [], "usage": None, "misfits": []}  # this SDK refuses what does not fit its types
    kind, version = mode.split()
    try:
        MODES[kind](client(url, version), model, seen)
    except Exception as error:
        seen["error"] = told(error)
    return seen


def client(url: str, version: str) -> genai.Client:
    # Without a version the SDK takes its own default, which went from v1beta to v1 with 3.3.
    options = types.HttpOptions(base_url=url, timeout=20_000, api_version=None if version == "default" else version)
    return genai.Client(api_key="peer", http_options=options)


def told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, errors.APIError):
        return {"class": type(error).__name__, "message": str(error)}
    said = {"class": type(error).__name__, "word": error.status, "message": error.message, "status": error.code}
    details = error.details.get("error", {}).get("details", ())
    if waits := [detail["retryDelay"] for detail in details if "retryDelay" in detail]:
        said["retry_after"] = waits[0]
    return said


def config(model: str) -> Any:
    if model != "structured":
        return None
    return types.GenerateContentConfig(response_mime_type="application/json", response_schema=Weather)


def whole(client: genai.Client, model: str, seen: dict[str, Any]) -> None:
    response = client.models.generate_content(model=model, contents="?", config=config(model))
    take(response, seen)
    if model == "structured":
        seen["parsed"] = response.parsed.model_dump()


def stream(client: genai.Client, model: str, seen: dict[str, Any]) -> None:
    for chunk in client.models.generate_content_stream(model=model, contents="?", config=config(model)):
        take(chunk, seen)


def aio(client: genai.Client, model: str, seen: dict[str, Any]) -> None:
    async def run() -> None:
        async for chunk in await client.aio.models.generate_content_stream(model=model, contents="?"):
            take(chunk, seen)
        await client.aio.aclose()

    asyncio.run(run())


def take(chunk: Any, seen: dict[str, Any]) -> None:
    seen |= {"id": chunk.response_id, "model": chunk.model_version}
    if chunk.usage_metadata is not None:
        seen["usage"] = usage(chunk.usage_metadata)
    if chunk.prompt_feedback is not None:
        seen["stop"] = chunk.prompt_feedback.block_reason.value
    for candidate in chunk.candidates or ():
        if candidate.finish_reason is not None:
            seen["stop"] = candidate.finish_reason.value
        for part in (candidate.content.parts or ()) if candidate.content is not None else ():
            take_part(part, seen)


def take_part(part: Any, seen: dict[str, Any]) -> None:
    if part.thought_signature is not None:
        seen["seals"].append(base64.b64encode(part.thought_signature).decode())
    if part.function_call is not None:
        call = part.function_call
        seen["calls"].append([call.id, call.name, call.args])
        seen["blocks"].append("function_call")
    elif part.text is not None:
        seen["reasoning" if part.thought else "text"] += part.text
        kind = "thought" if part.thought else "text"
        if part.text and seen["blocks"][-1:] != [kind]:
            seen["blocks"].append(kind)
    else:
        (kind,) = part.model_dump(exclude_none=True)
        seen["blocks"].append(kind)


def usage(counts: Any) -> dict[str, int]:
    read, thoughts = counts.cached_content_token_count or 0, counts.thoughts_token_count or 0
    return {
        "input": counts.prompt_token_count - read,
        "cache_read": read,
        "cache_write": 0,
        "output": (counts.candidates_token_count or 0) + thoughts,
        "reasoning": thoughts,
    }


MODES = {"whole": whole, "stream": stream, "aio": aio}

if __name__ == "__main__":
    main()
