"""How the joint sampler samples: steps, time steps of each modality, guidance (section 4.1).

They are part of what a clip depends on, and are read without torch: a run whose clips are all made
does not wait for it.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.timesteps import TimestepMap, local_timesteps
from svbench.errors import ConfigError

PAPER_GUIDANCE: Final = Pair(audio=2.5, video=7.5)  # section 4.1


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """How latents are sampled; the defaults are the paper's (section 4.1)."""

    steps: int = 25  # T
    gamma: float = 1.5  # of Eq. 8; 1 adjusts nothing
    timestep_map: TimestepMap = "eq8"
    guidance: Pair[float] = PAPER_GUIDANCE

    def __post_init__(self) -> None:
        local_timesteps(self.steps, self.gamma, self.timestep_map)
        if min(self.guidance) < 1:
            raise ConfigError(f"guidance: found {tuple(self.guidance)}, expected 1 or more each")

    @property
    def halves(self) -> int:
        """Return how many text embeddings each clip needs: 2 with guidance, else 1."""
        return 2 if max(self.guidance) > 1 else 1
