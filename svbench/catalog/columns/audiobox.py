"""The columns of AudioBox-aesthetics: its four axes, and their mean.

A preset names who says which direction is better, and behind it the view: `verse-bench+native`. No
small network comes with svbench, so at `--scale mini`, too, the published one judges.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    MINIATURE,
    NATIVE,
    NO_MINIATURE,
    MetricEntry,
    MetricSettings,
    find_weights,
)
from svbench.limits import known
from svbench.metrics.audiobox import (
    USUAL,
    AudioBoxFeatures,
    AudioBoxScore,
    Judged,
    direction,
    presets,
    title,
)

if TYPE_CHECKING:
    from svbench.metrics.audiobox import Preset
    from svbench.protocols import Metric
    from svbench.types import View
    from svbench.walk.plan import Unavailable

WEIGHTS: Final = "audiobox-aesthetics"  # of svbench weights


def entry(axis: Judged) -> MetricEntry:
    """Return the entry of an axis, or of the mean of all."""
    needed = dict.fromkeys(_presets(axis), (WEIGHTS,))
    return MetricEntry(partial(_built, axis), needed, USUAL)


def _presets(axis: Judged) -> dict[str, Preset]:
    """Return the presets of an axis, each with its view behind it -> without."""
    return {f"{name}{view}": name for name in presets(axis) for view in ("", NATIVE)}


def _built(axis: Judged, option: str, settings: MetricSettings) -> Metric | Unavailable:
    """Return the column of a preset, or what stands in its place while weights are absent."""
    from svbench.walk.plan import Unavailable

    small, name = option.endswith(MINIATURE), option.removesuffix(MINIATURE) or USUAL
    metric, native = f"audiobox-{axis.lower()}", name.endswith(NATIVE)
    preset = known(_presets(axis), name, f"metrics {metric}")
    files = NO_MINIATURE if small else find_weights(WEIGHTS)
    if isinstance(files, str):
        shown = title(axis, preset, native=native)
        return Unavailable(f"{metric}@{name}", shown, direction(axis, preset), files)
    view: View = "native" if native else "conformed"
    features = AudioBoxFeatures(files[0], machine=settings.machine, view=view)
    return AudioBoxScore(axis, features, preset)
