"""A conversation with tools becomes a request: beside `json.dumps` of the very body that comes out.

What is asked is twice as much at most, and the same for each message of a conversation that is four times as long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from lash_proto import AssistantMessage, LlmRequest, TextPart, ToolCallPart, ToolDefinition, ToolResultMessage
from lash_proto import UserMessage as User
from lash_proto.codecs import CODECS

from .options import Options
from .rounds import Contender, cpu_of, interleave, median, ratio
from .tables import Row, Table

MODEL = "x"
SAID = "I will look into the file first, then change the line and run the tests again. "
TOOLS = [
    ToolDefinition(
        f"tool_{number}",
        "Reads or writes a file of the project, or runs something in it.",
        {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Where it is, from the root of the project."},
                "lines": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["path"],
        },
    )
    for number in range(8)
]


def conversation(messages: int) -> LlmRequest:
    """So many messages: a question, then calls and their results, an answer each eighth time."""
    said: list[User | AssistantMessage | ToolResultMessage] = [User(SAID * 4)]
    while len(said) < messages:
        number = len(said)
        id, arguments = f"call_{number:024}", {"path": f"notes/{number}.md", "lines": [number, number + 1]}
        call = ToolCallPart(id, f"tool_{number % 8}", arguments, json.dumps(arguments))
        said += [AssistantMessage([TextPart(SAID), call]), ToolResultMessage(id, SAID * 6, name=call.name)]
        if number % 8 == 7:
            said += [AssistantMessage([TextPart(SAID * 3)]), User(SAID)]
    return LlmRequest(said[:messages], system=SAID * 20, tools=TOOLS, max_output_tokens=4096)


def run(options: Options) -> Iterator[Table]:
    """A table over all dialects."""
    few, many = options.messages
    rows: list[Row] = []
    for api in options.apis:
        requests = {number: conversation(number) for number in (few, many)}
        bodies = {number: json.loads(CODECS[api].encode(requests[number], MODEL).body) for number in requests}
        contenders: dict[str, Contender] = {}
        for number in requests:
            contenders[f"json.dumps {number}"] = cpu_of(partial(_dump, bodies[number]))
            contenders[f"lash {number}"] = cpu_of(partial(CODECS[api].encode, requests[number], MODEL))
        figures = interleave(contenders, options.rounds)
        for number in requests:
            floor, ours = figures[f"json.dumps {number}"], figures[f"lash {number}"]
            for name, measured, goal in (("json.dumps", floor, None), ("lash", ours, 2.0)):
                cells = [str(number), f"{median(measured) / number * 1e6:.2f}"]
                rows.append(Row.of(f"{api}: {name}", cells, ratio(measured, floor), goal))
        grown = ratio(figures[f"lash {many}"], figures[f"lash {few}"])
        each = [few / many * value for value in grown]
        rows.append(Row(f"{api}: lash, a message of {many} against one of {few}", (), each[0]))
    title = f"encode: conversations with tools; CPU, medians of {options.rounds} rounds"
    yield Table("encode", title, ["messages", "us/message"], "x json.dumps", rows)


def _dump(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
