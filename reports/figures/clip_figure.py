"""Clips as in Figure 4 of the paper: frames, motion with its peaks, waveform with onsets.

A line joins a motion peak and an audio onset that match; filled marks are events with a match,
hollow ones without, as precision and recall count them. All clips of a figure share one scale of
motion and one of amplitude.

Conventions
-----------
An onset a and a peak v (in seconds) match if they lie less than one frame apart,
v - 1 / fps < a < v + 1 / fps, as in `svbench.metrics.avalign.score`.

References
----------
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550,
  Figure 4 and appendix A.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svbench.errors import ConfigError, DataError
from svbench.files.clip_view import ClipView, Gallery, Motion
from svbench.reports.analysis.clip_scores import ONSETS, PEAKS, ClipScores, times_of
from svbench.reports.figures.style import FLOW, INK, PAPER, QUIET, SOUND, wrapped, write
from svbench.types import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Times = Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One clip to draw, with the events that a metric detected in it."""

    title: str
    view: ClipView
    motion: Motion
    onsets: Times
    peaks: Times


def matches(onsets: Times, peaks: Times, fps: float) -> list[tuple[int, int]]:
    """Return the index pairs (onset, peak) that lie less than one frame apart."""
    a, v = np.asarray(onsets, np.float64)[:, None], np.asarray(peaks, np.float64)[None]
    found = (v - 1 / fps < a) & (a < v + 1 / fps)
    return [(int(i), int(k)) for i, k in zip(*np.nonzero(found), strict=True)]


def select_rows(table: ResultTable, systems: Sequence[str]) -> ResultTable:
    """Return a table of these systems, in the given order; of all if none is named.

    Floors made from the clips of another row have no clips of their own and are never kept.

    Raises
    ------
    ConfigError
        if the table has no row of a system
    """
    rows = {row.system: row for row in table.rows if row.floor_of is None}
    for name in systems:
        if name not in rows:
            known = ", ".join(rows) or "none"
            raise ConfigError(f"--systems: found {name!r}, expected some of {known}")
    return replace(table, rows=tuple(rows[name] for name in systems or rows))


def panels_of(
    table: ResultTable, scores: ClipScores, gallery: Gallery, request: str, metric: str | None
) -> list[Panel]:
    """Return the clips of a request with the events that a metric detected in them.

    Parameters
    ----------
    table : ResultTable
        the rows to draw
    scores : ClipScores
        scores and event times per clip
    gallery : Gallery
        the views of the clips
    request : str
        the id of the request
    metric : str or None
        an AV-Align metric (Default value = None: the first of the table)

    Raises
    ------
    ConfigError
        if the metric has no event times
    DataError
        if the features of the run lack the motion of a clip
    """
    timed = [c.metric for c in table.columns if c.metric in {m for _, m in scores.times}]
    chosen = next(iter(timed), None) if metric is None else metric
    if chosen not in timed:
        known = ", ".join(timed) or "none in this run"
        raise ConfigError(f"--metric: found {metric!r}, expected one with onset times: {known}")
    place = scores.requests.index(request)
    views = {view.system: view for view in gallery.views if view.request_id == request}
    panels = []
    for row in table.rows:
        view, times = views.get(row.system), scores.times.get((row.system, chosen))
        if view is None or times is None or chosen not in row.scores:
            continue  # the row has no clip of this request
        motion = view.motion.get(row.scores[chosen].extractor)
        if motion is None:
            raise DataError(
                f"{request} of {row.system}: found no motion curve in the features of the run, "
                "expected the one that was judged; the run's own command measures it again"
            )
        caption = gallery.captions.get(request)
        title = f"{row.title}: {caption}" if caption else row.title
        onsets, peaks = (times_of(times[name][place]) for name in (ONSETS, PEAKS))
        panels.append(Panel(title, view, motion, onsets, peaks))
    return panels


