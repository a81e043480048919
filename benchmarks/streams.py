"""Streams as the providers send them, written here: their envelopes, key order, white space and padding.

Anthropic pads its JSON with spaces before the last brace, OpenAI adds a random string under `obfuscation`, Gemini says
the usage in every chunk. All of that is work for a decoder, and for the floor it is compared with. The shapes are those
of the providers' own servers in 2026; reasoning over Chat Completions is DeepSeek's, because OpenAI sends none there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

KINDS = ("text", "reasoning", "tool")

_WORDS = (
    " about", " after", " begin", " could", " every", " first", " great", " house", " light", " might", " never",
    " order", " place", " quite", " right", " small", " there", " under", " value", " water", " would", " years",
    " the", " of", " a", " language", " because", ",", ".", "-hand", " (see", ")",
)  # fmt: skip


class Stream(NamedTuple):
    """One response: its events as bytes, the deltas in it, and what they add up to."""

    api: str
    kind: str
    events: list[bytes]
    deltas: int
    said: str

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.events)


def make(api: str, kind: str, deltas: int, *, pieces: list[str] | None = None) -> Stream:
    """A stream of one dialect with so many deltas of text, reasoning, or a tool call's arguments; or with these."""
    chance = random.Random(f"{api} {kind}")
    if pieces is None:
        pieces = list(_fragments(chance, deltas) if kind == "tool" else _pieces(chance, deltas))
    return Stream(api, kind, list(_DIALECTS[api](kind, pieces, chance)), len(pieces), "".join(pieces))


def _pieces(chance: random.Random, count: int) -> Iterator[str]:
    """Tokens: about six characters, now and then a new paragraph, a quote, or letters beyond ASCII."""
    for number in range(count):
        yield (
            "\n\n"
            if number % 40 == 39
            else ' "so"'
            if number % 60 == 59
            else (" naïve" if number % 80 == 79 else chance.choice(_WORDS))
        )


def _fragments(chance: random.Random, count: int) -> list[str]:
    """The arguments of a call that writes a file, cut into so many fragments."""
    text = json.dumps({"path": "notes/today.md", "content": "".join(_pieces(chance, count))}, ensure_ascii=False)
    size = len(text) // count
    return [text[size * i : size * (i + 1) if i < count - 1 else len(text)] for i in range(count)]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _noise(chance: random.Random, piece: str) -> str:
    # OpenAI fills each delta up to a multiple of 16 characters.
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=-len(piece) % 16))


# --- openai-completions ----------------------------------------------------------------------------------------------


def _completions(kind: str, pieces: list[str], chance: random.Random) -> Iterator[bytes]:
    openai: dict[str, Any] = {
        "id": "chatcmpl-C1KMEUDb1vVwsROQUCZTgG6A6vtWo",
        "object": "chat.completion.chunk",
        "created": 1754432618,
        "model": "gpt-5-2026-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_ff25b2783a",
    }
    deepseek: dict[str, Any] = {
        "id": "930c60df-bf64-41c9-a88e-3ec75f81e00e",
        "object": "chat.completion.chunk",
        "created": 1764661832,
        "model": "deepseek-reasoner",
        "system_fingerprint": "fp_eaab8d114b_prod0820_fp8_kvcache",
    }

    def chunk(delta: dict[str, Any], finish: str | None = None, piece: str = "") -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        if kind == "reasoning":
            return f"data: {_json({**deepseek, 'choices': [choice], 'usage': None})}\n\n".encode()
        noise = _noise(chance, piece)
        return f"data: {_json({**openai, 'choices': [choice], 'usage': None, 'obfuscation': noise})}\n\n".encode()

    if kind == "text":
        yield chunk({"role": "assistant", "content": "", "refusal": None})
        for piece in pieces:
            yield chunk({"content": piece}, piece=piece)
    elif kind == "reasoning":
        yield chunk({"role": "assistant", "content": None, "reasoning_content": ""})
        for piece in pieces:
            yield chunk({"content": None, "reasoning_content": piece})
    else:
        function = {"name": "write_file", "arguments": ""}
        call = {"index": 0, "id": "call_Xw9XMKBJU48kAAd78WgIswDx", "type": "function", "function": function}
        yield chunk({"role": "assistant", "content": None, "tool_calls": [call], "refusal": None})
        for piece in pieces:
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, piece=piece)
    yield chunk({}, "tool_calls" if kind == "tool" else "stop")
    counts = {"prompt_tokens": 85, "completion_tokens": len(pieces), "total_tokens": 85 + len(pieces)}
    yield f"data: {_json({**openai, 'choices': [], 'usage': counts})}\n\n".encode()
    yield b"data: [DONE]\n\n"


# --- openai-responses ------------------------------------------------------------------------------------------------


