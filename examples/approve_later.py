"""A run that waits for a person, in no process at all: it stops, is kept in a file, and goes on in another process.

python examples/approve_later.py anthropic:claude-opus-5 "Remove old.txt"      # asks, keeps the run, and exits
python examples/approve_later.py anthropic:claude-opus-5 yes                   # hours later: goes on
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lash_io.blocking import Agent
from lash_proto.tools import tool
from lash_proto.turn import AgentResult, Paused

KEPT = Path("waiting.json")


@tool(approval=True)
def remove(name: str) -> str:
    """Remove a file of this directory."""
    Path(Path(name).name).unlink()
    return f"removed {name}"


def step(agent: Agent, said: str) -> AgentResult | Paused:
    """Begin a run, or answer the one that waits; keep it where it waits again."""
    if KEPT.exists():
        paused = Paused.from_json(json.loads(KEPT.read_text()))
        outcome = agent.resume(paused, {waiting.id: said == "yes" for waiting in paused.waiting})
    else:
        outcome = agent.prompt(said)
    if isinstance(outcome, Paused):
        KEPT.write_text(json.dumps(outcome.to_json()))
    else:
        KEPT.unlink(missing_ok=True)
    return outcome


if __name__ == "__main__":
    model, said = sys.argv[1:]
    with Agent(model, tools=[remove]) as agent:
        outcome = step(agent, said)
    if isinstance(outcome, Paused):
        for waiting in outcome.waiting:
            print(f"May it call {waiting.call and waiting.call.name} with {waiting.arguments}? Answer yes or no.")
    else:
        print(outcome.text)
        sys.exit(f"{outcome.reason}: {outcome.error}" if outcome.reason != "done" else 0)
