"""What requests are made of: texts, pictures and documents, JSON Schemas, tools, names and ids, all of them legal."""

from __future__ import annotations

import string
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from lash_proto.messages import DocumentPart, ImagePart, JsonSchema, TextPart, ToolDefinition
from tests.strategies import OBJECTS, WORDS, maybe

Draw = st.DrawFn

# --- texts -----------------------------------------------------------------------------------------------------------

_TRICKY: Final = (
    "Grüße, 世界 😀",
    'a "quoted"\nline\twith \\ in it',
    "data: [DONE]\n\n",
    "a\u2028b\u2029c\x85",
    "half \ud83d of a pair",
    "\udc00\ud800",
    "</thinking><thinking>",
    "{",
    "\x00\x1f\x7f",
    "  blanks around  ",
    "x" * 600,
)
SAID: Final = st.one_of(WORDS, st.sampled_from(_TRICKY), st.text(max_size=12).filter(lambda text: bool(text.strip())))
"""Text that is not blank, with all that trips up encoders, lone surrogates too."""
BLANK: Final = st.sampled_from(["", " ", "\n\t", "\u3000"])
URLS: Final = st.sampled_from(["https://example.com/a.png", "http://example.com/b?c=d&e=%20", "https://x.test/ü"])
FILE_IDS: Final = st.sampled_from(["file-abc123", "file_011CNha8iCJcU1wXNR6q4V8w"])
BLOBS: Final = st.binary(min_size=1, max_size=10)
SESSIONS: Final = st.sampled_from(["s-1", "session with blanks", "ü" * 10, "x" * 200, "\ud83d", "a\nb"])
REQUEST_IDS: Final = st.sampled_from(["r-1", "0" * 512])


@cache
def _one_in(number: int) -> st.SearchStrategy[bool]:
    return st.sampled_from([*[False] * (number - 1), True])


def rarely(draw: Draw, one_in: int = 4) -> bool:
    """True one time in so many; False is what it shrinks to."""
    return draw(_one_in(one_in))


def some(draw: Draw, strategy: st.SearchStrategy[Any], most: int, least: int = 0) -> list[Any]:
    """A list of a few."""
    return draw(st.lists(strategy, min_size=least, max_size=most))


# --- media -----------------------------------------------------------------------------------------------------------


_OWN_PICTURE: Final = {
    "openai-completions": "image/gif",
    "openai-responses": "image/gif",
    "anthropic-messages": "image/gif",
    "google-generative-ai": "image/heic",
}


@st.composite
def images(draw: Draw, knobs: frozenset[str], family: str) -> ImagePart:
    """A picture in one of the forms that the dialect takes."""
    media_type = draw(
        st.sampled_from(["image/png", "image/jpeg", "image/webp", "IMAGE/PNG; x=y", _OWN_PICTURE[family]])
    )
    detail = draw(st.sampled_from([None, None, "auto", "low", "high"]))
    marked = draw(st.sampled_from([False, False, True]))
    form = draw(st.sampled_from(["data", "url", "inline", "file_id"]))
    if form == "url":
        url = draw(st.just("gs://bucket/a.png") if family == "google-generative-ai" else URLS)
        return ImagePart(url=url, media_type=draw(maybe(st.just("image/png"))), detail=detail, cache_breakpoint=marked)
    if form == "inline":
        return ImagePart(url="data:image/png;base64,iVBORw0KGgo=", detail=detail, cache_breakpoint=marked)
    if form == "file_id" and "image:file_id" in knobs:
        return ImagePart(file_id=draw(FILE_IDS), media_type="image/png", detail=detail, cache_breakpoint=marked)
    return ImagePart(draw(BLOBS), media_type, detail=detail, cache_breakpoint=marked)


