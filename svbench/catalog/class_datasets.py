"""The data sets whose captions are names of classes, as a run finds them: Landscape and VGGSound.

At scale mini their miniature is drawn into the run folder first; then, at either scale, the same
loader reads the form on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.catalog.miniatures import drawn
from svbench.config import RunConfig
from svbench.datasets import landscape, vggsound
from svbench.errors import ConfigError
from svbench.types import ClipSpec, Example

NOTE: Final = "miniature: drawn and synthesised clips, not comparable with published figures"


@dataclass(frozen=True, slots=True)
class Source:
    """A data set at full size, and what reads it."""

    title: str
    spec: ClipSpec
    load: Callable[..., tuple[Example, ...]]


SOURCES: Final = {
    "landscape": Source(landscape.NAME, landscape.SPEC, landscape.load),
    "vggsound": Source(vggsound.NAME, vggsound.SPEC, vggsound.load),
}


Found = tuple[str, ClipSpec, tuple[Example, ...], tuple[str, ...], tuple[Example, ...]]


def find(config: RunConfig, out: Path, clips: int, *, compared: bool = False) -> Found:
    """Return title, format, examples, notes and reference of the data set that a run asks for.

    A miniature has `clips` clips, and as many for reference if sets of clips are `compared`. For
    the real data sets there is no reference apart.
    """
    source = SOURCES[config.dataset]
    if config.scale == "mini":
        if config.data_root is not None:
            raise ConfigError(
                f"--data-root {config.data_root}: the miniature is drawn by svbench itself, "
                "expected no data; for the real data set add --scale paper"
            )
        small = drawn(config.dataset)
        root, splits = out / "data", (config.split, *(("reference",) if compared else ()))
        small.draw(root, seed=config.seed, **dict.fromkeys(splits, clips))
        examples, *reference = (small.load(root, split=split, limit=clips) for split in splits)
        title = f"{source.title}, miniature"
        return title, small.spec, examples, (NOTE,), reference[0] if reference else ()
    if config.data_root is None:
        raise ConfigError(
            f"--data-root: not given, expected the folder of the {source.title} data set "
            "(or set SVBENCH_DATA); without data, use --scale mini"
        )
    examples = source.load(
        config.data_root,
        split=config.split,
        limit=config.limit,
        listing=config.captions,
        allow_missing=config.allow_missing,
    )
    return source.title, source.spec, examples, (), ()
