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
# Of a mixer with a single key: they exist in released checkpoints and have no gradient.
IDLE: Final = (".norm2.", ".attention2.to_q.", ".attention2.to_k.")


def set_trainable(joint: JointUNet, trainable: Trainable) -> dict[str, nn.Parameter]:
    """Freeze the parameters that are not trained; return the others, by name.

    paper   connectors, mixers, and the video U-Net's motion modules
    joint   connectors and mixers
    all     everything
    audio   the audio U-Net alone, without connectors and mixers
    video   the video U-Net alone

    Parameters of single-key mixers that have no gradient (see `cross_attention`) stay frozen.
    """
    trained = {}
    for name, parameter in joint.named_parameters():
        base = name.startswith("unets.")
        motion = name.startswith("unets.video.") and "motion_modules" in name
        is_trained = not base or trainable == "all" or (trainable == "paper" and motion)
        if trainable in BASES:
            is_trained = name.startswith(f"unets.{trainable}.")
        if MIXERS[joint.config.mixer].single_key and name.startswith("mixers."):
            is_trained &= not any(part in name for part in IDLE)
        parameter.requires_grad_(is_trained)
        if is_trained:
            trained[name] = parameter
    return trained


def make_optimizer(
    trained: Mapping[str, nn.Parameter], settings: TrainSettings
) -> torch.optim.Optimizer:
    """Return the optimiser of the settings, over the trained parameters.

    Adam adds the weight decay times the weight to the gradient (L2); AdamW subtracts it from the
    weight itself, times the learning rate.
    """
    kind: Any = OPTIMIZERS[settings.optimizer]  # their common class has no such arguments
    made: torch.optim.Optimizer = kind(
        trained.values(), settings.rate, BETAS, EPSILON, settings.weight_decay, fused=True
    )
    return made
