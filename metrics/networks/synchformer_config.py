"""Sizes of Synchformer and of its inputs. torch is not needed.

Conventions
-----------
A segment is 16 frames at 25 frames/s (0.64 s) with its sound, and begins 8 frames (0.32 s) behind
the one before. A window is as many segments in a row as the position table of the last transformer
holds: 14 published, which are 120 frames, 4.8 s.

References
----------
- V. Iashin, W. Xie, E. Rahtu, A. Zisserman: Synchformer: Efficient synchronization from sparse
  cues. ICASSP 2024, arXiv:2401.16423.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError
from svbench.metrics.networks.batches import BatchSize

FPS: Final = 25  # frames / s
FRAMES: Final = 16  # of a segment
STEP: Final = 8  # frames from one segment to the next
TUBELET: Final = 2  # frames that one token of the picture spans
PATCH: Final = 16  # px of a picture, and bins and frames of a log-mel spectrogram
MEL_FRAMES: Final = 66  # of a segment's sound
MEL_STRIDE: Final = 10  # bins and frames from one patch of sound to the next
REACH: Final = 2.0  # s, the largest offset to either side
# Segments in a forward pass. One takes seconds on a CPU, so more of them would save nothing.
BATCH: Final = BatchSize(cpu=1, gpu=14)
SMALL_BATCH: Final = BatchSize(cpu=14, gpu=56)  # of a narrower network: a pass takes milliseconds


@dataclass(frozen=True, slots=True)
class Size:
    """Layers of a transformer, and heads of its attention."""

    layers: int
    heads: int


@dataclass(frozen=True, slots=True)
class SynchformerConfig:
    """Sizes of the network; the defaults are those of `synchformer_state_dict.pth`.

    Parameters
    ----------
    width : int
        of all tokens
    video, audio, head : Size
        of the three transformers: pictures, sound, and both together
    hidden : int
        units of the MLPs of the sound's transformer; those of the others are 4 widths
    classes : int
        classes of offsets, evenly spaced over -2 .. 2 s
    segments : int
        of a window
    image : int
        px, height and width of a picture
    bins : int
        of a log-mel spectrogram

    Raises ConfigError for sizes that do not fit each other.
    """

    width: int = 768
    video: Size = Size(12, 12)
    audio: Size = Size(12, 12)
    head: Size = Size(3, 8)
    hidden: int = 3072
    classes: int = 21
    segments: int = 14
    image: int = 224
    bins: int = 128

    def __post_init__(self) -> None:
        heads = (self.video.heads, self.audio.heads, self.head.heads)
        whole = all(count > 0 and self.width % count == 0 for count in heads)
        if not whole or self.image % PATCH or self.bins < PATCH or self.classes < 2:
            raise ConfigError(
                f"Synchformer: found {self}, expected a width that all heads divide, pictures of "
                f"whole patches of {PATCH} px, at least {PATCH} bins and 2 classes"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> SynchformerConfig:
        """Return the configuration of JSON values, as of `dataclasses.asdict`."""
        sizes: dict[str, Any] = {
            name: Size(**value) if isinstance(value, Mapping) else value
            for name, value in values.items()
        }
        return cls(**sizes)

    @property
    def video_steps(self) -> int:
        """Return the tokens of a segment's pictures that the last transformer gets."""
        return FRAMES // TUBELET

    @property
    def audio_steps(self) -> int:
        """Return the tokens of a segment's sound that the last transformer gets."""
        return (MEL_FRAMES - PATCH) // MEL_STRIDE + 1

    @property
    def positions(self) -> int:
        """Return the tokens of the last transformer: two more than those of a window."""
        return 2 + self.segments * (self.video_steps + self.audio_steps)

    @property
    def least_frames(self) -> int:
        """Return the frames of one window, at 25 frames/s."""
        return FRAMES + STEP * (self.segments - 1)

    @property
    def least_seconds(self) -> float:
        """Return the length of one window: 4.8 s published."""
        return self.least_frames / FPS

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Return the offset of each class, s; positive where the sound is early."""
        return np.linspace(-REACH, REACH, self.classes)


PUBLISHED: Final = SynchformerConfig()
