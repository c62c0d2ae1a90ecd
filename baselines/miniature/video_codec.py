"""The miniature's video codec: a small autoencoder of frames, and components over time.

Each clip passes through alone, so what becomes of it does not depend on its company. Components
are those of what stands still and of what moves (`CourseCodec`, `FrameCodec`).

Conventions
-----------
As in `svbench.baselines.joint.model`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from svbench.baselines.miniature.components import Codec, Components
from svbench.baselines.miniature.nets import (
    CHANGE_COMPONENTS,
    PATTERN_COMPONENTS,
    PICTURE_COMPONENTS,
    STILL_VARIANCE,
    VIDEO_CHANNELS,
    VIDEO_LATENTS,
    WINDOW,
    Motion,
    video_autoencoder,
)
from svbench.types import Clip, ClipSpec

PLACES: Final = 4  # of the autoencoder's latents along a picture's side
VIDEO_SIZE: Final = VIDEO_CHANNELS * PLACES**2  # numbers of a frame's latents


class VideoCodec(ABC):
    """Frames of 64 x 64 px to latents (23, T, 1, 1): what a clip shows, and how it moves.

    The autoencoder's latents of a clip are told as their mean over the frames and what differs from
    it. The mean's components are the same in every frame, and averaged when they are decoded, so
    that what stands still cannot flicker.

    Parameters
    ----------
    moving : Components
        of what differs
    name : str
        of these in the file of weights
    """

    def __init__(self, name: str, moving: Components) -> None:
        self.picture = Components(VIDEO_SIZE, PICTURE_COMPONENTS, STILL_VARIANCE)
        self.moving = moving
        self.codec = Codec(video_autoencoder(), **{"picture": self.picture, name: moving})

    @abstractmethod
    def settle(self, clips: Sequence[Tensor]) -> None:
        """Take the components from clips' moments, (T, size) each."""

    @abstractmethod
    def _told(self, moments: Tensor) -> Tensor:
        """Tell a clip (T, size) by components (C, T)."""

    @abstractmethod
    def _moments(self, told: Tensor) -> Tensor:
        """Undo `_told`, as far as the components go."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Give the latents' shape."""
        return VIDEO_LATENTS, spec.frames, 1, 1

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Give (B, C, T, 1, 1)."""
        with torch.inference_mode():
            found = [self._told(self.moments(self.frames(clip.video))) for clip in clips]
        # Out of inference mode: tensors of it cannot be trained on.
        return torch.stack(found)[..., None, None].clone()

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Give one video (T, H, W, 3) per latent."""
        del spec
        with torch.inference_mode():
            moments = (self._moments(each.flatten(1)) for each in latents)
            shape = (-1, VIDEO_CHANNELS, PLACES, PLACES)
            return [self._video(self.codec.decode(each.view(shape))) for each in moments]

    def moments(self, frames: Tensor) -> Tensor:
        """Give what the autoencoder says of frames (T, 3, H, W): (T, size)."""
        return self.codec.encode(frames).flatten(1)

    @staticmethod
    def frames(video: NDArray[np.uint8]) -> Tensor:
        """Give frames (T, H, W, 3) as the autoencoder sees them, (T, 3, H, W) in -1..1."""
        return torch.from_numpy(np.array(video)).permute(0, 3, 1, 2).float() / 127.5 - 1

    @staticmethod
    def _video(frames: Tensor) -> NDArray[np.uint8]:
        levels = ((frames.clamp(-1, 1) + 1) * 127.5).round().byte()
        return levels.permute(0, 2, 3, 1).contiguous().numpy()


