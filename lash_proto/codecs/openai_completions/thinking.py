"""How a Chat Completions server is told how much to reason: one entry for each `ChatCompat.thinking_format`.

A level is one of ours, sent under the server's own word; a budget is tokens, kept below the cap on the output, of which
reasoning is a part here. What a format cannot say is refused rather than left out: a caller who switched reasoning off
would pay for it all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ...compat import ChatCompat
from ...errors import UnsupportedRequest
from ...values import JsonDict
from .._encoder import ROOM_TO_ANSWER

_Format: TypeAlias = Callable[[ChatCompat, str, "int | None"], JsonDict]
"""From the flags, the level ("off" for none) and the budget, where one was given instead of a level."""


def thinking_fields(compat: ChatCompat, reasoning: str | int | None, cap: int | None, notes: list[str]) -> JsonDict:
    """The body's fields for a level or budget; none where the caller leaves it to the provider. `cap` is the most tokens
    that the reply may have."""
    if reasoning is None:
        return {}
    if isinstance(reasoning, int):
        level, budget = ("on", _below(cap, reasoning, notes)) if reasoning > 0 else ("off", None)
    else:
        level, budget = reasoning, None
    if budget is None and level != "off" and compat.thinking_format in _SWITCHES and not compat.effort_beside_thinking:
        notes.append(f"the server only switches reasoning on or off: level {level!r} means on")
    return _FORMATS[compat.thinking_format](compat, level, budget)


def _below(cap: int | None, budget: int, notes: list[str]) -> int:
    """The budget, or what leaves room for an answer below the cap; of a cap too small for that it is half."""
    if cap is None:
        return budget
    room = cap - ROOM_TO_ANSWER if cap > ROOM_TO_ANSWER else max(1, cap // 2)
    if budget > room:
        notes.append(f"the reasoning budget is {room} tokens, to leave room for an answer")
    return min(budget, room)


def _word(compat: ChatCompat, level: str) -> str:
    """The server's word for a level; OpenAI's own for "off" is "none"."""
    word: str = (compat.effort_words or {}).get(level, "none" if level == "off" else level)
    return word


def _budget(compat: ChatCompat, budget: int) -> JsonDict:
    if compat.budget_field is None:
        raise UnsupportedRequest("a reasoning budget", "the server takes levels only; give a level")
    return {compat.budget_field: budget}


def _openai(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    return {"reasoning_effort": _word(compat, level)} if budget is None else _budget(compat, budget)


def _openrouter(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    return {"reasoning": {"effort": _word(compat, level)} if budget is None else {"max_tokens": budget}}


def _string(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    return {"thinking": _word(compat, level)} if budget is None else _budget(compat, budget)


def _none(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    raise UnsupportedRequest("reasoning", "the server has no field for it")


def _switch(on: JsonDict, off: JsonDict) -> _Format:
    """A server that has a switch, and beside it perhaps an effort and a budget."""

    def fields(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
        if level == "off":
            return off
        if budget is not None:
            return {**on, **_budget(compat, budget)}
        return {**on, "reasoning_effort": _word(compat, level)} if compat.effort_beside_thinking else on

    return fields


_SWITCHES: Final[dict[str, _Format]] = {
    "deepseek": _switch({"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
    # clear_thinking false: what is replayed of earlier turns is to be read (WIRE 2h).
    "zai": _switch({"thinking": {"type": "enabled", "clear_thinking": False}}, {"thinking": {"type": "disabled"}}),
    "together": _switch({"reasoning": {"enabled": True}}, {"reasoning": {"enabled": False}}),
    "qwen": _switch({"enable_thinking": True}, {"enable_thinking": False}),
    "qwen-chat-template": _switch(
        {"chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False, "preserve_thinking": True}},
    ),
}

_FORMATS: Final[dict[str, _Format]] = {
    "none": _none,
    "openai": _openai,
    "openrouter": _openrouter,
    "string": _string,
    **_SWITCHES,
}
