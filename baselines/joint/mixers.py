"""The table of mixers: the ways to condition a U-Net on the other modality, with one interface.

A mixer follows a block of a U-Net and adds the condition to its output. All are a Transformer block
between two 1 x 1 projections, the last of which starts at zero: an untrained joint model is exactly
its two base models.

Conventions
-----------
Every mixer is a module with

    condition(vectors (b, t, D)) -> condition       once per direction, from the connector's vectors
    mixer(x (B T, C, H, W), condition, frames)      in each of the four places

Their classes are imported when a mixer is built: naming one does not import torch.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550,
sections 3.3.1 (cross-attention) and 3.3.2 (CMC-PE).
Z. Tang et al.: Any-to-any generation via composable diffusion (CoDi), arXiv:2305.11846.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from svbench.errors import ConfigError

if TYPE_CHECKING:
    from svbench.baselines.joint.cmc_pe import CMCPE
    from svbench.baselines.joint.cross_attention import CrossAttention, Keys

MixerKind = Literal["cmc-pe", "cross-attention", "cross-attention-sequence"]


class BuildMixer(Protocol):
    """Builds a mixer for a block of `channels`."""

    def __call__(
        self,
        channels: int,
        head_size: int,
        condition_channels: int,
        groups: int,
        *,
        rows_are_time: bool,
    ) -> CMCPE | CrossAttention:
        """Return the mixer; `rows_are_time` for sound, whose rows are time (video: frames)."""
        ...


@dataclass(frozen=True, slots=True)
class Mixer:
    """What decides a mixer, and how it is called.

    Parameters
    ----------
    title : str
        its name in a table
    build : callable
        builds its module
    adjusted : bool
        whether the paper combines it with adjusted time steps (Eq. 8); the others are the
        baselines of its Table 1, sampled at gamma 1
    released : str
        its `connector_in_type` in released checkpoints; empty if these have none
    single_key : bool
        whether it attends to a single vector, so that its queries and keys cannot learn
    """

    title: str
    build: BuildMixer
    adjusted: bool = False
    released: str = ""
    single_key: bool = False


def _cmc_pe(
    channels: int, head_size: int, condition_channels: int, groups: int, *, rows_are_time: bool
) -> CMCPE:
    from svbench.baselines.joint.cmc_pe import CMCPE

    return CMCPE(channels, head_size, condition_channels, groups, rows_are_time=rows_are_time)


def _cross_attention(keys: Keys) -> BuildMixer:
    def build(
        channels: int, head_size: int, condition_channels: int, groups: int, *, rows_are_time: bool
    ) -> CrossAttention:
        from svbench.baselines.joint.cross_attention import CrossAttention

        del rows_are_time  # positions attend alike, whichever axis is time
        return CrossAttention(channels, head_size, condition_channels, groups, keys=keys)

    return build


MIXERS: Final[Mapping[MixerKind, Mixer]] = {
    # added at its time, like a positional encoding (section 3.3.2)
    "cmc-pe": Mixer("CMC-PE", _cmc_pe, adjusted=True, released="additive"),
    # one pooled vector, as in CoDi: the paper's baseline (section 3.3.1)
    "cross-attention": Mixer(
        "cross-attention", _cross_attention("pooled"), released="attn", single_key=True
    ),
    # one vector per time step, the extension that section 3.3.1 discusses
    "cross-attention-sequence": Mixer("cross-attention over time", _cross_attention("sequence")),
}


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
    mixer = MIXERS[mixer_kind(kind, "mixer")]
    sizes = channels, head_size, condition_channels, groups
    return mixer.build(*sizes, rows_are_time=rows_are_time)


def mixer_kind(name: str, flag: str = "--mixer") -> MixerKind:
    """Return a name as that of a mixer; raise ConfigError, naming `flag`, if there is none."""
    for kind in MIXERS:
        if kind == name:
            return kind
    raise ConfigError(f"{flag}: found {name!r}, expected one of {', '.join(MIXERS)}")
