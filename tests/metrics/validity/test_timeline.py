"""Edits are played by time: whatever the rates, and whenever the frames of the source are shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.metrics.validity.timeline import (
    Edit,
    Piece,
    frame_map,
    length,
    picture_length,
    played,
    sample_map,
    sound_length,
)
from tests.factories.native_clips import numbered, shown

WHOLE = [Piece(4, 0)]


def times(fps: float, count: int) -> np.ndarray:
    return np.arange(count) / fps


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("fps", [8, 25, 30000 / 1001, 60])
def test_the_whole_source_is_shown_as_it_is(fps: float, exact: bool) -> None:
    count = round(4 * fps)
    whole = [Piece(count / fps, 0)]
    assert frame_map(whole, times(fps, count), fps, exact=exact).tolist() == list(range(count))
    for rate in (8000, 16000, 44100):
        found = sample_map(WHOLE, 4 * rate, rate, exact=exact)
        assert np.array_equal(found, np.arange(4 * rate))


def test_pieces_follow_each_other_and_nothing_is_minus_one() -> None:
    pieces = [Piece(0.5, 1.0), Piece(0.25, None), Piece(0.5, 0.0, 2.0)]
    assert length(pieces) == 1.25
    assert frame_map(pieces, times(8, 32), 8).tolist() == [8, 9, 10, 11, -1, -1, 0, 2, 4, 6]
    assert sample_map(pieces, 400, 100)[[0, 49, 50, 74, 75, 76, 124]].tolist() == [
        *(100, 149, -1, -1, 0, 2, 98),
    ]


def test_a_sound_is_silent_outside_of_its_samples_and_a_picture_holds_its_last_frame() -> None:
    assert sample_map([Piece(1, 3.5)], 400, 100).tolist() == [*range(350, 400), *[-1] * 50]
    assert frame_map([Piece(1, 3.5)], times(8, 32), 8).tolist() == [28, 29, 30, 31, 31, 31, 31, 31]


def test_half_a_sample_goes_to_the_even_one() -> None:
    assert sample_map([Piece(0.04, 0.5)], 10, 1).size == 0
    assert sample_map([Piece(4, 0.5)], 10, 1).tolist() == [0, 2, 2, 4]


def test_frames_are_taken_by_their_own_times() -> None:
    uneven = np.array([0.0, 0.1, 0.2, 0.9])
    assert frame_map([Piece(1.2, 0)], uneven, 10).tolist() == [0, 1, *[2] * 7, 3, 3, 3]
    assert frame_map([Piece(0.6, 0, 2.0)], uneven, 10).tolist() == [0, 2, 2, 2, 2, 3]


def test_exact_seams_meet_frames_that_rounding_would_miss() -> None:
    pieces = [Piece(0.2, 0), Piece(0.2, 0.2), Piece(0.2, 0.4), Piece(0.2, None)]  # 0.6 + 4e-17
    at = times(25, 125)
    assert frame_map(pieces, at, 25, exact=True).tolist() == [*range(15), *[-1] * 5]
    assert frame_map(pieces, at, 25).tolist() == [*range(16), *[-1] * 4]


def test_a_reader_that_goes_back_begins_with_the_frame_behind_the_time() -> None:
    """Frame 9.6 is asked for, frame 10 comes, and all that follow are one ahead; 7.5: only one."""
    at = times(8, 32)
    assert frame_map([Piece(0.5, 1.2), Piece(0.5, 2.0)], at, 8).tolist()[:4] == [10, 11, 12, 13]
    exact = frame_map([Piece(0.5, 1.2), Piece(0.5, 2.0)], at, 8, exact=True)
    assert exact.tolist()[:4] == [9, 10, 11, 12]
    late = frame_map([Piece(0.5, 7.5 / 8), Piece(0.5, 2.0)], at, 8)
    assert late.tolist()[:4] == [8, 8, 9, 10]
    ahead = frame_map([Piece(0.5, 1.2)], at, 8)  # it stands there already
    assert ahead.tolist() == [9, 10, 11, 12]


@given(
    st.lists(
        st.tuples(st.floats(0.01, 2), st.none() | st.floats(0, 6), st.floats(0.3, 2)),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_maps_have_the_length_of_the_edit_and_stay_within_the_source(
    drawn: list[tuple[float, float | None, float]], exact: bool
) -> None:
    pieces = [Piece(*piece) for piece in drawn]
    frames = frame_map(pieces, times(8, 32), 8, exact=exact)
    samples = sample_map(pieces, 400, 100, exact=exact)
    assert abs(frames.size - length(pieces) * 8) <= 1
    assert 0 <= length(pieces) * 100 - samples.size <= 1 + 1e-6 or exact
    for found, most in ((frames, 32), (samples, 400)):
        assert found.size == 0 or (found.min() >= -1 and found.max() < most)


def test_a_played_clip_is_made_of_its_source_black_and_silence() -> None:
    clip = numbered()
    edit = Edit([Piece(0.5, 1.0), Piece(0.5, None)], [Piece(0.25, None), Piece(0.25, 2.0)])
    found = played(edit, clip)
    assert shown(found) == [8, 9, 10, 11, -1, -1, -1, -1]
    assert found.spec.frames == 8
    assert found.frame_times.tolist() == [n / 8 for n in range(8)]
    assert not found.audio[:4000].any()
    assert np.array_equal(found.audio[4000:], clip.audio[32000:36000])


def test_what_is_not_edited_is_the_same_array() -> None:
    clip = numbered(times=(0, 0.1, 0.5, 3.9))
    found = played(Edit(sound=[Piece(1, 0)]), clip)
    assert found.video is clip.video
    assert found.frame_times is clip.times
    assert played(Edit(picture=[Piece(1, 0)]), clip).audio is clip.audio


def test_lengths_are_by_the_clock() -> None:
    clip = numbered(times=(0, 0.1, 0.5, 3.9), fps=10)
    assert picture_length(clip) == pytest.approx(4.0)
    assert sound_length(clip) == 4.0
    assert picture_length(numbered(fps=30000 / 1001, seconds=1001 / 1000)) == 30 / (30000 / 1001)
