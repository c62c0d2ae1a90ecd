"""Input of I3D: windows of a video, their frames at the size of the network, and its sizes.

Nothing here waits for torch until frames are resized: FVD of stored features needs none.

Conventions
-----------
Video is uint8 RGB, (T, H, W, 3). The input of I3D is float32, (3, T, size, size), -1..1. Frames are
resized bilinearly with half-pixel centres, without antialiasing where not stated otherwise.

References
----------
- Frames for the network: https://github.com/JunyaoHu/common_metrics_on_video_quality (crop),
  https://github.com/universome/stylegan-v (stretch).
- Square frames: the video loader of https://github.com/songweige/content-debiased-fvd.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.networks.batches import BatchSize

if TYPE_CHECKING:
    from torch import Tensor

CLASSES: Final = 400  # Kinetics-400
SIZE: Final = 224  # px, height and width of the published network's input
BATCH: Final = BatchSize(cpu=2, gpu=4)  # windows; alone, each takes 1.1 times as long on a CPU
EPS: Final = 1e-3  # of batch norm, as trained; copies with 1e-5 differ by a few per cent

Windows = Literal["first", "drawn", "all"]
Resize = Literal["stretch", "crop"]  # both sides to the size | short side to it, centre crop


def window_starts(
    video: NDArray[np.uint8], windows: Windows, frames: int, seed: int = 0
) -> list[int]:
    """Return the index of the first frame of each window of a clip.

    Parameters
    ----------
    video : np.ndarray of uint8, shape=(T, H, W, 3)
        a clip; a drawn window is a function of its pixels and the seed
    windows : "first", "drawn" or "all"
        which windows
    frames : int
        frames in a window
    seed : int
        of drawn windows (Default value = 0)

    Raises
    ------
    ScoreError
        if the clip is shorter than a window
    """
    spare = len(video) - frames
    if spare < 0:
        raise ScoreError(f"the clip has {len(video)} frames, expected at least {frames} in a row")
    if windows == "first" or spare == 0:
        return [0]
    if windows == "all":
        return list(range(0, spare + 1, frames))
    pixels = hashlib.sha256(f"{seed} {video.shape}".encode())
    pixels.update(np.ascontiguousarray(video).data)
    return [int.from_bytes(pixels.digest()[:8], "big") % (spare + 1)]


def centre_square(window: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize and crop frames as cd-fvd's loader does: (T, H, W, 3) -> (T, side, side, 3)."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    frames = torch.from_numpy(np.ascontiguousarray(window)).permute(0, 3, 1, 2).float() / 255.0
    height, width = frames.shape[2:]
    short = min(height, width)
    target = -(-height * side // short), -(-width * side // short)  # rounded up
    frames = F.interpolate(frames, target, mode="bilinear", align_corners=False, antialias=True)
    top, left = (target[0] - side) // 2, (target[1] - side) // 2
    cut = frames[:, :, top : top + side, left : left + side] * 255
    return np.asarray(cut.byte().permute(0, 2, 3, 1).numpy())


def network_input(window: NDArray[np.uint8], size: int, resize: Resize) -> Tensor:
    """Resize and scale frames to the input of I3D: (T, H, W, 3) -> (3, T, size, size), -1..1."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    frames = torch.from_numpy(np.ascontiguousarray(window)).permute(0, 3, 1, 2).float()
    height, width = frames.shape[2:]
    target = size, size
    if resize == "crop":
        short = min(height, width)
        target = -(-height * size // short), -(-width * size // short)  # rounded up
    if (height, width) != target:
        frames = F.interpolate(frames, target, mode="bilinear", align_corners=False)
    top, left = (target[0] - size) // 2, (target[1] - size) // 2
    cut = frames[:, :, top : top + size, left : left + size]
    return (2.0 * cut / 255.0 - 1.0).permute(1, 0, 2, 3)
