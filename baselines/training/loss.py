"""The training loss of the joint model: the error of the noise that both U-Nets predict.

The random variables of a batch are drawn before anything is computed (`Draw`), from one generator
per clip: so the loss of a clip depends neither on the clips beside it nor on how many processes
there are.

Two ways to draw time steps are implemented:

independent   the paper (Eq. 9-10): each modality has a time step of its own, and the connectors
              see what the U-Nets see, as in sampling.
shared        the released code: one time step for both; the connectors see the same clip and
              noise at time steps of their own, one per modality.

Self-conditioning: in half of the cases, per clip and modality, the connectors see the clean
latents that the model itself predicts in a first pass without gradient, else zeros (the sampler's
first step). The first pass is left out for clips where its result would not be used. In it,
`shared` embeds the main time steps although its connectors see others, as the released code does.

Conventions
-----------
Pair(audio, video), latents and text embeddings as in `joint.unet`. Audio latents may have fewer
rows than their U-Net takes; they are padded with zeros after noise was added, and the padding does
not count in the loss.

References
----------
M. Ishii et al., section 3.2 and Eq. 9-10; T. Chen, R. Zhang, G. Hinton: Analog bits, ICLR 2023.
github.com/SonyResearch/SVG_baseline, commit e8ebd06 (`shared`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.connector import connector_inputs
from svbench.baselines.joint.ddim import (
    NoiseSchedule,
    add_noise,
    epsilon_and_x0,
    target,
)
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.timesteps import TRAIN_STEPS

TimeSampling = Literal["independent", "shared"]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """The random variables of a batch of B clips."""

    t: Pair[Tensor]  # LongTensor (B,): the time steps of the U-Nets
    noise: Pair[Tensor]  # as the latents
    self_conditioned: Pair[Tensor]  # bool (B,): the connectors see the predicted x_0, else zeros
    unconditional: Tensor  # bool (B,): the caption is dropped
    connector_t: Pair[Tensor] | None = None  # the connectors' time steps; None: `t`

    def to(self, device: torch.device) -> Draw:
        """Move all tensors to a device."""

        def moved(pair: Pair[Tensor]) -> Pair[Tensor]:
            return pair.map(lambda tensor: tensor.to(device))

        return Draw(
            moved(self.t),
            moved(self.noise),
            moved(self.self_conditioned),
            self.unconditional.to(device),
            None if self.connector_t is None else moved(self.connector_t),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The losses of a batch, and the predictions that they were computed from."""

    losses: Pair[Tensor]  # mean squared errors; training minimises their sum
    output: Pair[Tensor]  # of all rows
    x0_hat: Pair[Tensor]  # clean latents predicted in the first pass; zeros for clips without one


def draw(
    shapes: Pair[Shape],
    generators: Sequence[torch.Generator],
    sampling: TimeSampling = "independent",
    self_conditioning: float = 0.5,
    caption_drop: float = 0.1,
) -> Draw:
    """Draw the random variables of a batch, clip by clip.

    Parameters
    ----------
    shapes : Pair of tuple
        of one clip's latents
    generators : sequence of torch.Generator
        one for each clip
    sampling : "independent" or "shared"
        how time steps are drawn
    self_conditioning : float
        probability that the connectors see a predicted x_0, per clip and modality
    caption_drop : float
        probability that a clip's caption is dropped, for both modalities
    """
    draws = [
        _draw_one(shapes, generator, sampling, self_conditioning, caption_drop)
        for generator in generators
    ]
    connector_t = [one.connector_t for one in draws if one.connector_t is not None]
    return Draw(
        Pair.collate((one.t for one in draws), torch.stack),
        Pair.collate((one.noise for one in draws), torch.stack),
        Pair.collate((one.self_conditioned for one in draws), torch.stack),
        torch.stack([one.unconditional for one in draws]),
        Pair.collate(connector_t, torch.stack) if connector_t else None,
    )


def _draw_one(
    shapes: Pair[Shape],
    generator: torch.Generator,
    sampling: TimeSampling,
    self_conditioning: float,
    caption_drop: float,
) -> Draw:
    def timestep() -> Tensor:
        return torch.randint(TRAIN_STEPS, (), generator=generator)

    def chance(probability: float) -> Tensor:
        return torch.rand((), generator=generator) < probability

    own = Pair(timestep(), timestep())
    shared = timestep()
    return Draw(
        t=Pair(shared, shared) if sampling == "shared" else own,
        noise=shapes.map(lambda shape: torch.randn(shape, generator=generator)),
        self_conditioned=Pair(chance(self_conditioning), chance(self_conditioning)),
        unconditional=chance(caption_drop),
        connector_t=own if sampling == "shared" else None,
    )


def drop_text(text: Pair[Tensor], empty: Pair[Tensor], unconditional: Tensor) -> Pair[Tensor]:
    """Replace the text embeddings of unconditional clips by that of the empty caption (1, ...)."""
    return text.map(lambda own, none: _where(unconditional, none, own), empty)


