"""Joint weights in the released form, made of ours: the inverse of `sony.from_released`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from svbench.baselines.checkpoints.sony import released_name
from svbench.baselines.joint.unet import JointConfig


def to_released(ours: Mapping[str, Tensor], config: JointConfig) -> dict[str, Tensor]:
    """Convert our joint weights to their released names and shapes."""
    levels = config.multiples.map(len)
    names = {key: released_name(key, config.mixer, levels) for key in ours}
    return {
        name: ours[key].reshape(_released_shape(name, tuple(ours[key].shape)))
        for key, name in names.items()
    }


def _released_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a linear layer as the convolution that it was."""
    if name.endswith(("proj_in.weight", "proj_out.weight")):
        return (*shape, 1, 1)
    if name.endswith(("ff.proj_in.0.weight", "ff.proj_out.1.weight")):
        return (*shape, 1, 1, 1)
    return (*shape, 1, 1, 1) if name.endswith("ff.proj_out.0.g") else shape
