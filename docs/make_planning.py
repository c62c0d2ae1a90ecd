"""Measure intervals over training seeds and captions, and what a plan promises.

    python docs/make_planning.py [--samples 4000] [--only NAMES]

Writes the sections of docs/intervals.md on several samples per caption, on training seeds and on
planning, from docs/data/planning.json. Samples are drawn (seeded), intervals formed from each. Two
minutes on one core.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from page_blocks import block, head, line, load, put, save

from svbench.intervals import mean_intervals, widening
from svbench.metrics.frechet import Frechet, distance, stats
from svbench.power import detectable_effect, needed_pairs, paired_power, smallest_count
from svbench.reports.analysis.training_seeds import interval_over_seeds
from svbench.types import Features

Array = NDArray[np.float64]
Measured = Any  # what JSON holds

PAGE: Final = Path(__file__).with_name("intervals.md")
STUDY: Final = Path(__file__).with_name("miniature-study.md")
NAME: Final = "planning"  # of the data
CORRELATIONS: Final = (0.0, 0.2, 0.5, 0.9)
CAPTIONS, SAMPLES, REAL = 20, 5, 400  # of the clustered sets; rows of the real one
TRAININGS: Final = (1, 2, 3, 5)
SCATTERS: Final = (0.0, 0.02, 0.05, 0.1)  # of trainings
CLIPS: Final = 40
PLANNED: Final = (10, 20, 40, 100)
DEVIATIONS: Final = (0.05, 0.1, 0.2)
EFFECTS: Final = (0.1, 0.2, 0.3, 0.5, 0.8)
MODELS: Final = (2, 4, 8)


# --- several samples per caption ---------------------------------------------------------------


def clustered(rng: np.random.Generator, icc: float) -> Array:
    """Return features (N, 3) of clips whose captions explain the share `icc` of the variance."""
    between = np.repeat(rng.standard_normal((CAPTIONS, 3)), SAMPLES, axis=0)
    within = rng.standard_normal((CAPTIONS * SAMPLES, 3))
    return np.asarray(icc**0.5 * between + (1 - icc) ** 0.5 * within + 1)


def measure_clusters(samples: int) -> Measured:
    """Return how often bootstraps over clips and over captions hold the expected distance."""
    found = {}
    for icc in CORRELATIONS:
        rng = np.random.default_rng(0)
        real = _features(rng.standard_normal((REAL, 3)), 1)
        sets = [clustered(rng, icc) for _ in range(max(50, samples // 10))]
        expected = float(np.mean([distance(stats(s), stats(real.values)) for s in sets]))
        metric = Frechet("distance", "distance", _Nothing(), resamples=100)
        found[f"{icc:g}"] = [
            float(
                np.mean(
                    [
                        low <= expected <= high
                        for one in sets
                        for low, high in [
                            metric.score(_features(one, repeats), real).score.interval or (0, 0)
                        ]
                    ]
                )
            )
            for repeats in (1, SAMPLES)
        ]
    return found


class _Nothing:
    """An extractor that is never called."""

    key = "drawn"
    view: Any = "conformed"

    def __call__(self, clips: Any, captions: Any) -> list[Any]:
        raise NotImplementedError


def _features(values: Array, repeats: int) -> Features:
    requests = tuple(f"{i // repeats}/{i % repeats}" for i in range(len(values)))
    return Features("drawn", values, np.arange(len(values)), requests)


def clusters_block(found: Measured) -> str:
    """Render the coverage of both bootstraps."""
    lines = head("intraclass correlation", "clips resampled", "captions resampled")
    lines += [line(icc, *(f"{share:.2f}" for share in of)) for icc, of in found.items()]
    return "\n".join(lines)


# --- training seeds ----------------------------------------------------------------------------


def trained(rng: np.random.Generator, trainings: int, scatter: float) -> tuple[Array, Array]:
    """Return two models that do not differ, as (trainings, clips)."""
    shared, suits = rng.normal(0.5, 0.2, CLIPS), rng.normal(0, 0.1, (2, CLIPS))
    one, other = (
        shared
        + own
        + rng.normal(0, scatter, (trainings, 1))
        + rng.normal(0, 0.1, (trainings, CLIPS))
        for own in suits
    )
    return one, other


def measure_seeds(samples: int) -> Measured:
    """Return coverage and mean width over clips alone, and over trainings and clips."""
    found: dict[str, Any] = {}
    for trainings, scatter in product(TRAININGS, SCATTERS):
        rng = np.random.default_rng(0)
        drawn = [trained(rng, trainings, scatter) for _ in range(samples)]
        kinds = []
        for seeds in (False, True):
            ends = np.array([_over(one, other, seeds=seeds) for one, other in drawn])
            covered = (ends[:, 0] <= 0) & (ends[:, 1] >= 0)
            kinds.append([float(covered.mean()), float((ends[:, 1] - ends[:, 0]).mean())])
        found.setdefault(str(trainings), {})[f"{scatter:g}"] = kinds
    return found


def _over(one: Array, other: Array, *, seeds: bool) -> tuple[float, float]:
    captions = one.mean(axis=0) - other.mean(axis=0)
    of = [one.mean(axis=1), other.mean(axis=1)] if seeds else []
    return interval_over_seeds(captions, of) or (0.0, 0.0)


def seeds_block(found: Measured) -> str:
    """Render coverage and width, for clips alone and for both levels."""
    lines = head("trainings of each", "interval over", *(f"scatter {s:g}" for s in SCATTERS))
    for trainings, of in found.items():
        for place, name in enumerate(("clips", "trainings and clips")):
            cells = (f"{kinds[place][0]:.3f}, {kinds[place][1]:.2f}" for kinds in of.values())
            lines.append(line(trainings if place == 0 else "", name, *cells))
    return "\n".join(lines)


def measure_study(_samples: int) -> Measured:
    """Return the difference of the miniature study's mixers over its three trainings."""
    rows = re.findall(
        r"^\| (cmc-pe|cross-attention) \| (\d) \| ([\d.]+) .*\| (.*) \|$",
        block(STUDY, "seeds"),
        re.MULTILINE,
    )
    means = {m: [float(v) for name, _, v, _ in rows if name == m] for m, *_ in rows}
    gaps = [re.findall(r"[+-][\d.]+", text) for _, _, _, text in rows if text.strip()]
    ends = np.array(gaps, np.float64)  # value, low, high of each training, over 64 clips
    deviation = float((ends[:, 2] - ends[:, 1]).mean() / 2 / 1.96 * 64**0.5)
    drawn = np.random.default_rng(0).standard_normal(64)
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1) * deviation
    value = float(np.mean(means["cmc-pe"]) - np.mean(means["cross-attention"]))
    over = interval_over_seeds(value + drawn, list(means.values()), (-1, 1))
    return {"alone": ends.tolist(), "value": value, "interval": over}


