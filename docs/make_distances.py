"""Measure bias and spread of distances by the number of clips, for docs/distances.md.

    python docs/make_distances.py [--run RUN] [--only NAMES]

- halves: one sample of a Gaussian, halved 10,000 times; means of KVD and KAD, and the Fréchet
  distance of two samples.
- gaussians: bias, deviation and coverage where the distance of the populations is known.
- clips: the features of a run by the small networks, RUN (`svbench run --limit 256 --systems
  real,cmc-pe,cross-attention --gamma 1 --metrics fvd,fad --out RUN`): the distances of subsets of
  n requests.

What is measured goes into docs/data/distances.json, from there into the page and its figure.
Minutes. tests/metrics/test_kernel_distance.py and test_extrapolation.py do the same in short.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from distances_of_clips import DIFFERENCE, POWERED, measure_clips, needed
from distances_of_gaussians import Matrix, Pair, halves
from matplotlib.figure import Figure
from page_blocks import head, line, load, put, save

from svbench.intervals import student_quantile
from svbench.metrics.extrapolation import GROUPS, extrapolated
from svbench.metrics.frechet import distance, stats
from svbench.metrics.kernel_distance import squared_mmd
from svbench.metrics.kernels import Kernel, Polynomial, Radial
from svbench.reports.figures.style import INK, hue, tidy, write

PAGE: Final = Path(__file__).with_name("distances.md")
NAME: Final = "distances"
FIGURE: Final = Path(__file__).with_name("distances.svg")
SPLITS: Final = 10_000
WIDTH: Final = 400  # of I3D's logits
HALVED: Final = (32, 64, 128, 256, 512, 1024, 2048)
COUNTS: Final = (32, 64, 128, 256, 512)
PAIRS: Final[Mapping[str, Pair]] = {
    "D = 24, equal": Pair(24, 0.0, 1.0),
    "D = 24, 0.2 apart, 1.2 times as wide": Pair(24, 0.2, 1.2),
    "D = 128, equal": Pair(128, 0.0, 1.0),
    "D = 128, 0.2 apart, 1.2 times as wide": Pair(128, 0.2, 1.2),
}
TITLES: Final = {
    "frechet": "Fréchet",
    "inf": "extrapolated",
    "kvd": "polynomial kernel",
    "kad": "Gaussian kernel",
}

Measured = Any  # what JSON holds
Found = tuple[float, float | None]  # value, and how far the interval reaches
Estimator = Callable[[Matrix, Matrix], Found | None]


# --- halves ------------------------------------------------------------------------------------


def measure_halves(run: Path | None) -> Measured:
    """Measure the halves of one sample, and the Fréchet distance of two."""
    del run
    return {str(n): {**halves(n, WIDTH, SPLITS, n), "frechet": _of_trace(n)} for n in HALVED}


def _of_trace(count: int) -> tuple[float, float]:
    """Return mean and deviation of Fréchet distance / both traces of two samples of a Gaussian."""
    found = []
    for seed in range(5):
        sets = np.random.default_rng(seed).standard_normal((2, count, WIDTH))
        a, b = (stats(one) for one in sets)
        traces = (np.square(a.rows).sum() + np.square(b.rows).sum()) / (count - 1)
        found.append(distance(a, b) / float(traces))
    return float(np.mean(found)), float(np.std(found))


def halves_block(found: Measured) -> str:
    """Return the table of `measure_halves`."""
    lines = head("n", "Fréchet / traces", "KVD, mean / sd", "KAD, mean / sd", "KVD, sd", "KAD, sd")
    for n, of in found.items():
        means = [f"{of[k][0] / of[k][1]:+.3f}" for k in ("kvd", "kad")]
        spreads = [f"{of[k][1]:.5f}" for k in ("kvd", "kad")]
        lines.append(line(n, f"{of['frechet'][0]:.3f}", *means, *spreads))
    return "\n".join(lines)


# --- Gaussians ---------------------------------------------------------------------------------


def measure_gaussians(run: Path | None) -> Measured:
    """Measure bias, deviation and coverage of each distance, by the number of clips."""
    del run
    return {
        title: {
            name: {str(n): _repeated(pair, n, truth, estimate) for n in COUNTS}
            for name, (truth, estimate) in _estimators(pair).items()
        }
        for title, pair in PAIRS.items()
    }


def _estimators(pair: Pair) -> dict[str, tuple[float, Estimator]]:
    """Return what each distance of the populations is, and how it is estimated."""
    gaussian = Radial(bandwidth=pair.bandwidth)
    return {
        "frechet": (pair.frechet, lambda a, b: (distance(stats(a), stats(b)), None)),
        "inf": (pair.frechet, _extrapolated),
        "kvd": (pair.polynomial, lambda a, b: _kernel(a, b, Polynomial())),
        "kad": (pair.gaussian, lambda a, b: _kernel(a, b, gaussian)),
    }


def _kernel(a: Matrix, b: Matrix, kernel: Kernel) -> Found:
    found = squared_mmd(a, b, kernel)
    return found.value, student_quantile(0.975, len(a) - 1) * (found.variance or 0.0) ** 0.5


def _extrapolated(a: Matrix, b: Matrix) -> Found | None:
    if len(a) <= 2 * a.shape[1]:
        return None  # refused
    labels = np.arange(2 * len(a))
    found, deviation = extrapolated((a, labels[: len(a)]), (b, labels[len(a) :]))
    return found.intercept, student_quantile(0.975, GROUPS - 1) * deviation


def _repeats(count: int) -> int:
    return max(12, 2400 // count)


def _repeated(pair: Pair, count: int, truth: float, estimate: Estimator) -> Measured:
    """Return bias, deviation and coverage over seeded samples, None where it is refused."""
    rng = np.random.default_rng(count)
    found = [estimate(*pair.draw(count, rng)) for _ in range(_repeats(count))]
    kept = [one for one in found if one is not None]
    if not kept:
        return None
    values = np.array([value for value, _ in kept])
    hits = [abs(value - truth) <= reach for value, reach in kept if reach is not None]
    return {
        "truth": truth,
        "bias": float(values.mean() - truth),
        "deviation": float(values.std()),
        "covered": float(np.mean(hits)) if hits else None,
    }


def gaussians_block(found: Measured) -> str:
    """Return the table of `measure_gaussians`."""
    lines = head("populations", "distance", "of them", *(f"n = {n}" for n in COUNTS))
    for title, of in found.items():
        for place, (name, cells) in enumerate(of.items()):
            truth = next(cell["truth"] for cell in cells.values() if cell)
            shown = [_cell(cells[str(n)]) for n in COUNTS]
            lines.append(line("" if place else title, TITLES[name], f"{truth:.4g}", *shown))
    return "\n".join(lines)


def _cell(cell: Measured) -> str:
    if cell is None:
        return "refused"
    covered = "" if cell["covered"] is None else f", {cell['covered']:.2f}"
    return f"{cell['bias']:+.2g} ± {cell['deviation']:.2g}{covered}"


def need_block(found: Measured) -> str:
    """Return the n from which the bias is below 5 % of the distance, of what was measured."""
    lines = head("populations", *TITLES.values())
    for title, of in found.items():
        if all(cell["truth"] > 0 for cells in of.values() for cell in cells.values() if cell):
            lines.append(line(title, *(_need(of[name]) for name in TITLES)))
    return "\n".join(lines)


def _need(cells: Mapping[str, Measured]) -> str:
    """Return the least n from which on |bias| < 5 %, beyond what the mean's own error explains."""
    least = None
    for n in reversed(COUNTS):
        cell = cells[str(n)]
        if cell is None:
            break
        error = 2 * cell["deviation"] / _repeats(n) ** 0.5
        if abs(cell["bias"]) > 0.05 * cell["truth"] + error:
            break
        least = n
    return f"more than {COUNTS[-1]}" if least is None else str(least)


