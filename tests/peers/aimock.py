"""Our clients read @copilotkit/aimock: a fake of the providers' APIs in JavaScript that shares no code with us.

It slices UTF-16 into deltas of a few code units, so that surrogate pairs come in halves; its bodies end with the chunk
that a fixture names by closing the socket; its errors have each provider's shape, as it understands them. A scenario is
a fixture, chosen by the words of the user's message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import attrs
import trio
from table import Row

from lash_io import aio, blocking
from lash_proto.messages import LlmRequest, ProviderOptions, ToolDefinition, ToolResultMessage, UserMessage
from lash_proto.providers import ProviderHandle, anthropic, google, openai, openai_compatible
from lash_proto.replies import LlmResponse, ReasoningDelta, StreamEvent, TextDelta

PACKAGE = "@copilotkit/aimock@1.43.0"
SLICE = 8  # code units a delta

TEXT = "The quick brown fox jumps over the lazy dog."
# An emoji begins at the eighth code unit of the text and another at the sixteenth of it: both are cut in two.
SPLIT = "1234567😀9abcde🚀 and 👩\u200d🚀 世界 line\u2028end"
THOUGHT = "First I think 🤔, then I think again."
ANSWER = "It is 24 °C in São Paulo. 🌧️"
WEATHER = ToolDefinition(
    "weather", "The weather in a city.", {"type": "object", "properties": {"city": {"type": "string"}}}
)
CALLS = [["call_one", "weather", {"city": "São Paulo 🌧️"}], ["call_two", "weather", {"city": "Oslo"}]]
LIMIT = "Slow down, please. 🐢"

_COUNTS = {
    **dict.fromkeys(("prompt_tokens", "input_tokens", "promptTokenCount"), 11),
    **dict.fromkeys(("completion_tokens", "output_tokens", "candidatesTokenCount"), 7),
}
_FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "say:text", "systemMessage": "Be brief."},
        "response": {"content": TEXT, "usage": _COUNTS},
    },
    {"match": {"userMessage": "say:split"}, "response": {"content": SPLIT}},
    {"match": {"userMessage": "say:reasoning"}, "response": {"content": TEXT, "reasoning": THOUGHT}},
    {"match": {"userMessage": "say:tools", "hasToolResult": True}, "response": {"content": ANSWER}},
    {
        "match": {"userMessage": "say:tools", "toolName": "weather"},
        "response": {
            "toolCalls": [
                {"id": id, "name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
                for id, name, arguments in CALLS
            ]
        },
    },
    {
        "match": {"userMessage": "say:both"},
        "response": {"content": TEXT, "toolCalls": [{"id": "call_one", "name": "weather", "arguments": "{}"}]},
    },
    {"match": {"userMessage": "say:length"}, "response": {"content": TEXT, "finishReason": "length"}},
    {
        "match": {"userMessage": "say:error-429"},
        "response": {"error": {"message": LIMIT, "type": "rate_limit_error"}, "status": 429},
    },
    {"match": {"userMessage": "say:cut"}, "response": {"content": TEXT}, "truncateAfterChunks": 5},
]
SCENARIOS = ("text", "split", "reasoning", "tools", "result", "both", "length", "error-429", "error-404", "cut")

_CALLED = (
    "aimock ends calls with the finishReason FUNCTION_CALL, which Gemini does not have: an unknown word is an error."
)
_INCOMPLETE = "aimock leaves out `incomplete_details`, so that the status alone tells the stop."

Asked = tuple[LlmResponse, list[StreamEvent]]


def rows(folder: Path) -> Iterator[Row]:
    """Our readings of every scenario, held against the fixtures."""
    if shutil.which("npm") is None:
        print("\naimock is left out: there is no npm here (it comes with Node.js).")
        return
    install(folder)
    with serving(folder) as url:
        if b'\\ud83d"' not in _raw(url, "say:split"):
            raise SystemExit("aimock no longer cuts surrogate pairs in two: the scenario `split` shows nothing")
        for kind in _STOPS:
            for way in _WAYS:
                for scenario in SCENARIOS:
                    if scenario != "cut" or way != "whole":
                        yield read(kind, way, scenario, url)


def read(kind: str, way: str, scenario: str, url: str) -> Row:
    """One reading. `result` is the second turn of `tools`: it shows that aimock reads our conversation."""
    handle, ask = _handle(kind, url), _WAYS[way]
    messages: list[Any] = [UserMessage(f"say:{'tools' if scenario == 'result' else scenario}")]
    options = ProviderOptions(max_retries=0)
    request = LlmRequest(messages, system="Be brief.", tools=(WEATHER,), max_output_tokens=100, options=options)
    response, events = ask(handle, request)
    if scenario == "result":
        results = [ToolResultMessage(call.id, "24 °C", name=call.name) for call in response.tool_calls]
        response, events = ask(handle, attrs.evolve(request, messages=(*messages, response.message, *results)))
    expected = _expected(kind, scenario)
    seen = _seen(response)
    differences = [
        f"{key}: {seen[key]!r} instead of {value!r}" for key, value in expected.items() if seen[key] != value
    ]
    if events:
        for delta, text in ((TextDelta, response.text), (ReasoningDelta, response.reasoning)):
            joined = "".join(event.text for event in events if isinstance(event, delta))
            if joined != text:
                differences.append(f"deltas: {joined!r} instead of {text!r}")
    return Row(f"aimock {kind}", way, scenario, differences, _theirs(kind, scenario))


def _theirs(kind: str, scenario: str) -> list[str]:
    if kind == "google" and scenario in ("tools", "both"):
        return [_CALLED]
    return [_INCOMPLETE] if (kind, scenario) == ("openai", "length") else []


def _raw(url: str, prompt: str) -> bytes:
    """A Chat stream's bytes, by no client of ours."""
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}).encode()
    request = Request(f"{url}/v1/chat/completions", body, {"content-type": "application/json"})
    opener = build_opener(ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return bytes(response.read())


def _seen(response: LlmResponse) -> dict[str, Any]:
    error, usage = response.error, response.usage
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "calls": [[call.id, call.name, dict(call.arguments)] for call in response.tool_calls],
        "stop": response.stop_reason,
        "raw stop": response.raw_stop_reason,
        "usage": None if usage is None else [usage.total_input_tokens, usage.output_tokens],
        "model": response.model,
        "error": None if error is None else [error.kind, error.status],
        "message": None if error is None else error.message,
        "retry_after": None if error is None else error.retry_after,
        "request id": response.request_id is not None,
    }


