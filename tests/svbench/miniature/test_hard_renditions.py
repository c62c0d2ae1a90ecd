"""Hard renderings: repeatable, of many forms, with the hits where the stick comes down."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.miniature import hard_renditions
from svbench.miniature.hard_renditions import hard_clip


def test_a_clip_is_decided_by_seed_split_and_number() -> None:
    first, again = hard_clip(0, "train", 0), hard_clip(0, "train", 0)
    np.testing.assert_array_equal(first.clip.video, again.clip.video)
    np.testing.assert_array_equal(first.clip.audio, again.clip.audio)
    assert first.hits == again.hits
    for other in (hard_clip(1, "train", 0), hard_clip(0, "test", 0), hard_clip(0, "train", 1)):
        assert other.clip.audio[:100].tolist() != first.clip.audio[:100].tolist()


def test_clips_come_in_many_forms() -> None:
    made = [hard_clip(0, "test", number) for number in range(12)]
    assert len({clip.clip.spec.fps for clip in made}) >= 3
    assert len({clip.clip.spec.size for clip in made}) >= 3
    assert all(clip.clip.spec.duration == hard_renditions.SECONDS for clip in made)
    assert {len(clip.hits) == 0 for clip in made} == {True, False}
    assert all(0 < hit.time < hard_renditions.SECONDS for clip in made for hit in clip.hits)


def test_the_stick_is_down_at_each_hit_and_nowhere_else() -> None:
    from svbench.miniature import greatesthits as miniature

    trial = miniature.plan(0, "train", 1, 1)
    grid = np.arange(-1.0, 5.0, 1 / 240)
    lift = hard_renditions._lift(trial.strokes, grid, np.random.default_rng(0))
    at = np.array([stroke.time for stroke in trial.strokes])
    # the grid stops 1/240 s short of contact, where the stick is fastest
    assert np.interp(at, grid, lift) == pytest.approx(0, abs=0.3)
    far = np.abs(grid[:, None] - at).min(axis=1) > 0.1
    assert lift[far].min() > 0.3
    assert (lift >= 0).all()
