"""Clips of increasing distortion, to test that distances increase."""

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
    """Draw and load test clips, as a run does."""
    miniature.draw(root, test=count, seed=seed)
    examples = greatesthits.load(root)
    return examples, [media.read(e.recording, miniature.SPEC) for e in examples]


def extracted(metric: Frechet, clips: Sequence[Clip]) -> Features:
    """Extract the features of clips for a metric."""
    blocks = metric.extractor(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    names = tuple(str(i) for i in range(len(blocks)))
    return Features(metric.extractor.key, np.concatenate(blocks), owner, names)


def climb(metric: Frechet, clips: Sequence[Clip], way: str) -> Iterator[float]:
    """Yield the distance of clips to distorted copies of themselves, by increasing strength.

    Between different clips, sampling error would be added (docs/miniature-extractors.md).
    """
    originals = extracted(metric, clips)
    for strength in STRENGTHS:
        worse = [_distorted(clip, way, strength, number) for number, clip in enumerate(clips)]
        yield metric.score(extracted(metric, worse), originals).score.value


def _distorted(clip: Clip, way: str, strength: float, number: int) -> Clip:
    """Return a clip with distorted video and audio; its number is the seed of the noise."""
    if strength == 0:
        return clip
    video = corruptions.PICTURES[way](clip.video, strength, np.random.default_rng(number))
    audio = corruptions.SOUNDS[way](clip.audio, strength, np.random.default_rng(number))
    return Clip(video, audio, clip.spec)
