"""Native clips whose frames and samples tell which they are."""

from __future__ import annotations

import numpy as np

from svbench.types import Clip, ClipSpec


def numbered(
    seconds: float = 4.0,
    fps: float = 8,
    rate: int = 16000,
    times: tuple[float, ...] | None = None,
    size: tuple[int, int] = (2, 2),
) -> Clip:
    """Return a clip whose frame n holds n + 1 everywhere, and whose samples rise from 0.1."""
    frames = round(seconds * fps) if times is None else len(times)
    at = np.arange(frames) / fps if times is None else np.array(times)
    video = np.repeat(np.arange(1, frames + 1, dtype=np.uint8), size[0] * size[1] * 3)
    samples = round(seconds * rate)
    sound = np.linspace(0.1, 0.9, samples, dtype=np.float32)
    spec = ClipSpec(frames, fps, size, rate)
    return Clip(video.reshape(frames, *size, 3), sound, spec, at)


def shown(clip: Clip) -> list[int]:
    """Return which frame of a numbered clip each frame shows; -1 is black."""
    return [int(frame.flat[0]) - 1 for frame in clip.video]


def textured(seconds: float = 2.0, fps: float = 8, rate: int = 16000, height: int = 40) -> Clip:
    """Return a clip of moving grey texture of all frequencies, and a sound of tones and clicks."""
    draws = np.random.default_rng(0)
    frames, samples = round(seconds * fps), round(seconds * rate)
    still = draws.integers(30, 220, (height, 60 + 4 * frames, 1), np.uint8).repeat(3, 2)
    video = np.stack([still[:, 4 * n : 4 * n + 60] for n in range(frames)])
    at = np.arange(samples) / rate
    sound = 0.2 * np.sin(2 * np.pi * 440 * at) + 0.1 * np.sin(2 * np.pi * 1500 * at)
    sound[:: rate // 4] = 0.9
    spec = ClipSpec(frames, fps, (height, 60), rate)
    return Clip(video, sound.astype(np.float32), spec, np.arange(frames) / fps)
