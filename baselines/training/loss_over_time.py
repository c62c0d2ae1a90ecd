"""The loss over time steps (Figure 2): how hard either modality is to denoise at a global time.

At each global time step both modalities stand at their local time steps (Eq. 8), are noised, and
the model predicts their noise. The same noise is used at all time steps, so the curves are smooth;
half of the clips are self-conditioned, as in training.

Conventions
-----------
The loss is that of the noise, as in the paper, also where a network predicts the velocity. Global
time steps run from 0 (data) to 999 in even steps. Each curve is divided by its value at 0. The
local time steps are those of the released map, which maps 0 to 0; gamma = 1 adjusts nothing.

References
----------
M. Ishii et al., section 3.2.1 and Figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.timesteps import exponents, official, spaced
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.batches import LatentDataset, generator
from svbench.baselines.training.loss import draw, joint_loss
from svbench.compute import Machine, inference
from svbench.errors import ConfigError

Curve = NDArray[np.float64]


def global_times(levels: int) -> list[int]:
    """Return the global time steps of a curve, rising from 0 to 999."""
    if levels < 2:
        raise ConfigError(f"--levels: found {levels}, expected 2 or more")
    return spaced(levels, "linspace")[::-1]


def loss_over_time(
    joint: JointUNet,
    dataset: LatentDataset,
    schedules: Pair[NoiseSchedule],
    *,
    rows: int,
    gamma: float = 1.0,
    levels: int = 20,
    clips: Sequence[int] = range(16),
    at_once: int = 4,
    seed: int = 0,
) -> Pair[Curve]:
    """Compute both curves, one value for each of `global_times(levels)`.

    Parameters
    ----------
    joint : JointUNet
        in evaluation mode
    dataset : LatentDataset
        clean latents and captions
    schedules : Pair of NoiseSchedule
        of the base models
    rows : int
        rows of audio latents that its U-Net takes
    gamma : float
        strength of the adjustment; 1: none
    levels : int
        number of global time steps
    clips : sequence of int
        indices of clips; more clips, less scatter
    at_once : int
        batch size
    seed : int
        of the noise
    """
    known = [clip for clip in clips if clip < len(dataset)]
    times = global_times(levels)
    local = exponents(gamma).map(lambda e: official(times, e))
    total = np.zeros((levels, 2))
    device = next(joint.parameters()).device
    with inference(Machine(str(device))):
        for first in range(0, len(known), at_once):
            part = known[first : first + at_once]
            for level in range(levels):
                t = local.map(lambda timesteps: timesteps[level])  # noqa: B023
                total[level] += len(part) * np.array(
                    _losses(joint, dataset, schedules, rows, part, t, seed)
                )
    normalised = total / total[0]
    return Pair(audio=normalised[:, 0], video=normalised[:, 1])


def _losses(
    joint: JointUNet,
    dataset: LatentDataset,
    schedules: Pair[NoiseSchedule],
    rows: int,
    clips: list[int],
    t: Pair[int],
    seed: int,
) -> Pair[float]:
    """Return the mean losses of some clips at one local time step for each modality."""
    device = next(joint.parameters()).device
    latents = dataset.latents(clips).map(lambda tensor: tensor.to(device))
    text = dataset.captions(clips).map(lambda tensor: tensor.to(device))
    shapes = latents.map(lambda tensor: tuple(tensor.shape[1:]))
    drawn = draw(shapes, [generator(seed, clip) for clip in clips], caption_drop=0).to(device)
    drawn = replace(drawn, t=drawn.t.map(torch.full_like, t))
    losses = joint_loss(joint, latents, text, drawn, schedules, rows).losses
    return losses.map(_noise_loss, t, schedules).map(float)


def _noise_loss(loss: Tensor, t: int, schedule: NoiseSchedule) -> Tensor:
    """Return the loss of the noise, also where the network predicts the velocity.

    noise = sqrt(alpha_bar) velocity + sqrt(1 - alpha_bar) x_t, so that squared errors differ by
    alpha_bar.
    """
    if schedule.prediction == "epsilon":
        return loss
    return loss * schedule.alpha_bar[t].to(loss.device)
