"""Conversations as apps have them: what users, tools and the app say, and what models of every kind answered.

Every call is answered before somebody goes on speaking, unless the conversation is to be handed off: that, and what the
encoders do with a call that nobody answered, is part of what is tried.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field
from hypothesis import strategies as st

from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    Message,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)

from . import parts
from .parts import ARGUMENTS, BLANK, BLOBS, BROKEN_ARGUMENTS, ID_FORMS, ODD_NAMES, SAID, Draw, rarely, some
from .replies import Speaker, answer_to, recorded, recorded_by, scripted, server_blocks
from .targets import APIS, CHAT, CODE_ASSIST, GEMINI, MESSAGES, RESPONSES, TARGETS, Model, Target

OWN: Final = "the app"
NATIVE: Final = "itself"
NEIGHBOUR: Final = "a neighbour"
SOURCES: Final = (OWN, NATIVE, NEIGHBOUR, *APIS)
"""Who said what the assistant said: the app, the target, a server beside it with a model of the same name, or one of a
dialect."""

# --- who speaks ------------------------------------------------------------------------------------------------------

_FOREIGN_THOUGHTS: Final[dict[str, tuple[Any, ...]]] = {
    CHAT: (
        {"field": "reasoning_content"},
        {"field": "reasoning", "details": [{"type": "reasoning.encrypted", "data": "ZW5j"}]},
        {"field": "content", "with": {"closed": True}},
    ),
}
_FOREIGN_SERVERS: Final[dict[str, frozenset[str]]] = {
    CHAT: frozenset("openai openrouter mistral groq deepseek huggingface xai moonshot azure".split()),
    RESPONSES: frozenset("openai azure xai openrouter".split()),
    MESSAGES: frozenset({"anthropic"}),
    GEMINI: frozenset({"google", "vertex"}),
    CODE_ASSIST: frozenset(),
}


def native(target: Target, model: Model) -> Speaker:
    """The target itself."""
    media = None
    if target.name == "openrouter":
        media = "image"
    elif "assistant:audio" in target.knobs - model.lacks and target.api == CHAT:
        media = "audio"
    provider = target.codec(model.spec).provider
    return Speaker(target.api, provider, model.spec.id, target.thoughts, media, target.servers)


def has_neighbours(target: Target) -> bool:
    """Whether other servers speak the target's dialect."""
    return any(other.api == target.api and other.handle != target.handle for other in TARGETS)


def neighbour(draw: Draw, target: Target, model: Model) -> Speaker:
    """Another server of the same dialect that has a model of the same name."""
    others = [other for other in TARGETS if other.api == target.api and other.handle != target.handle]
    other = draw(st.sampled_from(others))
    return native(other, other.models[0])._replace(model=model.spec.id)


def foreign(api: str) -> Speaker:
    """Somebody else, in a dialect that may be the target's too."""
    return Speaker(
        api, "elsewhere", "another-model", _FOREIGN_THOUGHTS.get(api, (None,)), servers=_FOREIGN_SERVERS[api]
    )


# --- what is said ----------------------------------------------------------------------------------------------------


