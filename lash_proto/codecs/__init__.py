"""Every dialect by name. `CODECS[api]` imports a dialect on first use: nobody pays for one they do not speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from ..codec import Codec

_WHERE: Final[dict[str, tuple[str, str]]] = {
    "openai-completions": (".openai_completions", "OpenAICompletions"),
    "openai-responses": (".openai_responses", "OpenAIResponses"),
    "anthropic-messages": (".anthropic_messages", "AnthropicMessages"),
    "google-generative-ai": (".google", "GoogleGenerativeAI"),
    "google-code-assist": (".google", "GoogleCodeAssist"),
    "openai-images": (".openai_images", "OpenAIImages"),
    "openrouter-images": (".openrouter_images", "OpenRouterImages"),
}


class _Codecs(Mapping[str, Codec]):
    """The codecs with their defaults; `attrs.evolve` sets what a codec needs beside (a project, a provider's name)."""

    def __init__(self) -> None:
        self._made: dict[str, Codec] = {}

    def __getitem__(self, api: str) -> Codec:
        codec = self._made.get(api)
        if codec is None:
            if api not in _WHERE:
                raise KeyError(f"no codec for {api!r}; there are {', '.join(_WHERE)}")
            module, name = _WHERE[api]
            codec = self._made[api] = getattr(import_module(module, __name__), name)()
        return codec

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)

    def __repr__(self) -> str:
        return f"CODECS({', '.join(_WHERE)})"


CODECS: Final[Mapping[str, Codec]] = _Codecs()
