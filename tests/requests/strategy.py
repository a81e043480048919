"""Requests as apps make them: conversations from every source, and every knob that the target has.

A case is *legal*: calls are answered, names of tools are what providers allow, knobs do not contradict each other. So a
body that a provider would refuse is a finding. One case in ten is bold and asks for what the target may not have; that
must be refused by part and rule, and never be sent.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, evolve, field, frozen
from hypothesis import strategies as st

from lash_proto.codecs.anthropic_messages import AnthropicOptions
from lash_proto.codecs.google import GoogleOptions
from lash_proto.codecs.openai_completions import ChatOptions
from lash_proto.codecs.openai_images import ImagesOptions
from lash_proto.codecs.openai_responses import ResponsesOptions
from lash_proto.codecs.openrouter_images import OpenRouterImagesOptions
from lash_proto.compat import ChatCompat, GoogleCompat
from lash_proto.handoff import ReasoningPolicy, handoff
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    ImagePart,
    ImageRequest,
    JsonObject,
    LlmRequest,
    Message,
    OpaquePart,
    Part,
    ProviderOptions,
    ProviderTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import LEVELS, Capability, ModelSpec
from tests.strategies import WORDS, maybe

from . import parts
from .parts import ARGUMENTS, BLANK, BLOBS, ID_FORMS, ODD_NAMES, SAID, Draw, rarely, some
from .replies import Speaker, answer_to, recorded, recorded_by, scripted, server_blocks
from .targets import APIS, CHAT, CODE_ASSIST, GEMINI, KNOBS, MESSAGES, RESPONSES, TARGETS, Model, Target

POLICIES: Final[tuple[ReasoningPolicy, ...]] = ("tagged", "text", "drop")
OWN: Final = "the app"
NATIVE: Final = "itself"
NEIGHBOUR: Final = "a neighbour"
"""Who said what the assistant said, beside the dialects from elsewhere."""
SOURCES: Final = (OWN, NATIVE, NEIGHBOUR, *APIS)


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


# --- who speaks ------------------------------------------------------------------------------------------------------

_FOREIGN_THOUGHTS: Final[dict[str, tuple[Any, ...]]] = {
    CHAT: (
        {"field": "reasoning_content"},
        {"field": "reasoning", "details": [{"type": "reasoning.encrypted", "data": "ZW5j"}]},
        {"field": "content", "with": {"closed": True}},
    ),
}


def native(target: Target, model: Model) -> Speaker:
    """The target itself."""
    media = None
    if target.name.startswith("openrouter"):
        media = "image"
    elif "assistant:audio" in target.knobs - model.lacks and target.api == CHAT:
        media = "audio"
    return Speaker(target.api, target.codec(model.spec).provider, model.spec.id, target.thoughts, media)


def neighbour(draw: Draw, target: Target, model: Model) -> Speaker:
    """Another server of the same dialect that has a model of the same name."""
    others = [other for other in TARGETS if other.api == target.api and other.handle != target.handle]
    other = draw(st.sampled_from(others))
    return native(other, other.models[0])._replace(model=model.spec.id)


def foreign(api: str) -> Speaker:
    """Somebody else, in a dialect that may be the target's too."""
    return Speaker(api, "elsewhere", "another-model", _FOREIGN_THOUGHTS.get(api, (None,)))


# --- a conversation --------------------------------------------------------------------------------------------------


