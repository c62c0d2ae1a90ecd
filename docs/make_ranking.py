"""Measure which rows tables tell apart, and write the tables of docs/ranking.md.

    python docs/make_ranking.py [--tables 1000] [--only NAMES]

Tables of eight models are drawn (seeded) and judged as `svbench report` judges them: tables without
any difference, with two leaders that are alike, and with a difference of the size that the table
itself states as detectable. What is measured goes into docs/data/ranking.json, and from there into
the blocks of the page (see `page_blocks`). Some six minutes of one core.

`tests/reports/analysis/test_ranking_holds.py` runs the same simulations in short.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from make_intervals import Width, beta, coin
from numpy.typing import NDArray
from page_blocks import head, line, load, put, save
from scipy import special

from svbench.intervals import Interval
from svbench.metrics.frechet import Frechet
from svbench.reports.analysis.detectable import of_clips
from svbench.reports.analysis.holm import holm_of_means, rank_intervals
from svbench.reports.analysis.paired import LEAST_UNBOUNDED
from svbench.reports.analysis.pairwise import sets_apart
from svbench.types import Column, Features

PAGE: Final = Path(__file__).with_name("ranking.md")
NAME: Final = "ranking"  # of the data
MODELS: Final = 8
COUNTS: Final = (10, 40, 200)  # clips
COMMON: Final = 0.6  # correlation of two models' scores of one clip, before they take their shape
PAIRS: Final = np.array(list(combinations(range(MODELS), 2)))

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measured = Any  # what JSON holds


@dataclass(frozen=True)
class Shape:
    """How the scores of a clip are spread: quantiles, and the range of a score."""

    quantiles: Callable[[Array], Array]
    bounds: Interval | None = (0.0, 1.0)

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Return scores (MODELS, count) of models that do not differ; clips are alike for all."""
        own = rng.standard_normal((MODELS, count)) * (1 - COMMON) ** 0.5
        return self.quantiles(special.ndtr(rng.standard_normal(count) * COMMON**0.5 + own))

    @property
    def column(self) -> Column:
        """Return a column of such scores."""
        settings = {} if self.bounds is None else {"bounds": list(self.bounds)}
        return Column("score", "score", "higher", settings)

    @property
    def reach(self) -> Interval | None:
        """Return the range of a difference."""
        span = None if self.bounds is None else self.bounds[1] - self.bounds[0]
        return None if span is None else (-span, span)


def normal(mean: float, deviation: float) -> Callable[[Array], Array]:
    """Return quantiles of a normal distribution."""
    return lambda u: mean + deviation * special.ndtri(u)


SHAPES: Final[Mapping[str, Shape]] = {
    "normal, 0.5 ± 0.1": Shape(normal(0.5, 0.1)),
    "cosines, 0.2 ± 0.08": Shape(normal(0.2, 0.08), (-1.0, 1.0)),
    "Beta(0.2, 0.8), near 0": Shape(beta(0.2, 0.8)[0]),
    "Beta(5, 1), near 1": Shape(beta(5, 1)[0]),
    "80 % zeros, else Beta(2, 2)": Shape(beta(2, 2, 0.8)[0]),
    "90 % zeros, else Beta(2, 2)": Shape(beta(2, 2, 0.9)[0]),
    "0 or 1, p = 0.5": Shape(coin(0.5)[0]),
    "normal, no range": Shape(special.ndtri, None),
    "exponential, no range": Shape(lambda u: -np.log1p(-u), None),
}
SETS: Final = ((10, 8), (10, 64), (40, 8), (40, 64))  # clips, features


def better(shape: Shape, scores: Array) -> Flags:
    """Return which models stand as better than which others, (MODELS, MODELS)."""
    found = np.zeros((MODELS, MODELS), np.bool_)
    gaps = scores[PAIRS[:, 0]] - scores[PAIRS[:, 1]]
    for (one, other), gap, stands in zip(
        PAIRS, gaps, holm_of_means(list(gaps), shape.reach), strict=True
    ):
        first, second = (one, other) if gap.mean() > 0 else (other, one)
        found[first, second] = stands
    return found


def best(found: Flags) -> bool:
    """Return whether a model is better than every other."""
    return bool((found.sum(axis=1) == MODELS - 1).any())


def drawn(shape: Shape, count: int, tables: int) -> Iterator[Array]:
    """Yield tables of scores (MODELS, count) without a difference."""
    rng = np.random.default_rng(count)
    for _ in range(tables):
        yield shape.draw(rng, count)


def comparable(shape: Shape, count: int) -> bool:
    """Return whether so few clips are compared at all."""
    return shape.bounds is not None or count >= LEAST_UNBOUNDED


def null(shape: Shape, count: int, tables: int) -> tuple[float, float]:
    """Return the shares of tables without a difference that have any, and that have a best."""
    found = [better(shape, scores) for scores in drawn(shape, count, tables)]
    return float(np.mean([one.any() for one in found])), float(np.mean(list(map(best, found))))


def tied(shape: Shape, count: int, tables: int) -> float:
    """Return the share of tables with a best where two leaders are alike, far above the others.

    The hardest case, as all comparisons but one are decided, and that one is hardly corrected.
    """
    span = 1.0 if shape.bounds is None else shape.bounds[1] - shape.bounds[0]
    lower = np.zeros((MODELS, 1))
    lower[2:] = -span * np.arange(2, MODELS)[:, None]  # beyond the range, which only makes it wider
    return float(np.mean([best(better(shape, s + lower)) for s in drawn(shape, count, tables)]))


