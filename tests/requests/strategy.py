"""Requests as apps make them: a conversation from every source, with every knob that the target has.

A case is *legal*: calls are answered, names of tools are what providers allow, knobs do not contradict each other. So a
body that a provider would refuse is a finding. One case in eight is bold and asks for what the target may not have;
that must be refused by part and rule, and never be sent.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from hypothesis import strategies as st

from lash_proto.codecs.openai_images import ImagesOptions
from lash_proto.codecs.openrouter_images import OpenRouterImagesOptions
from lash_proto.compat import GoogleCompat
from lash_proto.handoff import ReasoningPolicy, handoff
from lash_proto.messages import ImagePart, ImageRequest, JsonObject, LlmRequest, ProviderOptions, TextPart
from lash_proto.models import ModelSpec

from . import parts
from .conversations import talks
from .knobs import EVERYTHING, Knobs, say_json
from .parts import BLOBS, SAID, Draw, rarely, some
from .targets import MESSAGES, Target

POLICIES: Final[tuple[ReasoningPolicy, ...]] = ("tagged", "text", "drop")


@frozen
class Case:
    """A request ready to be sent, and how it came about.

    `sources` are who spoke for the assistant; `policy` is how reasoning was handed on, None where nothing was.
    """

    target: Target
    spec: ModelSpec
    request: LlmRequest | ImageRequest
    stream: bool
    bold: bool = False
    sources: frozenset[str] = frozenset()
    policy: ReasoningPolicy | None = None


@st.composite
def cases(draw: Draw, target: Target) -> Case:
    """A call of one target."""
    if target.pictures:
        return draw(picture_cases(target))
    model = draw(st.sampled_from(target.models))
    bold = rarely(draw, 8)
    known = target.knobs | ({"prefill"} if target.family == MESSAGES else set())
    if bold:  # what the target lacks, or what nobody may have
        known |= draw(st.sampled_from([EVERYTHING, {"other options"}, {"odd values"}, {"odd values"}]))
    knobs = Knobs(draw, target, model, known - model.lacks)
    knobs.reasoning()
    names = list(dict.fromkeys(some(draw, parts.TOOL_NAMES, 3)))
    compat = target.compat(knobs.spec)
    recursive = not (isinstance(compat, GoogleCompat) and not compat.json_schema)  # OpenAPI's form has no references
    knobs.tools(names, recursive=recursive)
    knobs.output(recursive=recursive)
    knobs.numbers()
    if knobs.has("system", 2):
        knobs.fields["system"] = draw(st.one_of(SAID, st.lists(parts.texts(), max_size=3).map(tuple)))
    options = knobs.own_options()
    talk = draw(talks(target, model, knobs.knobs, names, pure=draw(st.booleans())))
    messages = talk.messages
    if isinstance(knobs.fields.get("output"), JsonObject):
        say_json(draw, knobs, messages)
    policy = draw(st.sampled_from(POLICIES)) if talk.loose or draw(st.booleans()) else None
    if policy is not None:
        sees = draw(st.sampled_from([None, None, True, False]))
        messages = list(handoff(messages, target.handle, knobs.spec, reasoning=policy, sees=sees).messages)
    request = LlmRequest(messages, options=options(**knobs.options), **knobs.fields)
    return Case(target, knobs.spec, request, draw(st.booleans()), bold, frozenset(talk.sources), policy)


# --- pictures --------------------------------------------------------------------------------------------------------


@st.composite
def picture_cases(draw: Draw, target: Target) -> Case:
    """A call for pictures, or for pictures made from pictures."""
    own = target.api == "openai-images"
    prompt: Any = draw(SAID)
    if draw(st.booleans()):
        sources = st.builds(ImagePart, BLOBS, st.sampled_from(["image/png", "image/jpeg", "image/webp"]))
        if not own:
            sources |= st.builds(ImagePart, url=parts.URLS)
        prompt = [*draw(st.lists(st.one_of(parts.texts(), sources), max_size=4)), TextPart(draw(SAID))]
    asked: dict[str, Any] = {}
    if rarely(draw, 2):
        asked["n"] = draw(st.integers(1, 10)) if own else 1
    if rarely(draw, 2):
        sizes = ["auto", "1024x1024", "1536x1024", "2048x1152"] if own else ["16:9", "2K", "1024x1024", "auto", "0.5K"]
        asked["size"] = draw(st.sampled_from(sizes))
    if rarely(draw, 2):
        asked["quality"] = draw(st.sampled_from(["auto", "low", "high"]))
    if rarely(draw, 2):
        asked["format"] = draw(st.sampled_from(["png", "webp", "jpeg"]))
    options = _images_options(draw, asked, prompt) if own else _openrouter_options(draw)
    request = ImageRequest(prompt, options=options, **asked)
    return Case(target, target.models[0].spec, request, draw(st.booleans()))


def _images_options(draw: Draw, asked: dict[str, Any], prompt: Any) -> ProviderOptions:
    options: dict[str, Any] = {}
    edit = not isinstance(prompt, str) and any(isinstance(part, ImagePart) for part in prompt)
    if rarely(draw, 2):
        words = ["opaque", "auto"] if asked.get("format") == "jpeg" else ["opaque", "auto", "transparent"]
        options["background"] = draw(st.sampled_from(words))
    if rarely(draw, 2) and asked.get("format") in ("jpeg", "webp"):
        options["output_compression"] = draw(st.integers(0, 100))
    if rarely(draw, 2) and (not edit or rarely(draw, 8)):  # which an edit has not
        options["moderation"] = draw(st.sampled_from(["auto", "low"]))
    if edit and rarely(draw, 2):
        options["mask"] = ImagePart(draw(BLOBS), "image/png")
    return ImagesOptions(**options)


def _openrouter_options(draw: Draw) -> ProviderOptions:
    options: dict[str, Any] = {}
    if rarely(draw, 2):
        options["modalities"] = draw(st.sampled_from([("image",), ("image", "text")]))
    if rarely(draw, 2):
        options["image_config"] = {"background": "transparent"}
    return OpenRouterImagesOptions(**options)
