"""Simulate human studies, and write the table of docs/human-study.md.

    python docs/make_human_study.py [--draws 400]

Two systems are compared by simulated raters on 40 requests, in the design of `svbench study`. The
log-odds of an answer vary between raters, and between requests, with a standard deviation of 0.7
each. For each number of raters and trials it is counted how often the 95 % interval holds the share
of wins in the population, and the share is looked for that is told from 0.5 in 80 % of studies.
What is measured goes into docs/data/human-study.json, and from there into the page (see
`page_blocks`). A minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from page_blocks import head, line, load, put, save
from scipy.optimize import brentq
from scipy.special import expit

from svbench.study.bradley_terry import Answers, Fit, fit
from svbench.study.design import design

Array = NDArray[np.float64]

PAGE: Final = Path(__file__).with_name("human-study.md")
NAME: Final = "human-study"  # of the data
BLOCK: Final = "human-study-size"
REQUESTS: Final = 40
SPREAD: Final = 0.7  # of log-odds, between raters, and between requests
POWER: Final = 0.8
SIZES: Final = ((5, 20), (5, 40), (10, 20), (10, 40), (20, 20), (20, 40), (40, 20), (40, 40))
SHARES: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


def share_of(gap: float) -> float:
    """Return the share of wins in the population where the mean log-odds are `gap`."""
    won = expit(gap + np.sqrt(2) * SPREAD * POINTS)
    return float(won @ WEIGHTS / WEIGHTS.sum())


def gap_of(share: float) -> float:
    """Return the mean log-odds that give a share of wins in the population."""
    return float(brentq(lambda gap: share_of(gap) - share, -10, 10))


def studies(raters: int, trials: int, share: float, draws: int, seed: int) -> list[Fit]:
    """Return the fits of simulated studies of two systems, of which the first wins a share."""
    sheets = design(2, REQUESTS, raters, trials, 2, 0)
    rows = [(c.left, c.right, r, c.request) for r, sheet in enumerate(sheets) for c in sheet]
    left, right, rater, request = np.array(rows, np.int64).T
    rng, gap, found = np.random.default_rng(seed), gap_of(share), []
    for _ in range(draws):
        tastes = rng.normal(0, SPREAD, raters)[rater] + rng.normal(0, SPREAD, REQUESTS)[request]
        first = rng.random(len(rows)) < expit(gap + tastes)
        outcome = np.where(left == 0, first, ~first).astype(np.float64)
        found.append(fit(Answers(left, right, outcome, rater, request), 2))
    return found


def measure(draws: int) -> list[dict[str, Any]]:
    """Return width, coverage and what is told from 0.5, for each size of a study."""
    return [_measured(raters, trials, draws) for raters, trials in SIZES]


def _measured(raters: int, trials: int, draws: int) -> dict[str, Any]:
    covered, told, width = [], [], 0.0
    for number, share in enumerate(SHARES):
        found = studies(raters, trials, share, draws, number)
        ends = np.array([one.intervals[0] for one in found])
        covered.append(np.mean((ends[:, 0] <= share) & (share <= ends[:, 1])))
        told.append(float(np.mean(ends[:, 0] > 0.5)))
        width = float(np.median(np.ptp(ends, axis=1))) if share == 0.5 else width
    return {
        "raters": raters,
        "trials": trials,
        "width": width,
        "covered": float(np.mean(covered)),
        "told": _crossing(told),
    }


def _crossing(told: list[float]) -> float | None:
    """Return the share from which on `POWER` of studies tell it from 0.5, between grid points."""
    place = next((i for i, power in enumerate(told) if power >= POWER), None)
    if place is None:
        return None
    low, high = told[place - 1], told[place]
    step = SHARES[place] - SHARES[place - 1]
    return SHARES[place - 1] + step * (POWER - low) / (high - low)


def rendered() -> str:
    """Return the table, from the kept data."""
    lines = head(
        "raters", "pairs each", "answers", "95 % interval at 0.5", "told from 0.5", "covers"
    )
    for one in load(NAME)[BLOCK]["measured"]:
        told = f"above {SHARES[-1]:g}" if one["told"] is None else f"{one['told']:.2f}"
        half = f"± {one['width'] / 2:.2f}"
        answers = one["raters"] * one["trials"]
        covers = f"{100 * one['covered']:.0f} %"
        lines.append(line(one["raters"], one["trials"], answers, half, told, covers))
    return "\n".join(lines)


def main() -> None:
    """Measure, and write data and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400, help="studies for each size and share")
    draws = parser.parse_args().draws
    command = f"python docs/make_human_study.py --draws {draws}"
    save(NAME, command, {BLOCK: measure(draws)})
    put(PAGE, BLOCK, rendered())


if __name__ == "__main__":
    main()
