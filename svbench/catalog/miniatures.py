"""The drawn data sets by name: what draws each, what reads it back, and in which format.

Learning the miniature's systems works alike for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.datasets import greatesthits, landscape, vggsound
from svbench.errors import ConfigError
from svbench.miniature import greatesthits as miniature
from svbench.miniature import landscape as nature
from svbench.miniature import vggsound as everyday
from svbench.miniature.drawing import scenes
from svbench.types import ClipSpec, Example


@dataclass(frozen=True, slots=True)
class Drawn:
    """A data set that svbench draws itself."""

    draw: Callable[..., None]  # into a folder; seed and clips of each split
    load: Callable[..., tuple[Example, ...]]  # from that folder; the split
    spec: ClipSpec
    version: int


MINIATURES: Final[Mapping[str, Drawn]] = {
    "greatesthits": Drawn(miniature.draw, greatesthits.load, miniature.SPEC, miniature.VERSION),
    "landscape": Drawn(nature.draw, landscape.load, scenes.SPEC, nature.VERSION),
    "vggsound": Drawn(everyday.draw, vggsound.load, scenes.SPEC, everyday.VERSION),
}


def drawn(name: str) -> Drawn:
    """Look a drawn data set up."""
    if name not in MINIATURES:
        raise ConfigError(f"--dataset: found {name!r}, expected one of {', '.join(MINIATURES)}")
    return MINIATURES[name]


def training_clips(name: str, root: Path, *, seed: int, clips: int) -> tuple[Example, ...]:
    """Draw the clips to learn from, unless they are there, and return them."""
    source = drawn(name)
    source.draw(root, seed=seed, train=clips)
    return source.load(root, split="train", limit=clips)
