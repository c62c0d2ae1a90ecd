"""Square pictures as published code makes them of frames: one size, whole levels.

Conventions
-----------
Frames are uint8 (H, W, 3). The short side is resized to that of the network, bicubic with
antialiasing, in whole levels between the two passes and after them (torch's kernel of uint8); the
long side is rounded down, and the corner of the crop is rounded to even, as torchvision does.
Pillow's pixels differ from these by at most one level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def square(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize the short side of a frame and crop its centre: (H, W, 3) -> (side, side, 3)."""
    resized = short_side(frame, side)
    top, left = (round((length - side) / 2) for length in resized.shape[:2])
    return np.ascontiguousarray(resized[top : top + side, left : left + side])


def short_side(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize a frame (H, W, 3) until its short side is `side`."""
    import torch
    from torch.nn import functional as F  # noqa: N812

    height, width = frame.shape[:2]
    short = min(height, width)
    target = int(side * height / short), int(side * width / short)
    if target == (height, width):
        return frame
    # The kernel of whole levels takes pictures whose channels lie together, as ours do.
    levels = torch.from_numpy(np.array(frame, order="C")).permute(2, 0, 1)[None]
    resized = F.interpolate(levels, target, mode="bicubic", antialias=True)
    found: NDArray[np.uint8] = resized[0].permute(1, 2, 0).numpy()
    return found
