"""Our own fixtures, written from the providers' documentation, decode to what they say, whole and in any cut."""

from __future__ import annotations

import copy
import pickle
from contextlib import suppress

import pytest

from lash_proto.codecs import CODECS
from lash_proto.failures import RemoteProtocolError
from tests.recordings import FIXTURES, cuts_of, explain, read_items, report

pytestmark = pytest.mark.usefixtures("engine")

APIS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("api", APIS)
def test_every_fixture_says_what_was_written_beside_it(api: str) -> None:
    count, wrong = report(read_items(FIXTURES / api))
    assert count >= 8
    assert not wrong, f"{len(wrong)} of {count} differ\n{explain(wrong)}"


@pytest.mark.parametrize("api", APIS)
def test_every_fixture_says_how_it_should_stop(api: str) -> None:
    assert [item.name for item in read_items(FIXTURES / api) if "stop_reason" not in item.expected] == []


@pytest.mark.parametrize("api", APIS)
def test_a_copy_of_a_decoder_equals_it_until_it_hears_more(api: str) -> None:
    for item in read_items(FIXTURES / api):
        decoder = CODECS[api].decoder(status=item.meta["status"], headers=item.headers)
        for piece in (*list(cuts_of(item.name, item.body))[-1], b"data: {no JSON\n\n"):
            before = copy.deepcopy(decoder)
            assert before == decoder == pickle.loads(pickle.dumps(decoder)), item.name
            with suppress(RemoteProtocolError):
                decoder.receive(piece)
                assert before != decoder or not piece or decoder.ended, item.name
        with suppress(RemoteProtocolError):
            decoder.end()
        assert copy.deepcopy(decoder) == decoder == pickle.loads(pickle.dumps(decoder)), item.name