@st.composite
def documents(draw: Draw, knobs: frozenset[str]) -> DocumentPart:
    """A document in one of the forms that the dialect takes."""
    about: dict[str, Any] = {
        "name": draw(maybe(st.sampled_from(["a.pdf", "Bericht über \ud83d.pdf", "no type"]))),
        "context": draw(maybe(SAID)) if rarely(draw) else None,
        "cache_breakpoint": rarely(draw),
        "citations": "user:cited" in knobs and rarely(draw),
    }
    form = draw(st.sampled_from(["pdf", "text", "plain", "url", "file_id"]))
    if form == "text":
        return DocumentPart(text=draw(SAID), **about)
    if form == "plain":
        media_type = draw(
            st.sampled_from(["text/plain; charset=utf-8", "text/csv", "text/markdown", "application/json"])
        )
        return DocumentPart("Grüße".encode(), media_type, **about)
    if form == "url" and "user:file_url" in knobs:
        return DocumentPart(url="https://example.com/a.pdf", media_type="application/pdf", **about)
    if form == "file_id" and "user:file_id" in knobs:
        return DocumentPart(file_id=draw(FILE_IDS), media_type="application/pdf", **about)
    return DocumentPart(b"%PDF-" + draw(BLOBS), "application/pdf", **about)


def texts(knobs: frozenset[str] = frozenset()) -> st.SearchStrategy[TextPart]:
    """A text part, marked now and then, and now and then blank."""
    return st.builds(TextPart, st.one_of(SAID, SAID, SAID, BLANK), st.sampled_from([False, False, True]))


# --- schemas ---------------------------------------------------------------------------------------------------------

_KEYS: Final = st.sampled_from(["city", "n", "value", "weird key", "ü", "$id_", "type", "properties"])
_ABOUT: Final = st.sampled_from([{}, {}, {}, {"description": "What it is."}, {"title": "It", "description": "ü\n"}])

_LEAVES: Final = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "uri"},
        {"type": "string", "format": "phone"},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "string", "minLength": 1, "maxLength": 9},
        {"type": "string", "enum": ["a", "b"]},
        {"type": ["string", "null"]},
        {"type": ["integer", "string"]},
        {"type": "integer"},
        {"type": "integer", "minimum": 0, "maximum": 9},
        {"type": "integer", "enum": [1, 2]},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "multipleOf": 0.5},
        {"type": "boolean"},
        {"type": "null"},
        {"const": "x"},
        {"const": 3},
        {"enum": ["a", 1, None]},
        {"type": "string", "default": "x", "examples": ["y"]},
        {"$ref": "#/$defs/Node"},
        {"$ref": "#/$defs/Word", "description": "A word."},
    ]
)


@st.composite
def _objects(draw: Draw, inner: st.SearchStrategy[Any], *, loose: bool) -> dict[str, Any]:
    properties = draw(st.dictionaries(_KEYS, inner, max_size=3))
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if properties and not rarely(draw, 3):
        made["required"] = draw(st.lists(st.sampled_from(list(properties)), unique=True))
    others = draw(st.sampled_from([None, None, False, True, {"type": "string"}] if loose else [None, False, False]))
    if others is not None:
        made["additionalProperties"] = others
    return {**made, **draw(_ABOUT)}


@st.composite
def _arrays(draw: Draw, inner: st.SearchStrategy[Any], *, loose: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "array", "items": draw(inner)}
    form = draw(st.sampled_from(["plain", "plain", "bounded", "unique", "tuple"]))
    if form == "bounded":
        made |= {"minItems": draw(st.integers(0, 3)), "maxItems": 4}
    elif form == "unique":
        made["uniqueItems"] = True
    elif form == "tuple":
        made |= {"prefixItems": [draw(inner), {"type": "string"}]}
        if loose and draw(st.booleans()):
            del made["items"]
    return {**made, **draw(_ABOUT)}


@st.composite
def _choices(draw: Draw, inner: st.SearchStrategy[Any], *, loose: bool) -> dict[str, Any]:
    arms = draw(st.lists(inner, min_size=1, max_size=2))
    words = ["anyOf", "anyOf", "oneOf", "null"] + (["allOf"] if loose else [])
    word = draw(st.sampled_from(words))
    if word == "null":
        return {"anyOf": [arms[0], {"type": "null"}], **draw(_ABOUT)}
    if word == "allOf":
        arms = arms[:1]
    return {word: arms, **draw(_ABOUT)}


@cache
def _inner(depth: int, *, loose: bool) -> st.SearchStrategy[Any]:
    """What stands inside a schema, so deep."""
    if not depth:
        return _LEAVES
    each = _inner(depth - 1, loose=loose)
    return st.one_of(
        _LEAVES, _LEAVES, _objects(each, loose=loose), _arrays(each, loose=loose), _choices(each, loose=loose)
    )


