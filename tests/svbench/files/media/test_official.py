"""The official choice of frames, against what ffmpeg wrote and against its closed form."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media.official import LATEST, as_segmented
from svbench.files.media.picture import TimedFrame, Track
from svbench.types import ClipSpec, Recording
from tests.svbench.files.media.test_media import chosen, grey_frames, silent_wav, write_video

# What ffmpeg 5.1.9 wrote of such clips with -vf crop=64:64:0:0 -r 8: the first frames, and the
# mean of all 32 deviations from i / 8 s in milliseconds.
FFMPEG_R_8 = {
    "4": ([0, 1, 1, 2, 2, 3, 3, 4, 4, 5], 62.5),
    "8": ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.0),
    "10": ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], -162.5),
    "15": ([0, 1, 2, 3, 5, 7, 9, 11, 12, 14], -158.3),
    "24000/1001": ([0, 1, 2, 5, 8, 11, 14, 17, 20, 23], -157.1),
    "24": ([0, 1, 2, 5, 8, 11, 14, 17, 20, 23], -158.9),
    "25": ([0, 1, 2, 5, 9, 12, 15, 18, 21, 24], -150.0),
    "30000/1001": ([0, 1, 3, 7, 10, 14, 18, 22, 25, 29], -145.1),
    "30": ([0, 1, 3, 7, 10, 14, 18, 22, 25, 29], -146.9),
    "50": ([0, 1, 5, 11, 18, 24, 30, 36, 43, 49], -141.9),
    "60": ([0, 1, 6, 14, 21, 29, 36, 44, 51, 59], -140.1),
}


@pytest.mark.parametrize("rate", FFMPEG_R_8)
def test_the_official_choice_shows_the_frames_that_ffmpeg_r_writes(
    rate: str, tmp_path: Path
) -> None:
    fps = Fraction(rate)
    video = write_video(tmp_path / "v.mkv", grey_frames(int(fps * 17 / 4)), fps)
    spec = ClipSpec(32, 8.0, (16, 16), 16000, frame_choice="official")
    clip = media.read(Recording(video, 0.0, silent_wav(tmp_path / "v.wav", 4.0)), spec)
    found = [int(level) for level in clip.video[:, 0, 0, 0]]
    first, mean = FFMPEG_R_8[rate]
    assert found[:10] == first
    late = [1000 * (number / fps - Fraction(i, 8)) for i, number in enumerate(found)]
    assert float(sum(late) / 32) == pytest.approx(mean, abs=0.06)


@pytest.mark.parametrize("fps", [9, 24, 30, 60, 120])
def test_the_official_choice_has_a_closed_form(fps: int) -> None:
    track = Track((Fraction(fps),), 0, Fraction(1))
    source = [TimedFrame(Fraction(j, fps), Fraction(1, fps), None, track) for j in range(4 * fps)]  # type: ignore[arg-type]
    found = [int(one.time * fps) for one in islice(as_segmented(source, Fraction(8)), 28)]
    wanted = [0, 1]
    for n in range(2, 28):
        wanted.append(max(ceil(Fraction(fps, 8) * (n - LATEST)) - 1, wanted[-1] + 1))
    assert found == wanted


def test_a_segment_begins_where_ffmpeg_cuts_the_whole_recording(tmp_path: Path) -> None:
    spec = ClipSpec(8, 8.0, (16, 16), 16000, frame_choice="official")
    whole = chosen(tmp_path, 120, 30, replace(spec, frames=32))
    assert chosen(tmp_path, 120, 30, spec, 2.0) == whole[16:24]
    with pytest.raises(DataError, match=r"from 0\.3 s, expected a start on the grid of 8 frames"):
        chosen(tmp_path, 120, 30, spec, 0.3)


def test_the_official_choice_refuses_a_clip_that_ends_early(tmp_path: Path) -> None:
    spec = ClipSpec(32, 8.0, (16, 16), 16000, frame_choice="official")
    video = write_video(tmp_path / "v.mkv", grey_frames(90), Fraction(30))
    recording = Recording(video, 0.0, silent_wav(tmp_path / "v.wav", 4.0))
    with pytest.raises(DataError, match=r"v\.mkv: video ends at 3\.250 s, expected 4\.000 s"):
        media.read(recording, spec)
    assert media.read(recording, spec, pad=True).video[-1, 0, 0, 0] == 89


def test_the_frame_rate_is_that_of_the_header(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    assert media.frame_rate(write_video(tmp_path / "v.mkv", grey_frames(40), rate)) == rate