@define
class Talk:
    """A conversation while it is made up."""

    draw: Draw
    target: Target
    model: Model
    knobs: frozenset[str]
    names: list[str]
    messages: list[Message] = field(factory=list[Message])
    sources: set[str] = field(factory=set[str])
    loose: bool = False
    number: int = 0
    used: set[str] = field(factory=set[str])

    def next(self) -> int:
        self.number += 1
        return self.number

    def custom(self) -> None:
        """An entry of the app's own, now and then."""
        if rarely(self.draw, 10):
            self.messages.append(CustomMessage("note", {"n": self.next()}))

    # --- what goes in ------------------------------------------------------------------------------------------------

    def user(self) -> None:
        """A user message."""
        self.messages.append(UserMessage(self.draw(SAID) if self.draw(st.booleans()) else self.user_parts()))
        self.custom()

    def user_parts(self) -> list[Part]:
        media = [parts.images(self.knobs, self.target.family), parts.documents(self.knobs)]
        if "user:audio" in self.knobs:
            media.append(st.builds(AudioPart, BLOBS, st.sampled_from(["audio/wav", "audio/mp3", "audio/mpeg"])))
        said: list[Part] = some(self.draw, st.one_of(parts.texts(), parts.texts(), *media), 3)
        return [*said, TextPart(self.draw(SAID), rarely(self.draw))]

    def result_content(self) -> str | list[Part]:
        if rarely(self.draw, 3):
            kinds = [parts.texts(), parts.images(self.knobs, self.target.family)]
            if "result:document" in self.knobs:
                kinds.append(parts.documents(self.knobs - {"user:cited"}))
            if "result:audio" in self.knobs:
                kinds.append(st.builds(AudioPart, BLOBS, st.just("audio/wav")))
            return some(self.draw, st.one_of(*kinds), 3)
        return self.draw(st.one_of(SAID, SAID, BLANK))

    # --- what came out -----------------------------------------------------------------------------------------------

    def assistant(self, source: str, *, calls: bool = True) -> tuple[Part, ...]:
        """Something said by a source."""
        self.sources.add(source)
        if source == OWN:
            said = self.own(calls=calls)
        else:
            said = self.told_by(self.speaker(source), source, calls=calls)
        if said.content:
            self.messages.append(said)
            self.custom()
        return said.content

    def speaker(self, source: str) -> Speaker:
        if source == NATIVE:
            return native(self.target, self.model)
        return neighbour(self.draw, self.target, self.model) if source == NEIGHBOUR else foreign(source)

    def told_by(self, who: Speaker, source: str, *, calls: bool) -> AssistantMessage:
        number = self.next()
        servers = self.target.servers if source == NATIVE else frozenset(_SERVERS.get(source, ()))
        items = recorded_by(who.api, servers) if calls else ()
        if items and rarely(self.draw, 3):
            item = self.draw(st.sampled_from(items))
            said = recorded(who, item)
            ids = _ids(said)
            # A recording said once is not said again, and neither are its ids.
            if item.name not in self.used and not ids & self.used and not _is_open(said):
                self.used |= {item.name, *ids}
                return said
        cut = rarely(self.draw, 8)
        return self.draw(scripted(who, number, self.names, calls=calls and not cut, cut=cut))

    def own(self, *, calls: bool) -> AssistantMessage:
        """What an app wrote down itself, with neither origin nor provider data."""
        said: list[Part] = []
        for _ in range(self.draw(st.integers(1, 3))):
            kind = self.draw(st.sampled_from(["text", "text", "call", "call", "thought", "refusal", "server", "sound"]))
            if kind == "call" and calls:
                said.append(self.own_call())
            elif kind == "thought":
                said.append(ReasoningPart(self.draw(SAID)))
            elif kind == "refusal":
                said.append(RefusalPart(self.draw(SAID)))
            elif kind == "server" and "provider_tools" in self.knobs:
                said += self.draw(st.sampled_from(server_blocks(self.target.api, self.next())))
            elif kind == "sound" and self.target.family != RESPONSES:
                said.append(AudioPart(transcript=self.draw(SAID)))
            else:
                phase = self.draw(st.sampled_from([None, None, "commentary", "final_answer"]))
                said.append(TextPart(self.draw(st.one_of(SAID, SAID, BLANK)), rarely(self.draw), phase))
        if not any(isinstance(part, (ToolCallPart, OpaquePart)) for part in said):
            said.append(TextPart(self.draw(SAID)))
        return AssistantMessage(said)

    def own_call(self) -> ToolCallPart:
        id = self.draw(ID_FORMS).format(self.next())
        odd = rarely(self.draw, 5) or not self.names
        name = self.draw(ODD_NAMES.filter(bool) if odd else st.sampled_from(self.names))
        if "custom_tools" in self.knobs and rarely(self.draw, 6):
            return ToolCallPart(id, name, {}, self.draw(SAID), kind="custom")
        return ToolCallPart(id, name, self.draw(ARGUMENTS))

    def hears(self, part: Part) -> bool:
        """Whether an answer to a block goes where the block goes: else handing off has to see to it."""
        return self.loose or part.origin in (None, _origin(self.target, self.model))

    def answer(self, said: tuple[Part, ...]) -> bool:
        """The results of its calls, in any order; False where it has none.

        Of what is handed on some may lack, or come twice.
        """
        calls = [part for part in said if isinstance(part, ToolCallPart)]
        answers = [answer for part in said if (answer := answer_to(part)) is not None and self.hears(part)]
        order = self.draw(st.permutations(calls)) if len(calls) > 1 and self.draw(st.booleans()) else calls
        foreign_only = self.loose and not any(part.origin == _origin(self.target, self.model) for part in calls)
        for call in order:
            if foreign_only and rarely(self.draw, 8):
                continue
            again = foreign_only and rarely(self.draw, 12)
            for _ in range(1 + again):
                # Gemini wants the tool's name, and finds it with the call.
                name = self.draw(st.sampled_from([call.name, call.name, None]))
                failed = rarely(self.draw, 4)
                self.messages.append(ToolResultMessage(call.id, self.result_content(), name, failed))
                self.custom()
        if foreign_only and rarely(self.draw, 12):
            self.messages.append(ToolResultMessage("call_nobody", "To no call.", "look"))
        if answers:
            self.messages.append(UserMessage(answers))
        return bool(calls or answers)


