"""The loss over time steps as a picture (Figure 2): without and with adjusted time steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from svbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LossCurves:
    """What is drawn in one panel: losses over global times, each divided by its value at 0."""

    title: str  # e.g. "without timestep adjustment"
    times: Sequence[float]
    audio: Sequence[float]
    video: Sequence[float]

    def __post_init__(self) -> None:
        lengths = len(self.times), len(self.audio), len(self.video)
        if len(set(lengths)) != 1 or not lengths[0]:
            raise ConfigError(f"{self.title}: found {lengths} values, expected as many of each")


def draw(panels: Sequence[LossCurves], path: Path) -> None:
    """Draw panels side by side, and write them as SVG; the same curves give the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "svbench"}):
        figure = Figure(figsize=(4.5 * len(panels), 3.4), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axis, panel in zip(axes, panels, strict=True):
            axis.plot(panel.times, panel.video, label="video")
            axis.plot(panel.times, panel.audio, label="audio", linestyle="--")
            axis.set_title(panel.title, fontsize=10)
            axis.set_xlabel("global time step")
            axis.set_ylim(bottom=0)
        axes[0].set_ylabel("loss, divided by that at 0")
        axes[-1].legend()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format="svg", metadata={"Date": None})
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
