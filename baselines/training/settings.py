"""The recipe of a training of the joint model; it is checked when it is made.

The defaults are the paper's, as far as it states them (section 4.1); what it does not state follows
the released script, as the comments note. `presets` has both by name, with the batch and the number
of epochs of each data set.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from svbench.baselines.joint.pair import Pair
from svbench.baselines.training.loss import TimeSampling
from svbench.errors import ConfigError
from svbench.limits import TRAINING, check, flag

Trainable = Literal["paper", "joint", "all", "audio", "video"]
BASES: Final = Pair("audio", "video")  # one base model alone
Precision = Literal["no", "bf16", "fp16"]
Optimizer = Literal["adam", "adamw"]
Averaged = Literal["trained", "joint"]
AverageOn = Literal["device", "cpu"]

# Settings that do not change the weights, or only how long they are trained: these may differ on
# resuming.
FREE: Final = ("steps", "at_once", "checkpointing", "ema_on", "save_every", "preview_every")

CHOICES: Final = {
    "optimizer": get_args(Optimizer),
    "ema_of": get_args(Averaged),
    "ema_on": get_args(AverageOn),
    "trainable": get_args(Trainable),
    "timesteps": get_args(TimeSampling),
    "precision": get_args(Precision),
}


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The recipe of a training; the module says where the defaults come from."""

    steps: int = 386_063  # 1000 epochs of 6177 clips
    batch: int = 16  # clips per step, over all processes
    at_once: int = 1  # clips that a process takes at once; the rest by gradient accumulation
    trainable: Trainable = "paper"
    timesteps: TimeSampling = "independent"  # Eq. 9 and 10
    self_conditioning: float = 0.5  # probability of a predicted x_0; not in the paper
    caption_drop: float = 0.1  # probability; not in the paper, whose guidance needs some
    optimizer: Optimizer = "adam"
    rate: float = 1e-5
    warm_up: int = 0  # steps in which the rate rises linearly
    cosine: bool = False  # decay the rate to zero along a cosine
    weight_decay: float = 0.0  # of adam: added to the gradient (L2); of adamw: decoupled
    clip: float = 1.0  # largest norm of the gradient; not in the paper
    ema_decay: float = 0.9999  # warmed up: min((1 + n) / (10 + n), this); not in the paper
    ema_of: Averaged = "trained"  # or the connectors and mixers alone; not in the paper
    ema_on: AverageOn = "device"  # where the average lies; cpu: saves a copy of what is averaged
    precision: Precision = "no"  # not in the paper
    checkpointing: bool = False  # of gradients: recompute activations to save memory
    save_every: int = 500
    preview_every: int = 0  # 0: never
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if (found := getattr(self, name)) not in known:
                raise ConfigError(
                    f"{flag(name)}: found {found!r}, expected one of {', '.join(known)}"
                )
        for name, allowed in TRAINING.items():
            check(name, getattr(self, name), allowed)

        if self.ema_of == "joint" and self.trainable in BASES:
            raise ConfigError(
                f"--ema-of: found 'joint' beside --trainable {self.trainable}, expected 'trained': "
                "a base model alone has no connectors"
            )

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        if not self.cosine:
            return self.rate
        share = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.rate * (0.5 + 0.5 * math.cos(math.pi * share))

    @property
    def decisive(self) -> dict[str, Any]:
        """Return the settings that must stay the same on resuming."""
        free = [name for name in FREE if not (self.cosine and name == "steps")]
        return {name: value for name, value in asdict(self).items() if name not in free}
