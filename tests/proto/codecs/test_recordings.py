"""What real providers sent decodes to what the vendors' own SDKs read in it, whole and in any cut."""

from __future__ import annotations

import pytest

from tests.recordings import APIS, NO_RECORDINGS, explain, find_recordings, read_items, report

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize("api", APIS)
def test_every_recording_says_what_the_vendors_sdk_reads_in_it(api: str) -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    count, wrong = report(read_items(folder / api), cuts=0)
    assert count > 0
    assert not wrong, f"{len(wrong)} of {count} differ\n{explain(wrong)}"


@pytest.mark.parametrize("api", APIS)
def test_no_cut_changes_a_recording(api: str) -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    count, wrong = report(read_items(folder / api), whole=False)
    assert count > 0
    assert not wrong, f"{len(wrong)} of {count} differ\n{explain(wrong)}"