class CourseCodec(VideoCodec):
    """Tells motion as the course of one pattern: mean + course(t) * pattern.

    This is the best approximation of rank one, from a singular value decomposition. The pattern is
    told as the mean is. The course has mean 0 and variance 1; each frame tells it of the `WINDOW`
    frames around it, and what several frames tell of one is averaged.
    """

    def __init__(self) -> None:
        super().__init__("pattern", Components(VIDEO_SIZE, PATTERN_COMPONENTS, STILL_VARIANCE))

    def settle(self, clips: Sequence[Tensor]) -> None:
        """Take the components from clips' moments, (T, size) each."""
        parts = [motion(clip) for clip in clips]
        self.picture.settle(torch.stack([mean for mean, _, _ in parts]))
        self.moving.settle(torch.stack([pattern for _, pattern, _ in parts]))

    def _told(self, moments: Tensor) -> Tensor:
        mean, pattern, course = motion(moments)
        still = torch.cat([self.picture.told(mean), self.moving.told(pattern)])
        return torch.cat([still[:, None].expand(-1, len(course)), windows(course)])

    def _moments(self, told: Tensor) -> Tensor:
        still = told[:-WINDOW].mean(1)
        mean = self.picture.vectors(still[:PICTURE_COMPONENTS])
        pattern = self.moving.vectors(still[PICTURE_COMPONENTS:])
        course = unit(averaged(told[-WINDOW:]))
        return mean + course[:, None] * pattern


class FrameCodec(VideoCodec):
    """Tells motion frame by frame, by the components of how each differs from the mean."""

    def __init__(self) -> None:
        super().__init__("change", Components(VIDEO_SIZE, CHANGE_COMPONENTS))

    def settle(self, clips: Sequence[Tensor]) -> None:
        """Take the components from clips' moments, (T, size) each."""
        means = [clip.mean(0) for clip in clips]
        self.picture.settle(torch.stack(means))
        changes = [clip - mean for clip, mean in zip(clips, means, strict=True)]
        self.moving.settle(torch.cat(changes))

    def _told(self, moments: Tensor) -> Tensor:
        mean = moments.mean(0)
        still = self.picture.told(mean)[:, None].expand(-1, len(moments))
        return torch.cat([still, self.moving.told(moments - mean).T])

    def _moments(self, told: Tensor) -> Tensor:
        mean = self.picture.vectors(told[:PICTURE_COMPONENTS].mean(1))
        changes = self.moving.vectors(told[PICTURE_COMPONENTS:].T)
        return mean + changes - changes.mean(0)


def codec_for(motion: Motion) -> VideoCodec:
    """Build a codec that tells motion in one of its forms."""
    return CourseCodec() if motion == "course" else FrameCodec()


def motion(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tell moments (T, size) as mean (size,) + course (T,) times pattern (size,).

    The course goes up where the clip changes fastest: a stroke's fall is quicker than its rise.
    """
    mean = moments.mean(0)
    left, strength, right = torch.linalg.svd(moments - mean, full_matrices=False)
    course = unit(left[:, 0] * strength[0])  # 0 where nothing moves
    pattern = right[0] * strength[0] / len(moments) ** 0.5
    down = course.diff().pow(3).sum() < 0
    return (mean, -pattern, -course) if down else (mean, pattern, course)


def unit(course: Tensor) -> Tensor:
    """Bring numbers to mean 0 and variance 1; none of them differing, to 0."""
    differs = course - course.mean()
    return differs / differs.square().mean().sqrt().clamp(min=1e-6)


def windows(course: Tensor) -> Tensor:
    """Tell (T,) numbers with those around each, (WINDOW, T); the ends are repeated."""
    side = WINDOW // 2
    ends = functional.pad(course[None], (side, side), mode="replicate")[0]
    return ends.unfold(0, len(course), 1)


def averaged(told: Tensor) -> Tensor:
    """Give the mean of all that `windows` tell of each number, (T,)."""
    side, count = WINDOW // 2, told.shape[1]
    total, times = torch.zeros(count), torch.zeros(count)
    for row, shift in zip(told, range(-side, side + 1), strict=True):
        # Place t of this row speaks of t + shift.
        into = slice(max(shift, 0), count + min(shift, 0))
        total[into] += row[max(-shift, 0) : count + min(-shift, 0)]
        times[into] += 1
    return total / times
