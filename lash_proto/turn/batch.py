"""The calls of one message: each looked at, run, and given exactly one result.

Decisions.
- Every call goes the same way: taken up, checked, put to the host where somebody listens, run, shown to the host again.
  Where it stops on that way is its `status`, and the whole of what is saved of it.
- In parallel, the host is asked one question at a time, in the model's order, and no tool runs before the last of them
  is answered: what depends on each other must not hang on who was faster. Then all run together.
- In order (the agent's setting, or one tool of the batch that wants it), a call goes its whole way before the next.
- A result has one name for whatever went wrong: an error that the model can read. Only what a tool gave back itself, or
  what it raised, is shown to the host afterwards.
- A call that was being run when the state was saved may have been carried out. It runs again only where its tool says
  that this does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from attrs import define, evolve, field

from ..effects import Abort, AskHost, RunTool
from ..failures import LocalProtocolError
from ..happenings import Failed, Happening, HostAnswered, Progressed, ToolReturned
from ..machine import Ids
from ..messages import AssistantMessage, Message, ToolCallPart, ToolResultMessage
from ..tools import Tool, ToolCallError, ToolResult, check_arguments, error_result, find_tool, json_of, to_result
from .events import AgentEvent, ToolExecutionEnd, ToolExecutionStart, ToolExecutionUpdate
from .hooks import (
    AFTER_TOOL_CALL,
    APPROVE,
    BEFORE_TOOL_CALL,
    AfterToolCall,
    ApproveToolCall,
    BeforeToolCall,
    Block,
    Later,
)
from .state import BatchState, CallState, Status, Waiting

ABORTED = "The run was aborted before this call had a result."
INTERRUPTED = "interrupted; it may have run"
"""What the model is told of a call that was under way when the program ended."""
_CUT = (
    "{name} was not run: the reply ended before it was whole ({stop}), so the arguments may be cut short. "
    "Make the call again, with all of its arguments."
)
_HOOK_FAILED = "the program failed at this call: {}"
_NOT_WHOLE = ("length", "content_filter", "refusal")

_ASKING = ("before", "approve", "after")


@define
class Slot:
    """One call on its way. `question` is the AskHost that it waits for; `later`: the host cannot answer it now."""

    call: ToolCallPart
    status: Status = "new"
    arguments: Mapping[str, Any] | None = None
    attempt: int = 0
    result: ToolResult | None = None
    question: int | None = None
    later: bool = False
    effect: int | None = None  # the RunTool in flight
    deadline: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the host has to say something before it can go on."""
        return self.status in _ASKING

    def saved(self) -> CallState:
        """Its JSON form."""
        question = self.question if self.later else None
        return CallState(self.call, self.status, self.arguments, self.attempt, self.result, question)

    @classmethod
    def of(cls, state: CallState) -> Slot:
        """The slot whose JSON form this is."""
        question = state.question
        return cls(
            state.call,
            state.status,
            state.arguments,
            state.attempt,
            state.result,
            question,
            later=question is not None,
        )


