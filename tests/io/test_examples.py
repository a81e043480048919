"""The examples of loops of one's own run, against the faux server and against servers that fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from lash_io.faux_server import FauxServer
from lash_proto import LlmRequest, LlmResponse, ProviderOptions, TextDelta
from lash_proto.faux import FauxError, FauxProvider, FauxReply
from lash_proto.providers import anthropic
from tests.io.loopback import PATIENCE, Server, close, until_hung_up

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_own_loop(machine: Any) -> tuple[list[Any], LlmResponse]:
    *events, result = load("own_loop").run(machine)
    return events, result


def in_timer_loop(machine: Any) -> tuple[list[Any], LlmResponse]:
    example = load("timer_loop")
    events: list[Any] = []
    results: list[LlmResponse] = []
    loop = example.TimerLoop()
    example.Ticking(loop, machine, events.append, results.append)
    loop.run()
    (result,) = results
    return events, result


LOOPS = pytest.mark.parametrize("run", [in_own_loop, in_timer_loop])
AT_ONCE = ProviderOptions(retry_base_delay=0.0)


def machine(url: str, options: ProviderOptions = AT_ONCE) -> Any:
    return anthropic("key", base_url=url).exchange(LlmRequest("Say hi.", options=options), "claude-opus-5")


@LOOPS
def test_an_answer_comes(run: Any) -> None:
    with FauxServer(FauxProvider([FauxReply("Hello, loop.", piece=1)])) as server:
        events, response = run(machine(server.url))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello, loop."
    assert (response.text, response.stop_reason) == ("Hello, loop.", "stop")


@LOOPS
def test_the_machine_retries(run: Any) -> None:
    busy = FauxReply(error=FauxError("overloaded", "too busy", status=529))
    with FauxServer(FauxProvider([busy, busy, FauxReply("At last.")])) as server:
        _, response = run(machine(server.url))
    assert (response.text, len(response.attempts)) == ("At last.", 3)


@LOOPS
def test_nobody_there(run: Any) -> None:
    with Server() as server:
        url = server.url
    _, response = run(machine(url, ProviderOptions(max_retries=0)))
    assert response.error.kind == "connection"


@LOOPS
def test_a_connection_that_breaks(run: Any) -> None:
    with Server([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", close]) as server:
        _, response = run(machine(server.url, ProviderOptions(max_retries=0)))
    assert response.stop_reason == "error"


@LOOPS
def test_a_deadline(run: Any) -> None:
    with Server([until_hung_up]) as server:
        _, response = run(machine(server.url, ProviderOptions(max_retries=0, first_event_timeout=0.05)))
        assert response.error.kind == "timeout"
        assert server.hung_up.wait(PATIENCE)


def test_closing_the_window_drops_the_call() -> None:
    example = load("timer_loop")
    results: list[LlmResponse] = []
    loop = example.TimerLoop()
    with Server([until_hung_up]) as server:
        ticking = example.Ticking(loop, machine(server.url), lambda event: None, results.append)
        loop.after(20, ticking.cancel)
        loop.run()
        assert server.hung_up.wait(PATIENCE) or not server.requests
    assert [result.stop_reason for result in results] == ["aborted"]


@pytest.mark.parametrize("name", ["own_loop", "timer_loop"])
def test_the_examples_need_lash_proto_alone(name: str) -> None:
    assert "lash_io" not in (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")


def test_own_loop_is_short() -> None:
    assert len((EXAMPLES / "own_loop.py").read_text(encoding="utf-8").splitlines()) < 80