def _responses(kind: str, pieces: list[str], chance: random.Random) -> Iterator[bytes]:
    number = -1

    def event(type: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        data = {"type": type, **fields, "sequence_number": number}
        return f"event: {type}\ndata: {_json(data)}\n\n".encode()

    response: dict[str, Any] = {
        "id": "resp_0dacb603de1c9e6b0169fab1c19de081a3a2ad1c4c1d1a0e4b",
        "object": "response",
        "created_at": 1778037185,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "gpt-5-2026-08-06",
        "output": [],
        "parallel_tool_calls": True,
        "usage": None,
    }
    said = "".join(pieces)
    if kind == "text":
        id, delta, place = "msg_0dacb603de1c9e6b0169fab1c2e40081a3857ad788023cb7ea", "output_text", "content_index"
        item: dict[str, Any] = {
            "id": id,
            "type": "message",
            "status": "in_progress",
            "content": [],
            "role": "assistant",
        }
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said}
        done = {**item, "status": "completed", "content": [part]}
    elif kind == "reasoning":
        id, delta, place = (
            "rs_68c42d1d0878819d8266007cd3d1402c08fbf9b1584184ff",
            "reasoning_summary_text",
            "summary_index",
        )
        item = {"id": id, "type": "reasoning", "summary": []}
        done = {**item, "summary": [{"type": "summary_text", "text": said}]}
    else:
        id, delta, place = "fc_00d64fa806f333310169fab1bf324481a0852cda3180856290", "function_call_arguments", ""
        item = {"id": id, "type": "function_call", "status": "in_progress", "arguments": "", "name": "write_file"}
        item["call_id"] = "call_Xw9XMKBJU48kAAd78WgIswDx"
        done = {**item, "status": "completed", "arguments": said}
    yield event("response.created", response=response)
    yield event("response.in_progress", response=response)
    yield event("response.output_item.added", item=item, output_index=0)
    if kind == "text":
        empty = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
        yield event("response.content_part.added", content_index=0, item_id=id, output_index=0, part=empty)
    elif kind == "reasoning":
        empty = {"type": "summary_text", "text": ""}
        yield event("response.reasoning_summary_part.added", item_id=id, output_index=0, part=empty, summary_index=0)
    for piece in pieces:
        fields: dict[str, Any] = {place: 0} if place else {}
        fields |= {"delta": piece, "item_id": id}
        if kind == "text":
            fields["logprobs"] = []
        fields |= {"obfuscation": _noise(chance, piece), "output_index": 0}
        yield event(f"response.{delta}.delta", **fields)
    whole = {"arguments" if kind == "tool" else "text": said}
    yield event(f"response.{delta}.done", **({place: 0} if place else {}), item_id=id, output_index=0, **whole)
    yield event("response.output_item.done", item=done, output_index=0)
    usage = {
        "input_tokens": 85,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(pieces),
        "output_tokens_details": {"reasoning_tokens": len(pieces) if kind == "reasoning" else 0},
        "total_tokens": 85 + len(pieces),
    }
    yield event("response.completed", response={**response, "status": "completed", "output": [done], "usage": usage})


# --- anthropic-messages ----------------------------------------------------------------------------------------------


def _messages(kind: str, pieces: list[str], chance: random.Random) -> Iterator[bytes]:
    def event(type: str, **fields: Any) -> bytes:
        padding = " " * chance.randrange(16)
        return f"event: {type}\ndata: {_json({'type': type, **fields})[:-1]}{padding}}}\n\n".encode()

    usage = {"input_tokens": 85, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    message: dict[str, Any] = {
        "model": "claude-opus-5",
        "id": "msg_01AusY9WEbCaj3N7Tv5J4YjH",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    block, delta, key = {
        "text": ({"type": "text", "text": ""}, "text_delta", "text"),
        "reasoning": ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
        "tool": (
            {"type": "tool_use", "id": "toolu_018acGYLtfR52q9yDbWaEdQZ", "name": "write_file", "input": {}},
            "input_json_delta",
            "partial_json",
        ),
    }[kind]
    yield event("message_start", message=message)
    yield event("content_block_start", index=0, content_block=block)
    yield b'event: ping\ndata: {"type": "ping"}\n\n'
    for piece in pieces:
        yield event("content_block_delta", index=0, delta={"type": delta, key: piece})
    if kind == "reasoning":
        yield event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "EqQBCgIYAhIM" * 20})
    yield event("content_block_stop", index=0)
    stop = {"stop_reason": "tool_use" if kind == "tool" else "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={**usage, "output_tokens": len(pieces)})
    yield event("message_stop")


# --- google-generative-ai --------------------------------------------------------------------------------------------


def _google(kind: str, pieces: list[str], chance: random.Random) -> Iterator[bytes]:
    said = 0

    def chunk(part: dict[str, Any], **more: Any) -> bytes:
        nonlocal said
        said += 1
        usage: dict[str, Any] = {
            "promptTokenCount": 85,
            "candidatesTokenCount": said,
            "totalTokenCount": 85 + said,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 85}],
        }
        candidate = {"content": {"parts": [part], "role": "model"}, **more, "index": 0}
        data = {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "gemini-3-pro",
            "responseId": "ru1garvBEoOiqtsP2fznmQw",
        }
        # Gemini's servers put a space behind colons and none behind commas.
        return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ': '))}\r\n\r\n".encode()

    if kind == "tool":
        yield chunk({"functionCall": {"name": "write_file", "willContinue": True}})
        for piece in pieces:
            path = {"jsonPath": "$.content", "stringValue": piece, "willContinue": True}
            yield chunk({"functionCall": {"partialArgs": [path], "willContinue": True}})
        yield chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.content", "stringValue": ""}]}})
        yield chunk({"functionCall": {}})
    else:
        for piece in pieces:
            yield chunk({"text": piece, "thought": True} if kind == "reasoning" else {"text": piece})
    yield chunk({"text": ""}, finishReason="STOP")


_DIALECTS: dict[str, Callable[[str, list[str], random.Random], Iterator[bytes]]] = {
    "openai-completions": _completions,
    "openai-responses": _responses,
    "anthropic-messages": _messages,
    "google-generative-ai": _google,
}
APIS = tuple(_DIALECTS)
