"""Joint sampling: both modalities step from noise to data, hearing each other (Algorithm 1).

At each step both U-Nets say what noise they see; each says it twice, with and without its
caption, and the difference is enlarged (classifier-free guidance). What they say gives a guess of
the clean latents, which the connectors see at the next step (self-conditioning).

Conventions
-----------
Modal(audio, video), latents and captions as in `joint_unet`; latents are kept in float32 whatever
the network's type. Captions hold the guidance halves behind one another: first B without (a
negative or empty prompt), then B with the caption.

What the released code computes and this does not, with the same result
-----------------------------------------------------------------------
- The connectors see the same latents in both halves of the guidance: they run once.
- A last step whose noise level stays the same leaves the latents as they are (video, official
  map: from level 0 to level 0): its U-Net is not called, nor the connector that it would hear.
- A guidance of 1 is the captioned half alone.
- Captions' keys and values, and attention to a single key: `text_attention`, `cross_attention`.

References
----------
M. Ishii et al., Eq. 5, 6, 8 and Algorithm 1. J. Ho, T. Salimans: Classifier-free diffusion
guidance, 2021. T. Chen, R. Zhang, G. Hinton: Analog bits, ICLR 2023 (self-conditioning).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from svbench.baselines.joint.ddim import NoiseSchedule, ddim_step, to_noise
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.timesteps import TimestepMap, local_timesteps
from svbench.baselines.joint.unet import JointUNet, environment
from svbench.errors import ConfigError

PAPER_GUIDANCE: Final = Modal(audio=2.5, video=7.5)  # section 4.1


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """How latents are sampled; the defaults are the paper's (section 4.1)."""

    steps: int = 25
    gamma: float = 1.5  # 1 adjusts nothing
    timestep_map: TimestepMap = "eq8"
    guidance: Modal[float] = PAPER_GUIDANCE

    def __post_init__(self) -> None:
        local_timesteps(self.steps, self.gamma, self.timestep_map)
        if min(self.guidance) < 1:
            raise ConfigError(f"guidance: found {tuple(self.guidance)}, expected 1 or more each")

    @property
    def halves(self) -> int:
        """Tell how many captions each clip needs: 2 with guidance, else 1."""
        return 2 if max(self.guidance) > 1 else 1


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of the sampler found; handed to an observer."""

    index: int
    timesteps: Modal[int]
    noise: Modal[Tensor]
    x0_hat: Modal[Tensor]
    latents: Modal[Tensor]


@dataclass(frozen=True, slots=True)
class _Path:
    """One modality's noise levels: where each step stands, and where it goes."""

    timesteps: list[int]
    alpha_bar: Tensor  # (T + 1,); the last is where the sampler ends
    schedule: NoiseSchedule

    def stays(self, i: int) -> bool:
        """Tell whether step i is the last and changes nothing."""
        return i == len(self.timesteps) - 1 and bool(self.alpha_bar[i] == self.alpha_bar[i + 1])


def sample(
    joint: JointUNet,
    start: Modal[Tensor],
    captions: Modal[Tensor],
    schedules: Modal[NoiseSchedule],
    settings: SamplerSettings,
    observe: Callable[[Step], None] = lambda _step: None,
) -> Modal[Tensor]:
    """Sample latents of sound and video together.

    Parameters
    ----------
    joint : JointUNet
        in evaluation mode
    start : Modal of Tensor
        unit Gaussian noise, sound (B, C, Ta, F) and video (B, C, T, H, W)
    captions : Modal of Tensor
        (2 B, ...): B without, B with the caption; without guidance (B, ...)
    schedules : Modal of NoiseSchedule
        of the base models
    settings : SamplerSettings
        steps, gamma, guidance
    observe : callable
        called with each `Step`

    Returns
    -------
    latents : Modal of Tensor
        float32, shapes as `start`
    """
    for told, noise in zip(captions, start, strict=True):
        if len(told) != settings.halves * len(noise):
            raise ConfigError(
                f"captions: found {len(told)} for {len(noise)} clips, "
                f"expected {settings.halves} per clip"
            )
    paths = _paths(settings, schedules)
    with torch.inference_mode(), joint.sampling():
        x = start.map(lambda unit: unit.float())
        x0_hat = eps = x.map(torch.zeros_like)
        for i in range(settings.steps):
            call = _Call(joint, environment(x, x0_hat), captions, paths, settings.guidance, i)
            sound = call.step("audio", x.audio, x0_hat.audio, eps.audio)
            sight = call.step("video", x.video, x0_hat.video, eps.video)
            eps, x0_hat, x = map(Modal, sound, sight)
            observe(Step(i, Modal(*(path.timesteps[i] for path in paths)), eps, x0_hat, x))
    return x


@dataclass(frozen=True, slots=True)
class _Call:
    """What both modalities need to know at one step."""

    joint: JointUNet
    environment: Modal[Tensor]
    captions: Modal[Tensor]
    paths: Modal[_Path]
    guidance: Modal[float]
    i: int

    def step(
        self, name: str, x: Tensor, x0_hat: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Give one modality's noise, the data behind it, and its next latents."""
        path: _Path = getattr(self.paths, name)
        if path.stays(self.i):
            return noise, x0_hat, x
        said = self._guided(name, x, path.timesteps[self.i])
        noise, x0_hat = to_noise(said, x, path.alpha_bar[self.i], path.schedule.prediction)
        return noise, x0_hat, ddim_step(x0_hat, noise, path.alpha_bar[self.i + 1])

    def _guided(self, name: str, x: Tensor, timestep: int) -> Tensor:
        scale: float = getattr(self.guidance, name)
        caption: Tensor = getattr(self.captions, name)
        if scale == 1:
            caption = caption[-len(x) :]
        halves = len(caption) // len(x)
        times = torch.full((len(caption),), timestep, device=x.device)
        unet = self.joint.audio if name == "audio" else self.joint.video
        x = x.to(caption.dtype).repeat(halves, *[1] * (x.ndim - 1))
        said = unet(x, times, caption, self._heard(name)).float()
        if halves == 1:
            return said
        without, captioned = said.chunk(2)
        return without + scale * (captioned - without)

    def _heard(self, listener: str) -> Tensor:
        """Give what this modality hears: once, for both halves."""
        other = "video" if listener == "audio" else "audio"
        latents: Tensor = getattr(self.environment, other)
        path: _Path = getattr(self.paths, other)
        times = torch.full((len(latents),), path.timesteps[self.i], device=latents.device)
        return self.joint.heard_from(other, latents.to(self.captions.video.dtype), times)


def _paths(settings: SamplerSettings, schedules: Modal[NoiseSchedule]) -> Modal[_Path]:
    times = local_timesteps(settings.steps, settings.gamma, settings.timestep_map)

    def path(timesteps: list[int], schedule: NoiseSchedule) -> _Path:
        table = schedule.alpha_bar
        end = torch.ones(1) if settings.timestep_map == "eq8" else table[:1]
        return _Path(timesteps, torch.cat([table[timesteps], end]), schedule)

    return times.map(path, schedules)
