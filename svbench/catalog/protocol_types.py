"""What the protocol of another benchmark consists of; the protocols are in `protocols.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from svbench.types import Better

# Kinds of settings, in the order in which they are shown.
DECODER: Final = "decoder"
CROP: Final = "crop"
SECONDS: Final = "seconds"
FPS: Final = "frames/s"
FRAME_CHOICE: Final = "frame choice"
PADDING: Final = "padding"
RESAMPLING: Final = "resampling"
CHECKPOINTS: Final = "checkpoints"
KINDS: Final = (DECODER, CROP, SECONDS, FPS, FRAME_CHOICE, PADDING, RESAMPLING, CHECKPOINTS)


@dataclass(frozen=True, slots=True)
class ProtocolColumn:
    """A column of svbench that answers one of a benchmark's."""

    metric: str  # METRIC@PRESET, or METRIC where it has one form
    printed: str  # as the benchmark calls it
    better: Better


@dataclass(frozen=True, slots=True)
class BenchmarkProtocol:
    """How a benchmark judges clips.

    Parameters
    ----------
    title, source : str
        its name, and where its settings were read: a repository and commit, or a paper
    columns : tuple of ProtocolColumn
        those of its columns that svbench has or will have
    settings : mapping of str to value
        fields of `ScoreConfig`
    handling : mapping of str to str
        what the benchmark does with a clip, by kind (`KINDS`)
    departures : tuple of str
        where svbench does otherwise, one line each
    not_computed : tuple of str
        what the benchmark prints and svbench has no column for
    format_of_data_sets : bool
        whether the clip format of a data set is that of the protocol
    """

    title: str
    source: str
    columns: tuple[ProtocolColumn, ...]
    settings: Mapping[str, Any]
    handling: Mapping[str, str]
    departures: tuple[str, ...] = ()
    not_computed: tuple[str, ...] = field(default=())
    format_of_data_sets: bool = False
