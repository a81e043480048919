"""The benchmarks still run and read their streams rightly. How fast is no matter for a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import decode
from benchmarks.__main__ import main
from benchmarks.streams import APIS, KINDS, make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("api", APIS)
def test_a_stream_of_the_benchmarks_decodes_to_what_was_put_in(api: str, kind: str) -> None:
    stream = make(api, kind, 30)
    assert stream.deltas == 30
    assert decode.check(stream) is None


def test_both_benchmarks_print_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.__main__.pin", lambda: "not pinned")  # the other tests need their cores
    monkeypatch.setattr("benchmarks.peers.PLACE", tmp_path)
    assert main(["--rounds", "2", "--events", "10", "--api", "anthropic-messages"]) == 0
    printed = capsys.readouterr().out
    assert "text: lash, 16-byte reads" in printed
    assert "no row of the anthropic SDK: .venv-peers/anthropic is not there" in printed
    assert "an open decoder, after one delta" in printed


def test_a_benchmark_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["burst"])
    assert "no benchmark 'burst'; there are decode, memory" in capsys.readouterr().err
