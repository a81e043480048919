"""What everything else is made of: JSON read with care, secrets, text that can be encoded, and JSON forms of classes.

Decisions. JSON from a peer is bounded in depth before it is parsed: how deep Python can go depends on the caller's
stack, and an answer must not (law 3). Parsing is strict: NaN and Infinity are no JSON. `Json` is `Any`: the wire is
untyped, and the typed look-ups below are where types begin; a look-up that finds another type finds nothing, because
servers bend every shape that their documentation promises.

A class gets its JSON form by deriving from `Value` and naming a `tag`. The form has every field that says something,
the tag, and at the outside `"v": 1`. Keys that a newer minor release wrote are kept in `_unknown` and written again.
They are no part of equality. A new class, a new optional field: still v 1. A changed meaning: v 2, and v 1 is read on.
"""

from __future__ import annotations

import base64
import json
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from importlib import import_module
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, Union, cast

import attrs
from attrs import frozen

Json: TypeAlias = Any
"""What `json.loads` gives."""

JsonDict: TypeAlias = dict[str, Any]

MAX_DEPTH: Final = 128
"""Nesting allowed in JSON from a peer. Deeper than anything real, shallow enough for nearly any caller's stack: to
pickle or redact a value takes two of Python's 1,000 frames a level, and to parse it takes one."""

MAX_VALUES: Final = 4_000_000
"""Values in one JSON text from a peer: a value can take thirty times the memory of its text. Log probabilities of some
25,000 tokens, twenty for each, are fewer."""


class Unset(Enum):
    """Not given: what a request leaves unset comes from the handle. None is a value, this is the lack of one."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET


# --- secrets ---------------------------------------------------------------------------------------------------------


class Secret:
    """A key or a token: prints and serialises as `***`, and gives its text to `reveal()` alone.

    A value like all others, but no attrs class: `attrs.asdict` of whatever holds it would spell it out.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret does not change")

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self._text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The secret itself. Only a transport, writing the request, has a reason to ask."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret('***')"

    def __format__(self, spec: str) -> str:
        return format("***", spec)


# Shapes of credentials that turn up in providers' error texts. Masked ones (`sk-ab***yz`) hold `*` and stay. All are
# looked for where a word begins: `disk-` is no key, and a megabyte of `eyJ` would cost hours.
_CREDENTIAL = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"
    r"|(?:gsk|xai|hf|r8|gh[oupsr]|github_pat)[_-][A-Za-z0-9_]{16,}"
    r"|AIza[A-Za-z0-9_-]{30,}"
    r"|ya29\.[A-Za-z0-9_.-]{16,}"
    r"|(?<![_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r")|(?<=Bearer )[A-Za-z0-9._~+/-]{16,}=*"
)


def redact_text(text: str, known: Sequence[str] = ()) -> str:
    """The text with the `known` secrets, and whatever looks like a credential, replaced by `***`."""
    for secret in known:
        text = text.replace(secret, "***")
    return _CREDENTIAL.sub("***", text)


def redact_json(value: Json, known: Sequence[str] = ()) -> Json:
    """The same for every string inside a JSON value, the names of its members too."""
    if isinstance(value, str):
        return redact_text(value, known)
    if isinstance(value, list):
        return [redact_json(item, known) for item in cast("list[Json]", value)]
    if isinstance(value, dict):
        return {redact_text(key, known): redact_json(item, known) for key, item in cast("JsonDict", value).items()}
    return value


# --- headers as they come --------------------------------------------------------------------------------------------

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Names and values in the order received. Names compare without case."""


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header, None if it is not there. `name` in lower case."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def without_cookies(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers less `Set-Cookie`: cookies are credentials, and neither a response nor its saved form has room."""
    return tuple(item for item in headers if item[0].lower() not in ("set-cookie", "set-cookie2"))


# --- text ------------------------------------------------------------------------------------------------------------

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text made encodable as UTF-8: surrogate pairs joined, lone surrogates replaced by U+FFFD."""
    if text.isascii() or _SURROGATES.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def shorten(text: str, limit: int) -> str:
    """The text, or as many characters of it and how many there are."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def hold_surrogate(text: str) -> tuple[str, str]:
    """The text cleaned, less a trailing high surrogate whose other half the next piece may bring.

    JavaScript servers slice UTF-16, so one emoji may come as `\\ud83d` and `\\ude00` in two deltas. Put what is held
    before the next piece; `clean` what is still held at the end.
    """
    if text and "\ud800" <= text[-1] <= "\udbff":
        return clean(text[:-1]), text[-1]
    return clean(text), ""


# --- JSON in and out -------------------------------------------------------------------------------------------------


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


