"""Train the miniature ImageBind for the captions of Landscape and VGGSound.

The networks of `svbench.training.miniature.extractors` are trained on drumsticks only. Fréchet
distances need no more than features, but an ImageBind score of a clip with a caption needs a
network whose vocabulary covers the caption. This one is trained on both drawn data sets at once,
whose captions are names of classes. It writes the folder that `svbench.metrics.miniature` reads
for these data sets:

    <out>/data/<data set>/    the drawn clips
    <out>/imagebind.safetensors, imagebind.json, MADE.json

Conventions
-----------
As in `svbench.training.miniature.extractors`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

import torch

from svbench._version import __version__
from svbench.catalog.datasets import DATASETS, drawn
from svbench.compute import digest_file
from svbench.files import media
from svbench.files.writing import write_text
from svbench.metrics import miniature as shipped
from svbench.training.miniature.fitting import Log, torch_threads
from svbench.training.miniature.imagebind import train_imagebind
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.samples import CaptionedClip

FOLDER: Final = "scenes"  # of the weights, in that of `svbench.metrics.miniature`


def datasets() -> list[str]:
    """Return the data sets whose captions this network embeds."""
    return [name for name, entry in DATASETS.items() if entry.imagebind_weights == FOLDER]


def train(out: Path, recipe: ExtractorRecipe, log: Log = print) -> None:
    """Draw clips, train, and write the folder `out`; each data set has half of the clips."""
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        samples, held_out = draw(out, "train", recipe), draw(out, "test", recipe)
        log(f"{len(samples)} clips for training, {len(held_out)} held out")
        report = train_imagebind(out, samples, held_out, recipe, log, half=True)
    files = (shipped.FILES["imagebind"], shipped.FILES["imagebind-sizes"])
    made = {
        "about": "A miniature ImageBind of svbench: trained on drawn and synthesised clips, not "
        "comparable with the published network.",
        "command": "svbench train-extractors --scenes --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniatures": {name: drawn(name).version for name in datasets()},
        "course": recipe.of_network("imagebind"),
        "networks": {"imagebind": report},
        "sha256": {file: digest_file(out / file) for file in files},
    }
    write_text(out / shipped.RECORD, json.dumps(made, indent=2) + "\n")


def draw(
    out: Path, split: Literal["train", "test"], recipe: ExtractorRecipe
) -> list[CaptionedClip]:
    """Draw the clips of a recipe, and return those of one split."""
    samples, names = [], datasets()
    for name in names:
        source, root = drawn(name), out / "data" / name
        train, test = (count // len(names) for count in (recipe.clips, recipe.held_out))
        source.draw(root, seed=recipe.seed, train=train, test=test)
        for example in source.load(root, split=split, limit=test if split == "test" else train):
            clip = media.read(example.recording, source.spec)
            samples.append(CaptionedClip(clip, example.caption))
    return samples
