"""The columns JavisScore and AVHScore: a preset names windows and protocol, behind them the view.

At `--scale mini`, and where `+miniature` stands behind a preset, the small ImageBind of svbench
judges, as it does IB-AV.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    MINIATURE,
    NATIVE,
    MetricEntry,
    MetricSettings,
    find_weights,
    split_option,
)
from svbench.limits import known
from svbench.metrics import miniature
from svbench.metrics.imagebind_scores import read_small
from svbench.metrics.javisscore import TITLES, FrameEmbeddings, JavisKind, JavisScore
from svbench.metrics.networks.javis_inputs import PROTOCOLS

if TYPE_CHECKING:
    from svbench.metrics.networks.javis_inputs import JavisProtocol
    from svbench.protocols import Metric
    from svbench.types import View
    from svbench.walk.plan import Unavailable

USUAL: Final = "javisbench"
WEIGHTS: Final = "imagebind"
VIEWS: Final[Mapping[str, View]] = {"": "conformed", NATIVE: "native"}
PRESETS: Final[Mapping[str, tuple[JavisProtocol, View]]] = {
    f"{name}{suffix}": (protocol, view)
    for suffix, view in VIEWS.items()
    for name, protocol in PROTOCOLS.items()
}
ALSO: Final = {
    f"{MINIATURE} behind any": "by the small ImageBind that comes with svbench, as always at "
    "--scale mini"
}


def entry(metric: JavisKind) -> MetricEntry:
    """Return the entry of JavisScore or AVHScore, by its name in the table."""
    return MetricEntry(
        partial(_built, metric), dict.fromkeys(PRESETS, (WEIGHTS,)), USUAL, also=ALSO
    )


def _built(metric: JavisKind, option: str, settings: MetricSettings) -> Metric | Unavailable:
    """Return the column of a preset, or what stands in its place while weights are absent."""
    from svbench.walk.plan import Unavailable

    name, small = split_option(option, USUAL, settings)
    protocol, view = known(PRESETS, name, f"metrics {metric}")
    if small:
        folder = miniature.FOLDER / settings.imagebind_weights
        config, _ = read_small(miniature.weight_file("imagebind-sizes", folder).path)
        network = miniature.weight_file(WEIGHTS, folder)
        extractor = FrameEmbeddings(network, protocol, config, settings.machine, view)
        return JavisScore(metric, extractor, network="miniature")
    files = find_weights(WEIGHTS)
    if isinstance(files, str):
        return Unavailable(f"{metric}@{name}", f"{TITLES[metric]} ({name})", "higher", files)
    extractor = FrameEmbeddings(files[0], protocol, machine=settings.machine, view=view)
    return JavisScore(metric, extractor)
