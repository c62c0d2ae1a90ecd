"""Growth of time and memory from N clips to 4 N.

Run by `tox -e bench`. Commands run in processes of their own, whose peak of memory is measured; no
timing is asserted, but that as many clips are judged.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.files import media
from svbench.metrics.frechet import Frechet
from svbench.types import ClipSpec, Features
from tests.factories.clips import make_clip
from tests.factories.measuring import HAS_PROC, QUICK, Cost, Ran, record, run_svbench, timed

FEW = 8 if QUICK else 100
MANY = 4 * FEW
MASTERS = 8  # different pictures and sounds
SPEC = ClipSpec(32, 8.0, (64, 64), 16000)
WIDTH = 64 if QUICK else 400

needs_proc = pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")

EXTRACT = """
import sys
import time
from pathlib import Path
from svbench.engines.local import Local
from svbench.files.store import Store
from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.types import ClipSpec, Example, Recording
from svbench.walk.extract import extract
from svbench.walk.recorded import recorded

folder, store = map(Path, sys.argv[1:])
engine = Local(2)
examples = [Example(path.stem, "", Recording(path)) for path in sorted(folder.iterdir())]
samples, _ = recorded("clips", examples, ClipSpec(32, 8.0, (64, 64), 16000), engine)
extractor = AVEvents(DETECTORS["published"])
wall, cpu = time.perf_counter(), time.process_time()
found = extract([extractor], samples, Store(store), engine, lambda *_: None)
print(time.perf_counter() - wall, time.process_time() - cpu)
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) * 1024, found.features[extractor.key].count)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return a folder of FEW and one of MANY clips, whose files differ in a box that is skipped."""
    root = tmp_path_factory.mktemp("growth")
    masters = []
    for number in range(MASTERS):
        clip, path = make_clip(number, SPEC), root / f"{number}.mp4"
        media.write_mp4(path, clip.video, SPEC.fps, clip.audio, SPEC.sample_rate)
        masters.append(path.read_bytes())
    for count in (FEW, MANY):
        (root / str(count)).mkdir()
        for number in range(count):
            box = struct.pack(">I4sI", 12, b"free", number)  # size, type, content
            content = masters[number % MASTERS] + box
            (root / str(count) / f"{number:04d}.mp4").write_bytes(content)
    return {count: root / str(count) for count in (FEW, MANY)}


def add(benchmark: BenchmarkFixture, what: str, few: Ran, many: Ran) -> None:
    record(
        benchmark,
        "growth",
        what=what,
        few=FEW,
        many=MANY,
        wall=many.cost.wall / few.cost.wall,
        cpu=many.cost.cpu / few.cost.cpu,
        memory=many.peak / few.peak,
    )


@needs_proc
def test_score_and_its_resume(
    benchmark: BenchmarkFixture, folders: dict[int, Path], tmp_path: Path
) -> None:
    def score(count: int) -> Ran:
        out = tmp_path / f"run{count}"
        words = ["score", folders[count], "--reference", folders[FEW], "--size", 64]
        ran = run_svbench([*words, "--workers", 2, "--out", out])
        rows = json.loads((out / "results.json").read_text(encoding="utf-8"))["rows"]
        assert any(row["asked"] == count for row in rows)
        return ran

    few, many = score(FEW), benchmark.pedantic(score, args=(MANY,), rounds=1)
    add(benchmark, "`svbench score`, clips of 64 x 64 px", few, many)
    add(benchmark, "the same, finished before (resume)", score(FEW), score(MANY))


@needs_proc
def test_extraction(benchmark: BenchmarkFixture, folders: dict[int, Path], tmp_path: Path) -> None:
    def ran(count: int) -> Ran:
        command = [sys.executable, "-c", EXTRACT, folders[count], tmp_path / f"store{count}"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
        wall, cpu, peak, judged = done.stdout.split()
        assert int(judged) == count
        return Ran(Cost(float(wall), float(cpu)), int(peak))

    few, many = ran(FEW), benchmark.pedantic(ran, args=(MANY,), rounds=1)
    add(benchmark, "extraction of AV-Align's events, clips of 64 x 64 px", few, many)


class Width:
    """Stands for an extractor whose features are given."""

    key, view = "width", "conformed"


def test_frechet_with_its_interval(benchmark: BenchmarkFixture) -> None:
    def ran(count: int) -> Ran:
        rng = np.random.default_rng(count)
        requests = tuple(str(number) for number in range(count))
        sets = (rng.standard_normal((count, WIDTH)).astype(np.float32) for _ in "ab")
        one, other = (Features("width", some, np.arange(count), requests) for some in sets)
        metric = Frechet("fvd", "FVD", Width(), resamples=20)
        _, cost = timed(lambda: metric.score(one, other))
        tracemalloc.start()
        metric.score(one, other)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return Ran(Cost(cost.wall, cost.cpu), peak)

    few, many = ran(FEW), benchmark.pedantic(ran, args=(MANY,), rounds=1)
    add(benchmark, f"Fréchet distance of {WIDTH} features, with its interval", few, many)
