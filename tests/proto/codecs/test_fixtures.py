"""Our own fixtures, written from the providers' documentation, decode to what they say, whole and in any cut."""

from __future__ import annotations

import pytest

from tests.recordings import FIXTURES, explain, read_items, report

APIS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("api", APIS)
def test_every_fixture_says_what_was_written_beside_it(api: str) -> None:
    count, wrong = report(read_items(FIXTURES / api))
    assert count >= 8
    assert not wrong, f"{len(wrong)} of {count} differ\n{explain(wrong)}"


@pytest.mark.parametrize("api", APIS)
def test_every_fixture_says_how_it_should_stop(api: str) -> None:
    assert [item.name for item in read_items(FIXTURES / api) if "stop_reason" not in item.expected] == []
