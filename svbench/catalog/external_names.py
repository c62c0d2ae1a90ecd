"""The names of external systems: NAME, and NAME@MODE for modes but the usual one.

Each has a folder in `svbench.baselines.external`, which describes it.
"""

from __future__ import annotations

from typing import Final

EXTERNAL: Final[tuple[str, ...]] = (
    "codi",
    "diff-foley",
    "diff-foley@fixed",
    "mm-diffusion",
    "mm-diffusion@ddim25",
    "mm-diffusion@ddpm",
    "mmaudio",
    "mmaudio@large-44k",
    "mmaudio@small-16k",
    "specvqgan",
    "specvqgan@features-212",
    "tempotokens",
    "tempotokens@windows",
    "tempotokens@landscape",
    "tempotokens@landscape-windows",
)
