"""Every dialect by name. `CODECS[api]` imports a dialect on first use: nobody pays for one they do not speak.

`CODECS["mine"] = codec` adds one of your own. What every dialect needs stands here too: `DialectDecoder` (derive from
it and say what an event means), the `Blocks` that it grows, and `http_request` and `fit_request` for the way out.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..codec import Codec

if TYPE_CHECKING:
    from ._blocks import Blocks, CallBlock, TextBlock
    from ._decoder import DialectDecoder
    from ._encoder import fit_request, http_request

__all__ = ["CODECS", "Blocks", "CallBlock", "DialectDecoder", "TextBlock", "fit_request", "http_request"]

_WHERE: Final[dict[str, tuple[str, str]]] = {
    "openai-completions": (".openai_completions", "OpenAICompletions"),
    "openai-responses": (".openai_responses", "OpenAIResponses"),
    "anthropic-messages": (".anthropic_messages", "AnthropicMessages"),
    "google-generative-ai": (".google", "GoogleGenerativeAI"),
    "google-code-assist": (".google", "GoogleCodeAssist"),
    "openai-images": (".openai_images", "OpenAIImages"),
    "openrouter-images": (".openrouter_images", "OpenRouterImages"),
}


class _Codecs(MutableMapping[str, Codec]):
    """The codecs with their defaults; `attrs.evolve` sets what a codec needs beside (a project, a provider's name)."""

    def __init__(self) -> None:
        self._made: dict[str, Codec] = {}

    def __getitem__(self, api: str) -> Codec:
        codec = self._made.get(api)
        if codec is None:
            if api not in _WHERE:
                raise KeyError(f"no codec for {api!r}; there are {', '.join(self)}")
            module, name = _WHERE[api]
            codec = self._made[api] = getattr(import_module(module, __name__), name)()
        return codec

    def __setitem__(self, api: str, codec: Codec) -> None:
        self._made[api] = codec

    def __delitem__(self, api: str) -> None:
        del self._made[api]  # one of ours is made anew when it is next asked for

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*_WHERE, *self._made)))

    def __len__(self) -> int:
        return len(_WHERE.keys() | self._made.keys())

    def __repr__(self) -> str:
        return f"CODECS({', '.join(self)})"


CODECS: Final[MutableMapping[str, Codec]] = _Codecs()

_TOOLS: Final = {
    "Blocks": "._blocks",
    "CallBlock": "._blocks",
    "DialectDecoder": "._decoder",
    "TextBlock": "._blocks",
    "fit_request": "._encoder",
    "http_request": "._encoder",
}


def __getattr__(name: str) -> Any:
    if name not in _TOOLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_TOOLS[name], __name__), name)
    return value