_STOPS = {
    "openai-compatible": {"stop": "stop", "tool_use": "tool_calls", "length": "length"},
    "openai": {"stop": "completed", "tool_use": "completed", "length": "incomplete"},
    "anthropic": {"stop": "end_turn", "tool_use": "tool_use", "length": "max_tokens"},
    "google": {"stop": "STOP", "tool_use": "FUNCTION_CALL", "length": "MAX_TOKENS"},
}


# What five chunks hold, lead-in included; and the counts that have come by then.
_CUT = {
    "openai-compatible": ("The quick brown fox jump", None),
    "openai": ("", None),
    "anthropic": ("The quick brown ", [0, 0]),
    "google": ("The quick brown fox jumps over t", None),
}


def _expected(kind: str, scenario: str) -> dict[str, Any]:
    """What a fixture says, in our words. Where it says no usage aimock estimates one for Chat, and zeros elsewhere."""
    if scenario == "error-429":
        return {"error": ["rate_limit", 429], "message": LIMIT, "retry_after": 1.0, "stop": "error", "request id": True}
    if scenario == "error-404":
        return {"error": ["not_found", 404], "message": "No fixture matched", "stop": "error", "request id": True}
    expected = {"reasoning": THOUGHT if scenario == "reasoning" else "", "request id": True}
    if kind != "google":  # which names a model, but aimock's does not
        expected["model"] = "peer-model"
    if scenario == "cut":
        text, usage = _CUT[kind]
        return {
            **expected,
            "text": text,
            "usage": usage,
            "error": ["truncated", None],
            "stop": "error",
            "raw stop": None,
        }
    stop = {"tools": "tool_use", "both": "tool_use", "length": "length"}.get(scenario, "stop")
    expected |= {
        "text": {"split": SPLIT, "tools": "", "result": ANSWER}.get(scenario, TEXT),
        "calls": {"tools": CALLS, "both": [["call_one", "weather", {}]]}.get(scenario, []),
        "stop": stop,
        "raw stop": _STOPS[kind][stop],
        "error": None,
    }
    if kind == "google" and stop == "tool_use":
        expected |= {"stop": "error", "error": ["other", None], "message": "the model stopped with FUNCTION_CALL"}
    if scenario == "text" or kind != "openai-compatible":
        expected["usage"] = [11, 7] if scenario == "text" else [0, 0]
    return expected


