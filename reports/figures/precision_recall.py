"""Precision against recall of AV-Align per clip: one panel per row.

Precision and recall of a clip are shares of a few onsets and peaks, so many clips fall on one
point: the area of a disc is the number of clips there. Along the level lines the score of Ishii et
al. (Eq. 14), p r / (p + r - p r), is 0.2, 0.4, 0.6 and 0.8; the cross is the mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svbench.errors import DataError
from svbench.reports.analysis.clip_scores import PRECISION, RECALL, ClipScores, Numbers
from svbench.reports.figures.style import INK, QUIET, RULE, hue, wrapped, write
from svbench.types import ResultTable, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 4  # panels side by side
LEVELS = (0.2, 0.4, 0.6, 0.8)
LARGEST = 320.0  # points^2 of the disc that would hold every clip of a row
SMALLEST = 4.0  # points^2; a single clip of thousands remains visible


def draw(
    table: ResultTable, scores: ClipScores, metric: str, path: Path, *, dark: bool = False
) -> None:
    """Draw every row that has precision and recall by this metric, as SVG or PDF."""
    rows = [r for r in table.rows if PRECISION in scores.numbers.get((r.system, metric), {})]
    rows = sorted(rows, key=lambda row: row.made_of_real_clips)
    if not rows or metric not in scores.metrics(PRECISION):
        raise DataError(f"{metric}: found no precision of single clips, expected an AV-Align")
    across = min(ACROSS, len(rows))
    down = -(-len(rows) // across)

    def fill(figure: Figure) -> None:
        axes = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for place, (axis, row) in enumerate(zip(axes.flat, rows, strict=False)):
            _panel(axis, row, metric, scores, QUIET if row.made_of_real_clips else hue(place))
        for axis in list(axes.flat)[len(rows) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("recall (peaks with an onset)", fontsize=8)
        for axis in list(axes.flat)[max(0, len(rows) - across) : len(rows)]:
            axis.set_xlabel("precision (onsets with a peak)", fontsize=8)
            axis.tick_params(labelbottom=True)

    write(path, (2.5 * across + 0.4, 3.1 * down), fill, dark=dark)


def points(precision: Numbers, recall: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return the distinct pairs of precision and recall, and the number of clips at each."""
    known = ~(np.isnan(precision) | np.isnan(recall))
    pairs = np.column_stack([precision[known], recall[known]])
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    return distinct[:, 0], distinct[:, 1], counts.astype(np.float64)


def _panel(axis: Axes, row: Row, metric: str, scores: ClipScores, colour: str) -> None:
    grid = np.linspace(0.005, 1, 120)
    p, r = np.meshgrid(grid, grid)
    levels = p * r / (p + r - p * r)
    axis.contour(grid, grid, levels, LEVELS, colors=RULE, linewidths=0.8)
    fields = scores.numbers[row.system, metric]
    x, y, counts = points(fields[PRECISION], fields[RECALL])
    areas = np.maximum(SMALLEST, LARGEST * counts / counts.sum())
    axis.scatter(x, y, s=areas, color=colour, alpha=0.6, linewidths=0.5)
    mean = np.average(x, weights=counts), np.average(y, weights=counts)
    axis.plot(*mean, marker="+", color=INK, markersize=9, markeredgewidth=1.4)
    axis.set_title(wrapped(row.title, 34), fontsize=8)
    axis.set_xlim(-0.1, 1.1)
    axis.set_ylim(-0.1, 1.1)
    axis.set_aspect("equal")
    axis.set_xticks([0, 0.5, 1])
    axis.set_yticks([0, 0.5, 1])
