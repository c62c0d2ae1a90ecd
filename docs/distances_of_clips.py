"""Distances of subsets of a run's clips, by the small networks, for docs/make_distances.py.

Clips of n requests are compared with the real clips of n other requests, so that `real` shows what
a distance is between two samples of one population.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import build_metrics
from svbench.errors import ScoreError
from svbench.files.feature_store import clip_key
from svbench.files.store import Store
from svbench.miniature.greatesthits import SPEC
from svbench.protocols import Metric
from svbench.types import Features, Score
from svbench.walk.plan import Unavailable

METRICS: Final = ("fvd", "fvd-inf", "kvd", "fad", "fad-inf", "kad")
ROWS: Final = ("real", "cmc-pe-gamma1", "cross-attention-gamma1")
COUNTS: Final = (16, 32, 64, 128)
DRAWS: Final = 10
DIFFERENCE: Final = "CMC-PE less cross-attention"
POWERED: Final = 64  # clips from whose spread the need of others follows
DISTANCES: Final = 1.96 + 0.84  # deviations apart: 5 %, power .8

Measured = Any  # what JSON holds


def measure_clips(run: Path | None) -> Measured:
    """Measure mean and deviation of every distance and row over subsets of n requests."""
    if run is None:
        raise SystemExit("found no --run, expected the folder of a run of 256 clips")
    metrics = build_metrics(METRICS, MetricSettings(resamples=0, small=True))
    found = {}
    for metric in metrics:
        if isinstance(metric, Unavailable):
            raise SystemExit(metric.reason)
        sets = {row: _features(run, row, metric) for row in ROWS}
        found[metric.title] = {row: _by_count(metric, sets, row) for row in ROWS}
        found[metric.title][DIFFERENCE] = _differences(metric, sets)
    return found


def _features(run: Path, row: str, metric: Metric) -> Features:
    """Load the features of a row."""
    store, key = Store(run), metric.extractor.key
    samples = store.load_set(row, SPEC).samples
    blocks = [store.load_features(key, clip_key(sample)) for sample in samples]
    kept = [(s.request_id, b) for s, b in zip(samples, blocks, strict=True) if b is not None]
    if len(kept) < len(samples):
        raise SystemExit(f"{run}: found features of {len(kept)} of {len(samples)} clips of {row}")
    owner = np.repeat(np.arange(len(kept)), [len(block) for _, block in kept])
    names = tuple(name for name, _ in kept)
    return Features(key, np.concatenate([block for _, block in kept]), owner, names)


def _draws(requests: tuple[str, ...], count: int) -> Iterator[tuple[set[str], set[str]]]:
    """Yield n requests, and n others, at random."""
    rng = np.random.default_rng(count)
    for _ in range(DRAWS):
        order = [requests[i] for i in rng.permutation(len(requests))[: 2 * count]]
        yield set(order[:count]), set(order[count:])


def _scores(metric: Metric, sets: Mapping[str, Features], row: str, count: int) -> list[Score]:
    """Score subsets of a row, none where the metric refuses so few clips."""
    real, found = sets["real"], []
    for some, others in _draws(real.requests, count):
        try:
            found.append(metric.score(sets[row].only(some), real.only(others)).score)
        except ScoreError:
            return []
    return found


def _by_count(metric: Metric, sets: Mapping[str, Features], row: str) -> Measured:
    return {str(n): _mean([s.value for s in _scores(metric, sets, row, n)]) for n in COUNTS}


def _differences(metric: Metric, sets: Mapping[str, Features]) -> Measured:
    """Return mean and deviation of the difference of the two models on the same subsets."""
    found = {}
    for n in COUNTS:
        one, other = (_scores(metric, sets, row, n) for row in ROWS[1:])
        found[str(n)] = _mean([a.value - b.value for a, b in zip(one, other, strict=True)])
    return found


def _mean(values: list[float]) -> tuple[float, float] | None:
    return (float(np.mean(values)), float(np.std(values, ddof=1))) if values else None


def needed(cells: Mapping[str, tuple[float, float] | None], population: int = 256) -> int | None:
    """Return how many clips tell a difference with power .8, None where it is refused.

    From the spread at `POWERED` clips, which subsets of one run of `population` clips show too
    small, and which falls as 1 / sqrt(n).
    """
    cell = cells[str(POWERED)] or cells[str(COUNTS[-1])]
    if cell is None:
        return None
    count = POWERED if cells[str(POWERED)] else COUNTS[-1]
    spread = cell[1] / (1 - count / population) ** 0.5
    return int(np.ceil(count * (DISTANCES * spread / cell[0]) ** 2))
