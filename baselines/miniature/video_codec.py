"""The miniature's video codec: a small autoencoder of frames, and principal components over time.

Each clip is encoded and decoded alone, so the result does not depend on the others of its batch.
The last two levels of the autoencoder's decoder are needed for its training alone: frames are
decoded by a head in their place (`frame_decoder`).
There are components of the still part of a clip and of its motion (`TrajectoryCodec`,
`FrameCodec`).

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
from svbench.baselines.miniature.design import Motion
from svbench.baselines.miniature.frame_decoder import FrameHead, frame_features
from svbench.baselines.miniature.nets import (
    CHANGE_COMPONENTS,
    PATTERN_COMPONENTS,
    PICTURE_COMPONENTS,
    STILL_VARIANCE,
    VIDEO_CHANNELS,
    VIDEO_LATENTS,
    WINDOW,
    video_autoencoder,
)
from svbench.types import Clip, ClipSpec

SIDE: Final = 4  # of the autoencoder's latents
VIDEO_SIZE: Final = VIDEO_CHANNELS * SIDE**2  # of a frame's latents, flattened


class VideoCodec(ABC):
    """Frames of 64 x 64 px to latents (23, T, 1, 1): still part and motion of a clip.

    The autoencoder's latents of a clip, its moments, are split into their mean over the frames and
    the deviation from it. The components of the mean are repeated in every frame, and averaged when
    they are decoded, so that what stands still cannot flicker.

    Parameters
    ----------
    name : str
        of the components of the deviation, in the file of weights
    moving : Components
        of the deviation
    """

    def __init__(self, name: str, moving: Components) -> None:
        self.picture = Components(VIDEO_SIZE, PICTURE_COMPONENTS, STILL_VARIANCE)
        self.moving = moving
        self.codec = Codec(video_autoencoder(), **{"picture": self.picture, name: moving})
        self.head = FrameHead()

    @abstractmethod
    def fit_components(self, clips: Sequence[Tensor]) -> None:
        """Compute the components of clips' moments, (T, size) each."""

    @abstractmethod
    def project(self, moments: Tensor) -> Tensor:
        """Project the moments of a clip (T, size) to components (C, T)."""

    @abstractmethod
    def reconstruct(self, components: Tensor) -> Tensor:
        """Reconstruct the moments of a clip (T, size) from components (C, T)."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Return the latents' shape."""
        return VIDEO_LATENTS, spec.frames, 1, 1

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Return (B, C, T, 1, 1)."""
        with torch.inference_mode():
            latents = [self.project(self.moments(self.frames(clip.video))) for clip in clips]
        # Cloned outside inference mode: tensors of that mode cannot be trained on.
        return torch.stack(latents)[..., None, None].clone()

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Return one video (T, H, W, 3) per latent."""
        del spec
        with torch.inference_mode():
            moments = (self.reconstruct(each.flatten(1)) for each in latents)
            return [self._video(self.head(self.features(each))) for each in moments]

    def moments(self, frames: Tensor) -> Tensor:
        """Return the autoencoder's latents of frames (T, 3, H, W), flattened: (T, size)."""
        return self.codec.encode(frames).flatten(1)

    def features(self, moments: Tensor) -> Tensor:
        """Return the decoder's features (T, 32, 32, 32) of moments (T, size)."""
        latents = moments.view(-1, VIDEO_CHANNELS, SIDE, SIDE)
        return frame_features(self.codec.autoencoder, latents)

    @staticmethod
    def frames(video: NDArray[np.uint8]) -> Tensor:
        """Return frames (T, H, W, 3) as the autoencoder takes them, (T, 3, H, W) in -1..1."""
        return torch.from_numpy(np.array(video)).permute(0, 3, 1, 2).float() / 127.5 - 1

    @staticmethod
    def _video(frames: Tensor) -> NDArray[np.uint8]:
        levels = ((frames.clamp(-1, 1) + 1) * 127.5).round().byte()
        return levels.permute(0, 2, 3, 1).contiguous().numpy()


