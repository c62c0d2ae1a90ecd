"""How far each metric follows people: a dot per metric, with its interval over clips.

A filled dot is a correlation whose interval lies above 0, an empty one any other. Metrics stand in
the order of the tables; one without a correlation has its reason in words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.errors import DataError
from svbench.files.validity import Measured, Validity
from svbench.reports.analysis.following import FOLLOWS, WEAKLY, verdict
from svbench.reports.figures.style import INK, PAPER, QUIET, SOUND, tidy, wrapped, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT: Final = 0.36  # inches for a metric
NAME: Final = 46  # characters of a line of its title
CAPTION: Final = (
    "Spearman's rank correlation of each metric with people's mean ratings, over the rated "
    "conditions, with its 95 % interval over clips. Filled: the interval lies above 0. +1 "
    "is a metric that follows people, whichever of its directions is better."
)


def draw(found: Validity, path: Path, *, dark: bool = False) -> None:
    """Draw the correlations of all metrics as SVG or PDF; equal findings give equal bytes.

    Raises
    ------
    DataError
        if no metric was compared with people
    """
    if not any(one.agreement for one in found.metrics):
        raise DataError(f"{found.clips}: found no correlation with people, expected some to draw")

    def fill(figure: Figure) -> None:
        axis = figure.subplots()
        axis.axvline(0, color=QUIET, linewidth=1)
        for place, one in enumerate(found.metrics):
            _dot(axis, place, one)
        titles = [wrapped(one.title, NAME) for one in found.metrics]
        axis.set_yticks(range(len(titles)), titles)
        axis.set_ylim(len(titles) - 0.4, -0.6)
        axis.set_xlim(-1.05, 1.05)
        axis.set_xlabel("Spearman with people")
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        tidy(axis, grid="x")

    write(path, (7.4, HEIGHT * len(found.metrics) + 0.8), fill, dark=dark)


def _dot(axis: Axes, place: int, one: Measured) -> None:
    agreement = one.agreement
    if agreement is None:
        axis.annotate("not measured", (0.02, place), color=QUIET, fontsize=7, va="center")
        return
    if agreement.interval is not None:
        axis.plot(agreement.interval, [place, place], color=SOUND, linewidth=2, alpha=0.6)
    above = verdict(agreement.value, agreement.interval) in (FOLLOWS, WEAKLY)
    axis.plot(
        [agreement.value], [place], "o", markersize=6, color=SOUND if above else INK,
        markerfacecolor=SOUND if above else PAPER,
    )  # fmt: skip
