"""Motion, motion peaks, onsets and annotated hits of clips over time, one panel per clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from svbench.errors import ConfigError
from svbench.reports.figures.drawing import FLOW, HUES, QUIET, SOUND, tidy, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIT: Final = HUES[2]
PANEL: Final = (9.0, 1.9)  # inches


@dataclass(frozen=True, slots=True)
class HitTrace:
    """One panel; times and positions in seconds. Raises ConfigError for unequal lengths."""

    title: str
    times: Sequence[float]  # of the motion, rising
    motion: Sequence[float]
    unit: str  # what the motion is measured in
    hits: Sequence[float]
    onsets: Sequence[float]
    peaks: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.motion) or not len(self.times):
            raise ConfigError(
                f"{self.title}: found {len(self.times)} times and {len(self.motion)} values of "
                "motion, expected as many of each"
            )


def draw(traces: Sequence[HitTrace], path: Path) -> None:
    """Draw panels below each other as SVG or PDF; the same traces give the same bytes."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots(len(traces), 1, squeeze=False)[:, 0]
        for axis, trace in zip(axes, traces, strict=True):
            _panel(axis, trace)
        axes[-1].set_xlabel("s (bars: hits, ticks: onsets, triangles: motion peaks, line: motion)")

    write(path, (PANEL[0], PANEL[1] * len(traces)), fill)


def _panel(axis: Axes, trace: HitTrace) -> None:
    top = max(*trace.motion, 1e-3)
    axis.plot(trace.times, trace.motion, color=QUIET, linewidth=1)
    axis.vlines(trace.hits, 0, 1.3 * top, color=HIT, linewidth=4, alpha=0.3)
    axis.plot(trace.onsets, [1.2 * top] * len(trace.onsets), "|", color=SOUND, markersize=12)
    heights = np.interp(trace.peaks, trace.times, trace.motion)
    axis.plot(trace.peaks, heights, "v", color=FLOW)
    axis.set_title(trace.title)
    axis.set_ylabel(trace.unit)
    tidy(axis)
