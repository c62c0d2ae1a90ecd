"""Speed of the scoring networks at true size, relative to a named alternative in the same run.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_networks.py

Weights are random. I3D as prepared for inference is compared with the plain network, VGGish in
batches over clips with the plain network one clip at a time, each in turn on one thread by CPU time
(a shared machine's wall time drifts). `svbench score` with all networks is compared with their
forward passes alone on as many threads as it has workers: its wall time as a multiple, and the
cores that it kept busy. No timing is asserted, but that results agree.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits
from torch import Tensor

from svbench.compute import CPU, digest_file
from svbench.files.weights.loading import WeightFile, load_state
from svbench.files.weights.published import PUBLISHED
from svbench.metrics.fad import PROTOCOLS, examples
from svbench.metrics.networks import (
    i3d,
    i3d_inputs,
    imagebind,
    imagebind_inputs,
    vggish,
    vggish_inputs,
)
from svbench.metrics.networks.i3d_inputs import SIZE, network_input
from svbench.metrics.networks.imagebind_config import HUGE
from svbench.metrics.networks.imagebind_inputs import spectrograms, video_crops
from svbench.types import Clip, ClipSpec
from tests.factories.clips import make_clip, write_clip
from tests.factories.seeded_networks import seeded_i3d, seeded_vggish

SPEC = ClipSpec(32, 8.0, (256, 256), 16000)
CLIPS = 12  # of each side of `svbench score`
WORKERS = 2
ROUNDS = 3
ROOM = 6 * 2**30  # bytes, for the weights
METRICS = "fvd@all-windows,fad@audioldm-eval,ib-av@published"
FAD_PROTOCOL = PROTOCOLS["audioldm-eval"]
IB_PROTOCOL = imagebind_inputs.PROTOCOLS["published"]
TOLERANCE = 1e-4  # of the spread of the outputs


# The digest of VGGish's file is in its name, so no other file is taken for it.
UNDER_RANDOM_WEIGHTS = """
from dataclasses import replace
from svbench.files.weights.published import PUBLISHED
PUBLISHED["vggish"] = replace(PUBLISHED["vggish"], sha256="")
from svbench.cli.app import main
main()
"""


@pytest.fixture
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        torch.get_num_threads()
        yield


def in_turn(ours: Callable[[], Tensor], theirs: Callable[[], Tensor]) -> dict[str, float]:
    """Return the least CPU time of each, s, and their ratio; outputs must agree."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        outputs = []
        for work, times in zip((ours, theirs), seconds, strict=True):
            start = time.process_time()
            outputs.append(work())
            times.append(time.process_time() - start)
        found, expected = outputs
        assert float((found - expected).abs().max() / expected.std()) <= TOLERANCE
    mine, plain = (min(times[1:]) for times in seconds)
    return {"ours_seconds": mine, "plain_seconds": plain, "times_faster": plain / mine}


def report(
    benchmark: BenchmarkFixture, found: dict[str, float], work: Callable[[], Tensor]
) -> None:
    benchmark.extra_info.update(found)
    benchmark.pedantic(work, rounds=1)


