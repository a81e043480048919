"""What is said to a model and what it said: requests, messages and their parts.

Decisions. One vocabulary for all dialects; what one dialect alone knows about a part travels in its `provider_data`,
written by the decoder of that dialect and read by its encoder only. `origin` says who made a part: an encoder replays
provider data only to where it came from, so nothing foreign is ever replayed. Content may be a plain string; it stays
one, because a string that becomes a list would change bytes that a prompt cache has already seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from attrs import field, fields, frozen

from .failures import Failure
from .usage import LlmUsage, StopReason
from .values import UNSET, Secret, Unset, Value, merge_patch

T = TypeVar("T")


@frozen(weakref_slot=False, getstate_setstate=False)
class Origin(Value):
    """Where a part came from: the provider kind, the dialect, and the model that was asked for. None: not known."""

    tag: ClassVar = ("type", "origin")
    provider: str | None
    api: str
    model: str | None

    def is_native(self, provider: str | None, api: str, model: str) -> bool:
        """Whether a request to that provider, dialect and model may carry this part's provider data."""
        return (
            self.api == api
            and (self.provider is None or provider is None or self.provider == provider)
            and (self.model is None or self.model == model)
        )


# --- parts -----------------------------------------------------------------------------------------------------------


@frozen(weakref_slot=False, getstate_setstate=False)
class TextPart(Value):
    """Text. `phase` is OpenAI's `commentary` or `final_answer`; `citations` are the provider's objects as sent."""

    tag: ClassVar = ("type", "text")
    text: str
    cache_breakpoint: bool = False
    phase: str | None = None
    citations: tuple[Mapping[str, Any], ...] = ()
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class ImagePart(Value):
    """A picture: bytes with their media type, or a URL, or the id of a file the provider holds."""

    tag: ClassVar = ("type", "image")
    data: bytes | None = field(default=None, repr=lambda d: "None" if d is None else f"<{len(d)} bytes>")
    media_type: str | None = None
    url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache_breakpoint: bool = False
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class DocumentPart(Value):
    """A document: bytes with their media type, plain `text`, a URL, or the id of a file the provider holds."""

    tag: ClassVar = ("type", "document")
    data: bytes | None = field(default=None, repr=lambda d: "None" if d is None else f"<{len(d)} bytes>")
    media_type: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    context: str | None = None
    citations: bool = False
    cache_breakpoint: bool = False
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class AudioPart(Value):
    """Sound: bytes with their media type. What a model said has its `transcript`, and an id that stands for it."""

    tag: ClassVar = ("type", "audio")
    data: bytes | None = field(default=None, repr=lambda d: "None" if d is None else f"<{len(d)} bytes>")
    media_type: str | None = None
    transcript: str | None = None
    url: str | None = None
    id: str | None = None
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolCallPart(Value):
    """A call of one of the client's tools. A custom call has its free text in `raw_arguments` and no `arguments`.

    `arguments` is `{}` with `arguments_error` set where the model wrote what is not a JSON object; `raw_arguments` is
    what it wrote. `id_sent` is False where the provider gave no id and lash made one up.
    """

    tag: ClassVar = ("type", "tool_call")
    id: str
    name: str
    arguments: Mapping[str, Any] = field(factory=dict[str, Any])
    raw_arguments: str = ""
    arguments_error: str | None = None
    kind: Literal["function", "custom"] = "function"
    id_sent: bool = True
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class ReasoningPart(Value):
    """What a model thought, as far as it is told: open text or a summary. Signatures live in `provider_data`."""

    tag: ClassVar = ("type", "reasoning")
    text: str = ""
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class RefusalPart(Value):
    """A model's own words for declining."""

    tag: ClassVar = ("type", "refusal")
    text: str
    origin: Origin | None = None
    provider_data: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class OpaquePart(Value):
    """A block that lash does not interpret (server tools and their results, new kinds): kept, and replayed as it was.

    `type` is the provider's word for it and `data` the block as the provider sent it.
    """

    tag: ClassVar = ("type", "opaque")
    type: str = field(metadata={"json": "block_type"})
    data: Mapping[str, Any]
    origin: Origin | None = None


Part: TypeAlias = (
    TextPart | ImagePart | DocumentPart | AudioPart | ToolCallPart | ReasoningPart | RefusalPart | OpaquePart
)


PARTS: tuple[type, ...] = get_args(Part)


def _all(value: Iterable[T], classes: tuple[type, ...], what: str) -> tuple[T, ...]:
    """The items, each of one of the classes: what is none (a dict, say) must not fall through an encoder unseen."""
    items = tuple(value)
    for item in items:
        if not isinstance(item, classes):
            known = ", ".join([class_.__name__ for class_ in classes])
            raise TypeError(f"{what} holds a {type(item).__name__}, which is none of {known}")
    return items


# --- messages --------------------------------------------------------------------------------------------------------


