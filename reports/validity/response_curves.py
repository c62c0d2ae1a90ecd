"""Response curves of one metric: its score over the levels of each distortion, beside people's.

A panel is a distortion. Its levels stand at equal steps in the order of an arm, from mild to
severe; of two arms, the first runs to the left and the second to the right of the undistorted
clips in the middle, so that severe levels are at both ends. The dotted line is the score of the
undistorted clips. People's mean ratings, where there are any, have a panel of their own below, as
scores and ratings share no axis. All panels of scores share one range, which holds 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.errors import DataError
from svbench.files.validity import Arm, Measured, Response, Validity
from svbench.reports.analysis.following import correlation
from svbench.reports.figures.style import FLOW, QUIET, SOUND, tidy, wrapped, write
from svbench.reports.tables.sheet import ARROWS
from svbench.reports.validity.selection import by_distortion, is_unaffected, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS: Final = 3  # panels side by side
WIDTH: Final = 3.3  # inches of a panel
SCORES: Final = 1.7  # inches of its upper part,
RATINGS: Final = 0.85  # and of its lower part
LEVELS: Final = 0.75  # inches for the levels below it
TITLE: Final = 0.55
LEGEND: Final = 0.3  # inches of each of its lines: a narrow figure has one for each entry
TITLED: Final = 45  # characters of a title above each panel, 90 at most
RATED: Final = (1.0, 5.0)  # the scale of ratings
MARGIN: Final = 0.06  # of the range of scores, above and below
CAPTION: Final = (
    "Each panel is a distortion, its levels from mild to severe. Above, the metric's score with "
    "its 95 % interval over clips as a band; the dotted line is the score of the undistorted "
    "clips, and every axis holds 0. Below, in panels of their own, people's mean ratings of the "
    "same distortion of other clips."
)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a level in a panel."""

    x: float
    level: float
    arm: int


def places_of(arms: Sequence[Arm]) -> list[Place]:
    """Return the places of all levels of a distortion; between two arms, x = 0 is left free."""
    found: list[Place] = []
    if len(arms) == 2:
        found += [Place(-1.0 - i, level, 0) for i, level in enumerate(arms[0].levels)]
        found += [Place(1.0 + i, level, 1) for i, level in enumerate(arms[1].levels)]
        return sorted(found, key=lambda place: place.x)
    for number, arm in enumerate(arms):
        first = len(found) + number + 1.0  # a gap between arms
        found += [Place(first + i, level, number) for i, level in enumerate(arm.levels)]
    return found


def draw(found: Validity, metric: str, path: Path, *, dark: bool = False) -> None:
    """Draw the responses of a metric as SVG or PDF; equal findings give equal bytes.

    Raises
    ------
    DataError
        if the metric has no score under any distortion
    """
    one = next(of for of in found.metrics if of.metric == metric)
    known = responses_of(found, metric)
    if not known:
        raise DataError(f"{metric}: found no score of a distortion, expected some to draw")
    rows = _rows(known)
    heights = [height for row in rows for height in _heights(row)]
    across = min(ACROSS, len(known))
    span = span_of(one, known)

    def fill(figure: Figure) -> None:
        figure.suptitle(_title(one, across), fontsize=9, x=0.01, ha="left")
        grid = figure.add_gridspec(len(heights), across, height_ratios=heights)
        line = 0
        for row in rows:
            parts = len(_heights(row))
            for column, response in enumerate(row):
                axes = [figure.add_subplot(grid[line + part, column]) for part in range(parts)]
                _panel(axes, response, one, span, first=not column)
            line += parts
        handles = {
            label: handle
            for axis in figure.axes
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=across)

    height = sum(heights) + TITLE + LEVELS * len(rows) + LEGEND * (ACROSS - across + 1)
    write(path, (WIDTH * across + 0.3, height), fill, dark=dark)


def responses_of(found: Validity, metric: str) -> list[Response]:
    """Return the responses of a metric that hold a score, rated distortions first."""
    of = (one.get(metric) for one in by_distortion(found).values())
    return [one for one in of if one is not None and _scored(one) and one.arms]


