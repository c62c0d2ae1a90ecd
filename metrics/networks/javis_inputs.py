"""Input of JavisScore and AVHScore: still frames of a whole clip, and windows of both streams.

Every frame is an input of ImageBind by itself. For JavisScore, windows of 2 s that overlap by 1.5 s
run over the frames and, counted apart, over the samples of the sound at 16 kHz.

Conventions
-----------
Windows are half-open ranges of whole frames and samples. Frames are uint8 (T, H, W, 3), inputs
float32 (3, S, S), normalised as for CLIP.

Windows
-------
A window holds int(2 fps) frames and the next begins int(2 fps) - int(1.5 fps) later: both are cut
to whole frames, so windows of frames drift from those of the sound where the rate is not a multiple
of 2 (at 29.97 fps: 59 frames, step 15). The last window is moved back to end with the clip, and of
the two lists the longer one is cut. A clip that is no longer than a window, by its frames *or* its
samples, is one window of all its frames and all its sound.

Pixels
------
Those of `pictures.square`. The published code resizes by Pillow, whose differ by at most one level.

References
----------
K. Liu et al.: JavisDiT: joint audio-video diffusion transformer with hierarchical spatio-temporal
prior synchronization. https://arxiv.org/abs/2503.23377; windows as its command line sets them,
https://github.com/JavisVerse/JavisDiT (eval/javisbench, commit b505b37).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.networks.imagebind_inputs import (
    PIXEL_MEAN,
    PIXEL_SPREAD,
    SAMPLE_RATE,
    InputProtocol,
)
from svbench.metrics.networks.pictures import square

if TYPE_CHECKING:
    from torch import Tensor

Range = tuple[int, int]  # first, and the one behind the last


@dataclass(frozen=True, slots=True)
class JavisProtocol:
    """Windows of JavisScore, and the windows of sound in each of them.

    Parameters
    ----------
    name : str
        of the preset
    sound : InputProtocol
        how ImageBind reads the sound of a window, and of a whole clip
    seconds, overlap : float
        of a window
    share : float
        of the frames of a window whose cosines are least, over which is averaged
    """

    name: str
    sound: InputProtocol
    seconds: float = 2.0
    overlap: float = 1.5
    share: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.seconds or not 0 < self.share <= 1:
            raise ConfigError(
                f"JavisScore needs an overlap below the window, and a share in 0..1, got {self}"
            )

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return every setting as JSON values."""
        return asdict(self)


PROTOCOLS: Final[Mapping[str, JavisProtocol]] = {
    protocol.name: protocol
    for protocol in (
        JavisProtocol("javisbench", InputProtocol("published")),
        # the published code, which subtracts means in place from windows that overlap
        JavisProtocol("javisbench-leaky", InputProtocol("published-leaky", leaky=True)),
    )
}


def paired_windows(
    frames: int, fps: float, samples: int, protocol: JavisProtocol
) -> list[tuple[Range, Range]]:
    """Return the windows of a clip: (frames, samples) of each.

    Parameters
    ----------
    frames : int
        of the clip
    fps : float
        frames / s
    samples : int
        of its sound at 16 kHz
    protocol : JavisProtocol
        length and overlap of windows

    Raises
    ------
    ScoreError
        if the frame rate is so low that windows hold no frame, or do not advance
    """
    of_frames, of_samples = (int(protocol.seconds * rate) for rate in (fps, SAMPLE_RATE))
    if frames <= of_frames or samples <= of_samples:
        return [((0, frames), (0, samples))]
    step = of_frames - int(protocol.overlap * fps)
    if of_frames < 1 or step < 1:
        raise ScoreError(
            f"JavisScore: windows of {protocol.seconds:g} s that overlap by {protocol.overlap:g} s "
            f"hold {of_frames} frames and advance by {step} at {fps:g} frames/s, expected a "
            "higher rate"
        )
    pictures = _sliding(frames, of_frames, step)
    sounds = _sliding(samples, of_samples, of_samples - int(protocol.overlap * SAMPLE_RATE))
    return list(zip(pictures, sounds, strict=False))


def _sliding(length: int, window: int, step: int) -> Iterator[Range]:
    """Yield windows from the start on; the last one is moved back to end with the whole."""
    for start in count(0, step):
        first = min(start, length - window)
        yield first, first + window
        if first + window >= length:
            return


def still_inputs(video: Iterable[NDArray[np.uint8]], side: int) -> Iterator[Tensor]:
    """Yield each frame (H, W, 3) of a video as the network takes it: (3, side, side)."""
    import torch

    mean, spread = (torch.tensor(v).view(-1, 1, 1) for v in (PIXEL_MEAN, PIXEL_SPREAD))
    for frame in video:
        levels = torch.from_numpy(np.array(square(frame, side))).permute(2, 0, 1)
        yield (levels.float() / 255.0 - mean) / spread