@define
class Talk:
    """A conversation while it is made up.

    `loose`: it will be handed off, so that results may lack, come twice or belong to no call.
    """

    draw: Draw
    target: Target
    model: Model
    knobs: frozenset[str]
    names: list[str]
    loose: bool = False
    messages: list[Message] = field(factory=list[Message])
    sources: set[str] = field(factory=set[str])
    number: int = 0
    used: set[str] = field(factory=set[str])

    def next(self) -> int:
        self.number += 1
        return self.number

    def custom(self) -> None:
        """An entry of the app's own, now and then."""
        if rarely(self.draw, 10):
            self.messages.append(CustomMessage("note", {"n": self.next()}))

    @property
    def last(self) -> UserMessage | AssistantMessage | ToolResultMessage:
        """The last message that is sent."""
        return next(message for message in reversed(self.messages) if not isinstance(message, CustomMessage))

    # --- by users and tools ------------------------------------------------------------------------------------------

    def user(self) -> None:
        """A user message."""
        self.messages.append(UserMessage(self.draw(SAID) if self.draw(st.booleans()) else self.user_parts()))
        self.custom()

    def user_parts(self) -> list[Part]:
        kinds: list[Any] = [parts.images(self.knobs, self.target.family), parts.documents(self.knobs)]
        if "user:audio" in self.knobs:
            kinds.append(st.builds(AudioPart, BLOBS, st.sampled_from(["audio/wav", "audio/mp3", "audio/mpeg"])))
        if blocks := _USER_BLOCKS.get(self.target.family):
            kinds.append(st.sampled_from(blocks))
        said: list[Part] = some(self.draw, st.one_of(parts.texts(), parts.texts(), *kinds), 3)
        return [*said, TextPart(self.draw(SAID), rarely(self.draw))]

    def result_content(self) -> str | list[Part]:
        if rarely(self.draw, 3):
            kinds: list[Any] = [parts.texts(), parts.images(self.knobs, self.target.family)]
            if "result:document" in self.knobs:
                kinds.append(parts.documents(self.knobs - {"user:cited"}))
            if "result:audio" in self.knobs:
                kinds.append(st.builds(AudioPart, BLOBS, st.just("audio/wav")))
            return some(self.draw, st.one_of(*kinds), 3)
        said: str = self.draw(st.one_of(SAID, SAID, BLANK))
        return said

    # --- by models ---------------------------------------------------------------------------------------------------

    def assistant(self, source: str) -> tuple[Part, ...]:
        """Something said by a source."""
        self.sources.add(source)
        if source == OWN:
            said = self.own()
        elif source == NATIVE:
            said = self.told_by(native(self.target, self.model))
        elif source == NEIGHBOUR:
            said = self.told_by(neighbour(self.draw, self.target, self.model))
        else:
            said = self.told_by(foreign(source))
        if said.content:
            self.messages.append(said)
            self.custom()
        return said.content

    def told_by(self, who: Speaker) -> AssistantMessage:
        number = self.next()
        items = recorded_by(who.api, who.servers)
        if items and rarely(self.draw, 3):
            item = self.draw(st.sampled_from(items))
            said = recorded(who, item)
            ids = _ids(said)
            # A recording said once is not said again, and neither are its ids.
            if item.name not in self.used and not ids & self.used and not _is_open(said):
                self.used |= {item.name, *ids}
                return said
        cut = rarely(self.draw, 8)
        made: AssistantMessage = self.draw(scripted(who, number, self.names, cut=cut))
        return made

    def own(self) -> AssistantMessage:
        """What an app wrote down itself, with neither origin nor provider data."""
        said: list[Part] = []
        for _ in range(self.draw(st.integers(1, 3))):
            kind = self.draw(st.sampled_from(["text", "text", "call", "call", "thought", "refusal", "server", "sound"]))
            if kind == "call":
                said.append(self.own_call())
            elif kind == "thought":
                said.append(ReasoningPart(self.draw(SAID)))
            elif kind == "refusal":
                said.append(RefusalPart(self.draw(SAID)))
            elif kind == "server" and "provider_tools" in self.knobs:
                said += self.draw(st.sampled_from(server_blocks(self.target.api, self.next())))
            elif kind == "sound" and self.target.family != RESPONSES:
                said.append(AudioPart(transcript=self.draw(SAID)))
            else:
                phase = self.draw(st.sampled_from([None, None, "commentary", "final_answer"]))
                said.append(TextPart(self.draw(st.one_of(SAID, SAID, BLANK)), rarely(self.draw), phase))
        if not any(isinstance(part, (ToolCallPart, OpaquePart)) for part in said):
            said.append(TextPart(self.draw(SAID)))
        return AssistantMessage(said)

    def own_call(self) -> ToolCallPart:
        id = self.draw(ID_FORMS).format(self.next())
        odd = rarely(self.draw, 5) or not self.names
        name = self.draw(ODD_NAMES.filter(bool) if odd else st.sampled_from(self.names))
        if rarely(self.draw, 6):
            return ToolCallPart(id, name, {}, self.draw(SAID), kind="custom")
        if rarely(self.draw, 8):
            return ToolCallPart(id, name, {}, self.draw(BROKEN_ARGUMENTS), "no object")
        return ToolCallPart(id, name, self.draw(ARGUMENTS))

    # --- answers to models -------------------------------------------------------------------------------------------

    def answer(self, said: tuple[Part, ...]) -> bool:
        """The results of its calls, in any order; False where it has none."""
        calls = [part for part in said if isinstance(part, ToolCallPart)]
        answers = [answer for part in said if self.hears(part) and (answer := answer_to(part)) is not None]
        order = self.draw(st.permutations(calls)) if len(calls) > 1 and self.draw(st.booleans()) else calls
        foreign_only = self.loose and not any(part.origin == self.origin for part in calls)
        for call in order:
            if foreign_only and rarely(self.draw, 8):
                continue
            for _ in range(2 if foreign_only and rarely(self.draw, 12) else 1):
                # Gemini wants the tool's name, and finds it with the call.
                name = self.draw(st.sampled_from([call.name, call.name, None]))
                failed = rarely(self.draw, 4)
                self.messages.append(ToolResultMessage(call.id, self.result_content(), name, failed))
                self.custom()
        if foreign_only and rarely(self.draw, 12):
            self.messages.append(ToolResultMessage("call_nobody", "To no call.", "look"))
        if answers:
            self.messages.append(UserMessage(answers))
        return bool(calls or answers)

    def hears(self, part: Part) -> bool:
        """Whether an answer to a block goes where the block goes: else handing off has to see to it."""
        return self.loose or part.origin in (None, self.origin)

    @property
    def origin(self) -> Origin:
        """That of what the target itself said."""
        return Origin(self.target.codec(self.model.spec).provider, self.target.api, self.model.spec.id)

    def leave_open(self) -> None:
        """Take a result away again, now and then: a user who spoke up before it came."""
        at = [i for i, message in enumerate(self.messages) if isinstance(message, ToolResultMessage)]
        if at and rarely(self.draw, 10):
            del self.messages[self.draw(st.sampled_from(at))]


