"""Distributions of the scores per clip: a histogram for each row, one panel per metric.

A mean hides whether all clips are mediocre or half of them perfect. All histograms of a panel share
range and height; models are above, controls below, each with its mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svbench.errors import DataError
from svbench.reports.analysis.clip_scores import ClipScores
from svbench.reports.figures.style import INK, QUIET, hue, tidy, wrapped, write
from svbench.types import Column, ResultTable, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 20
ACROSS = 3  # panels side by side
HEIGHT = 0.42  # inches for a row
FULL = 0.85  # of a row's height that the highest bar of the panel takes


def draw(table: ResultTable, scores: ClipScores, path: Path, *, dark: bool = False) -> None:
    """Draw a panel for each metric with scores per clip, as SVG or PDF."""
    columns = drawn(table, scores)
    if not columns:
        raise DataError(f"{table.title}: found no scores of single clips, expected some to draw")
    rows = sorted(table.rows, key=lambda row: row.made_of_real_clips)
    across = min(ACROSS, len(columns))
    down = -(-len(columns) // across)

    def fill(figure: Figure) -> None:
        axes = figure.subplots(down, across, squeeze=False, sharey=True)
        for axis, column in zip(axes.flat, columns, strict=False):
            _panel(axis, column, rows, scores)
        for axis in list(axes.flat)[len(columns) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_yticks(range(len(rows)), [wrapped(row.title, 24) for row in rows])
            for label in axis.get_yticklabels():
                label.set_verticalalignment("bottom")
            axis.set_ylim(len(rows) - 0.9, -1)  # the first row above

    write(path, (3.1 * across + 1.2, down * (HEIGHT * (len(rows) + 1) + 0.9)), fill, dark=dark)


def drawn(table: ResultTable, scores: ClipScores) -> list[Column]:
    """Return the columns of a table that have scores per clip."""
    return [column for column in table.columns if column.metric in scores.metrics()]


def histogram(values: np.ndarray, span: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of clips in each of `BINS` equal bins, (BINS,), and their edges."""
    counts, edges = np.histogram(values, bins=BINS, range=span)
    return counts / max(1, len(values)), edges


def span_of(column: Column, rows: list[Row], scores: ClipScores) -> tuple[float, float]:
    """Return the range of a panel: 0..1, extended to hold every value of the metric."""
    found = [scores.known(row.system, column.metric) for row in rows]
    values = np.concatenate([*found, np.empty(0)])
    low, high = min(0.0, values.min(initial=0.0)), max(1.0, values.max(initial=1.0))
    return float(low), float(high)


def _panel(axis: Axes, column: Column, rows: list[Row], scores: ClipScores) -> None:
    span = span_of(column, rows, scores)
    found = [scores.known(row.system, column.metric) for row in rows]
    bars = [histogram(values, span) for values in found]
    highest = max((shares.max() for shares, _ in bars), default=0.0)
    models = 0
    for place, (row, values, (shares, edges)) in enumerate(zip(rows, found, bars, strict=True)):
        colour = hue(models) if row.competes else QUIET
        models += row.competes
        axis.axhline(place, color=QUIET, linewidth=0.5)
        if not len(values):
            axis.annotate("not judged", (span[0], place), color=QUIET, fontsize=7, va="bottom")
            continue
        heights = place - FULL * shares / highest
        axis.stairs(heights, edges, baseline=place, fill=True, color=colour, alpha=0.75)
        mean = float(values.mean())
        axis.plot([mean, mean], [place - FULL, place], color=INK, linewidth=1.2)
    axis.set_title(wrapped(column.title, 44), fontsize=8)
    axis.set_xlim(*span)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    tidy(axis, grid="x")
