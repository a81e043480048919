"""Messages and their parts as the Messages API wants them (WIRE 4b, 4h, 12.4, 12.5).

Decisions.
- Content is always a list of blocks, so that a cache marker never turns a string into one.
- Neighbours of one side become one message, as the server would make of them anyway: user and assistant take turns on
  every server of this dialect. In the user's, tool results come first, then the pictures of failed results (with
  `is_error` a result takes text alone), then the rest. A message once encoded grows only at its end as long as results
  are appended before what follows them.
- Blank text is left out, for the server refuses it (it takes back its own); thinking at the very end of an assistant
  message too. A turn that paused (`pause_turn`) goes back unchanged, thinking at its end and all, until a user speaks.
- Parts from another provider or model go as the text they hold, or not at all; a note tells of each kind left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import define, field

from ...cache import Slot
from ...compat import AnthropicCompat, TargetRules
from ...errors import UnsupportedRequest
from ...messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
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
from ...values import JsonDict, get_dict, get_str
from .._encoder import encode_base64, media_type_of

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NAME_RULE = "names are 1 to 128 letters, digits, _ or -"
FILES_BETA = "files-api-2025-04-14"

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})")


@define
class Conversation:
    """The messages of one request being encoded; `messages` and `slots` are what it makes of them."""

    provider: str | None
    api: str
    model: str
    compat: AnthropicCompat
    messages: list[JsonDict] = field(factory=list[JsonDict])
    slots: list[Slot] = field(factory=list[Slot])
    notes: list[str] = field(factory=list[str])
    betas: list[str] = field(factory=list[str])
    cited: bool = False
    container: JsonDict | None = None
    _rules: TargetRules = field(init=False)
    _ids: dict[str, str] = field(factory=dict[str, str], init=False)

    def __attrs_post_init__(self) -> None:
        self._rules = self.compat.rules

    def add(self, messages: Sequence[Message]) -> None:
        """All messages, in turns."""
        heard: list[UserMessage | ToolResultMessage] = []
        for message in messages:
            if isinstance(message, AssistantMessage):
                self._add_user_turn(heard)
                heard = []
                self._append("assistant", self._assistant(message))
            elif not isinstance(message, CustomMessage):
                heard.append(message)
        self._add_user_turn(heard)
        if not self.messages:
            raise UnsupportedRequest("messages", "at least one message with content is needed")
        last = self.messages[-1]["content"][-1]
        if self.messages[-1]["role"] == "assistant" and last.get("text", "") != last.get("text", "").rstrip():
            rule = "what the assistant is to go on from may not end in white space"
            raise UnsupportedRequest("the last message", rule)

    def answers_unthought_calls(self) -> bool:
        """Whether the last message answers calls whose message has no thinking before them: the server then refuses a
        thinking budget."""
        if len(self.messages) < 2 or self.messages[-1]["content"][0]["type"] != "tool_result":
            return False
        return self.messages[-2]["content"][0]["type"] not in _THINKING

    def _append(self, role: str, content: list[JsonDict]) -> None:
        if not content:
            return
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += content
        else:
            self.messages.append({"role": role, "content": content})

    def note(self, text: str) -> None:
        """Tell it once."""
        if text not in self.notes:
            self.notes.append(text)

    def _is_foreign(self, origin: Origin | None) -> bool:
        return origin is not None and not origin.is_native(self.provider, self.api, self.model)

    # --- the user's side ---------------------------------------------------------------------------------------------

    def _add_user_turn(self, heard: Sequence[UserMessage | ToolResultMessage]) -> None:
        if not heard:
            return
        content: list[JsonDict] = []
        beside: list[JsonDict] = []
        others: list[UserMessage] = []
        for message in heard:
            if isinstance(message, UserMessage):
                others.append(message)
            else:
                content.append(self._tool_result(message, beside))
        content += beside
        for message in others:
            blocks = self._user_blocks(message.content, "user message")
            if not blocks:
                raise UnsupportedRequest("user message", "it needs content: blank text is refused")
            content += blocks
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == "assistant":
            self._drop_last_thinking(last["content"])
            if not last["content"]:
                self.messages.pop()
        self._append("user", content)

    def _user_blocks(self, content: str | tuple[Part, ...], where: str) -> list[JsonDict]:
        if isinstance(content, str):
            content = (TextPart(content),)
        blocks: list[JsonDict] = []
        for part in content:
            block = self._user_block(part, where)
            if block is not None:
                blocks.append(block)
                self.slots.append(Slot(block, "message", isinstance(part, TextPart), _is_breakpoint(part)))
        return blocks

    def _user_block(self, part: Part, where: str) -> JsonDict | None:
        if isinstance(part, TextPart):
            return text_block(part.text)
        if isinstance(part, ImagePart):
            return {"type": "image", "source": self._image_source(part)}
        if isinstance(part, DocumentPart):
            return self._document(part)
        if isinstance(part, OpaquePart):
            return self._opaque(part)
        if isinstance(part, AudioPart):
            raise UnsupportedRequest(f"audio in a {where}", "the Messages API takes no audio")
        raise UnsupportedRequest(f"{type(part).__name__} in a {where}", "only an assistant message can hold it")

    def _tool_result(self, message: ToolResultMessage, beside: list[JsonDict]) -> JsonDict:
        id = self._ids.get(message.tool_call_id) or self._rules.call_id(message.tool_call_id)
        result: JsonDict = {"type": "tool_result", "tool_use_id": id}
        content = message.content
        slot = Slot(result, "message", result=True)
        self.slots.append(slot)
        if isinstance(content, str):
            if content and not content.isspace():
                result["content"] = content
        else:
            slot.explicit = any(_is_breakpoint(part) for part in content)
            found = [self._user_block(part, "tool result") for part in content]
            blocks = [block for block in found if block is not None]
            if message.is_error:
                pictures = [block for block in blocks if block["type"] != "text"]
                if pictures:
                    beside.append({"type": "text", "text": f"From the failed tool call {result['tool_use_id']}:"})
                    beside.extend(pictures)
                    self.note("a failed tool result takes text alone: the rest of it stands after the results")
                blocks = [block for block in blocks if block["type"] == "text"]
            if blocks:
                result["content"] = blocks
        if message.is_error:
            # The server refuses a failure that says nothing.
            result.setdefault("content", "The tool failed without a message.")
            result["is_error"] = True
        return result

    def _image_source(self, part: ImagePart) -> JsonDict:
        if part.detail not in (None, "auto"):
            self.note("the detail of pictures is left out: the Messages API has none")
        if part.data is not None:
            media_type = media_type_of(part, IMAGES, "image")
            return {"type": "base64", "media_type": media_type, "data": encode_base64(part.data)}
        if part.url is not None:
            inline = _DATA_URL.fullmatch(part.url)
            if inline is None:
                return {"type": "url", "url": part.url}
            if inline[1] not in IMAGES:
                raise UnsupportedRequest(f"image of type {inline[1]}", "the dialect takes " + ", ".join(sorted(IMAGES)))
            return {"type": "base64", "media_type": inline[1], "data": inline[2]}
        return self._file(part.file_id, "image")

    def _file(self, file_id: str | None, what: str) -> JsonDict:
        if file_id is None:
            raise UnsupportedRequest(what, "it needs bytes, a URL or a file id")
        if FILES_BETA not in self.betas:
            self.betas.append(FILES_BETA)
        return {"type": "file", "file_id": file_id}

    def _document(self, part: DocumentPart) -> JsonDict:
        block: JsonDict = {"type": "document", "source": self._document_source(part)}
        if part.name is not None:
            block["title"] = part.name
        if part.context is not None:
            block["context"] = part.context
        if part.citations:
            block["citations"] = {"enabled": True}
            self.cited = True
        return block

    def _document_source(self, part: DocumentPart) -> JsonDict:
        if part.text is not None:
            return {"type": "text", "media_type": "text/plain", "data": part.text}
        if part.data is not None:
            media_type = media_type_of(part, _DOCUMENTS, "document")
            if media_type == "application/pdf":
                return {"type": "base64", "media_type": media_type, "data": encode_base64(part.data)}
            try:
                return {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8-sig")}
            except UnicodeDecodeError:
                raise UnsupportedRequest(f"document of type {media_type}", "its bytes are not UTF-8") from None
        if part.url is not None:
            return {"type": "url", "url": part.url}
        return self._file(part.file_id, "document")

    # --- the assistant's side ----------------------------------------------------------------------------------------

    def _assistant(self, message: AssistantMessage) -> list[JsonDict]:
        blocks: list[JsonDict] = []
        for part in message.content:
            block = self._assistant_block(part)
            if block is None:
                continue
            blocks.append(block)
            if block["type"] in _THINKING:
                continue
            if isinstance(part, TextPart) and not part.text.isspace():
                self.slots.append(Slot(block, "message", text=True, explicit=part.cache_breakpoint))
            else:
                self.slots.append(Slot(block, "message"))
        if message.stop_reason != "pause":
            self._drop_last_thinking(blocks)
        return blocks

    def _drop_last_thinking(self, blocks: list[JsonDict]) -> None:
        while blocks and blocks[-1]["type"] in _THINKING:
            blocks.pop()
            self.note("thinking at the end of an assistant message is left out: the server refuses it there")

    def _assistant_block(self, part: Part) -> JsonDict | None:
        if isinstance(part, TextPart):
            return self._assistant_text(part)
        if isinstance(part, ToolCallPart):
            return self._tool_use(part)
        if isinstance(part, ReasoningPart):
            return self._reasoning(part)
        if isinstance(part, OpaquePart):
            return self._opaque(part)
        if isinstance(part, RefusalPart):
            # Our own stands for `stop_details`, which were never content.
            return None if get_str(part.provider_data, "type") == "refusal" else text_block(part.text)
        if isinstance(part, AudioPart) and part.transcript is not None:
            self.note("what the assistant said in sound is sent as its transcript")
            return text_block(part.transcript)
        if part.origin is None:
            raise UnsupportedRequest(f"{type(part).__name__} in an assistant message", "the dialect has none there")
        self.note(f"{type(part).__name__} of another provider left out")
        return None

    def _assistant_text(self, part: TextPart) -> JsonDict | None:
        if part.origin is None or self._is_foreign(part.origin) or not part.text:
            return text_block(part.text)
        # Its own white space between two cited texts is taken back (WIRE 13).
        block: JsonDict = {"type": "text", "text": part.text}
        if part.citations:
            block["citations"] = [dict(citation) for citation in part.citations]
        return {**block, **(part.provider_data or {})}

    def _tool_use(self, part: ToolCallPart) -> JsonDict:
        name = self._rules.tool_name(part.name)
        if name != part.name:
            self.note(f"the tool {part.name!r} of an earlier call is called {name!r} here: {NAME_RULE}")
        arguments = part.arguments
        if part.kind == "custom":
            arguments = {"input": part.raw_arguments}
            self.note("the text of a custom tool call is sent as its argument `input`")
        id = self._ids[part.id] = self._rules.call_id(part.id)
        block: JsonDict = {"type": "tool_use", "id": id, "name": name, "input": dict(arguments)}
        if part.provider_data and not self._is_foreign(part.origin):
            block.update(part.provider_data)
        return block

    def _reasoning(self, part: ReasoningPart) -> JsonDict | None:
        if self._is_foreign(part.origin):
            self.note("reasoning of another provider or model left out")
            return None
        known = dict(part.provider_data or {})
        if known.get("type") == "redacted_thinking":
            return known
        signature = known.get("signature")
        if not isinstance(signature, str):
            if not self.compat.empty_signature_allowed:
                self.note("thinking without a signature left out: the server takes only its own, signed")
                return None
            signature = ""
        return {**known, "type": "thinking", "thinking": part.text, "signature": signature}

    def _opaque(self, part: OpaquePart) -> JsonDict | None:
        if self._is_foreign(part.origin):
            self.note(f"{part.type} of another provider or model left out")
            return None
        if part.type == "container":
            self.container = dict(part.data)
            return None
        return {"type": part.type, **part.data}


_THINKING = frozenset({"thinking", "redacted_thinking"})
_DOCUMENTS = frozenset(
    {"application/pdf", "text/plain", "text/markdown", "text/csv", "text/html", "text/xml", "application/json"}
)


def text_block(text: str) -> JsonDict | None:
    """A text block; None for blank text, which the server refuses."""
    return None if not text or text.isspace() else {"type": "text", "text": text}


def _is_breakpoint(part: Part) -> bool:
    return isinstance(part, (TextPart, ImagePart, DocumentPart)) and part.cache_breakpoint


def needs_container(messages: Sequence[Message]) -> bool:
    """Whether the turn is to go on in a container: it paused and nobody spoke since, or code in it called a tool and
    waits."""
    said = [m for m in messages if not isinstance(m, CustomMessage)]
    if said and isinstance(said[-1], AssistantMessage) and said[-1].stop_reason == "pause":
        return True
    last = next((m for m in reversed(said) if isinstance(m, AssistantMessage)), None)
    return last is not None and any(
        get_str(get_dict(part.provider_data, "caller"), "type") not in (None, "direct")
        for part in last.content
        if isinstance(part, ToolCallPart)
    )
