"""What headers, packets and content of files show, on recordings of known content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files.media.content import picture_levels, sound_levels, thumbnails
from svbench.files.media.inspection import read_header
from svbench.files.media.sound import NotFiniteError
from tests.factories import movies


def grey(level: int, count: int) -> list[movies.Video]:
    return [np.full((48, 64, 3), level, np.uint8)] * count


def test_a_header_has_the_streams_and_their_ends(tmp_path: Path) -> None:
    path = movies.write(tmp_path / "a.mkv", movies.frames(48), audio=[(0.0, movies.sound(3.0))])
    header = read_header(path)
    assert header.picture is not None
    assert header.sound is not None
    assert (header.picture.rate, header.picture.size) == (24.0, (48, 64))
    assert header.picture.end == pytest.approx(2.0, abs=0.05)
    assert header.sound.end == pytest.approx(3.0, abs=0.05)
    assert header.sound.rate == movies.RATE
    assert not header.picture.uneven


def test_frames_of_different_durations_are_uneven(tmp_path: Path) -> None:
    times = [0, 1 / 24, 2 / 24, 5 / 24, 6 / 24]
    header = read_header(movies.write(tmp_path / "a.mkv", movies.frames(5), times=times))
    assert header.picture is not None
    assert header.picture.uneven
    assert header.sound is None


def test_levels_of_each_clip_of_a_file(tmp_path: Path) -> None:
    pictures = [*grey(0, 24), *grey(100, 12), *grey(150, 12)]
    still, moving = picture_levels(
        movies.write(tmp_path / "a.mkv", pictures), [(0.0, 1.0), (1.0, 2.0)]
    ).levels
    assert (still.frames, still.change, still.brightest) == (24, 0, 0)
    assert (moving.frames, moving.change, moving.brightest) == (24, 50, 150)
    assert still.digest != moving.digest


def test_levels_of_sound(tmp_path: Path) -> None:
    rate = movies.RATE
    samples = np.concatenate([0.25 * np.ones(rate), np.ones(rate)]).astype(np.float32)
    path = movies.write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le")
    end, (quiet, loud) = sound_levels(path, [(0.0, 1.0), (1.0, 2.0)])
    assert end == 2.0
    assert (quiet.peak, quiet.clipped) == (0.25, 0.0)
    assert loud.peak == 1.0
    assert loud.clipped == pytest.approx(1.0, abs=1e-3)


def test_nan_is_told_apart_from_other_damage(tmp_path: Path) -> None:
    samples = np.full(movies.RATE, np.nan, np.float32)
    path = movies.write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le")
    with pytest.raises(NotFiniteError, match="found NaN or infinity"):
        sound_levels(path, [(0.0, 1.0)])
    (tmp_path / "b.wav").write_bytes(b"nothing")
    with pytest.raises(DataError):
        sound_levels(tmp_path / "b.wav", [(0.0, 1.0)])


def test_thumbnails_are_those_of_their_times(tmp_path: Path) -> None:
    path = movies.write(tmp_path / "a.mkv", [*grey(10, 24), *grey(200, 24)])
    first, second = thumbnails(path, [0.5, 1.5], (24, 32))
    assert first.startswith(b"\xff\xd8")
    assert first != second
    assert len(thumbnails(path, [0.5, 9.0], (24, 32))) == 1  # it ends before
