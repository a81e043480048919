"""What models said: replies scripted for our faux provider in every dialect, and recorded ones, both decoded.

So what goes back to a provider is what its own decoder made of bytes: ids, signatures and encrypted reasoning are real,
or as a server writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from attrs import evolve
from hypothesis import strategies as st

from lash_proto.codecs import CODECS
from lash_proto.failures import RemoteProtocolError
from lash_proto.faux import FauxReply
from lash_proto.faux.script import Answer, FauxCall
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.values import clean, dump_json
from tests.recordings import Item, find_recordings, read_items

from .parts import ARGUMENTS, BLOBS, BROKEN_ARGUMENTS, ODD_NAMES, Draw, rarely
from .parts import SAID as WRITTEN
from .targets import CHAT, CODE_ASSIST, GEMINI, MESSAGES, RESPONSES

SAID: Final = WRITTEN.map(clean)  # no server sends half of a surrogate pair
_FAUX: Final = {
    CHAT: "openai_completions",
    RESPONSES: "openai_responses",
    MESSAGES: "anthropic_messages",
    GEMINI: "google",
    CODE_ASSIST: "google",
}
LARGEST: Final = 30_000
"""Bytes of a recording that is used: the large ones say nothing new."""


class Speaker(NamedTuple):
    """Who says something: a dialect, a provider kind, a model, how that server tells its reasoning, whether it answers
    in pictures or sound too, and the providers whose recordings are its own."""

    api: str
    provider: str | None
    model: str
    thoughts: tuple[Mapping[str, Any] | None, ...] = (None,)
    media: str | None = None
    servers: frozenset[str] = frozenset()

    def read(self, status: int, headers: Any, body: bytes) -> AssistantMessage:
        """What its decoder makes of a response, as far as it came."""
        codec: Any = CODECS[self.api]
        decoder = evolve(codec, provider=self.provider).decoder(status=status, headers=headers, model=self.model)
        try:
            decoder.receive(body)
            decoder.end()
            message: AssistantMessage = decoder.finish().message
        except RemoteProtocolError:
            message = decoder.partial().message
        return message


# --- what only one dialect says --------------------------------------------------------------------------------------


def _opaque(*blocks: dict[str, Any]) -> list[OpaquePart]:
    return [OpaquePart(block["type"], block) for block in blocks]


def server_blocks(api: str, number: int) -> list[list[OpaquePart]]:
    """Blocks of the provider's own tools, call and result together, as its documentation has them (WIRE 1b, 4b, 5b)."""
    if api == MESSAGES:
        search, run, mcp = f"srvtoolu_{number}a", f"srvtoolu_{number}b", f"mcptoolu_{number}"
        found = {"type": "web_search_result", "url": "https://a.test", "title": "A", "encrypted_content": "ZW5j"}
        return [
            _opaque(
                {"type": "server_tool_use", "id": search, "name": "web_search", "input": {"query": "Oslo"}},
                {"type": "web_search_tool_result", "tool_use_id": search, "content": [{**found, "page_age": None}]},
            ),
            _opaque(
                {"type": "server_tool_use", "id": run, "name": "bash_code_execution", "input": {"command": "ls"}},
                {
                    "type": "bash_code_execution_tool_result",
                    "tool_use_id": run,
                    "content": {
                        "type": "bash_code_execution_result",
                        "stdout": "",
                        "stderr": "",
                        "return_code": 0,
                        "content": [],
                    },
                },
            ),
            _opaque(
                {"type": "mcp_tool_use", "id": mcp, "name": "ask", "server_name": "deep", "input": {}},
                {
                    "type": "mcp_tool_result",
                    "tool_use_id": mcp,
                    "is_error": False,
                    "content": [{"type": "text", "text": "Yes."}],
                },
            ),
            [OpaquePart("container", {"id": f"container_{number}", "expires_at": "2026-11-20T00:00:00Z"})],
        ]
    if api == RESPONSES:
        sources = [{"type": "url", "url": "https://a.test"}]
        return [
            _opaque(
                {
                    "type": "web_search_call",
                    "id": f"ws_{number}",
                    "status": "completed",
                    "action": {"type": "search", "query": "Oslo", "sources": sources, "queries": None},
                }
            ),
            _opaque(
                {
                    "type": "file_search_call",
                    "id": f"fs_{number}",
                    "status": "completed",
                    "queries": ["Oslo"],
                    "results": None,
                }
            ),
            _opaque(
                {
                    "type": "code_interpreter_call",
                    "id": f"ci_{number}",
                    "status": "completed",
                    "code": "1+1",
                    "container_id": "cntr_1",
                    "outputs": [{"type": "logs", "logs": "2"}],
                }
            ),
            _opaque(
                {"type": "image_generation_call", "id": f"ig_{number}", "status": "completed", "result": "iVBORw0KGgo="}
            ),
            _opaque(
                {
                    "type": "mcp_call",
                    "id": f"mcp_{number}",
                    "server_label": "deep",
                    "name": "ask",
                    "arguments": "{}",
                    "output": "Yes.",
                    "error": None,
                    "status": "completed",
                }
            ),
            _opaque({"type": "compaction", "id": f"cmp_{number}", "encrypted_content": "ZW5j"}),
            _opaque(
                {
                    "type": "computer_call",
                    "id": f"cu_{number}",
                    "call_id": f"call_cu{number}",
                    "action": {"type": "screenshot"},
                    "pending_safety_checks": [],
                    "status": "completed",
                }
            ),
            _opaque(
                {
                    "type": "shell_call",
                    "id": f"sh_{number}",
                    "call_id": f"call_sh{number}",
                    "action": {"commands": ["ls"]},
                    "status": "completed",
                }
            ),
            _opaque(
                {
                    "type": "apply_patch_call",
                    "id": f"apc_{number}",
                    "call_id": f"call_ap{number}",
                    "operation": {"type": "delete_file", "path": "a.txt"},
                    "status": "completed",
                }
            ),
            _opaque(
                {
                    "type": "mcp_approval_request",
                    "id": f"mcpr_{number}",
                    "server_label": "deep",
                    "name": "ask",
                    "arguments": "{}",
                }
            ),
        ]
    if api in (GEMINI, CODE_ASSIST):
        code = {"language": "PYTHON", "code": "print(1)"}
        ran = {"outcome": "OUTCOME_OK", "output": "1\n"}
        return [
            [
                OpaquePart("executableCode", {"executableCode": code, "thoughtSignature": "c2ln"}),
                OpaquePart("codeExecutionResult", {"codeExecutionResult": ran}),
            ]
        ]
    return [[]]


