"""The gamma curve: each score of a joint model against gamma, with its interval as a band.

Rows made of real clips are horizontal lines, if they are comparable with the models: means over
clips always are, a distance between sets only if it rests on as many clips as those of the models
(one half of the real clips against the other does not). Rows without a gamma and absent cells are
not drawn.

If the paper's Table 1 has the column, its curve has a panel of its own below ours: clips, networks
and counts differ, so no axis is shared. Every axis includes 0, so that a small change looks small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from svbench.errors import DataError
from svbench.reports.figures.style import INK, QUIET, hue, tidy, wrapped, write
from svbench.reports.published import PublishedTable, published
from svbench.reports.tables.sheet import ARROWS
from svbench.types import Column, ResultTable, Row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3  # panels side by side
STYLES = (":", "-.", (0, (1, 4)), "-")  # of the lines of controls
CAPTION = (
    "Scores over gamma, with 95 % intervals as bands; every axis holds 0. Grey lines are ceiling "
    "and floor, left out of a distance that rests on other counts of clips. In panels of their "
    "own: the paper's figures (Table 1), from other clips and networks. Compare the shapes of "
    "those curves with ours, not their heights."
)

Curves = Mapping[str, Sequence[tuple[float, Row]]]
Points = Mapping[str, Sequence[tuple[float, float]]]  # mixer -> gamma, value


def draw(table: ResultTable, path: Path, *, dark: bool = False) -> None:
    """Draw a panel for each column of a sweep as SVG or PDF; equal tables give equal bytes."""
    curves = curves_of(table)
    if not curves:
        raise DataError(f"{table.title}: found no scored row with a gamma, expected at least one")
    columns = [c for c in table.columns if any(c.metric in row.scores for row in table.rows)]
    printed = published(table.dataset)
    theirs = [] if printed is None else _of_paper(printed, table, columns)
    across = min(ACROSS, len(columns))
    rows = [-(-len(panels) // across) for panels in (columns, theirs)]
    gammas = sorted({g for of in curves.values() for g, _ in of})

    def fill(figure: Figure) -> None:
        figure.suptitle(f"{table.title}\n{table.spec}", fontsize=8)
        axes = list(figure.subplots(sum(rows), across, squeeze=False).flat)
        named: dict[str, Artist] = {}  # one legend for all panels
        for axis, column in zip(axes, columns, strict=False):
            _ours(axis, column, table, curves)
            named |= _settled(axis, _titled(column), gammas)
        beside = axes[rows[0] * across :]
        for axis, (name, points) in zip(beside, theirs, strict=False):
            _theirs(axis, points)
            named |= _settled(axis, f"{name} as printed in the paper's Table 1", gammas)
        for axis in (*axes[len(columns) : rows[0] * across], *beside[len(theirs) :]):
            axis.set_axis_off()
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4)

    write(path, (4.0 * across, 2.7 * sum(rows) + 0.7), fill, dark=dark)


def curves_of(table: ResultTable) -> dict[str, list[tuple[float, Row]]]:
    """Return the scored rows of each model that has gammas, in the order of gamma."""
    found = defaultdict(list)
    for row in table.rows:
        if "gamma" in row.settings and row.scores:
            found[row.settings.get("mixer", "model")].append((float(row.settings["gamma"]), row))
    return {name: sorted(rows, key=lambda pair: pair[0]) for name, rows in found.items()}


def curves_of_paper(printed: PublishedTable, table: ResultTable, column: Column) -> Points:
    """Return the paper's values of a column of ours by mixer, in the order of gamma."""
    names = [name for name in printed.columns if printed.column_of(name, table) == column]
    found: dict[str, list[tuple[float, float]]] = {}
    for row in printed.rows:
        for name in names:
            if row.gamma is not None and name in row.cells:
                found.setdefault(row.mixer, []).append((row.gamma, float(row.cells[name])))
    return {mixer: sorted(points) for mixer, points in found.items()}


def _of_paper(
    printed: PublishedTable, table: ResultTable, columns: Sequence[Column]
) -> list[tuple[str, Points]]:
    """Return the paper's curves by the paper's own names of these columns."""
    found = []
    for name in printed.columns:
        column = printed.column_of(name, table)
        if column is None or column not in columns:
            continue
        if points := curves_of_paper(printed, table, column):
            found.append((f"{name} {ARROWS[column.better]}", points))
    return found


def levels_of(table: ResultTable, column: Column) -> dict[str, float]:
    """Return the values of rows made of real clips that are comparable with the models.

    A distance between sets falls with the number of clips, so its counts must equal the models'.
    """
    found = [row for row in table.rows if column.metric in row.scores]
    counts = {_counts(row, column) for row in found if row.competes}
    return {
        row.system: row.scores[column.metric].value
        for row in found
        if row.made_of_real_clips
        and (row.scores[column.metric].reference_count is None or {_counts(row, column)} == counts)
    }


def _counts(row: Row, column: Column) -> tuple[int, int | None]:
    score = row.scores[column.metric]
    return score.count, score.reference_count


def _ours(axis: Axes, column: Column, table: ResultTable, curves: Curves) -> None:
    for place, (name, rows) in enumerate(curves.items()):
        known = [(g, row.scores[column.metric]) for g, row in rows if column.metric in row.scores]
        gammas, values = [g for g, _ in known], [score.value for _, score in known]
        axis.plot(gammas, values, marker="o", markersize=4, label=name, color=hue(place))
        banded = [(g, score.interval) for g, score in known if score.interval is not None]
        if banded:
            lows, highs = [low for _, (low, _) in banded], [high for _, (_, high) in banded]
            within = [g for g, _ in banded]
            axis.fill_between(within, lows, highs, alpha=0.2, color=hue(place), linewidth=0)
    names = [row.system for row in table.rows if row.made_of_real_clips]
    for name, value in levels_of(table, column).items():
        style = STYLES[names.index(name) % len(STYLES)]  # a row has the same style in all panels
        axis.axhline(value, color=QUIET, linestyle=style, label=name)


def _theirs(axis: Axes, theirs: Points) -> None:
    for mark, (mixer, points) in zip("sD^v", theirs.items(), strict=False):
        at, heights = zip(*points, strict=True)
        label = f"paper: {mixer}"
        axis.plot(at, heights, "--", marker=mark, markersize=4, color=INK, lw=1, label=label)


def _titled(column: Column) -> str:
    return f"{column.title} {ARROWS[column.better]}"


def _settled(axis: Axes, title: str, gammas: Sequence[float]) -> dict[str, Artist]:
    """Finish a panel, and return its artists by label."""
    axis.set_title(wrapped(title, 48), fontsize=8)
    axis.set_xlabel("gamma")
    axis.set_xticks(gammas)
    axis.axhline(0, alpha=0)  # so that the axis includes it
    tidy(axis)
    handles, labels = axis.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))
