"""What a user of Google's SDK sees of a fault."""

from __future__ import annotations

import json
from typing import Any

from google import genai
from google.genai import errors, types
from watch import TIMEOUT, main


def stream(url: str, seen: dict[str, Any]) -> None:
    http = types.HttpOptions(base_url=url, timeout=int(1000 * TIMEOUT))
    client = genai.Client(api_key="peer", http_options=http)
    for chunk in client.models.generate_content_stream(model="m", contents="?"):
        for candidate in chunk.candidates or ():
            if candidate.finish_reason is not None:
                seen["stop"] = candidate.finish_reason.value
            for part in (candidate.content.parts or ()) if candidate.content is not None else ():
                seen["text"] += part.text or ""
                if part.function_call is not None:
                    seen["calls"].append([part.function_call.name, json.dumps(part.function_call.args)])


main({"stream": stream}, (errors.APIError, errors.UnknownApiResponseError))