_DEFINED: Final[dict[str, Any]] = {
    "Word": {"type": "string", "minLength": 1},
    "Node": {
        "type": "object",
        "properties": {
            "value": {"$ref": "#/$defs/Word"},
            "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        },
        "required": ["value", "next"],
        "additionalProperties": False,
    },
    "Tree": {"type": "object", "properties": {"leaf": {"type": "boolean"}}, "required": ["leaf"]},
}
_FLAT_DEFINED: Final = {
    **_DEFINED,
    "Node": {"type": "object", "properties": {"value": {"$ref": "#/$defs/Word"}}, "required": ["value"]},
}


def _refers(schema: Any) -> bool:
    return '"$ref"' in repr(schema).replace("'", '"')


@st.composite
def schemas(draw: Draw, *, loose: bool = True, recursive: bool = True) -> dict[str, Any]:
    """A schema of an object. `loose`: also what only servers take that do not hold the model to it."""
    inner = _inner(2, loose=loose)
    schema = draw(_objects(inner, loose=loose))
    if _refers(schema) or rarely(draw, 8):
        schema["$defs"] = _DEFINED if recursive else _FLAT_DEFINED
    if rarely(draw, 6):
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


@st.composite
def outputs(draw: Draw, *, strict: bool | None = None, recursive: bool = True) -> JsonSchema:
    """Structured output by a schema. `strict`: it is held to, whatever the request says (Anthropic)."""
    asked = draw(st.booleans())
    name = draw(st.sampled_from(["answer", "my-answer_2", "x" * 64]))
    return JsonSchema(name, draw(schemas(loose=not (strict or asked), recursive=recursive)), asked)


# --- tools -----------------------------------------------------------------------------------------------------------

_LETTERS: Final = string.ascii_letters + string.digits + "_-"
TOOL_NAMES: Final = st.one_of(
    st.sampled_from(["look", "get_weather", "search-web", "_private", "x" * 64]),
    st.text(_LETTERS, min_size=1, max_size=12).map(lambda name: "t" + name),
)
ODD_NAMES: Final = st.sampled_from(["functions.look", "look at", "a|b", "ü", "1st", "x" * 150, "", "<tool>", "mcp::x"])
"""Names that models make up in calls, and that no provider would let a tool have."""
_GRAMMAR: Final = {"type": "grammar", "syntax": "lark", "definition": "start: /[a-z]+/"}


@st.composite
def tools(draw: Draw, knobs: frozenset[str], names: list[str], *, recursive: bool = True) -> list[ToolDefinition]:
    """The client's own tools, one a name."""
    made: list[ToolDefinition] = []
    for name in names:
        if "custom_tools" in knobs and rarely(draw, 5):
            form = draw(st.sampled_from([None, {"type": "text"}, _GRAMMAR]))
            made.append(ToolDefinition(name, draw(st.sampled_from(["", "Free text."])), kind="custom", format=form))
            continue
        strict = draw(st.sampled_from([None, None, False, True])) if "strict_tools" in knobs else None
        parameters = draw(maybe(schemas(loose=not strict, recursive=recursive)))
        made.append(ToolDefinition(name, draw(st.one_of(st.just(""), SAID)), parameters, strict))
    return made


ARGUMENTS: Final = st.one_of(
    OBJECTS, st.sampled_from([{}, {"city": "Oslo"}, {"a": {"b": [1, None, {"c": "😀"}]}, "type": "x"}])
)
BROKEN_ARGUMENTS: Final = st.sampled_from(['{"city": "Os', "[1]", "null", " ", "no JSON", '{"a": NaN}', '"x"'])

_ODD_IDS: Final = (
    "call_{}",
    "toolu_01A{}",
    "functions.look:{}",
    "call_{}|fc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "chatcmpl-tool-{}",
    "id with blanks {}",
    "ü{}",
    "{}",
    "toolu_vrtx_01A.{}",
)
ID_FORMS: Final = st.sampled_from(_ODD_IDS)
"""Forms of call ids, the number to be put in."""
