"""What a pass of every column over real clips takes beyond the forward passes of its networks.

Run by `tox -e bench`. By default small networks judge (`tests.factories.small_columns`), so the
row shows what decoding and the preparation of inputs take; where SVBENCH_BENCH_TRUE_SIZE names a
folder of `svbench weights random`, those of true size judge, of which 16 clips take hours on a CPU:
SVBENCH_BENCH_CLIPS says how many are read. CPU time of one worker on one thread is compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import METRICS, build_metrics
from svbench.catalog.random_weights import FOLDER
from svbench.compute import CPU
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.files.store import Store
from svbench.metrics.networks.batches import Forward
from svbench.protocols import Extractor
from svbench.types import SampleSet
from svbench.walk.extract import extract
from svbench.walk.plan import metrics_of
from svbench.walk.recorded import recorded
from tests.factories.measuring import QUICK, ROUNDS, Cost, Turns, record_peer, timed, torch_threads
from tests.factories.small_columns import SPEC, small_columns
from tests.goldens.places import real_clips

TRUE_SIZE = os.environ.get("SVBENCH_BENCH_TRUE_SIZE", "")
CLIPS = int(os.environ.get("SVBENCH_BENCH_CLIPS", "2" if QUICK else "16"))


class Passes:
    """Sums what the forward passes of all networks take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = self.cpu = 0.0
        original = Forward._outputs

        def measured(*given: Any) -> Any:
            found, cost = timed(lambda: original(*given))
            self.wall, self.cpu = self.wall + cost.wall, self.cpu + cost.cpu
            return found

        monkeypatch.setattr(Forward, "_outputs", measured)

    def taken(self) -> Cost:
        """Return what they took since the last call."""
        cost, self.wall, self.cpu = Cost(self.wall, self.cpu), 0.0, 0.0
        return cost


def with_networks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Extractor]:
    """Return the extractors of the columns whose networks run in `Forward`."""
    if TRUE_SIZE:
        monkeypatch.setenv("SVBENCH_WEIGHTS", str(Path(TRUE_SIZE, FOLDER)))
        found = metrics_of(build_metrics(list(METRICS), MetricSettings(machine=CPU)))
    else:
        found = small_columns(folder)
    extractors = {m.extractor.key: m.extractor for m in found}
    return [e for e in extractors.values() if hasattr(e, "machine")]


def readable(clips: Path) -> SampleSet:
    """Return so many real clips that can be judged: one of them has no sound."""
    (examples,) = manifest.load(clips).values()
    samples, _ = recorded("real", examples, SPEC, Local(1))
    assert len(samples.samples) >= CLIPS
    return replace(samples, samples=samples.samples[:CLIPS])


def test_one_pass_of_all_columns(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractors = with_networks(tmp_path, monkeypatch)
    samples = readable(real_clips())
    passes, turns = Passes(monkeypatch), Turns[None]()

    def whole() -> None:
        store = Store(tmp_path / f"store-{len(turns.ours)}")
        _, cost = timed(lambda: judge(extractors, samples, store))
        turns.ours.append(cost)
        turns.theirs.append(passes.taken())

    with torch_threads(1):
        benchmark.pedantic(whole, rounds=1 if TRUE_SIZE else ROUNDS, warmup_rounds=not TRUE_SIZE)
    what = f"{len(extractors)} networks' columns of {CLIPS} real clips, one pass"
    size = "of true size" if TRUE_SIZE else "small"
    against = f"the forward passes of these networks alone ({size})"
    record_peer(benchmark, what, against, turns, threads=1, deviation=None)


def judge(extractors: Sequence[Extractor], samples: SampleSet, store: Store) -> None:
    found = extract(extractors, samples, store, Local(1), lambda *_: None)
    assert found.features.keys() == {extractor.key for extractor in extractors}
