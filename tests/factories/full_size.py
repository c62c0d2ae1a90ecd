"""The joint model at the paper's size, without weights: for counting, timing and new trainings.

Widths are those of the base models' own configurations: AnimateDiff on Stable Diffusion 1.5
(motion adapter v1-5-2) and AudioLDM m-full. Built under `torch.device("meta")` it costs nothing.

References
----------
M. Ishii et al., appendix A.2: "about 468M" added parameters, base models "exceed 1.7B".
"""

from __future__ import annotations

from typing import Any, Final

from diffusers import UNet2DConditionModel, UNetMotionModel

from svbench.baselines.checkpoints.architectures import PAPER
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.types import ClipSpec

AUDIO: Final = dict(PAPER.unets.audio)
VIDEO: Final[dict[str, Any]] = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "num_attention_heads": 8,
}
CAPTION: Final = Pair(audio=(512,), video=(77, 768))  # one vector; CLIP's tokens


def full_size(mixer: MixerKind) -> JointUNet:
    """Build the joint model of the paper with fresh weights."""
    return JointUNet(UNet2DConditionModel(**AUDIO), UNetMotionModel(**VIDEO), JointConfig(mixer))


def latent_shapes(spec: ClipSpec) -> Pair[tuple[int, ...]]:
    """Return the latents' shapes of one clip; audio rows are rounded up to a multiple of 8."""
    rows = -(-round(spec.duration * 100) // 32) * 8  # 10 ms of mel, 4 of them a row
    height, width = spec.size
    return Pair(audio=(8, rows, 16), video=(4, spec.frames, height // 8, width // 8))
