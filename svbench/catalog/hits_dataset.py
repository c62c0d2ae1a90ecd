"""The Greatest Hits as a run finds it.

At scale mini its miniature is drawn into the run folder first; then, at either scale, the same
loader reads the form on disk.
"""

from __future__ import annotations

from pathlib import Path

from svbench.catalog.checks import check_data, real_root
from svbench.catalog.class_datasets import NOTE, Found
from svbench.config import RunConfig
from svbench.datasets import greatesthits
from svbench.miniature import greatesthits as miniature
from svbench.miniature.drawing import strokes

TITLE = "Greatest Hits"
TUNABLE = (
    "the data folder holds annotated hits: `svbench tune-avalign --data-root` chooses detectors of "
    "AV-Align on them"
)


def find(config: RunConfig, out: Path, clips: int, *, compared: bool = False) -> Found:
    """Return title, format, examples, notes and reference of the data set that a run asks for.

    A miniature has `clips` clips, and as many for reference if sets of clips are `compared`. For
    the real data set there is no reference apart.
    """
    check_data(config)
    if config.scale == "mini":
        return _miniature(config, out / "data", clips, compared=compared)
    root, split, captions = real_root(config), config.split, config.captions
    examples = greatesthits.load(root, split=split, captions=captions, limit=config.limit)
    notes = greatesthits.notes(root, split, captions)
    if any(example.onsets for example in examples):
        notes = (*notes, TUNABLE)
    return TITLE, greatesthits.SPEC, examples, notes, ()


def _miniature(config: RunConfig, root: Path, clips: int, *, compared: bool) -> Found:
    judged = config.split == "test"
    splits = (config.split, *(("reference",) if compared else ()))
    drawn = strokes.drawn_for(clips) if judged else clips
    miniature.draw(root, seed=config.seed, **dict.fromkeys(splits, drawn))
    found = [greatesthits.load(root, split=split, limit=drawn) for split in splits]
    if judged:  # AV-Align of a clip in which nothing happens is 0 for everybody
        found = [tuple(example for example in part if example.onsets) for part in found]
    examples, *reference = (part[:clips] for part in found)
    notes = (NOTE, "segments without a stroke are left out")
    return f"{TITLE}, miniature", miniature.SPEC, examples, notes, reference[0] if reference else ()
