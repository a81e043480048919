"""The benchmarks still run, and their figures are made of what was measured. How fast is no matter for a test."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import arguments, decode, encode
from benchmarks.__main__ import NAMES, main
from benchmarks.rounds import Ratio, interleave, median, ratio
from benchmarks.streams import APIS, KINDS, make
from benchmarks.tables import Row, Table
from lash_proto.codecs import CODECS

SMALL = ["--rounds", "2", "--events", "10", "--requests", "2", "--streams", "2", "--paced", "3"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not pinned, since the other tests need their cores, and without peers."""
    monkeypatch.setattr("benchmarks.__main__.pin", lambda: "not pinned")
    monkeypatch.setattr("benchmarks.peers.PLACE", tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("api", APIS)
def test_a_stream_of_the_benchmarks_decodes_to_what_was_put_in(api: str, kind: str) -> None:
    stream = make(api, kind, 30)
    assert stream.deltas == 30
    assert decode.check(stream) is None


def test_the_arguments_are_read_at_each_fragment() -> None:
    pieces = ['{"a": ', '"b', 'c"}']
    assert arguments.read(make("anthropic-messages", "tool", 3, pieces=pieces)) == 3


@pytest.mark.parametrize("api", APIS)
def test_every_dialect_can_say_the_conversation(api: str) -> None:
    request = encode.conversation(200)
    assert len(request.messages) == 200
    assert CODECS[api].encode(request, encode.MODEL).notes == ()


def test_a_round_runs_every_contender_once_and_the_first_is_not_counted() -> None:
    ran: list[str] = []

    def contender(name: str, *seconds: float) -> dict[str, float]:
        ran.append(name)
        return {"cpu": seconds[(len(ran) - 1) // 2]}

    figures = interleave({"a": lambda: contender("a", 9, 1, 4), "b": lambda: contender("b", 9, 2, 2)}, 2)
    assert "".join(ran) == "ababab"
    assert [figure["cpu"] for figure in figures["a"]] == [1, 4]
    assert median(figures["a"]) == 2.5
    # 1 / 2 and 4 / 2, and not 2.5 / 2
    assert ratio(figures["a"], figures["b"]) == Ratio(1.25, 0.875, 1.625)


def test_a_table_says_what_is_reached_by_the_figures_it_prints() -> None:
    lash = Row("lash", ("7",), 1.004, Ratio(1.004, 0.9, 1.1), 1.0)
    rows = [lash, Row("lash, fast", ("8",), 0.706, goal=0.7), Row("x")]
    table = Table("t", "A title", ["cell"], "x floor", rows, ["A note."])
    assert table.text().splitlines() == [
        "A title",
        "              cell  x floor     quartiles  goal",
        "  ----------  ----  -------  ------------  ----  -------",
        "  lash           7     1.00  0.90 to 1.10  1.00  reached",
        "  lash, fast     8     0.71                0.70   missed",
        "  x",
        "  A note.",
    ]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("decode", ["text: lash, 16-byte reads", "no row of anthropic: .venv-peers/anthropic is not there"]),
        ("arguments", ["lash, one long string"]),
        ("burst", ["lash, HttpcoreTransport", "lash, blocking", "socket + h11 + json"]),
        ("first_event", ["lash, HttpcoreTransport, x raw httpcore"]),
        ("paced", ["paced: 2 streams, TLS", "lash: p99 over the floor's, ms"]),
        ("memory", ["an open decoder, after one delta", "memory of 2 open streams"]),
        ("imports", ["lash, blocking Client"]),
        ("encode", ["anthropic-messages: json.dumps"]),
    ],
)
def test_each_benchmark_prints_its_tables_and_draws_them(
    name: str, rows: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.arguments.WORK", 100)
    monkeypatch.setattr("benchmarks.paced.RAMP", 0.01)
    small = ["--arguments", "100", "--arguments", "200", "--messages", "4", "--messages", "8"]
    assert main([name, *SMALL, *small, "--api", "anthropic-messages", "--plots", str(tmp_path / "plots")]) == 0
    printed = capsys.readouterr().out
    assert [row for row in rows if row not in printed] == []
    plots = list((tmp_path / "plots").glob("*.svg"))
    assert len(plots) == printed.count("\n\n") - 1
    for plot in plots:
        assert ElementTree.parse(plot).getroot().tag.endswith("svg")


def test_a_benchmark_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert f"no benchmark 'speed'; there are {', '.join(NAMES)}" in capsys.readouterr().err