_SERVERS: Final[dict[str, tuple[str, ...]]] = {
    CHAT: ("openai", "openrouter", "mistral", "groq", "deepseek", "huggingface", "xai", "moonshot"),
    RESPONSES: ("openai", "azure", "xai", "openrouter"),
    MESSAGES: ("anthropic",),
    GEMINI: ("google", "vertex"),
    CODE_ASSIST: (),
}


def _is_open(said: AssistantMessage) -> bool:
    """Whether it holds calls that must be answered by what nobody can make up."""
    return any(isinstance(part, OpaquePart) and part.type == "local_shell_call" for part in said.content)


def _ids(said: AssistantMessage) -> set[str]:
    found: set[str] = set()
    for part in said.content:
        if isinstance(part, ToolCallPart):
            found.add(part.id)
        data = part.data if isinstance(part, OpaquePart) else getattr(part, "provider_data", None)
        found |= {str(data[key]) for key in ("id", "tool_use_id") if key in (data or {})}
    return found


def _origin(target: Target, model: Model) -> Any:
    from lash_proto.messages import Origin

    codec = target.codec(model.spec)
    return Origin(codec.provider, target.api, model.spec.id)


@st.composite
def talks(draw: Draw, target: Target, model: Model, knobs: frozenset[str], names: list[str], *, pure: bool) -> Talk:
    """A conversation. `pure`: the target itself and the app alone speak in it."""
    # An app may well hand a conversation from elsewhere on without handing it off, as long as it is whole.
    talk = Talk(draw, target, model, knobs, names, loose=not pure and not rarely(draw, 5))
    sources = [NATIVE, OWN]
    if not pure:
        sources = draw(st.lists(st.sampled_from([*APIS, *APIS, *SOURCES]), min_size=1, max_size=3))
    talk.user()
    for _ in range(draw(st.integers(0, 4))):
        if not talk.answer(talk.assistant(draw(st.sampled_from(sources)))) or rarely(draw, 3):
            talk.user()
            if rarely(draw, 8):
                talk.user()
    if talk.loose and not isinstance(_last(talk.messages), UserMessage):
        talk.user()  # calls left open are answered only when somebody speaks
    if "prefill" in knobs and rarely(draw, 8) and isinstance(_last(talk.messages), UserMessage):
        talk.messages.append(AssistantMessage([TextPart(draw(SAID))]))
    return talk


def _last(messages: list[Message]) -> Message:
    return next(message for message in reversed(messages) if not isinstance(message, CustomMessage))


# --- knobs -----------------------------------------------------------------------------------------------------------


