"""Speed of AV-Align's detectors on 20 clips, relative to OpenCV's flow and to each other.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_avalign.py

CPU time of one thread, from decoded clips to events, all in turn in the same run; the walk, with
decoding and two workers, is in `bench_walk`. No timing is asserted, but that peaks and onsets are
those of OpenCV's flow.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.metrics.avalign import farneback
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Kind
from svbench.types import Clip, ClipSpec
from tests.factories.clips import make_clip
from tests.goldens.places import golden_root

SPEC = ClipSpec(32, 8.0, (256, 256), 16000)
CLIPS = 20
ROUNDS = 2


def videos() -> list[NDArray[np.uint8]]:
    """Return the frames of 20 clips: real ones if there are golden data, else drawn ones."""
    there = sorted((golden_root() / "metrics/avalign/clips8").glob("*.mp4"))[:CLIPS]
    return [read(path) for path in there] or [make_clip(i, SPEC).video for i in range(CLIPS)]


def read(path: Path) -> NDArray[np.uint8]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (got := capture.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames).astype(np.uint8)


def events(name: str, shown: list[NDArray[np.uint8]]) -> tuple[float, list[bytes]]:
    """Return the CPU seconds of detectors on new clips, and their onsets and peaks."""
    spec = ClipSpec(len(shown[0]), 8.0, SPEC.size, SPEC.sample_rate)
    sound = make_clip(0, spec).audio
    clips = [Clip(video, sound, spec) for video in shown]
    start = time.process_time()
    blocks = AVEvents(DETECTORS[name])(clips, [""] * len(clips))
    seconds = time.process_time() - start
    kinds = (Kind.ONSET, Kind.PEAK)
    return seconds, [np.asarray(b[np.isin(b[:, 0], kinds), :2]).tobytes() for b in blocks]


@pytest.mark.parametrize("name", ["published", "tuned"])
def test_detectors(benchmark: BenchmarkFixture, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = videos()
    events(name, shown[:1])  # compiles
    ours, published, opencv = [], [], []
    for _ in range(ROUNDS):
        seconds, found = events(name, shown)
        ours.append(seconds)
        published.append(events("published", shown)[0])
        with monkeypatch.context() as patch:
            patch.setattr(farneback, "compiles", lambda: False)
            seconds, expected = events(name, shown)
        opencv.append(seconds)
        assert found == expected
    benchmark.extra_info["CPU, with OpenCV's flow / ours"] = min(opencv) / min(ours)
    benchmark.extra_info["CPU, published / these"] = min(published) / min(ours)
    benchmark.extra_info["CPU seconds"] = min(ours)
    benchmark.pedantic(events, args=(name, shown), rounds=1)
