"""Arguments and arrays that come in pieces."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest

from lash_proto.codecs.google.arguments import StreamedArguments
from lash_proto.codecs.google.array import ArraySplitter
from lash_proto.failures import RemoteProtocolError
from lash_proto.values import MAX_DEPTH
from tests.proto.codecs.gemini import (
    candidate,
    decoder,
    piece,
)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        ([piece("$.a", nullValue="NULL_VALUE"), piece("$.b", boolValue=False)], '{"a":null,"b":false}'),
        ([piece("$.a[0][0]", numberValue=1), piece("$.a[0][1]", numberValue=2.5)], '{"a":[[1,2.5]]}'),
        ([piece("$.a[0].x", numberValue=1), piece("$.a[1].x", numberValue=2)], '{"a":[{"x":1},{"x":2}]}'),
        ([piece("$.a", more=True, stringValue='q"'), piece("$.a")], '{"a":"q\\""}'),
        ([piece("$.a", more=True, stringValue="x"), piece("$.b", stringValue="y")], '{"a":"x","b":"y"}'),
        ([piece("$.a", more=True, stringValue="x"), piece("$.b", numberValue=1)], '{"a":"x","b":1}'),
        ([piece("$.a", more=True, stringValue="x")], '{"a":"x"}'),
        ([piece("$.a")], ""),
        ([piece("$['a b'].c", numberValue=1), piece('$["d\\"e"]', numberValue=2)], '{"a b":{"c":1},"d\\"e":2}'),
        ([piece("$.a['0']", numberValue=1), piece("$.a.b", numberValue=2)], '{"a":{"0":1,"b":2}}'),
        ([piece("$.a", more=True, stringValue="\ud83d"), piece("$.a", stringValue="\ude00")], '{"a":"\\ud83d\\ude00"}'),
        ([piece("$.ü", stringValue="é\n")], '{"ü":"é\\n"}'),
    ],
)
def test_pieces_make_the_text_they_are_pieces_of(pieces: list[dict[str, Any]], text: str) -> None:
    arguments = StreamedArguments()
    assert "".join([arguments.receive(each) for each in pieces]) + arguments.end() == text


@pytest.mark.parametrize(
    "pieces",
    [
        [{"stringValue": "x"}],
        ["x"],
        [piece("a", numberValue=1)],
        [piece("$", numberValue=1)],
        [piece("$[0]", numberValue=1)],
        [piece("$.a..b", numberValue=1)],
        [piece("$.a[x]", numberValue=1)],
        [piece("$.a[1]", numberValue=1)],
        [piece("$" + ".a" * (MAX_DEPTH + 1), numberValue=1)],
        [piece("$.a", numberValue=1), piece("$.a", numberValue=2)],
        [piece("$.a.b", numberValue=1), piece("$.c", numberValue=2), piece("$.a.d", numberValue=3)],
        [piece("$.a.b", numberValue=1), piece("$.a[0]", numberValue=2)],
        [piece("$.a[0]", numberValue=1), piece("$.a.b", numberValue=2)],
    ],
)
def test_a_piece_that_fits_nowhere_is_refused(pieces: list[Any]) -> None:
    arguments = StreamedArguments()
    with pytest.raises(RemoteProtocolError):
        deque(map(arguments.receive, pieces))


# --- arrays ----------------------------------------------------------------------------------------------------------

ARRAY = b'[{"a": "]}\\"[,"}\n,\r\n{"b": [1, {"c": "\xc3\xa9"}]},,"x,y", 7\n]\n'
ELEMENTS = ['{"a": "]}\\"[,"}', '{"b": [1, {"c": "é"}]}', '"x,y"', "7"]


def test_no_cut_changes_the_elements_of_an_array() -> None:
    for cut in range(len(ARRAY) + 1):
        splitter = ArraySplitter()
        assert splitter.receive(ARRAY[:cut]) + splitter.receive(ARRAY[cut:]) == ELEMENTS
    splitter = ArraySplitter()
    assert [text for byte in ARRAY for text in splitter.receive(bytes([byte]))] == ELEMENTS


def test_an_element_is_handed_over_at_its_own_last_bracket() -> None:
    assert ArraySplitter().receive(b'[{"a":1}') == ['{"a":1}']


def test_half_an_element_is_no_element() -> None:
    assert ArraySplitter().receive(b'[{"a":1},{"b":[2]') == ['{"a":1}']


@pytest.mark.parametrize(
    ("data", "before"), [(b"[1,{" + b"[" * MAX_DEPTH, ["1"]), (b"[1,2]]", ["1", "2"]), (b"[1,2222222222]", ["1"])]
)
def test_a_faulty_array_gives_what_came_before_the_fault(data: bytes, before: list[str]) -> None:
    splitter = ArraySplitter(max_element=8 if b"2222" in data else 1000)
    assert splitter.receive(data) == before
    with pytest.raises(RemoteProtocolError):
        splitter.receive(b"")


def test_an_element_that_grows_too_long_is_refused() -> None:
    splitter = ArraySplitter(max_element=8)
    assert splitter.receive(b'["aaaa') == []
    assert splitter.receive(b"aaaaaaa") == []
    with pytest.raises(RemoteProtocolError):
        splitter.end()


def test_a_fault_in_an_array_is_told_at_its_end() -> None:
    ours = decoder(content_type="application/json")
    ours.receive(b"[" * (MAX_DEPTH + 1))
    with pytest.raises(RemoteProtocolError, match="nested deeper"):
        ours.finish()


def test_an_array_without_elements_is_no_answer() -> None:
    ours = decoder(content_type="application/json")
    ours.receive(b"[]")
    with pytest.raises(RemoteProtocolError):
        ours.finish()


def test_an_array_that_is_cut_after_its_last_object_is_whole() -> None:
    ours = decoder(content_type="application/json")
    ours.receive(b"[" + json.dumps(candidate({"text": "a"}, finish="STOP")).encode())
    assert ours.ended
    assert ours.finish().text == "a"