@define
class Batch:
    """The calls of `message`. `advance` goes on as far as nothing has to be waited for; `launch` gives the RunTools of
    the calls that it made ready, once the state that says so is kept.
    """

    message: AssistantMessage
    slots: list[Slot]
    tools: tuple[Tool[Any, Any], ...]
    hooks: frozenset[str]
    ids: Ids
    sequential: bool = False
    messages: tuple[Message, ...] = field(default=(), eq=False)  # the conversation before it, for the hooks
    told: int = 0  # results that are part of the conversation already
    listed: tuple[ToolResultMessage, ...] = ()

    def saved(self) -> BatchState:
        """Its JSON form."""
        calls = tuple(slot.saved() for slot in self.slots)
        return BatchState(self.message, calls, self.listed, self.sequential)

    @classmethod
    def restored(
        cls,
        state: BatchState,
        tools: Sequence[Tool[Any, Any]],
        hooks: frozenset[str],
        ids: Ids,
        messages: Sequence[Message],
    ) -> Batch:
        """The batch whose JSON form this is, with the program's part."""
        slots = [Slot.of(call) for call in state.calls]
        batch = cls(state.message, slots, tuple(tools), hooks, ids, state.sequential)
        batch.told, batch.listed = len(state.told), state.told
        batch.messages = tuple(messages[: len(messages) - len(state.told) - 1])
        return batch

    @classmethod
    def of(
        cls,
        message: AssistantMessage,
        tools: Sequence[Tool[Any, Any]],
        hooks: frozenset[str],
        ids: Ids,
        *,
        sequential: bool,
    ) -> Batch:
        """The calls of a message, none of them taken up yet."""
        slots = [Slot(part) for part in message.content if isinstance(part, ToolCallPart)]
        wants = {tool.name for tool in tools if tool.execution == "sequential"}
        in_order = sequential or any(slot.call.name in wants for slot in slots)
        return cls(message, slots, tuple(tools), hooks, ids, in_order)

    # --- where it stands -------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether every call has its result."""
        return all(slot.status == "done" for slot in self.slots)

    @property
    def terminates(self) -> bool:
        """Whether the results end the run: only where all of them say so."""
        return bool(self.slots) and all(slot.result is not None and slot.result.terminate for slot in self.slots)

    @property
    def busy(self) -> bool:
        """Whether anything is in flight."""
        return any(slot.effect is not None or (slot.question is not None and not slot.later) for slot in self.slots)

    @property
    def launching(self) -> bool:
        """Whether `launch` has anything to give."""
        return any(slot.status == "running" and slot.effect is None for slot in self.slots)

    @property
    def wake_at(self) -> float | None:
        """When the first tool has had its time."""
        return min((slot.deadline for slot in self.slots if slot.deadline is not None), default=None)

    def waiting(self) -> list[Waiting]:
        """What the host will answer later."""
        return [
            Waiting(cast("int", slot.question), _NAMES[slot.status], slot.call, slot.arguments)
            for slot in self.slots
            if slot.later
        ]

    def owns(self, id: int) -> bool:
        """Whether an effect in flight is one of this batch."""
        return any(id == slot.effect or (id == slot.question and not slot.later) for slot in self.slots)

    def results(self) -> list[ToolResultMessage]:
        """The results to be told now: in the model's order, one by one in order, else all at the end."""
        if not self.sequential and not self.over:
            return []
        told: list[ToolResultMessage] = []
        for slot in self.slots[self.told :]:
            if slot.status != "done" or slot.result is None:
                break
            told.append(slot.result.message(slot.call))
        self.told += len(told)
        self.listed += tuple(told)
        return told

    # --- on the way ------------------------------------------------------------------------------------------------

    def advance(self) -> list[Any]:
        """Take up what can be taken up. Calls that may now run are marked so: `launch` gives them out."""
        outputs: list[Any] = []
        for slot in self.slots:
            if slot.status == "new":
                outputs += self._take_up(slot)
            if slot.waits and slot.question is None:  # restored, and to be asked again
                listens = slot.status == "approve" or _NAMES[slot.status] in self.hooks
                outputs += self._ask(slot) if listens else self.answer(slot, None)
            if slot.status in ("before", "approve") and not slot.later:
                return outputs
            if self.sequential and slot.status != "done":
                if slot.status == "ready":
                    self._mark(slot)
                return outputs
        if not any(slot.status in ("before", "approve") for slot in self.slots):
            for slot in self.slots:
                if slot.status == "ready":
                    self._mark(slot)
        return outputs

    def launch(self, now: float) -> list[Any]:
        """The effects of the calls that are to run."""
        effects: list[Any] = []
        for slot in self.slots:
            if slot.status == "running" and slot.effect is None:
                slot.effect = self.ids.next()
                tool = self._tool(slot)
                timeout = None if tool is None else tool.timeout
                slot.deadline = None if timeout is None else now + timeout
                effects.append(RunTool(slot.effect, slot.call, slot.arguments or {}, slot.attempt))
        return effects

    def receive(self, happening: Happening) -> list[Any]:
        """What follows from news of one of its effects."""
        id = getattr(happening, "id", None)
        slot = next(slot for slot in self.slots if id in (slot.effect, slot.question))
        match happening:
            case Progressed(_, value) if id == slot.effect:
                return [ToolExecutionUpdate(slot.call.id, slot.call.name, to_result(value))]
            case ToolReturned(_, output) if id == slot.effect:
                return self._ran(slot, to_result(output))
            case Failed(_, _, message) if id == slot.effect:
                return self._ran(slot, error_result(message))
            case Failed(_, _, message):
                slot.question = None
                return self._end(slot, error_result(_HOOK_FAILED.format(message)))
            case HostAnswered(_, value) if id == slot.question:
                return self.answer(slot, value)
            case _:
                raise LocalProtocolError(f"{type(happening).__name__} is no answer to what effect {id} asks")

    def answer(self, slot: Slot, value: Any) -> list[Any]:
        """What follows from the host's answer to a call's question."""
        if value is Later or isinstance(value, Later):
            slot.later = True
            return []
        slot.question, slot.later = None, False
        return _ANSWERS[slot.status](self, slot, value)

    def wake(self, now: float) -> list[Any]:
        """End the tools that have had their time."""
        outputs: list[Any] = []
        for slot in self.slots:
            if slot.effect is not None and slot.deadline is not None and now >= slot.deadline:
                tool = self._tool(slot)
                assert tool is not None
                outputs.append(Abort(slot.effect))
                outputs += self._ran(slot, error_result(f"{slot.call.name} had no result after {tool.timeout:g} s"))
        return outputs

    def abort(self, reason: str = ABORTED) -> list[Any]:
        """Give every call that has no result yet one that says so; nothing of it runs afterwards."""
        outputs: list[Any] = []
        for slot in self.slots:
            flight = slot.effect if slot.effect is not None else None if slot.later else slot.question
            if flight is not None:
                outputs.append(Abort(flight))
            slot.effect = slot.deadline = slot.question = None
            slot.later = False
            if slot.status == "new":
                outputs.append(_start(slot.call))
            if slot.status == "after":  # it was run: its result is what it gave
                outputs += self._end(slot, cast("ToolResult", slot.result))
            elif slot.status != "done":
                outputs += self._end(slot, error_result(reason))
        return outputs

    def restore(self, answers: dict[int, Any]) -> list[Any]:
        """After a restore: what was running runs again, or is given up, as its tool says. Questions are asked anew but
        for those whose answers are there, and those that nobody is there to ask."""
        outputs: list[Any] = []
        for slot in self.slots:
            slot.effect = slot.deadline = None
            if slot.status in ("before", "approve", "ready") and self._tool(slot) is None:
                slot.question, slot.later = None, False
                outputs += self._end(slot, error_result(f"The program has no tool {slot.call.name} any more."))
            elif slot.later and slot.question in answers:
                outputs += self.answer(slot, answers.pop(slot.question))
            elif slot.status != "approve" or APPROVE in self.hooks:
                slot.question, slot.later = None, False
            if slot.status == "running":
                tool = self._tool(slot)
                if tool is not None and tool.retry != "never":
                    self._mark(slot)
                else:
                    outputs += self._end(slot, error_result(INTERRUPTED))
        return outputs

    # --- one call --------------------------------------------------------------------------------------------------

    def _tool(self, slot: Slot) -> Tool[Any, Any] | None:
        return next((tool for tool in self.tools if tool.name == slot.call.name), None)

    def _take_up(self, slot: Slot) -> list[Any]:
        call = slot.call
        outputs: list[Any] = [_start(call)]
        stop = self.message.stop_reason
        if stop in _NOT_WHOLE:
            return outputs + self._end(slot, error_result(_CUT.format(name=call.name, stop=stop)))
        try:
            slot.arguments = check_arguments(find_tool(self.tools, call.name), call)
        except ToolCallError as error:
            return outputs + self._end(slot, error_result(str(error)))
        slot.status = "before"
        return outputs + (self._ask(slot) if BEFORE_TOOL_CALL in self.hooks else self._seen(slot))

    def _ask(self, slot: Slot) -> list[Any]:
        slot.question, slot.later = self.ids.next(), False
        arguments = slot.arguments or {}
        if slot.status == "before":
            value: Any = BeforeToolCall(self.message, slot.call, arguments, self.messages)
            return [AskHost(slot.question, BEFORE_TOOL_CALL, value)]
        if slot.status == "after":
            result = cast("ToolResult", slot.result)
            value = AfterToolCall(self.message, slot.call, arguments, result, self.messages)
            return [AskHost(slot.question, AFTER_TOOL_CALL, value)]
        if APPROVE not in self.hooks:  # nobody is there to ask
            slot.later = True
            return []
        return [AskHost(slot.question, APPROVE, ApproveToolCall(slot.call, arguments))]

    def _answered_before(self, slot: Slot, value: Any) -> list[Any]:
        if value is False or isinstance(value, Block):
            return self._end(slot, _blocked(Block() if value is False else value))
        if isinstance(value, Mapping):
            try:
                slot.arguments = json_of(value)  # what is kept of them must be what the tool gets
            except (TypeError, ValueError) as error:
                return self._end(slot, error_result(_HOOK_FAILED.format(f"{BEFORE_TOOL_CALL}: {error}")))
        elif value is not None and value is not True:
            return self._end(slot, _odd(BEFORE_TOOL_CALL, value))
        return self._seen(slot)

    def _seen(self, slot: Slot) -> list[Any]:
        tool = self._tool(slot)
        assert tool is not None
        if tool.approval:
            slot.status = "approve"
            return self._ask(slot)
        slot.status = "ready"
        return []

    def _answered_approve(self, slot: Slot, value: Any) -> list[Any]:
        if value is True:
            slot.status = "ready"
            return []
        if isinstance(value, Block):
            return self._end(slot, _blocked(value))
        if value is False or isinstance(value, str):
            return self._end(slot, _blocked(Block(value or "")))
        return self._end(slot, _odd(APPROVE, value))

    def _mark(self, slot: Slot) -> None:
        slot.status = "running"
        slot.attempt += 1

    def _ran(self, slot: Slot, result: ToolResult) -> list[Any]:
        slot.effect = slot.deadline = None
        if AFTER_TOOL_CALL not in self.hooks:
            return self._end(slot, result)
        slot.status, slot.result = "after", result
        return self._ask(slot)

    def _answered_after(self, slot: Slot, value: Any) -> list[Any]:
        if isinstance(value, ToolResult):
            return self._end(slot, value)
        return self._end(slot, cast("ToolResult", slot.result) if value is None else _odd(AFTER_TOOL_CALL, value))

    def _end(self, slot: Slot, result: ToolResult) -> list[AgentEvent]:
        slot.status, slot.result = "done", result
        return [ToolExecutionEnd(slot.call.id, slot.call.name, result)]


def _start(call: ToolCallPart) -> ToolExecutionStart:
    return ToolExecutionStart(call.id, call.name, call.arguments)


def _blocked(block: Block) -> ToolResult:
    return evolve(error_result(block.reason or "The program did not let this call be run."), terminate=block.terminate)


def _odd(hook: str, value: Any) -> ToolResult:
    return error_result(_HOOK_FAILED.format(f"{hook} gave a {type(value).__name__}"))


_NAMES = {"before": BEFORE_TOOL_CALL, "approve": APPROVE, "after": AFTER_TOOL_CALL}

_ANSWERS: dict[str, Callable[[Batch, Slot, Any], list[Any]]] = {
    "before": Batch._answered_before,  # pyright: ignore[reportPrivateUsage]
    "approve": Batch._answered_approve,  # pyright: ignore[reportPrivateUsage]
    "after": Batch._answered_after,  # pyright: ignore[reportPrivateUsage]
}
