"""What Anthropic's SDK reads from the server it is aimed at. Runs where that SDK is, and knows nothing of lash.

On stdin: {"url", "jobs": [[mode, model], ...]}; on stdout a list of what was seen, in the words of scenarios.py.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from anthropic import Anthropic, APIStatusError
from pydantic import BaseModel, ValidationError


class Weather(BaseModel):
    """The shape of the structured answer."""

    city: str
    celsius: float
    sky: str


def main() -> None:
    asked = json.load(sys.stdin)
    client = Anthropic(api_key="peer", base_url=asked["url"], max_retries=0, timeout=20)
    json.dump([read(client, mode, model) for mode, model in asked["jobs"]], sys.stdout)


def read(client: Anthropic, mode: str, model: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"error": None, "text": "", "reasoning": "", "refusal": "", "calls": [], "citations": []}
    seen["misfits"] = []
    try:
        MODES[mode](client, model, seen)
    except Exception as error:
        seen["error"] = told(error)
    return seen


def told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, APIStatusError):
        return {"class": type(error).__name__, "message": str(error)}
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", {})
    said = {"class": type(error).__name__, "word": inner.get("type"), "message": inner.get("message", str(error))}
    said["status"] = error.status_code
    if "retry-after" in error.response.headers:
        said["retry_after"] = error.response.headers["retry-after"]
    return said


def hold(value: Any, seen: dict[str, Any]) -> None:
    """Hold what came against the SDK's own types, which it does not do itself when it reads."""
    try:
        type(value).model_validate(value.to_dict(warnings=False))
    except ValidationError as error:
        seen["misfits"] += [f"{type(value).__name__}.{'.'.join(map(str, each['loc']))}" for each in error.errors()]


def ask(model: str) -> dict[str, Any]:
    return {"model": model, "max_tokens": 4096, "messages": [{"role": "user", "content": "?"}]}


def whole(client: Anthropic, model: str, seen: dict[str, Any]) -> None:
    message = client.messages.create(**ask(model))
    hold(message, seen)
    take_message(message, seen)


def parse(client: Anthropic, model: str, seen: dict[str, Any]) -> None:
    message = client.messages.parse(**ask(model), output_format=Weather)
    take_message(message, seen)
    seen["parsed"] = message.parsed_output.model_dump()


def helper(client: Anthropic, model: str, seen: dict[str, Any]) -> None:
    more = {"output_format": Weather} if model == "structured" else {}
    with client.messages.stream(**ask(model), **more) as stream:
        try:
            for event in stream:
                if event.type == "text":
                    seen["text"] += event.text
                elif event.type == "thinking":
                    seen["reasoning"] += event.thinking
            if more:
                seen["parsed"] = stream.get_final_message().parsed_output.model_dump()
        finally:
            deltas = {key: seen[key] for key in ("text", "reasoning")}
            take_message(stream.current_message_snapshot, seen)
            final = {key: seen[key] for key in deltas}
            assert deltas == final, f"the deltas say {deltas}, the message {final}"


def beta_helper(client: Anthropic, model: str, seen: dict[str, Any]) -> None:
    with client.beta.messages.stream(**ask(model)) as stream:
        try:
            stream.until_done()
        finally:
            take_message(stream.current_message_snapshot, seen)


def take_message(message: Any, seen: dict[str, Any]) -> None:
    blocks = message.content
    seen |= {"id": message.id, "model": message.model, "stop": message.stop_reason}
    seen["blocks"] = [block.type for block in blocks]
    texts = [block for block in blocks if block.type == "text"]
    seen["text"] = "".join(block.text for block in texts)
    seen["citations"] = [citation.url for block in texts for citation in block.citations or ()]
    thoughts = [block for block in blocks if block.type == "thinking"]
    seen["reasoning"] = "".join(block.thinking for block in thoughts)
    seen["seals"] = [block.signature for block in thoughts]
    seen["calls"] = [[block.id, block.name, block.input] for block in blocks if block.type == "tool_use"]
    seen["refusal"] = (message.stop_details.explanation or "") if message.stop_details else ""
    seen["usage"] = usage(message.usage)


def usage(counts: Any) -> dict[str, int] | None:
    details = counts.output_tokens_details
    return {
        "input": counts.input_tokens,
        "cache_read": counts.cache_read_input_tokens,
        "cache_write": counts.cache_creation_input_tokens,
        "output": counts.output_tokens,
        "reasoning": details.thinking_tokens if details is not None else 0,
    }


def create(client: Anthropic, model: str, seen: dict[str, Any]) -> None:
    blocks: list[Any] = []
    partial: dict[int, str] = {}
    seen |= {"blocks": [], "seals": []}
    for event in client.messages.create(**ask(model), stream=True):
        hold(event, seen)
        if event.type == "message_start":
            seen |= {"id": event.message.id, "model": event.message.model}
        elif event.type == "content_block_start":
            assert event.index == len(blocks)
            blocks.append(event.content_block)
            seen["blocks"].append(event.content_block.type)
        elif event.type == "content_block_delta":
            take_delta(event.delta, event.index, partial, seen)
        elif event.type == "content_block_stop":
            block = blocks[event.index]
            if block.type == "tool_use":
                seen["calls"].append([block.id, block.name, json.loads(partial.get(event.index) or "{}")])
        elif event.type == "message_delta":
            details = event.delta.stop_details
            seen |= {"stop": event.delta.stop_reason, "usage": usage(event.usage)}
            seen["refusal"] = (details.explanation or "") if details else ""


def take_delta(delta: Any, index: int, partial: dict[int, str], seen: dict[str, Any]) -> None:
    if delta.type == "text_delta":
        seen["text"] += delta.text
    elif delta.type == "thinking_delta":
        seen["reasoning"] += delta.thinking
    elif delta.type == "signature_delta":
        seen["seals"].append(delta.signature)
    elif delta.type == "input_json_delta":
        partial[index] = partial.get(index, "") + delta.partial_json
    elif delta.type == "citations_delta":
        seen["citations"].append(delta.citation.url)


MODES = {
    "messages whole": whole,
    "messages parse": parse,
    "messages create": create,
    "messages .stream()": helper,
    "beta .stream()": beta_helper,
}

if __name__ == "__main__":
    main()
