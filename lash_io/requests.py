"""What a caller says to a client, made into an LlmRequest. Shared by the twins, so that both understand the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias, cast

from attrs import evolve, fields

from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    LlmRequest,
    Message,
    ProviderOptions,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.providers import make_handle, register_all, split_model
from lash_proto.providers.handle import ProviderHandle
from lash_proto.schema import output_of

Prompt: TypeAlias = str | Message | Iterable[Message] | LlmRequest
"""What can be asked: a text, a message, a conversation, or a whole request."""

_REQUEST = frozenset(field.name for field in fields(LlmRequest)) - {"messages", "options"}


def request_of(
    prompt: Prompt,
    knobs: Mapping[str, Any],
    options: ProviderOptions,
    dialect: type[ProviderOptions] = ProviderOptions,
) -> LlmRequest:
    """The request for a prompt and its keywords, which are fields of LlmRequest or of its options.

    `options` are the client's, `dialect` the class of options that the provider's dialect knows. A keyword beats the
    prompt's own request, and that beats the client. `output` may be a type or a JSON Schema. TypeError for a keyword
    that is neither, for options of another dialect, and for a type that JSON cannot say.
    """
    knobs = dict(knobs)
    said: ProviderOptions | None = knobs.pop("options", None)
    whole = prompt if isinstance(prompt, LlmRequest) else None
    if whole is not None:
        options = whole.options.over(options)
    if said is not None:
        options = said.over(options)
    settings = {name: knobs.pop(name) for name in list(knobs) if name in _REQUEST}
    if not (isinstance(options, dialect) or issubclass(dialect, type(options))):
        raise TypeError(f"{type(options).__name__} are options of another dialect; this one takes {dialect.__name__}")
    if not isinstance(options, dialect):
        options = dialect().over(options)
    if knobs:
        known = {field.name for field in fields(type(options))}
        refuse_unknown(knobs, known, _REQUEST, f"neither LlmRequest nor {type(options).__name__} has it")
        options = evolve(options, **knobs)
    settings["output"] = output_of(settings.get("output", None if whole is None else whole.output))
    if whole is not None:
        return evolve(whole, options=options, **settings)
    alone = isinstance(prompt, UserMessage | AssistantMessage | ToolResultMessage | CustomMessage)
    return LlmRequest(cast("Any", (prompt,) if alone else prompt), options=options, **settings)


def refuse_unknown(knobs: Mapping[str, Any], options: Collection[str], request: Collection[str], why: str) -> None:
    """TypeError for a keyword that is none, with the one that was probably meant."""
    unknown = sorted(knobs.keys() - options)
    if not unknown:
        return
    from difflib import get_close_matches

    known = sorted({*options, *request})
    meant = [_ELSEWHERE.get(unknown[0], ""), *get_close_matches(unknown[0], known, 1)]
    hint = next((f"; did you mean {name!r}?" for name in meant if name in known), "")
    raise TypeError(f"unknown option {unknown[0]!r}: {why}{hint}")


# What other clients call it.
_ELSEWHERE = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "stop_sequences": "stop",
    "reasoning_effort": "reasoning",
    "thinking": "reasoning",
    "response_format": "output",
    "system_prompt": "system",
    "instructions": "system",
    "timeout": "total_timeout",
}


def provider_of(provider: ProviderHandle | str, model: Any) -> tuple[ProviderHandle, Any]:
    """Handle and model: "kind:model" names both, and a kind alone stands for its factory without arguments."""
    if not isinstance(provider, str):
        return provider, model
    register_all()
    if ":" in provider:
        kind, named = split_model(provider)
        if model is not None:
            raise TypeError(f"two models: {provider!r} names one, and model={model!r} another")
        return make_handle(kind), named
    return make_handle(provider), model
