"""Shared by all tests: how hard hypothesis tries, where the recordings are, under which event loops async tests run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from lash_proto.values import json_engine
from tests.recordings import NO_RECORDINGS, find_recordings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lash_proto.values import Engine

# A slow or busy machine is no failure of ours, so nothing here is held to a time.
settings.register_profile("dev", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("soak", settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("LASH_HYPOTHESIS_PROFILE") or "dev")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded responses; the test is skipped where there is none."""
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    return folder


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every async test runs under both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture(scope="module", params=["json", "msgspec"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Tests that use it run with both JSON engines, which must not differ in anything."""
    wanted: Engine = request.param
    if wanted == "msgspec":
        pytest.importorskip("msgspec")
    before = json_engine()
    json_engine(wanted)
    yield wanted
    json_engine(before)
