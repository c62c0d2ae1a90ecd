"""Conversion of the released checkpoints of SVG_baseline, by name.

Their joint weights (`unet_svg`) hold the same values under other names, and 1 x 1 convolutions
where our networks have linear layers. `from_released` converts them key by key; nothing of their
code is imported or run.

References
----------
github.com/SonyResearch/SVG_baseline, commit e8ebd06 (names and shapes only).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from torch import Tensor

from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig
from svbench.errors import DataError

# Inside a mixer: ours -> theirs.
_TRANSFORMER: Final = "transformer_blocks.0."
_SHARED: Final = {
    "norm": "norm",
    "proj_in": "proj_in",
    "proj_out": "proj_out",
    "norm1": f"{_TRANSFORMER}norm1",
    "norm2": f"{_TRANSFORMER}norm2",
    "norm3": f"{_TRANSFORMER}norm3",
    "feed_forward": f"{_TRANSFORMER}ff",
}
_INSIDE: Final[Mapping[str, Mapping[str, str]]] = {  # by the released name of the mixer
    "additive": _SHARED
    | {
        "widen": f"{_TRANSFORMER}attn_c.proj_c",
        "widen_norm": f"{_TRANSFORMER}attn_c.norm",
        "attention1": f"{_TRANSFORMER}attn_c",
        "attention2": f"{_TRANSFORMER}attn_s",
    },
    "attn": _SHARED | {"attention1": f"{_TRANSFORMER}attn1", "attention2": f"{_TRANSFORMER}attn2"},
}
_RES_BLOCK: Final = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "level": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "skip": "skip_connection",
}
_TIME: Final = {
    "attention.gain": "temporal_attn.norm.g",
    "attention.to_q": "temporal_attn.to_q",
    "attention.to_kv": "temporal_attn.to_kv",
    "attention.to_out": "temporal_attn.to_out",
    "attention.distance.0": "temporal_rel_pos_bias.net.0.0",
    "attention.distance.2": "temporal_rel_pos_bias.net.1.0",
    "attention.distance.4": "temporal_rel_pos_bias.net.2",
    "mix.inward": "ff.proj_in.0",
    "mix.gain": "ff.proj_out.0.g",
    "mix.outward": "ff.proj_out.1",
    "shift.norm": "frameshiftblock.out_layers.0",
    "shift.conv": "frameshiftblock.out_layers.2",
}
_MIXER_KEY: Final = re.compile(r"mixers\.(\w+)\.(down|up)(\d+)\.(\w+)(.*)")
_CONNECTOR_KEY: Final = re.compile(r"connectors\.(\w+)\.(\w+)(?:\.(\d+))?\.(.+)")


def released_name(key: str, mixer: MixerKind, levels: Pair[int]) -> str:
    """Return the released name of one of our weights."""
    found = _MIXER_KEY.fullmatch(key)
    if found:
        modality, way, block, layer, rest = found.groups()
        side = 0 if way == "down" else 1
        inside = _INSIDE[MIXERS[mixer].released][layer] + rest
        return f"connector_in_{modality}.{side}.{block}.0.{inside}"
    found = _CONNECTOR_KEY.fullmatch(key)
    if found is None:
        raise KeyError(key)
    modality, part, level, rest = found.groups()
    video = modality == "video"
    last = 2 * (levels.video if video else levels.audio)
    if part == "blocks":
        pair = "0.0" if video else "0"
        layer, leaf = rest.rsplit(".", 1)
        inside = f"{1 + 2 * int(level)}.{pair}.{_RES_BLOCK[layer]}.{leaf}"
    elif part == "times":
        layer, _, leaf = rest.rpartition(".")
        name = _TIME[rest] if rest in _TIME else f"{_TIME[layer]}.{leaf}"
        inside = f"{1 + 2 * int(level)}.0.1.{name}"
    elif part == "downs":
        inside = f"{2 + 2 * int(level)}.0.op.{rest}"
    else:
        inside = {"stem": "0.0", "norm": f"{last}.0", "out": f"{last}.2"}[part] + f".{rest}"
    return f"connector_out_{modality}.{inside}"


def from_released(
    theirs: Mapping[str, Tensor], wanted: Mapping[str, Tensor], config: JointConfig, source: str
) -> dict[str, Tensor]:
    """Convert released joint weights to our names and shapes.

    Parameters
    ----------
    theirs : mapping
        the released state dict of `unet_svg`
    wanted : mapping
        our state dict (`JointUNet.added`), for names and shapes
    config : JointConfig
        mixer and connector levels
    source : str
        named in errors
    """
    names = _names(wanted, config)
    missing, extra = set(names.values()) - set(theirs), set(theirs) - set(names.values())
    if missing or extra:
        raise DataError(
            f"{source}: found {len(theirs)} weights, expected {len(names)}; "
            f"missing {_first(missing)}, unexpected {_first(extra)}"
        )
    found = {}
    for ours, name in names.items():
        shape = wanted[ours].shape
        if theirs[name].numel() != shape.numel() or theirs[name].shape[:1] != shape[:1]:
            raise DataError(
                f"{source}: {name} has shape {tuple(theirs[name].shape)}, expected {tuple(shape)}"
            )
        found[ours] = theirs[name].reshape(shape)
    return found


def read_config(config: Mapping[str, Any], source: str) -> JointConfig:
    """Parse the configuration of a released `unet_svg`."""
    sides = Pair(config["connector_audio_config"], config["connector_video_config"])
    kinds = {side["connector_in_type"] for side in sides}
    released = {ours: mixer.released for ours, mixer in MIXERS.items() if mixer.released}
    known = {theirs: ours for ours, theirs in released.items()}
    if len(kinds) != 1 or not kinds <= set(known):
        raise DataError(f"{source}: found connector_in_type {sorted(kinds)}, expected {released}")
    wanted: dict[str, Any] = {"with_connector": [False, False, True, True]}
    wanted |= {"connector_out_input": "x_pred", "num_blocks_connector": [1, 1]}
    for side in sides:
        for key, value in wanted.items():
            if side[key] != value:
                raise DataError(f"{source}: found {key} {side[key]!r}, expected {value!r}")
    return JointConfig(
        mixer=known[kinds.pop()],
        condition_channels=int(sides.audio["connector_channel"]),
        multiples=sides.map(lambda side: tuple(side["channel_mult_connector"])),
        head_size=Pair(
            int(config["unet_audio_config"]["attention_head_dim"]),
            int(config["unet_video_config"]["attention_head_dim"]),
        ),
    )


def _names(ours: Iterable[str], config: JointConfig) -> dict[str, str]:
    levels = config.multiples.map(len)
    return {key: released_name(key, config.mixer, levels) for key in ours}


def _first(names: set[str]) -> str:
    return min(names, default="none")
