"""A conversation as Gemini's `contents` (WIRE 5b, 5h).

Decisions.
- One message is one content, except tool results: all of one turn are one `user` content of `functionResponse`s and
  nothing else, for text beside them makes the server take it for the model's. The server joins neighbours of one role
  itself (WIRE 13); only those of the model are joined here, at the end of what went before.
- A part that lash decoded goes back as it came: its text, its call, its `provider_data` beside it. A call from
  elsewhere has no thought signature; the first one of a message gets Google's documented word for that, because
  Gemini 3 refuses it otherwise.
- Ids are sent where the model gave them. Gemini matches by order where there are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, field

from ...compat import GoogleCompat, TargetRules
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
from ...values import JsonDict, clean
from .._encoder import check_name, encode_base64, media_type_of

SENTINEL: Final = "skip_thought_signature_validator"
"""What Google's documentation gives for calls that no Gemini made (ai.google.dev, thought signatures)."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
NAME_RULE: Final = "a name begins with a letter or underscore and has up to 128 of A-Z a-z 0-9 _ . : -"

IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
AUDIO: Final = frozenset(
    f"audio/{name}"
    for name in "wav x-wav mp3 mpeg mpga aiff aac x-aac ogg opus flac x-flac m4a mp4 l16 pcm webm".split()
)
VIDEO: Final = frozenset(
    f"video/{name}" for name in "mp4 mpeg mov quicktime avi x-flv mpg webm wmv x-ms-wmv 3gpp".split()
)
DOCUMENTS: Final = frozenset(
    {
        "application/pdf",
        "application/json",
        "application/rtf",
        "application/xml",
        "application/x-javascript",
        "application/x-python",
        *(f"text/{name}" for name in "plain html css csv xml markdown md rtf javascript x-python x-typescript".split()),
    }
)

_Said: TypeAlias = TextPart | ReasoningPart | RefusalPart | OpaquePart | ImagePart | AudioPart | DocumentPart

_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,(.+)", re.DOTALL)


