"""Families: paired differences that are judged together, such as all rows against a baseline.

Where a table compares many rows with one (`svbench compare`), or each with its floor, some differ
by chance. What stands is therefore corrected over the rows of a column by Holm's procedure
(`svbench.reports.analysis.holm`): that even one of them stands without a difference has a
probability of at most 5 %. Printed intervals remain those at 95 % of each difference by itself.

Conventions
-----------
A pair is two rows of one table. A pair without a common request has no difference (None). Pairs of
a single clip, and of few clips where the range of a value is not known, never stand and do not
count in the family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.intervals import example_means
from svbench.reports.analysis.holm import Array, holm_of_means
from svbench.reports.analysis.paired import Paired, bounds_of, paired, values_of
from svbench.reports.analysis.pairwise import reach_of
from svbench.types import Column


def paired_family(
    scores: ClipValues, column: Column, pairs: Sequence[tuple[str, str]]
) -> list[Paired | None]:
    """Return the paired differences of pairs of systems, corrected for how many there are."""
    found = [_alone(scores, column, *pair) for pair in pairs]
    judged = [place for place, one in enumerate(found) if one is not None and _counts(one)]
    gaps = [_gaps(scores, column.metric, *pairs[place]) for place in judged]
    stands = dict(zip(judged, holm_of_means(gaps, reach_of(column)).tolist(), strict=True))
    return [
        one if one is None else replace(one, corrected=stands.get(place, False))
        for place, one in enumerate(found)
    ]


def _alone(scores: ClipValues, column: Column, first: str, second: str) -> Paired | None:
    try:
        return paired(scores, column.metric, first, second, bounds=bounds_of(column))
    except DataError:
        return None


def _counts(found: Paired) -> bool:
    """Return whether a difference could stand."""
    return found.count > 1 and found.reliable


def _gaps(scores: ClipValues, metric: str, first: str, second: str) -> Array:
    """Return first minus second, one value per example that both have."""
    left, right = (values_of(scores, metric, system) for system in (first, second))
    shared = sorted(left.keys() & right.keys())
    gaps = example_means(shared, [left[request] for request in shared])
    return np.asarray(gaps - example_means(shared, [right[request] for request in shared]))
