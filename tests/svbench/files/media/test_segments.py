"""Segments of a whole recording: as clips that are read one by one, and as ffmpeg cuts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media.official import as_segmented
from svbench.files.media.picture import TimedFrame, Track
from svbench.files.media.segments import nearest
from svbench.types import ClipSpec, FrameChoice, Recording
from tests.factories import movies
from tests.goldens.places import golden

SPEC = ClipSpec(8, 8.0, (64, 64), 16000)  # 1 s
RATE = 44100


def movie(path: Path, count: int, fps: Fraction) -> Path:
    """Write numbered frames, with a sound in which every sample tells its time."""
    seconds = np.arange(round(count / fps * RATE), dtype=np.float32) / RATE
    video = np.stack(movies.frames(count, (64, 64)))
    media.write_mp4(path, video, float(fps), seconds / 16, RATE, lossless_sound=True)
    return path


def official_segments() -> dict[str, Any]:
    file = golden("official_segments/ffmpeg_r8.json")
    rates: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["rates"]
    return rates


def frames_of(count: int, fps: Fraction) -> Iterator[TimedFrame]:
    track = Track((fps,), 0, Fraction(1))
    for number in range(count):
        yield TimedFrame(number / fps, 1 / fps, None, track)  # type: ignore[arg-type]


# --- as single clips ---------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["nearest", "official"])
@pytest.mark.parametrize("fps", [Fraction(8), Fraction(15), Fraction(30000, 1001)])
def test_segments_are_the_clips_that_are_read_one_by_one(
    choice: FrameChoice, fps: Fraction, tmp_path: Path
) -> None:
    recording = Recording(movie(tmp_path / "m.mp4", int(fps * 13 / 4), fps))
    spec = replace(SPEC, sample_rate=RATE, frame_choice=choice)
    found = list(media.read_segments(recording, spec, 3))
    assert len(found) == 3
    for number, clip in enumerate(found):
        alone = media.read(replace(recording, start=float(number)), spec)
        assert (clip.video == alone.video).all()
        assert (clip.audio == alone.audio).all()


def test_the_sound_keeps_its_rate_and_its_own_time_stamps(tmp_path: Path) -> None:
    video = movie(tmp_path / "m.mp4", 66, Fraction(30))
    media.write_wav(tmp_path / "m.wav", np.arange(96000 * 3, dtype=np.float32) / 2**19, 96000)
    recording = Recording(video, sound=tmp_path / "m.wav")
    first, second = media.read_segments(recording, SPEC, 2)
    assert first.spec.sample_rate == 96000
    wanted = np.arange(2 * 96000) / 2**19
    assert np.abs(np.concatenate([first.audio, second.audio]) - wanted).max() <= 2**-16


def test_a_recording_that_ends_before_its_header_says_so_is_refused(tmp_path: Path) -> None:
    path, sound = movie(tmp_path / "m.mp4", 60, Fraction(30)), tmp_path / "m.wav"
    with pytest.raises(DataError, match=r"m\.mp4: video ends at 2\.000 s, expected 3\.0") as no:
        list(media.read_segments(Recording(path), SPEC, 3))
    assert "--pad" not in str(no.value)  # there is no such option where recordings are cut
    media.write_wav(sound, np.zeros(RATE, np.float32), RATE)
    with pytest.raises(DataError, match=r"m\.wav: audio ends at 1\.000 s, expected 2\.000 s"):
        list(media.read_segments(Recording(path, sound=sound), SPEC, 2))


def test_the_nearest_frames_end_where_the_pictures_do() -> None:
    found = [one.time for one in nearest(frames_of(30, Fraction(30)), Fraction(8))]
    assert found == [Fraction(n, 30) for n in (0, 4, 7, 11, 15, 19, 22, 26)]
    assert not list(nearest(iter(()), Fraction(8)))


# --- as ffmpeg cuts them -----------------------------------------------------------------------


def test_as_many_frames_come_as_ffmpeg_writes_at_the_end_of_a_file() -> None:
    for rate, found in official_segments().items():
        fps = Fraction(rate)
        for count, segments in found["segments"].items():
            chosen = as_segmented(frames_of(int(count), fps), Fraction(8))
            numbers = [int(one.time * fps) for one in chosen]
            assert len(numbers) == sum(frames for frames, _ in segments), (rate, count)
            assert numbers == found["frames"][: len(numbers)]


def test_the_official_segments_are_those_with_32_frames() -> None:
    """The script deletes a file unless its duration, cut to whole seconds, is 4."""
    for found in official_segments().values():
        for segments in found["segments"].values():
            kept = [int(duration) == 4 for _, duration in segments]
            # The first file begins 0.25 s late, behind its decoding time stamps: with 30 frames,
            # of a recording of less than 3.6 s, it passes for one of 4 s.
            whole = [frames == 32 for frames, _ in segments]
            assert kept[1:] == whole[1:]
            assert kept[0] or not whole[0]


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60"])
def test_segments_show_the_frames_that_the_official_command_takes(
    rate: str, tmp_path: Path
) -> None:
    known = official_segments()[rate]
    count = min(n for n, found in known["segments"].items() if len(found) == 3)
    lengths = [frames for frames, _ in known["segments"][count]]
    recording = Recording(movie(tmp_path / "m.mp4", int(count), Fraction(rate)))
    spec = replace(SPEC, frames=32, frame_choice="official")
    found = [movies.numbers(clip.video) for clip in media.read_segments(recording, spec)]
    begins = [0, *accumulate(lengths)]
    assert found == [
        [number % 256 for number in known["frames"][begin : begin + 32]]
        for begin, frames in zip(begins, lengths, strict=False)
        if frames == 32
    ]


def test_a_recording_of_three_quarters_of_a_segment_more_has_one_more(tmp_path: Path) -> None:
    spec = replace(SPEC, frames=32, frame_choice="official")
    for count, segments in ((231, 1), (232, 2)):  # 3.708 s and 3.741 s beyond the first segment
        recording = Recording(movie(tmp_path / "m.mp4", count, Fraction(30000, 1001)))
        found = list(media.read_segments(recording, spec))
        assert len(found) == segments
        assert len(list(media.read_segments(recording, spec, 1))) == 1
    sound, end = found[1].audio, round((232 * 1001 / 30000 - 4) * RATE)
    assert sound[end - 10] > 0.4
    assert not sound[end + 10 :].any()
