"""The settings that differ between the miniatures of the data sets; `nets` builds by them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from svbench.baselines.joint.pair import Pair

Motion = Literal["course", "frames"]  # a trajectory, or frame by frame; names in design.json


@dataclass(frozen=True, slots=True)
class Design:
    """The settings that differ between the miniatures of the data sets.

    Parameters
    ----------
    motion : Motion
        how a clip's motion is encoded: as the trajectory of one pattern ("course"), which suits a
        drumstick, or frame by frame ("frames"), which suits rain
    widths : tuple of int
        channels of the base models' two levels
    codec_bits : int
        of a weight of the codecs on disk
    clearer : Pair of float
        factor on the signal-to-noise ratio of each modality's noise schedule
    """

    motion: Motion = "course"
    widths: tuple[int, int] = (48, 64)
    codec_bits: int = 16
    clearer: Pair[float] = field(default_factory=lambda: Pair(1.0, 1.0))