@define
class Knobs:
    """The fields of a request beside its messages, while they are chosen."""

    draw: Draw
    target: Target
    model: Model
    knobs: frozenset[str]
    fields: dict[str, Any] = field(factory=dict[str, Any])
    options: dict[str, Any] = field(factory=dict[str, Any])
    spec: ModelSpec = field(init=False)
    stream: bool = True

    def has(self, knob: str, one_in: int = 4) -> bool:
        """Whether a knob is there and is to be turned."""
        return knob in self.knobs and rarely(self.draw, one_in)

    def put(self, name: str, strategy: st.SearchStrategy[Any], one_in: int = 4) -> None:
        if self.has(name, one_in):
            self.fields[name] = self.draw(strategy)

    def option(self, name: str, strategy: st.SearchStrategy[Any], one_in: int = 4) -> None:
        if self.has(name, one_in):
            self.options[name] = self.draw(strategy)

    # --- the model ---------------------------------------------------------------------------------------------------

    def choose_spec(self) -> None:
        """What the host knows of the model."""
        facts: dict[str, Any] = {}
        if rarely(self.draw, 4):
            facts["max_output_tokens"] = self.draw(st.sampled_from([64, 4096, 200_000]))
        if rarely(self.draw, 6):
            facts["context_window"] = 200_000
        if rarely(self.draw, 5):
            facts["inputs"] = self.draw(st.sampled_from([("text",), ("text", "image"), ("text", "document", "audio")]))
        if self.model.spec.capability is None and rarely(self.draw, 4):
            levels = self.draw(st.sampled_from([None, ("low", "medium", "high"), ("off", "low", "max"), LEVELS]))
            budgets = self.draw(st.sampled_from([None, None, {"low": 1024, "high": 20_000}]))
            facts["capability"] = Capability(levels, budgets=budgets if self.takes_budgets else None)
        self.spec = evolve(self.model.spec, **facts)

    @property
    def takes_budgets(self) -> bool:
        return "budget" not in self.model.lacks and self.target.takes_budget(self.model.spec)

    # --- reasoning, and what it rules out ----------------------------------------------------------------------------

    def reasoning(self) -> None:
        draw, spec, family = self.draw, self.spec, self.target.family
        levels = [level for level in self.target.levels(spec) if f"effort:{level}" not in self.model.lacks]
        if self.has("reasoning", 2):
            forms: list[Any] = [*levels, *levels, None]
            if self.takes_budgets:
                forms += 3 * {MESSAGES: [1024, 5000], GEMINI: [0, 512, -1]}.get(family, [0, 2048])
                if spec.capability is not None and spec.capability.levels and "off" not in spec.capability.levels:
                    forms = [form for form in forms if form != 0]
            self.options["reasoning"] = draw(st.sampled_from(forms))
        self.option("expose_thinking", st.booleans())
        said = self.options.get("reasoning")
        if family == MESSAGES:
            self.claude_reasoning(said)

    def claude_reasoning(self, said: Any) -> None:
        """What Anthropic refuses beside thinking (WIRE 4b)."""
        if said is None or said == "off":
            return
        self.drop("temperature", "top_k", "top_p", "prefill")
        compat: Any = self.target.compat(self.spec)
        budgets = (
            isinstance(said, int)
            or not compat.adaptive_thinking
            or (self.spec.capability is not None and said in (self.spec.capability.budgets or {}))
        )
        if budgets:
            self.drop("choice:forced")
            self.knobs |= {"budgeted"}

    def drop(self, *names: str) -> None:
        self.knobs -= frozenset(names)

    # --- tools -------------------------------------------------------------------------------------------------------

    def tools(self, names: list[str], *, recursive: bool) -> None:
        draw = self.draw
        chosen: list[Any] = []
        if names and "tools" in self.knobs:
            chosen = draw(parts.tools(self.knobs, names, recursive=recursive))
        own = [tool.name for tool in chosen]
        served = [tool for tool in self.target.tools if tool.get("name") not in own]
        if served and self.has("provider_tools"):
            chosen += [ProviderTool(tool) for tool in some(draw, st.sampled_from(served), 2, 1)]
            if len(chosen) > 1 and chosen[-1] == chosen[-2]:
                chosen.pop()
        if not chosen:
            self.fields["tool_choice"] = draw(st.sampled_from([None, None, "auto", "none"]))
            return
        self.fields["tools"] = chosen
        forms = ["auto", "none"]
        if "choice:forced" in self.knobs and own:
            forms += ["required", draw(st.sampled_from(own))]
        if self.has("choice", 2):
            self.fields["tool_choice"] = draw(st.sampled_from(forms))
        if self.has("parallel"):
            self.options["parallel_tool_calls"] = draw(
                st.sampled_from([True, None] if self.is_gemini else [True, False])
            )

    @property
    def is_gemini(self) -> bool:
        return self.target.family == GEMINI

    # --- the rest ----------------------------------------------------------------------------------------------------

    def output(self, *, recursive: bool) -> None:
        held = self.target.family == MESSAGES
        if self.has("json_object", 8):
            self.fields["output"] = JsonObject()
        elif self.has("json_schema", 4):
            self.fields["output"] = self.draw(parts.outputs(strict=held, recursive=recursive and not held))
            self.drop("user:cited", "prefill")  # Anthropic wants neither beside it (WIRE 4b)

    def numbers(self) -> None:
        draw, family = self.draw, self.target.family
        least = 30_000 if "budgeted" in self.knobs else 1
        self.put("max_output_tokens", st.sampled_from([cap for cap in (1, 16, 4096, 32_000, 500_000) if cap >= least]))
        if family == MESSAGES and "budgeted" in self.knobs:
            limit = self.spec.max_output_tokens
            if limit is not None and limit < least:
                self.spec = evolve(self.spec, max_output_tokens=200_000)
        hottest = 1 if family == MESSAGES else 2
        self.put("temperature", st.sampled_from([0, 0.0, 0.7, 1, hottest]))
        if not ("temperature+top_p" in self.model.lacks and "temperature" in self.fields):
            self.put("top_p", st.sampled_from([0.0, 0.5, 1]))
        most = {CHAT: 4, GEMINI: 5, MESSAGES: 9}.get(family, 4)
        words = SAID if family == MESSAGES else st.one_of(SAID, st.just("\n\n"))
        self.put("stop", st.lists(words, min_size=1, max_size=most))
        self.put("seed", st.sampled_from([0, 7, 2**31 - 1]))
        self.put("session_id", parts.SESSIONS)
        self.put("request_id", parts.REQUEST_IDS)
        keys = (
            st.just("user_id")
            if family == MESSAGES and draw(st.booleans())
            else st.sampled_from(["a", "b-c", "x" * 64])
        )
        self.put(
            "metadata",
            st.dictionaries(
                keys, st.sampled_from(["1", "", "ü\ud83d", "y" * 512][: 3 if family == MESSAGES else 4]), max_size=3
            ),
        )
        if self.has("cache", 2):
            self.options["cache_retention"] = draw(st.sampled_from(["none", "short", "long"]))
        if self.target.tiers:
            self.option("service_tier", st.sampled_from(self.target.tiers))
        self.option("extra_body", st.sampled_from(self.target.extra))
        self.option("extra_headers", st.sampled_from([{"x-trace": "1"}, {"accept": None}, {"X-Trace": "ü"}]))

    def own_options(self) -> type[ProviderOptions]:
        """The dialect's own knobs, or another dialect's, which must be refused."""
        family = self.target.family
        if "other options" in self.knobs and rarely(self.draw, 12):
            family = self.draw(st.sampled_from([CHAT, RESPONSES, MESSAGES, GEMINI]))
        theirs = family != self.target.family
        class_, known = _OPTIONS[family]
        for name, strategy in known.items():
            if theirs or name in self.knobs:
                if rarely(self.draw, 7):
                    self.options[name] = self.draw(strategy)
        if not theirs:
            _AGREE.get(family, lambda knobs: None)(self)
        return class_


