"""Every scene, read by both HTTP transports under all three drivers: all six must tell the truth, and the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import lash_io.flights
import lash_proto.exchange
from lash_proto.testing import merge
from tests.faults.readers import READERS, Told, problem, read
from tests.faults.scenes import APIS, CHAT, SCENES, SHORT, SOAK, Scene, scripts, with_longer_times
from tests.faults.server import FaultServer
from tests.io.worlds import WORLDS

FEW = [("blocking", "StreamTransport"), ("asyncio", "HttpcoreTransport")]
"""Who reads what is heavy; in a soak all do."""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(scripts()) as server:
        yield server


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(len(READERS)) as pool:
        yield pool


@pytest.fixture(autouse=True)
def short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the end of an answer is not waited for long."""
    monkeypatch.setattr(lash_proto.exchange, "DRAIN_TIMEOUT", SHORT)


@pytest.mark.parametrize("scene", [pytest.param(scene, id=scene.path) for scene in SCENES])
def test_every_reader_tells_the_truth_and_the_same(
    scene: Scene, server: FaultServer, threads: ThreadPoolExecutor
) -> None:
    def one(reader: tuple[str, str]) -> Told:
        told = read(scene, server.url, *reader)
        if scene.options and problem(scene, told) is not None:
            # On a machine that is held up a short time is over before what lies there is read. A longer one must do.
            told = read(with_longer_times(scene), server.url, *reader)
        return told

    readers = FEW if scene.heavy and not SOAK else READERS
    tellings = dict(zip(readers, map(one, readers) if scene.heavy else threads.map(one, readers), strict=True))
    problems = {reader: found for reader, told in tellings.items() if (found := problem(scene, told))}
    assert problems == {}
    if not scene.prefix:
        first, *others = (merge(told.events[:-1]) for told in tellings.values())
        assert all(other == first for other in others)


def test_every_dialect_plays_every_kind_of_fault() -> None:
    """What one dialect has and another lacks is told by name."""
    names = {api: {scene.name for scene in SCENES if scene.api == api} for api in APIS}
    every = set.union(*names.values())
    missing = {name for name in every for api in APIS if name not in names[api]}
    assert {name for name in missing if not name.startswith(("eof-", "rst-", "close-", "call-"))} <= {
        "longest-line",
        "gzip-bomb-line",
        "gzip-bomb-blanks",
    }


@pytest.mark.parametrize("world", WORLDS)
def test_a_flood_that_says_nothing_is_bounded_for_a_caller_who_was_away_too(
    world: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His deadline passed meanwhile, and the flood never lets a wait for news be in vain."""
    monkeypatch.setattr(lash_io.flights, "CATCH_UP", SHORT)
    scene = next(scene for scene in SCENES if scene.path == f"{CHAT}/endless-blanks")
    told = read(scene, server.url, world, "StreamTransport", pause=3 * SHORT)
    assert problem(scene, told) is None
