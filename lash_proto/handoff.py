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
- What the target takes is data (`TargetRules`, from the compat object); whether it sees is for the host to know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from attrs import define, evolve, field, frozen

from .compat import ChatCompat, TargetRules
from .messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
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
    codec, spec = _target(to, model)
    rules = _rules(codec, spec)
    kinds = {"text", *(KINDS if spec.inputs is None else spec.inputs)}
    if sees is not None:
        kinds = kinds | {"image"} if sees else kinds - {"image"}
    rules = evolve(rules, user_parts=rules.user_parts & kinds, result_parts=rules.result_parts & kinds)
    passage = _Passage(getattr(codec, "provider", None), codec.api, spec.id, rules, reasoning)
    for index, message in enumerate(messages):
        passage.add(index, message)
    return Handoff(tuple(passage.messages), tuple(passage.report))


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
class _Passage:
    """One conversation on its way."""

    provider: str | None
    api: str
    model: str
    rules: TargetRules
    reasoning: ReasoningPolicy
    messages: list[Message] = field(factory=list[Message], init=False)
    report: list[Loss] = field(factory=list[Loss], init=False)
    _calls: dict[str, list[_Call]] = field(factory=dict[str, list[_Call]], init=False)  # by the id they came with
    _open: list[_Call] = field(factory=list[_Call], init=False)
    _used: set[str] = field(factory=set[str], init=False)
    _others: set[str] = field(factory=set[str], init=False)  # those of them that the target did not give
    _at: int = field(default=0, init=False)

    def add(self, index: int, message: Message) -> None:
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
        return origin is not None and origin.is_native(self.provider, self.api, self.model)

    def _is_foreign(self, origin: Origin | None) -> bool:
        return origin is not None and not origin.is_native(self.provider, self.api, self.model)

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
        content = self._content(message.content, self.rules.result_parts, TOOL_IMAGE_OMITTED)
        self.messages.append(evolve(message, tool_call_id=call.id, name=name, content=content))

    def _call(self, part: ToolCallPart, index: int) -> ToolCallPart:
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
        number = 1
        while found in self._used:
            number += 1
            found = self.rules.call_id(f"{id}#{number}")
        return found

    def _note_call(self, given: str, part: ToolCallPart, fresh: dict[str, list[_Call]], *, native: bool) -> None:
        call = _Call(part.id, part.name, native)
        fresh.setdefault(given, []).append(call)
        self._used.add(part.id)
        if not native:
            self._others.add(part.id)
            self._open.append(call)

    # --- what the user and the tools say -----------------------------------------------------------------------------

    def _user(self, message: UserMessage) -> None:
        content = self._content(message.content, self.rules.user_parts, IMAGE_OMITTED)
        if content or not message.content:
            self.messages.append(evolve(message, content=content))

    def _content(self, content: str | tuple[Part, ...], kinds: frozenset[str], no_image: str) -> str | tuple[Part, ...]:
        if isinstance(content, str):
            return content
        made: list[Part] = []
        for index, part in enumerate(content):
            if isinstance(part, OpaquePart):
                if self._is_foreign(part.origin):
                    self._lose(index, part.type, "it is another provider's or model's own")
                    continue
            elif isinstance(part, ReasoningPart):
                made += self._thought(part, index)
                continue
            elif isinstance(part, MediaPart):
                why = self._why_not(part, kinds)
                if why is not None:
                    self._lose(index, part.tag[1], why)
                    put_placeholder(made, part, no_image)
                    continue
            elif isinstance(part, TextPart):
                made.append(self._text(part, index))
                continue
            made.append(self._own(part))
        return tuple(made)

    def _why_not(self, part: MediaPart, kinds: frozenset[str]) -> str | None:
        """Why the target cannot be given it, None where it can."""
        if part.tag[1] not in kinds:
            return f"the target takes no {part.tag[1]} there"
        held = part.data is not None or part.url is not None or isinstance(part, AudioPart)
        if (
            not held
            and self._is_foreign(part.origin)
            and not (isinstance(part, DocumentPart) and part.text is not None)
        ):
            return "another provider holds it"
        return None

    def _own(self, part: Any) -> Any:
        """The part without what only another provider understands."""
        return evolve(part, origin=None, provider_data=None) if self._is_foreign(part.origin) else part

    # --- what the model said -----------------------------------------------------------------------------------------

    def _assistant(self, message: AssistantMessage) -> None:
        origins = [part.origin for part in message.content]
        native = any(self._is_native(origin) for origin in origins) and not any(map(self._is_foreign, origins))
        fresh: dict[str, list[_Call]] = {}
        if native:
            content = [self._own_said(part, fresh) for part in message.content]
            self.messages.append(evolve(message, content=content))
        elif message.stop_reason in ("error", "aborted") or message.error is not None:
            fresh = {part.id: [] for part in message.content if isinstance(part, ToolCallPart)}
            self._lose(None, "assistant message", "it was aborted" if message.stop_reason == "aborted" else "it failed")
        else:
            made: list[Part] = []
            for index, part in enumerate(message.content):
                self._say(made, part, index, fresh)
            if made or not message.content:
                self.messages.append(evolve(message, content=made))
        self._calls |= fresh

    def _own_said(self, part: Part, fresh: dict[str, list[_Call]]) -> Part:
        """A part of a message that is the target's own."""
        if not isinstance(part, ToolCallPart):
            return part
        # Where another's call has come to bear its id, it is this one that can still be told another.
        made = evolve(part, id=self._unused(part.id)) if part.id in self._others else part
        self._note_call(part.id, made, fresh, native=True)
        return made

    def _say(self, made: list[Part], part: Part, index: int, fresh: dict[str, list[_Call]]) -> None:
        """Add what becomes of a part of a message that is not all the target's own."""
        if isinstance(part, ToolCallPart):
            if self._is_native(part.origin):
                made.append(self._own_said(part, fresh))
            else:
                call = self._call(part, index)
                self._note_call(part.id, call, fresh, native=False)
                made.append(call)
        elif isinstance(part, TextPart):
            made.append(self._text(part, index))
        elif isinstance(part, ReasoningPart):
            made += self._thought(part, index)
        elif isinstance(part, OpaquePart) and self._is_foreign(part.origin):
            self._lose(index, part.type, "it is another provider's or model's own")
        elif isinstance(part, MediaPart) and not self._is_native(part.origin):
            self._lose(index, part.tag[1], "only the model that made it can be told that it did")
            put_placeholder(made, part, "(image omitted)")
        else:
            made.append(self._own(part))

    def _text(self, part: TextPart, index: int) -> TextPart:
        if part.origin is None or not self._is_foreign(part.origin):
            return part
        if part.citations:
            self._lose(index, "citations", "they are in another provider's form")
        phase = part.phase if part.origin.api == self.api else None
        if phase != part.phase:
            self._lose(index, "phase", "the target has no word for it")
        return evolve(part, phase=phase, citations=(), origin=None, provider_data=None)

    def _thought(self, part: ReasoningPart, index: int) -> tuple[Part, ...]:
        """Reasoning from elsewhere as the policy says; the target's and the app's own where it has a place."""
        owned = part.origin is None and (self.rules.own_reasoning or part.provider_data is not None)
        if owned or self._is_native(part.origin):
            return (part,)
        if not part.text.strip():
            self._lose(index, "reasoning", "it has no text that another model could read")
        elif not self.rules.demoted_reasoning:
            self._lose(index, "reasoning", "the target refuses reasoning of others told as text")
        elif self.reasoning == "drop":
            self._lose(index, "reasoning", "reasoning from elsewhere was to be dropped")
        else:
            return (TextPart(f"<thinking>{part.text}</thinking>" if self.reasoning == "tagged" else part.text),)
        return ()
