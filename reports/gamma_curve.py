"""The gamma curve: each score of a joint model against gamma, with its interval as a band.

Ceiling and floor (rows made of real clips) are level lines. Rows without a gamma, and cells that
are absent, are not drawn.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from svbench.errors import ConfigError, DataError
from svbench.reports.table import ARROWS
from svbench.types import Column, ResultTable, Row

ACROSS = 3  # panels side by side


def draw(table: ResultTable, path: Path) -> None:
    """Draw a panel for each column of a sweep, and write SVG; the same table, the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    curves = curves_of(table)
    if not curves:
        raise DataError(f"{table.title}: found no row with a gamma, expected at least one")
    columns = [c for c in table.columns if any(c.metric in row.scores for row in table.rows)]
    across = min(ACROSS, len(columns))
    down = -(-len(columns) // across)
    with mpl.rc_context({"svg.hashsalt": "svbench"}):
        figure = Figure(figsize=(4.2 * across, 3.0 * down), layout="constrained")
        figure.suptitle(f"{table.title}\n{table.spec}", fontsize=8)
        axes = figure.subplots(down, across, squeeze=False).flat
        for axis, column in zip(axes, columns, strict=False):
            _panel(axis, column, table, curves)
        for axis in list(axes)[len(columns) :]:
            axis.set_axis_off()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format="svg", metadata={"Date": None})
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error


def curves_of(table: ResultTable) -> dict[str, list[tuple[float, Row]]]:
    """Give the rows of each model that has gammas, in the order of gamma."""
    found = defaultdict(list)
    for row in table.rows:
        if "gamma" in row.settings:
            found[row.settings.get("mixer", "model")].append((float(row.settings["gamma"]), row))
    return {name: sorted(rows, key=lambda pair: pair[0]) for name, rows in found.items()}


def _panel(
    axis: object, column: Column, table: ResultTable, curves: dict[str, list[tuple[float, Row]]]
) -> None:
    import matplotlib.axes

    assert isinstance(axis, matplotlib.axes.Axes)
    for name, rows in curves.items():
        known = [(g, row.scores[column.metric]) for g, row in rows if column.metric in row.scores]
        gammas, values = [g for g, _ in known], [score.value for _, score in known]
        axis.plot(gammas, values, marker="o", label=name)
        banded = [(g, score.interval) for g, score in known if score.interval is not None]
        if banded:
            lows, highs = [low for _, (low, _) in banded], [high for _, (_, high) in banded]
            axis.fill_between([g for g, _ in banded], lows, highs, alpha=0.2)
    styles = iter(("--", ":", "-."))
    for row in table.rows:
        if row.made_of_real_clips and column.metric in row.scores:
            value = row.scores[column.metric].value
            axis.axhline(value, color="grey", linestyle=next(styles, "-"), label=row.system)
    axis.set_title(f"{column.title} {ARROWS[column.better]}", fontsize=8)
    axis.set_xlabel("gamma")
    axis.set_xticks(sorted({gamma for rows in curves.values() for gamma, _ in rows}))
    axis.legend(fontsize=7)