class TrajectoryCodec(VideoCodec):
    """Encodes motion as the trajectory of one pattern: mean + trajectory(t) * pattern.

    This is the best approximation of rank one, by singular value decomposition. The pattern is
    encoded like the mean. The trajectory has mean 0 and variance 1; each frame holds it for the
    `WINDOW` frames around it, and the decoder averages the copies of each value.
    """

    def __init__(self) -> None:
        super().__init__("pattern", Components(VIDEO_SIZE, PATTERN_COMPONENTS, STILL_VARIANCE))

    def fit_components(self, clips: Sequence[Tensor]) -> None:
        """Compute the components of clips' moments, (T, size) each."""
        parts = [factorise(clip) for clip in clips]
        self.picture.fit(torch.stack([mean for mean, _, _ in parts]))
        self.moving.fit(torch.stack([pattern for _, pattern, _ in parts]))

    def project(self, moments: Tensor) -> Tensor:
        """Project the moments of a clip (T, size) to components (C, T)."""
        mean, pattern, trajectory = factorise(moments)
        still = torch.cat([self.picture.project(mean), self.moving.project(pattern)])
        return torch.cat([still[:, None].expand(-1, len(trajectory)), windows(trajectory)])

    def reconstruct(self, components: Tensor) -> Tensor:
        """Reconstruct the moments of a clip (T, size) from components (C, T)."""
        still = components[:-WINDOW].mean(1)
        mean = self.picture.reconstruct(still[:PICTURE_COMPONENTS])
        pattern = self.moving.reconstruct(still[PICTURE_COMPONENTS:])
        trajectory = standardised(overlap_mean(components[-WINDOW:]))
        return mean + trajectory[:, None] * pattern


class FrameCodec(VideoCodec):
    """Encodes motion frame by frame, by the components of each frame's deviation from the mean."""

    def __init__(self) -> None:
        super().__init__("change", Components(VIDEO_SIZE, CHANGE_COMPONENTS))

    def fit_components(self, clips: Sequence[Tensor]) -> None:
        """Compute the components of clips' moments, (T, size) each."""
        means = [clip.mean(0) for clip in clips]
        self.picture.fit(torch.stack(means))
        changes = [clip - mean for clip, mean in zip(clips, means, strict=True)]
        self.moving.fit(torch.cat(changes))

    def project(self, moments: Tensor) -> Tensor:
        """Project the moments of a clip (T, size) to components (C, T)."""
        mean = moments.mean(0)
        still = self.picture.project(mean)[:, None].expand(-1, len(moments))
        return torch.cat([still, self.moving.project(moments - mean).T])

    def reconstruct(self, components: Tensor) -> Tensor:
        """Reconstruct the moments of a clip (T, size) from components (C, T)."""
        mean = self.picture.reconstruct(components[:PICTURE_COMPONENTS].mean(1))
        changes = self.moving.reconstruct(components[PICTURE_COMPONENTS:].T)
        return mean + changes - changes.mean(0)


def codec_for(motion: Motion) -> VideoCodec:
    """Build the codec of a form of motion."""
    return TrajectoryCodec() if motion == "course" else FrameCodec()


def factorise(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factorise moments (T, size) as mean (size,) + trajectory (T,) times pattern (size,).

    The sign is that of the fastest change, which is positive: a stroke falls faster than it rises.
    """
    mean = moments.mean(0)
    left, strength, right = torch.linalg.svd(moments - mean, full_matrices=False)
    trajectory = standardised(left[:, 0] * strength[0])  # 0 where nothing moves
    pattern = right[0] * strength[0] / len(moments) ** 0.5
    falling = trajectory.diff().pow(3).sum() < 0
    return (mean, -pattern, -trajectory) if falling else (mean, pattern, trajectory)


def standardised(trajectory: Tensor) -> Tensor:
    """Scale to mean 0 and variance 1; a constant to 0."""
    centred = trajectory - trajectory.mean()
    return centred / centred.square().mean().sqrt().clamp(min=1e-6)


def windows(trajectory: Tensor) -> Tensor:
    """Return the `WINDOW` values around each of (T,), (WINDOW, T); the ends are repeated."""
    side = WINDOW // 2
    padded = functional.pad(trajectory[None], (side, side), mode="replicate")[0]
    return padded.unfold(0, len(trajectory), 1)


def overlap_mean(rows: Tensor) -> Tensor:
    """Return the mean of all copies of each value in `windows`, (T,)."""
    side, count = WINDOW // 2, rows.shape[1]
    total, times = torch.zeros(count), torch.zeros(count)
    for row, shift in zip(rows, range(-side, side + 1), strict=True):
        # Position t of this row is the value at t + shift.
        into = slice(max(shift, 0), count + min(shift, 0))
        total[into] += row[max(-shift, 0) : count + min(-shift, 0)]
        times[into] += 1
    return total / times