_OPTIONS: Final[dict[str, tuple[type[ProviderOptions], dict[str, st.SearchStrategy[Any]]]]] = {
    CHAT: (
        ChatOptions,
        {
            "frequency_penalty": st.sampled_from([-2, 0.5]),
            "presence_penalty": st.sampled_from([-0.5, 2]),
            "logit_bias": st.sampled_from([{"50256": -100}, {}]),
            "verbosity": st.sampled_from(["low", "high"]),
            "modalities": st.just(("text", "audio")),
            "prediction": st.just({"type": "content", "content": "Oslo"}),
            "web_search_options": st.sampled_from([{}, {"search_context_size": "low"}]),
            "safety_identifier": st.sampled_from(["user-1", "x" * 64]),
            "store": st.booleans(),
        },
    ),
    RESPONSES: (
        ResponsesOptions,
        {
            "store": st.booleans(),
            "encrypted_reasoning": st.booleans(),
            "include": st.sampled_from([(), ("file_search_call.results", "reasoning.encrypted_content")]),
            "summary": st.sampled_from(["auto", "concise", "detailed"]),
            "verbosity": st.sampled_from(["low", "medium", "high"]),
            "truncation": st.sampled_from(["auto", "disabled"]),
            "previous_response_id": st.just("resp_1"),
            "conversation": st.just("conv_1"),
            "max_tool_calls": st.just(3),
            "background": st.booleans(),
            "safety_identifier": st.sampled_from(["user-1", "x" * 64]),
        },
    ),
    MESSAGES: (
        AnthropicOptions,
        {
            "top_k": st.just(5),
            "effort": st.sampled_from(["low", "high", "max"]),
            "thinking_display": st.sampled_from(["summarized", "omitted"]),
            "betas": st.sampled_from([(), ("fast-mode-2026-02-01",), ("interleaved-thinking-2025-05-14",)]),
            "container": st.sampled_from(["container_1", {"skills": [{"type": "anthropic", "skill_id": "pdf"}]}]),
            "mcp_servers": st.just(({"type": "url", "name": "deep", "url": "https://mcp.test/"},)),
            "context_management": st.just({"edits": [{"type": "clear_tool_uses_20250919"}]}),
            "speed": st.sampled_from(["standard", "fast"]),
            "inference_geo": st.just("us"),
        },
    ),
    GEMINI: (
        GoogleOptions,
        {
            "top_k": st.just(5),
            "presence_penalty": st.just(0.5),
            "frequency_penalty": st.just(-0.5),
            "media_resolution": st.sampled_from(["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"]),
            "response_modalities": st.sampled_from([("TEXT",), ("TEXT", "IMAGE"), ("AUDIO",)]),
            "image_config": st.just({"aspectRatio": "16:9", "imageSize": "2K"}),
            "speech_config": st.just({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}),
            "safety_settings": st.just(({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},)),
            "cached_content": st.just("cachedContents/1"),
        },
    ),
}


