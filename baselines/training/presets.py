"""Named recipes of a training: as the paper states it, and as the released code does it.

Presets
-------
paper           section 4.1 and appendix A.1: Adam, a learning rate of 1e-5, time steps drawn for
                each modality (Eq. 9 and 10), batch and epochs of each data set
official-code   the released training script: AdamW, one time step for both modalities, half
                precision, captions never dropped; one script, so one batch for all data sets

What the paper does not state (gradient clipping, the moving average, how many captions are
dropped, self-conditioning, precision) its preset takes from the released script, but for precision.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550.
The released code: github.com/SonyResearch/SVG_baseline, commit e8ebd06.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from svbench.baselines.training.settings import TrainSettings
from svbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Length:
    """The length of a training on a data set."""

    batch: int  # clips
    epochs: int


@dataclass(frozen=True, slots=True)
class TrainPreset:
    """A recipe, and the batch and epochs of each data set."""

    settings: TrainSettings
    lengths: Mapping[str, Length]


DATASETS: Final = ("greatesthits", "landscape", "vggsound")
PRESETS: Final[Mapping[str, TrainPreset]] = {
    "paper": TrainPreset(
        TrainSettings(),
        {
            "greatesthits": Length(16, 1000),
            "landscape": Length(16, 100),
            "vggsound": Length(128, 30),
        },
    ),
    "official-code": TrainPreset(
        TrainSettings(
            optimizer="adamw",
            weight_decay=1e-2,
            timesteps="shared",
            # Its list of dropped captions counts as none if it holds the first clip alone; with one
            # clip per device, as its script has it, there is no other list.
            caption_drop=0.0,
            ema_of="joint",
            precision="fp16",
        ),
        dict.fromkeys(DATASETS, Length(16, 1000)),
    ),
}


def preset_settings(name: str, dataset: str) -> tuple[TrainSettings, int]:
    """Return the settings of a preset with the batch of a data set, and its epochs.

    Raises ConfigError where there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"--preset: found {name!r}, expected one of {', '.join(PRESETS)}")
    preset = PRESETS[name]
    length = preset.lengths[dataset]
    return replace(preset.settings, batch=length.batch), length.epochs


def steps_of(epochs: int, clips: int, batch: int) -> int:
    """Return the steps that show `clips` clips `epochs` times, the last step filled up."""
    return -(-epochs * clips // batch)