def as_content(value: str | Iterable[Part]) -> str | tuple[Part, ...]:
    """Text stays text; of anything else each item must be a part. Raises TypeError."""
    return value if isinstance(value, str) else _all(value, PARTS, "content")


def _parts(value: str | Iterable[Part]) -> tuple[Part, ...]:
    if isinstance(value, str):
        return (TextPart(value),) if value else ()
    return _all(value, PARTS, "content")


@frozen(weakref_slot=False, getstate_setstate=False)
class UserMessage(Value):
    """What the user says: a string, or parts (text, images, documents, audio)."""

    tag: ClassVar = ("role", "user")
    role: ClassVar = "user"
    content: str | tuple[Part, ...] = field(converter=as_content)


@frozen(weakref_slot=False, getstate_setstate=False)
class AssistantMessage(Value):
    """What the model said, with how it ended, what it cost and what went wrong. A string becomes one TextPart."""

    tag: ClassVar = ("role", "assistant")
    role: ClassVar = "assistant"
    content: tuple[Part, ...] = field(converter=_parts)
    stop_reason: StopReason | None = None
    usage: LlmUsage | None = None
    error: Failure | None = None
    id: str | None = None
    model: str | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolResultMessage(Value):
    """What one tool call gave back: text, or parts (text, images, documents). `name` is the tool's; Gemini needs it."""

    tag: ClassVar = ("role", "tool")
    role: ClassVar = "tool"
    tool_call_id: str
    content: str | tuple[Part, ...] = field(converter=as_content)
    name: str | None = None
    is_error: bool = False


@frozen(weakref_slot=False, getstate_setstate=False)
class CustomMessage(Value):
    """The app's own entry in a conversation: kept in order, never sent to a provider."""

    tag: ClassVar = ("role", "custom")
    role: ClassVar = "custom"
    name: str
    data: Any = None


Message: TypeAlias = UserMessage | AssistantMessage | ToolResultMessage | CustomMessage

MESSAGES: tuple[type, ...] = get_args(Message)


# --- requests --------------------------------------------------------------------------------------------------------


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolDefinition(Value):
    """A tool the model may call: `parameters` is a JSON Schema of an object.

    `strict` asks the provider to hold the model to the schema; None leaves the provider's default. A `custom` tool
    takes free text instead of arguments, held to `format` where given (OpenAI's grammars); other dialects refuse it.
    """

    tag: ClassVar = ("type", "tool")
    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom"] = "function"
    format: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class ProviderTool(Value):
    """A tool that the provider runs itself (web search, code execution): `data` is sent as it stands."""

    tag: ClassVar = ("type", "provider_tool")
    data: Mapping[str, Any]


Tool: TypeAlias = ToolDefinition | ProviderTool


@frozen(weakref_slot=False, getstate_setstate=False)
class JsonObject(Value):
    """The reply is to be a JSON object of any shape."""

    tag: ClassVar = ("type", "json_object")


@frozen(weakref_slot=False, getstate_setstate=False)
class JsonSchema(Value):
    """The reply is to be JSON that fits `schema`; `strict` asks the provider to enforce it."""

    tag: ClassVar = ("type", "json_schema")
    name: str
    schema: Mapping[str, Any]
    strict: bool = True


_EXTRAS = ("extra_body", "extra_headers")

ReasoningLevel: TypeAlias = Literal["off", "minimal", "low", "medium", "high", "xhigh", "max"]
CacheRetention: TypeAlias = Literal["none", "short", "long"]


