"""What a tool returns, as the model reads it and as it is saved."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections import OrderedDict
from datetime import UTC, date, datetime, time
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
)
from lash_proto.tools import ToolContext, ToolResult, error_result, json_of, to_result
from lash_proto.values import JsonFormError, Secret, from_json
from tests.proto.test_shapes_reading import types
from tests.strategies import JSON

CALL = ToolCallPart("call_1", "look", {})
PICTURE = ImagePart(b"png", "image/png")


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class City:
    name: str
    born: date | None = None


@attrs.frozen
class Node:
    _value: str
    inside: tuple[Node, ...] = ()
    size: int = attrs.field(default=1, init=False)


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(alias="fullName")
    born: date


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ("found it", "found it"),
        ("", ""),
        (None, "(no output)"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        ([], "[]"),
        (["a", None], '["a",null]'),
        ({"b": 1, "a": [2]}, '{"b":1,"a":[2]}'),
        (OrderedDict({1: "x", None: "y", Word.YES: "z"}), '{"1":"x","null":"y","yes":"z"}'),
        ({"b", "a"}, '["a","b"]'),
        (frozenset([2]), "[2]"),
        (Pair(1, 2), "[1,2]"),
        (Color.RED, '"red"'),
        (Level.HIGH, "2"),
        (Word.YES, '"yes"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), '"2026-01-02T03:00:00+00:00"'),
        (time(3, 4), '"03:04:00"'),
        (City("Oslo", date(1048, 1, 1)), '{"name":"Oslo","born":"1048-01-01"}'),
        ([Node("a", (Node("b"),))], '[{"value":"a","inside":[{"value":"b","inside":[],"size":1}],"size":1}]'),
        (Person(fullName="Ada", born=date(1815, 12, 10)), '{"fullName":"Ada","born":"1815-12-10"}'),
        (ReasoningPart("hm"), '{"v":1,"type":"reasoning","text":"hm"}'),
        ({"key": Secret("sk-very-secret-indeed")}, '{"key":"***"}'),
        ("høy \ud800", "høy \ud800"),
        (["\ud800"], '["\ufffd"]'),
    ],
)
def test_what_is_returned_is_told_as_text(returned: Any, text: str) -> None:
    assert to_result(returned) == ToolResult(text)


@pytest.mark.parametrize("part", [PICTURE, TextPart("t"), DocumentPart(text="d"), AudioPart(b"mp3", "audio/mpeg")])
def test_a_part_stays_a_part(part: Any) -> None:
    assert to_result(part) == ToolResult((part,))


def test_parts_stay_parts_among_other_values() -> None:
    told = ToolResult((TextPart("see"), PICTURE, TextPart('{"a":1}'), TextPart("(no output)")))
    assert to_result(["see", PICTURE, {"a": 1}, None]) == told
    assert to_result(("see", PICTURE, {"a": 1}, None)) == told
    assert told.text == 'see{"a":1}(no output)'
    assert ToolResult("plain").text == "plain"


def test_a_result_stays_as_it_is() -> None:
    result = ToolResult("x", is_error=True, details={"n": 1}, terminate=True)
    assert to_result(result) is result


class Broken(pydantic.BaseModel):
    def model_dump(self, **_: Any) -> Any:
        raise OSError("no Bearer abcdefghijklmnopqrst")


NEST: list[Any] = []
NEST.append(NEST)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (object(), "object has no JSON form"),
        ([{"a": b"x"}], "bytes has no JSON form"),
        (City, "type has no JSON form"),
        ((x for x in [1]), "generator has no JSON form"),
        (NEST, "it is nested deeper than the caller's stack allows"),
        ([PICTURE, object()], "object has no JSON form"),
        (Broken(), "no Bearer ***"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_says_so(returned: Any, words: str) -> None:
    told = to_result(returned)
    assert told == ToolResult(f"The tool returned what cannot be told as text: {words}", is_error=True)


def test_a_number_that_is_none_is_an_error() -> None:
    assert to_result([float("nan")]).is_error
    assert "not JSON compliant" in to_result([float("nan")]).text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("not found", "not found"),
        (ValueError("bad page"), "bad page"),
        (ValueError(), "ValueError"),
        (KeyError("user"), "KeyError: 'user'"),
        (ExceptionGroup("two", [ValueError("a"), ExceptionGroup("one", [KeyError("b")])]), "a\nKeyError: 'b'"),
        (ValueError("401 for sk-abcdefghijklmnopqrstuvwxyz"), "401 for ***"),
    ],
)
def test_what_went_wrong_is_told_in_the_words_of_the_exception(error: BaseException | str, text: str) -> None:
    assert error_result(error) == ToolResult(text, is_error=True)
    assert error_result(error, details=[1]) == ToolResult(text, is_error=True, details=[1])


@pytest.mark.parametrize("result", [ToolResult("x"), ToolResult((PICTURE,), is_error=True, details=1, terminate=True)])
def test_a_result_becomes_the_message_that_answers_the_call(result: ToolResult) -> None:
    assert result.message(CALL) == ToolResultMessage("call_1", result.content, "look", result.is_error)


def test_a_result_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(TypeError, match="content holds a dict"):
        ToolResult([{"type": "text"}])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="object has no JSON form"):
        ToolResult("", details=object())


# --- the saved form --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "form"),
    [
        (ToolResult("x"), {"v": 1, "type": "tool_result", "content": "x"}),
        (
            ToolResult([PICTURE], is_error=True, details=City("Oslo"), terminate=True),
            {
                "v": 1,
                "type": "tool_result",
                "content": [{"type": "image", "data": "cG5n", "media_type": "image/png"}],
                "is_error": True,
                "details": {"name": "Oslo", "born": None},
                "terminate": True,
            },
        ),
    ],
)
def test_a_result_is_saved_and_read_back(result: ToolResult, form: dict[str, Any]) -> None:
    assert result.to_json() == form
    assert ToolResult.from_json(form) == from_json(form) == result
    assert ToolResult.from_json({**form, "later": 1}).to_json() == {**form, "later": 1}
    with pytest.raises(JsonFormError, match="newer lash"):
        ToolResult.from_json({**form, "v": 2})


@given(JSON | types().flatmap(lambda type_: type_[1]), st.booleans(), st.booleans())
def test_whatever_is_saved_equals_what_was_not(value: Any, is_error: bool, terminate: bool) -> None:
    result = ToolResult(to_result(value).content, is_error=is_error, details=value, terminate=terminate)
    assert ToolResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert pickle.loads(pickle.dumps(result)) == result
    assert json_of(result.details) == result.details


# --- on the way ------------------------------------------------------------------------------------------------------


def test_a_context_tells_what_there_is_so_far() -> None:
    told: list[ToolResult] = []
    cancelled = False
    context = ToolContext("call_1", 2, lambda: cancelled, told.append)
    rows = [1]
    context.update(rows)
    rows.append(2)
    context.update(ToolResult("half", details={"done": 0.5}))
    assert told == [ToolResult("[1]"), ToolResult("half", details={"done": 0.5})]
    assert not context.cancelled
    cancelled = True
    assert context.cancelled


def test_a_context_for_a_test_of_a_tool_needs_a_name_only() -> None:
    context = ToolContext("call_1")
    context.update("half")
    assert (context.attempt, context.cancelled, repr(context)) == (1, False, "ToolContext(call_id='call_1', attempt=1)")