def joint_loss(
    joint: Callable[..., Pair[Tensor]],
    latents: Pair[Tensor],
    text: Pair[Tensor],
    draw: Draw,
    schedules: Pair[NoiseSchedule],
    rows: int,
) -> Outcome:
    """Compute the losses of both modalities (Eq. 9).

    Parameters
    ----------
    joint : callable
        a `JointUNet`, or a wrapper of one
    latents, text : Pair of Tensor
        clean latents and text embeddings
    draw : Draw
        time steps, noise and what is dropped
    schedules : Pair of NoiseSchedule
        of the base models
    rows : int
        rows of audio latents that the U-Net takes
    """
    x_t = _noisy(latents, draw.noise, draw.t, schedules, rows)
    seen = x_t
    if draw.connector_t is not None:
        seen = _noisy(latents, draw.noise, draw.connector_t, schedules, rows)
    zeros = x_t.map(torch.zeros_like)
    x0_hat = _first_pass(joint, x_t, seen, text, draw, schedules)
    shown = x0_hat.map(lambda x0, kept, zero: _where(kept, x0, zero), draw.self_conditioned, zeros)
    output = joint(x_t, draw.t, text, connector_inputs(seen, shown), draw.connector_t)
    losses = output.map(_squared_error, _targets(latents, draw, schedules))
    return Outcome(losses, output, x0_hat)


def base_loss(
    joint: Callable[..., Pair[Any]],
    latents: Pair[Tensor],
    text: Pair[Tensor],
    draw: Draw,
    schedules: Pair[NoiseSchedule],
    rows: int,
    trained: Pair[bool],
) -> Pair[Tensor | None]:
    """Compute the loss of the base models that are trained; None for the others.

    Parameters as in `joint_loss`; the modalities are not conditioned on each other.
    """
    x_t = _noisy(latents, draw.noise, draw.t, schedules, rows)
    inputs = x_t.map(lambda x, kept: x if kept else None, trained)
    output = joint(inputs, draw.t, text, None)
    targets = _targets(latents, draw, schedules)
    return output.map(lambda o, y: None if o is None else _squared_error(o, y), targets)


def _first_pass(
    joint: Callable[..., Pair[Tensor]],
    x_t: Pair[Tensor],
    seen: Pair[Tensor],
    text: Pair[Tensor],
    draw: Draw,
    schedules: Pair[NoiseSchedule],
) -> Pair[Tensor]:
    """Predict x_0 for self-conditioning, without gradient; zeros for clips that do not need it."""
    zeros = x_t.map(torch.zeros_like)
    needed = draw.self_conditioned.audio | draw.self_conditioned.video
    if not bool(needed.any()):
        return zeros
    # Not by the wrapper: it might wait for processes that need no first pass.
    unwrapped = getattr(joint, "module", joint)
    whole = x_t, draw.t, text, connector_inputs(seen, zeros)
    x, t, *others = [pair.map(lambda tensor: tensor[needed]) for pair in whole]
    with torch.no_grad():
        x0_hat = _predicted_data(unwrapped(x, t, *others), x, t, schedules)
    return zeros.map(lambda zero, x0: zero.index_put((needed,), x0), x0_hat)


def _noisy(
    latents: Pair[Tensor],
    noise: Pair[Tensor],
    t: Pair[Tensor],
    schedules: Pair[NoiseSchedule],
    rows: int,
) -> Pair[Tensor]:
    """Add noise to clean latents, and pad the audio to the rows of its U-Net."""
    audio, video = latents.map(add_noise, noise, _alpha_bars(schedules, t))
    return Pair(functional.pad(audio, (0, 0, 0, rows - audio.shape[2])), video)


def _alpha_bars(schedules: Pair[NoiseSchedule], t: Pair[Tensor]) -> Pair[Tensor]:
    """Return alpha_bar of each clip, (B,)."""
    return t.map(lambda t, schedule: schedule.alpha_bar.to(t.device)[t], schedules)


def _targets(latents: Pair[Tensor], draw: Draw, schedules: Pair[NoiseSchedule]) -> Pair[Tensor]:
    kinds = schedules.map(lambda schedule: schedule.prediction)
    return latents.map(target, draw.noise, _alpha_bars(schedules, draw.t), kinds)


def _predicted_data(
    output: Pair[Tensor], x_t: Pair[Tensor], t: Pair[Tensor], schedules: Pair[NoiseSchedule]
) -> Pair[Tensor]:
    """Return x0_hat (Eq. 6) of the model's outputs."""

    def x0_hat(output: Tensor, x_t: Tensor, alpha_bar: Tensor, schedule: NoiseSchedule) -> Tensor:
        return epsilon_and_x0(output.float(), x_t, alpha_bar, schedule.prediction)[1]

    return output.map(x0_hat, x_t, _alpha_bars(schedules, t), schedules)


def _squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error; rows beyond those of the target are padding."""
    return functional.mse_loss(output[:, :, : target.shape[2]].float(), target)


def _where(chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Choose clip by clip."""
    return torch.where(chosen.view(-1, *[1] * (no.ndim - 1)), yes, no)
