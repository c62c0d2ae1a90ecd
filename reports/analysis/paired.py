"""Paired differences: the mean difference of two rows over the requests that both have.

Two rows of one run (or of two) answer the same requests, and a request that is hard for one
system is mostly hard for the other. Values of one metric are therefore paired by request id, and
the interval is that of the mean difference, each pair being one value: it is narrower than two
intervals side by side suggest.

Conventions
-----------
A difference is the first row minus the second, in the metric's own unit, whichever direction is
better. Requests that only one row was scored on do not enter the mean; `Paired` counts them.
Metrics of whole sets (FVD, FAD) have no value per clip and thus no paired difference: that is a
`DataError`.

Rows are paired by request id alone. `svbench.reports.compare.shared_requests` makes sure that an id
names the same request in two runs.

References
----------
- `svbench.intervals`, which computes the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.errors import DataError
from svbench.files.results import ClipValues, load_scores, load_table
from svbench.intervals import Interval, example_means, paired_difference
from svbench.types import Column

LEAST_UNBOUNDED: Final = 40  # captions that values without a known range need to differ


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean difference of two rows by one metric, over the requests that both have."""

    metric: str
    first: str  # system names, as in scores.csv
    second: str
    value: float  # mean of first minus second
    interval: Interval | None  # 95 % over requests; None for a single pair
    count: int  # requests that were paired
    first_alone: int = 0  # requests that only one row was scored on
    second_alone: int = 0
    bounded: bool = True  # whether the range of a clip's value is known
    corrected: bool | None = None  # whether it stands among others; None: judged alone
    captions: int | None = None  # that the interval rests on; None: as many as requests

    @property
    def excludes_zero(self) -> bool:
        """Return whether the interval lies on one side of 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]

    @property
    def stands(self) -> bool:
        """Return whether the rows differ: whether the interval excludes 0 and can be relied on.

        Of values without a known range, intervals of few pairs exclude 0 too often
        (`docs/intervals.md`). Where several were compared, see `svbench.reports.analysis.families`.
        """
        if self.corrected is not None:
            return self.corrected
        return self.excludes_zero and self.reliable

    @property
    def reliable(self) -> bool:
        """Return whether the interval can be relied on."""
        few = (self.count if self.captions is None else self.captions) < LEAST_UNBOUNDED
        return self.bounded or not few

    def __str__(self) -> str:
        """Return the difference in one line."""
        bounds = (
            "no interval"
            if self.interval is None
            else f"95 % [{self.interval[0]:+.4f}, {self.interval[1]:+.4f}]"
        )
        alone = self.first_alone + self.second_alone
        left = f", {alone} scored in one row only" if alone else ""
        return (
            f"{self.metric}: {self.first} - {self.second} = {self.value:+.4f} ({bounds}, "
            f"{self.count} request{'' if self.count == 1 else 's'} paired{left})"
        )


def paired(
    scores: ClipValues,
    metric: str,
    first: str,
    second: str,
    other: ClipValues | None = None,
    bounds: Interval | None = None,
) -> Paired:
    """Compute the paired difference of two rows.

    Parameters
    ----------
    scores : ClipValues
        scores per clip of the run of `first`, from `svbench.files.results.load_scores`
    metric, first, second : str
        names as in scores.csv
    other : ClipValues or None
        scores per clip of the run of `second` (Default value = None: the same run)
    bounds : (float, float) or None
        lowest and highest value of a clip, see `bounds_of` (Default value = None: not known)

    Returns
    -------
    Paired
        mean of first minus second, with its 95 % interval over requests

    Raises
    ------
    DataError
        if the metric has no values per clip in one of the rows, or no request is in both
    """
    left = values_of(scores, metric, first)
    right = values_of(scores if other is None else other, metric, second)
    shared = sorted(left.keys() & right.keys())  # sorted: the order of the file has no effect
    if not shared:
        raise DataError(
            f"{metric}: found no request scored in both {first!r} ({len(left)} requests, e.g. "
            f"{min(left)!r}) and {second!r} ({len(right)}, e.g. {min(right)!r}), expected at "
            "least one"
        )
    one, two = (example_means(shared, [of[r] for r in shared]) for of in (left, right))
    found = paired_difference(one, two, bounds)
    return Paired(
        metric=metric,
        first=first,
        second=second,
        value=found.value,
        interval=found.interval,
        count=len(shared),
        first_alone=len(left) - len(shared),
        second_alone=len(right) - len(shared),
        bounded=bounds is not None,
        captions=found.count,
    )


def paired_runs(
    run: Path, metric: str, first: str, second: str, other: Path | None = None
) -> Paired:
    """Compute the paired difference of two rows of one run folder, or of two: see `paired`."""
    scores = load_scores(run)
    known = {column.metric: bounds_of(column) for column in load_table(run).columns}
    return paired(
        scores,
        metric,
        first,
        second,
        None if other is None else load_scores(other),
        known.get(metric),
    )


def bounds_of(column: Column) -> Interval | None:
    """Return the lowest and highest value of a clip; None if the column does not record them."""
    match column.settings.get("bounds"):
        case [float() | int() as low, float() | int() as high] if low < high:
            return float(low), float(high)
    return None


def values_of(scores: ClipValues, metric: str, system: str) -> dict[str, float]:
    """Return the values of one row by request id; raise DataError if it has none."""
    values = scores.get((system, metric))
    if values:
        return dict(values)
    systems = _names([s for s, _ in scores])
    if system not in {s for s, _ in scores}:
        raise DataError(f"{metric}: found no row {system!r} with scores per clip, only {systems}")
    metrics = _names([m for s, m in scores if s == system])
    raise DataError(
        f"{metric}: found no scores per clip of {system!r}, so no paired difference exists (FVD "
        f"and FAD look at whole sets); per clip there are {metrics}"
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"
