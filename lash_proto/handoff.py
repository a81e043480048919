"""A conversation made fit for another provider or model, with a report of what was lost on the way.

Decisions.
- What the target itself said stays as it is, with the answers to it: replies go back to their own provider and model
  untouched, failed ones and unanswered calls too. The rest becomes the app's own, with neither origin nor provider
  data, so that nothing foreign is left to be replayed. What is said to a model is never foreign by its message.
- Every message is decided by itself and what stands before it. So handing off a longer conversation leaves the earlier
  messages equal, as prompt caches want it, and handing off twice changes nothing. For the same reason calls at the
  very end of a conversation are left open: their results may still come.
- A turn from elsewhere that failed or was aborted is left out, and the results of its calls with it. A call from
  elsewhere that is still open when somebody speaks gets a result that says so, because every provider refuses a call
  without one; a result that comes later, or twice, or to no call, is left out (they are refused too).
- Ids and names of calls are made fit by the target's rule, in call and result alike; an id that was used before gets
  another, because some servers begin to count anew in every turn and Anthropic refuses an id used twice.
- What the target takes of ids, names and reasoning is data (`TargetRules`, from the compat object), and which kinds of
  input a model takes is for its host to know. Whether a part can be said at all (a picture of this type, a document by
  its URL) the target's encoder is asked, so that the two cannot disagree: what it refuses is told in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from attrs import define, evolve, field, frozen

from .compat import ChatCompat, TargetRules
from .errors import UnsupportedRequest
from .messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    LlmRequest,
    Message,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from .models import KINDS, ModelSpec
from .placeholders import IMAGE_OMITTED, TOOL_IMAGE_OMITTED, MediaPart, put_placeholder

if TYPE_CHECKING:
    from .codec import Codec, Route
    from .providers.handle import ProviderHandle

M = TypeVar("M", bound=Message)

ReasoningPolicy: TypeAlias = Literal["drop", "tagged", "text"]
"""What becomes of reasoning from elsewhere: nothing, text in `<thinking>` tags, or plain text."""

NO_RESULT: Final = "No result provided"
"""What a call is answered with that nobody answered."""


@frozen(weakref_slot=False)
class Loss:
    """Something that did not come along: what it was, where it stood in the messages given, and why.

    `part_index` is None where the whole message is meant, and for a message whose content is a string.
    """

    message_index: int
    part_index: int | None
    what: str
    why: str


@frozen(weakref_slot=False)
class Handoff:
    """The messages for the target, and everything that was lost."""

    messages: tuple[Message, ...]
    report: tuple[Loss, ...] = ()


def handoff(
    messages: Iterable[Message],
    to: Codec | Route | ProviderHandle,
    model: str | ModelSpec,
    *,
    reasoning: ReasoningPolicy = "tagged",
    sees: bool | None = None,
) -> Handoff:
    """The conversation as the model behind `to` (a handle, route or codec) can be told it. Never raises.

    `reasoning` says what becomes of other models' reasoning; a target that takes none (`TargetRules.demoted_reasoning`,
    Claude) gets none whatever it says. What is not among `ModelSpec.inputs` becomes a line of text; `sees` says of
    pictures what is not written there.
    """
    passage = Passage.to(to, model, reasoning=reasoning, sees=sees)
    for index, message in enumerate(messages):
        passage.add(index, message)
    return Handoff(tuple(passage.messages), tuple(passage.report))


def _with(message: M, **changes: Any) -> M:
    """The message with these changes: itself where there are none, for a copy has no keys that lash does not know."""
    same = all(getattr(message, name) == value for name, value in changes.items())
    return message if same else evolve(message, **changes)


def _is_blank(content: str | tuple[Part, ...]) -> bool:
    if isinstance(content, str):
        return not content.strip()
    return all(isinstance(part, TextPart) and not part.text.strip() for part in content)


def _target(to: Any, model: str | ModelSpec) -> tuple[Any, ModelSpec]:
    """The codec through which the model is asked, and the model as it is asked for."""
    if hasattr(to, "route_of"):  # a handle, which may have a route for each model
        return to.route_of(model).codec, to.policy.spec(model)
    return getattr(to, "codec", to), ModelSpec.of(model)


def _rules(codec: Any, spec: ModelSpec) -> TargetRules:
    """By the model's flags where they are the dialect's, else the codec's. One that tells none is taken for Chat."""
    ours = getattr(codec, "compat", None)
    compat = spec.compat if ours is not None and isinstance(spec.compat, type(ours)) else ours
    rules = getattr(compat, "rules", None)
    return rules if isinstance(rules, TargetRules) else ChatCompat().rules


