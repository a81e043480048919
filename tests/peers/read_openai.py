"""What OpenAI's SDK reads from the server it is aimed at. Runs where that SDK is, and knows nothing of lash.

On stdin: {"url", "jobs": [[mode, model], ...]}; on stdout a list of what was seen, in the words of scenarios.py.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai import APIError, OpenAI
from pydantic import BaseModel, ValidationError


class Weather(BaseModel):
    """The shape of the structured answer."""

    city: str
    celsius: float
    sky: str


def main() -> None:
    asked = json.load(sys.stdin)
    client = OpenAI(api_key="peer", base_url=f"{asked['url']}/v1", max_retries=0, timeout=20)
    codex = client.with_options(base_url=f"{asked['url']}/backend-api/codex")
    seen = [read(codex if mode == "codex create" else client, mode, model) for mode, model in asked["jobs"]]
    json.dump(seen, sys.stdout)


def read(client: OpenAI, mode: str, model: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"error": None, "text": "", "reasoning": "", "refusal": "", "calls": [], "citations": []}
    seen["misfits"] = []
    try:
        MODES[mode](client, model, seen)
    except Exception as error:
        seen["error"] = told(error)
    return seen


def told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, APIError):
        # What follows the dash is the SDK's own usage object, printed.
        return {"class": type(error).__name__, "message": str(error).partition(" - ")[0]}
    body = error.body if isinstance(error.body, dict) else {}
    said = {"class": type(error).__name__, "word": error.type, "message": body.get("message", error.message)}
    said["status"] = getattr(error, "status_code", None)
    response = getattr(error, "response", None)
    if response is not None and "retry-after" in response.headers:
        said["retry_after"] = response.headers["retry-after"]
    return said


def hold(value: Any, seen: dict[str, Any]) -> None:
    """Hold what came against the SDK's own types, which it does not do itself when it reads."""
    try:
        type(value).model_validate(value.to_dict(warnings=False))
    except ValidationError as error:
        seen["misfits"] += [f"{type(value).__name__}.{'.'.join(map(str, each['loc']))}" for each in error.errors()]


def parsed_arguments(text: str) -> Any:
    return json.loads(text) if text else {}


# --- Chat Completions ------------------------------------------------------------------------------------------------


def chat(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "?"}]}


