"""Joint sampling: both modalities are denoised together, conditioned on each other (Algorithm 1).

The loop is in `sample`. Each step takes both modalities from their local time steps, n(t) of the
audio and m(t) of the video (Eq. 8), to the next ones: the joint U-Net predicts the noise epsilon,
under classifier-free guidance; epsilon gives the predicted data x0_hat (Eq. 6), and both give the
latents at the next, lower noise level (DDIM, Eq. 5). The connectors see x_t beside the x0_hat of
the step before (self-conditioning, section 3.3.2).

Conventions
-----------
Pair(audio, video), latents and text embeddings as in `joint.unet`; latents are kept in float32
whatever the network's dtype. The text embeddings are the concatenation of both halves of the
guidance: first B unconditional (a negative or empty caption), then B of the captions.

What the released code computes and this does not, with the same result
-----------------------------------------------------------------------
- The connectors' inputs are the same in both halves of the guidance: they run once.
- A last step between equal noise levels leaves the latents as they are (video, official map: from
  level 0 to level 0): its U-Net does not run, nor the connector that would condition it.
- With a guidance of 1 the unconditional half does not run.
- Keys and values of the text, and attention to a single key: `text_attention`, `cross_attention`.

References
----------
M. Ishii et al., Eq. 5, 6, 8 and Algorithm 1. J. Ho, T. Salimans: Classifier-free diffusion
guidance, 2021. J. Song, C. Meng, S. Ermon: Denoising diffusion implicit models, ICLR 2021.
T. Chen, R. Zhang, G. Hinton: Analog bits, ICLR 2023 (self-conditioning).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from svbench.baselines.joint.connector import connector_inputs
from svbench.baselines.joint.ddim import NoiseSchedule, Prediction, ddim_step, epsilon_and_x0
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.timesteps import local_timesteps
from svbench.errors import ConfigError

if TYPE_CHECKING:  # its settings are read without diffusers
    from svbench.baselines.joint.unet import JointUNet


@dataclass(frozen=True, slots=True)
class Step:
    """The state of the sampler after a step, for an observer."""

    index: int
    timesteps: Pair[int]
    noise: Pair[Tensor]
    x0_hat: Pair[Tensor]
    latents: Pair[Tensor]


@dataclass(frozen=True, slots=True)
class _Level:
    """The noise level of one modality at a step, and the next one."""

    t: int  # n(t) or m(t), as an index into the table
    alpha_bar: Tensor
    alpha_bar_next: Tensor  # at n(t - 1) or m(t - 1)
    prediction: Prediction
    changes: bool  # False for a last step between equal levels


def sample(
    joint: JointUNet,
    start: Pair[Tensor],
    text: Pair[Tensor],
    schedules: Pair[NoiseSchedule],
    settings: SamplerSettings,
    observe: Callable[[Step], None] = lambda _step: None,
    *,
    apart: bool = False,
) -> Pair[Tensor]:
    """Sample latents of audio and video together.

    Parameters
    ----------
    joint : JointUNet
        in evaluation mode
    start : Pair of Tensor
        unit Gaussian noise, audio (B, C, Ta, F) and video (B, C, T, H, W)
    text : Pair of Tensor
        text embeddings (2 B, ...): B unconditional, B of the captions; without guidance (B, ...)
    schedules : Pair of NoiseSchedule
        of the base models
    settings : SamplerSettings
        steps, gamma, guidance
    observe : callable
        called with each `Step`
    apart : bool
        whether the halves of the guidance go through the U-Nets one after the other, which halves
        the memory of activations, and rounds otherwise (Default value = False)

    Returns
    -------
    latents : Pair of Tensor
        float32, shapes as `start`
    """
    _check_text(text, start, settings)
    predict = _GuidedPrediction.of(joint, start, text, settings.guidance, apart=apart)
    with torch.inference_mode(), joint.caching_text():
        x = start.map(lambda noise: noise.float())
        x0_hat = epsilon = x.map(torch.zeros_like)
        for i, level in enumerate(_levels(settings, schedules)):  # t = T..1
            # Predict the noise in both latents, each conditioned on the other.
            output = predict(x, x0_hat, level)
            # Sample the latents at n(t - 1) and m(t - 1) by Eq. 6 and 5.
            x, x0_hat, epsilon = map(Pair, *output.map(_ddim, x, x0_hat, epsilon, level))
            observe(Step(i, level.map(lambda at: at.t), epsilon, x0_hat, x))
    return x


def _levels(settings: SamplerSettings, schedules: Pair[NoiseSchedule]) -> Iterator[Pair[_Level]]:
    """Yield the noise levels at n(t) and m(t) of Eq. 8 for t = T..1."""

    def levels(timesteps: list[int], schedule: NoiseSchedule) -> list[_Level]:
        table = schedule.alpha_bar
        end = torch.ones(1) if settings.timestep_map == "eq8" else table[:1]
        alpha_bars = torch.cat([table[timesteps], end])
        last = bool(alpha_bars[-2] != alpha_bars[-1])
        changes = [True] * (len(timesteps) - 1) + [last]
        return [
            _Level(t, alpha_bar, alpha_bar_next, schedule.prediction, change)
            for t, (alpha_bar, alpha_bar_next), change in zip(
                timesteps, pairwise(alpha_bars), changes, strict=True
            )
        ]

    local = local_timesteps(settings.steps, settings.gamma, settings.timestep_map)
    yield from map(Pair, *local.map(levels, schedules))


def _ddim(
    output: Tensor | None, x: Tensor, x0_hat: Tensor, epsilon: Tensor, level: _Level
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x at the next noise level, x0_hat and epsilon; without output, as they were."""
    if output is None:
        return x, x0_hat, epsilon
    epsilon, x0_hat = epsilon_and_x0(output, x, level.alpha_bar, level.prediction)
    return ddim_step(x0_hat, epsilon, level.alpha_bar_next), x0_hat, epsilon


