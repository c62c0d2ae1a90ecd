"""Measure how often intervals cover, and write the tables of docs/intervals.md.

    python docs/make_intervals.py [--samples 20000] [--only NAMES]

Samples of known mean are drawn (seeded), an interval is formed from each, and it is counted how
often it holds that mean. What is measured goes into docs/data/intervals.json, and from there into
the blocks of the page (see `page_blocks`). Methods that resample see a fifth of the samples. A few
minutes.

`tests/svbench/test_intervals_cover.py` runs the same simulation in short.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from interval_methods import BEFORE, METHODS, OURS, RESAMPLING, Method
from numpy.typing import NDArray
from page_blocks import head, line, load, put, save
from scipy import special, stats

from svbench.intervals import Interval, mean_intervals
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.score import SIGNIFICANT
from svbench.metrics.frechet import Frechet
from svbench.types import Features

Array = NDArray[np.float64]
Sampler = Callable[[np.random.Generator, tuple[int, int]], Array]
Quantiles = Callable[[Array], Array]  # of uniform numbers

Measured = Any  # what JSON holds

PAGE: Final = Path(__file__).with_name("intervals.md")
NAME: Final = "intervals"  # of the data
FEW: Final = (2, 3, 4, 5, 10, 20, 40, 100)  # pairs
COUNTS: Final = (5, 8, 10, 20, 40, 100)  # clips
GRID: Final = np.linspace(0, 1, 4001)
HALF: Final = 0.6  # correlation of the normal numbers behind two systems' scores of one clip
EVENTS: Final = (2, 4, 6, 8, 12, 16)  # onsets, and motion peaks, of a clip
FPS, DURATION = 8.0, 4.0  # of the paper's clips


@dataclass(frozen=True)
class Kind:
    """One kind of clips: how their values fall, and what their mean is."""

    draw: Sampler
    mean: float
    bounds: Interval | None = (0.0, 1.0)


@cache
def beta(a: float, b: float, zeros: float = 0.0) -> tuple[Quantiles, float]:
    """Return quantiles and mean of Beta(a, b), with a share of exact zeros put in its place."""
    table = stats.beta(a, b).ppf(GRID)

    def quantiles(u: Array) -> Array:
        rest = np.clip((u - zeros) / (1 - zeros), 0, 1)
        return np.where(u < zeros, 0.0, np.interp(rest, GRID, table))

    return quantiles, (1 - zeros) * a / (a + b)


def coin(p: float) -> tuple[Quantiles, float]:
    """Return quantiles and mean of 1 with probability p, else 0."""
    return (lambda u: (u > 1 - p).astype(np.float64)), p


def one(of: tuple[Quantiles, float]) -> Kind:
    """Return scores of a single system."""
    return Kind(lambda rng, shape: of[0](rng.random(shape)), of[1])


def pair(a: tuple[Quantiles, float], b: tuple[Quantiles, float]) -> Kind:
    """Return differences of two systems whose scores of one clip are correlated."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        shared = rng.standard_normal(shape) * HALF**0.5
        first, second = (shared + rng.standard_normal(shape) * (1 - HALF) ** 0.5 for _ in "ab")
        return a[0](special.ndtr(first)) - b[0](special.ndtr(second))

    return Kind(draw, a[1] - b[1], (-1.0, 1.0))


