"""The examples of agents run, on every driver where that is theirs to choose, against the faux server."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

import lash_io.aio
import lash_io.blocking
from lash_io.faux_server import FauxServer
from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.messages import ToolCallPart, ToolResultMessage
from lash_proto.providers import anthropic
from lash_proto.turn import AgentResult, Paused
from tests.io.worlds import WORLDS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(name: str, /, **arguments: Any) -> ToolCallPart:
    return ToolCallPart(f"call_{name}", name, arguments)


@pytest.mark.parametrize("world", WORLDS)
def test_an_agent_looks_into_a_directory(world: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "song.txt").write_text("la\nla la\nlo\n")
    (tmp_path / "song.txt").write_text("lo lo\n")
    example = load("ask_directory")
    script: list[FauxReply | str] = [
        FauxReply([call("list_files"), call("read_file", path="song.txt")]),
        FauxReply([call("read_file", path="deep/song.txt", start=2, lines=1), call("list_files", path="..")]),
        "There is a song.",
    ]
    provider = FauxProvider(script)
    with FauxServer(provider) as server:
        handle = anthropic("key", base_url=server.url)
        tools = example.tools(str(tmp_path))
        if world == "blocking":
            with lash_io.blocking.Agent(handle, model="claude", tools=tools) as agent:
                agent.subscribe(example.show)
                result = agent.prompt("What is here?")
        else:

            async def main() -> AgentResult | Paused:
                async with lash_io.aio.Agent(handle, model="claude", tools=tools) as agent:
                    agent.subscribe(example.show)
                    return await agent.prompt("What is here?")

            result = anyio.run(main, backend=world)
    assert isinstance(result, AgentResult)
    assert (result.reason, result.text) == ("done", "There is a song.")
    told = [message.content for message in result.messages if isinstance(message, ToolResultMessage)]
    assert told == [
        '["deep/","song.txt 6"]',
        "lo lo",
        "la la",
        ".. is outside of the directory",
    ]
    assert "[read_file {'path': 'deep/song.txt', 'start': 2, 'lines': 1}]" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "left"), [("yes", False), ("no", True)])
def test_a_run_waits_for_a_person_in_no_process(answer: str, left: bool, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    provider = FauxProvider([FauxReply([call("remove", name="old.txt")]), "As you wish."])
    with FauxServer(provider) as server:

        def run(said: str) -> str:
            program = (
                f"import sys; sys.path.insert(0, {str(EXAMPLES)!r})\n"
                "import approve_later as example\n"
                "from lash_proto.providers import anthropic\n"
                f"handle = anthropic('key', base_url={server.url!r})\n"
                "with example.Agent(handle, model='claude', tools=[example.remove]) as agent:\n"
                f"    outcome = example.step(agent, {said!r})\n"
                "print(type(outcome).__name__, getattr(outcome, 'text', ''))"
            )
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
            )
            return done.stdout.strip()

        assert run("Remove old.txt") == "Paused"
        assert json.loads((tmp_path / "waiting.json").read_text())["waiting"][0]["name"] == "approve"
        assert run(answer) == "AgentResult As you wish."
    assert (tmp_path / "old.txt").exists() is left
    assert not (tmp_path / "waiting.json").exists()
    asked, answered = (cast("dict[str, Any]", made.body) for made in provider.calls)
    assert len(asked["messages"]) == 1
    assert len(answered["messages"]) == 3
