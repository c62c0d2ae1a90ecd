"""The protocols of DeSync: which windows of a clip are judged, and how logits become seconds.

Conventions
-----------
A window is a run of segments (see `networks.synchformer_config`), named by their indices in the
clip. The table of `svbench.metrics.desync` says what the protocols are and where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final, Literal

from svbench.errors import ScoreError
from svbench.metrics.networks.pictures import square
from svbench.metrics.networks.readers import KeptFrames, Video
from svbench.metrics.networks.synchformer_config import FPS, FRAMES, SynchformerConfig
from svbench.metrics.networks.synchformer_inputs import (
    Material,
    prepare,
    segments_in,
    source_frames,
    window_starts,
)
from svbench.types import Clip

JAVIS_SECONDS: Final = 8.0  # to which JavisBench cuts or fills
JAVIS_README_SECONDS: Final = 4.0  # the same by the command line of its README

Short = Literal["refuse", "repeat", "pad"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What of a clip the network gets.

    Parameters
    ----------
    windows : "ends" or "all"
        the first and the last window, or one behind the other
    cut : float, optional
        s, what lies behind is left out (Default value = None, nothing)
    fill : float
        s, shorter clips are filled with black and silence (Default value = 0)
    short : "refuse", "repeat" or "pad"
        what becomes of clips of less than a window, behind that
    """

    windows: Literal["ends", "all"] = "ends"
    cut: float | None = None
    fill: float = 0.0
    short: Short = "refuse"

    def material(
        self, clip: Clip, config: SynchformerConfig, video: Video | None = None
    ) -> Material:
        """Return the frames and the sound of a clip, cut and filled; frames of windows alone.

        They are taken from `video`, by default the clip's own. Raises ScoreError as `places`,
        before a frame is prepared.
        """
        wanted = partial(self._wanted, config)
        return prepare(clip, config, self._most, wanted, video).filled(self._least(config))

    def frames_of(self, clip: Clip, config: SynchformerConfig) -> KeptFrames:
        """Return what is to keep the frames that `material` takes; raises as that."""
        places = source_frames(clip, self._most, partial(self._wanted, config))
        return KeptFrames(clip.video.shape, places, partial(square, side=config.image))

    @property
    def _most(self) -> int | None:
        return None if self.cut is None else round(self.cut * FPS)

    def _least(self, config: SynchformerConfig) -> int:
        return max(round(self.fill * FPS), config.least_frames if self.short == "pad" else 0)

    def _wanted(self, config: SynchformerConfig, frames: int) -> Iterator[int]:
        """Return the segments that are read of so many frames."""
        segments = segments_in(max(frames, self._least(config)))
        return chain.from_iterable(self.places(segments, config))

    def too_short(self, seconds: float, config: SynchformerConfig) -> str:
        """Return why a clip of this length in s has no window; "" where it has one."""
        frames = math.floor(FPS * max(seconds, self.fill) + 0.5)
        if self.short != "refuse" or frames >= config.least_frames:
            return ""
        return (
            f"{seconds:.2f} s long, Synchformer needs {config.least_seconds:g} s; a preset with "
            "+repeat or +pad takes shorter clips, and is another measure"
        )

    def places(self, segments: int, config: SynchformerConfig) -> list[list[int]]:
        """Return the segments of each window of a clip that has so many.

        Raises ScoreError where it has less than a window and nothing is to become of it.
        """
        length = config.segments
        if segments < length:
            if self.short != "repeat" or not segments:
                raise ScoreError(self._too_short(segments, config))
            return [[place % segments for place in range(length)]]
        starts = list(window_starts(segments, length))
        chosen = starts if self.windows == "all" else dict.fromkeys((starts[0], starts[-1]))
        return [list(range(first, first + length)) for first in chosen]

    def _too_short(self, segments: int, config: SynchformerConfig) -> str:
        """Return what a clip of too few segments lacks."""
        if self.short == "repeat":
            return f"DeSync: the clip holds no segment, expected one to repeat ({FRAMES / FPS:g} s)"
        return (
            f"DeSync: the clip holds {segments} segments, expected the {config.segments} of a "
            f"window ({config.least_seconds:g} s); a preset with +repeat or +pad takes shorter ones"
        )


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published way from a clip to a number of seconds."""

    name: str
    inputs: Inputs
    decision: Literal["argmax", "expected"] = "argmax"

    def with_short(self, short: Short) -> Protocol:
        """Return the protocol with a policy for short clips, which are filled no further."""
        inputs = replace(self.inputs, fill=0.0, short=short)
        return replace(self, name=f"{self.name}+{short}", inputs=inputs)


_USUAL: Final = Protocol("av-benchmark", Inputs())
_JAVIS: Final = Protocol("javisbench", Inputs("all", JAVIS_SECONDS, JAVIS_SECONDS))
_JAVIS_README: Final = Protocol(
    "javisbench-4s", Inputs("all", JAVIS_README_SECONDS, JAVIS_README_SECONDS, "repeat")
)
_EXPECTED: Final = Protocol("expected", Inputs(), "expected")
PROTOCOLS: Final[Mapping[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        _USUAL,
        _JAVIS,
        _JAVIS_README,
        _EXPECTED,
        *(of.with_short("repeat") for of in (_USUAL, _JAVIS, _EXPECTED)),
        *(of.with_short("pad") for of in (_USUAL, _EXPECTED)),
    )
}
USUAL: Final = _USUAL.name