_USER_BLOCKS: Final[dict[str, list[OpaquePart]]] = {
    RESPONSES: [OpaquePart("input_file", {"type": "input_file", "file_id": "file-1", "detail": "high"})],
    MESSAGES: [
        OpaquePart(
            "search_result",
            {
                "type": "search_result",
                "source": "https://a.test",
                "title": "A",
                "content": [{"type": "text", "text": "Found."}],
            },
        )
    ],
}


def _is_open(said: AssistantMessage) -> bool:
    """Whether it holds a call whose answer has no form that both the vendor's types and its rules take."""
    return any(isinstance(part, OpaquePart) and part.type == "local_shell_call" for part in said.content)


def _ids(said: AssistantMessage) -> set[str]:
    found: set[str] = set()
    for part in said.content:
        if isinstance(part, ToolCallPart):
            found.add(part.id)
        data: Any = part.data if isinstance(part, OpaquePart) else getattr(part, "provider_data", None)
        found |= {str(data[key]) for key in ("id", "tool_use_id") if key in (data or {})}
    return found


@st.composite
def talks(draw: Draw, target: Target, model: Model, knobs: frozenset[str], names: list[str], *, pure: bool) -> Talk:
    """A conversation. `pure`: the target itself and the app alone speak in it."""
    # An app may well send a conversation from elsewhere without handing it off, as long as it is whole.
    talk = Talk(draw, target, model, knobs, names, loose=not pure and not rarely(draw, 5))
    sources = [NATIVE, OWN]
    if not pure:
        known = SOURCES if has_neighbours(target) else tuple(each for each in SOURCES if each != NEIGHBOUR)
        sources = draw(st.lists(st.sampled_from([*APIS, *known, *known]), min_size=1, max_size=3))
    talk.user()
    for _ in range(draw(st.integers(0, 4))):
        if not talk.answer(talk.assistant(draw(st.sampled_from(sources)))) or rarely(draw, 3):
            talk.user()
            if rarely(draw, 8):
                talk.user()
    said = talk.last.content
    unheard = talk.loose and not any(isinstance(part, (str, TextPart)) for part in said)  # it may not be handed on
    if unheard or (not isinstance(talk.last, UserMessage) and (talk.loose or rarely(draw, 3))):
        talk.user()
    if isinstance(talk.last, UserMessage):
        talk.leave_open()  # calls at the very end would stay so
    if "prefill" in knobs and rarely(draw, 8) and isinstance(talk.last, UserMessage):
        talk.messages.append(AssistantMessage([TextPart(draw(SAID).rstrip())]))
    return talk
