"""Flashes: a system without weights, whose picture flashes white whenever a click sounds.

The times are drawn by the seed of each request, so a clip depends on nothing else: the batch, the
order and the number of workers never change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

import svbench

CLICK = 0.02  # s
RATE = 2.0  # flashes / s, on average


@dataclass(frozen=True)
class Flashes:
    """Generates clips of flashes with clicks."""

    name: str = "flashes"
    title: str = "flashes with clicks"
    settings: Mapping[str, str | int | float] = field(default_factory=lambda: {"rate": RATE})
    made_of_real_clips: bool = False

    def decided_by(self, request: svbench.Request) -> Mapping[str, str]:
        """Return what decides a clip beside its id and seed."""
        del request  # its caption is not read
        return {"rate": str(RATE)}

    def generate(
        self, requests: Sequence[svbench.Request], spec: svbench.ClipSpec
    ) -> Iterator[svbench.Clip]:
        """Yield a clip per request."""
        for request in requests:
            yield flashes(spec, request.seed)


def flashes(spec: svbench.ClipSpec, seed: int) -> svbench.Clip:
    """Return a black clip with white frames, at whose starts clicks sound."""
    random = np.random.default_rng(seed)
    lit = random.random(spec.frames) < RATE / spec.fps
    video = np.zeros((spec.frames, *spec.size, 3), np.uint8)
    video[lit] = 255
    audio = np.zeros(spec.samples, np.float32)
    for frame in np.flatnonzero(lit):
        first = round(frame / spec.fps * spec.sample_rate)
        click = audio[first : first + round(CLICK * spec.sample_rate)]
        click[:] = random.uniform(-0.5, 0.5, len(click))
    return svbench.Clip(video, audio, spec)


def rows(config: svbench.RunConfig) -> Sequence[Callable[[svbench.RealClips], svbench.System]]:
    """Return what builds each row; here there is one, and no setting of the run changes it."""
    del config
    return [build]


def build(real_clips: svbench.RealClips) -> svbench.System:
    """Return the system; it is made of no real clips."""
    del real_clips
    return Flashes()


ENTRY = svbench.SystemEntry("flashes with clicks", rows)
