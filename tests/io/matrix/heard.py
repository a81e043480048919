"""What a provider hears in a request's body, told in one way for all dialects: read by hand, with nothing of lash's.

`heard` gives what is said to the model, in the order of the wire, as tuples of who and what:

    ("system" | "user" | "model" | "tool", "text", text)
    ("user" | "tool", "image", bytes)
    ("model", "thought", text)
    ("model", "call", id, name, arguments)
    ("tool", "result", id, text), before the pictures that stand inside the result
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from lash_proto.faux import FauxCall

Said = tuple[Any, ...]


def heard(call: FauxCall) -> list[Said]:
    """What the model is told."""
    return list(_READERS[call.api](call.body))


def misplaced(said: list[Said]) -> list[Said]:
    """Calls without a result right behind them and results without a call right before them: no provider takes these.

    Gemini may leave ids out, and then counts.
    """
    wrong: list[Said] = []
    open_calls: list[Said] = []
    for each in said:
        if each[:2] == ("model", "call"):
            open_calls.append(each)
        elif each[:2] == ("tool", "result"):
            call = next((call for call in open_calls if call[2] == each[2]), None)
            if call is None:
                wrong.append(each)
            else:
                open_calls.remove(call)
        elif each[0] != "tool" and open_calls:
            wrong += open_calls
            open_calls = []
    return wrong + open_calls


def tools(call: FauxCall) -> dict[str, Any]:
    """The schemas of the tools that the model is told of, by name."""
    body: Any = call.body
    if call.api == "anthropic-messages":
        return {tool["name"]: tool["input_schema"] for tool in body["tools"]}
    if call.api == "openai-completions":
        return {tool["function"]["name"]: tool["function"]["parameters"] for tool in body["tools"]}
    if call.api == "openai-responses":
        return {tool["name"]: tool["parameters"] for tool in body["tools"]}
    declared = _request(body)["tools"][0]["functionDeclarations"]
    return {tool["name"]: tool["parametersJsonSchema"] for tool in declared}


def _request(body: Any) -> Any:
    """A Gemini request, out of Code Assist's envelope where it is in one."""
    return body.get("request", body)


def _data(url: str) -> bytes:
    assert url.startswith("data:image/")
    return base64.b64decode(url.partition(";base64,")[2], validate=True)


def _anthropic(body: Any) -> Iterator[Said]:
    for block in body.get("system", ()):
        yield "system", "text", block["text"]
    for message in body["messages"]:
        who = {"user": "user", "assistant": "model"}[message["role"]]
        for block in message["content"]:
            yield from _anthropic_block(who, block)


def _anthropic_block(who: str, block: Any) -> Iterator[Said]:
    kind = block["type"]
    if kind == "text":
        yield who, "text", block["text"]
    elif kind == "image":
        yield who, "image", base64.b64decode(block["source"]["data"], validate=True)
    elif kind == "thinking":
        assert block["signature"]
        yield who, "thought", block["thinking"]
    elif kind == "tool_use":
        yield who, "call", block["id"], block["name"], block["input"]
    else:
        assert kind == "tool_result"
        content = block.get("content", "")
        inside = [{"type": "text", "text": content}] if isinstance(content, str) else content
        yield "tool", "result", block["tool_use_id"], "".join(each.get("text", "") for each in inside)
        for each in inside:
            if each["type"] != "text":
                yield from _anthropic_block("tool", each)


def _completions(body: Any) -> Iterator[Said]:
    for message in body["messages"]:
        role, content = message["role"], message["content"]
        listed: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        who = {"system": "system", "user": "user", "assistant": "model", "tool": "tool"}[role]
        if who == "tool":
            yield "tool", "result", message["tool_call_id"], "".join(each["text"] for each in listed)
            continue
        for name in ("reasoning_content", "reasoning", "reasoning_text"):
            if message.get(name):
                yield who, "thought", message[name]
        if message.get("reasoning_details"):
            yield who, "thought", "".join(each["text"] for each in message["reasoning_details"])
        for each in listed:
            if each["type"] == "image_url":
                yield who, "image", _data(each["image_url"]["url"])
            elif each["type"] == "thinking":
                yield who, "thought", "".join(piece["text"] for piece in each["thinking"])
            elif each["text"]:
                yield who, "text", each["text"]
        for call in message.get("tool_calls", ()):
            yield who, "call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def _responses(body: Any) -> Iterator[Said]:
    if body.get("instructions"):
        yield "system", "text", body["instructions"]
    for item in body["input"]:
        kind = item.get("type", "message")
        if kind == "message":
            who = {"user": "user", "assistant": "model"}[item["role"]]
            content = item["content"]
            for each in [{"type": "input_text", "text": content}] if isinstance(content, str) else content:
                yield (who, "image", _data(each["image_url"])) if "image_url" in each else (who, "text", each["text"])
        elif kind == "reasoning":
            assert item["encrypted_content"]
            yield "model", "thought", "".join(each["text"] for each in item["summary"])
        elif kind == "function_call":
            yield "model", "call", item["call_id"], item["name"], json.loads(item["arguments"])
        else:
            assert kind == "function_call_output"
            output = item["output"]
            inside = [{"text": output}] if isinstance(output, str) else output
            yield "tool", "result", item["call_id"], "".join(each.get("text", "") for each in inside)
            for each in inside:
                if "image_url" in each:
                    yield "tool", "image", _data(each["image_url"])


def _google(body: Any) -> Iterator[Said]:
    request = _request(body)
    for part in request.get("systemInstruction", {}).get("parts", ()):
        yield "system", "text", part["text"]
    for content in request["contents"]:
        who = {"user": "user", "model": "model"}[content["role"]]
        for part in content["parts"]:
            if "functionCall" in part:
                call = part["functionCall"]
                yield who, "call", call.get("id"), call["name"], call["args"]
            elif "functionResponse" in part:
                said = part["functionResponse"]
                text = said["response"].get("output", said["response"].get("error"))
                yield "tool", "result", said.get("id"), text
                for each in said.get("parts", ()):
                    yield "tool", "image", base64.b64decode(each["inlineData"]["data"], validate=True)
            elif "inlineData" in part:
                yield who, "image", base64.b64decode(part["inlineData"]["data"], validate=True)
            else:
                yield who, "thought" if part.get("thought") else "text", part["text"]


_READERS = {
    "anthropic-messages": _anthropic,
    "openai-completions": _completions,
    "openai-responses": _responses,
    "openrouter-images": _completions,
    "google-generative-ai": _google,
    "google-code-assist": _google,
}
