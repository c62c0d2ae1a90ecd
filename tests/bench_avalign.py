"""Speed of AV-Align, from files to scores, relative to the published scripts' loop.

Run by `tox -e bench`. Both sides read the same clips and are timed in turn; no timing is asserted,
but that the scores of the published detectors are equal. The tuned detectors have other scores;
they are compared with the same loop in time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import cv2
import librosa
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from svbench.engines.local import Local
from svbench.files import media
from svbench.files.store import Store
from svbench.metrics.avalign.events import DETECTORS
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import AVAlign
from svbench.types import Example, Recording
from svbench.walk.extract import extract
from svbench.walk.recorded import recorded
from tests.alternatives.av_align_loop import av_align, read_frames
from tests.factories.four_seconds import SPEC, four_second_clips
from tests.factories.measuring import QUICK, in_turn, package, record_peer

CLIPS = 4 if QUICK else 20
LEVELS = 3  # grey levels by which OpenCV's and PyAV's conversions to RGB may differ

# The reference loop's librosa.load imports audioread, which imports modules on their way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let OpenCV and the libraries of matrices compute on so many threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        cv2.setNumThreads(before)


def scores(
    clips: list[Path], detectors: str, workers: int, tmp_path: Path
) -> Callable[[], list[float]]:
    """Return what judges the clips, each time in a new store."""
    metric = AVAlign("corrected", DETECTORS[detectors])
    examples = [Example(p.stem, "", Recording(p, 0.0, p.with_suffix(".wav"))) for p in clips]
    stores = (Store(tmp_path / f"store{number}") for number in count())

    def judged() -> list[float]:
        engine = Local(workers)
        samples, _ = recorded("clips", examples, SPEC, engine)
        found = extract([metric.extractor], samples, next(stores), engine, lambda *_: None)
        return [c.value for c in metric.score(found.features[metric.extractor.key], None).clips]

    return judged


@pytest.mark.parametrize("detectors", ["published", "tuned"])
@pytest.mark.parametrize("workers", [1, 2])
def test_av_align(
    benchmark: BenchmarkFixture, tmp_path: Path, detectors: str, workers: int
) -> None:
    clips = four_second_clips(tmp_path / "clips", CLIPS)
    ours = scores(clips, detectors, workers, tmp_path)

    def theirs() -> list[float]:
        return [av_align(path, path.with_suffix(".wav")) for path in clips]

    with on_threads(workers):
        turns = in_turn(benchmark, ours, theirs, rounds=2)
    if detectors == "published":
        np.testing.assert_allclose(turns.found[-1], turns.expected[-1], rtol=1e-12)
    record_peer(
        benchmark,
        f"AV-Align (`{detectors}`), {CLIPS} clips of 4 s, files to scores",
        f"the published scripts' loop on {package('opencv-python-headless')}",
        turns,
        threads=workers,
        deviation=0.0 if detectors == "published" else None,
    )


def test_onsets(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """From a sound in memory to the times of its onsets."""
    clips = four_second_clips(tmp_path / "clips", CLIPS)
    sounds = [librosa.load(path.with_suffix(".wav"), sr=None) for path in clips]

    def theirs() -> list[list[float]]:
        found = []
        for sound, rate in sounds:
            at_rate = librosa.resample(sound, orig_sr=rate, target_sr=22050)
            found.append(librosa.onset.onset_detect(y=at_rate, sr=22050, units="time").tolist())
        return found

    def ours() -> list[list[float]]:
        return [onset_times(sound, int(rate))[0].tolist() for sound, rate in sounds]

    with on_threads(1):
        turns = in_turn(benchmark, ours, theirs)
    assert turns.found[-1] == turns.expected[-1]
    record_peer(
        benchmark,
        f"onsets of {CLIPS} sounds of 4 s",
        f"{package('librosa')} (called by svbench)",
        turns,
        threads=1,
        deviation=0.0,
    )


def test_reading(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """From files to frames and sound in the set's format, clip by clip."""
    clips = four_second_clips(tmp_path / "clips", CLIPS)

    def theirs() -> list[np.ndarray]:
        found = []
        for path in clips:
            frames = [cv2.cvtColor(f, cv2.COLOR_BGR2RGB) for f in read_frames(path)[0]]
            librosa.load(path.with_suffix(".wav"), sr=SPEC.sample_rate)
            found.append(np.stack(frames)[: SPEC.frames])
        return found

    def ours() -> list[np.ndarray]:
        recordings = (Recording(path, 0.0, path.with_suffix(".wav")) for path in clips)
        return [media.read(recording, SPEC).video for recording in recordings]

    with on_threads(1):
        turns = in_turn(benchmark, ours, theirs)
    pairs = zip(turns.found[-1], turns.expected[-1], strict=True)
    apart = max(float(np.abs(a.astype(np.int16) - b).max()) for a, b in pairs)
    record_peer(
        benchmark,
        f"reading {CLIPS} clips of 4 s, frames and sound",
        f"cv2.VideoCapture of {package('opencv-python-headless')} and librosa.load",
        turns,
        threads=1,
        deviation=apart / 255,
    )
    assert apart <= LEVELS
