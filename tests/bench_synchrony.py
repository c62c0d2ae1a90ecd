"""Speed of synchrony and of `tuned-2`, relative to published AV-Align on the same clip.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_synchrony.py

All are timed in the same run, from a decoded clip to its features; the ratio is in the report's
extra_info. No timing is asserted, but that there are features.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.synchrony import Trajectories
from svbench.protocols import Extractor
from svbench.types import Clip, ClipSpec, Values

ROUNDS = 3
CONFORMED = ClipSpec(32, 8.0, (256, 256), 16000)
NATIVE = ClipSpec(60, 30.0, (360, 640), 44100)


def make(spec: ClipSpec) -> Clip:
    """Return a new clip: features of a clip are cached for its lifetime."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (spec.size[0] + 2 * spec.frames, spec.size[1], 3), np.uint8)
    video = np.stack([scene[2 * i :][: spec.size[0]] for i in range(spec.frames)])
    return Clip(video, rng.normal(0, 0.1, spec.samples).astype(np.float32), spec)


def extract(extractor: Extractor, spec: ClipSpec) -> Sequence[Values]:
    return extractor([make(spec)], [""])


@pytest.mark.parametrize("spec", [CONFORMED, NATIVE], ids=["conformed", "native"])
@pytest.mark.parametrize(
    "extractor",
    [Trajectories(IMPACT_MODEL), AVEvents(DETECTORS["tuned-2"])],
    ids=["sync", "tuned-2"],
)
def test_features(benchmark: BenchmarkFixture, extractor: Extractor, spec: ClipSpec) -> None:
    published = AVEvents(DETECTORS["published"])
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        extract(published, spec)
        seconds.append(time.perf_counter() - start)
    found = benchmark.pedantic(
        extract, args=(extractor, spec), rounds=ROUNDS, iterations=1, warmup_rounds=1
    )
    assert len(found[0]) > spec.frames / 2
    if benchmark.stats is not None:
        ours = benchmark.stats.stats.min
        benchmark.extra_info.update(
            published_seconds=min(seconds), ours_seconds=ours, times_faster=min(seconds) / ours
        )