@dataclass(frozen=True, slots=True)
class _GuidedPrediction:
    """The joint U-Net under classifier-free guidance: u + s (c - u)."""

    joint: JointUNet
    # Unconditional half, then the captions (with a guidance of 1 these alone): as one batch, or
    # one after the other. None: that modality is not in that half.
    texts: tuple[Pair[Tensor | None], ...]
    guidance: Pair[float]
    dtype: torch.dtype

    @classmethod
    def of(
        cls,
        joint: JointUNet,
        start: Pair[Tensor],
        text: Pair[Tensor],
        guidance: Pair[float],
        *,
        apart: bool,
    ) -> _GuidedPrediction:
        text = text.map(lambda c, x, s: c[-len(x) :] if s == 1 else c, start, guidance)
        texts: tuple[Pair[Tensor | None], ...] = (Pair(*text),)
        if apart:
            first = text.map(lambda c, x: c[: len(x)] if len(c) > len(x) else None, start)
            last = text.map(lambda c, x: c[-len(x) :], start)
            texts = (first, Pair(*last)) if any(c is not None for c in first) else (Pair(*last),)
        return cls(joint, texts, guidance, text.video.dtype)

    def __call__(
        self, x: Pair[Tensor], x0_hat: Pair[Tensor], level: Pair[_Level]
    ) -> Pair[Tensor | None]:
        """Predict the noise (or the velocity) in x; None for a modality that does not change."""
        conditions = self._conditions(x, x0_hat, level)
        outputs = [self._predicted(x, text, level, conditions) for text in self.texts]
        return Pair(*(self._combined(*of) for of in zip(x, self.guidance, *outputs, strict=True)))

    def _predicted(
        self,
        x: Pair[Tensor],
        text: Pair[Tensor | None],
        level: Pair[_Level],
        conditions: Pair[Tensor | None],
    ) -> Pair[Tensor | None]:
        """Predict for as many texts as there are for each clip."""
        inputs = x.map(self._repeated, text, level)
        known: Pair[Any] = text
        t = x.map(lambda one, c, at: _timesteps(one if c is None else c, at), text, level)
        return self.joint.predict(inputs, t, known, conditions)

    def _conditions(
        self, x: Pair[Tensor], x0_hat: Pair[Tensor], level: Pair[_Level]
    ) -> Pair[Tensor | None]:
        """Return the conditions, once for both halves, each made from the other modality."""
        latents = connector_inputs(x, x0_hat).map(lambda tensor: tensor.to(self.dtype))
        audio = latents.audio if level.video.changes else None
        video = latents.video if level.audio.changes else None
        return self.joint.conditions(Pair(audio, video), x.map(_timesteps, level))

    @staticmethod
    def _repeated(x: Tensor, text: Tensor | None, level: _Level) -> Tensor | None:
        if text is None or not level.changes:
            return None
        return x.to(text.dtype).repeat(len(text) // len(x), *[1] * (x.ndim - 1))

    @staticmethod
    def _combined(x: Tensor, scale: float, *outputs: Tensor | None) -> Tensor | None:
        there = [output.float() for output in outputs if output is not None]
        halves = [half for output in there for half in torch.split(output, len(x))]
        if len(halves) < 2:
            return halves[0] if halves else None
        unconditional, conditional = halves
        return unconditional + scale * (conditional - unconditional)


def _timesteps(batch: Tensor, level: _Level) -> Tensor:
    """Return the time step of each sample of a batch, (B,)."""
    return torch.full((len(batch),), level.t, device=batch.device)


def _check_text(text: Pair[Tensor], start: Pair[Tensor], settings: SamplerSettings) -> None:
    for embeddings, noise in zip(text, start, strict=True):
        if len(embeddings) != settings.halves * len(noise):
            raise ConfigError(
                f"captions: found {len(embeddings)} for {len(noise)} clips, "
                f"expected {settings.halves} per clip"
            )