def ranks(shape: Shape, count: int, tables: int) -> tuple[float, float]:
    """Return how often all ranks of a table hold, and how many ranks an interval has on average.

    The models are two and two alike, and each two a standard deviation of the differences / 4
    above the next.
    """
    deviation = float(next(drawn(shape, 2000, 1))[:2].std(axis=1).mean())
    lift = np.repeat(np.arange(MODELS // 2)[::-1], 2) * deviation / 4
    truth = [(1 + place - place % 2, 2 + place - place % 2) for place in range(MODELS)]
    holds, widths = [], []
    for scores in drawn(shape, count, tables):
        found = rank_intervals(better(shape, scores + lift[:, None]))
        holds.append(
            all(low <= t[0] and t[1] <= high for (low, high), t in zip(found, truth, strict=True))
        )
        widths.append(np.mean([high - low + 1 for low, high in found]))
    return float(np.mean(holds)), float(np.mean(widths))


def power(shape: Shape, count: int, tables: int) -> dict[str, float]:
    """Return what a table states as detectable, and how often that is found in another table.

    One model is lifted above the seven others: by the difference of two models (how many of its
    seven comparisons stand), and by the lead that a best model needs (how often it is the best).
    """
    sizes, leads, found, marked, stated = [], [], [], [], 0
    others = drawn(shape, count, 2 * tables)
    for scores, other in zip(others, others, strict=True):
        gaps = scores[PAIRS[:, 0]] - scores[PAIRS[:, 1]]
        of = of_clips(shape.column, list(gaps), MODELS)
        if of.pair is not None:
            sizes.append(of.pair)
            found.append(_first(shape, other, of.pair).sum() / (MODELS - 1))
            stated += 1
        if of.lead is not None:
            leads.append(of.lead)
            marked.append(_first(shape, other, of.lead).sum() == MODELS - 1)
    means = [float(np.mean(of)) if of else float("nan") for of in (sizes, found, leads, marked)]
    return {**dict(zip(POWERS, means, strict=True)), "stated": stated / tables}


def _first(shape: Shape, scores: Array, lift: float) -> Flags:
    """Return from which models the first differs once it is lifted."""
    lifted = scores.copy()
    lifted[0] += lift
    return better(shape, lifted)[0]


def sets(count: int, width: int, tables: int) -> tuple[float, float]:
    """Return shares as `null`, of Fréchet distances of normal features from one reference each."""
    rng = np.random.default_rng(count)
    metric = Frechet("distance", "distance", Width())  # type: ignore[arg-type]
    owners, names = np.arange(count), tuple(map(str, range(count)))

    def features() -> Features:
        return Features("width", rng.normal(0, 1, (count, width)), owners, names)

    found = []
    for _ in range(tables):
        reference = features()
        scores = [metric.score(features(), reference).score for _ in range(MODELS)]
        order = sorted(scores, key=lambda score: score.value)
        pairs, apart = sets_apart(order)
        first = [stands for (one, _), stands in zip(pairs, apart, strict=True) if one == 0]
        found.append((any(apart), all(first)))
    shares = np.mean(found, axis=0)
    return float(shares[0]), float(shares[1])


POWERS: Final = ("difference", "found", "lead", "marked")
Simulation = Callable[[Shape, int, int], Any]


def _each(simulate: Simulation, tables: int) -> Measured:
    """Measure every shape at every count at which rows are compared."""
    return {
        title: {
            f"n = {count}": simulate(shape, count, tables)
            for count in COUNTS
            if comparable(shape, count)
        }
        for title, shape in SHAPES.items()
    }


def _table(found: Measured, printed: Callable[[Any], str]) -> str:
    counts = [f"n = {count}" for count in COUNTS]
    rows = (
        line(title, *(printed(cells[n]) if n in cells else "–" for n in counts))
        for title, cells in found.items()
    )
    return "\n".join([*head("scores", *counts), *rows])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _power_cell(found: Mapping[str, float]) -> str:
    if not found["stated"]:
        return "none"
    cells = f"{found['difference']:.3f}: {_percent(found['found'])}"
    if not np.isnan(found["lead"]):
        cells += f"; {found['lead']:.3f}: {_percent(found['marked'])}"
    return cells + ("" if found["stated"] == 1 else f" (stated in {_percent(found['stated'])})")


def measure_sets(tables: int) -> Measured:
    """Measure whole sets of each size."""
    return [[*size, *sets(*size, tables // 5)] for size in SETS]


def sets_block(found: Measured) -> str:
    """Return the table of `measure_sets`."""
    rows = (line(n, width, _percent(any_), _percent(one)) for n, width, any_, one in found)
    return "\n".join([*head("clips", "features", "any two told apart", "a best marked"), *rows])


BLOCKS: Final[Mapping[str, tuple[Callable[[int], Measured], Callable[[Measured], str]]]] = {
    "null": (
        partial(_each, null),
        partial(_table, printed=lambda cell: ", ".join(map(_percent, cell))),
    ),
    "tied": (partial(_each, tied), partial(_table, printed=_percent)),
    "ranks": (
        partial(_each, ranks),
        partial(_table, printed=lambda cell: f"{_percent(cell[0])}, {cell[1]:.1f}"),
    ),
    "power": (partial(_each, power), partial(_table, printed=_power_cell)),
    "sets": (measure_sets, sets_block),
}


def rendered(name: str) -> str:
    """Return a block of the page, from the data that are kept."""
    return BLOCKS[name][1](load(NAME)[name]["measured"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep the data, and rewrite the page's blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--only", default=",".join(BLOCKS))
    asked = parser.parse_args(arguments)
    for name in asked.only.split(","):
        command = f"python docs/make_ranking.py --tables {asked.tables}"
        save(NAME, command, {name: BLOCKS[name][0](asked.tables)})
        put(PAGE, name, rendered(name))


if __name__ == "__main__":
    main()
