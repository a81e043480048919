"""Messages as Chat Completions writes them, one after the other, the earlier never touched by the later.

- A string stays a string and parts stay a list, because a prompt cache compares bytes; where parts carry
  `cache_control`, a text is always a part, marked or not. Else assistant content is a string or null: some servers
  answer in lists once they are shown one (NVIDIA, WIRE 2h). Only where the reasoning itself lived in the list, as
  Mistral's does, is it a list again, and where a server is told its reasoning as text.
- A tool message holds no picture. A placeholder stands there and the pictures follow in a user message, once all
  calls of the turn are answered; so that message grows while answers are missing and is fixed from then on.
- Call ids are replayed as they came. Ids from elsewhere are made fit: at most 40 letters, digits, `_` and `-`, the same
  for the same id, in call and result. So are names that no tool may have, whoever made them up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from ...compat import ChatCompat, TargetRules
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
from ...values import JsonDict, dump_json, get_dict, get_str
from .._encoder import arguments_text, data_url
from .parts import PartEncoder
from .reasoning import replay_fields

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAME_RULE: Final = "1 to 64 letters, digits, _ and -"

PICTURE_PLACEHOLDER: Final = "(see attached image)"
PICTURES_FOLLOW: Final = "Attached image(s) from tool result:"
BRIDGE: Final = "I have processed the tool results."

_PLAIN: Final[frozenset[type]] = frozenset({TextPart, ToolCallPart})


@define
class Conversation:
    """The messages of one request while they are written."""

    compat: ChatCompat
    target: Origin
    parts: PartEncoder
    messages: list[JsonDict] = field(factory=list[JsonDict], init=False)
    _rules: TargetRules = field(init=False)
    has_calls: bool = field(default=False, init=False)
    _ids: dict[str, str] = field(factory=dict[str, str], init=False)
    _names: dict[str, str] = field(factory=dict[str, str], init=False)
    _open: set[str] = field(factory=set[str], init=False)
    _pictures: list[JsonDict] = field(factory=list[JsonDict], init=False)

    def __attrs_post_init__(self) -> None:
        self._rules = self.compat.rules

    def add_system(self, system: str | tuple[TextPart, ...]) -> None:
        """The system prompt; nothing where it is empty."""
        if isinstance(system, str):
            content = self.parts.string(system, "system")
        else:
            content = [p for part in system if (p := self.parts.text(part, "system"))]
        if content:
            self.messages.append({"role": self.compat.system_role, "content": content})

    def add(self, message: Message) -> None:
        """The next message. A CustomMessage is the app's own."""
        if isinstance(message, ToolResultMessage):
            self._add_tool_result(message)
        elif isinstance(message, UserMessage):
            self.flush()
            content = message.content
            self._add_user(self.parts.string(content) if isinstance(content, str) else self._user_parts(content))
        elif isinstance(message, AssistantMessage):
            self.flush()
            self._add_assistant(message)

    def flush(self) -> None:
        """Send the pictures that tools gave back, if any wait."""
        if self._pictures:
            self._add_user([{"type": "text", "text": PICTURES_FOLLOW}, *self._pictures])
            self._pictures = []

    # --- user and tools --------------------------------------------------------------------------------------------

    def _user_parts(self, content: tuple[Part, ...]) -> list[JsonDict]:
        return [encoded for part in content for encoded in self.parts.user_part(part)]

    def _add_user(self, content: str | list[JsonDict]) -> None:
        if not content:
            raise UnsupportedRequest("a user message", "it is empty")
        if self.compat.assistant_after_tool_result and self.messages and self.messages[-1]["role"] == "tool":
            self.messages.append({"role": "assistant", "content": BRIDGE})
        self.messages.append({"role": "user", "content": content})

    def _add_tool_result(self, message: ToolResultMessage) -> None:
        if message.is_error:
            self.parts.note("that a tool failed has no field of its own: its text alone says so")
        id = self._ids.get(message.tool_call_id)
        id = self._wire_id(message.tool_call_id, native=False) if id is None else id
        content: str | list[JsonDict]
        if isinstance(message.content, str):
            content = message.content
        else:
            content = []
            for part in message.content:
                if isinstance(part, ImagePart):
                    self._pictures.append(self.parts.image(part))
                elif isinstance(part, DocumentPart) and part.text is not None:
                    content += self.parts.document(part, "tool")
                elif not isinstance(part, TextPart):
                    rule = "only text, images and documents of text"
                    raise UnsupportedRequest(f"a {type(part).__name__} in a tool result", rule)
                elif (text := self.parts.text(part, "tool")) is not None:
                    content.append(text)
            if not content:
                content = PICTURE_PLACEHOLDER if any(isinstance(p, ImagePart) for p in message.content) else ""
        encoded: JsonDict = {"role": "tool", "tool_call_id": id, "content": content}
        name = self._names.get(message.tool_call_id, message.name)
        if self.compat.tool_result_name and name:
            encoded["name"] = self._rules.tool_name(name)
        self.has_calls = True
        self.messages.append(encoded)
        self._open.discard(id)
        if not self._open:
            self.flush()

    # --- assistant -------------------------------------------------------------------------------------------------

    def _is_native(self, origin: Origin | None) -> bool:
        """Whether a part's provider data may go back: it came from there. The app's own parts have no such data."""
        return origin is not None and origin.is_native(self.target.provider, self.target.api, self.target.model or "")

    def _add_assistant(self, message: AssistantMessage) -> None:
        parts = message.content
        # Nearly all messages are text and calls. These can always be said again, and no other part is to be looked for.
        plain = _PLAIN.issuperset(map(type, parts))
        if not plain:
            parts = tuple([part for part in parts if self._is_kept(part)])
        texts: list[str] = []
        calls: list[JsonDict] = []
        self._open.clear()
        for part in parts:
            if isinstance(part, ToolCallPart):
                calls.append(self._call(part))
            elif isinstance(part, TextPart):
                texts.append(part.text)
                if part.cache_breakpoint and not self.parts.in_lists:
                    self.parts.note("a cache breakpoint in an assistant message has no place: its content is a string")
        simple = plain and not self.parts.in_lists
        content = "".join(texts) or None if simple else self._assistant_content(parts)
        encoded: JsonDict = {"role": "assistant", "content": content}
        if not plain:
            refusal = "".join([part.text for part in parts if isinstance(part, RefusalPart)])
            if refusal:
                encoded["refusal"] = refusal
            encoded |= self._reasoning(parts)
        if calls:
            encoded["tool_calls"] = calls
            self.has_calls = True
        if not plain:
            self._add_media(encoded, parts)
        if content is None:
            said = calls or "refusal" in encoded or "audio" in encoded
            if self.compat.content_required or not said:
                encoded["content"] = ""
        if not content and len(encoded) == 2:
            self.parts.note("an assistant message without content was left out")
            return
        if self.compat.reasoning_content_required:
            encoded.setdefault("reasoning_content", self.compat.reasoning_filler)
        self.messages.append(encoded)

    def _add_media(self, encoded: JsonDict, parts: tuple[Part, ...]) -> None:
        for part in parts:
            if isinstance(part, AudioPart) and part.id and self._is_native(part.origin):
                encoded["audio"] = {"id": part.id}
            elif isinstance(part, ImagePart):
                encoded.setdefault("images", []).append({"type": "image_url", "image_url": {"url": _picture_url(part)}})
            elif isinstance(part, OpaquePart) and part.type == "file":
                encoded.setdefault("annotations", []).append(dict(part.data))

    def _is_kept(self, part: Part) -> bool:
        """Whether a part of an assistant message can be said again; what cannot is noted."""
        if isinstance(part, (TextPart, RefusalPart, ToolCallPart)):
            return True
        if isinstance(part, AudioPart) and part.transcript:
            return True
        if isinstance(part, (ReasoningPart, OpaquePart, AudioPart, ImagePart)):
            own = part.origin is None and isinstance(part, ReasoningPart) and self._rules.own_reasoning
            if own or self._is_native(part.origin):
                return True
            self.parts.note(f"a {type(part).__name__} from elsewhere was left out")
            return False
        raise UnsupportedRequest(f"a {type(part).__name__} in an assistant message", "the dialect has no place for it")

    def _assistant_content(self, parts: tuple[Part, ...]) -> str | list[JsonDict] | None:
        thoughts = self._thoughts(parts)
        if not (self.parts.in_lists or thoughts or any(_lives_in_content(part) for part in parts)):
            return "".join([self._content_text(part) for part in parts]) or None
        content = [{"type": "text", "text": "\n\n".join(thoughts)}] if thoughts else []
        content += [p for part in parts if (p := self._content_part(part)) is not None]
        return content or None

    def _thoughts(self, parts: tuple[Part, ...]) -> list[str]:
        """The reasoning that goes back as text."""
        if not (self.compat.reasoning_as_text and self.compat.replay_reasoning):
            return []
        return [p.text for p in parts if isinstance(p, ReasoningPart) and p.text.strip() and not _lives_in_content(p)]

    def _content_text(self, part: Part) -> str:
        if isinstance(part, TextPart):
            return part.text
        if isinstance(part, AudioPart) and not (part.id and self._is_native(part.origin)):
            return part.transcript or ""
        if isinstance(part, OpaquePart) and part.type == "json":
            return dump_json(dict(part.data))
        return ""

    def _content_part(self, part: Part) -> JsonDict | None:
        if isinstance(part, ReasoningPart) and _lives_in_content(part):
            thinking = [{"type": "text", "text": part.text}] if part.text else []
            return {"type": "thinking", "thinking": thinking, **get_dict(part.provider_data, "with")}
        if isinstance(part, OpaquePart) and _lives_in_content(part):
            return dict(part.data)
        breakpoint = isinstance(part, TextPart) and part.cache_breakpoint and self.parts.in_lists
        return self.parts.text(TextPart(self._content_text(part), breakpoint), "assistant")

    def _reasoning(self, parts: tuple[Part, ...]) -> JsonDict:
        texts: list[tuple[str, Mapping[str, Any]]] = []
        for part in parts:
            if isinstance(part, ReasoningPart):
                own = {"field": "reasoning_content"} if part.origin is None else {}
                texts.append((part.text, part.provider_data or own))
        if texts and not self.compat.replay_reasoning:
            self.parts.note("the server does not take its reasoning back")
            return {}
        return {} if self.compat.reasoning_as_text else replay_fields(texts)

    def _call(self, part: ToolCallPart) -> JsonDict:
        native = self._is_native(part.origin)
        id = self._ids[part.id] = self._wire_id(part.id, native=native)
        self._open.add(id)
        self._names[part.id] = part.name
        name = self._rules.tool_name(part.name)
        if name != part.name:  # models make up names, and servers then refuse to hear them again
            self.parts.note(f"the tool {part.name!r} of an earlier call is called {name!r} here: {NAME_RULE}")
        encoded: JsonDict
        if part.kind == "custom" and (native or self.compat.custom_tools):
            encoded = {"id": id, "type": "custom", "custom": {"name": name, "input": part.raw_arguments}}
        else:
            if part.kind == "custom":
                self.parts.note("the text of a custom tool call is sent as its argument `input`")
            if part.arguments_error is not None:
                self.parts.note(f"arguments of {name!r} that are no JSON object went back as an empty one")
            function = {"name": name, "arguments": arguments_text(part)}
            encoded = {"id": id, "type": "function", "function": function}
        if native and (extra := get_dict(part.provider_data, "extra_content")):
            encoded["extra_content"] = extra
        return encoded

    def _wire_id(self, id: str, *, native: bool) -> str:
        return id if native and not self.compat.mistral else self._rules.call_id(id)


def _lives_in_content(part: Part) -> bool:
    """Whether a part stood in a list of content parts, and has to stand in one again."""
    if isinstance(part, ReasoningPart):
        return get_str(part.provider_data, "field") == "content"
    return isinstance(part, OpaquePart) and part.type not in _ELSEWHERE


_ELSEWHERE: Final[frozenset[str]] = frozenset({"json", "file"})


def _picture_url(part: ImagePart) -> str:
    return data_url(part.media_type or "image/png", part.data) if part.data is not None else part.url or ""
