"""A native clip brought to a format in memory equals the file read in that format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.files import media
from svbench.files.media.conforming import conform, conform_sound, nearest
from svbench.types import Clip, ClipSpec, Recording
from tests.factories.clips import SPEC, make_clip, write_clip


def native(frames: int, fps: float, seconds_of_sound: float, rate: int = 16000) -> Clip:
    """Return a clip whose frame i has the grey level i, and whose sound is a ramp."""
    levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    video = np.broadcast_to(levels, (frames, 16, 16, 3)).copy()
    audio = np.linspace(0.1, 0.9, round(seconds_of_sound * rate), dtype=np.float32)
    return Clip(video, audio, ClipSpec(frames, fps, (16, 16), rate), np.arange(frames) / fps)


@pytest.mark.parametrize(
    "spec",
    [
        ClipSpec(16, 8.0, (32, 32), 16000),
        ClipSpec(9, 6.0, (24, 40), 22050),
        ClipSpec(10, 7.0, (64, 64), 8000),
    ],
)
@pytest.mark.parametrize("rate", [8.0, 24.0, 30000 / 1001])
def test_it_equals_the_file_read_in_that_format(
    tmp_path: Path, spec: ClipSpec, rate: float
) -> None:
    made = make_clip(3, ClipSpec(round(2.2 * rate), rate, (48, 36), 44100))
    recording = Recording(write_clip(tmp_path / "clip.mp4", made))
    read = media.read(recording, spec)
    conformed = conform(media.read_native(recording), spec)
    np.testing.assert_array_equal(conformed.video, read.video)
    np.testing.assert_array_equal(conformed.audio, read.audio)


def test_what_ends_early_holds_its_last_frame_and_falls_silent() -> None:
    clip = native(4, 8.0, 0.25)
    found = conform(clip, replace(SPEC, size=(16, 16)))
    assert found.video[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 3, 3, 3, 3]
    np.testing.assert_array_equal(found.audio[:4000], clip.audio)
    assert not found.audio[4000:].any()


def test_what_ends_late_is_cut() -> None:
    clip = native(20, 8.0, 3.0)
    found = conform(clip, replace(SPEC, size=(16, 16)))
    assert found.video[:, 0, 0, 0].tolist() == list(range(8))
    np.testing.assert_array_equal(found.audio, clip.audio[:16000])


def test_of_two_frames_equally_near_the_earlier_is_shown_whatever_the_rounding() -> None:
    shown = np.arange(31) / 30
    wanted = np.arange(8) / 8  # 2 / 8 s lies half way between frames 7 and 8
    assert nearest(shown, wanted).tolist() == [0, 4, 7, 11, 15, 19, 22, 26]
    assert nearest(np.array([0.0, 0.5]), np.array([0.25, 0.26, 9.0])).tolist() == [0, 1, 1]


def test_resampled_sound_stays_in_range() -> None:
    clip = native(8, 8.0, 1.0, rate=8000)
    square = np.sign(np.sin(np.arange(8000) * 0.7)).astype(np.float32)
    found = conform_sound(Clip(clip.video, square, clip.spec, clip.times), SPEC)
    assert found.shape == (16000,)
    assert np.abs(found).max() == 1
