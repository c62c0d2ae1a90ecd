"""Recipes of a joint training at the scale of the miniature.

The paper's recipes are presets (`svbench.baselines.training.presets`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from svbench.baselines.training.settings import TrainSettings

# Of the joint models that ship with svbench, which start from trained base models.
SHIPPED: Final = TrainSettings(
    steps=1000,
    batch=16,
    at_once=16,
    trainable="all",
    optimizer="adamw",
    rate=1.5e-3,
    warm_up=50,
    cosine=True,
    weight_decay=1e-2,
    ema_decay=0.998,
    save_every=250,
)
# Of `svbench train --scale mini`: longer, for the base models are trained from scratch with it.
MINI: Final = replace(SHIPPED, steps=2500)