def chat_whole(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    completion = client.chat.completions.create(**chat(model))
    hold(completion, seen)
    take_completion(completion, seen)


def chat_parse(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    completion = client.chat.completions.parse(**chat(model), response_format=Weather)
    take_completion(completion, seen)
    seen["parsed"] = completion.choices[0].message.parsed.model_dump()


def chat_helper(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    more = {"response_format": Weather} if model == "structured" else {}
    texts: list[str] = []
    with client.chat.completions.stream(**chat(model), **more, stream_options={"include_usage": True}) as stream:
        try:
            texts.extend(event.delta for event in stream if event.type == "content.delta")
            completion = stream.get_final_completion()
            if more:
                seen["parsed"] = completion.choices[0].message.parsed.model_dump()
        finally:
            take_completion(stream.current_completion_snapshot, seen)
            assert seen["text"] == "".join(texts), f"the deltas say {texts}, the completion {seen['text']!r}"


def take_completion(completion: Any, seen: dict[str, Any]) -> None:
    choice = completion.choices[0]
    message = choice.message
    seen |= {"id": completion.id, "model": completion.model, "stop": choice.finish_reason}
    seen |= {"text": message.content or "", "refusal": message.refusal or ""}
    seen["reasoning"] = getattr(message, "reasoning_content", "")
    seen["citations"] = [annotation.url_citation.url for annotation in message.annotations or ()]
    seen["calls"] = [whole_call(call) for call in message.tool_calls or ()]
    seen["usage"] = chat_usage(completion.usage)


def whole_call(call: Any) -> list[Any]:
    if call.type != "custom":
        return [call.id, call.function.name, parsed_arguments(call.function.arguments)]
    custom = (
        call.custom if isinstance(call.custom, dict) else call.custom.model_dump()
    )  # `.stream()` has no type for it
    return [call.id, custom["name"], custom["input"]]


def chat_create(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    calls: dict[int, list[Any]] = {}
    seen["usage"] = None
    try:
        for chunk in client.chat.completions.create(**chat(model), stream=True, stream_options={"include_usage": True}):
            hold(chunk, seen)
            seen |= {"id": chunk.id, "model": chunk.model}
            if chunk.usage is not None:
                seen["usage"] = chat_usage(chunk.usage)
            for choice in chunk.choices:
                take_delta(choice.delta, calls, seen)
                if choice.finish_reason is not None:
                    seen["stop"] = choice.finish_reason
    finally:
        seen["calls"] = [call if custom else [*call[:2], parsed_arguments(call[2])] for custom, call in calls.values()]


def take_delta(delta: Any, calls: dict[int, list[Any]], seen: dict[str, Any]) -> None:
    seen["text"] += delta.content or ""
    seen["refusal"] += delta.refusal or ""
    seen["reasoning"] += getattr(delta, "reasoning_content", None) or ""
    seen["citations"] += [each["url_citation"]["url"] for each in getattr(delta, "annotations", None) or ()]
    for call in delta.tool_calls or ():
        # The SDK has no type for a custom call's deltas: they are plain JSON beside `function`, which is None.
        custom = getattr(call, "custom", None)
        _, entry = calls.setdefault(call.index, (custom is not None, ["", "", ""]))
        entry[0] += call.id or ""
        entry[1] += (custom.get("name") if custom is not None else call.function.name) or ""
        entry[2] += (custom.get("input") if custom is not None else call.function.arguments) or ""


def chat_usage(usage: Any) -> dict[str, int] | None:
    if usage is None:
        return None
    read, write = usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens_details.cache_write_tokens
    return {
        "input": usage.prompt_tokens - read - write,
        "cache_read": read,
        "cache_write": write,
        "output": usage.completion_tokens,
        "reasoning": usage.completion_tokens_details.reasoning_tokens,
    }


# --- Responses -------------------------------------------------------------------------------------------------------


def ask(model: str) -> dict[str, Any]:
    return {"model": model, "input": "?", "store": False, "include": ["reasoning.encrypted_content"]}


def responses_whole(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    response = client.responses.create(**ask(model))
    hold(response, seen)
    take_response(response, seen)


def responses_parse(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    response = client.responses.parse(**ask(model), text_format=Weather)
    take_response(response, seen)
    seen["parsed"] = response.output_parsed.model_dump()


def responses_helper(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    more = {"text_format": Weather} if model == "structured" else {}
    with client.responses.stream(**ask(model), **more) as stream:
        for event in stream:
            take_event(event, seen)
        take_response(stream.get_final_response(), seen)
        if more:
            seen["parsed"] = stream.get_final_response().output_parsed.model_dump()


def responses_create(client: OpenAI, model: str, seen: dict[str, Any]) -> None:
    sequence = 0
    for event in client.responses.create(**ask(model), stream=True):
        assert event.sequence_number == sequence, f"{event.type} is number {event.sequence_number}, not {sequence}"
        sequence += 1
        hold(event, seen)
        take_event(event, seen)


def take_event(event: Any, seen: dict[str, Any]) -> None:
    """Deltas as they come; the final response must then say the same."""
    if event.type in ("response.created", "response.in_progress"):
        seen |= {"id": event.response.id, "model": event.response.model, "blocks": [], "seals": []}
    elif event.type == "response.output_text.delta":
        seen["text"] += event.delta
    elif event.type == "response.refusal.delta":
        seen["refusal"] += event.delta
    elif event.type == "response.reasoning_summary_text.delta":
        seen["reasoning"] += event.delta
    elif event.type in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
        seen["calls"][-1][2] += event.delta
    elif event.type == "response.output_item.added":
        seen["blocks"].append(event.item.type)
        if event.item.type in ("function_call", "custom_tool_call"):
            seen["calls"].append([event.item.call_id, event.item.name, ""])
    elif event.type == "response.output_item.done":
        if event.item.type == "function_call":
            assert seen["calls"][-1][2] == event.item.arguments
            seen["calls"][-1][2] = parsed_arguments(event.item.arguments)
    elif event.type == "error":
        seen["error"] = {"class": "", "word": event.code, "message": event.message, "status": None}
    elif event.type in ("response.completed", "response.incomplete"):
        deltas = {key: seen[key] for key in ("text", "refusal", "reasoning", "calls", "blocks")}
        take_response(event.response, seen)
        final = {key: seen[key] for key in deltas}
        assert deltas == final, f"the deltas say {deltas}, the response {final}"
    elif event.type == "response.failed":
        seen["failed"] = [event.response.status, event.response.error.code, event.response.error.message]


def take_response(response: Any, seen: dict[str, Any]) -> None:
    details, items = response.incomplete_details, response.output
    seen |= {"id": response.id, "model": response.model, "stop": details.reason if details else response.status}
    seen |= {"text": response.output_text, "blocks": [item.type for item in items]}
    content = [part for item in items if item.type == "message" for part in item.content]
    seen["refusal"] = "".join(part.refusal for part in content if part.type == "refusal")
    texts = [part for part in content if part.type == "output_text"]
    seen["citations"] = [annotation.url for part in texts for annotation in part.annotations]
    thoughts = [item for item in items if item.type == "reasoning"]
    seen["reasoning"] = "".join(summary.text for item in thoughts for summary in item.summary)
    seen["seals"] = [item.encrypted_content for item in thoughts]
    seen["calls"] = [
        [item.call_id, item.name, item.input if item.type == "custom_tool_call" else parsed_arguments(item.arguments)]
        for item in items
        if item.type in ("function_call", "custom_tool_call")
    ]
    seen["usage"] = response_usage(response.usage)


def response_usage(usage: Any) -> dict[str, int] | None:
    if usage is None:
        return None
    read, write = usage.input_tokens_details.cached_tokens, usage.input_tokens_details.cache_write_tokens
    return {
        "input": usage.input_tokens - read - write,
        "cache_read": read,
        "cache_write": write,
        "output": usage.output_tokens,
        "reasoning": usage.output_tokens_details.reasoning_tokens,
    }


MODES = {
    "chat whole": chat_whole,
    "chat parse": chat_parse,
    "chat create": chat_create,
    "chat .stream()": chat_helper,
    "responses whole": responses_whole,
    "responses parse": responses_parse,
    "responses create": responses_create,
    "responses .stream()": responses_helper,
    "codex create": responses_create,
}

if __name__ == "__main__":
    main()
