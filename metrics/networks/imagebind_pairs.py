"""Frames of ImageBind as av-benchmark samples them: neighbours of a low frame rate, in pairs.

Conventions
-----------
A clip is brought to the protocol's `pairs` frames/s (0.5) by the rule of ffmpeg's filter `fps` (see
`synchformer_inputs`), cut to the whole frames of its picture's length. Every run of as many
neighbours as the network takes frames (2) is an input: of 8 s those at 0-1, 1-2 and 2-3 of 4
frames, which were shown at about 1, 3, 5 and 7 s.

Pixels: the short side resized to that of the network, bicubic with antialiasing in whole levels,
then normalised as for CLIP; three square crops along the long side.

Edge cases
----------
A clip of less than one pair (4 s) is a ScoreError; the published code has no input then.

References
----------
https://github.com/hkchengrex/av-benchmark (commit 050a5cd), of H. K. Cheng et al.: MMAudio: taming
multimodal joint training for high-quality video-to-audio synthesis. CVPR 2025,
https://arxiv.org/abs/2412.15322.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.networks.imagebind_config import ImageBindConfig
from svbench.metrics.networks.imagebind_inputs import (
    PIXEL_MEAN,
    PIXEL_SPREAD,
    corners,
)
from svbench.metrics.networks.pictures import short_side
from svbench.metrics.networks.readers import Video
from svbench.metrics.networks.synchformer_inputs import frame_choice
from svbench.types import Clip

if TYPE_CHECKING:
    from torch import Tensor


def sparse_frames(clip: Clip, rate: float, least: int) -> NDArray[np.int64]:
    """Return which frames of a clip are taken at a low rate, shape (F,), F >= `least`.

    Raises
    ------
    ScoreError
        if the picture is too short for so many
    """
    times, fps = clip.frame_times, clip.spec.fps
    seconds = float(times[-1]) + 1 / fps
    # A length that is a whole number of frames may lie below it by rounding.
    whole = int(round(rate * seconds, 6))
    if whole < least:
        raise ScoreError(
            f"ImageBind: the picture lasts {seconds:g} s, expected at least {least / rate:g} s: "
            f"{least} frames at {rate:g} frames/s"
        )
    return frame_choice(times, fps, rate)[:whole]


def pair_crops(
    clip: Clip, rate: float, crops: int, config: ImageBindConfig, video: Video | None = None
) -> tuple[Tensor, NDArray[np.int64]]:
    """Compute the distinct inputs of a clip, and the index of each input of the protocol in them.

    Parameters
    ----------
    clip : Clip
        in any view
    rate : float
        frames/s of which neighbours are taken
    crops : int
        squares along a frame's long side, 3 or 1
    config : ImageBindConfig
        of the network
    video : Video, optional
        what holds the `sparse_frames` of the clip, which may have been through `short_side`
        (Default value = None, the clip's own)

    Returns
    -------
    inputs : Tensor, shape=(distinct, 3, F, S, S)
    which : np.ndarray of int, shape=(runs * crops,)

    Raises
    ------
    ScoreError
        if the picture is too short for a run
    """
    import torch

    chosen = sparse_frames(clip, rate, config.frames)
    kept, numbers = np.unique(chosen, return_inverse=True)
    frames = clip.video if video is None else video
    pixels = _normalised(frames[kept], config.image)
    side = config.image
    height, width = pixels.shape[2:]
    places = corners(height, width, side, crops)
    runs = np.lib.stride_tricks.sliding_window_view(numbers, config.frames)
    wanted = [(tuple(map(int, run)), corner) for run in runs for corner in places]
    distinct = list(dict.fromkeys(wanted))
    inputs = [pixels[:, list(run), y : y + side, x : x + side] for run, (y, x) in distinct]
    return torch.stack(inputs), np.array([distinct.index(one) for one in wanted])


def _normalised(frames: NDArray[np.uint8], side: int) -> Tensor:
    """Resize the short side and normalise as for CLIP: (T, H, W, 3) -> (3, T, h, w)."""
    import torch

    levels = torch.from_numpy(np.stack([short_side(frame, side) for frame in frames]))
    mean, spread = (torch.tensor(v).view(-1, 1, 1, 1) for v in (PIXEL_MEAN, PIXEL_SPREAD))
    return (levels.permute(3, 0, 1, 2).float() / 255.0 - mean) / spread
