"""What a second worker of a Ray cluster brings, for sampling and for AV-Align.

Run by `tox -e bench`. Nothing asserts a time, but both results have to be equal. Workers run before
they are timed, but load their work within the time; the limit is twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.metrics import build_metrics
from svbench.catalog.systems import joint_models, joint_system
from svbench.compute import import_torch
from svbench.config import RunConfig
from svbench.datasets import greatesthits
from svbench.engines.ray_cluster import RayCluster
from svbench.engines.ray_resources import RaySettings
from svbench.files.store import Store
from svbench.first_import import import_librosa
from svbench.miniature import greatesthits as miniature
from svbench.pace import silent
from svbench.types import Example, Recording
from svbench.walk.extract import extract
from svbench.walk.generate import generate
from svbench.walk.recorded import recorded
from svbench.walk.requests import requests_for
from tests.factories.clips import make_clip, write_clip
from tests.factories.measuring import QUICK, in_turn, record
from tests.factories.ray_clusters import ray_cluster

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

CLIPS = 8 if QUICK else 256  # to be judged
SAMPLED = 8 if QUICK else 64
ROUNDS = 2


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[int, RayCluster]]:
    """Yield engines of one and of two workers, each a processor."""
    with ray_cluster(3) as cluster, ExitStack() as stack:
        yield {
            workers: stack.enter_context(
                closing(RayCluster(RaySettings(workers=workers, address=cluster.address)))
            )
            for workers in (1, 2)
        }


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    folder = tmp_path_factory.mktemp("clips")
    made = []
    for number in range(CLIPS):
        path = folder / f"{number:03d}.mp4"
        write_clip(path, make_clip(number, greatesthits.SPEC))
        made.append(Example(path.stem, "a drumstick hits wood", Recording(path)))
    return tuple(made)


def import_all(_shard: int) -> None:
    import_torch()
    import_librosa()


def compared(
    benchmark: BenchmarkFixture,
    what: str,
    work: Callable[[RayCluster], object],
    of: dict[int, RayCluster],
) -> None:
    for engine in of.values():  # imports are no part of it
        list(engine.spread(import_all, range(2)))
    turns = in_turn(benchmark, lambda: work(of[2]), lambda: work(of[1]), rounds=ROUNDS, warm=False)
    assert turns.found == turns.expected
    record(benchmark, "engines", what=what, workers=2, faster=turns.faster)


def test_sampling(
    benchmark: BenchmarkFixture,
    engines: dict[int, RayCluster],
    examples: tuple[Example, ...],
    tmp_path: Path,
) -> None:
    config = RunConfig.of(dataset="greatesthits", scale="mini", batch=4)
    system = joint_system(config, "cmc-pe", joint_models(config)["cmc-pe"], 1.5)
    requests = requests_for(examples[:SAMPLED], 1, 0)
    stores = (Store(tmp_path / str(turn)) for turn in count())

    def work(engine: RayCluster) -> object:
        spec = miniature.SPEC
        (made,) = generate([(system, requests)], spec, 0, next(stores), engine, silent)
        return made.digest

    compared(benchmark, f"sampling of {SAMPLED} miniature clips (cmc-pe)", work, engines)


def test_av_align(
    benchmark: BenchmarkFixture,
    engines: dict[int, RayCluster],
    examples: tuple[Example, ...],
    tmp_path: Path,
) -> None:
    (metric,) = build_metrics(["av-align-corrected@published"], MetricSettings(resamples=100))
    samples, _ = recorded("clips", examples, greatesthits.SPEC, engines[1])
    stores = (Store(tmp_path / str(turn)) for turn in count())

    def work(engine: RayCluster) -> object:
        found = extract([metric.extractor], samples, next(stores), engine, lambda *_: None)
        return metric.score(found.features[metric.extractor.key], None).score

    compared(benchmark, f"AV-Align (`published`) of {CLIPS} clips of 4 s", work, engines)