def mostly_zero(zeros: float, low: float, high: float) -> Kind:
    """Return differences of which a share is exactly 0 and the others are uniform."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        return np.where(rng.random(shape) < zeros, 0.0, rng.uniform(low, high, shape))

    return Kind(draw, (1 - zeros) * (low + high) / 2, (-1.0, 1.0))


def normal(mean: float, deviation: float, bounds: Interval) -> Kind:
    """Return what is normal; bounds are many deviations away."""
    return Kind(lambda rng, shape: rng.normal(mean, deviation, shape), mean, bounds)


SCORES: Final[Mapping[str, Kind]] = {
    "normal, 0.5 ± 0.1": normal(0.5, 0.1, (0.0, 1.0)),
    "uniform": one(beta(1, 1)),
    "Beta(2, 5)": one(beta(2, 5)),
    "Beta(0.5, 0.5)": one(beta(0.5, 0.5)),
    "Beta(0.2, 0.8)": one(beta(0.2, 0.8)),
    "Beta(5, 1)": one(beta(5, 1)),
    "0 or 1, p = 0.1": one(coin(0.1)),
    "0 or 1, p = 0.5": one(coin(0.5)),
    "60 % zeros, else Beta(2, 2)": one(beta(2, 2, 0.6)),
    "80 % zeros, else Beta(2, 2)": one(beta(2, 2, 0.8)),
    "cosines, 0.2 ± 0.08": normal(0.2, 0.08, (-1.0, 1.0)),
}
ALIKE: Final[Mapping[str, Kind]] = {  # two systems that do not differ
    "Beta(2, 2), two alike": pair(beta(2, 2), beta(2, 2)),
    "Beta(0.2, 0.8), two alike": pair(beta(0.2, 0.8), beta(0.2, 0.8)),
    "Beta(5, 1), two alike": pair(beta(5, 1), beta(5, 1)),
    "0 or 1, p = 0.1, two alike": pair(coin(0.1), coin(0.1)),
    "0 or 1, p = 0.5, two alike": pair(coin(0.5), coin(0.5)),
    "80 % zeros, else Beta(2, 2), two alike": pair(beta(2, 2, 0.8), beta(2, 2, 0.8)),
    "80 % equal, else uniform in -1..1": mostly_zero(0.8, -1, 1),
    "cosines, 0 ± 0.05": normal(0.0, 0.05, (-2.0, 2.0)),
}
UNLIKE: Final[Mapping[str, Kind]] = {
    "Beta(5, 1) - Beta(0.5, 0.5)": pair(beta(5, 1), beta(0.5, 0.5)),
    "Beta(0.2, 0.8) - Beta(0.5, 4)": pair(beta(0.2, 0.8), beta(0.5, 4)),
    "0 or 1, p = 0.5, - p = 0.1": pair(coin(0.5), coin(0.1)),
    "50 % zeros - 80 % zeros, else Beta(2, 2)": pair(beta(2, 2, 0.5), beta(2, 2, 0.8)),
    "85 % equal, else uniform in 0..1": mostly_zero(0.85, 0, 1),
}
UNBOUNDED: Final[Mapping[str, Kind]] = {
    "lognormal, sigma 1": Kind(lambda rng, shape: rng.lognormal(0, 1, shape), np.exp(0.5), None),
}
UNRANGED: Final[Mapping[str, Kind]] = {  # differences whose range nobody knows
    "normal, no range": Kind(lambda rng, shape: rng.normal(0, 1, shape), 0.0, None),
    "of two exponentials, no range": Kind(
        lambda rng, shape: rng.exponential(1, shape) - rng.exponential(1, shape), 0.0, None
    ),
    "an exponential less its mean, no range": Kind(
        lambda rng, shape: rng.exponential(1, shape) - 1, 0.0, None
    ),
}


def measured(kind: Kind, count: int, method: Method, samples: int) -> tuple[float, float]:
    """Return coverage and mean width of a method, from seeded samples of `count` clips."""
    rng = np.random.default_rng(count)
    ends = method(kind.draw(rng, (samples, count)), kind.bounds)
    slack = 1e-9  # rounding of sums
    covers = (ends[:, 0] <= kind.mean + slack) & (kind.mean - slack <= ends[:, 1])
    return float(covers.mean()), float((ends[:, 1] - ends[:, 0]).mean())


def _measured(kind: Kind, count: int, name: str, samples: int) -> tuple[float, float]:
    return measured(kind, count, METHODS[name], samples // (5 if name in RESAMPLING else 1))


def measure_methods(samples: int) -> Measured:
    """Compare methods: the least coverage over all bounded kinds, and the mean width."""
    kinds = [*SCORES.values(), *ALIKE.values(), *UNLIKE.values()]
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, count in product(METHODS, COUNTS):
        each = [_measured(kind, count, name, samples) for kind in kinds]
        least = min(coverage for coverage, _ in each)
        found.setdefault(name, {})[f"N = {count}"] = (least, float(np.mean([w for _, w in each])))
    return found


def methods_block(found: Measured) -> str:
    """Return the table of `measure_methods`."""
    lines = head("method", *next(iter(found.values())))
    return "\n".join([*lines, *(line(name, *_pairs(cells)) for name, cells in found.items())])


def measure_kinds(kinds: Mapping[str, Kind], samples: int) -> Measured:
    """Measure coverage and width of each kind of clips, before and now."""
    return {
        title: {
            name: {f"N = {n}": _measured(kind, n, name, samples) for n in COUNTS}
            for name in (BEFORE, OURS)
        }
        for title, kind in kinds.items()
    }


def kinds_block(found: Measured) -> str:
    """Return the table of `measure_kinds`."""
    lines = head("clips", "interval", *next(iter(found.values()))[OURS])
    for title, methods in found.items():
        names = (title, *[""] * (len(methods) - 1))
        lines += [line(t, m, *_pairs(methods[m])) for t, m in zip(names, methods, strict=True)]
    return "\n".join(lines)


def _pairs(cells: Mapping[str, tuple[float, float]]) -> list[str]:
    return [f"{coverage:.3f}, {width:.2f}" for coverage, width in cells.values()]


def false_calls(kind: Kind, count: int, samples: int) -> float:
    """Return the share of samples whose interval excludes the mean difference of 0."""
    rng = np.random.default_rng(count)
    ends = mean_intervals(kind.draw(rng, (samples, count)), kind.bounds)
    return float(((ends[:, 0] > 0) | (ends[:, 1] < 0)).mean())


def measure_few(samples: int) -> Measured:
    """Measure false calls at few pairs, with and without a known range."""
    kinds = {**ALIKE, **UNRANGED}
    return {
        title: {f"N = {n}": false_calls(kind, n, samples) for n in FEW}
        for title, kind in kinds.items()
    }


def few_block(found: Measured) -> str:
    """Return the table of `measure_few`: the worst of all kinds that have a range, and the rest."""
    counts = list(next(iter(found.values())))
    worst = {n: max(found[title][n] for title in ALIKE) for n in counts}
    rows = {"any of the above, range known": worst, **{t: found[t] for t in UNRANGED}}
    shown = (line(t, *(f"{100 * row[n]:.1f} %" for n in counts)) for t, row in rows.items())
    return "\n".join([*head("pairs of two alike", *counts), *shown])


def adjusted(events: int, clips: int, active: float) -> tuple[float, float]:
    """Return the mean adjusted AV-Align, and the share of p below 0.05.

    Onsets and motion peaks, `events` of each, fall independently in the first `active` seconds
    of the clip.
    """
    rng = np.random.default_rng(events)
    found = []
    for _ in range(clips):
        onsets = rng.uniform(0, active, events)
        peaks = rng.integers(1, round(active * FPS), events) / FPS
        found.append(chance("corrected", onsets, np.unique(peaks), FPS, DURATION))
    low = float(np.mean([one_clip.p < SIGNIFICANT for one_clip in found]))
    return float(np.mean([one_clip.adjusted for one_clip in found])), low


def measure_adjusted(samples: int) -> Measured:
    """Measure adjusted AV-Align of sounds that know nothing of their pictures."""
    return {
        title: {str(events): adjusted(events, samples // 10, active) for events in EVENTS}
        for title, active in (("anywhere", DURATION), ("in the first half", DURATION / 2))
    }


def adjusted_block(found: Measured) -> str:
    """Return the table of `measure_adjusted`."""
    lines = head("where events fall", "", *next(iter(found.values())))
    for title, cells in found.items():
        lines.append(line(title, "mean", *(f"{mean:+.3f}" for mean, _ in cells.values())))
        lines.append(line("", "p < 0.05", *(f"{100 * low:.1f} %" for _, low in cells.values())))
    return "\n".join(lines)


class Width:
    """Stands for an extractor whose features are given."""

    key, view = "width", "conformed"


def frechet(count: int, width: int, gap: float, sets: int) -> tuple[float, float, float]:
    """Return the mean distance of sets of normal features, and how often intervals cover.

    First how often they cover that mean, then how often the distance of the populations.

    `gap` is how far the two means lie apart in every feature; the distance of the populations
    is width x gap^2.
    """
    rng = np.random.default_rng(count)
    owners, names = np.arange(count), tuple(map(str, range(count)))

    def drawn(mean: float) -> Features:
        return Features("width", rng.normal(mean, 1, (count, width)), owners, names)

    metric = Frechet("distance", "distance", Width())  # type: ignore[arg-type]
    bare = replace(metric, resamples=0)
    pairs = ((drawn(gap), drawn(0)) for _ in range(10 * sets))
    mean = float(np.mean([bare.score(*pair).score.value for pair in pairs]))
    found = [metric.score(drawn(gap), drawn(0)).score.interval or (0, 0) for _ in range(sets)]
    ends = np.array(found)
    truths = (mean, width * gap**2)
    coverage = [float(((ends[:, 0] <= at) & (at <= ends[:, 1])).mean()) for at in truths]
    return mean, coverage[0], coverage[1]


def measure_frechet(samples: int) -> Measured:
    """Measure what the intervals of Fréchet distances cover."""
    return [
        {
            **dict(zip(("clips", "features", "gap"), setting, strict=True)),
            **dict(zip(MEASURED, frechet(*setting, samples // 100), strict=True)),
        }
        for setting in product((10, 40), (8, 64), (0.0, 0.5))
    ]


def frechet_block(found: Measured) -> str:
    """Return the table of `measure_frechet`."""
    heads = ("clips", "features", "distance of populations", "covered")
    lines = head(*heads, "expected of such sets", "covered")
    for one in found:
        mean, expected, population = (one[name] for name in MEASURED)
        cells = (f"{one['features'] * one['gap'] ** 2:.1f}", f"{population:.2f}", f"{mean:.1f}")
        lines.append(line(one["clips"], one["features"], *cells, f"{expected:.2f}"))
    return "\n".join(lines)


MEASURED: Final = ("mean distance", "it is covered", "populations' is covered")
BLOCKS: Final[Mapping[str, tuple[Callable[[int], Measured], Callable[[Measured], str]]]] = {
    "methods": (measure_methods, methods_block),
    "scores": (partial(measure_kinds, SCORES), kinds_block),
    "alike": (partial(measure_kinds, ALIKE), kinds_block),
    "few": (measure_few, few_block),
    "unlike": (partial(measure_kinds, UNLIKE), kinds_block),
    "unbounded": (partial(measure_kinds, UNBOUNDED), kinds_block),
    "frechet": (measure_frechet, frechet_block),
    "adjusted": (measure_adjusted, adjusted_block),
}


def rendered(name: str) -> str:
    """Return a block of the page, from the data that are kept."""
    return BLOCKS[name][1](load(NAME)[name]["measured"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep the data, and rewrite the page's blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--only", default=",".join(BLOCKS))
    asked = parser.parse_args(arguments)
    for name in asked.only.split(","):
        command = f"python docs/make_intervals.py --samples {asked.samples}"
        save(NAME, command, {name: BLOCKS[name][0](asked.samples)})
        put(PAGE, name, rendered(name))


if __name__ == "__main__":
    main()
