"""Local time steps: the noise level of each modality at a step of the joint sampler (Eq. 8).

A global time step t runs from T (noise) to 0 (data); the video stands at m(t), the audio at n(t),
so that both become clear at the same pace (section 3.2). gamma > 1 lets the video run ahead
towards data and holds the audio back; with gamma = 1 both are linear in t.

Conventions
-----------
The local time steps of a modality are a list of indices into its table of noise levels
(`ddim.NoiseSchedule`), one per step, falling; index 0 is nearly data. The time step that follows
is always the next entry *of the list*, never t - 1000 / T, and it is found by its position:
rounding may repeat a value (gamma 1.5 and 500 steps: twice for the video).

There are two maps:

eq8         Eq. 8 as printed: round(T_m (t / T)^e) for t = T..1, hence 1000 first. The paper counts
            noise levels from 1, tables from 0, so an index is one less. Ends at data itself.
official    the released code: the same power of the integer list that each base model's own
            sampler uses (video: `linspace`, 999 first; audio: `leading`, 961 first for 25 steps).
            Ends at index 0 of the table. For video the last step then goes from 0 to 0.

e is sqrt(gamma) for video and 1 / sqrt(gamma) for audio.

Exact halves round to the even neighbour in both maps. The released code does so (in float32); the
paper does not say how its Eq. 8 rounds. They occur where e is rational (gamma 1: 16 steps,
1000 t / 16 = 62.5 t), and floating point must not decide them: 1000 (1 / 20)^2 is 2.5, which
float64 takes for 2.5000000000000004.

References
----------
M. Ishii et al.: A Simple but Strong Baseline for Sounding Video Generation, section 3.2, Eq. 8;
released code: github.com/SonyResearch/SVG_baseline, commit e8ebd06.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

from svbench.baselines.joint.pair import Pair
from svbench.errors import ConfigError

TRAIN_STEPS: Final = 1000  # noise levels of every base model here
DECIMALS: Final = 9  # of a level before it is rounded: float64 is off by 1e-12

TimestepMap = Literal["eq8", "official"]
Spacing = Literal["linspace", "leading"]
BASE_SPACING: Final[Pair[Spacing]] = Pair(audio="leading", video="linspace")


def exponents(gamma: float) -> Pair[float]:
    """Return the exponents of Eq. 8: 1 / sqrt(gamma) and sqrt(gamma)."""
    if not (math.isfinite(gamma) and gamma > 0):
        raise ConfigError(f"--gamma: found {gamma}, expected a positive number; 1 adjusts nothing")
    return Pair(audio=1 / math.sqrt(gamma), video=math.sqrt(gamma))


def local_timesteps(
    steps: int,
    gamma: float,
    kind: TimestepMap = "eq8",
    spacing: Pair[Spacing] = BASE_SPACING,
) -> Pair[list[int]]:
    """Return n(t) of the audio and m(t) of the video for t = T..1.

    Parameters
    ----------
    steps : int
        sampler steps T, 1..1000
    gamma : float
        strength of the adjustment, > 0
    kind : "eq8" or "official"
        which map
    spacing : Pair
        how the base models space their steps; `eq8` does not use it
    """
    if not 1 <= steps <= TRAIN_STEPS:
        raise ConfigError(f"--steps: found {steps}, expected 1 to {TRAIN_STEPS}")
    if kind == "eq8":
        return exponents(gamma).map(lambda e: eq8(steps, e))
    return exponents(gamma).map(lambda e, s: official(spaced(steps, s), e), spacing)


def eq8(steps: int, exponent: float) -> list[int]:
    """Return round(1000 (t / T)^e) of Eq. 8 for t = T..1, as indices 0..999."""
    t = np.arange(steps, 0, -1)
    exact = np.round(TRAIN_STEPS * (t / steps) ** exponent, DECIMALS)  # a half is a half again
    levels = np.rint(exact).astype(int)
    # Large T and exponent send the last levels to 0, the data itself; level 1 is the nearest.
    return [int(level) - 1 for level in np.maximum(levels, 1)]


def spaced(steps: int, spacing: Spacing) -> list[int]:
    """Return the steps of diffusers' DDIM; `leading` with the offset of 1 that both models set."""
    if spacing == "linspace":
        return [int(t) for t in np.linspace(0, TRAIN_STEPS - 1, steps).round()[::-1]]
    return [min(i * (TRAIN_STEPS // steps) + 1, TRAIN_STEPS - 1) for i in reversed(range(steps))]


def official(timesteps: list[int], exponent: float) -> list[int]:
    """Map time steps as the released code does: in float32, halves to even."""
    if exponent == 1:
        return timesteps
    share = np.asarray(timesteps, np.float32) / np.float32(TRAIN_STEPS)
    mapped = np.rint(share ** np.float32(exponent) * np.float32(TRAIN_STEPS))
    return [min(int(t), TRAIN_STEPS - 1) for t in mapped]  # gamma < 1 may round past the table
