"""Clips that get worse step by step, for seeing whether a distance notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from svbench.datasets import greatesthits
from svbench.files import media
from svbench.metrics.frechet import Frechet
from svbench.miniature import corruptions
from svbench.miniature import greatesthits as miniature
from svbench.types import Clip, Example, Features

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def drawn(root: Path, seed: int, count: int) -> tuple[tuple[Example, ...], list[Clip]]:
    """Draw test clips as a benchmark run does."""
    miniature.draw(root, test=count, seed=seed)
    examples = greatesthits.load(root)
    return examples, [media.read(e.recording, miniature.SPEC) for e in examples]


def described(metric: Frechet, clips: Sequence[Clip]) -> Features:
    blocks = metric.extractor(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    names = tuple(str(i) for i in range(len(blocks)))
    return Features(metric.extractor.key, np.concatenate(blocks), owner, names)


def climb(metric: Frechet, clips: Sequence[Clip], way: str) -> Iterator[float]:
    """Yield the distance of clips to ever worse renderings of themselves, the same first.

    Against other clips the draw of the two sets comes on top (docs/miniature-extractors.md).
    """
    as_they_are = described(metric, clips)
    for strength in STRENGTHS:
        worse = [_spoilt(clip, way, strength, number) for number, clip in enumerate(clips)]
        yield metric.score(described(metric, worse), as_they_are).score.value


def _spoilt(clip: Clip, way: str, strength: float, number: int) -> Clip:
    """Spoil pictures and sound alike; the number of the clip decides the noise."""
    if strength == 0:
        return clip
    video = corruptions.PICTURES[way](clip.video, strength, np.random.default_rng(number))
    audio = corruptions.SOUNDS[way](clip.audio, strength, np.random.default_rng(number))
    return Clip(video, audio, clip.spec)
