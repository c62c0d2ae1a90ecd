"""What was measured of arrays is kept by the array, and no longer than that."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from svbench.metrics.avalign import impact_steps
from svbench.metrics.avalign.impact_steps import Step, UsedFrame, steps_kept
from svbench.metrics.avalign.impacts import measure, motion_of
from svbench.metrics.avalign.measured import MeasuredArrays
from svbench.types import Clip, ClipSpec

SPEC = ClipSpec(12, 8.0, (48, 48), 8000)


def moving(seed: int = 0) -> Clip:
    """Return a clip of a texture that drifts by some pixels per frame."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)
    video = np.stack([np.roll(ground, 2 * frame, axis=0) for frame in range(SPEC.frames)])
    return Clip(video, np.zeros(SPEC.samples, np.float32), SPEC)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by each step that is measured."""
    calls: list[int] = []
    plain = impact_steps._step

    def step(before: UsedFrame, now: UsedFrame) -> Step:
        calls.append(1)
        return plain(before, now)

    monkeypatch.setattr(impact_steps, "_step", step)
    return calls


def test_an_array_is_known_by_itself_and_forgotten_with_it() -> None:
    kept = MeasuredArrays[int]()
    first, equal = np.zeros(3), np.zeros(3)
    kept.of(first)["mean"] = 7
    assert kept.of(first) == {"mean": 7}
    assert kept.of(equal) == {}
    del first
    gc.collect()
    assert len(kept) == 1
    assert kept.of(equal) == {}


def test_clips_that_share_a_picture_share_its_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, clip = counted(monkeypatch), moving()
    louder = Clip(clip.video, clip.audio + np.float32(0.5), SPEC)
    assert motion_of(clip) is motion_of(louder)
    assert len(calls) == SPEC.frames - 1


def test_a_picture_at_other_times_is_measured_anew() -> None:
    clip = moving()
    later = Clip(clip.video, clip.audio, SPEC, np.arange(SPEC.frames) / 4.0)
    np.testing.assert_array_equal(motion_of(later).times, np.arange(SPEC.frames) / 4.0)
    np.testing.assert_array_equal(motion_of(clip).times, clip.frame_times)


def test_steps_that_are_kept_are_measured_once_and_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    video, times = moving().video, np.arange(SPEC.frames) / 8.0
    order = [0, 1, 2, 6, 7, 8, 9, 3, 4, 5, 10, 11]
    alone = [measure(video, times, 8.0).curves, measure(video[order], times, 8.0).curves]
    calls = counted(monkeypatch)
    with steps_kept():
        together = [measure(video, times, 8.0).curves, measure(video[order], times, 8.0).curves]
    np.testing.assert_array_equal(alone, together)
    assert len(calls) == (SPEC.frames - 1) + 3  # three seams
    measure(video, times, 8.0)
    assert len(calls) == 2 * (SPEC.frames - 1) + 3  # nothing is kept any more
