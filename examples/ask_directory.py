"""An agent that answers questions about a directory. Its tools only read, and see nothing outside of it.

python examples/ask_directory.py anthropic:claude-opus-5 . "Which file is the longest?"
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from lash_io.blocking import Agent
from lash_proto.replies import TextDelta
from lash_proto.tools import tool
from lash_proto.turn import MessageUpdate, ToolExecutionStart


def tools(directory: str) -> list[Any]:
    """What the model may do there."""
    root = Path(directory).resolve()

    def inside(path: str) -> Path:
        found = (root / path).resolve()
        if not found.is_relative_to(root):
            raise PermissionError(f"{path} is outside of the directory")
        return found

    @tool(retry="safe")
    def list_files(path: Annotated[str, "A directory; '.' is the whole."] = ".") -> list[str]:
        """The names in a directory, those of directories with a slash, and the sizes of files."""
        found = sorted(inside(path).iterdir())
        return [f"{each.name}/" if each.is_dir() else f"{each.name} {each.stat().st_size}" for each in found]

    @tool(retry="safe")
    def read_file(path: str, start: Annotated[int, "The first line, from 1."] = 1, lines: int = 200) -> str:
        """Lines of a text file."""
        text = inside(path).read_text(errors="replace").splitlines()
        return "\n".join(text[start - 1 : start - 1 + lines])

    return [list_files, read_file]


def show(event: Any) -> None:
    """Print what the agent does, and what it says as it comes."""
    match event:
        case ToolExecutionStart(_, name, arguments):
            print(f"[{name} {dict(arguments)}]")
        case MessageUpdate(TextDelta(_, text)):
            print(text, end="", flush=True)


if __name__ == "__main__":
    model, directory, question = sys.argv[1:]
    with Agent(model, system_prompt="Look before you answer.", tools=tools(directory)) as agent:
        agent.subscribe(show)
        result = agent.prompt(question)
    print()
    sys.exit(f"{result.reason}: {result.error}" if result.reason != "done" else 0)
