"""From native files to clips of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.baselines.external.conversion import convert, extended, made_frames, write_half
from svbench.baselines.external.description import Description, read_description
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.types import Clip, ClipSpec, Recording
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.external_systems import write_system

LONG = replace(SPEC, frames=20)  # 2.5 s


def described(tmp_path: Path, policy: str, length: float | None, **changes: Any) -> Description:
    native = {"fps": 8, "size": [32, 32], "sample_rate": 16000, "length": length}
    duration = {"policy": policy, "because": "of the test"}
    path = write_system(tmp_path / "system", native=native, duration=duration, **changes)
    return read_description(path)


def test_arrays_are_cut_looped_or_padded() -> None:
    line = np.array([1, 2, 3])
    assert extended(line, 2, "loop").tolist() == [1, 2]
    assert extended(line, 7, "loop").tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert extended(line, 5, "pad").tolist() == [1, 2, 3, 3, 3]
    assert extended(line, 5, "pad", silent=True).tolist() == [1, 2, 3, 0, 0]
    assert extended(np.ones((1, 2, 2, 3)), 3, "pad").shape == (3, 2, 2, 3)


@pytest.mark.parametrize(
    ("length", "frames"), [(None, 20), (1.0, 8), (1.6, 12), (2.5, 20), (8.2, 20)]
)
def test_whole_frames_are_made(length: float | None, frames: int, tmp_path: Path) -> None:
    assert made_frames(described(tmp_path, "loop", length), LONG) == frames


def test_clips_that_are_too_short_to_be_trimmed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"stub: its clips last 1.6 s and are to be trimmed, exp"):
        made_frames(described(tmp_path, "trim", 1.6), LONG)
    with pytest.raises(ConfigError, match=r"its clips last 0.01 s"):  # no whole frame
        made_frames(described(tmp_path, "loop", 0.01), LONG)


def test_looped_picture_and_sound_begin_again_together(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", make_clip(0))
    files = Recording(tmp_path / "a.mp4")
    picture, sound = convert(described(tmp_path, "loop", 1.0), files, LONG, media)
    Clip(picture, sound, LONG)  # of the right shapes
    for turn in range(3):
        begin, end = turn * SPEC.frames, min((turn + 1) * SPEC.frames, LONG.frames)
        assert np.array_equal(picture[begin:end], picture[: end - begin])
        begin, end = turn * SPEC.samples, min((turn + 1) * SPEC.samples, LONG.samples)
        assert np.array_equal(sound[begin:end], sound[: end - begin])


def test_what_is_as_long_as_asked_is_read_as_any_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", make_clip(0, LONG))
    files = Recording(tmp_path / "a.mp4")
    for policy, length in (("trim", None), ("trim", 2.5), ("pad", 2.5), ("loop", 2.5)):
        picture, sound = convert(described(tmp_path, policy, length), files, SPEC, media)
        expected = media.read(files, SPEC)
        assert np.array_equal(picture, expected.video)
        assert np.array_equal(sound, expected.audio)


def test_a_file_that_is_shorter_than_described_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", make_clip(0))
    for policy in ("loop", "pad"):
        with pytest.raises(DataError) as raised:
            convert(described(tmp_path, policy, 2.0), Recording(tmp_path / "a.mp4"), LONG, media)
        assert "ends at 1.000 s, expected 2.000 s" in str(raised.value)
        assert "--pad" not in str(raised.value)  # which is no option of a run


def test_how_recorded_frames_are_chosen_is_no_matter_of_generated_ones(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", make_clip(0))
    files, system = Recording(tmp_path / "a.mp4"), described(tmp_path, "trim", None)
    official = replace(SPEC, frame_choice="official", channels="first")
    for found, expected in zip(
        convert(system, files, official, media), convert(system, files, SPEC, media), strict=True
    ):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("task", ["a2v", "v2a"])
def test_the_half_that_is_given_lasts_as_long_as_the_system_needs(
    task: str, tmp_path: Path
) -> None:
    clip = make_clip(0)
    for length, expected in ((0.5, SPEC.duration), (2.5, 2.5)):
        system = described(tmp_path, "loop", None, task=task, given={"length": length})
        file = write_half(system, clip, tmp_path / f"given-{length}", media)
        spec = ClipSpec(round(expected * SPEC.fps), SPEC.fps, SPEC.size, SPEC.sample_rate)
        if task == "a2v":
            write_clip(tmp_path / "picture.mp4", make_clip(1, spec))
            found = media.read(Recording(tmp_path / "picture.mp4", sound=file), spec)
            looped = extended(clip.audio, spec.samples, "loop")
            assert np.abs(found.audio - looped).max() < 1e-4
        else:
            assert media.duration(file) == pytest.approx(expected)
            with pytest.raises(DataError, match="audio"):  # whoever makes it shall not hear it
                media.read(Recording(file), SPEC)
