"""One value for each modality."""

from __future__ import annotations

import pytest

from svbench.baselines.joint.pair import Pair


def test_a_function_is_mapped_with_further_pairs() -> None:
    found = Pair(audio=4, video=3).map(pow, Pair(audio=2, video=1))
    assert (found.audio, found.video) == (16, 3)


def test_audio_comes_first() -> None:
    assert tuple(Pair(video=2, audio=1)) == (1, 2)


def test_pairs_are_collated_by_modality() -> None:
    assert Pair.collate((Pair(i, -i) for i in range(3)), list) == Pair([0, 1, 2], [0, -1, -2])


def test_nothing_cannot_be_collated() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        Pair.collate([], list)