def answer_to(part: Part) -> OpaquePart | None:
    """What the client says to a call that is not of its own tools: of a computer, a shell, or may it be made."""
    if not isinstance(part, OpaquePart):
        return None
    answer: dict[str, Any] | None = None
    if part.type == "computer_call":
        answer = {"output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,iVBORw0KGgo="}}
    elif part.type == "shell_call":
        done = {"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
        answer = {"output": [done]}
    elif part.type == "apply_patch_call":
        answer = {"status": "completed", "output": "Done."}
    elif part.type == "mcp_approval_request":
        said = {"type": "mcp_approval_response", "approval_request_id": part.data["id"], "approve": True}
        return OpaquePart(said["type"], said)
    if answer is None:
        return None
    return OpaquePart(f"{part.type}_output", {"call_id": part.data["call_id"], **answer})


_CITATIONS: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    CHAT: (
        {
            "type": "url_citation",
            "url_citation": {"start_index": 0, "end_index": 1, "title": "A", "url": "https://a.test"},
        },
    ),
    RESPONSES: (
        {"type": "url_citation", "start_index": 0, "end_index": 1, "title": "A", "url": "https://a.test"},
        {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 0},
    ),
    MESSAGES: (
        {
            "type": "char_location",
            "cited_text": "A",
            "document_index": 0,
            "document_title": None,
            "start_char_index": 0,
            "end_char_index": 1,
        },
        {
            "type": "web_search_result_location",
            "cited_text": "A",
            "encrypted_index": "ZW5j",
            "title": "A",
            "url": "https://a.test",
        },
    ),
}