# --- clips -------------------------------------------------------------------------------------


def clips_block(found: Measured) -> str:
    """Return the table of `measure_clips`."""
    counts = list(next(iter(next(iter(found.values())).values())))
    lines = head("distance", "row", *(f"n = {n}" for n in counts))
    for metric, rows in found.items():
        for place, (row, cells) in enumerate(rows.items()):
            shown = [_spread(cells[n]) for n in counts]
            lines.append(line("" if place else metric, row, *shown))
    return "\n".join(lines)


def differ_block(found: Measured) -> str:
    """Return how many clips it takes to tell the two models apart."""
    lines = head("distance", f"difference at n = {POWERED}", "n for power .8")
    for metric, rows in found.items():
        cells = rows[DIFFERENCE]
        least = needed(cells)
        shown = "-" if least is None else f"{least:,}"
        lines.append(line(metric, _spread(cells[str(POWERED)]), shown))
    return "\n".join(lines)


def _spread(cell: Measured) -> str:
    return "refused" if cell is None else f"{cell[0]:.4g} ± {cell[1]:.2g}"


def draw_figure(found: Measured) -> None:
    """Draw mean and deviation of each distance over the number of clips."""
    write(FIGURE, (9.0, 5.0), lambda figure: _drawn(figure, found), dark=True)


def _drawn(figure: Figure, found: Measured) -> None:
    panels = figure.subplots(2, 3, sharex=True).flat
    for axis, (metric, rows) in zip(panels, found.items(), strict=True):
        for place, row in enumerate(name for name in rows if name != DIFFERENCE):
            kept = [(int(n), *cell) for n, cell in rows[row].items() if cell]
            at, means, spreads = zip(*kept, strict=True)
            moved = [n * (0.95 + 0.05 * place) for n in at]  # so that bars stand side by side
            axis.errorbar(moved, means, spreads, label=row, color=hue(place), marker="o", ms=3)
        axis.set_title(metric, fontsize=8)
        axis.set_xscale("log", base=2)
        axis.set_xticks([int(n) for n in rows[DIFFERENCE]], list(rows[DIFFERENCE]))
        axis.axhline(0, color=INK, lw=0.5)
        tidy(axis)
    for axis in figure.axes[3:]:
        axis.set_xlabel("clips on either side")
    figure.axes[0].legend(fontsize=6)


# --- page --------------------------------------------------------------------------------------

Block = tuple[Callable[[Path | None], Measured], Callable[[Measured], str], str]
BLOCKS: Final[Mapping[str, Block]] = {  # how it is measured, how shown, of which data
    "halves": (measure_halves, halves_block, "halves"),
    "gaussians": (measure_gaussians, gaussians_block, "gaussians"),
    "need": (measure_gaussians, need_block, "gaussians"),
    "clips": (measure_clips, clips_block, "clips"),
    "differ": (measure_clips, differ_block, "clips"),
}


def rendered(name: str) -> str:
    """Return a block of the page from the kept data."""
    _, show, data = BLOCKS[name]
    return show(load(NAME)[data]["measured"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep, and write the blocks of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--only", default="halves,gaussians,clips")
    asked = parser.parse_args(arguments)
    for name in asked.only.split(","):
        save(NAME, "python docs/make_distances.py", {name: BLOCKS[name][0](asked.run)})
    for name, (_, _, data) in BLOCKS.items():
        if data in asked.only.split(","):
            put(PAGE, name, rendered(name))
    if "clips" in asked.only.split(","):
        draw_figure(load(NAME)["clips"]["measured"])


if __name__ == "__main__":
    main()