# --- asking ----------------------------------------------------------------------------------------------------------


def _handle(kind: str, url: str) -> ProviderHandle:
    if kind == "openai-compatible":
        return openai_compatible("peer", base_url=f"{url}/v1")
    if kind == "openai":  # which takes no base_url
        handle = openai("peer")
        return attrs.evolve(handle, route=attrs.evolve(handle.route, base_url=f"{url}/v1"))
    return (anthropic if kind == "anthropic" else google)("peer", base_url=url)


def _blocking(handle: ProviderHandle, request: LlmRequest) -> Asked:
    with (
        blocking.Client(handle, model="peer-model", raise_errors=False) as client,
        client.stream(request) as stream,
    ):
        events = list(stream)
        return stream.response, events


async def _aio(handle: ProviderHandle, request: LlmRequest) -> Asked:
    async with (
        aio.Client(handle, model="peer-model", raise_errors=False) as client,
        client.stream(request) as stream,
    ):
        events = [event async for event in stream]
        return stream.response, events


def _asyncio(handle: ProviderHandle, request: LlmRequest) -> Asked:
    return asyncio.run(_aio(handle, request))


def _trio(handle: ProviderHandle, request: LlmRequest) -> Asked:
    return trio.run(_aio, handle, request)


def _whole(handle: ProviderHandle, request: LlmRequest) -> Asked:
    transport = blocking.StreamTransport()
    exchange = handle.exchange(request, "peer-model", stream=False)
    try:
        with blocking.Run(exchange, blocking.performers(transport)) as run:
            for _ in run:
                pass
            return run.result, []
    finally:
        transport.close()


_WAYS: dict[str, Callable[[ProviderHandle, LlmRequest], Asked]] = {
    "blocking": _blocking,
    "asyncio": _asyncio,
    "trio": _trio,
    "whole": _whole,
}


# --- the server ------------------------------------------------------------------------------------------------------


def install(folder: Path) -> None:
    """The package in a folder of its own; again when its version changed."""
    ready = folder / "installed"
    if ready.is_file() and ready.read_text() == PACKAGE:
        return
    print(f"\nSetting up {folder.parent.name}/{folder.name} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n')
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", PACKAGE], cwd=folder, check=True)
    ready.write_text(PACKAGE)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """aimock with our fixtures on a free loopback port; gone when the block ends."""
    fixtures = folder / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": _FIXTURES}, ensure_ascii=False, indent=1))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    flags = [
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-f",
        str(fixtures),
        "-c",
        str(SLICE),
        "-l",
        "1",
        "--log-level",
        "warn",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([folder / "node_modules/.bin/llmock", *flags], stdout=log, stderr=log)
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("aimock did not start: see .venv-peers/aimock/log")