def _agree_chat(knobs: Knobs) -> None:
    if "modalities" in knobs.options:
        knobs.options["audio"] = {"voice": "alloy", "format": "wav"}


def _agree_responses(knobs: Knobs) -> None:
    options = knobs.options
    if "previous_response_id" in options:
        options.pop("conversation", None)
    if options.get("background"):
        options["store"] = True


def _agree_messages(knobs: Knobs) -> None:
    if knobs.options.get("reasoning") not in (None, "off"):
        knobs.options.pop("top_k", None)


def _agree_gemini(knobs: Knobs) -> None:
    if "cached_content" in knobs.options:  # it has these inside
        for name in ("tools", "tool_choice", "system"):
            knobs.fields.pop(name, None)


_AGREE: Final[dict[str, Any]] = {
    CHAT: _agree_chat,
    RESPONSES: _agree_responses,
    MESSAGES: _agree_messages,
    GEMINI: _agree_gemini,
}


# --- put together ----------------------------------------------------------------------------------------------------

_EVERYTHING: Final = frozenset({"other options"}).union(*KNOBS.values())


@st.composite
def cases(draw: Draw, targets: tuple[Target, ...]) -> Case:
    """A conversation with knobs for one of the targets."""
    target = draw(st.sampled_from(targets))
    if target.pictures:
        return draw(picture_cases(target))
    model = draw(st.sampled_from(target.models))
    bold = rarely(draw, 12)
    known = target.knobs | ({"prefill"} if target.family == MESSAGES else set())
    knobs = Knobs(draw, target, model, ((_EVERYTHING if bold else frozenset()) | known) - model.lacks)
    knobs.choose_spec()
    knobs.reasoning()
    names = some(draw, parts.TOOL_NAMES, 3)
    names = list(dict.fromkeys(names))
    compat = target.compat(model.spec)
    recursive = not (isinstance(compat, GoogleCompat) and not compat.json_schema)
    knobs.tools(names, recursive=recursive)
    knobs.output(recursive=recursive)
    knobs.numbers()
    options = knobs.own_options()
    pure = draw(st.booleans())
    talk = draw(talks(target, model, knobs.knobs, names, pure=pure))
    messages = talk.messages
    if knobs.has("system", 2):
        knobs.fields["system"] = draw(st.one_of(SAID, st.lists(parts.texts(), max_size=3).map(tuple)))
    _agree_gemini(knobs) if target.family == GEMINI else None
    if isinstance(knobs.fields.get("output"), JsonObject):
        _say_json(draw, knobs, messages)
    policy: ReasoningPolicy | None = None
    if talk.loose or draw(st.booleans()):
        policy = draw(st.sampled_from(POLICIES))
        sees = draw(st.sampled_from([None, None, True, False]))
        messages = list(handoff(messages, target.handle, knobs.spec, reasoning=policy, sees=sees).messages)
    request = LlmRequest(messages, options=options(**knobs.options), **knobs.fields)
    return Case(target, knobs.spec, request, draw(st.booleans()), bold, frozenset(talk.sources), policy)


