"""Every seed of every fuzz target, replayed: `fuzz/fuzz_<name>.py` checks each file of `fuzz/corpus/<name>/`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
TARGETS = sorted(FUZZ.glob("fuzz_*.py"))
SEEDS = [
    pytest.param(target, seed, id=f"{target.stem.removeprefix('fuzz_')}-{seed.name}")
    for target in TARGETS
    for seed in sorted((FUZZ / "corpus" / target.stem.removeprefix("fuzz_")).glob("*"))
]


@pytest.mark.parametrize(("target", "seed"), SEEDS)
def test_a_seed_keeps_the_law_of_its_target(target: Path, seed: Path) -> None:
    spec = importlib.util.spec_from_file_location(target.stem, target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.check(seed.read_bytes())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.stem)
def test_a_target_begins_with_its_law_and_has_seeds(target: Path) -> None:
    assert target.read_text().startswith("# Law: ")
    assert any((FUZZ / "corpus" / target.stem.removeprefix("fuzz_")).iterdir())
