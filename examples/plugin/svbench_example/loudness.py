"""Loudness of sound: the level of each clip's root mean square, in dB re full scale.

Conventions
-----------
A sine of amplitude a has the level 20 log10(a / sqrt(2)). Levels below `FLOOR`, silence among them,
are raised to it. Clips of a data set vary in loudness; what a model is to reach is the level of the
real clips, so the best value is not the highest, and `better` only orders the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import svbench

FLOOR = -100.0  # dB


class Level:
    """Extracts the level of a clip's sound, (1, 1), dB."""

    key = "level-1"  # changes whenever the features do
    view: Any = "conformed"

    def __call__(
        self, clips: Sequence[svbench.Clip], captions: Sequence[str]
    ) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
        """Return the level of each clip."""
        del captions
        return [np.array([[level(clip.audio)]]) for clip in clips]


def level(audio: np.ndarray[Any, Any]) -> float:
    """Return the level of audio samples in -1..1, dB re full scale."""
    mean_square = float(np.mean(np.square(audio, dtype=np.float64)))
    return max(FLOOR, 10 * np.log10(mean_square)) if mean_square > 0 else FLOOR


@dataclass(frozen=True)
class Loudness:
    """Computes the mean level of a set of clips, with a 95 % interval over clips."""

    name: str = "loudness@rms"
    title: str = "Loudness (dB)"
    better: Any = "higher"
    extractor: svbench.Extractor = field(default_factory=Level)
    needs_reference: bool = False
    settings: Mapping[str, Any] = field(default_factory=lambda: {"compares": ["audio"]})

    def score(
        self, generated: svbench.Features, reference: svbench.Features | None
    ) -> svbench.Judgement:
        """Return the mean level and that of each clip."""
        del reference  # None, as `needs_reference` is False
        levels = generated.values[:, 0]  # one row per clip
        clips = [
            svbench.ClipScore(request, float(value))
            for request, value in zip(generated.requests, levels, strict=True)
        ]
        return svbench.mean_of_clips(self, clips, generated.extractor, (FLOOR, 0.0))


def build(preset: str, settings: svbench.MetricSettings) -> svbench.Metric:
    """Return the metric; there is one preset, and no setting of a command changes it."""
    del settings
    if preset not in ("", "rms"):
        raise svbench.ConfigError(f"--metrics loudness: found {preset!r}, expected rms")
    return Loudness()


ENTRY = svbench.MetricEntry(build, presets={"rms": ()}, usual="rms")
