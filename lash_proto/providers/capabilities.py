"""What can be said to a provider, whatever the model: found by asking its encoder, so that the two cannot disagree."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import fields, frozen

from ..codec import Codec
from ..errors import UnsupportedRequest
from ..messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    JsonObject,
    JsonSchema,
    LlmRequest,
    Part,
    ProviderOptions,
    ReasoningLevel,
    ToolDefinition,
    UserMessage,
)
from ..models import LEVELS, Kind
from ..values import Value


@frozen(weakref_slot=False, getstate_setstate=False)
class Capabilities(Value):
    """What requests by a handle may hold; nothing, where pictures are all that is made there.

    What a model makes of it is for its ModelSpec to say.
    """

    tag: ClassVar = ("type", "capabilities")
    api: str
    inputs: tuple[Kind, ...] = ()
    """What a user message may have."""
    levels: tuple[ReasoningLevel, ...] = ()
    """Levels of reasoning; some may be sent as a near one, with a note."""
    budget: bool = False
    """Whether reasoning may be a number of tokens."""
    json_object: bool = False
    json_schema: bool = False
    custom_tools: bool = False
    max_output_tokens: bool = False
    temperature: bool = False
    stop: bool = False
    seed: bool = False

    def shared_with(self, other: Capabilities) -> Capabilities:
        """What requests may hold by either; `api` stays."""
        both: dict[str, Any] = {}
        for name in [each.name for each in fields(Capabilities) if each.name != "api"]:
            mine, theirs = getattr(self, name), getattr(other, name)
            both[name] = mine and theirs if isinstance(mine, bool) else tuple(each for each in mine if each in theirs)
        return Capabilities(self.api, **both)


_PARTS: Final[dict[Kind, Part]] = {
    "image": ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png"),
    "audio": AudioPart(data=b"RIFF", media_type="audio/wav"),
    "document": DocumentPart(data=b"%PDF-", media_type="application/pdf", name="a.pdf"),
}


def capabilities_of(codec: Codec) -> Capabilities:
    """What the codec's encoder does not refuse in a request of one short message."""
    if codec.api.endswith("-images"):  # so are picture codecs called, and only they; they take no LlmRequest
        return Capabilities(codec.api)

    def says(*parts: Part, options: ProviderOptions | None = None, **fields: Any) -> bool:
        message = UserMessage(parts or "Hi.")
        try:
            codec.encode(LlmRequest((message,), options=options or ProviderOptions(), **fields), "model")
        except UnsupportedRequest:
            return False
        return True

    return Capabilities(
        api=codec.api,
        inputs=("text", *[kind for kind, part in _PARTS.items() if says(part)]),
        levels=tuple(level for level in LEVELS if says(options=ProviderOptions(reasoning=level))),
        budget=says(options=ProviderOptions(reasoning=4096)),
        json_object=says(output=JsonObject()),
        json_schema=says(output=JsonSchema("a", {"type": "object", "properties": {}, "additionalProperties": False})),
        custom_tools=says(tools=(ToolDefinition("a", kind="custom"),)),
        max_output_tokens=says(max_output_tokens=4096),
        temperature=says(temperature=1.0),
        stop=says(stop="\n\nHi."),
        seed=says(seed=1),
    )
