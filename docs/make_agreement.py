"""Measure how often intervals hold a planted agreement with people, and write docs/agreement.md.

    python docs/make_agreement.py [--samples 100]

Condition means are planted so that they have a known rank correlation with those of people. Clips
are drawn about them, and videos of the people from those that were rated; an interval is formed
from each sample, and it is counted how often it holds the planted correlation. What is measured
goes into docs/data/agreement.json, and from there into the page (see `page_blocks`). A few
minutes.

`tests/metrics/validity/test_agreement_covers.py` runs the same simulation in short.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from page_blocks import head, line, load, put, save
from scipy.stats import norm, rankdata

from svbench.intervals import Interval, percentile_interval
from svbench.metrics.validity.agreement import rank_correlation
from svbench.metrics.validity.condition_means import condition_means, mean_draws
from svbench.metrics.validity.human_scores import LEVELS, load_human_scores

Array = NDArray[np.float64]

PAGE: Final = Path(__file__).with_name("agreement.md")
NAME: Final = "agreement"  # of the data
BLOCK: Final = "coverage"
CLIPS: Final = (19, 40)
DRAWS: Final = 300
STUDIES: Final = 40  # of people, over and over: their part in the noise is small
SLOPE: Final = 0.5  # deviation of how strongly a clip responds, for a mean response of 1
OFFSET: Final = 2.0  # deviation of what a clip's scores have in common
NOISES: Final = {"little": 1.0, "much": 4.0, "much, skewed": 4.0}


@dataclass(frozen=True, slots=True)
class Planted:
    """Condition means of a metric, and of people, with a known correlation."""

    means: Array  # (C,), of deviation 1
    conditions: slice  # of people's
    truth: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What one simulated study measures, and draws of it."""

    scores: Array  # (C, n)
    means: Array  # (C,)
    people: Array  # (C,)
    draws: Array  # (B, C)
    people_draws: Array  # (B, C)

    def value(self) -> float:
        """Return the correlation that the study finds."""
        return float(by_ranks(self.means[None], self.people[None])[0])

    def drawn(self) -> Array:
        """Return the correlation of each draw."""
        return by_ranks(self.draws, self.people_draws)


def by_ranks(first: Array, second: Array) -> Array:
    """Return Spearman's correlation of rows (B, C), or (1, C)."""
    a, b = (rankdata(rows, axis=1) - (rows.shape[1] + 1) / 2 for rows in (first, second))
    return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


def planted(target: float, conditions: slice, rng: np.random.Generator) -> Planted:
    """Plant condition means whose rank correlation with people's is about `target`."""
    people = condition_means(load_human_scores().conditions[conditions])
    standard = (people - people.mean()) / people.std()
    noise = rng.standard_normal(len(people))
    noise -= standard * (noise @ standard) / len(people)  # so that 0 is near 0, too
    shares = np.linspace(-1, 1, 2001)
    mixed = [share * standard + (1 - abs(share)) * noise for share in shares]
    truths = by_ranks(np.array(mixed), people[None])
    best = int(np.abs(truths - target).argmin())
    means = mixed[best]
    return Planted((means - means.mean()) / means.std(), conditions, float(truths[best]))


@cache
def people_study(seed: int) -> tuple[Array, Array]:
    """Draw a study of as many videos: people's condition means (C,), and draws of them (B, C)."""
    ratings = load_human_scores().conditions
    videos = np.random.default_rng(seed).integers(ratings.shape[1], size=ratings.shape[1])
    return condition_means(ratings[:, videos]), mean_draws(ratings[:, videos], DRAWS, seed)


def sample(of: Planted, clips: int, noise: str, rng: np.random.Generator, seed: int) -> Sample:
    """Draw clips about the planted means, and take one of the studies of people."""
    shape = (len(of.means), clips)
    scatter = rng.exponential(size=shape) - 1 if "skewed" in noise else rng.standard_normal(shape)
    response = 1 + SLOPE * rng.standard_normal(clips)
    common = OFFSET * rng.standard_normal(clips)
    scores = of.means[:, None] * response + common + NOISES[noise] * scatter
    people, people_draws = people_study(seed % STUDIES)
    drawn = mean_draws(scores, DRAWS, seed)
    return Sample(
        scores,
        condition_means(scores),
        people[of.conditions],
        drawn,
        people_draws[:, of.conditions],
    )


