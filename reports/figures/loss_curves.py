"""Loss over time steps (Figure 2 of the paper): without and with adjusted time steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from svbench.errors import ConfigError
from svbench.reports.figures.style import HUES, tidy, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class LossCurves:
    """The curves of one panel: losses over global time steps, each divided by its value at 0."""

    title: str  # e.g. "without timestep adjustment"
    times: Sequence[float]
    audio: Sequence[float]
    video: Sequence[float]

    def __post_init__(self) -> None:
        lengths = len(self.times), len(self.audio), len(self.video)
        if len(set(lengths)) != 1 or not lengths[0]:
            raise ConfigError(f"{self.title}: found {lengths} values, expected as many of each")


def draw(panels: Sequence[LossCurves], path: Path, *, dark: bool = False) -> None:
    """Draw panels side by side as SVG or PDF; equal curves give equal bytes."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axis, panel in zip(axes, panels, strict=True):
            axis.plot(panel.times, panel.video, label="video", color=HUES[0])
            axis.plot(panel.times, panel.audio, label="audio", color=HUES[1], linestyle="--")
            axis.set_title(panel.title)
            axis.set_xlabel("global time step")
            axis.set_ylim(bottom=0)
            tidy(axis)
        axes[0].set_ylabel("loss, divided by that at 0")
        axes[-1].legend()

    write(path, (4.5 * len(panels), 3.4), fill, dark=dark)
