"""What an entry of the table of metrics is, and what the builders of columns share.

It stands apart from the table (`svbench.catalog.metrics`), so that builders can be modules of their
own, which the table imports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from svbench.compute import CPU, Machine

if TYPE_CHECKING:
    from svbench.files.weights.loading import WeightFile
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

NATIVE: Final = "+native"  # behind a preset: clips as they were made
MINIATURE: Final = "+miniature"  # behind a protocol: by the small networks that svbench ships
NETWORKS_ALSO: Final = {
    f"{MINIATURE} behind any": "by the small network that comes with svbench, as always at "
    "--scale mini"
}
NO_MINIATURE: Final = "no small network of it comes with svbench"
FRECHET_RESAMPLES: Final = 200  # each costs a distance


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What metrics read of a command's settings.

    Parameters
    ----------
    seed, resamples : int
        of the bootstrap
    frames : int, optional
        of a judged clip, where that is known before any data are read
    seconds : float, optional
        of the clips that systems make, where there are systems
    small : bool
        whether the small networks that svbench ships judge, as they do at `--scale mini`
    imagebind_weights : str
        folder of the small ImageBind, in that of `svbench.metrics.miniature`
    machine : Machine
        device and dtype of their networks, and inputs in a forward pass
    """

    seed: int = 0
    resamples: int = 1000
    frames: int | None = None
    seconds: float | None = None
    small: bool = False
    imagebind_weights: str = "."
    machine: Machine = CPU


# preset ("" for the usual one), settings -> the column
Build = Callable[[str, MetricSettings], "Metric | Unavailable"]


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """A metric that `--metrics` takes.

    Parameters
    ----------
    build : callable
        builds the metric by a preset, or what stands in its place while weights are absent
    presets : mapping of str to sequence of str
        what may stand behind the @ -> names of the files of weights that it needs
    usual : str
        the preset where none is named
    reads_captions : bool
        whether its scores depend on captions, so that every clip must have one
    compares : bool
        whether it compares with real clips, as its metric's `needs_reference` says: known here
        while weights are absent
    also : mapping of str to str
        what else may stand behind the metric or a preset, and presets whose names do not speak
        for themselves -> what they mean, for the list
    """

    build: Build
    presets: Mapping[str, Sequence[str]]
    usual: str
    reads_captions: bool = False
    compares: bool = False
    also: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_miniature(self) -> bool:
        """Return whether a small network of it comes with svbench."""
        return any(option.startswith(MINIATURE) for option in self.also)


def find_weights(*names: str) -> list[WeightFile] | str:
    """Return files of weights, or the reason why a cell stays empty."""
    from svbench.files.weights.folder import find, weights_folder

    found = {name: find(name) for name in names}
    absent = " ".join(name for name, file in found.items() if file is None)
    if absent:
        return f"no weights in {weights_folder()}; get them by: svbench weights fetch {absent}"
    return [file for file in found.values() if file is not None]


def split_miniature(option: str) -> tuple[str, bool]:
    """Return an option without +miniature, and whether that stands behind its preset, in any place.

    So ib-av@published+native+miniature and ib-av@published+miniature+native are one column.
    """
    preset, *suffixes = option.split("+")
    small = MINIATURE.removeprefix("+") in suffixes
    if small:
        suffixes.remove(MINIATURE.removeprefix("+"))
    return "+".join((preset, *suffixes)), small


def split_option(option: str, usual: str, settings: MetricSettings) -> tuple[str, bool]:
    """Return the protocol of a preset, and whether the small networks judge by it."""
    name, small = split_miniature(option)
    return name or usual, small or settings.small