# --- scripted --------------------------------------------------------------------------------------------------------


@st.composite
def scripts(draw: Draw, who: Speaker, number: int, names: list[str], *, calls: bool = True) -> FauxReply:
    """A reply as the speaker's server could send it. `number` keeps its ids apart from those of others."""
    api = who.api
    parts: list[Part] = []
    for index in range(draw(st.integers(1, 4))):
        kinds = ["text", "text", "thought", "call", "call", "server", "refusal", "media"]
        kind = draw(st.sampled_from(kinds if calls else [kind for kind in kinds if kind != "call"]))
        if kind == "thought" and (who.thoughts != (None,) or api != CHAT):
            parts += _thought(draw, who, number, index)
        elif kind == "call":
            parts.append(_call(draw, api, f"{number}{index}", names))
        elif kind == "server" and api not in (CHAT,):
            parts += draw(st.sampled_from(server_blocks(api, number * 10 + index)))
        elif kind == "refusal" and api in (CHAT, RESPONSES) and rarely(draw, 2):
            parts.append(RefusalPart(draw(SAID)))
        elif kind == "media" and api in (GEMINI, CODE_ASSIST) and rarely(draw, 2):
            image = draw(st.booleans())
            class_, media_type = (ImagePart, "image/png") if image else (AudioPart, "audio/wav")
            parts.append(class_(draw(BLOBS), media_type))
        elif kind == "media" and who.media == "image":
            parts.append(ImagePart(draw(BLOBS), "image/png"))
        elif kind == "media" and who.media == "audio":
            parts.append(AudioPart(draw(BLOBS), transcript=draw(SAID), id=f"audio_{number}"))
        else:
            parts.append(_text(draw, api))
    return FauxReply(
        _in_order(parts, api),
        piece=draw(st.sampled_from([1000, 3])),
        id=f"{'msg' if api == MESSAGES else 'resp'}_{number}",
        usage=None,
    )


def _in_order(parts: list[Part], api: str) -> list[Part]:
    """One refusal, last, and one sound; a server's own calls and their results stay together as they are."""
    refusals = [part for part in parts if isinstance(part, RefusalPart)]
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    rest = [part for part in parts if not isinstance(part, (RefusalPart, ToolCallPart))]
    if refusals:
        return [*rest, *refusals[:1]]
    if api != CHAT:
        return parts
    sounds = [part for part in rest if isinstance(part, AudioPart)]
    return [*[part for part in rest if part not in sounds[1:]], *calls]


def _text(draw: Draw, api: str) -> TextPart:
    citations = _CITATIONS.get(api, ())
    said = (draw(st.sampled_from(citations)),) if citations and rarely(draw) else ()
    phase = draw(st.sampled_from([None, "commentary", "final_answer"])) if api == RESPONSES else None
    signed = {"thoughtSignature": "c2ln"} if api in (GEMINI, CODE_ASSIST) and rarely(draw) else None
    return TextPart(draw(SAID), phase=phase, citations=said, provider_data=signed)


