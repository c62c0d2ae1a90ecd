"""The shipped joint models: equal samples for any sharding, and the gain of the mixers."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.engines import protocol
from svbench.files.results import load_table
from svbench.reports.analysis.paired import paired_runs
from tests.factories.commands import Command, exit_code

KNOWN = "known-files.json"  # holds when files were written
AV_ALIGN = "av-align-corrected@miniature"
RUN = ("run", "--dataset", "greatesthits", "--gamma", "1", "--metrics", AV_ALIGN, "--json")


def test_any_number_of_workers_gives_the_same_bytes(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Controls and two models in one queue, every column: samples, features, scores and table.

    One worker is the caller's thread, two are threads, three are processes.
    """
    systems = "shuffled,cross-attention,cmc-pe"
    words = ("run", "--dataset", "greatesthits", "--systems", systems, "--gamma", "1", "--json")
    found = []
    for workers in (1, 2, 3):
        if workers == 3:
            monkeypatch.setattr(protocol, "WORTH_SPREADING", 1)
        out = tmp_path / str(workers)
        few = ("--limit", "10", "--steps", "2", "--out", out)
        assert svbench(*words, *few, "--workers", workers).code == 0
        files = sorted(path for path in out.rglob("*") if path.is_file() and path.name != KNOWN)
        found.append({path.relative_to(out): path.read_bytes() for path in files})
    assert {"results.json", "scores.csv", "requests.jsonl"} < {path.name for path in found[0]}
    assert found[0] == found[1] == found[2]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judged") / "run"
    systems = "real,shuffled,cross-attention,cmc-pe"
    words = (*RUN, "--systems", systems, "--limit", "24", "--seed", "7", "--workers", "2")
    assert exit_code(*words, "--out", out) == 0
    return out


def test_real_clips_are_the_ceiling_and_shuffled_ones_the_floor(judged: Path) -> None:
    scores = {row.system: row.scores[AV_ALIGN].value for row in load_table(judged).rows}
    assert scores["real"] > 0.9
    assert scores["shuffled"] < 0.3
    assert scores["real"] > scores["cmc-pe-gamma1"]


def test_cmc_pe_aligns_better_than_one_pooled_key(judged: Path) -> None:
    """By more than chance, on the same requests and seeds."""
    gain = paired_runs(judged, AV_ALIGN, "cmc-pe-gamma1", "cross-attention-gamma1")
    assert gain.count == 24
    assert gain.value > 0
    assert gain.excludes_zero
    floor = paired_runs(judged, AV_ALIGN, "cmc-pe-gamma1", "shuffled")
    assert floor.value > 0
    assert floor.excludes_zero
