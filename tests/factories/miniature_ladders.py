"""Clips of increasing corruption, to check that a distance responds to it."""

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
    """Return test clips, drawn as in a benchmark run."""
    miniature.draw(root, test=count, seed=seed)
    examples = greatesthits.load(root)
    return examples, [media.read(e.recording, miniature.SPEC) for e in examples]


def extracted(metric: Frechet, clips: Sequence[Clip]) -> Features:
    blocks = metric.extractor(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    names = tuple(str(i) for i in range(len(blocks)))
    return Features(metric.extractor.key, np.concatenate(blocks), owner, names)


def climb(metric: Frechet, clips: Sequence[Clip], corruption: str) -> Iterator[float]:
    """Yield the distance of clips to ever more corrupted copies of themselves, unchanged first.

    Between different clips the sampling of both sets adds to it (docs/miniature-extractors.md).
    """
    unchanged = extracted(metric, clips)
    for strength in STRENGTHS:
        worse = [
            _corrupted(clip, corruption, strength, number) for number, clip in enumerate(clips)
        ]
        yield metric.score(extracted(metric, worse), unchanged).score.value


def _corrupted(clip: Clip, corruption: str, strength: float, number: int) -> Clip:
    """Return a clip with pictures and sound corrupted; its number decides the noise."""
    if strength == 0:
        return clip
    video = corruptions.PICTURES[corruption](clip.video, strength, np.random.default_rng(number))
    audio = corruptions.SOUNDS[corruption](clip.audio, strength, np.random.default_rng(number))
    return Clip(video, audio, clip.spec)
