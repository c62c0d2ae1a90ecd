"""The training loss of the joint model: both U-Nets say what noise was mixed into a clip.

What chance decides about a batch is drawn first and apart (`Draw`), from one generator per clip:
so a clip's lesson depends neither on the clips beside it nor on how many machines there are.

Two ways to draw noise levels are alive:

independent   the paper (Eq. 9-10): each modality has a level of its own, and the connectors see
              what the U-Nets see, as in sampling.
shared        the released code: one level for both; the connectors see the same clip and noise
              at levels of their own, one per modality.

Self-conditioning: in half of the cases, per clip and modality, the connectors see the clean
latents that the model itself guesses in a first pass without gradient, else zeros (the sampler's
first step). The first pass is left out for clips where nobody would see it. In it, `shared`
embeds the main levels although its connectors see others, as the released code does.

Conventions
-----------
Modal(audio, video), latents and captions as in `joint_unet`. A sound may have fewer rows than its
U-Net takes; zeros fill it up after noise was mixed in, and are not judged.

References
----------
M. Ishii et al., section 3.2 and Eq. 9-10; T. Chen, R. Zhang, G. Hinton: Analog bits, ICLR 2023.
github.com/SonyResearch/SVG_baseline, commit e8ebd06 (`shared`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.ddim import NoiseSchedule, noised, target, to_noise
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.timesteps import TRAIN_STEPS
from svbench.baselines.joint.unet import environment

TimeSampling = Literal["independent", "shared"]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What chance decides about a batch of B clips."""

    times: Modal[Tensor]  # LongTensor (B,): the levels of the U-Nets
    noise: Modal[Tensor]  # as the latents
    keep: Modal[Tensor]  # bool (B,): the connectors see the guess, else zeros
    uncaptioned: Tensor  # bool (B,): the caption is taken away
    environment_times: Modal[Tensor] | None = None  # the connectors' levels; None: `times`

    def to(self, device: torch.device) -> Draw:
        """Bring all to a device."""

        def there(pair: Modal[Tensor]) -> Modal[Tensor]:
            return pair.map(lambda tensor: tensor.to(device))

        apart = self.environment_times
        return Draw(
            there(self.times),
            there(self.noise),
            there(self.keep),
            self.uncaptioned.to(device),
            None if apart is None else there(apart),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the model made of a batch."""

    losses: Modal[Tensor]  # mean squared errors; training lowers their sum
    said: Modal[Tensor]  # of all rows
    guessed: Modal[Tensor]  # clean latents of the first pass; zeros for clips without one


def draw(
    shapes: Modal[Shape],
    generators: Sequence[torch.Generator],
    sampling: TimeSampling = "independent",
    keep: float = 0.5,
    drop: float = 0.1,
) -> Draw:
    """Draw a batch, clip by clip.

    Parameters
    ----------
    shapes : Modal of tuple
        of one clip's latents
    generators : sequence of torch.Generator
        one for each clip
    sampling : "independent" or "shared"
        how noise levels are drawn
    keep : float
        chance that the connectors see a guess, per clip and modality
    drop : float
        chance that a clip loses its caption, for both modalities
    """
    drawn = [_draw_one(shapes, generator, sampling, keep, drop) for generator in generators]

    def pile(pairs: Sequence[Modal[Tensor]]) -> Modal[Tensor]:
        return pairs[0].map(lambda *tensors: torch.stack(tensors), *pairs[1:])

    apart = [one.environment_times for one in drawn if one.environment_times is not None]
    return Draw(
        pile([one.times for one in drawn]),
        pile([one.noise for one in drawn]),
        pile([one.keep for one in drawn]),
        torch.stack([one.uncaptioned for one in drawn]),
        pile(apart) if apart else None,
    )


def _draw_one(
    shapes: Modal[Shape],
    generator: torch.Generator,
    sampling: TimeSampling,
    keep: float,
    drop: float,
) -> Draw:
    def level() -> Tensor:
        return torch.randint(TRAIN_STEPS, (), generator=generator)

    def chance(share: float) -> Tensor:
        return torch.rand((), generator=generator) < share

    levels = Modal(level(), level())
    shared = level()
    return Draw(
        times=Modal(shared, shared) if sampling == "shared" else levels,
        noise=shapes.map(lambda shape: torch.randn(shape, generator=generator)),
        keep=Modal(chance(keep), chance(keep)),
        uncaptioned=chance(drop),
        environment_times=levels if sampling == "shared" else None,
    )


def without_captions(
    captions: Modal[Tensor], empty: Modal[Tensor], uncaptioned: Tensor
) -> Modal[Tensor]:
    """Put the empty caption (1, ...) where a clip loses its own."""
    return captions.map(lambda told, none: _where(uncaptioned, none, told), empty)


def joint_loss(
    joint: Callable[..., Modal[Tensor]],
    latents: Modal[Tensor],
    captions: Modal[Tensor],
    draw: Draw,
    schedules: Modal[NoiseSchedule],
    rows: int,
) -> Outcome:
    """Judge what the model says of a noisy batch.

    Parameters
    ----------
    joint : callable
        a `JointUNet`, or what wraps one
    latents, captions : Modal of Tensor
        clean latents and captions
    draw : Draw
        levels, noise and chances
    schedules : Modal of NoiseSchedule
        of the base models
    rows : int
        rows of sound that its U-Net takes
    """
    noisy = _mixed(latents, draw, draw.times, schedules, rows)
    apart = draw.environment_times
    seen = noisy if apart is None else _mixed(latents, draw, apart, schedules, rows)
    guessed = nothing = noisy.map(torch.zeros_like)
    needed = draw.keep.audio | draw.keep.video
    if bool(needed.any()):
        # Not by what wraps it: that might wait for processes which need no first pass.
        alone = getattr(joint, "module", joint)
        told = noisy, draw.times, captions, environment(seen, nothing)
        x, times, *others = [pair.map(lambda tensor: tensor[needed]) for pair in told]
        with torch.no_grad():
            clean = _clean(alone(x, times, *others), x, times, schedules)
        guessed = nothing.map(lambda zero, x0: zero.index_put((needed,), x0), clean)
    shown = guessed.map(lambda x0, kept, zero: _where(kept, x0, zero), draw.keep, nothing)
    said = joint(noisy, draw.times, captions, environment(seen, shown), draw.environment_times)
    losses = said.map(_error, _targets(latents, draw, schedules))
    return Outcome(losses, said, guessed)


def base_loss(
    joint: Callable[..., Modal[Tensor]],
    latents: Modal[Tensor],
    captions: Modal[Tensor],
    draw: Draw,
    schedules: Modal[NoiseSchedule],
    rows: int,
    name: str,
) -> Tensor:
    """Judge what the base model of a modality says of it alone: give the mean squared error.

    Parameters as in `joint_loss`; `name` is "audio" or "video". Nothing is guessed.
    """
    noisy = _mixed(latents, draw, draw.times, schedules, rows)
    said = joint(noisy, draw.times, captions, noisy, alone=name)
    losses = said.map(_error, _targets(latents, draw, schedules))
    return losses.audio if name == "audio" else losses.video


def _mixed(
    latents: Modal[Tensor],
    draw: Draw,
    times: Modal[Tensor],
    schedules: Modal[NoiseSchedule],
    rows: int,
) -> Modal[Tensor]:
    """Mix noise into clean latents, and fill the sound up to the rows of its U-Net."""
    sound, sight = latents.map(noised, draw.noise, alpha_bars(schedules, times))
    return Modal(functional.pad(sound, (0, 0, 0, rows - sound.shape[2])), sight)


def alpha_bars(schedules: Modal[NoiseSchedule], times: Modal[Tensor]) -> Modal[Tensor]:
    """Give the signal's share of variance for each clip."""
    return times.map(lambda t, schedule: schedule.alpha_bar.to(t.device)[t], schedules)


def _targets(latents: Modal[Tensor], draw: Draw, schedules: Modal[NoiseSchedule]) -> Modal[Tensor]:
    kinds = schedules.map(lambda schedule: schedule.prediction)
    return latents.map(target, draw.noise, alpha_bars(schedules, draw.times), kinds)


def _clean(
    said: Modal[Tensor],
    noisy: Modal[Tensor],
    times: Modal[Tensor],
    schedules: Modal[NoiseSchedule],
) -> Modal[Tensor]:
    """Give the clean latents behind what the model said."""
    levels = alpha_bars(schedules, times)
    kinds = schedules.map(lambda schedule: schedule.prediction)
    return said.map(lambda s, x, a, kind: to_noise(s.float(), x, a, kind)[1], noisy, levels, kinds)


def _error(said: Tensor, wanted: Tensor) -> Tensor:
    """Give the mean squared error; rows beyond those wanted are padding."""
    return functional.mse_loss(said[:, :, : wanted.shape[2]].float(), wanted)


def _where(chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Choose clip by clip."""
    return torch.where(chosen.view(-1, *[1] * (no.ndim - 1)), yes, no)