def _thought(draw: Draw, who: Speaker, number: int, index: int) -> list[Part]:
    text = draw(st.one_of(SAID, st.just("")))
    data: dict[str, Any] | None = None
    if who.api == MESSAGES:
        told = draw(st.sampled_from((*who.thoughts, {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="})))
        return [ReasoningPart("" if told and "data" in told else text, provider_data=told)]
    if who.api == RESPONSES:
        data = {"encrypted_content": f"ZW5j{number}{index}"}
    elif who.api == CHAT:
        data = dict(draw(st.sampled_from(who.thoughts)) or {})
        text = text or "Hm."
    elif rarely(draw):
        data = {"thoughtSignature": "c2ln"}
    return [ReasoningPart(text, provider_data=data)]


_OWN_IDS: Final = {
    CHAT: "call_{}",
    RESPONSES: "call_{}",
    MESSAGES: "toolu_01{}",
    GEMINI: "{}",
    CODE_ASSIST: "{}",
}


def _call(draw: Draw, api: str, number: str, names: list[str]) -> ToolCallPart:
    name = draw(st.sampled_from(names)) if names and not rarely(draw, 6) else draw(ODD_NAMES.filter(bool))
    custom = api in (CHAT, RESPONSES) and rarely(draw, 8)
    id = _OWN_IDS[api].format(number)
    if custom:
        return ToolCallPart(id, name, {}, draw(SAID), kind="custom")
    if rarely(draw, 8) and api not in (GEMINI, CODE_ASSIST):
        return ToolCallPart(id, name, {}, draw(BROKEN_ARGUMENTS))
    data: dict[str, Any] | None = None
    if api in (GEMINI, CODE_ASSIST) and rarely(draw, 2):
        data = {"thoughtSignature": "c2ln"}
    elif api == MESSAGES and rarely(draw, 8):
        data = {"caller": {"type": "direct"}}
    arguments = draw(ARGUMENTS)
    return ToolCallPart(id, name, arguments, dump_json(arguments), id_sent=draw(st.booleans()), provider_data=data)


def render(who: Speaker, reply: FauxReply, *, stream: bool, keep: int | None = None) -> Answer:
    """The reply as the speaker's server sends it. `keep`: the stream breaks off after so many events."""
    faux: Any = import_module(f"lash_proto.faux.{_FAUX[who.api]}")
    call = FauxCall(who.api, who.model, stream, {"model": who.model, "stream": stream}, "?alt=sse")
    answer: Answer = faux.render(evolve(reply, cut_after=keep), call)
    return answer


@st.composite
def scripted(draw: Draw, who: Speaker, number: int, names: list[str], *, cut: bool = False) -> AssistantMessage:
    """A scripted reply as its decoder read it, whole or broken off."""
    reply = draw(scripts(who, number, names, calls=not cut))
    keep = draw(st.integers(2, 12)) if cut else None
    answer = render(who, reply, stream=cut or draw(st.booleans()), keep=keep)
    return who.read(answer.status, answer.headers, answer.body)


# --- recorded --------------------------------------------------------------------------------------------------------


@cache
def recorded_items(api: str) -> tuple[Item, ...]:
    """The recorded answers in a dialect that are not too large, by name; none where there are no recordings."""
    folder = find_recordings()
    if folder is None or api == CODE_ASSIST:
        return ()
    items = read_items(folder / api)
    return tuple(item for item in items if item.meta["status"] == 200 and len(item.body) <= LARGEST and _is_true(item))


def _is_true(item: Item) -> bool:
    """Whether its ids are those that the server gave."""
    return "redacted-ids" not in item.meta["tags"] and not item.name.startswith(_MADE_UP)


_MADE_UP: Final = ("vercel-ai__openai-custom-tool.1",)  # ct_abc123def456, where OpenAI's begin with ctc_


@cache
def recorded_by(api: str, servers: frozenset[str]) -> tuple[Item, ...]:
    """Those of some providers."""
    return tuple(item for item in recorded_items(api) if item.meta["provider"] in servers)


_READ: dict[tuple[str | None, ...], AssistantMessage] = {}


def recorded(who: Speaker, item: Item) -> AssistantMessage:
    """A recorded reply as the speaker's decoder reads it."""
    key = (who.api, who.provider, who.model, item.name)
    if key not in _READ:
        _READ[key] = who.read(item.meta["status"], item.headers, item.body)
    return _READ[key]
