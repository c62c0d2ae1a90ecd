"""Silence: the share of each clip in which nothing sounds, 0..1; lower is better.

Sound is cut into windows of `WINDOW`; one is silent if its root mean square lies below `THRESHOLD`
of full scale. The last window may be shorter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import svbench

WINDOW = 0.05  # s
THRESHOLD = 0.001  # of full scale: -60 dB


class SilentShare:
    """Extracts the share of silent windows of a clip, (1, 1)."""

    key = "silent-share-1"  # changes whenever the features do
    view: Literal["conformed"] = "conformed"

    def __call__(
        self, clips: Sequence[svbench.Clip], captions: Sequence[str]
    ) -> list[NDArray[np.float32] | NDArray[np.float64]]:
        """Return the share of each clip."""
        del captions
        return [np.array([[silent_share(c.audio, c.spec.sample_rate)]]) for c in clips]


def silent_share(audio: NDArray[np.float32], sample_rate: int) -> float:
    """Return the share of silent windows of audio samples in -1..1."""
    starts = range(0, len(audio), round(WINDOW * sample_rate))
    power = [np.mean(part**2) for part in np.split(audio, starts[1:])]
    return float(np.mean(np.sqrt(power) < THRESHOLD))


@dataclass(frozen=True)
class Silence:
    """Computes the mean share of silence of a set of clips, with a 95 % interval over clips."""

    name: str = "silence@windows"
    title: str = "Silence"
    better: Literal["lower"] = "lower"
    extractor: svbench.Extractor = field(default_factory=SilentShare)
    needs_reference: bool = False
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {"window": WINDOW, "threshold": THRESHOLD, "compares": ["audio"]}
    )

    def score(
        self, generated: svbench.Features, reference: svbench.Features | None
    ) -> svbench.Judgement:
        """Return the mean share and that of each clip."""
        del reference  # None, as `needs_reference` is False
        shares = generated.values[:, 0]  # one row per clip
        clips = [
            svbench.ClipScore(request, float(share))
            for request, share in zip(generated.requests, shares, strict=True)
        ]
        return svbench.mean_of_clips(self, clips, generated.extractor, (0.0, 1.0))


def build(preset: str, settings: svbench.MetricSettings) -> svbench.Metric:
    """Return the metric; there is one preset, and no setting of a command changes it."""
    del settings
    if preset not in ("", "windows"):
        raise svbench.ConfigError(f"--metrics silence: found {preset!r}, expected windows")
    return Silence()


ENTRY = svbench.MetricEntry(build, presets={"windows": ()}, usual="windows")