def _say_json(draw: Draw, knobs: Knobs, messages: list[Message]) -> None:
    """OpenAI gives a JSON object only where the word is said."""
    if draw(st.booleans()) and "cached_content" not in knobs.options and "system" in knobs.knobs:
        said = knobs.fields.get("system")
        knobs.fields["system"] = "Answer in JSON." if not isinstance(said, tuple) else (*said, TextPart("Use JSON."))
    else:
        messages.insert(0, UserMessage("Answer in JSON."))


@st.composite
def picture_cases(draw: Draw, target: Target) -> Case:
    """A call for pictures, or for pictures made from pictures."""
    own = target.api == "openai-images"
    prompt: Any = draw(SAID)
    if draw(st.booleans()):
        sources = st.builds(ImagePart, BLOBS, st.sampled_from(["image/png", "image/jpeg", "image/webp"]))
        if not own:
            sources |= st.builds(ImagePart, url=parts.URLS)
        prompt = draw(st.lists(st.one_of(parts.texts(), sources), max_size=4)) + [TextPart(draw(SAID))]
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
    return Case(
        target,
        target.models[0].spec,
        ImageRequest(prompt, options=_picture_options(draw, own, asked, prompt), **asked),
        draw(st.booleans()),
    )


def _picture_options(draw: Draw, own: bool, asked: dict[str, Any], prompt: Any) -> ProviderOptions:
    options: dict[str, Any] = {}
    if not own:
        if rarely(draw, 2):
            options["modalities"] = draw(st.sampled_from([("image",), ("image", "text")]))
        if rarely(draw, 2):
            options["image_config"] = {"background": "transparent"}
        return OpenRouterImagesOptions(**options)
    if rarely(draw, 2):
        clear = asked.get("format") != "jpeg"
        options["background"] = draw(
            st.sampled_from(["opaque", "auto", "transparent"] if clear else ["opaque", "auto"])
        )
    if rarely(draw, 2) and asked.get("format") in ("jpeg", "webp"):
        options["output_compression"] = draw(st.integers(0, 100))
    if rarely(draw, 2):
        options["moderation"] = draw(st.sampled_from(["auto", "low"]))
    if not isinstance(prompt, str) and any(isinstance(part, ImagePart) for part in prompt) and rarely(draw, 2):
        options["mask"] = ImagePart(draw(BLOBS), "image/png")
    return ImagesOptions(**options)