def span_of(one: Measured, known: Sequence[Response]) -> tuple[float, float]:
    """Return the range of scores that all panels share: it holds 0, and every interval."""
    intervals = [interval for response in known for interval in response.intervals]
    ends = [end for interval in (*intervals, one.interval) for end in interval or ()]
    ends += [value for response in known for value in response.values if value is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = MARGIN * (high - low or 1.0)
    return (low - room if low < 0 else 0.0), (high + room if high > 0 else 0.0)


def _rows(known: Sequence[Response]) -> list[list[Response]]:
    """Return responses by row; a row is either rated or not."""
    kinds = [[r for r in known if (r.people is not None) == rated] for rated in (True, False)]
    return [of[i : i + ACROSS] for of in kinds for i in range(0, len(of), ACROSS)]


def _heights(row: Sequence[Response]) -> list[float]:
    return [SCORES] if row[0].people is None else [SCORES, RATINGS]


def _scored(response: Response) -> bool:
    return any(value is not None for value in response.values)


def _title(one: Measured, across: int) -> str:
    title = wrapped(f"{one.title} {ARROWS[one.better]}", min(90, TITLED * across))
    agreement = one.agreement
    if agreement is None:
        return title
    return f"{title}\nSpearman with people {correlation(agreement.value, agreement.interval)}"


def _panel(
    axes: Sequence[Axes],
    response: Response,
    one: Measured,
    span: tuple[float, float],
    *,
    first: bool,
) -> None:
    places = places_of(response.arms)
    upper = axes[0]
    _scores(upper, response, one, places)
    upper.set_ylim(*span)
    upper.locator_params(axis="y", nbins=4)
    upper.set_title(_heading(response), fontsize=8)
    if response.people is not None:
        rated = dict(zip(response.levels, response.people, strict=True))
        _ratings(axes[-1], places, rated)
        upper.tick_params(labelbottom=False)
    for axis in axes:
        axis.set_xlim(places[0].x - 0.5, places[-1].x + 0.5)
        axis.set_xticks([place.x for place in places])
        axis.tick_params(labelleft=first)  # all panels share their ranges
        tidy(axis)
    lowest = axes[-1]
    lowest.set_xticklabels([_level(place.level) for place in places], rotation=90, fontsize=7)
    lowest.set_xlabel(_below(response), fontsize=7)


def _heading(response: Response) -> str:
    title = words_of(response.distortion)
    if is_unaffected(response):
        return f"{title}: unaffected"
    if response.correlation is None:
        return title
    return f"{title}: Spearman {response.correlation.value:z.2f}"


def _scores(axis: Axes, response: Response, one: Measured, places: Sequence[Place]) -> None:
    values = dict(zip(response.levels, response.values, strict=True))
    intervals = dict(zip(response.levels, response.intervals, strict=True))
    if one.undistorted is not None:
        axis.axhline(one.undistorted, color=QUIET, linestyle=":", label="undistorted")
    for arm in sorted({place.arm for place in places}):
        of = [p for p in places if p.arm == arm]
        known = [(p.x, values[p.level]) for p in of if values[p.level] is not None]
        if not known:
            continue
        at, heights = zip(*known, strict=True)
        axis.plot(at, heights, marker="o", markersize=3.5, color=SOUND, label="metric")
        banded = [(p.x, *ends) for p in of if (ends := intervals[p.level]) is not None]
        if banded:
            at, lows, highs = zip(*banded, strict=True)
            axis.fill_between(at, lows, highs, alpha=0.2, color=SOUND, linewidth=0)


def _ratings(axis: Axes, places: Sequence[Place], rated: Mapping[float, float]) -> None:
    for arm in sorted({place.arm for place in places}):
        of = [place for place in places if place.arm == arm]
        heights = [rated[place.level] for place in of]
        at = [place.x for place in of]
        label = "people's mean rating, 1 to 5 (other clips)"
        axis.plot(at, heights, "--s", markersize=3.5, color=FLOW, label=label)
    axis.set_ylim(RATED[0] - 0.3, RATED[1] + 0.3)
    axis.set_yticks([1, 3, 5])


def _level(level: float) -> str:
    return f"{level:g}".replace("-", "−")


def _below(response: Response) -> str:
    """Return what stands below the levels: their unit, and the arms."""
    names = [words_of(arm.name) for arm in response.arms]
    if len(names) == 2:
        return f"← {names[0]}   {response.unit}   {names[1]} →"
    named = ", ".join(filter(None, names))
    return f"{response.unit}, mild → severe{f' ({named})' if named else ''}".lstrip(", ")
