"""Wall time, CPU time and peak memory of each step at true size, on random weights.

Run where SVBENCH_BENCH_TRUE_SIZE names a folder for 7 GB of weights, which are kept there; takes a
quarter of an hour on two cores and 12 GiB of memory. Nothing asserts a time. Each step runs in a
process of its own, weights are loaded in float32 from float16 files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.catalog.random_weights import FOLDER
from svbench.datasets import greatesthits
from svbench.limits import CORES
from tests.factories.clips import make_clip, write_clip
from tests.factories.measuring import HAS_PROC, Cost, record, run_svbench

WHERE = os.environ.get("SVBENCH_BENCH_TRUE_SIZE", "")
METRICS = "fvd@cd-fvd-16f,fad,ib-av,ib-ta,ib-tv,av-align-corrected@published"
STEPS = 2
CLIPS = 2  # the fewest of which FVD and FAD are distances

pytestmark = [
    pytest.mark.skipif(not WHERE, reason="SVBENCH_BENCH_TRUE_SIZE names no folder for weights"),
    pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc"),
]


def add(benchmark: BenchmarkFixture, what: str, cost: Cost, peak: int) -> None:
    cells = {"wall": cost.wall, "cpu": cost.cpu, "peak": peak, "cores": CORES}
    record(benchmark, "true_size", what=what, **cells)


def test_random_weights(benchmark: BenchmarkFixture) -> None:
    words = ("weights", "random", WHERE)
    there = Path(WHERE, FOLDER).exists()
    ran = benchmark.pedantic(run_svbench, args=(words,), rounds=1)
    size = sum(file.stat().st_size for file in Path(WHERE).rglob("*") if file.is_file())
    if not there:  # else only what was missing was written
        add(benchmark, f"`svbench weights random`, {size / 1e9:.2f} GB", ran.cost, ran.peak)


# Prints wall and CPU seconds and the peak of memory in KiB so far, of loading and of a step.
STEP = """
import json, sys, time
from pathlib import Path
import torch
from svbench.baselines.checkpoints.find import find_model
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.compute import Machine, inference
from svbench.datasets.greatesthits import SPEC
from svbench.limits import CORES

def clocks():
    return time.perf_counter(), time.process_time()

def measured(start):
    (peak,) = [s.split()[1] for s in open("/proc/self/status") if s.startswith("VmHWM")]
    return [*(b - a for a, b in zip(start, clocks())), int(peak)]

machine = Machine("cpu", threads=CORES)
start = clocks()
model = find_model(Path(sys.argv[1])).for_sampling().load(machine)
loading = measured(start)
with inference(machine):
    text = model.text_encoder(["", "a person is hitting a log"])
    shapes = Pair(model.audio.shape(SPEC), model.video.shape(SPEC))
    noise = shapes.map(lambda shape: torch.randn(1, *shape))
    start = clocks()
    latents = sample(model.joint, noise, text, model.schedules, SamplerSettings(1, 1.5), apart=True)
assert all(tensor.isfinite().all() for tensor in latents)
print(json.dumps([loading, measured(start)]))
"""


def test_loading_and_a_joint_step(benchmark: BenchmarkFixture) -> None:
    def run() -> list[list[float]]:
        command = [sys.executable, "-c", STEP, WHERE]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        found: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
        return found

    loading, step = benchmark.pedantic(run, rounds=1)
    frames = f"{greatesthits.SPEC.frames} frames of 256 x 256 px and 4 s of sound, guidance"
    for what, found in (("loading the joint model", loading), (f"a joint step, {frames}", step)):
        wall, cpu, kib = found
        add(benchmark, what, Cost(wall, cpu), int(kib) * 1024)


def test_a_run(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    names = [f"2015-02-16-16-49-00_denoised_thumb-{number:03d}.mp4" for number in range(CLIPS)]
    for number, name in enumerate(names):
        write_clip(data / name, make_clip(number, greatesthits.SPEC))
    lines = [f"{name},a person is hitting a log\n" for name in names]
    (data / "flist_test.csv").write_text("".join(lines))
    usual = ("run", "--dataset", "greatesthits", "--scale", "paper", "--data-root", data)
    made = ("--weights", WHERE, "--systems", "cmc-pe,real", "--gamma", 1.5, "--steps", STEPS)
    words = [*usual, *made, "--limit", CLIPS, "--device", "cpu", "--metrics"]
    networks = {"SVBENCH_WEIGHTS": str(Path(WHERE, FOLDER)), "SVBENCH_CACHE": ""}
    whole = benchmark.pedantic(
        run_svbench, args=([*words, METRICS, "--out", out],), kwargs=networks, rounds=1
    )
    what = f"`svbench run`: {CLIPS} clips, {STEPS} steps, decoded, scored; as many real ones"
    add(benchmark, what, whole.cost, whole.peak)
    shutil.rmtree(out / "features")
    again = run_svbench([*words, METRICS, "--out", out], **networks)
    add(benchmark, "the same, of clips that are there: scoring alone", again.cost, again.peak)
