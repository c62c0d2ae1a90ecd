"""Which parameters of a joint model are trained, and the optimiser over them.

References
----------
- M. Ishii et al., section 3.3 and appendix A.2: connectors, mixers and motion modules are trained.
- D. P. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR 2015, arXiv:1412.6980.
- I. Loshchilov, F. Hutter: Decoupled weight decay regularization. ICLR 2019, arXiv:1711.05101.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn

from svbench.baselines.joint.mixers import MIXERS
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.settings import BASES, Trainable, TrainSettings

OPTIMIZERS: Final[Mapping[str, type[torch.optim.Optimizer]]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
BETAS: Final = (0.9, 0.999)  # Adam's own, as the released script has them; not in the paper
EPSILON: Final = 1e-8
# Of a mixer with a single key: they exist in released checkpoints and cannot learn.
IDLE: Final = (".norm2.", ".attention2.to_q.", ".attention2.to_k.")


def choose(joint: JointUNet, trainable: Trainable) -> dict[str, nn.Parameter]:
    """Freeze what is not trained; return what is, by name.

    paper   connectors, mixers, and the video U-Net's motion modules
    joint   connectors and mixers
    all     everything
    audio   the U-Net of the sound alone: it hears nothing of the other
    video   that of the video

    Parameters of single-key mixers that cannot learn (see `cross_attention`) stay frozen.
    """
    chosen = {}
    for name, parameter in joint.named_parameters():
        base = name.startswith("unets.")
        moves = name.startswith("unets.video.") and "motion_modules" in name
        learns = not base or trainable == "all" or (trainable == "paper" and moves)
        if trainable in BASES:
            learns = name.startswith(f"unets.{trainable}.")
        if MIXERS[joint.config.mixer].single_key and name.startswith("mixers."):
            learns = not any(part in name for part in IDLE)
        parameter.requires_grad_(learns)
        if learns:
            chosen[name] = parameter
    return chosen


def make_optimizer(
    trained: Mapping[str, nn.Parameter], settings: TrainSettings
) -> torch.optim.Optimizer:
    """Return the optimiser of the settings, over the trained parameters.

    Adam adds the weight decay times the weight to the gradient (L2); AdamW takes it from the weight
    itself, times the learning rate.
    """
    kind: Any = OPTIMIZERS[settings.optimizer]  # their common class has no such arguments
    made: torch.optim.Optimizer = kind(
        trained.values(), settings.rate, BETAS, EPSILON, settings.weight_decay, fused=True
    )
    return made