# `scan_once` is what `JSONDecoder.decode` calls after two Python layers; calling it saves half the time of an event.
# It lives in the module, not in a decoder: a scanner cannot be pickled (law 5).
_scan: Callable[[str, int], tuple[Json, int]] = cast("Any", json.JSONDecoder(parse_constant=_no_constant)).scan_once
# A level takes two characters at least, so a shorter text is never too deep. An object takes five, so that one of twice
# that length is too deep only where more than a third of the levels are arrays. Most events are no longer, and to look
# for all brackets in them takes a fifth of the time of parsing them.
_SHALLOW: Final = 2 * MAX_DEPTH
_FEW_ARRAYS: Final = MAX_DEPTH // 3
# Possessive, or a string of 15 MB costs the matcher 1.8 GB.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

Engine: TypeAlias = Literal["json", "msgspec"]


def json_engine(wanted: Engine | None = None) -> Engine:
    """What JSON is read with: msgspec where it is installed (the extra `fast`), else the standard library alone.

    Read with `wanted` from here on; that is for tests and benchmarks. msgspec takes half the time and gives the same
    values. It refuses more (a lone surrogate, 1e400), and what it refuses the standard library has the last word on.
    """
    global _engine, _decode
    if wanted is not None or _engine is None:
        try:
            _decode = None if wanted == "json" else import_module("msgspec").json.Decoder().decode
        except ImportError:
            _decode = None
        _engine = "json" if _decode is None else "msgspec"
    return _engine


def _choose_and_decode(text: str) -> Json:
    json_engine()
    return parse_json(text)


_engine: Engine | None = None
_decode: Callable[[str], Json] | None = _choose_and_decode  # msgspec's, where that is the engine, from the first use on


def parse_json(text: str) -> Json:
    """A JSON text as a Python value. Raises ValueError, and nothing else, for what is no JSON, too deep or too much."""
    try:  # around all of it: near the end of the caller's stack any call may find no room
        size = len(text)
        if size > _SHALLOW and (size > 2 * _SHALLOW or text.count("[") > _FEW_ARRAYS):
            _check_size(text)
        if _decode is not None:
            try:
                return _decode(text)
            except ValueError:
                pass
        try:
            value, end = _scan(text, 0)
            if end == size:
                return value
        except StopIteration:
            pass
        # White space around the value, or an error that `loads` words better.
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("JSON nested deeper than the caller's stack allows") from None


def _check_size(text: str) -> None:
    # An upper bound: a comma may stand in a string.
    if len(text) > MAX_VALUES and sum(map(text.count, ",[{")) > MAX_VALUES:
        raise ValueError(f"JSON of more than {MAX_VALUES} values")
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(text):
        raise ValueError(f"JSON nested deeper than {MAX_DEPTH} levels")


def _is_deep(text: str) -> bool:
    depth = 0
    for match in _BRACKETS.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in "]}":
            depth -= 1
    return False


# Whether a value holds itself is not looked for at each level, which costs a seventh of the time: one that does has no
# end, and is found by that.
_dump_text: Callable[[Json], str] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def dump_json(value: Json) -> str:
    """A JSON text: compact, keys in the order given, encodable as UTF-8. ValueError for NaN, Infinity and no end."""
    try:
        return clean(_dump_text(value))
    except RecursionError:
        raise ValueError("JSON nested deeper than the caller's stack allows") from None


def merge_patch(target: Json, patch: Json, *, keep_nulls: bool = False) -> Json:
    """The target as a JSON Merge Patch changes it (RFC 7396): objects merge, None removes, all else replaces.

    `keep_nulls` makes one patch of two, the second applied after the first.
    """
    if not isinstance(patch, Mapping):
        return patch
    merged: JsonDict = dict(cast("JsonDict", target)) if isinstance(target, Mapping) else {}
    for key, value in cast("JsonDict", patch).items():
        if value is None and not keep_nulls:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value, keep_nulls=keep_nulls)
    return merged


# --- typed look-ups --------------------------------------------------------------------------------------------------
# A declared type in place of `cast`, which is a call: these run several times an event.


def get_str(data: Json, key: str) -> str | None:
    """The string at `key`; None where `data` is no object, or what stands there is no string."""
    holder: JsonDict = data
    found = holder.get(key) if type(holder) is dict else None
    return found if type(found) is str else None


def get_int(data: Json, key: str) -> int | None:
    """The whole number at `key`; some gateways send it as a float or a numeric string."""
    holder: JsonDict = data
    found = holder.get(key) if type(holder) is dict else None
    if type(found) is int:
        return found
    if type(found) is float and found.is_integer():
        return int(found)
    if type(found) is str and found.isascii() and found.isdigit() and len(found) < 20:
        return int(found)
    return None


