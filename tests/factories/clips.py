"""Small synthetic clips: a square that jumps while a click sounds.

`from tests.factories.clips import make_clip, write_clip` works in every test file: with pytest's
importlib mode the folder `tests` is a package although it has no `__init__.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from svbench.files import media
from svbench.types import Clip, ClipSpec

SPEC = ClipSpec(frames=8, fps=8.0, size=(32, 32), sample_rate=16000)  # 1 s: quick to score
STEP = 10  # px that the square jumps by
SIDE = 12  # px of the square


def hits(seed: int, spec: ClipSpec = SPEC) -> list[int]:
    """Return the frames in which the square jumps and a click sounds, never two in a row."""
    rng = np.random.default_rng(seed)
    inner = np.arange(2, spec.frames - 1, 2)
    count = min(int(rng.integers(1, 4)), len(inner))
    return sorted(int(f) for f in rng.choice(inner, count, replace=False))


def make_clip(seed: int = 0, spec: ClipSpec = SPEC, *, silent: bool = False) -> Clip:
    """Return a bright square on a dim texture that jumps aside at each hit, with a click."""
    rng = np.random.default_rng(seed)
    height, width = spec.size
    ground = rng.integers(20, 60, (height, width, 3), dtype=np.uint8)
    video = np.repeat(ground[None], spec.frames, axis=0)
    audio = np.zeros(spec.samples, np.float32)
    at = hits(seed, spec)
    for frame in range(spec.frames):
        jumps = sum(hit <= frame for hit in at)
        left = (2 + STEP * jumps) % max(1, width - SIDE)
        video[frame, height // 4 : height // 4 + SIDE, left : left + SIDE] = (250, 240, 60)
    if not silent:
        length = spec.sample_rate // 25  # 40 ms
        click = rng.standard_normal(length) * np.geomspace(0.5, 0.005, length)
        for hit in at:
            first = round(hit / spec.fps * spec.sample_rate)
            piece = click[: spec.samples - first]
            audio[first : first + len(piece)] += piece.astype(np.float32)
    return Clip(video, np.clip(audio, -1, 1), spec)


def write_clip(
    path: Path,
    clip: Clip | None = None,
    *,
    seed: int = 0,
    sound: bool = True,
    apart: bool = False,
) -> Path:
    """Write a clip as MP4, also without audio, or with separate audio in a WAV of the same stem."""
    clip = make_clip(seed) if clip is None else clip
    path.parent.mkdir(parents=True, exist_ok=True)
    inside = clip.audio if sound and not apart else None
    media.write_mp4(path, clip.video, clip.spec.fps, inside, clip.spec.sample_rate)
    if apart:
        media.write_wav(path.with_suffix(".wav"), clip.audio, clip.spec.sample_rate)
    return path


def write_folder(folder: Path, count: int, *, first_seed: int = 0) -> list[Path]:
    """Write clips with the names c0.mp4, c1.mp4 and so on."""
    return [write_clip(folder / f"c{i}.mp4", make_clip(first_seed + i)) for i in range(count)]


class TwoClips:
    """Real clips of which only the ids are read."""

    examples = ("a", "b")

    def read(self, example: str, spec: ClipSpec) -> Clip:
        raise NotImplementedError

    def digest(self, example: str) -> str:
        raise NotImplementedError
