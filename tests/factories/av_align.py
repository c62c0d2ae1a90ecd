"""AV-Align of one clip from its times, in one call."""

from __future__ import annotations

from svbench.metrics.avalign.formulas import FORMULAS, Times, Variant, match


def av_align(variant: Variant, onsets: Times, peaks: Times, fps: float) -> float:
    """Compute the score of onsets and motion peaks (s) at a frame rate."""
    return float(FORMULAS[variant](match(onsets, peaks, fps)))
