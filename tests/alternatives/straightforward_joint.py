"""The joint sampler written straightforwardly: baseline of speed, reference of every shortcut.

Same weights, no shortcut: the guidance halves go through connectors and U-Nets one after the
other, every step runs both U-Nets, the text is repeated per frame and projected anew, attention
computes its scores and softmax explicitly, also over a single key.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor

from svbench.baselines.joint.connector import connector_inputs
from svbench.baselines.joint.connector_time import HEADS, TemporalAttention, normed, positions
from svbench.baselines.joint.cross_attention import CrossAttention
from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.timesteps import local_timesteps
from svbench.baselines.joint.unet import JointUNet


class _ExplicitTemporal(TemporalAttention):
    def forward(self, x: Tensor) -> Tensor:
        rows, frames, channels = x.shape
        y = normed(x + positions(frames, channels, x.device), 1) * self.gain
        q, k, v = (
            part.view(rows, frames, HEADS, -1)
            for part in (self.to_q(y), *self.to_kv(y).chunk(2, dim=-1))
        )
        scores = torch.einsum("nihd,njhd->nhij", q, k) / q.shape[-1] ** 0.5
        weights = (scores + self._bias(frames, x)).softmax(dim=-1)
        attended = torch.einsum("nhij,njhd->nihd", weights, v).reshape(rows, frames, -1)
        output: Tensor = self.to_out(attended)
        return output


class _ExplicitCross(CrossAttention):
    def _cross_attend(self, y: Tensor, condition: Tensor, clips: int, frames: int) -> Tensor:
        keys = condition.repeat(clips // len(condition), 1, 1).repeat_interleave(frames, dim=0)
        attended: Tensor = self.attention2(self.norm2(y), encoder_hidden_states=keys)
        return attended


def plainly(joint: JointUNet) -> JointUNet:
    """Return a copy whose layers take no shortcut."""
    plain = copy.deepcopy(joint)
    for module in plain.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())
        elif isinstance(module, TemporalAttention):
            module.__class__ = _ExplicitTemporal
        elif isinstance(module, CrossAttention):
            module.__class__ = _ExplicitCross
    return plain


@torch.no_grad()
def sample_plainly(
    plain: JointUNet,
    start: Pair[Tensor],
    text: Pair[Tensor],
    schedules: Pair[NoiseSchedule],
    settings: SamplerSettings,
) -> Pair[Tensor]:
    """Sample as the released code does, half by half; `plain` is from `plainly`."""
    local = local_timesteps(settings.steps, settings.gamma, settings.timestep_map)
    tables = schedules.map(lambda s: s.alpha_bar)
    x, x0 = start, start.map(torch.zeros_like)
    frames = start.video.shape[2]
    halves = [
        Pair(audio, video.repeat_interleave(frames, dim=0))
        for audio, video in zip(text.audio.chunk(2), text.video.chunk(2), strict=True)
    ]
    for i in range(settings.steps):
        t = local.map(lambda path, x_t, i=i: torch.full((len(x_t),), path[i]), x)
        unconditional, conditional = (plain(x, t, h, connector_inputs(x, x0)) for h in halves)
        noise = unconditional.map(lambda u, c, s: u + s * (c - u), conditional, settings.guidance)
        ends = tables.map(_ends, local, Pair(i, i), Pair(*[settings.timestep_map] * 2))
        x0 = x.map(lambda x_t, eps, e: (x_t - (1 - e[0]) ** 0.5 * eps) / e[0] ** 0.5, noise, ends)
        x = x0.map(lambda x_0, eps, e: e[1] ** 0.5 * x_0 + (1 - e[1]) ** 0.5 * eps, noise, ends)
    return x


def _ends(table: Tensor, path: list[int], i: int, kind: str) -> tuple[Any, Any]:
    """Return alpha_bar before and after step i."""
    final = table[0] if kind == "official" else torch.ones(())
    return table[path[i]], table[path[i + 1]] if i + 1 < len(path) else final
