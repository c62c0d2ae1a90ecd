"""The sizes of V-JEPA and its probe; torch is not needed to read them.

Defaults are those of ViT-H/16 at 224 px and its probe for Something-Something v2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from svbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class VJEPAConfig:
    """The sizes of encoder and probe."""

    width: int = 1280
    blocks: int = 32
    heads: int = 16
    frames: int = 16
    image: int = 224  # px
    patch: int = 16  # px
    tubelet: int = 2  # frames of a token
    classes: int = 174  # of the probe, not used
    projected: bool = True  # whether the output of the probe's attention is projected

    def __post_init__(self) -> None:
        if self.width % self.heads or self.image % self.patch or self.frames % self.tubelet:
            raise ConfigError(f"V-JEPA needs whole heads, patches and tubelets, got {self}")

    @property
    def tokens(self) -> int:
        """Return the number of tokens of a video."""
        return (self.frames // self.tubelet) * (self.image // self.patch) ** 2


HUGE: Final = VJEPAConfig()
