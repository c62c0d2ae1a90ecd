"""Distances between sets at equal counts: half of the clips against the other half.

A row made of real clips can be compared only with the real clips that it is not made of. Beside
the distance of all clips there is then a second column, in which each row's clips of one half of
the requests are compared with the real clips of the other half. The halves are drawn by the run's
seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from svbench.errors import ScoreError
from svbench.protocols import Extractor, Metric
from svbench.types import Better, Features, Judgement
from svbench.walk.plan import Columns, Unavailable, is_paired

LEAST_COMPARED: Final = 2  # clips of a set that is compared with another
LEAST_HALVED: Final = 4  # real clips, if a half of them is compared with the other half
TOO_FEW: Final = "a distance between sets needs at least {} clips here"
HALVES: Final = "+halves"  # behind the name of a metric
HALVES_NOTE: Final = (
    "halves: a row's clips of one half of the requests against the real clips of the other half, "
    "so that models and rows made of real clips are compared at equal counts"
)


@dataclass(frozen=True, slots=True)
class Halves:
    """A metric that compares sets, of half of the clips against the other half."""

    metric: Metric
    seed: int
    needs_reference: bool = True

    @property
    def name(self) -> str:
        """Return the name of its column."""
        return self.metric.name + HALVES

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return f"{self.metric.title}, halves"

    @property
    def better(self) -> Better:
        """Return which direction is better."""
        return self.metric.better

    @property
    def extractor(self) -> Extractor:
        """Return the extractor whose features it scores."""
        return self.metric.extractor

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return how it judges, for the record."""
        return {**self.metric.settings, "halves": f"drawn by seed {self.seed}"}

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Score two halves, as the metric scores two sets."""
        judgement = self.metric.score(generated, reference)
        return replace(judgement, score=replace(judgement.score, metric=self.name))


def with_halves(columns: Columns, controls: Sequence[bool], seed: int) -> Columns:
    """Return columns with those of halves, for metrics that compare sets.

    Parameters
    ----------
    columns : tuple of Metric or Unavailable
        as planned; of those that compare clip by clip there are no halves
    controls : sequence of bool
        whether each row is made of real clips; without such a row no halves are needed, and where
        all rows are such they take the place of the whole
    seed : int
        draws the halves
    """
    if not any(controls):
        return columns
    found: list[Metric | Unavailable] = []
    for column in columns:
        if isinstance(column, Unavailable) or not column.needs_reference or is_paired(column):
            found.append(column)
        else:
            found += [Halves(column, seed)] if all(controls) else [column, Halves(column, seed)]
    return tuple(found)


def score_halves(
    metric: Halves, features: Features, reference: Features, *, made_of_real_clips: bool
) -> Judgement | str:
    """Score a row's clips of one half of the requests against the real clips of the other half.

    A model may have answered other requests than those of its half: any of its clips serve then,
    but those that answer the requests of the other half, which are never compared with their own
    real clips. Where too few clips are left, the reason is returned in place of a judgement.
    """
    if min(features.count, reference.count) < LEAST_HALVED:
        return TOO_FEW.format(LEAST_HALVED)
    one, other = halves(reference.requests, metric.seed)
    half = features.only(one)
    if half.count < len(one) and not made_of_real_clips:
        apart = features.only({r for r in features.requests if r not in other})
        if apart.count < len(one):
            return (
                f"has {apart.count} clips of other requests than those of one half of the real "
                f"clips, fewer than the other half ({len(one)})"
            )
        half = _drawn(apart, len(one), metric.seed)  # some of it answers other requests
    if half.count < LEAST_COMPARED:
        return TOO_FEW.format(LEAST_COMPARED)
    return metric.score(half, reference.only(other))


def _drawn(features: Features, count: int, seed: int) -> Features:
    order = np.random.default_rng(seed).permutation(features.count)[:count]
    return features.only({features.requests[i] for i in order})


def halves(requests: Sequence[str], seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Split requests into two halves by a seeded draw."""
    if len(requests) < LEAST_HALVED:
        raise ScoreError(
            f"a half against a half needs at least {LEAST_HALVED} real clips, got {len(requests)}"
        )
    order = np.random.default_rng(seed).permutation(len(requests))
    half = len(requests) // 2
    names = [requests[i] for i in order]
    return frozenset(names[:half]), frozenset(names[half:])
