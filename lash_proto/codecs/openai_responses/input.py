"""Messages as Responses input items (WIRE 1b).

Decisions.
- A reply goes back as the items it came from: each with its id, reasoning before what it led to, server tools as they
  were. That is for the provider and model that made them; elsewhere ids, reasoning and server tools stay behind.
- Reasoning that is neither encrypted nor open cannot go back unless it is stored: the server knows it no more. Then the
  ids of what followed it in its message go too, because an item whose id needs that reasoning is refused (WIRE 1h).
  So is reasoning with nothing after it.
- What an item becomes depends on nothing behind its message: appending leaves the earlier items as they were.
- A text of nothing is left out, and a user who then says nothing at all is refused, in every form alike.
- A result that is an error has no mark in this dialect: its text says what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from attrs import define, field

from ...cache import place_breakpoints
from ...compat import ResponsesCompat, TargetRules
from ...errors import UnsupportedRequest
from ...messages import (
    AssistantMessage,
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from ...values import JsonDict, clean, get_list, get_str
from .._encoder import arguments_text, data_url, media_type_of

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names of tools and schemas, and call ids (WIRE 1b, 12.4)."""

_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_URL = re.compile(r"https?://|data:", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_DETAILS = ("auto", "low", "high", "original")


@define
class InputItems:
    """The input of one request while it is written."""

    provider: str | None
    api: str
    model: str
    compat: ResponsesCompat
    stored: bool
    marks: bool
    notes: list[str]
    items: list[JsonDict] = field(factory=list[JsonDict], init=False)
    _rules: TargetRules = field(init=False)
    _begun: int = field(default=0, init=False)
    _calls: dict[str, tuple[str, str, Any]] = field(factory=dict[str, "tuple[str, str, Any]"], init=False)
    _marked: list[JsonDict] = field(factory=list[JsonDict], init=False)

    def __attrs_post_init__(self) -> None:
        self._rules = self.compat.rules

    def add_system(self, role: str, system: str | tuple[TextPart, ...]) -> None:
        """The system text as a first message."""
        content = system if isinstance(system, str) else [self._text(part) for part in system]
        self.items.append({"role": role, "content": content})

    def add(self, message: Message, number: int) -> None:
        """One more message. Raises UnsupportedRequest for a part that the dialect lacks; `number` is the message's."""
        if isinstance(message, UserMessage):
            self._user(message, f"messages[{number}]")
        elif isinstance(message, AssistantMessage):
            self._assistant(message, number)
        elif isinstance(message, ToolResultMessage):
            self._result(message, number)

    def write_marks(self, extra_body: Mapping[str, Any] | None) -> None:
        """Mark the parts that end a cached prefix, by the rules of `lash_proto.cache`."""
        self.notes += place_breakpoints(self._marked, extra_body)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _is_native(self, origin: Origin | None) -> bool:
        return origin is not None and origin.is_native(self.provider, self.api, self.model)

    def _is_foreign(self, origin: Origin | None) -> bool:
        return origin is not None and not origin.is_native(self.provider, self.api, self.model)

    # --- what the user and the tools say ---------------------------------------------------------------------------

    def _user(self, message: UserMessage, place: str) -> None:
        said = len(self.items)
        if isinstance(message.content, str):
            self._flush_user(message.content)
        else:
            self._user_parts(message.content, place)
        if len(self.items) == said and not any(isinstance(part, OpaquePart) for part in message.content):
            raise UnsupportedRequest(place, "a user message needs content")

    def _user_parts(self, parts: tuple[Part, ...], place: str) -> None:
        content: list[JsonDict] = []
        for number, part in enumerate(parts):
            if isinstance(part, OpaquePart):
                if self._is_foreign(part.origin):
                    self._note(f"a foreign {part.type} in {place} was left out")
                elif part.type.startswith("input_"):
                    content.append(dict(part.data))
                else:  # an item of its own: the output of a shell call, the answer to an approval request
                    self._flush_user(content)
                    content = []
                    self.items.append({"type": part.type, **_without_nulls(part.data)})
            else:
                content += self._content(part, f"{place}.content[{number}]")
        self._flush_user(content)

    def _flush_user(self, content: str | list[JsonDict]) -> None:
        if content:
            self.items.append({"role": "user", "content": content})

    def _result(self, message: ToolResultMessage, place: int) -> None:
        known = self._calls.get(message.tool_call_id)
        id, kind, caller = known or (self._rules.call_id(message.tool_call_id), "function", None)
        output: Any = message.content
        if not isinstance(output, str):
            content: list[JsonDict] = []
            for number, part in enumerate(message.content):
                content += self._content(cast("Part", part), f"messages[{place}].content[{number}]")
            output = content or ""
        if message.is_error:
            self._note("Responses has no mark for a tool result that is an error: only its text was sent")
        item: JsonDict = {
            "type": "custom_tool_call_output" if kind == "custom" else "function_call_output",
            "call_id": id,
            "output": output,
        }
        if caller is not None:
            item["caller"] = caller
        self.items.append(item)

    def _content(self, part: Part, place: str) -> list[JsonDict]:
        if isinstance(part, TextPart):
            return [self._text(part)] if part.text else []
        if isinstance(part, ImagePart):
            return [self._marks(self._image(part, place), part.cache_breakpoint)]
        if isinstance(part, DocumentPart):
            context = [{"type": "input_text", "text": part.context}] if part.context else []
            return [*context, self._marks(self._file(part, place), part.cache_breakpoint)]
        if isinstance(part, AudioPart):
            raise UnsupportedRequest(f"audio in {place}", "Responses takes text, images and documents")
        raise UnsupportedRequest(f"{type(part).__name__} in {place}", "only an assistant message holds it")

    def _text(self, part: TextPart) -> JsonDict:
        return self._marks({"type": "input_text", "text": part.text}, part.cache_breakpoint)

    def _marks(self, item: JsonDict, breakpoint: bool) -> JsonDict:
        if breakpoint and self.marks:
            self._marked.append(item)
        elif breakpoint and not self.compat.cache_breakpoints:
            self._note("the server has no cache breakpoints")
        return item

    def _image(self, part: ImagePart, place: str) -> JsonDict:
        if part.detail is not None and part.detail not in _DETAILS:
            raise UnsupportedRequest(f"detail {part.detail!r} in {place}", "it is one of " + ", ".join(_DETAILS))
        item: JsonDict = {"type": "input_image", "detail": part.detail or "auto"}
        if part.data is not None:
            item["image_url"] = data_url(media_type_of(part, _IMAGES, f"image in {place}"), part.data)
        elif part.url is not None:
            if not _URL.match(part.url):
                raise UnsupportedRequest(f"image in {place}", "its URL begins with http:, https: or data:")
            item["image_url"] = part.url
        elif part.file_id is not None:
            item["file_id"] = part.file_id
        else:
            raise UnsupportedRequest(f"image in {place}", "it has neither data nor url nor file_id")
        return item

    def _file(self, part: DocumentPart, place: str) -> JsonDict:
        if part.citations:
            self._note("Responses cannot be asked for citations of a document")
        if part.name is not None and part.text is None and part.data is None:
            self._note("the name of a document that is sent by URL or id is left out")
        item: JsonDict = {"type": "input_file"}
        if part.text is not None:
            if not part.text:
                raise UnsupportedRequest(f"document in {place}", "its text is empty")
            item["filename"] = part.name or "document.txt"
            item["file_data"] = data_url("text/plain", clean(part.text).encode())
        elif part.data is not None:
            media_type = (part.media_type or "").lower().split(";")[0].strip()
            if not _MEDIA_TYPE.fullmatch(media_type):
                raise UnsupportedRequest(f"document in {place}", "bytes need a media_type")
            if media_type.split("/")[0] in ("audio", "video", "image"):
                rule = "input_file takes no audio or video, and pictures go in an ImagePart"
                raise UnsupportedRequest(f"document of type {media_type} in {place}", rule)
            item["filename"] = part.name or ("document.pdf" if media_type == "application/pdf" else "document")
            item["file_data"] = data_url(media_type, part.data)
        elif part.url is not None:
            item["file_url"] = part.url
        elif part.file_id is not None:
            item["file_id"] = part.file_id
        else:
            raise UnsupportedRequest(f"document in {place}", "it has neither data nor text nor url nor file_id")
        return item

    def _last(self) -> JsonDict:
        """The item before, within the message at hand: earlier ones are not touched any more."""
        return self.items[-1] if len(self.items) > self._begun else {}

    # --- what the model said ---------------------------------------------------------------------------------------

    def _assistant(self, message: AssistantMessage, place: int) -> None:
        self._begun = len(self.items)
        bare = False  # ids may not be sent: the reasoning they belong to is not
        for number, part in enumerate(message.content):
            if isinstance(part, ReasoningPart):
                item = self._reasoning(part)
                if item is not None:
                    self.items.append(item)
                else:
                    bare = bare or self._is_native(part.origin)
                    self._note("reasoning that is not this provider's and model's own, or not encrypted, was left out")
            elif isinstance(part, TextPart):
                self._said(part, part.phase, bare)
            elif isinstance(part, RefusalPart):
                self._said(part, get_str(part.provider_data, "phase"), bare)
            elif isinstance(part, ToolCallPart):
                self._call(part, bare)
            elif isinstance(part, OpaquePart):
                self._opaque(part, f"messages[{place}]")
            elif self._is_foreign(part.origin):
                what = f"a {type(part).__name__} in messages[{place}]"
                self._note(f"{what} was left out: Responses has none in what a model said")
            else:
                rule = "an assistant message holds text, reasoning, refusals and calls"
                raise UnsupportedRequest(f"{type(part).__name__} in messages[{place}].content[{number}]", rule)
        while self._last().get("type") == "reasoning":
            self.items.pop()
            self._note("reasoning that led to nothing was left out")

    def _reasoning(self, part: ReasoningPart) -> JsonDict | None:
        data = part.provider_data
        if data is None or not self._is_native(part.origin):
            return None
        encrypted, text = get_str(data, "encrypted_content"), get_list(dict(data), "content")
        if not (self.stored or encrypted or text):
            return None
        return {**_without_nulls(data), "type": "reasoning", "summary": get_list(dict(data), "summary")}

    def _said(self, part: TextPart | RefusalPart, phase: str | None, bare: bool) -> None:
        data: Mapping[str, Any] = (part.provider_data or {}) if self._is_native(part.origin) else {}
        id = get_str(dict(data), "id") if data else None
        if isinstance(part, TextPart) and part.cache_breakpoint and self.marks:
            self._note("Responses takes no cache breakpoint in what a model said")
        if id is None or bare:
            if part.text:
                item: JsonDict = {"role": "assistant", "content": part.text}
                if phase and not self._is_foreign(part.origin):
                    item["phase"] = phase
                self.items.append(item)
            return
        said = get_str(dict(data), "text")
        said = part.text if said is None else said
        content: JsonDict = {"type": "refusal", "refusal": said}
        if isinstance(part, TextPart):
            content = {"type": "output_text", "annotations": list(part.citations), "text": said}
        last = self._last()
        if data.get("part") and last.get("type") == "message" and last.get("id") == id:
            last["content"].append(content)
            return
        item = {
            "type": "message",
            "id": id,
            "role": "assistant",
            "status": get_str(dict(data), "status") or "completed",
        }
        if phase:
            item["phase"] = phase
        self.items.append({**item, "content": [content]})

    def _call(self, part: ToolCallPart, bare: bool) -> None:
        native = self._is_native(part.origin)
        id = part.id if native and part.id else self._rules.call_id(part.id)
        name = self._rules.tool_name(part.name)
        if name != part.name:  # models make up names, and OpenAI then refuses to hear them again
            self._note(f"the tool {part.name!r} of an earlier call is called {name!r} here: {_RULE}")
        kept: JsonDict = {**part.provider_data} if native and part.provider_data else {}
        if bare:
            kept.pop("id", None)
        kind = part.kind if native or self.compat.custom_tools else "function"
        self._calls[part.id] = (id, kind, kept.get("caller"))
        if kind == "custom":
            item = {"type": "custom_tool_call", "call_id": id, "name": name, "input": part.raw_arguments}
        else:
            if part.kind == "custom":
                self._note("the text of a custom tool call is sent as its argument `input`")
            if part.arguments_error is not None:
                self._note(f"arguments of {name!r} that are no JSON object went back as an empty one")
            item = {"type": "function_call", "call_id": id, "name": name, "arguments": arguments_text(part)}
        self.items.append({**kept, **item} if kept else item)

    def _opaque(self, part: OpaquePart, place: str) -> None:
        if self._is_foreign(part.origin):
            self._note(f"a {part.type} in {place} was left out: it is not this provider's and model's own")
            return
        data = {"type": part.type, **_without_nulls(part.data)}
        last = self._last()
        if part.type == "message" and data.get("id") and last.get("id") == data["id"]:
            last["content"] += get_list(data, "content")
        else:
            self.items.append(data)


_RULE = "names are letters, digits, _ and -, at most 64"


# What the vendor's SDK has as required and nullable in an item of input.
_NULLABLE: Final = {"code_interpreter_call": ("code", "outputs"), "image_generation_call": ("result",)}


def _without_nulls(data: Mapping[str, Any]) -> JsonDict:
    """An item to be sent back: members that are null in output are refused in input (WIRE 1h), unless they must be
    there."""
    needed = _NULLABLE.get(str(data.get("type")), ())
    item = {key: value for key, value in data.items() if value is not None or key in needed}
    action = item.get("action")
    if item.get("type") == "web_search_call" and isinstance(action, Mapping):
        item["action"] = {key: value for key, value in cast("JsonDict", action).items() if value is not None}
    return item
