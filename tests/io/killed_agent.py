"""A program whose agent runs for thirty steps, keeps its state on disk, and goes on from there when started again.

It is started once, loads all it needs, and then lives as often as it is told: a line `FOLDER N` on its standard input
is a life, a process forked off, which is killed (SIGKILL) once it has made N steps forward, each told by a byte in a
pipe; it may get a little further until that comes. N is 0 for a life to its end. What came of it is a line on its
standard output: `killed`, `over`, or `failed`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lash_io.blocking.agent import Agent
from lash_proto import AgentResult, ToolContext, tool
from lash_proto.faux import FauxCall, FauxProvider, FauxReply
from lash_proto.messages import Part, ToolCallPart
from lash_proto.providers import faux

STEPS = 30


def next_reply(asked: FauxCall) -> FauxReply:
    """What the model says depends on the conversation alone, so any life gets the same."""
    step = sum(message["role"] == "assistant" for message in asked.body["messages"])
    if step == STEPS:
        return FauxReply("Done.")
    calls: list[Part] = []
    for each in range(1 + step % 3):
        name = "look" if (step + each) % 2 else "pay"
        calls.append(ToolCallPart(f"s{step}-{each}", name, {"n": step}, json.dumps({"n": step})))
    return FauxReply(calls)


class Life:
    """One process's part of the run."""

    def __init__(self, folder: Path, pipe: int) -> None:
        self._folder, self._pipe = folder, pipe
        self._log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tick(self, *_: object) -> None:
        os.write(self._pipe, b".")

    def note(self, *words: object) -> None:
        os.write(self._log, (" ".join(map(str, words)) + "\n").encode())

    def save(self, state: Any) -> None:
        written = self._folder / "state.new"
        written.write_text(json.dumps(state))
        self.tick()
        written.replace(self._folder / "state")
        self.tick()

    def tools(self) -> list[Any]:
        def work(n: int, context: ToolContext) -> str:
            self.note("begin", context.call_id, context.attempt)
            self.tick()
            self.note("end", context.call_id, context.attempt)
            return f"worked {n}"

        return [tool(work, name="look", description="", retry="safe"), tool(work, name="pay", description="")]

    def live(self) -> None:
        """Go on to the end, which is a file as well."""
        handle = faux(FauxProvider(otherwise=next_reply))
        with Agent(handle, model="m-1", tools=self.tools(), save=self.save) as agent:
            agent.subscribe(self.tick)
            kept = self._folder / "state"
            result = agent.resume(json.loads(kept.read_text())) if kept.exists() else agent.prompt("Go.")
            said = [message.to_json() for message in agent.messages]
        assert isinstance(result, AgentResult)
        (self._folder / "result").write_text(json.dumps({"reason": result.reason, "said": said}))


def one_life(folder: Path, steps: int) -> str:
    """Fork one off, and kill it at its time."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        try:
            Life(folder, theirs).live()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(theirs)
    while heard := os.read(ours, 1):
        steps -= len(heard)
        if steps == 0:
            os.kill(pid, signal.SIGKILL)
    os.close(ours)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "over" if status == 0 else "failed"


def main() -> None:
    for line in sys.stdin:
        folder, steps = line.split()
        print(one_life(Path(folder), int(steps)), flush=True)


if __name__ == "__main__":
    main()
