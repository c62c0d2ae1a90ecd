"""Speed and memory of the walk, relative to a named alternative in the same run.

Run by `tox -e bench`. No timing is asserted, but that both results agree.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.metrics import DEFAULT_METRICS, METRICS, build_metrics
from svbench.datasets import greatesthits
from svbench.engines.local import Local
from svbench.files.store import Store
from svbench.miniature import greatesthits as miniature
from svbench.protocols import Metric
from svbench.walk.extract import extract
from svbench.walk.recorded import recorded
from tests.factories.measuring import QUICK, in_turn, record_peer

CLIPS = 4 if QUICK else 16

Judge = Callable[[list[Metric]], list[float]]


def judge_of(folder: Path, workers: int) -> Judge:
    """Draw clips and return what judges them by metrics, each time in a new store."""
    if not (folder / "data").exists():
        miniature.draw(folder / "data", seed=3, test=CLIPS)
    examples = greatesthits.load(folder / "data")
    engine = Local(workers)
    samples, _ = recorded("clips", examples, miniature.SPEC, engine)
    stores = (Store(folder / f"{workers} workers, {turn}") for turn in count())

    def judge(metrics: list[Metric]) -> list[float]:
        extractors = [metric.extractor for metric in metrics]
        found = extract(extractors, samples, next(stores), engine, lambda *_: None).features
        pairs = [(m, found[m.extractor.key]) for m in metrics]
        judged = [m.score(f, f if m.needs_reference else None) for m, f in pairs]
        return [judgement.score.value for judgement in judged]

    return judge


@pytest.fixture
def metrics() -> list[Metric]:
    usual = DEFAULT_METRICS["mini"]
    named = {name.partition("@")[0] for name in usual}
    names = [*usual, *(n for n in METRICS if n.startswith("av-align") and n not in named)]
    settings = MetricSettings(resamples=10, small=True)
    return list(build_metrics(names, settings))


def test_all_metrics_in_one_pass(
    benchmark: BenchmarkFixture, tmp_path: Path, metrics: list[Metric]
) -> None:
    judge = judge_of(tmp_path, 2)
    turns = in_turn(benchmark, lambda: judge(metrics), lambda: [judge([m])[0] for m in metrics])
    np.testing.assert_array_equal(turns.found[-1], turns.expected[-1])
    what = f"{len(metrics)} metrics of {CLIPS} miniature clips, one pass"
    record_peer(benchmark, what, "a pass for each metric", turns, threads=2, deviation=0.0)


def test_two_workers(benchmark: BenchmarkFixture, tmp_path: Path, metrics: list[Metric]) -> None:
    alone, together = judge_of(tmp_path, 1), judge_of(tmp_path, 2)
    turns = in_turn(benchmark, lambda: together(metrics), lambda: alone(metrics))
    np.testing.assert_array_equal(turns.found[-1], turns.expected[-1])
    what = f"{len(metrics)} metrics of {CLIPS} miniature clips, two workers"
    floor = min(cost.wall for cost in turns.theirs) / 2
    record_peer(
        benchmark,
        what,
        "one worker",
        turns,
        threads=2,
        deviation=0.0,
        floor=floor,
        limit="half of one worker's time",
    )
