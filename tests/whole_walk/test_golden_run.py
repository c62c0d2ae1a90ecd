"""A run against its golden table: an equal run passes, a changed detector does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.metrics.avalign.events import DETECTORS
from tests.factories.commands import Command

WALK = ("run", "--dataset", "greatesthits", "--limit", "3", "--systems", "real,shuffled")
METRICS = ("--metrics", "av-align-corrected@miniature,av-align-corrected@published")
QUICKLY = ("--workers", "1", "--json")
GOLDEN = Path(__file__).parents[1] / "goldens" / "tables" / "greatesthits-mini.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


def test_a_change_of_one_threshold_leaves_the_golden_table(
    svbench: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again, changed = (folder / name for name in ("first", "again", "changed"))
    golden = folder / "golden.json"
    assert svbench(*WALK, *METRICS, *QUICKLY, "--out", first).code == 0
    update = svbench("check", first, "--golden", golden, "--update", "--reason", "as it was")
    assert update.code == 0, update.err
    record = json.loads(golden.read_text(encoding="utf-8"))
    assert record["results"] == json.loads((first / "results.json").read_text(encoding="utf-8"))

    assert svbench(*WALK, *METRICS, *QUICKLY, "--out", again).code == 0
    same = svbench("check", again, "--golden", golden)
    assert same.code == 0, same.err
    assert "within tolerance: 4 the same" in same.out

    usual = DETECTORS["miniature"]
    duller = replace(usual, onsets=replace(usual.onsets, delta=0.9))
    monkeypatch.setitem(DETECTORS, "miniature", duller)
    assert svbench(*WALK, *METRICS, *QUICKLY, "--out", changed).code == 0
    junit = folder / "junit.xml"
    drift = svbench("check", changed, "--golden", golden, "--junit", junit)
    assert "1 judged otherwise" in drift.problem(5)
    assert f"detectors.onsets.delta was {usual.onsets.delta}, is 0.9" in drift.out
    assert "detectors.onsets.delta" in junit.read_text(encoding="utf-8")
    # the other detectors did not change, and their cells were compared
    assert "2 the same" in drift.problem(5)


def test_the_miniature_gives_its_golden_table(svbench: Command, folder: Path) -> None:
    """Every system on a few requests; the rounding of another processor is within tolerance."""
    walk = ("run", "--dataset", "greatesthits", "--limit", "6", "--workers", "2", "--json")
    assert svbench(*walk, "--out", folder / "whole").code == 0
    verdict = svbench("check", folder / "whole", "--golden", GOLDEN)
    assert verdict.code == 0, verdict.out + verdict.err