def study_block(found: Measured) -> str:
    """Render the differences of each training and of all."""
    lines = head("CMC-PE minus cross-attention, AV-Align", "difference", "interval")
    for seed, (value, low, high) in enumerate(found["alone"]):
        lines.append(line(f"training seed {seed}, over clips", f"{value:+.3f}", _ends(low, high)))
    value, ends = found["value"], found["interval"]
    lines.append(line("three trainings, over trainings and clips", f"{value:+.3f}", _ends(*ends)))
    return "\n".join(lines)


def _ends(low: float, high: float) -> str:
    return f"[{low:+.3f}, {high:+.3f}]"


# --- planning ----------------------------------------------------------------------------------


def measure_promised(samples: int) -> Measured:
    """Return how often a detectable difference is found, planned by Student's t and as we do."""
    found: dict[str, Any] = {}
    for deviation, n in product(DEVIATIONS, PLANNED):
        cells = []
        for wider in (1.0, widening(deviation, n, (-1.0, 1.0))):
            gap = deviation * detectable_effect(n, wider=wider)
            drawn = np.random.default_rng(0).normal(gap, deviation, (samples, n))
            told = mean_intervals(drawn.clip(-1, 1), (-1.0, 1.0))[:, 0] > 0
            cells.append([gap, float(told.mean())])
        found.setdefault(f"{deviation:g}", {})[str(n)] = cells
    return found


def promised_block(found: Measured) -> str:
    """Render detectable differences and how often they are found."""
    lines = head("scatter", "planned by", *(f"n = {n}" for n in PLANNED))
    for deviation, of in found.items():
        for place, name in enumerate(("Student's t", "svbench")):
            cells = (f"{both[place][0]:.3f}, {both[place][1]:.0%}" for both in of.values())
            lines.append(line(deviation if place == 0 else "", name, *cells))
    return "\n".join(lines)


def measure_needed(_samples: int) -> Measured:
    """Return the captions that differences need, in units of the scatter, by number of models."""
    return {f"{effect:g}": [_needed(effect, models) for models in MODELS] for effect in EFFECTS}


def _needed(effect: float, models: int) -> list[int]:
    level = 0.05 / (models * (models - 1) / 2)
    scatter = 0.2  # of a column from 0 to 1, by which the range widens intervals

    def power(n: int) -> float:
        return paired_power(effect, n, level, widening(scatter, n, (-1.0, 1.0)))

    return [needed_pairs(effect, alpha=level), smallest_count(power)]


def needed_block(found: Measured) -> str:
    """Render the captions needed."""
    lines = head("difference / scatter", *(f"{models} models" for models in MODELS))
    lines += [line(effect, *(f"{a:,} ({b:,})" for a, b in of)) for effect, of in found.items()]
    return "\n".join(lines)


BLOCKS: Final[Mapping[str, tuple[Callable[[int], Measured], Callable[[Measured], str]]]] = {
    "clusters": (measure_clusters, clusters_block),
    "trainings": (measure_seeds, seeds_block),
    "study": (measure_study, study_block),
    "promised": (measure_promised, promised_block),
    "needed": (measure_needed, needed_block),
}


def rendered(name: str) -> str:
    """Return a block of the page, from the data alone."""
    return BLOCKS[name][1](load(NAME)[name]["measured"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the blocks, keep what was measured, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--only", default=",".join(BLOCKS))
    asked = parser.parse_args(arguments)
    for name in asked.only.split(","):
        command = f"python docs/make_planning.py --samples {asked.samples} --only {name}"
        save(NAME, command, {name: BLOCKS[name][0](asked.samples)})
        put(PAGE, name, rendered(name))


if __name__ == "__main__":
    main()
