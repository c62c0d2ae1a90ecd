"""From the scores of a metric to findings: responses, agreement with people, what it notices.

Intervals and effects are over clips: of a metric of clips they come from its scores of clips, of a
distance from its draws (see `scores`), in which the same clips stand under every condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.files.validity import Arm, Measured, Response
from svbench.metrics.validity import human_scores
from svbench.metrics.validity.agreement import Agreement, agreement_of_clips, agreement_of_sets
from svbench.metrics.validity.condition_means import condition_means
from svbench.metrics.validity.distortions import DISTORTIONS, Distortion
from svbench.metrics.validity.human_scores import HumanScores, load_human_scores, split_half
from svbench.metrics.validity.monotone import monotone
from svbench.metrics.validity.noticing import (
    Noticed,
    noticed_by_metric,
    noticed_by_people,
    noticed_by_sets,
)
from svbench.protocols import FittedMetric, Metric
from svbench.types import Better
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.validation.scores import MetricScores
from svbench.walk.plan import Unavailable

Array = NDArray[np.float64]

_EQUAL: Final = 1e-12  # share of a score, within which scores are equal


@dataclass(frozen=True, slots=True)
class People:
    """What people say of the conditions that they rated, and what noticing means."""

    human: HumanScores
    power: float
    planned: int  # clips

    @classmethod
    def loaded(cls, power: float, planned: int) -> People:
        """Return the ratings that ship with svbench."""
        return cls(load_human_scores(), power, planned)

    @property
    def facts(self) -> dict[str, object]:
        """Return where the ratings come from, how many there are, and how far they agree."""
        halves = split_half(self.human)
        return {
            "ratings": human_scores.source()["about"],
            "rated clips": int(np.isfinite(self.human.scores).sum()),
            "split-half correlation of conditions": round(halves.value, 4),
        }

    def ratings(self, distortion: Distortion) -> tuple[float, ...] | None:
        """Return the mean rating at each level; None where nobody rated the distortion."""
        if not distortion.rated:
            return None
        return tuple(condition_means(self.human.of(distortion.name)).tolist())

    def notice(self, distortion: Distortion, places: tuple[int, ...]) -> float | None:
        """Return the mildest level of an arm that people notice."""
        if not distortion.rated:
            return None
        found = noticed_by_people(
            self.human, distortion.name, places, n=self.planned, power=self.power
        )
        return _level(found.first, [distortion.levels[place] for place in places])


def unavailable(column: Unavailable) -> Measured:
    """Return what is known of a column that could not be computed: why."""
    return Measured(
        metric=column.name,
        title=column.title,
        better=column.better,
        undistorted=None,
        interval=None,
        count=0,
        agreement=None,
        absent=column.reason,
    )


def measured(scores: MetricScores, agreement: Agreement) -> Measured:
    """Return the score of the undistorted clips, and the agreement over all rated conditions."""
    metric, found = scores.metric, scores.values.get(UNDISTORTED)
    return Measured(
        metric=metric.name,
        title=metric.title,
        better=metric.better,
        undistorted=None if found is None else found.value,
        interval=None if found is None else found.interval,
        count=0 if found is None else found.count,
        agreement=agreement.overall,
        settings=dict(metric.settings),
        absent=scores.absent.get(UNDISTORTED, ""),
        fitted_on=fitted_on(metric),
        extractor=metric.extractor.key,
    )


def fitted_on(metric: Metric) -> tuple[str, ...]:
    """Return the distortions whose ratings a metric is made of."""
    return tuple(metric.fitted_on) if isinstance(metric, FittedMetric) else ()


def agreement_of(scores: MetricScores, people: People, seed: int) -> Agreement:
    """Return how a metric agrees with people over the conditions that both know."""
    shape = people.human.scores.shape[:2]
    rows = np.full((*shape, scores.rows.shape[1]), np.nan)
    for place, name in enumerate(human_scores.DISTORTIONS):
        for number, level in enumerate(DISTORTIONS[name].levels):
            condition = Condition(name, level)
            if condition in scores.values:
                rows[place, number] = scores.row(condition)
    better, apart = scores.metric.better, fitted_on(scores.metric)
    if scores.clips is not None:
        return agreement_of_clips(rows, people.human, better, seed=seed, apart=apart)
    clips = max((value.count for value in scores.values.values()), default=0)
    values, draws = rows.mean(axis=2), np.moveaxis(rows, 2, 0)
    return agreement_of_sets(values, draws, people.human, better, clips, seed=seed, apart=apart)


def responses(
    scores: MetricScores,
    distortions: Mapping[str, Distortion],
    agreement: Agreement,
    people: People,
) -> Iterator[Response]:
    """Yield how a metric responds to each distortion."""
    for name, distortion in distortions.items():
        conditions = [Condition(name, level) for level in distortion.levels]
        found = [scores.values.get(condition) for condition in conditions]
        yield Response(
            metric=scores.metric.name,
            distortion=name,
            unit=distortion.unit,
            levels=distortion.levels,
            values=tuple(None if one is None else one.value for one in found),
            intervals=tuple(None if one is None else one.interval for one in found),
            counts=tuple(0 if one is None else one.count for one in found),
            people=people.ratings(distortion),
            arms=tuple(_arms(scores, distortion, people)),
            correlation=agreement.by_distortion.get(name),
            absent={
                f"{condition.level:g}": scores.absent[condition]
                for condition in conditions
                if condition in scores.absent
            },
        )


def _arms(scores: MetricScores, distortion: Distortion, people: People) -> Iterator[Arm]:
    """Yield each arm of which at least two levels have a score."""
    for name, places in distortion.arms.items():
        levels = tuple(distortion.levels[place] for place in places)
        conditions = [Condition(distortion.name, level) for level in levels]
        found = [scores.values.get(condition) for condition in conditions]
        values = np.array([np.nan if one is None else one.value for one in found])
        falls = monotone(values, scores.metric.better)
        if falls is None:
            continue
        rows = np.stack([scores.row(one) for one in conditions])
        noticed = _noticed(scores, rows, people)
        yield Arm(
            name=name,
            levels=levels,
            monotone=falls.falls,
            noticed=_level(noticed.first if noticed else None, levels),
            people_notice=people.notice(distortion, places),
            comparable=noticed is not None and any(noticed.effects),
            earliest=_level(noticed.earliest if noticed else None, levels),
            latest=_level(noticed.latest if noticed else None, levels),
            unaffected=_unaffected(scores.row(UNDISTORTED), rows[np.isfinite(values)]),
        )


def _noticed(scores: MetricScores, distorted: Array, people: People) -> Noticed | None:
    """Return from which level on a metric notices an arm; None where it cannot be compared."""
    undistorted, better = scores.row(UNDISTORTED), scores.metric.better
    n, power = people.planned, people.power
    if scores.clips is not None:
        return noticed_by_metric(undistorted, distorted, better, n=n, power=power)
    if UNDISTORTED not in scores.values:
        return None
    worse = _worse(undistorted - distorted, better)
    clips = scores.values[UNDISTORTED].count
    return noticed_by_sets(worse.mean(axis=1), worse.T, clips, n=n, power=power)


def _unaffected(undistorted: Array, distorted: Array) -> bool:
    """Return whether every level that has a score has those of the undistorted clips.

    So it is where a metric does not read what a distortion changes. An undistorted score is needed.
    """
    if not np.isfinite(undistorted).any():
        return False
    return np.allclose(distorted, undistorted, rtol=_EQUAL, atol=0, equal_nan=True)


def _worse(gaps: Array, better: Better) -> Array:
    return gaps if better == "higher" else -gaps


def _level(place: int | None, levels: Sequence[float]) -> float | None:
    return None if place is None else levels[place]
