"""Named recipes of a training: as the paper states it, and as the released code does it.

Presets
-------
paper           section 4.1 and appendix A.1: Adam, a learning rate of 1e-5, time steps drawn for
                each modality (Eq. 9 and 10); batch and epochs are stated for each data set
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
    """The length of a training."""

    batch: int  # clips
    epochs: int


@dataclass(frozen=True, slots=True)
class TrainPreset:
    """A recipe, and a batch and epochs; None: those stated for the data set."""

    settings: TrainSettings
    length: Length | None = None


PRESETS: Final[Mapping[str, TrainPreset]] = {
    "paper": TrainPreset(TrainSettings()),
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
        Length(batch=16, epochs=1000),
    ),
}


def preset_settings(name: str, stated: Length | None) -> tuple[TrainSettings, int]:
    """Return the settings of a preset, its batch among them, and its epochs.

    Parameters
    ----------
    name : str
        of the preset
    stated : Length or None
        batch and epochs that the paper states for the data set, if it does

    Raises
    ------
    ConfigError
        if there is no such preset, or if it takes what the paper states and nothing is stated
    """
    if name not in PRESETS:
        raise ConfigError(f"--preset: found {name!r}, expected one of {', '.join(PRESETS)}")
    preset = PRESETS[name]
    length = preset.length or stated
    if length is None:
        raise ConfigError(
            f"--preset {name}: the paper states no batch and no epochs for this data set, expected "
            "another preset"
        )
    return replace(preset.settings, batch=length.batch), length.epochs


def steps_of(epochs: int, clips: int, batch: int) -> int:
    """Return the steps that show `clips` clips `epochs` times, the last step filled up."""
    return -(-epochs * clips // batch)
