"""How a Chat Completions server is told how much to reason: one entry for each `ChatCompat.thinking_format`.

A level is one of ours, sent under the server's own word; a budget is tokens, below the cap on the output already. What
a format cannot say is refused rather than left out: a caller who switched reasoning off would pay for it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ...compat import ChatCompat
from ...errors import UnsupportedRequest
from ...values import JsonDict
from .._encoder import unsaid

_Format: TypeAlias = Callable[[ChatCompat, str, "int | None"], JsonDict]
"""From the flags, the level ("off" for none) and the budget, where one was given instead of a level."""


def thinking_fields(compat: ChatCompat, reasoning: str | int | None, notes: list[str]) -> JsonDict:
    """The body's fields for a level or budget; where the caller leaves it to the provider, nothing but a template's own
    values."""
    if reasoning is None:
        return _template_fields(compat, {}) if compat.thinking_format in _TEMPLATES else {}
    level, budget = ("on", reasoning) if isinstance(reasoning, int) else (reasoning, None)
    if compat.thinking_format == "openai" and budget is None and not _word(compat, level):
        notes.append(unsaid(level))
        return {}
    if budget is None and level != "off" and not _tells_effort(compat):
        notes.append(f"the server only switches reasoning on or off: level {level!r} means on")
    return _FORMATS[compat.thinking_format](compat, level, budget)


def _tells_effort(compat: ChatCompat) -> bool:
    """Whether the server hears of a level more than that it is not off."""
    if compat.effort_beside_thinking:
        return True
    if compat.thinking_format in _TEMPLATES:
        return any(variable["$var"] == "thinking.effort" for variable in _variables(compat).values())
    return compat.thinking_format not in _SWITCHES


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


def _ant_ling(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    if budget is not None:
        return _budget(compat, budget)
    word = (compat.effort_words or {}).get(level)  # of a level that is on there is one, or it was refused already
    return {} if word is None else {"reasoning": {"effort": word}}


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


def _template(compat: ChatCompat, level: str, budget: int | None) -> JsonDict:
    """A server that hands values on to the model's chat template, with an effort or a budget beside them perhaps."""
    word: str | None = None
    if budget is None:
        # A template knows no "none": off has a word only where the flags give it one.
        word = (compat.effort_words or {}).get("off") if level == "off" else _word(compat, level)
    variables = _variables(compat).values()
    beside: JsonDict = {}
    if word is not None and compat.effort_beside_thinking:
        beside = {"reasoning_effort": word}
    elif budget is not None and (compat.budget_field or not any(v["$var"] == "thinking.budget" for v in variables)):
        beside = _budget(compat, budget)
    told = _template_fields(
        compat, {"thinking.enabled": level != "off", "thinking.effort": word, "thinking.budget": budget}
    )
    off_is_silence = level == "off" and any(v.get("omit_when_off") for v in variables)
    if not beside and not off_is_silence and told == _template_fields(compat, {}):
        raise UnsupportedRequest(f"reasoning {level!r}", "the server's template has no variable that says it")
    return {**told, **beside}


def _template_fields(compat: ChatCompat, values: Mapping[str, Any]) -> JsonDict:
    """The field of the template with these values for its variables, less those that have none."""
    variables = _variables(compat)
    told: JsonDict = {}
    for name, value in (compat.template or {}).items():
        if name not in variables:
            told[name] = value
        elif values.get("thinking.enabled") or not variables[name].get("omit_when_off"):
            said = values.get(variables[name]["$var"])
            if said is not None:
                told[name] = said
    return {_TEMPLATES[compat.thinking_format]: told} if told else {}


def _variables(compat: ChatCompat) -> dict[str, Mapping[str, Any]]:
    """The variables of the template, by the names that it has for them."""
    template: Mapping[str, Any] = compat.template or {}
    return {name: value for name, value in template.items() if isinstance(value, Mapping)}


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

_TEMPLATES: Final = {"chat-template": "chat_template_kwargs", "baseten": "chat_template_args"}

_FORMATS: Final[dict[str, _Format]] = {
    "none": _none,
    "openai": _openai,
    "openrouter": _openrouter,
    "string": _string,
    "ant-ling": _ant_ling,
    **_SWITCHES,
    **dict.fromkeys(_TEMPLATES, _template),
}
