"""Findings on series of levels: what is noticed and how sure that is, and what affects nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svbench.files.validity import Arm
from svbench.metrics.avalign.synchrony import Synchrony
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.metrics.validity.human_scores import DISTORTIONS as RATED
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.validation.findings import People, agreement_of, fitted_on, responses
from svbench.validation.scores import MetricScores, Value
from tests.svbench.validation.test_scores import Mean

BLUR = DISTORTIONS["video_blur"]
NOISE = np.random.default_rng(0).normal(size=19)


def arm_of(rows: Sequence[np.ndarray], *, sets: bool = False) -> Arm:
    """Return the findings on blur of a metric with these scores, undistorted and by level."""
    conditions = (UNDISTORTED, *(Condition(BLUR.name, level) for level in BLUR.levels))
    table = np.array([rows[0], *(rows[1 + i] for i in range(len(BLUR.levels)))])
    values = {
        one: Value(float(np.nanmean(row)), None, 19)
        for one, row in zip(conditions, table, strict=True)
        if np.isfinite(row).any()
    }
    kinds = (None, table) if sets else (table, None)
    scores = MetricScores(Mean(needs_reference=sets), conditions, *kinds, values, {})
    people = People.loaded(0.8, 40)
    agreement = agreement_of(scores, people, 0)
    (response,) = responses(scores, {BLUR.name: BLUR}, agreement, people)
    (arm,) = response.arms
    return arm


@dataclass(frozen=True)
class Made(Mean):
    """A metric that is made of the ratings of shifted sound."""

    fitted_on: tuple[str, ...] = ("audio_shift",)


def test_ratings_that_a_metric_is_made_of_do_not_count() -> None:
    conditions = (UNDISTORTED, *conditions_of_rated())
    table = np.random.default_rng(1).normal(size=(len(conditions), 19))
    values = {one: Value(0.0, None, 19) for one in conditions}
    people = People.loaded(0.8, 40)
    plain, made = (
        agreement_of(MetricScores(of, conditions, table, None, values, {}), people, 0)
        for of in (Mean(), Made())
    )
    assert plain.overall
    assert made.overall
    assert (plain.overall.conditions, made.overall.conditions) == (90, 80)
    assert plain.by_distortion == made.by_distortion
    assert fitted_on(Synchrony()) == ("audio_shift",)


def conditions_of_rated() -> list[Condition]:
    return [Condition(name, level) for name in RATED for level in DISTORTIONS[name].levels]


def test_what_is_noticed_is_known_within_a_range_of_levels() -> None:
    count = len(BLUR.levels)
    shifted = [np.roll(NOISE, 1) + step for step in np.linspace(0.2, 3.0, count)]
    arm = arm_of([NOISE, *shifted])
    places = [arm.levels.index(level) for level in (arm.earliest, arm.noticed, arm.latest)]
    assert places == sorted(places)
    assert places[0] < places[-1]


def test_a_metric_that_does_not_read_what_changes_is_unaffected() -> None:
    still = [NOISE] * (1 + len(BLUR.levels))
    assert arm_of(still).unaffected
    assert arm_of(still, sets=True).unaffected
    lacking = [*still[:-1], np.full(19, np.nan)]  # at one level there is no score
    assert arm_of(lacking).unaffected
    worse = [*still[:-1], NOISE + 1e-6]
    assert not arm_of(worse).unaffected
