"""Fitting impacts: a signal that is there is found on clips left out, one that is not is not."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.metrics.avalign.impact_fit import FOLDS, Annotated, counts, fit, fit_weights, left_out
from svbench.metrics.avalign.impact_steps import CURVES
from svbench.metrics.avalign.impacts import Motion

FPS = 15.0
FRAMES = 60


def clip(number: int, *, visible: bool = True, name: str = "") -> Annotated:
    """Make curves of noise in which `stop` is large where a hit falls."""
    rng = np.random.default_rng(number)
    hits = np.arange(5, FRAMES - 3, 11) + rng.integers(0, 4, 5)
    curves = rng.uniform(0.5, 1.0, (FRAMES, len(CURVES)))
    if visible:
        curves[hits, CURVES.index("stop")] += 4
    return Annotated(
        name or f"clip-{number}",
        Motion(np.arange(FRAMES) / FPS, curves, FPS),
        tuple((hits / FPS).tolist()),
    )


def f_left_out(clips: list[Annotated]) -> float:
    models = left_out(clips)
    return counts(clips, [models[c.id] for c in clips]).f


def test_a_visible_hit_is_found_on_clips_left_out() -> None:
    assert f_left_out([clip(n) for n in range(6)]) > 0.95


def test_hits_that_nothing_shows_are_found_by_chance_alone() -> None:
    assert f_left_out([clip(n, visible=False) for n in range(6)]) < 0.6


def test_versions_of_a_clip_weigh_as_much_as_the_clip() -> None:
    clips = [clip(n) for n in range(3)]
    once, thrice = fit_weights(clips), fit_weights([*clips, *clips, *clips])
    np.testing.assert_allclose(once.weights, thrice.weights, rtol=1e-3, atol=1e-4)
    assert once.bias == pytest.approx(thrice.bias, abs=1e-2)


def test_versions_of_a_clip_are_left_out_together() -> None:
    clips = [clip(0), clip(1), clip(2, name="clip-0")]
    assert list(left_out([*clips, clip(3)])) == ["clip-0", "clip-1", "clip-3"]


def test_many_clips_are_left_out_in_groups() -> None:
    models = left_out([clip(n) for n in range(FOLDS + 2)])
    assert len(models) == FOLDS + 2
    assert len(set(models.values())) == FOLDS
    assert models["clip-0"] == models[f"clip-{FOLDS}"]


def test_the_figure_beside_a_model_is_that_of_clips_left_out() -> None:
    assert fit([clip(n) for n in range(4)])[1] > 0.95
    assert fit([clip(n, visible=False) for n in range(4)])[1] < 0.6


def test_a_hit_between_two_frames_labels_the_nearest() -> None:
    one = clip(0)
    moved = Annotated(one.id, one.motion, (10.3 / FPS, 20.7 / FPS))
    assert np.flatnonzero(moved.labels).tolist() == [10, 21]


def test_what_cannot_be_fitted_is_refused() -> None:
    bare = Annotated("bare", clip(0).motion, ())
    with pytest.raises(ScoreError, match="found none on the training clips"):
        fit_weights([bare])
    with pytest.raises(ScoreError, match="at least 2 are needed"):
        fit([clip(0)])
