"""Noise schedules and the deterministic DDIM step, by index.

Conventions
-----------
alpha_bar[t] is the share of signal variance left at noise level t (Eq. 2), t = 0..999, in float32
as the base models were trained with. Latents x_t have any shape (B, ...); a time is an int, or a
LongTensor (B,) with one time per sample. A network says either the noise in x_t ("epsilon") or
the velocity ("v_prediction"); `to_noise` turns both into noise and data.

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

from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.timesteps import TRAIN_STEPS
from svbench.errors import DataError

Prediction = Literal["epsilon", "v_prediction"]
Betas = Literal["linear", "scaled_linear"]


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """How fast noise takes over, and what the network says about it."""

    beta_start: float
    beta_end: float
    betas: Betas
    prediction: Prediction = "epsilon"
    clearer: float = 1.0  # factor on signal over noise, as copies of the data would give it

    @property
    def alpha_bar(self) -> Tensor:
        """Give the signal's share of variance at each level, float32, shape (1000,)."""
        power = 2 if self.betas == "scaled_linear" else 1
        ends = self.beta_start ** (1 / power), self.beta_end ** (1 / power)
        betas = torch.linspace(*ends, TRAIN_STEPS, dtype=torch.float32) ** power
        share = torch.cumprod(1.0 - betas, dim=0)
        if self.clearer == 1:  # bit for bit the base models' own
            return share
        return self.clearer * share / (self.clearer * share + 1 - share)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], source: str) -> NoiseSchedule:
        """Read a diffusers scheduler configuration; refuse what would change the samples."""
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
PAPER_SCHEDULES: Final = Modal(
    audio=NoiseSchedule(0.0015, 0.0195, "scaled_linear"),
    video=NoiseSchedule(0.00085, 0.012, "linear"),
)


def noised(x0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Mix data and noise (Eq. 2); alpha_bar is a number or one per sample."""
    alpha_bar = _spread(alpha_bar, x0)
    return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise


def to_noise(
    said: Tensor, x_t: Tensor, alpha_bar: Tensor, prediction: Prediction
) -> tuple[Tensor, Tensor]:
    """Give the noise in x_t and the data it hides (Eq. 6), from what a network said."""
    alpha_bar = _spread(alpha_bar, x_t)
    signal, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    if prediction == "epsilon":
        return said, (x_t - sigma * said) / signal
    return signal * said + sigma * x_t, signal * x_t - sigma * said


def target(x0: Tensor, noise: Tensor, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Give what a network should have said of `noised(x0, noise, alpha_bar)`."""
    if prediction == "epsilon":
        return noise
    alpha_bar = _spread(alpha_bar, x0)
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0


def ddim_step(x0_hat: Tensor, noise: Tensor, alpha_bar_next: Tensor) -> Tensor:
    """Go to the next, lower noise level (Eq. 5)."""
    return noised(x0_hat, noise, alpha_bar_next)


def _spread(alpha_bar: Tensor, like: Tensor) -> Tensor:
    """Give one factor per sample, in the samples' precision."""
    shape = (-1,) + (1,) * (like.ndim - 1) if alpha_bar.ndim else ()
    return alpha_bar.to(like.device, like.dtype).view(shape)