@define
class _Call:
    """A call that was handed on: what it is called now, and whether its result came."""

    id: str
    name: str
    native: bool
    answered: bool = False


@define
class Passage:
    """One conversation on its way: `messages` for the target, as far as they were added. Handing off goes on where it
    stopped, so a conversation that grows costs what is new in it.
    """

    codec: Any
    spec: ModelSpec
    rules: TargetRules
    kinds: frozenset[str]
    reasoning: ReasoningPolicy
    messages: list[Message] = field(factory=list[Message], init=False)
    report: list[Loss] = field(factory=list[Loss], init=False)
    _calls: dict[str, list[_Call]] = field(factory=dict[str, list[_Call]], init=False)  # by the id they came with
    _open: list[_Call] = field(factory=list[_Call], init=False)
    _used: set[str] = field(factory=set[str], init=False)
    _others: set[str] = field(factory=set[str], init=False)  # those of them that the target did not give
    _numbers: dict[str, int] = field(factory=dict[str, int], init=False)  # how often an id came that was in use
    _gone: set[str] = field(factory=set[str], init=False)  # ids of blocks that were left out
    _at: int = field(default=0, init=False)

    @classmethod
    def to(
        cls,
        target: Codec | Route | ProviderHandle,
        model: str | ModelSpec,
        *,
        reasoning: ReasoningPolicy = "tagged",
        sees: bool | None = None,
    ) -> Passage:
        """The passage to a target, as for `handoff`; nothing is on its way yet."""
        codec, spec = _target(target, model)
        kinds = set(KINDS if spec.inputs is None else spec.inputs)
        if sees is not None:
            kinds = kinds | {"image"} if sees else kinds - {"image"}
        return cls(codec, evolve(spec, inputs=None), _rules(codec, spec), frozenset(kinds), reasoning)

    def add(self, index: int, message: Message) -> None:
        """Hand on the next message, the one at `index` of the conversation."""
        self._at = index
        if isinstance(message, CustomMessage):
            self.messages.append(message)
        elif isinstance(message, ToolResultMessage):
            self._result(message)
        else:
            self._answer_open_calls()
            if isinstance(message, UserMessage):
                self._user(message)
            else:
                self._assistant(message)

    def _lose(self, part_index: int | None, what: str, why: str) -> None:
        self.report.append(Loss(self._at, part_index, what, why))

    def _is_native(self, origin: Origin | None) -> bool:
        return origin is not None and not self._is_foreign(origin)

    def _is_foreign(self, origin: Origin | None) -> bool:
        if origin is None:
            return False
        return not origin.is_native(getattr(self.codec, "provider", None), self.codec.api, self.spec.id)

    # --- calls and results -------------------------------------------------------------------------------------------

    def _answer_open_calls(self) -> None:
        for call in self._open:
            if not call.answered:
                call.answered = True
                self.messages.append(ToolResultMessage(call.id, NO_RESULT, name=call.name, is_error=True))
        self._open = []

    def _result(self, message: ToolResultMessage) -> None:
        calls = self._calls.get(message.tool_call_id, [])
        call = next((call for call in calls if not call.answered), None)
        if call is None:
            if not calls:
                self._lose(None, "tool result", "its call is not in the conversation")
            else:
                self._lose(None, "tool result", "its call had been answered, or passed over, before it came")
            return
        call.answered = not call.native
        name = message.name if call.native or message.name is None else call.name
        content = self._content(message, TOOL_IMAGE_OMITTED)
        self.messages.append(_with(message, tool_call_id=call.id, name=name, content=content))

    def _call(self, part: ToolCallPart, index: int, fresh: dict[str, list[_Call]]) -> ToolCallPart:
        """The call as it is handed on, noted in `fresh` under the id it came with."""
        native = self._is_native(part.origin)
        made = self._own_call(part) if native else self._others_call(part, index)
        call = _Call(made.id, made.name, native)
        fresh.setdefault(part.id, []).append(call)
        self._used.add(made.id)
        if not native:
            self._others.add(made.id)
            self._open.append(call)
        return made

    def _own_call(self, part: ToolCallPart) -> ToolCallPart:
        """A call that it made."""
        # Where another's call has come to bear its id, it is this one that can still be told another.
        return evolve(part, id=self._unused(part.id)) if part.id in self._others else part

    def _others_call(self, part: ToolCallPart, index: int) -> ToolCallPart:
        """A call that the target did not make."""
        id = self._unused(part.id)
        name = self.rules.tool_name(part.name)
        if self._is_foreign(part.origin):
            part = evolve(part, id_sent=True, origin=None, provider_data=None)
        if part.arguments_error is not None:
            self._lose(index, "arguments", f"they are no JSON object ({part.arguments_error})")
            part = evolve(part, arguments={}, raw_arguments="", arguments_error=None)
        if part.kind == "custom" and not self.rules.custom_calls:
            part = evolve(part, kind="function", arguments={"input": part.raw_arguments}, raw_arguments="")
        return evolve(part, id=id, name=name)

    def _unused(self, id: str) -> str:
        """The id by the target's rule, or one made of it where that is in use."""
        found = self.rules.call_id(id)
        while found in self._used:
            self._numbers[id] = number = self._numbers.get(id, 1) + 1
            found = self.rules.call_id(f"{id}#{number}")
        return found

    # --- what the user and the tools say -----------------------------------------------------------------------------

    def _user(self, message: UserMessage) -> None:
        made = _with(message, content=self._content(message, IMAGE_OMITTED))
        if message.content and not made.content:
            return  # each of its parts is in the report
        why = self._refusal(made) if _is_blank(made.content) else None
        if why is None:
            self.messages.append(made)
        else:
            self._lose(None, "user message", why)

    def _content(self, message: UserMessage | ToolResultMessage, no_image: str) -> str | tuple[Part, ...]:
        if isinstance(message.content, str):
            return message.content
        made: list[Part] = []
        for index, part in enumerate(message.content):
            if isinstance(part, TextPart):
                made.append(self._text(part, index))
            elif isinstance(part, ReasoningPart):
                made += self._thought(part, index)
            elif (why := self._why_not(part, message)) is None:
                made.append(self._own(part))
            else:
                self._lose(index, part.type if isinstance(part, OpaquePart) else part.tag[1], why)
                if isinstance(part, MediaPart):
                    put_placeholder(made, part, no_image if part.tag[1] not in self.kinds else "(image omitted)")
        return tuple(made)

    def _why_not(self, part: Part, message: UserMessage | ToolResultMessage) -> str | None:
        """Why the target cannot be given a part of this message, None where it can."""
        if isinstance(part, OpaquePart):
            if self._is_foreign(part.origin):
                return "it is another provider's or model's own"
            if any(isinstance(value, str) and value in self._gone for value in part.data.values()):
                return "what it answers was left out"  # the output of a shell, say, or leave to make a call
        if isinstance(part, MediaPart) and part.tag[1] not in self.kinds:
            return f"the model takes no {part.tag[1]}"
        own = self._own(part)
        held = isinstance(part, (ImagePart, DocumentPart)) and part.file_id != own.file_id
        if isinstance(part, (ImagePart, AudioPart)) and part.data:
            own = evolve(own, data=part.data[:1])  # no encoder looks into them
        why = self._refusal(evolve(message, content=(own,)))
        return "another provider holds it" if why is not None and held else why

    def _refusal(self, message: UserMessage | ToolResultMessage) -> str | None:
        """The rule by which the target's encoder refuses a message, None where it does not."""
        asked: list[Message] = [message]
        if isinstance(message, ToolResultMessage):
            asked = [AssistantMessage([ToolCallPart(message.tool_call_id, message.name or "tool")]), message]
        try:
            self.codec.encode(LlmRequest(asked), self.spec)
        except UnsupportedRequest as error:
            return error.rule
        return None

    def _own(self, part: Any) -> Any:
        """The part without what only another provider understands or holds."""
        origin: Origin | None = part.origin
        if origin is None or not self._is_foreign(origin):
            return part
        if isinstance(part, (ImagePart, DocumentPart)) and not self._is_at_the_targets(origin):
            part = evolve(part, file_id=None)
        return evolve(part, origin=None, provider_data=None)

    def _is_at_the_targets(self, origin: Origin) -> bool:
        """Whether the provider is the same, if not the model: it holds the same files."""
        provider = getattr(self.codec, "provider", None)
        if provider is None or origin.provider is None:
            return bool(origin.api == self.codec.api)
        return bool(origin.provider == provider)

    # --- what the model said -----------------------------------------------------------------------------------------

    def _assistant(self, message: AssistantMessage) -> None:
        origins = [part.origin for part in message.content]
        native = any(self._is_native(origin) for origin in origins) and not any(map(self._is_foreign, origins))
        fresh: dict[str, list[_Call]] = {}
        if not native and (message.stop_reason in ("error", "aborted") or message.error is not None):
            fresh = {part.id: [] for part in message.content if isinstance(part, ToolCallPart)}
            for part in message.content:
                self._note_gone(part)
            self._lose(None, "assistant message", "it was aborted" if message.stop_reason == "aborted" else "it failed")
        else:
            made: list[Part] = []
            for index, part in enumerate(message.content):
                self._say(made, part, index, fresh)
            if made or not message.content:
                self.messages.append(_with(message, content=tuple(made)))
        self._calls |= fresh

    def _say(self, made: list[Part], part: Part, index: int, fresh: dict[str, list[_Call]]) -> None:
        """Add what becomes of a part of an assistant message."""
        if isinstance(part, ToolCallPart):
            made.append(self._call(part, index, fresh))
        elif isinstance(part, TextPart):
            made.append(self._text(part, index))
        elif isinstance(part, ReasoningPart):
            made += (part,) if self._has_a_place(part) else self._thought(part, index)
        elif isinstance(part, OpaquePart) and self._is_foreign(part.origin):
            self._lose(index, part.type, "it is another provider's or model's own")
            self._note_gone(part)
        elif isinstance(part, MediaPart) and not self._is_native(part.origin):
            self._lose(index, part.tag[1], "only the model that made it can be told that it did")
            put_placeholder(made, part, "(image omitted)")
        else:
            made.append(self._own(part))

    def _note_gone(self, part: Part) -> None:
        if isinstance(part, OpaquePart):
            self._gone |= {part.data[key] for key in ("id", "call_id") if isinstance(part.data.get(key), str)}

    def _text(self, part: TextPart, index: int) -> TextPart:
        if part.origin is None or not self._is_foreign(part.origin):
            return part
        if part.citations:
            self._lose(index, "citations", "they are in another provider's form")
        phase = part.phase if part.origin.api == self.codec.api else None
        if phase != part.phase:
            self._lose(index, "phase", "the target has no word for it")
        return evolve(part, phase=phase, citations=(), origin=None, provider_data=None)

    def _has_a_place(self, part: ReasoningPart) -> bool:
        """Whether the model can be told that it thought so: the target's own thoughts, the app's where they may be."""
        if part.origin is not None:
            return self._is_native(part.origin)
        signed = self.rules.signed_reasoning and not {"signature", "data"}.isdisjoint(part.provider_data or ())
        return signed or self.rules.own_reasoning

    def _thought(self, part: ReasoningPart, index: int) -> tuple[Part, ...]:
        """Reasoning as the policy says."""
        if not part.text.strip():
            self._lose(index, "reasoning", "it has no text that another model could read")
        elif not self.rules.demoted_reasoning:
            self._lose(index, "reasoning", "the target refuses reasoning of others told as text")
        elif self.reasoning == "drop":
            self._lose(index, "reasoning", "reasoning from elsewhere was to be dropped")
        else:
            return (TextPart(f"<thinking>{part.text}</thinking>" if self.reasoning == "tagged" else part.text),)
        return ()