@define(weakref_slot=False)
class Contents:
    """Messages in, contents out; `notes` has what was left out or changed without harm."""

    api: str
    provider: str | None
    model: str
    compat: GoogleCompat
    notes: list[str] = field(factory=list[str])
    _rules: TargetRules = field(init=False)
    _made: list[JsonDict] = field(init=False, factory=list[JsonDict])
    _results: list[JsonDict] = field(init=False, factory=list[JsonDict])
    _attached: list[JsonDict] = field(init=False, factory=list[JsonDict])  # what the results hold beside text
    _calls: dict[str, tuple[str, str | None]] = field(init=False, factory=dict[str, "tuple[str, str | None]"])

    def __attrs_post_init__(self) -> None:
        self._rules = self.compat.rules

    def encode(self, messages: Iterable[Message]) -> list[JsonDict]:
        """The contents. Raises UnsupportedRequest for what Gemini cannot be told."""
        for message in messages:
            if isinstance(message, ToolResultMessage):
                self._result(message)
            elif not isinstance(message, CustomMessage):
                self._end_results()
                if isinstance(message, UserMessage):
                    parts = self.user_parts(message.content, "user message")
                    if not parts:
                        raise UnsupportedRequest("user message", "it is empty, and a content needs at least one part")
                    self._made.append({"role": "user", "parts": parts})
                else:
                    parts = self._said(message)
                    if parts and self._made and self._made[-1]["role"] == "model":
                        self._made[-1]["parts"] += parts
                    elif parts:  # nothing may be left of a message that was all foreign reasoning
                        self._made.append({"role": "model", "parts": parts})
        self._end_results()
        return self._made

    # --- users -----------------------------------------------------------------------------------------------------

    def user_parts(self, content: str | Sequence[Part], what: str) -> list[JsonDict]:
        """Text and media as parts; empty texts are left out, for the server refuses them."""
        if isinstance(content, str):
            return [{"text": content}] if content else []
        return [made for part in content for made in self._user_part(part, what)]

    def _user_part(self, part: Part, what: str) -> list[JsonDict]:
        if isinstance(part, TextPart):
            return [{"text": part.text}] if part.text else []
        if isinstance(part, ImagePart):
            if part.detail not in (None, "auto"):
                self._note("the detail of pictures is left out: GoogleOptions.media_resolution sets it for all of them")
            return [self._media(part, IMAGES, "image")]
        if isinstance(part, AudioPart):
            return [self._media(part, AUDIO, "audio")]
        if isinstance(part, DocumentPart):
            return self._document(part)
        raise UnsupportedRequest(
            f"{type(part).__name__} in a {what}", "only text, pictures, documents and sound go there"
        )

    def _document(self, part: DocumentPart) -> list[JsonDict]:
        if part.citations:
            self._note("citations of a document are not asked for: Gemini has no such switch")
        if part.name is not None:
            self._note("the names of documents are left out: Gemini is not told them")
        before = [{"text": part.context}] if part.context else []
        if part.text is not None:
            if not part.text:
                raise UnsupportedRequest("document", "its text is empty")
            data = {"mimeType": part.media_type or "text/plain", "data": encode_base64(clean(part.text).encode())}
            return [*before, {"inlineData": data}]
        return [*before, self._media(part, DOCUMENTS | VIDEO | IMAGES, "document")]

    def _media(self, part: ImagePart | DocumentPart | AudioPart, allowed: frozenset[str], what: str) -> JsonDict:
        if part.data is not None:
            if not part.data:
                raise UnsupportedRequest(what, "it holds no bytes")
            media_type_of(part, allowed, what)
            return {"inlineData": {"mimeType": part.media_type, "data": encode_base64(part.data)}}
        file_id = None if isinstance(part, AudioPart) else part.file_id
        uri = part.url or file_id
        if not uri:
            raise UnsupportedRequest(what, "it holds neither bytes nor a URL")
        if inline := _DATA_URL.fullmatch(uri):
            if inline[1].lower() not in allowed:
                raise UnsupportedRequest(f"{what} of type {inline[1]}", "Gemini takes " + ", ".join(sorted(allowed)))
            return {"inlineData": {"mimeType": inline[1], "data": inline[2]}}
        data = {"mimeType": media_type_of(part, allowed, what)} if part.media_type else {}
        return {"fileData": {**data, "fileUri": uri}}

    # --- models ----------------------------------------------------------------------------------------------------

    def _said(self, message: AssistantMessage) -> list[JsonDict]:
        parts: list[JsonDict] = []
        called = False
        for part in message.content:
            native = self._is_native(part.origin)
            if isinstance(part, ToolCallPart):
                parts.append(self._call(part, native, first=not called))
                called = True
            elif (made := self._said_part(part, native)) is not None:
                parts.append(made)
        return parts

    def _said_part(self, part: _Said, native: bool) -> JsonDict | None:
        more: Mapping[str, Any] = {}
        if native and not isinstance(part, OpaquePart):
            more = part.provider_data or {}
        if isinstance(part, TextPart):
            return {"text": part.text, **more} if part.text or more else None
        if isinstance(part, ReasoningPart):
            if native:
                return {"text": part.text, "thought": True, **more} if part.text or more else None
            self._note("reasoning of another model is left out")
        elif isinstance(part, OpaquePart):
            if native:
                return dict(part.data)
            self._note(f"a {part.type} block of another provider is left out")
        elif isinstance(part, RefusalPart):
            return {"text": part.text} if part.text else None
        elif isinstance(part, AudioPart) and not (native and (part.data or part.url)):
            self._note("sound of another model, or without its bytes, is sent as its transcript")
            return {"text": part.transcript} if part.transcript else None
        elif isinstance(part, DocumentPart):
            raise UnsupportedRequest("DocumentPart in an assistant message", "a document goes into a user message")
        else:
            allowed = IMAGES if isinstance(part, ImagePart) else AUDIO
            if native and part.data is not None:  # as the model named it, though no user may send such a type
                return {"inlineData": {"mimeType": part.media_type, "data": encode_base64(part.data)}, **more}
            return {**self._media(part, allowed, part.tag[1]), **more}
        return None

    def _call(self, call: ToolCallPart, native: bool, *, first: bool) -> JsonDict:
        name = self._rules.tool_name(call.name)
        if name != call.name:
            self._note(f"the tool {call.name!r} of an earlier call is called {name!r} here: {NAME_RULE}")
        arguments = call.arguments
        if call.kind == "custom":
            self._note("a custom call is sent as a function call with its text in `input`")
            arguments = {"input": call.raw_arguments}
        sent: str | None = None
        if call.id_sent or self.compat.call_ids_required:
            as_given = native and call.origin is not None
            sent = call.id if as_given else self._rules.call_id(call.id)
        self._calls[call.id] = (name, sent)
        made: JsonDict = {"functionCall": {**({"id": sent} if sent else {}), "name": name, "args": dict(arguments)}}
        if native:
            made.update(call.provider_data or {})
        if first and (not native or call.origin is None) and self.compat.signature_sentinel:
            made.setdefault("thoughtSignature", SENTINEL)
        return made

    def _is_native(self, origin: Origin | None) -> bool:
        return origin is None or origin.is_native(self.provider, self.api, self.model)

    # --- tools -----------------------------------------------------------------------------------------------------

    def _result(self, message: ToolResultMessage) -> None:
        name, sent = self._calls.get(message.tool_call_id, (message.name, None))
        if not name:
            raise UnsupportedRequest(
                f"tool result for {message.tool_call_id!r}", "Gemini needs the tool's name: set it, or keep the call"
            )
        check_name(name, NAME, NAME_RULE)
        texts: list[str] = []
        nested: list[JsonDict] = []
        apart: list[JsonDict] = []
        for part in [TextPart(message.content)] if isinstance(message.content, str) else message.content:
            if isinstance(part, TextPart):
                texts.append(part.text)
            elif isinstance(part, DocumentPart) and part.text is not None:
                texts.append(part.text)
            else:
                made = self._user_part(part, "tool result")
                texts += [each["text"] for each in made if "text" in each]  # what a document says of itself
                inside = self.compat.tool_result_parts and not isinstance(part, AudioPart)
                (nested if inside else apart).extend(each for each in made if "text" not in each)
        response = {"error" if message.is_error else "output": "\n".join(texts)}
        said: JsonDict = {**({"id": sent} if sent else {}), "name": name, "response": response}
        if nested:
            said["parts"] = nested
        self._results.append({"functionResponse": said})
        if apart:
            self._attached += [{"text": f"What the tool {name} returned beside text:"}, *apart]

    def _end_results(self) -> None:
        if self._results:
            self._made.append({"role": "user", "parts": self._results})
        if self._attached:
            self._made.append({"role": "user", "parts": self._attached})
        self._results, self._attached = [], []

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
