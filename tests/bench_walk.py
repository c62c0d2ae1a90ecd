"""Speed and memory of the walk, relative to a named alternative in the same run.

Run by `tox -e bench`. No timing is asserted, but that both results agree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.catalog.metrics import DEFAULT_METRICS, METRICS, MetricSettings, build_metrics
from svbench.datasets import greatesthits
from svbench.engines.local import Local
from svbench.files import media
from svbench.files.store import Store
from svbench.metrics.avalign.events import DETECTORS
from svbench.metrics.avalign.score import AVAlign
from svbench.miniature import greatesthits as miniature
from svbench.protocols import Metric
from svbench.types import ClipSpec, Example, Recording
from svbench.walk.extract import extract
from svbench.walk.recorded import recorded
from tests.alternatives.av_align_loop import av_align
from tests.factories.clips import make_clip
from tests.goldens.places import golden_root

SPEC = ClipSpec(32, 8.0, (256, 256), 16000)
CLIPS = 20


def four_second_clips(folder: Path) -> list[Path]:
    """Return 20 clips of 4 s, MP4 with WAV: real ones if there are golden data, else drawn ones."""
    there = sorted((golden_root() / "metrics/avalign/clips8").glob("*.mp4"))
    there = [path for path in there if path.with_suffix(".wav").exists()]
    folder.mkdir()
    for number in range(CLIPS):
        target = folder / f"{number:02d}.mp4"
        if there:
            source = there[number % len(there)]
            shutil.copy(source, target)
            shutil.copy(source.with_suffix(".wav"), target.with_suffix(".wav"))
        else:
            clip = make_clip(number, SPEC)
            media.write_mp4(target, clip.video, SPEC.fps)
            media.write_wav(target.with_suffix(".wav"), clip.audio, SPEC.sample_rate)
    return sorted(folder.glob("*.mp4"))


# The reference loop's librosa.load imports audioread, which imports modules on their way out.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_av_align_against_the_reference_loop(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Clips per second of the walk (two workers) and of the published scripts' loop."""
    clips = four_second_clips(tmp_path / "clips")
    metric = AVAlign("corrected", DETECTORS["published"])
    examples = [Example(p.stem, "", Recording(p, 0.0, p.with_suffix(".wav"))) for p in clips]

    def ours(folder: Path) -> list[float]:
        engine = Local(2)
        samples, _ = recorded("clips", examples, SPEC, engine)
        found = extract([metric.extractor], samples, Store(folder), engine, lambda *_: None)
        judged = metric.score(found.features[metric.extractor.key], None)
        return [clip.value for clip in judged.clips]

    def theirs() -> list[float]:
        return [av_align(p, p.with_suffix(".wav")) for p in clips]

    ours(tmp_path / "warm")  # librosa's loops and those of flow are compiled at the first call
    ratios = []
    for round_ in range(3):  # in turn, since a shared machine's speed drifts
        start = time.perf_counter()
        reference = theirs()
        middle = time.perf_counter()
        scores = ours(tmp_path / f"turn{round_}")
        ratios.append((middle - start) / (time.perf_counter() - middle))
    np.testing.assert_allclose(scores, reference, rtol=1e-12)
    benchmark.extra_info["clips per second, ours / reference loop"] = sorted(ratios)[1]
    benchmark.extra_info["each turn"] = ratios
    benchmark.pedantic(ours, args=(tmp_path / "timed",), rounds=1)


# A child's rusage also counts its parent's memory at the fork, so each child prints its own peak.
MEASURED = """
import sys
from svbench.cli.app import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        print(*(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_of_score_by_number_of_clips(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Peak memory of `svbench score` on 1,000 miniature clips over that on 200."""
    spec = ClipSpec(32, 8.0, (64, 64), 16000)
    master = tmp_path / "masters"
    master.mkdir()
    for number in range(20):
        clip = make_clip(number, spec)
        path = master / f"{number}.mp4"
        media.write_mp4(path, clip.video, spec.fps, clip.audio, spec.sample_rate)

    def peak(count: int) -> int:
        folder = tmp_path / f"clips{count}"
        folder.mkdir()
        for number in range(count):
            os.link(master / f"{number % 20}.mp4", folder / f"{number}.mp4")
        words = ["score", folder, "--reference", master, "--size", "64", "--workers", "2"]
        words += ["--out", tmp_path / f"run{count}"]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *map(str, words)], capture_output=True, check=True
        )
        return int(done.stderr.split()[-2])

    peak(20)  # compiles librosa's loops, so that neither side pays for it
    few = peak(200)
    many = benchmark.pedantic(peak, args=(1000,), rounds=1)
    benchmark.extra_info["peak memory, 1,000 clips / 200 clips"] = many / few
    benchmark.extra_info["peak memory of 200 clips, MiB"] = few / 1024


def test_all_metrics_in_one_pass(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """50 miniature clips by all metrics: one pass for all, relative to one pass per metric."""
    names = [*DEFAULT_METRICS["mini"], *(n for n in METRICS if n.startswith("av-align"))]
    settings = MetricSettings(resamples=100, small=True)
    metrics = list(build_metrics(list(dict.fromkeys(names)), settings))
    miniature.draw(tmp_path / "data", seed=3, test=50)
    examples = greatesthits.load(tmp_path / "data")
    engine = Local(2)
    samples, _ = recorded("clips", examples, miniature.SPEC, engine)

    def judge(folder: Path, together: list[Metric]) -> list[float]:
        extractors = [metric.extractor for metric in together]
        found = extract(extractors, samples, Store(folder), engine, lambda *_: None).features
        pairs = [(m, found[m.extractor.key]) for m in together]
        judged = [m.score(f, f if m.needs_reference else None) for m, f in pairs]
        return [judgement.score.value for judgement in judged]

    judge(tmp_path / "warm", metrics)
    ratios = []
    for turn in range(3):
        start = time.perf_counter()
        apart = [judge(tmp_path / f"{turn}-{i}", [m])[0] for i, m in enumerate(metrics)]
        middle = time.perf_counter()
        together = judge(tmp_path / f"{turn}-all", metrics)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    np.testing.assert_array_equal(together, apart)
    benchmark.extra_info["metrics"] = len(metrics)
    benchmark.extra_info["time, each its own pass / one pass"] = sorted(ratios)[1]
    benchmark.pedantic(judge, args=(tmp_path / "timed", metrics), rounds=1)
