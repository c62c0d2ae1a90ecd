"""The gamma curve: each score of a joint model against gamma, with its interval as a band.

Ceiling and floor (rows made of real clips) are level lines. Rows without a gamma, and cells that
are absent, are not drawn. Where the paper's Table 1 has the column, its curve is drawn beside
ours on an axis of its own, on the right: clips, networks and counts differ, so the shapes of the
two curves may be compared and their heights may not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from svbench.errors import DataError
from svbench.reports.drawing import INK, QUIET, hue, tidy, wrapped, write
from svbench.reports.published import PublishedTable, published
from svbench.reports.table import ARROWS
from svbench.types import Column, ResultTable, Row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # panels side by side
CAPTION = (
    "Scores over gamma, with 95 % intervals as bands; grey lines are ceiling and floor. Dashed, on "
    "the right axis: the paper's own figures (Table 1), from other clips and networks. Compare the "
    "shapes of the curves, not their heights."
)

Curves = Mapping[str, Sequence[tuple[float, Row]]]
Points = Mapping[str, Sequence[tuple[float, float]]]  # mixer -> gamma, value


def draw(table: ResultTable, path: Path, *, dark: bool = False) -> None:
    """Draw a panel for each column of a sweep as SVG or PDF; the same table, the same bytes."""
    curves = curves_of(table)
    if not curves:
        raise DataError(f"{table.title}: found no row with a gamma, expected at least one")
    columns = [c for c in table.columns if any(c.metric in row.scores for row in table.rows)]
    across = min(ACROSS, len(columns))
    down = -(-len(columns) // across)
    printed = published(table.dataset)

    def fill(figure: Figure) -> None:
        figure.suptitle(f"{table.title}\n{table.spec}", fontsize=8)
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        named: dict[str, Artist] = {}  # one legend for all panels
        for axis, column in zip(axes, columns, strict=False):
            theirs = {} if printed is None else curves_of_paper(printed, table, column)
            named |= _panel(axis, column, table, curves, theirs)
        for axis in axes[len(columns) :]:
            axis.set_axis_off()
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4)

    write(path, (4.0 * across, 2.7 * down + 0.7), fill, dark=dark)


def curves_of(table: ResultTable) -> dict[str, list[tuple[float, Row]]]:
    """Give the rows of each model that has gammas, in the order of gamma."""
    found = defaultdict(list)
    for row in table.rows:
        if "gamma" in row.settings:
            found[row.settings.get("mixer", "model")].append((float(row.settings["gamma"]), row))
    return {name: sorted(rows, key=lambda pair: pair[0]) for name, rows in found.items()}


def curves_of_paper(printed: PublishedTable, table: ResultTable, column: Column) -> Points:
    """Give the paper's values of a column of ours by mixer, in the order of gamma."""
    names = [name for name in printed.columns if printed.column_of(name, table) == column]
    found: dict[str, list[tuple[float, float]]] = {}
    for row in printed.rows:
        for name in names:
            if row.gamma is not None and name in row.cells:
                found.setdefault(row.mixer, []).append((row.gamma, float(row.cells[name])))
    return {mixer: sorted(points) for mixer, points in found.items()}


def _panel(
    axis: Axes, column: Column, table: ResultTable, curves: Curves, theirs: Points
) -> dict[str, Artist]:
    """Draw one column, and give what was drawn by name."""
    for place, (name, rows) in enumerate(curves.items()):
        known = [(g, row.scores[column.metric]) for g, row in rows if column.metric in row.scores]
        gammas, values = [g for g, _ in known], [score.value for _, score in known]
        axis.plot(gammas, values, marker="o", markersize=4, label=name, color=hue(place))
        banded = [(g, score.interval) for g, score in known if score.interval is not None]
        if banded:
            lows, highs = [low for _, (low, _) in banded], [high for _, (_, high) in banded]
            within = [g for g, _ in banded]
            axis.fill_between(within, lows, highs, alpha=0.2, color=hue(place), linewidth=0)
    styles = iter((":", "-.", (0, (1, 4))))
    for row in table.rows:
        if row.made_of_real_clips and column.metric in row.scores:
            value = row.scores[column.metric].value
            axis.axhline(value, color=QUIET, linestyle=next(styles, "-"), label=row.system)
    gammas = sorted({g for rows in curves.values() for g, _ in rows})
    handles, labels = axis.get_legend_handles_labels()
    if theirs:
        beside = axis.twinx()
        for mark, (mixer, points) in zip("sD^v", theirs.items(), strict=False):
            at, heights = zip(*points, strict=True)
            label = f"paper: {mixer} (right axis)"
            beside.plot(at, heights, "--", marker=mark, markersize=4, color=INK, lw=1, label=label)
            gammas = sorted({*gammas, *at})
        beside.set_ylabel("paper, Table 1 (own scale)", fontsize=7)
        beside.spines["right"].set_visible(True)
        more, called = beside.get_legend_handles_labels()
        handles, labels = handles + more, labels + called
    axis.set_title(wrapped(f"{column.title} {ARROWS[column.better]}", 48), fontsize=8)
    axis.set_xlabel("gamma")
    axis.set_xticks(gammas)
    tidy(axis)
    return dict(zip(labels, handles, strict=True))
