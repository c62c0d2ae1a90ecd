"""What a pass of every column over real clips takes beyond the forward passes of its networks.

Run by `tox -e bench`. By default small networks judge (`tests.factories.small_columns`), so the
row shows what decoding and the preparation of inputs take; where SVBENCH_BENCH_TRUE_SIZE names a
folder of `svbench weights random`, those of true size judge that lie in it. 16 clips would take
them two hours on a core, so equal forward passes are run once and counted each time. The clips are
brought to the format of these networks' protocols then, of 8 s. SVBENCH_BENCH_CLIPS says how many
are read. CPU time of one worker on one thread is compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import METRICS, build_metrics
from svbench.catalog.random_weights import FOLDER
from svbench.compute import CPU
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.store import Store, read_sample
from svbench.metrics.networks.batches import Forward, Network
from svbench.metrics.networks.sharing import LastOutputs, SharedNetwork
from svbench.metrics.networks.synchformer_config import PUBLISHED
from svbench.protocols import Extractor
from svbench.types import ClipSpec, Sample, SampleSet
from svbench.walk.extract import extract
from svbench.walk.plan import metrics_of
from svbench.walk.recorded import recorded
from tests.factories.measuring import QUICK, ROUNDS, Cost, Turns, record_peer, timed, torch_threads
from tests.factories.small_columns import SPEC, small_columns
from tests.goldens.places import real_clips

TRUE_SIZE = os.environ.get("SVBENCH_BENCH_TRUE_SIZE", "")
FORMAT = ClipSpec(frames=64, fps=8.0, size=(256, 256), sample_rate=16000) if TRUE_SIZE else SPEC
# Beside the usual presets, of which FVD's network is a script that no random weights stand in for.
ALSO = ("fvd@cd-fvd-16f", "kl@passt-32k", "kl@passt-32k+native")
CLIPS = int(os.environ.get("SVBENCH_BENCH_CLIPS", "2" if QUICK else "16"))


class Passes:
    """Sums what the forward passes of all networks take.

    With `once`, of equal passes (a network, its part, the shapes of a batch) the first alone is
    run: the others return its outputs and count as much, as no number decides their time.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, once: bool) -> None:
        self._all = self._spared = Cost(0.0, 0.0)
        self._known: dict[object, tuple[list[Tensor], Cost]] = {}
        self._networks: set[SharedNetwork] = set()
        original = Forward._outputs

        def measured(
            forward: Forward, network: Network, some: list[Tensor], size: int, about: Any
        ) -> list[Tensor]:
            self._networks.add(forward._shared)
            key = (forward._recipe[0], about, len(some), some[0].shape)
            if once and key in self._known:
                found, cost = self._known[key]
                self._spared = _sum(self._spared, cost)
            else:
                found, cost = timed(lambda: original(forward, network, some, size, about))
                self._known[key] = found, cost
            self._all = _sum(self._all, cost)
            return list(found)

        monkeypatch.setattr(Forward, "_outputs", measured)

    def forget_shared(self) -> None:
        """Drop the outputs that the last pass left for batches in common."""
        for network in self._networks:
            network.outputs = LastOutputs()

    def taken(self) -> tuple[Cost, Cost]:
        """Return what they took since the last call, and how much of it was not run again."""
        found = self._all, self._spared
        self._all = self._spared = Cost(0.0, 0.0)
        return found


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(one.wall + other.wall, one.cpu + other.cpu)


def with_networks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Extractor]:
    """Return the extractors of the columns whose networks run in `Forward`."""
    if TRUE_SIZE:
        monkeypatch.setenv("SVBENCH_WEIGHTS", str(Path(TRUE_SIZE, FOLDER)))
        found = metrics_of(build_metrics([*METRICS, *ALSO], MetricSettings(machine=CPU)))
    else:
        found = small_columns(folder)
    extractors = {m.extractor.key: m.extractor for m in found}
    return [e for e in extractors.values() if hasattr(e, "machine")]


def readable(clips: Path) -> SampleSet:
    """Return so many real clips that can be judged: one of them has no sound, some are short."""
    (examples,) = manifest.load(clips).values()
    samples, _ = recorded("real", examples, FORMAT, Local(1))
    found = tuple(islice((s for s in samples.samples if can_be_read(s, samples)), CLIPS))
    assert len(found) == CLIPS
    return replace(samples, samples=found)


def can_be_read(sample: Sample, samples: SampleSet) -> bool:
    try:
        clip, _ = (read_sample(sample, samples, view) for view in ("native", "conformed"))
    except DataError:
        return False
    return clip.duration >= PUBLISHED.least_seconds


def test_one_pass_of_all_columns(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractors = with_networks(tmp_path, monkeypatch)
    samples = readable(real_clips())
    passes, turns = Passes(monkeypatch, once=bool(TRUE_SIZE)), Turns[None]()

    def whole() -> None:
        store = Store(tmp_path / f"store-{len(turns.ours)}")
        passes.forget_shared()
        _, cost = timed(lambda: judge(extractors, samples, store))
        theirs, spared = passes.taken()
        turns.ours.append(_sum(cost, spared))
        turns.theirs.append(theirs)

    with torch_threads(1):
        benchmark.pedantic(whole, rounds=ROUNDS, warmup_rounds=1)
    turns.ours, turns.theirs = turns.ours[1:], turns.theirs[1:]  # the first loads the networks
    what = f"{len(extractors)} networks' columns of {CLIPS} real clips, one pass"
    size = "of true size" if TRUE_SIZE else "small"
    against = f"the forward passes of these networks alone ({size})"
    record_peer(benchmark, what, against, turns, threads=1, deviation=None)


def judge(extractors: Sequence[Extractor], samples: SampleSet, store: Store) -> None:
    found = extract(extractors, samples, store, Local(1), lambda *_: None)
    assert not found.problems
    assert found.features.keys() == {extractor.key for extractor in extractors}
