"""The column of DeSync, by Synchformer; at `--scale mini` by the small one that svbench ships."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import (
    NETWORKS_ALSO,
    MetricEntry,
    MetricSettings,
    find_weights,
    split_option,
)
from svbench.limits import known

if TYPE_CHECKING:
    from svbench.metrics.desync_protocols import Protocol
    from svbench.metrics.networks.synchformer_config import SynchformerConfig
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

WEIGHTS: Final = "synchformer"
# policy for clips of less than a window -> what becomes of them
POLICIES: Final = {
    "repeat": "clips of less than 4.8 s have their segments repeated",
    "pad": "clips of less than 4.8 s are filled with black and silence",
}


def desync() -> MetricEntry:
    """Return the entry of DeSync: protocols, each with a policy for short clips or none."""
    from svbench.metrics import desync as metric
    from svbench.metrics import miniature
    from svbench.metrics.desync_protocols import PROTOCOLS, USUAL
    from svbench.metrics.networks.synchformer_config import PUBLISHED
    from svbench.walk.plan import Unavailable

    def build(option: str, settings: MetricSettings) -> Metric | Unavailable:
        name, small = split_option(option, USUAL, settings)
        protocol = known(PROTOCOLS, name, "metrics desync")
        config = miniature.SYNCHFORMER if small else PUBLISHED
        reason = _too_short(protocol, settings.seconds, config)
        files = reason or ([] if small else find_weights(WEIGHTS))
        if isinstance(files, str):
            return Unavailable(f"desync@{protocol.name}", metric.title(protocol), "lower", files)
        if small:
            return miniature.desync(name, machine=settings.machine)
        return metric.desync(protocol, *files, machine=settings.machine)

    also = {**_policies(PROTOCOLS), **NETWORKS_ALSO}
    return MetricEntry(build, dict.fromkeys(PROTOCOLS, (WEIGHTS,)), USUAL, also=also)


def _policies(protocols: Iterable[str]) -> dict[str, str]:
    """Return each policy for short clips, behind the protocols that it goes with -> its meaning."""
    names = [name.partition("+") for name in protocols]
    return {
        f"+{policy} behind {', '.join(name for name, _, short in names if short == policy)}": of
        for policy, of in POLICIES.items()
    }


def _too_short(protocol: Protocol, seconds: float | None, config: SynchformerConfig) -> str:
    """Return why clips of a length in s have no window; "" where they have, or none is known."""
    inputs, least = protocol.inputs, config.least_seconds
    if seconds is None or inputs.short != "refuse" or max(seconds, inputs.fill) >= least:
        return ""
    return (
        f"clips of {seconds:g} s are made, Synchformer needs {least:g} s; "
        f"desync@{protocol.name}+repeat takes shorter ones, and is another measure"
    )
