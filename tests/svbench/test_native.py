"""Clips as they were made: from their start to their end, and refused if that is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from svbench import media
from svbench.errors import DataError
from svbench.types import Clip, ClipSpec, Recording
from tests.factories import make_clip, write_clip

SPEC = ClipSpec(16, 8.0, (32, 32), 16000)  # 2 s


def test_a_start_cuts_picture_and_sound_at_the_same_moment(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))  # its only key frame is the first
    whole = media.read_native(Recording(path))
    late = media.read_native(Recording(path, start=0.75))
    assert (whole.spec.frames, late.spec.frames) == (16, 10)
    np.testing.assert_array_equal(late.video, whole.video[6:])
    np.testing.assert_array_equal(late.audio, whole.audio[12000:])


@pytest.mark.parametrize(("start", "frames"), [(0.0, 16), (0.06, 16), (0.07, 15), (1.875, 1)])
def test_the_first_frame_is_the_one_nearest_to_the_start(
    tmp_path: Path, start: float, frames: int
) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))
    assert media.read_native(Recording(path, start)).spec.frames == frames


def test_a_start_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))
    with pytest.raises(DataError, match=r"a\.mp4: found no video frames"):
        media.read_native(Recording(path, start=2.5))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_file_that_ends_before_its_header_says_is_refused(tmp_path: Path, share: float) -> None:
    clip = make_clip(1, SPEC)
    path = tmp_path / "a.mkv"
    media.write_lossless(path, Clip(clip.video, media.quantise(clip.audio), SPEC), "")
    assert media.read_native(Recording(path)).spec.frames == 16
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(DataError, match=r"expected the 2\.000 s that its header tells"):
        media.read_native(Recording(path))


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_streams_of_unequal_length_are_no_fault(tmp_path: Path, seconds: float) -> None:
    clip = make_clip(1, SPEC)
    sound = np.resize(clip.audio, round(seconds * SPEC.sample_rate))
    media.write_mp4(tmp_path / "inside.mp4", clip.video, SPEC.fps, sound)
    media.write_mp4(tmp_path / "apart.mp4", clip.video, SPEC.fps)
    media.write_wav(tmp_path / "apart.wav", sound, SPEC.sample_rate)
    for recording in (
        Recording(tmp_path / "inside.mp4"),
        Recording(tmp_path / "apart.mp4", 0.0, tmp_path / "apart.wav"),
        Recording(tmp_path / "inside.mp4", 0.0, tmp_path / "apart.wav"),
    ):
        native = media.read_native(recording)
        assert native.spec.frames == 16
        assert native.audio.shape == (32000,)
