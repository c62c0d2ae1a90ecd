"""The loss over time steps (Figure 2): how clear either modality is at a global time.

At each global time both modalities stand at their local levels (Eq. 8), are noised, and the model
says what noise it sees. The same noise serves at all times, so the curves are smooth; half of the
clips' guesses are shown to the connectors, as in training.

Conventions
-----------
The loss is that of the noise, as in the paper, also where a network says the velocity. Global times
run from 0 (data) to 999 in even steps. Each curve is divided by its value at 0. The local levels
are those of the released map, which leads 0 to 0; gamma = 1 adjusts nothing.

References
----------
M. Ishii et al., section 3.2.1 and Figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.timesteps import exponents, official, spaced
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.loop import Lessons, generator
from svbench.baselines.training.loss import Draw, draw, joint_loss
from svbench.errors import ConfigError

Curve = NDArray[np.float64]


def global_times(levels: int) -> list[int]:
    """Give the global times of a curve, rising from 0 to 999."""
    if levels < 2:
        raise ConfigError(f"--levels: found {levels}, expected 2 or more")
    return spaced(levels, "linspace")[::-1]


def loss_over_time(
    joint: JointUNet,
    lessons: Lessons,
    schedules: Modal[NoiseSchedule],
    *,
    rows: int,
    gamma: float = 1.0,
    levels: int = 20,
    clips: Sequence[int] = range(16),
    at_once: int = 4,
    seed: int = 0,
) -> Modal[Curve]:
    """Give both curves, one value for each of `global_times(levels)`.

    Parameters
    ----------
    joint : JointUNet
        in evaluation mode, with the weights to look at
    lessons : Lessons
        clean latents and captions
    schedules : Modal of NoiseSchedule
        of the base models
    rows : int
        rows of sound that its U-Net takes
    gamma : float
        strength of the adjustment; 1: none
    levels : int
        global times to look at
    clips : sequence of int
        which lessons; more clips, less scatter
    at_once : int
        clips that fit the memory
    seed : int
        decides the noise
    """
    known = [clip for clip in clips if clip < len(lessons)]
    times = global_times(levels)
    local = exponents(gamma).map(lambda e: official(times, e))
    total = np.zeros((levels, 2))
    with torch.inference_mode():
        for first in range(0, len(known), at_once):
            part = known[first : first + at_once]
            for level in range(levels):
                at = local.map(lambda path: path[level])  # noqa: B023
                total[level] += len(part) * np.array(
                    _losses(joint, lessons, schedules, rows, part, at, seed)
                )
    normalised = total / total[0]
    return Modal(audio=normalised[:, 0], video=normalised[:, 1])


def _losses(
    joint: JointUNet,
    lessons: Lessons,
    schedules: Modal[NoiseSchedule],
    rows: int,
    clips: list[int],
    at: Modal[int],
    seed: int,
) -> list[float]:
    """Give the mean losses of some clips at one local time for each modality."""
    device = next(joint.parameters()).device
    latents = lessons.latents(clips).map(lambda tensor: tensor.to(device))
    captions = lessons.captions(clips).map(lambda tensor: tensor.to(device))
    shapes = latents.map(lambda tensor: tuple(tensor.shape[1:]))
    lesson = draw(shapes, [generator(seed, clip) for clip in clips], drop=0).to(device)
    times = lesson.times.map(torch.full_like, at)
    lesson = Draw(times, lesson.noise, lesson.keep, lesson.uncaptioned)
    losses = joint_loss(joint, latents, captions, lesson, schedules, rows).losses
    return [float(loss) for loss in losses.map(_of_noise, at, schedules)]


def _of_noise(loss: Tensor, time: int, schedule: NoiseSchedule) -> Tensor:
    """Give the loss of the noise, also where the network says the velocity.

    noise = sqrt(alpha_bar) velocity + sqrt(1 - alpha_bar) x_t, so that squared errors differ by
    alpha_bar.
    """
    if schedule.prediction == "epsilon":
        return loss
    return loss * schedule.alpha_bar[time].to(loss.device)
