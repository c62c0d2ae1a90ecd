"""Noise schedules and the deterministic DDIM step, by index.

Conventions
-----------
alpha_bar[t] is the share of signal variance left at time step t (Eq. 2), t = 0..999, in float32
as the base models were trained with; sigma = sqrt(1 - alpha_bar). Latents x_t have any shape
(B, ...); alpha_bar is a number, or a tensor (B,) with one value per sample. A network predicts
either the noise in x_t ("epsilon") or the velocity ("v_prediction"); `epsilon_and_x0`
turns both into epsilon and x0_hat.

References
----------
M. Ishii et al., Eq. 2, 5, 6. J. Song, C. Meng, S. Ermon: Denoising diffusion implicit models,
ICLR 2021. T. Salimans, J. Ho: Progressive distillation, ICLR 2022 (velocity).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.timesteps import TRAIN_STEPS
from svbench.errors import DataError

Prediction = Literal["epsilon", "v_prediction"]
Betas = Literal["linear", "scaled_linear"]


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """The variances of the forward process, and what the network predicts."""

    beta_start: float
    beta_end: float
    betas: Betas
    prediction: Prediction = "epsilon"
    clearer: float = 1.0  # factor on signal over noise, as copies of the data would give it

    @property
    def alpha_bar(self) -> Tensor:
        """Return alpha_bar of each time step, float32, shape (1000,)."""
        power = 2 if self.betas == "scaled_linear" else 1
        ends = self.beta_start ** (1 / power), self.beta_end ** (1 / power)
        betas = torch.linspace(*ends, TRAIN_STEPS, dtype=torch.float32) ** power
        alpha_bar = torch.cumprod(1.0 - betas, dim=0)
        if self.clearer == 1:  # bit for bit the base models' own
            return alpha_bar
        return self.clearer * alpha_bar / (self.clearer * alpha_bar + 1 - alpha_bar)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], source: str) -> NoiseSchedule:
        """Parse a diffusers scheduler configuration.

        Raises DataError where it asks for what is not implemented and would change the samples.
        """
        wanted = {"num_train_timesteps": TRAIN_STEPS, "clip_sample": False, "trained_betas": None}
        wanted |= {"thresholding": False, "rescale_betas_zero_snr": False}
        for key, value in wanted.items():
            if config.get(key, value) != value:
                raise DataError(f"{source}: found {key} {config[key]!r}, expected {value!r}")
        kinds = {"beta_schedule": ("linear", "scaled_linear")}
        kinds["prediction_type"] = ("epsilon", "v_prediction")
        for key, known in kinds.items():
            if config.get(key, "epsilon") not in known:
                raise DataError(f"{source}: found {key} {config.get(key)!r}, expected {known}")
        return cls(
            float(config["beta_start"]),
            float(config["beta_end"]),
            config["beta_schedule"],
            config.get("prediction_type", "epsilon"),
        )


# The schedules that the base models were trained with (AudioLDM; Stable Diffusion under
# AnimateDiff, which was trained with linear betas).
PAPER_SCHEDULES: Final = Pair(
    audio=NoiseSchedule(0.0015, 0.0195, "scaled_linear"),
    video=NoiseSchedule(0.00085, 0.012, "linear"),
)


def add_noise(x0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return x_t = sqrt(alpha_bar) x_0 + sigma epsilon (Eq. 2)."""
    alpha_bar = _broadcast(alpha_bar, x0)
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise


def epsilon_and_x0(
    output: Tensor, x_t: Tensor, alpha_bar: Tensor, prediction: Prediction
) -> tuple[Tensor, Tensor]:
    """Return epsilon and x0_hat (Eq. 6) from a network's output for x_t."""
    alpha_bar = _broadcast(alpha_bar, x_t)
    signal, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    if prediction == "epsilon":
        return output, (x_t - sigma * output) / signal
    return signal * output + sigma * x_t, signal * x_t - sigma * output


def target(x0: Tensor, noise: Tensor, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return the training target of a network for `add_noise(x0, noise, alpha_bar)`."""
    if prediction == "epsilon":
        return noise
    alpha_bar = _broadcast(alpha_bar, x0)
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0


def ddim_step(x0_hat: Tensor, noise: Tensor, alpha_bar_next: Tensor) -> Tensor:
    """Return x at the next, lower noise level (Eq. 5, without random noise: DDIM's eta = 0)."""
    return add_noise(x0_hat, noise, alpha_bar_next)


def _broadcast(alpha_bar: Tensor, like: Tensor) -> Tensor:
    """Reshape to one factor per sample, in the samples' precision."""
    shape = (-1,) + (1,) * (like.ndim - 1) if alpha_bar.ndim else ()
    return alpha_bar.to(like.device, like.dtype).view(shape)
