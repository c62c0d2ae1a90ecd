"""The column CLAP, by the checkpoint that embeds sound and captions.

A preset names the checkpoint, and behind it the view: `htsat-unfused+native`. No small network
comes with svbench, so at `--scale mini`, too, the published ones judge.
"""

from __future__ import annotations

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
from svbench.metrics.clap import CHECKPOINTS, USUAL, ClapEmbeddings, ClapScore, title

if TYPE_CHECKING:
    from svbench.protocols import Metric
    from svbench.types import View
    from svbench.walk.plan import Unavailable

VOCABULARY: Final = "roberta-tokenizer"  # of svbench weights


def entry() -> MetricEntry:
    """Return the entry of CLAP."""
    return MetricEntry(_built, _presets(), USUAL, reads_captions=True)


def _presets() -> dict[str, tuple[str, str]]:
    """Return the weights that each preset needs."""
    return {
        f"{name}{view}": (checkpoint.weights, VOCABULARY)
        for name, checkpoint in CHECKPOINTS.items()
        for view in ("", NATIVE)
    }


def _built(option: str, settings: MetricSettings) -> Metric | Unavailable:
    """Return the column of a preset, or what stands in its place while weights are absent."""
    from svbench.walk.plan import Unavailable

    small, preset = option.endswith(MINIATURE), option.removesuffix(MINIATURE) or USUAL
    known(_presets(), preset, "metrics clap")
    checkpoint, native = CHECKPOINTS[preset.removesuffix(NATIVE)], preset.endswith(NATIVE)
    files = NO_MINIATURE if small else find_weights(checkpoint.weights, VOCABULARY)
    if isinstance(files, str):
        return Unavailable(f"clap@{preset}", title(checkpoint, native=native), "higher", files)
    view: View = "native" if native else "conformed"
    return ClapScore(ClapEmbeddings(files[0], checkpoint, files[1], settings.machine, view))
