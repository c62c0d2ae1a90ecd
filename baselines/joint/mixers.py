"""The three ways to condition a U-Net on the other modality, with one interface.

A mixer follows a block of a U-Net and adds the condition to its output. All are a Transformer block
between two 1 x 1 projections, the last of which starts at zero: an untrained joint model is exactly
its two base models. Each has

    condition(vectors (b, t, D)) -> condition       once per direction, from the connector's vectors
    mixer(x (B T, C, H, W), condition, frames)      in each of the four places

cmc-pe                      `cmc_pe`: added at its time, as a positional code is (section 3.3.2)
cross-attention             `cross_attention`: one pooled vector, CoDi's way and the paper's
                            baseline (section 3.3.1)
cross-attention-sequence    the same with one vector per time step, the extension that section
                            3.3.1 discusses
"""

from __future__ import annotations

from typing import Literal, get_args

from svbench.baselines.joint.cmc_pe import CMCPE
from svbench.baselines.joint.cross_attention import CrossAttention
from svbench.errors import ConfigError

MixerKind = Literal["cmc-pe", "cross-attention", "cross-attention-sequence"]


def build_mixer(
    kind: MixerKind,
    channels: int,
    head_size: int,
    condition_channels: int,
    groups: int = 32,
    *,
    rows_are_time: bool,
) -> CMCPE | CrossAttention:
    """Build a mixer for a block of `channels`; for audio rows are time, for video frames."""
    if kind == "cmc-pe":
        return CMCPE(channels, head_size, condition_channels, groups, rows_are_time=rows_are_time)
    if kind == "cross-attention":
        return CrossAttention(channels, head_size, condition_channels, groups, keys="pooled")
    if kind == "cross-attention-sequence":
        return CrossAttention(channels, head_size, condition_channels, groups, keys="sequence")
    raise ConfigError(f"mixer: found {kind!r}, expected one of {', '.join(get_args(MixerKind))}")


def mixer_kind(name: str, flag: str = "--mixer") -> MixerKind:
    """Look a mixer up by its name; `flag` is the option that named it."""
    for kind in get_args(MixerKind):
        if kind == name:
            found: MixerKind = kind
            return found
    raise ConfigError(f"{flag}: found {name!r}, expected one of {', '.join(get_args(MixerKind))}")