@frozen(weakref_slot=False, getstate_setstate=False)
class ProviderOptions(Value):
    """Knobs of a call beside its content. What is UNSET comes from the handle, then from the default named here.

    Times are in seconds; None means no limit. A dialect's own knobs are on its subclass.
    """

    tag: ClassVar = ("type", "options")
    cache_retention: CacheRetention | Unset = UNSET
    """How long the provider is to keep the prompt cached. Default short."""
    reasoning: ReasoningLevel | int | Unset | None = UNSET
    """A level, or a budget in tokens (0 is "off"), or None: the provider's own default. Default None."""
    expose_thinking: bool | Unset = UNSET
    """Ask for readable reasoning where the provider would keep it to itself. Default False."""
    parallel_tool_calls: bool | Unset | None = UNSET
    """Whether one reply may hold several calls. Default None: the provider's own default."""
    service_tier: str | Unset | None = UNSET
    """The provider's word for how fast and how dear. Default None: not sent."""
    extra_body: Mapping[str, Any] | Unset | None = UNSET
    """A JSON Merge Patch (RFC 7396) on the finished body: objects merge, a None removes the key. Those of a call, its
    request, its client and its handle add up, the call's last; None for all of it: no other's either."""
    extra_headers: Mapping[str, str | Secret | None] | Unset | None = UNSET
    """Merged into the headers last; a None in it removes the header. A credential is given as a Secret. They add up as
    `extra_body` does."""
    allow_http: bool | Unset = UNSET
    """Let the credential go over plain http to another machine. Default False: InsecureRequest."""
    connect_timeout: float | Unset | None = UNSET
    """Until the connection stands. Default 10."""
    first_event_timeout: float | Unset | None = UNSET
    """From there to the first event. Default 120."""
    idle_timeout: float | Unset | None = UNSET
    """Between two events. Default 120."""
    reasoning_idle_timeout: float | Unset | None = UNSET
    """Between two events while the model reasons. Default 600."""
    total_timeout: float | Unset | None = UNSET
    """For the whole call, retries included. Default None."""
    max_retries: int | Unset = UNSET
    """Attempts beyond the first; with 0 there is no other for any reason but a renewed credential. Default 2."""
    retry_base_delay: float | Unset = UNSET
    """The wait before the first retry; it doubles from there. Default 0.5."""
    retry_max_delay: float | Unset = UNSET
    """The longest wait of our own choosing. Default 8."""
    retry_after_limit: float | Unset | None = UNSET
    """A server that asks for a longer wait than this is not waited for: the error is the caller's. Default 60."""
    throttle_budget: float | Unset | None = UNSET
    """In all, for waits that a rate limit asks for, at least 1 each; they count as no retry. Default 90."""
    retry_after_output: bool | Unset = UNSET
    """Retry even when output was handed on, announced by an AttemptReset. Default False."""

    def get(self, name: str, default: Any = None) -> Any:
        """The option's value, `default` where it is unset."""
        value = getattr(self, name)
        return default if value is UNSET else value

    def over(self, base: ProviderOptions) -> ProviderOptions:
        """These options over others: what they leave unset comes from `base`, and extras add up. The more special class
        of the two wins."""
        mine, theirs = type(self), type(base)
        class_ = theirs if issubclass(theirs, mine) else mine
        over, under = self._set(), base._set()
        if class_ is mine and not under:
            return self
        if class_ is theirs and not over:
            return base
        for name in _EXTRAS:
            if isinstance(over.get(name), Mapping) and isinstance(under.get(name), Mapping):
                over[name] = merge_patch(under[name], over[name], keep_nulls=True)
        known, _ = _names(class_)
        return class_(**{name: value for name, value in {**under, **over}.items() if name in known})

    def _set(self) -> dict[str, Any]:
        names, values_of = _names(type(self))
        values = values_of(self)
        if values.count(UNSET) == len(values):  # most calls set nothing, and each asks four times
            return {}
        return {name: value for name, value in zip(names, values, strict=True) if value is not UNSET}


_fields: dict[Any, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}


def _names(class_: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The fields of a class of options, and what gives the values of all of them at once."""
    if class_ not in _fields:
        names = tuple([field.name for field in fields(class_)])
        _fields[class_] = names, attrgetter(*names)
    return _fields[class_]


def _system(value: str | Iterable[TextPart] | None) -> str | tuple[TextPart, ...] | None:
    return value if value is None or isinstance(value, str) else _all(value, (TextPart,), "system")


def _words(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _tools(value: Iterable[Tool]) -> tuple[Tool, ...]:
    return _all(value, (ToolDefinition, ProviderTool), "tools")


def _prompt(value: str | Iterable[TextPart | ImagePart]) -> str | tuple[TextPart | ImagePart, ...]:
    return value if isinstance(value, str) else _all(value, (TextPart, ImagePart), "prompt")


def _messages(value: str | Iterable[Message]) -> tuple[Message, ...]:
    return (UserMessage(value),) if isinstance(value, str) else _all(value, MESSAGES, "messages")


@frozen(weakref_slot=False, getstate_setstate=False)
class LlmRequest(Value):
    """Everything a model is asked, in no dialect. A string for `messages` is one user message.

    `tool_choice` is "auto", "none", "required" or a tool's name. `session_id` names the conversation (a routing hint
    for prompt caches); `request_id` is the caller's own name for this call.
    """

    tag: ClassVar = ("type", "request")
    messages: tuple[Message, ...] = field(converter=_messages)
    system: str | tuple[TextPart, ...] | None = field(default=None, converter=_system)
    tools: tuple[Tool, ...] = field(default=(), converter=_tools)
    tool_choice: str | None = None
    output: JsonObject | JsonSchema | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = field(default=(), converter=_words)
    seed: int | None = None
    session_id: str | None = None
    request_id: str | None = None
    metadata: Mapping[str, str] | None = None
    options: ProviderOptions = field(factory=ProviderOptions)


@frozen(weakref_slot=False, getstate_setstate=False)
class ImageRequest(Value):
    """Pictures to be made: `prompt` is text, or text and image parts (pictures to start from)."""

    tag: ClassVar = ("type", "image_request")
    prompt: str | tuple[TextPart | ImagePart, ...] = field(converter=_prompt)
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    format: str | None = None
    options: ProviderOptions = field(factory=ProviderOptions)