# --- methods -----------------------------------------------------------------------------------


def ours(of: Sample) -> Interval:
    """Return the interval of `svbench.metrics.validity.agreement`."""
    clips = of.scores.shape[1]
    found = rank_correlation(of.means, of.people, "higher", of.draws, of.people_draws, clips)
    if found.interval is None:
        raise ValueError("the simulation drew clips without an interval")
    return found.interval


def percentile(of: Sample) -> Interval:
    """Return the middle 95 % of the correlations of draws."""
    return percentile_interval(of.drawn())


def basic(of: Sample) -> Interval:
    """Return the percentile interval, reflected about the correlation found."""
    low, high = percentile(of)
    return 2 * of.value() - high, 2 * of.value() - low


def bca(of: Sample) -> Interval:
    """Return the bias-corrected and accelerated interval (Efron and Tibshirani, ch. 14)."""
    drawn, clips = of.drawn(), of.scores.shape[1]
    without = (clips * of.means[:, None] - of.scores).T / (clips - 1)  # each clip in turn
    left = by_ranks(without, of.people[None])
    apart = left.mean() - left
    norms = (apart**2).sum() ** 1.5
    pull = (apart**3).sum() / (6 * norms) if norms > 0 else 0.0
    below = np.clip((drawn < of.value()).mean(), 1 / len(drawn), 1 - 1 / len(drawn))
    bias = norm.ppf(below)
    sides = bias + norm.ppf([0.025, 0.975])
    low, high = np.quantile(drawn, norm.cdf(bias + sides / (1 - pull * sides)))
    return float(low), float(high)


Method = Callable[[Sample], Interval]
OURS: Final = "svbench"
METHODS: Final[Mapping[str, Method]] = {
    OURS: ours,
    "percentile": percentile,
    "basic": basic,
    "BCa": bca,
}


def coverage(
    of: Planted, clips: int, noise: str, methods: Sequence[str], samples: int, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return how often each method holds the truth, and the mean width of its intervals."""
    rng = np.random.default_rng(seed)
    ends: dict[str, list[Interval]] = {name: [] for name in methods}
    for number in range(samples):
        drawn = sample(of, clips, noise, rng, number)
        for name in methods:
            ends[name].append(METHODS[name](drawn))
    return {name: _held(np.array(found), of.truth) for name, found in ends.items()}


def _held(ends: Array, truth: float) -> tuple[float, float]:
    held = (ends[:, 0] <= truth + 1e-9) & (truth - 1e-9 <= ends[:, 1])
    return float(held.mean()), float((ends[:, 1] - ends[:, 0]).mean())


# --- the page ----------------------------------------------------------------------------------

PARTS: Final = {
    "90 conditions": (slice(None), (0.0, 0.5, 0.9, 0.98)),
    "10 levels": (slice(2 * LEVELS, 3 * LEVELS), (0.0, 0.5, 0.9, 1.0)),
}


def measure(samples: int) -> list[dict[str, Any]]:
    """Measure every part, count of clips, planted correlation and kind of noise."""
    found = []
    for part, (conditions, targets) in PARTS.items():
        for target, clips, noise in product(targets, CLIPS, NOISES):
            of = planted(target, conditions, np.random.default_rng(0))
            held = coverage(of, clips, noise, list(METHODS), samples)
            setting = {"part": part, "clips": clips, "planted": of.truth, "noise": noise}
            found.append({**setting, "held": held})
    return found


def rendered() -> str:
    """Return the table of the page, from the data that are kept."""
    lines = head("over", "planted", "clips", "noise", *METHODS)
    for one in load(NAME)[BLOCK]["measured"]:
        cells = [f"{100 * held:.0f} ({width:.2f})" for held, width in one["held"].values()]
        lines.append(line(one["part"], f"{one['planted']:.2f}", one["clips"], one["noise"], *cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep the data, and rewrite the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100)
    asked = parser.parse_args(arguments)
    command = f"python docs/make_agreement.py --samples {asked.samples}"
    save(NAME, command, {BLOCK: measure(asked.samples)})
    put(PAGE, BLOCK, rendered())


if __name__ == "__main__":
    main()