@pytest.mark.usefixtures("one_thread")
def test_i3d(benchmark: BenchmarkFixture) -> None:
    """The forward pass of I3D on 4 windows in its usual batches, over that of the plain network."""
    plain = i3d.I3D()
    plain.load_state_dict(seeded_i3d(plain, 0))
    plain.eval().requires_grad_(False)
    fast = i3d.prepared(plain)
    windows = torch.rand(4, 3, 16, SIZE, SIZE, generator=torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def ours() -> Tensor:
        return torch.cat([fast(some) for some in windows.split(i3d_inputs.BATCH.on(CPU))])

    found = in_turn(ours, lambda: torch.inference_mode()(plain)(windows))
    report(benchmark, found, ours)


@pytest.mark.usefixtures("one_thread")
def test_vggish(benchmark: BenchmarkFixture) -> None:
    """VGGish on the sound of 4 clips, over the plain network on one clip after the other."""
    plain = vggish.VGGish()
    state = seeded_vggish(plain, 0)
    plain.load_state_dict(state)
    plain.eval().requires_grad_(False)
    fast = vggish.load(state, Path("random"))
    clips = [
        torch.from_numpy(examples(make_clip(n, SPEC).audio, SPEC.sample_rate, FAD_PROTOCOL))
        for n in range(4)
    ]

    @torch.inference_mode()
    def ours() -> Tensor:
        return torch.cat(
            [fast(some) for some in torch.cat(clips).split(vggish_inputs.BATCH.on(CPU))]
        )

    @torch.inference_mode()
    def theirs() -> Tensor:
        return torch.cat([plain(clip) for clip in clips])

    report(benchmark, in_turn(ours, theirs), ours)


# --- svbench score ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WeightFile]:
    """Write random weights of all networks at true size, in the form of the published files."""
    folder = tmp_path_factory.mktemp("weights")
    if shutil.disk_usage(folder).free < ROOM:
        pytest.skip(f"{folder}: expected {ROOM / 2**30:.0f} GiB free (see --basetemp)")
    made: dict[str, Callable[[], dict[str, Tensor]]] = {
        "i3d": lambda: seeded_i3d(i3d.I3D(), 0),
        "vggish": lambda: seeded_vggish(vggish.VGGish(), 0),
        "imagebind": random_imagebind,
    }
    files = {}
    for name, state in made.items():
        path = folder / PUBLISHED[name].file
        torch.save(state(), path)
        files[name] = WeightFile(name, path, digest_file(path))
    return files


def random_imagebind() -> dict[str, Tensor]:
    """Return random weights of ImageBind-huge, 4.8 GB."""
    random = torch.Generator().manual_seed(0)
    shapes = imagebind.shapes().items()
    return {name: torch.randn(shape, generator=random).mul_(0.02) for name, shape in shapes}


def passes(weights: dict[str, WeightFile], clips: list[Clip]) -> list[Callable[[], object]]:
    """Return the forward passes of all networks on all clips, with inputs that are ready.

    The real clips are a row as well, so that every network measures both halves of the clips.
    """
    windows = i3d.prepared(i3d.load(load_state(weights["i3d"].path), weights["i3d"].path))
    sounds = vggish.load(load_state(weights["vggish"].path), weights["vggish"].path)
    path = weights["imagebind"].path
    both = imagebind.load(load_state(path), path, modalities=("vision", "audio"))
    work: list[Callable[[], object]] = []
    for clip in clips:
        pairs = (clip.video[:16], clip.video[16:])
        frames = torch.stack([network_input(one, SIZE, "stretch") for one in pairs])
        mels = torch.from_numpy(examples(clip.audio, SPEC.sample_rate, FAD_PROTOCOL))
        work += [partial(windows, frames), partial(sounds, mels)]
        crops, _ = video_crops(clip.video, SPEC.fps, IB_PROTOCOL, HUGE)
        bins = spectrograms(clip.audio, SPEC.sample_rate, IB_PROTOCOL, HUGE)
        work += [partial(both, "vision", crops), partial(both, "audio", bins)]
    return work


def seconds_of_passes(weights: dict[str, WeightFile], clips: list[Clip]) -> float:
    """Return the wall time of all forward passes on as many threads as there are workers."""
    work = passes(weights, clips)

    def one(call: Callable[[], object]) -> None:
        with torch.inference_mode():
            call()

    def alone() -> None:
        torch.get_num_threads()
        threadpool_limits(1)

    with ThreadPoolExecutor(WORKERS, initializer=alone) as pool:
        start = time.perf_counter()
        list(pool.map(one, work))
        return time.perf_counter() - start


def test_score_with_all_networks(
    benchmark: BenchmarkFixture, tmp_path: Path, weights: dict[str, WeightFile]
) -> None:
    """`svbench score` of 12 clips against 12, over the forward passes alone."""
    clips = [make_clip(n, SPEC) for n in range(2 * CLIPS)]
    for number, clip in enumerate(clips):
        folder = tmp_path / ("made" if number < CLIPS else "real")
        write_clip(folder / f"{number}.mp4", clip)
    alone = seconds_of_passes(weights, clips)
    words = ["score", tmp_path / "made", "--reference", tmp_path / "real", "--device", "cpu"]
    words += ["--metrics", METRICS, "--workers", WORKERS, "--out", tmp_path / "run", "--json"]
    places = {"SVBENCH_WEIGHTS": str(weights["i3d"].path.parent)}

    def score() -> str:
        command = [sys.executable, "-c", UNDER_RANDOM_WEIGHTS, *map(str, words)]
        ran = subprocess.run(command, env=os.environ | places, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    table = json.loads(benchmark.pedantic(score, rounds=1))
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = used.ru_utime - before.ru_utime + used.ru_stime - before.ru_stime
    assert set(table["rows"][0]["scores"]) >= set(METRICS.split(","))
    benchmark.extra_info.update(
        wall_over_forward_passes=wall / alone,
        cores_busy=busy / wall,
        workers=WORKERS,
        forward_passes_seconds=alone,
        score_seconds=wall,
        peak_gib=used.ru_maxrss / 2**20,
    )
