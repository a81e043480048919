"""Shared by all tests: how hard hypothesis tries, where the recordings are, under which event loops async tests run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A slow or busy machine is no failure of ours, so nothing here is held to a time.
settings.register_profile("dev", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("soak", settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("LASH_HYPOTHESIS_PROFILE") or "dev")


def find_recordings() -> Path | None:
    """The folder of recorded responses: `$LASH_RECORDINGS` if that is set (empty for none), else beside the clone."""
    said = os.environ.get("LASH_RECORDINGS")
    if said == "":
        return None
    folder = Path(said) if said else Path(__file__).resolve().parents[2] / "shared" / "recordings"
    return folder if folder.is_dir() else None


NO_RECORDINGS = "no recordings: $LASH_RECORDINGS names no folder and ../shared/recordings is not there"


def recorded_items(api: str) -> list[object]:
    """The folders of one API's recordings, for `pytest.mark.parametrize`; without recordings one item that skips."""
    recordings = find_recordings()
    if recordings is None:
        return [pytest.param(Path(), id="none", marks=pytest.mark.skip(reason=NO_RECORDINGS))]
    return [pytest.param(item, id=item.name) for item in sorted((recordings / api).iterdir()) if item.is_dir()]


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
