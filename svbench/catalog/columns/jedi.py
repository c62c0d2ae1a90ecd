"""The column JEDi: a preset names how the probe of V-JEPA pools.

No small network of it comes with svbench, so at `--scale mini`, too, the published one judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    MINIATURE,
    NO_MINIATURE,
    MetricEntry,
    MetricSettings,
    find_weights,
)
from svbench.limits import known
from svbench.metrics.jedi import PROTOCOLS, JEDi, VJEPAFeatures

if TYPE_CHECKING:
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

USUAL: Final = "videojedi"
WEIGHTS: Final = ("vjepa-vith16", "vjepa-ssv2-probe")


def entry() -> MetricEntry:
    """Return the entry of JEDi."""
    return MetricEntry(_built, dict.fromkeys(PROTOCOLS, WEIGHTS), USUAL, compares=True)


def _built(option: str, settings: MetricSettings) -> Metric | Unavailable:
    """Return the column of a preset, or what stands in its place while weights are absent."""
    from svbench.walk.plan import Unavailable

    small, name = option.endswith(MINIATURE), option.removesuffix(MINIATURE) or USUAL
    config = known(PROTOCOLS, name, "metrics jedi")
    short = (
        f"{settings.frames} frames are judged, V-JEPA needs {config.frames}"
        if settings.frames is not None and settings.frames < config.frames
        else ""
    )
    files = NO_MINIATURE if small else short or find_weights(*WEIGHTS)
    if isinstance(files, str):
        return Unavailable(f"jedi@{name}", f"JEDi (V-JEPA, {name})", "lower", files)
    encoder, probe = files
    return JEDi(VJEPAFeatures(encoder, probe, name, config, settings.machine))
