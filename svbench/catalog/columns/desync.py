"""The column of DeSync, by Synchformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    MetricEntry,
    MetricSettings,
    find_weights,
    split_option,
)
from svbench.limits import known

if TYPE_CHECKING:
    from svbench.metrics.desync_protocols import Protocol
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

WEIGHTS: Final = "synchformer"
NO_MINIATURE: Final = "svbench comes with no small Synchformer, which drawn clips would need"
POLICIES: Final = {
    "+repeat, +pad behind a protocol": "what becomes of clips of less than 4.8 s, which are "
    "refused without one"
}


def desync() -> MetricEntry:
    """Return the entry of DeSync: protocols, each with a policy for short clips or none."""
    from svbench.metrics import desync as metric
    from svbench.metrics.desync_protocols import PROTOCOLS, USUAL
    from svbench.walk.plan import Unavailable

    def build(option: str, settings: MetricSettings) -> Metric | Unavailable:
        name, small = split_option(option, USUAL, settings)
        protocol = known(PROTOCOLS, name, "metrics desync")
        reason = NO_MINIATURE if small else _too_short(protocol, settings.seconds)
        files = reason or find_weights(WEIGHTS)
        if isinstance(files, str):
            return Unavailable(f"desync@{protocol.name}", metric.title(protocol), "lower", files)
        return metric.desync(protocol, *files, machine=settings.machine)

    return MetricEntry(build, dict.fromkeys(PROTOCOLS, (WEIGHTS,)), USUAL, also=POLICIES)


def _too_short(protocol: Protocol, seconds: float | None) -> str:
    """Return why clips of a length in s have no window; "" where they have, or none is known."""
    from svbench.metrics.networks.synchformer_config import PUBLISHED

    inputs, least = protocol.inputs, PUBLISHED.least_seconds
    if seconds is None or inputs.short != "refuse" or max(seconds, inputs.fill) >= least:
        return ""
    return (
        f"clips of {seconds:g} s are made, Synchformer needs {least:g} s; "
        f"desync@{protocol.name}+repeat takes shorter ones, and is another measure"
    )
