"""Train the miniature ImageBind that knows the scenes of Landscape and VGGSound.

The networks of `svbench.training.miniature.extractors` have seen drumsticks only. Fréchet distances
need no more than features, but an ImageBind score of a clip with a caption needs a network that
knows the caption's words. This one learns from both drawn data sets at once, whose captions are
names of classes. It writes the folder that `svbench.metrics.miniature` reads for these data sets:

    <out>/data/<data set>/    the drawn clips
    <out>/imagebind.safetensors, imagebind.json, MADE.json

Conventions
-----------
As in `svbench.training.miniature.extractors`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import torch

from svbench._version import __version__
from svbench.catalog.miniatures import drawn
from svbench.compute import digest_file
from svbench.files import media
from svbench.files.writing import write_text
from svbench.metrics import miniature as shipped
from svbench.training.miniature.extractors import Course, train_imagebind
from svbench.training.miniature.learning import Tell, calculator
from svbench.types import Clip

DATASETS: Final = ("landscape", "vggsound")
OTHERS: Final = ("i3d", "vggish")  # networks of a course that are not trained here


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A drawn clip and the name of its class."""

    clip: Clip
    caption: str


def train(out: Path, course: Course, tell: Tell = print) -> None:
    """Draw, learn, and write the folder `out`; each data set gives half of the clips."""
    with calculator(course.threads), torch.random.fork_rng(devices=[]):
        lessons, exam = draw(out, "train", course), draw(out, "test", course)
        tell(f"{len(lessons)} clips to learn from, {len(exam)} to be asked about")
        report = train_imagebind(out, lessons, exam, course, tell, halves=True)
    files = (shipped.FILES["imagebind"], shipped.FILES["imagebind-sizes"])
    made = {
        "about": "A miniature ImageBind of svbench: trained on drawn and synthesised clips, not "
        "comparable with the published network.",
        "command": "svbench train-extractors --scenes --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniatures": {name: drawn(name).version for name in DATASETS},
        "course": {k: v for k, v in asdict(course).items() if not k.startswith(OTHERS)},
        "networks": {"imagebind": report},
        "sha256": {file: digest_file(out / file) for file in files},
    }
    write_text(out / shipped.RECORD, json.dumps(made, indent=2) + "\n")


def draw(out: Path, split: Literal["train", "test"], course: Course) -> list[Scene]:
    """Draw the clips of a course, and read those of one split."""
    scenes = []
    for name in DATASETS:
        source, root = drawn(name), out / "data" / name
        train, test = (count // len(DATASETS) for count in (course.clips, course.held_out))
        source.draw(root, seed=course.seed, train=train, test=test)
        for example in source.load(root, split=split, limit=test if split == "test" else train):
            scenes.append(Scene(media.read(example.recording, source.spec), example.caption))
    return scenes