def draw(panels: Sequence[Panel], folder: Path, path: Path) -> None:
    """Draw clips below each other; `folder` holds the files of their views."""
    if not panels:
        raise ConfigError(f"{path}: found no clip to draw, expected at least one")

    fastest = max(max(panel.motion.values, default=0.0) for panel in panels)
    loudest = max(float(np.abs(panel.view.envelope).max()) for panel in panels)

    def fill(figure: Figure) -> None:
        heights = [ratio for _ in panels for ratio in (1.3, 1.0, 1.0)]
        axes = figure.subplots(len(heights), 1, height_ratios=heights)
        for place, panel in enumerate(panels):
            frames, motion, sound = axes[3 * place : 3 * place + 3]
            frames.set_title(wrapped(panel.title, 110), fontsize=9)
            _frames(frames, panel, folder)
            _motion(motion, panel, max(1e-6, fastest))  # a still video has a curve, too
            _sound(sound, panel, max(0.01, loudest))  # silence stays flat
            _join(motion, sound, panel)

    write(path, (7.0, 3.2 * len(panels)), fill)


def _frames(axis: Axes, panel: Panel, folder: Path) -> None:
    from matplotlib.image import imread

    file = folder / panel.view.strip
    try:
        picture = imread(file)
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: found no readable picture ({error}), expected frames") from error
    axis.imshow(picture, extent=(0, panel.view.duration, 0, 1), aspect="auto")
    axis.set_axis_off()


def _motion(axis: Axes, panel: Panel, fastest: float) -> None:
    values = np.asarray(panel.motion.values)
    times = np.arange(len(values)) / panel.motion.fps
    axis.plot(times, values, color=FLOW, linewidth=1.2)
    matched = {peak for _, peak in matches(panel.onsets, panel.peaks, panel.motion.fps)}
    for place, time in enumerate(panel.peaks):
        fill = FLOW if place in matched else PAPER
        axis.plot(time, _height(panel, place), "o", color=FLOW, markerfacecolor=fill, markersize=5)
    axis.set_ylim(0, fastest * 1.2)
    axis.set_xlim(0, panel.view.duration)
    axis.tick_params(axis="x", labelbottom=False)
    axis.set_ylabel("motion\npx/frame", fontsize=8)


def _sound(axis: Axes, panel: Panel, loudest: float) -> None:
    low, high = np.asarray(panel.view.envelope).T
    times = (np.arange(len(low)) + 0.5) * panel.view.duration / len(low)
    axis.fill_between(times, low, high, color=SOUND, linewidth=0)
    matched = {onset for onset, _ in matches(panel.onsets, panel.peaks, panel.motion.fps)}
    for place, time in enumerate(panel.onsets):
        axis.axvline(time, color=INK, linewidth=1.0, linestyle="-" if place in matched else ":")
    axis.set_ylim(-1.1 * loudest, 1.1 * loudest)
    axis.set_xlim(0, panel.view.duration)
    axis.set_yticks([])
    axis.set_ylabel("sound", fontsize=8)
    axis.set_xlabel("s", fontsize=8)


def _join(motion: Axes, sound: Axes, panel: Panel) -> None:
    """Draw a line from each peak down to the onsets that it matches."""
    from matplotlib.patches import ConnectionPatch

    for onset, peak in matches(panel.onsets, panel.peaks, panel.motion.fps):
        line = ConnectionPatch(
            xyA=(panel.peaks[peak], _height(panel, peak)),
            coordsA=motion.transData,
            xyB=(panel.onsets[onset], 1),
            coordsB=sound.get_xaxis_transform(),
            color=QUIET,
            linewidth=0.9,
        )
        motion.figure.add_artist(line)


def _height(panel: Panel, peak: int) -> float:
    """Return the motion at a peak."""
    frame = round(panel.peaks[peak] * panel.motion.fps)
    return panel.motion.values[min(frame, len(panel.motion.values) - 1)]