def get_dict(data: Json, key: str) -> JsonDict:
    """The object at `key`, an empty one where there is none."""
    holder: JsonDict = data
    found: JsonDict | None = holder.get(key) if type(holder) is dict else None
    return found if type(found) is dict else {}


def get_list(data: Json, key: str) -> list[Any]:
    """The array at `key`, an empty one where there is none."""
    holder: JsonDict = data
    found: list[Any] | None = holder.get(key) if type(holder) is dict else None
    return found if type(found) is list else []


# --- JSON forms ------------------------------------------------------------------------------------------------------

VERSION: Final = 1


class JsonFormError(ValueError):
    """A JSON form that cannot be read: the message names the place and what should stand there."""


_TAGGED = (
    "replies",
    "models",
    "faux.script",
    "providers.handle",
    "tools.results",
    "turn.events",
    "turn.state",
    "codecs.anthropic_messages.options",
    "codecs.google.options",
    "codecs.openai_completions.options",
    "codecs.openai_images.options",
    "codecs.openai_responses.options",
    "codecs.openrouter_images.options",
)
"""The modules whose classes have a JSON form, less what these import."""

_classes: dict[tuple[str, str], type[Value]] = {}
_plans: dict[type[Value], _Plan] = {}


class Value:
    """A value with a JSON form. Subclasses are attrs classes that are frozen and slotted, and name their `tag`.

    attrs writes a `__getstate__` that knows its own fields only, so subclasses turn it off (`getstate_setstate=False`)
    and `_unknown` survives a copy.
    """

    __slots__ = ("_unknown",)
    _unknown: JsonDict

    tag: ClassVar[tuple[str, str]]
    """The key and the word that tell this class from others in JSON: `("role", "user")`."""

    def __init_subclass__(cls) -> None:
        if "tag" in cls.__dict__:  # attrs makes a slotted class twice; the second one, the real one, wins
            _classes[cls.tag] = cls

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            object.__setattr__(self, name, value)

    def to_json(self) -> JsonDict:
        """Plain dicts, lists, strings and numbers, ready for `json.dumps`; `from_json` reads it back without loss."""
        return {"v": VERSION, **_dump(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """The value that `to_json` wrote, by this version or an older one. Raises `JsonFormError`."""
        value = from_json(data)
        if not isinstance(value, cls):
            raise JsonFormError(f"expected {cls.__name__}, found {type(value).__name__}")
        return value


def to_json(value: Value) -> JsonDict:
    """The JSON form of any request, message, part, response, failure or event."""
    return value.to_json()


def from_json(data: Mapping[str, Json]) -> Value:
    """The value whose JSON form this is, whatever its class. Raises `JsonFormError`."""
    return _load_value(data, "$")


def _check_version(version: Json, path: str) -> None:
    if type(version) is not int or version < 1:
        raise JsonFormError(f"{path}.v: {version!r} is no version")
    if version > VERSION:
        raise JsonFormError(
            f"{path}.v: written by a newer lash (form {version}, this one reads up to {VERSION}); upgrade lash"
        )


_Load: TypeAlias = Callable[[Json, str], Any]


@frozen
class _Plan:
    """How one class reads and writes: its fields by JSON key, worked out from its annotations on first use."""

    fields: tuple[tuple[str, str, Any], ...]  # attribute, JSON key, the default that is left out
    loaders: dict[str, tuple[str, _Load]]
    required: tuple[str, ...]


_ALWAYS = object()


def _plan(class_: type[Value]) -> _Plan:
    plan = _plans.get(class_)
    if plan is None:
        hints = typing.get_type_hints(class_)
        fields: list[tuple[str, str, Any]] = []
        loaders: dict[str, tuple[str, _Load]] = {}
        required: list[str] = []
        for attribute in attrs.fields(cast("Any", class_)):
            key = attribute.metadata.get("json", attribute.name)
            if key is None:  # not part of the saved form
                continue
            default = attribute.default
            silent = default is None or default is UNSET or default is False or default == ()
            fields.append((attribute.name, key, default if silent else _ALWAYS))
            loaders[key] = (attribute.alias, _loader(hints[attribute.name]))
            if default is attrs.NOTHING:
                required.append(key)
        plan = _plans[class_] = _Plan(tuple(fields), loaders, tuple(required))
    return plan


def _dump(value: Value) -> JsonDict:
    key, word = value.tag
    form: JsonDict = {key: word}
    for name, key, silent in _plan(type(value)).fields:
        item = getattr(value, name)
        if item is not silent:
            form[key] = _dump_item(item)
    form.update(getattr(value, "_unknown", {}))
    return form


def _dump_item(item: Any) -> Json:
    if item is None or isinstance(item, (str, int, float)):
        return item
    if isinstance(item, Value):
        return _dump(item)
    if isinstance(item, bytes):
        return base64.b64encode(item).decode()
    if isinstance(item, (list, tuple)):
        return [_dump_item(each) for each in cast("Sequence[Any]", item)]
    if isinstance(item, Mapping):
        return {key: _dump_item(each) for key, each in cast("Mapping[str, Any]", item).items()}
    if isinstance(item, Secret):
        return "***"
    raise JsonFormError(f"{type(item).__name__} has no JSON form")


def _class_of(data: Mapping[str, Json]) -> tuple[str, type[Value] | None]:
    for key in ("role", "type"):
        word = data.get(key)
        if isinstance(word, str) and (class_ := _classes.get((key, word))) is not None:
            return key, class_
    return "", None


def _load_value(data: Json, path: str) -> Value:
    if not isinstance(data, Mapping):
        raise JsonFormError(f"{path}: expected an object")
    data = cast("Mapping[str, Json]", data)
    if "v" in data:  # a form put together from the forms of its parts has one in each
        _check_version(data["v"], path)
    key, class_ = _class_of(data)
    if class_ is None:
        # A tag is known once its module is imported, and whoever only reads saved forms may have imported none.
        for module in _TAGGED:
            import_module(f".{module}", __package__)
        key, class_ = _class_of(data)
    if class_ is None:
        raise JsonFormError(f"{path}: no `role` or `type` that this version of lash knows")
    plan = _plan(class_)
    arguments: dict[str, Any] = {}
    unknown: JsonDict = {}
    for name, item in data.items():
        loader = plan.loaders.get(name)
        if loader is not None:
            arguments[loader[0]] = loader[1](item, f"{path}.{name}")
        elif name not in (key, "v"):
            unknown[name] = item
    for name in plan.required:
        if name not in data:
            raise JsonFormError(f"{path}: `{name}` is missing")
    value = class_(**arguments)
    if unknown:
        object.__setattr__(value, "_unknown", unknown)
    return value


def _loader(hint: Any) -> _Load:
    """A reader for one annotation. The annotations of our own values are the only schema there is."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return lambda data, path: data
    if origin in (Union, types.UnionType):
        return _union(typing.get_args(hint))
    if origin is Literal:
        words: tuple[Any, ...] = typing.get_args(hint)
        wanted = "one of " + ", ".join([repr(word) for word in words])
        return lambda data, path: data if data in words else _refuse(path, wanted)
    if origin is tuple:
        each = _loader(typing.get_args(hint)[0])
        return lambda data, path: (
            tuple(each(item, f"{path}[{i}]") for i, item in enumerate(cast("list[Json]", data)))
            if isinstance(data, (list, tuple))
            else _refuse(path, "an array")
        )
    if origin in (dict, Mapping):
        return lambda data, path: cast("Json", data) if type(data) is dict else _refuse(path, "an object")
    return _plain(hint)


def _plain(hint: type[Any]) -> _Load:
    if issubclass(hint, Value):
        return lambda data, path: (
            value if isinstance(value := _load_value(data, path), hint) else _refuse(path, hint.__name__)
        )
    if hint is bytes:
        return lambda data, path: _bytes(data, path)
    if hint is float:
        return lambda data, path: data if type(data) in (int, float) else _refuse(path, "a number")
    if hint is Unset:
        return lambda data, path: _refuse(path, "nothing")
    return lambda data, path: data if type(data) is hint else _refuse(path, hint.__name__)


def _union(hints: tuple[Any, ...]) -> _Load:
    """The first arm that fits. The classes of values are told apart by their tags, so at most one of them does."""
    classes: tuple[type[Value], ...] = tuple(h for h in hints if isinstance(h, type) and issubclass(h, Value))
    others = [_loader(hint) for hint in hints if hint not in classes and hint is not type(None)]
    nullable = type(None) in hints

    def load(data: Json, path: str) -> Any:
        if data is None and nullable:
            return None
        if classes and isinstance(data, Mapping):
            value = _load_value(data, path)
            return value if isinstance(value, classes) else _refuse(path, " or ".join([c.__name__ for c in classes]))
        problem: JsonFormError | None = None
        for other in others:
            try:
                return other(data, path)
            except JsonFormError as error:
                # The arm that got further inside knows more of what is wrong.
                problem = error if problem is None or len(str(error)) > len(str(problem)) else problem
        raise problem or JsonFormError(f"{path}: expected an object")

    return load


def _bytes(data: Json, path: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError):
        raise JsonFormError(f"{path}: expected base64") from None


def _refuse(path: str, wanted: str) -> Any:
    raise JsonFormError(f"{path}: expected {wanted}")
