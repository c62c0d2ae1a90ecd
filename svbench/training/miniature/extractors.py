"""Train the miniature networks that svbench ships: I3D, VGGish and ImageBind at small widths.

`svbench train-extractors` draws a miniature Greatest Hits, lets each network learn from it, and
writes the folder that `svbench.metrics.miniature` reads: three files of weights, the sizes and
words of ImageBind, and `MADE.json`, which tells how they came about.

What is learned
---------------
I3D        from 16 frames: material, shape, place, whether there is a hit and a scratch, how many
           strokes, and how far the frames were spoilt. Its logits, which FVD compares, are the
           answers themselves.
VGGish     from 0.96 s of sound: material, shape, hit, scratch, in which quarters strokes fall,
           and how far the sound was spoilt, through a layer behind the 128 embeddings that is
           thrown away.
ImageBind  that pictures, sound and caption of a clip belong together, and those of two clips do
           not: InfoNCE over the three pairs, on one window of each clip at a time.

I3D and VGGish are also shown spoilt clips (`svbench.miniature.corruptions`) and asked for the
strength of blur, noise and loss, so that FVD and FAD notice them. That they do is therefore by
design; that the answer grows evenly, on clips that they never met, is what tests see.

Conventions
-----------
A seed decides the clips, the first weights and the order of lessons: the same course on the same
machine, with as many threads, gives the same files. Held-out clips are the test split of the same
drawing; a benchmark run draws with other seeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench._version import __version__
from svbench.compute import digest_file
from svbench.datasets import greatesthits
from svbench.errors import ConfigError
from svbench.files import media
from svbench.files.writing import write_text
from svbench.limits import check
from svbench.metrics import fad, fvd
from svbench.metrics import miniature as shipped
from svbench.metrics.networks.i3d import I3D
from svbench.metrics.networks.imagebind import ImageBind, ImageBindConfig
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS, spectrograms, video_crops
from svbench.metrics.networks.imagebind_parts import Size
from svbench.metrics.networks.imagebind_text import WordTokenizer
from svbench.metrics.networks.vggish import EMBEDDING, VGGish
from svbench.miniature import corruptions
from svbench.miniature import greatesthits as miniature
from svbench.miniature.drawing.drumstick import Stroke
from svbench.training.miniature.learning import (
    SILENT,
    Answered,
    Tell,
    answers_loss,
    batches,
    calculator,
    info_nce,
    learn,
    likeness,
    save,
    shares_right,
)
from svbench.types import Clip

# How many answers of each kind a network gives, in this order.
KINDS: Final = {
    "material": len(miniature.MATERIALS),
    "shape": len(miniature.SHAPES),
    "place": len(miniature.PLACES),
}
HEARD: Final = {kind: KINDS[kind] for kind in ("material", "shape")}  # a place makes no sound
ACTIONS: Final = ("hit", "scratch")
STROKES: Final = ("1 stroke", "2 strokes", "3 strokes", "4 strokes")  # at least, in 16 frames
SLOTS: Final = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")  # of 0.96 s
# Chance that a clip is spoilt in each of three ways; seen spoils are learned far more slowly.
SPOILT: Final = 0.5
SPOILT_SOUND: Final = 0.25
URGENT: Final = 4.0  # weight of telling how far pictures were spoilt
CALM: Final = 0.01  # weight of the embeddings' mean square: they stay near 1
EXAMPLE: Final = 0.96  # s
CONTEXT: Final = 16  # ids in a caption; the longest has 13
I3D_WINDOW: Final = 16  # frames


@dataclass(frozen=True, slots=True)
class Course:
    """How much is learned, and from what."""

    clips: int = 1600
    held_out: int = 200
    seed: int = 1000  # not one of those that a benchmark run is likely to have
    threads: int = 1  # with more, sums round otherwise, and threads wait for each other
    i3d_steps: int = 1000
    i3d_batch: int = 16
    vggish_steps: int = 1000
    vggish_batch: int = 16  # clips, of four examples each
    imagebind_steps: int = 500
    imagebind_batch: int = 64

    def __post_init__(self) -> None:
        for name in ("clips", "seed", "threads"):
            check(name, getattr(self, name))
        if min(self.clips, self.held_out) < 2 or min({**asdict(self), "seed": 1}.values()) < 1:
            raise ConfigError(f"a course needs 2 clips of each kind and some steps, got {self}")


class Captioned(Protocol):
    """A clip and its caption."""

    @property
    def clip(self) -> Clip:
        """Give the clip."""
        ...

    @property
    def caption(self) -> str:
        """Give its caption."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A drawn clip, and what there is to know about it."""

    clip: Clip
    caption: str
    kinds: tuple[int, int, int]  # numbers of its material, shape and place
    strokes: tuple[Stroke, ...]  # times from the clip's start

    def done(self, begin: float, end: float) -> tuple[list[float], list[float]]:
        """Tell whether hits and scratches happen in a part of it, 0 or 1, and when, 0..1 of it."""
        inside = [s for s in self.strokes if begin <= s.time < end]
        actions = {s.action for s in inside}
        when = [(s.time - begin) / (end - begin) for s in inside]
        return [float(action in actions) for action in ACTIONS], when

    def seen(self, first: int) -> list[float]:
        """Tell of 16 frames: hit, scratch, at least 1, 2, .. strokes."""
        fps = self.clip.spec.fps
        actions, when = self.done(first / fps, (first + I3D_WINDOW) / fps)
        return actions + [float(len(when) > n) for n in range(len(STROKES))]

    def heard(self, example: int) -> list[float]:
        """Tell of 0.96 s: hit, scratch, a stroke in each quarter."""
        actions, when = self.done(example * EXAMPLE, (example + 1) * EXAMPLE)
        quarters = {int(len(SLOTS) * time) for time in when}
        return actions + [float(n in quarters) for n in range(len(SLOTS))]


def train(out: Path, course: Course, tell: Tell = print) -> None:
    """Draw, learn, and write the folder `out`, with the drawn clips in `out/data`."""
    with calculator(course.threads), torch.random.fork_rng(devices=[]):
        lessons = draw(out / "data", "train", course)
        exam = draw(out / "data", "test", course)
        tell(f"{len(lessons)} clips to learn from, {len(exam)} to be asked about")
        reports = {
            "i3d": train_i3d(out, lessons, exam, course, tell),
            "vggish": train_vggish(out, lessons, exam, course, tell),
            "imagebind": train_imagebind(out, lessons, exam, course, tell),
        }
    made = {
        "about": "Miniature networks of svbench: trained on drawn and synthesised clips, not "
        "comparable with the published networks.",
        "command": "svbench train-extractors --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": miniature.VERSION,
        "course": asdict(course),
        "networks": reports,
        "sha256": {file: digest_file(out / file) for file in shipped.FILES.values()},
    }
    write_text(out / shipped.RECORD, json.dumps(made, indent=2) + "\n")


def draw(root: Path, split: Literal["train", "test"], course: Course) -> list[Lesson]:
    """Draw the clips of a course, and read those of one split as any data set is read."""
    miniature.draw(root, seed=course.seed, train=course.clips, test=course.held_out)
    clips = course.clips if split == "train" else course.held_out
    examples = greatesthits.load(root, split=split, limit=clips)
    lessons = []
    for n, example in enumerate(examples):
        number, segment = divmod(n, miniature.SEGMENTS)
        trial = miniature.plan(course.seed, split, number, miniature.SEGMENTS)
        begin = segment * miniature.SPEC.duration
        strokes = tuple(
            Stroke(stroke.time - begin, stroke.action)
            for stroke in trial.strokes
            if begin <= stroke.time < begin + miniature.SPEC.duration
        )
        kinds = (
            miniature.MATERIALS.index(trial.material),
            miniature.SHAPES.index(trial.scene.shape),
            miniature.PLACES.index(trial.place),
        )
        clip = media.read(example.recording, miniature.SPEC)
        lessons.append(Lesson(clip, example.caption, kinds, strokes))
    return lessons


# --- the three networks ------------------------------------------------------------------------


def train_i3d(
    out: Path, lessons: Sequence[Lesson], exam: Sequence[Lesson], course: Course, tell: Tell
) -> dict[str, Any]:
    """Teach I3D what is seen and what happens in 16 frames."""
    torch.manual_seed(course.seed)
    network = untaught_i3d()
    starts = miniature.SPEC.frames - I3D_WINDOW + 1
    names = (*ACTIONS, *STROKES, *corruptions.PICTURES)
    weights = [URGENT if name in corruptions.PICTURES else 1.0 for name in names]

    def ask(part: Sequence[Lesson], rng: np.random.Generator) -> Answered:
        inputs, happens = [], []
        for lesson in part:
            first = int(rng.integers(starts))
            window = lesson.clip.video[first : first + I3D_WINDOW]
            window, strengths = corruptions.spoilt(window, corruptions.PICTURES, rng, SPOILT)
            inputs.append(fvd.network_input(window, shipped.I3D_SIZE, "stretch"))
            happens.append(lesson.seen(first) + strengths)
        kinds = torch.tensor([lesson.kinds for lesson in part])
        return network(torch.stack(inputs)).mean(2), kinds, torch.tensor(happens)

    def loss(rng: np.random.Generator, batch: NDArray[np.int64]) -> Tensor:
        answered = ask([lessons[i] for i in batch], rng)
        return answers_loss(*answered, list(KINDS.values()), weights)

    order = batches(len(lessons), course.i3d_batch, course.i3d_steps, course.seed)
    optimiser = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
    losses = learn("i3d", network, optimiser, course.i3d_steps, order, loss, tell)
    network.eval()
    marks = shares_right(ask, exam, course.seed, KINDS, names)
    save(network, out / shipped.FILES["i3d"])
    return {"loss": losses, "held out": marks}


def untaught_i3d() -> I3D:
    """Give the small I3D with first weights from which few steps lead far.

    Weights are drawn as He et al. have it (arXiv:1502.01852). Of the first filters some start
    without a mean over space and some without one over time, so that they answer to texture and
    to change from the first step on, not to colour alone. Batch norm follows the clips ten times
    faster than in a long training.
    """
    network = I3D(shipped.I3D_CLASSES, shipped.I3D_WIDTH)
    for part in network.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm3d):
            part.momentum = 0.1
        elif isinstance(part, nn.Dropout):
            part.p = 0.0  # too small to learn by heart
    first = network.get_submodule("Conv3d_1a_7x7.conv3d").get_parameter("weight")
    with torch.no_grad():
        first[2:5] -= first[2:5].mean((3, 4), keepdim=True)
        first[5:] -= first[5:].mean(2, keepdim=True)
    return network


def train_vggish(
    out: Path, lessons: Sequence[Lesson], exam: Sequence[Lesson], course: Course, tell: Tell
) -> dict[str, Any]:
    """Teach VGGish what is struck, and how, in 0.96 s of sound."""
    torch.manual_seed(course.seed)
    network = VGGish(shipped.VGGISH_WIDTH)
    names = (*ACTIONS, *SLOTS, *corruptions.SOUNDS)
    head = nn.Sequential(nn.ReLU(), nn.Linear(EMBEDDING, sum(HEARD.values()) + len(names)))

    def described(
        part: Sequence[Lesson], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        mels, kinds, happens = [], [], []
        for lesson in part:
            audio, strengths = corruptions.spoilt(
                lesson.clip.audio, corruptions.SOUNDS, rng, SPOILT_SOUND
            )
            rate = lesson.clip.spec.sample_rate
            mels.append(fad.examples(audio, rate, fad.PROTOCOLS["audioldm-eval"]))
            for number in range(len(mels[-1])):
                heard = lesson.heard(number)
                happens.append(heard + strengths)
                # where nothing is struck, there is no material to hear
                kinds.append(lesson.kinds[:2] if any(heard) else (SILENT, SILENT))
        return torch.from_numpy(np.concatenate(mels)), torch.tensor(kinds), torch.tensor(happens)

    def ask(part: Sequence[Lesson], rng: np.random.Generator) -> Answered:
        mels, kinds, happens = described(part, rng)
        return head(network(mels)), kinds, happens

    def loss(rng: np.random.Generator, batch: NDArray[np.int64]) -> Tensor:
        mels, kinds, happens = described([lessons[i] for i in batch], rng)
        embeddings = network(mels)
        wrong = answers_loss(head(embeddings), kinds, happens, list(HEARD.values()))
        large: Tensor = embeddings.square().mean()
        return wrong + CALM * large

    both = nn.ModuleList([network, head])
    order = batches(len(lessons), course.vggish_batch, course.vggish_steps, course.seed)
    optimiser = torch.optim.AdamW(both.parameters(), 2e-3, weight_decay=0.01)
    losses = learn("vggish", both, optimiser, course.vggish_steps, order, loss, tell)
    both.eval()
    marks = shares_right(ask, exam, course.seed, HEARD, names)
    save(network, out / shipped.FILES["vggish"])
    return {"loss": losses, "held out": marks}


def train_imagebind(
    out: Path,
    lessons: Sequence[Captioned],
    exam: Sequence[Captioned],
    course: Course,
    tell: Tell,
    *,
    halves: bool = False,
) -> dict[str, Any]:
    """Teach ImageBind which pictures, sound and caption belong together."""
    torch.manual_seed(course.seed)
    said = {word for lesson in lessons for word in re.findall(r"\w+", lesson.caption.lower())}
    tokenizer = WordTokenizer(tuple(sorted(said)), CONTEXT)
    config = small_imagebind(tokenizer.vocabulary)
    network = ImageBind(config)
    protocol = PROTOCOLS["published"]

    def mels(part: Sequence[Captioned]) -> Tensor:
        clips = [lesson.clip for lesson in part]
        found = [spectrograms(c.audio, c.spec.sample_rate, protocol, config) for c in clips]
        return torch.stack(found)  # (N, windows, 1, bins, frames)

    def pictures(lesson: Captioned, window: int) -> Tensor:
        crops, which = video_crops(lesson.clip.video, lesson.clip.spec.fps, protocol, config)
        return crops[which[window * protocol.crops]]

    def embedded(sounds: Tensor, seen: Sequence[Tensor], texts: Sequence[str]) -> list[Tensor]:
        found = (
            network("vision", torch.stack(list(seen))),
            network("audio", sounds),
            network("text", torch.from_numpy(tokenizer(texts))),
        )
        return [F.normalize(e, dim=-1) for e in found]

    sounds = mels(lessons)

    def loss(rng: np.random.Generator, batch: NDArray[np.int64]) -> Tensor:
        windows = rng.integers(
            [protocol.audio_windows, protocol.video_windows], size=(len(batch), 2)
        )
        heard = sounds[batch, windows[:, 0]]
        seen = [pictures(lessons[i], w) for i, w in zip(batch, windows[:, 1], strict=True)]
        return info_nce(embedded(heard, seen, [lessons[i].caption for i in batch]))

    order = batches(len(lessons), course.imagebind_batch, course.imagebind_steps, course.seed)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
    losses = learn("imagebind", network, optimiser, course.imagebind_steps, order, loss, tell)

    network.eval()
    middle = protocol.audio_windows // 2, protocol.video_windows // 2
    with torch.inference_mode():
        seen = [pictures(lesson, middle[1]) for lesson in exam]
        found = embedded(mels(exam)[:, middle[0]], seen, [lesson.caption for lesson in exam])
    save(network, out / shipped.FILES["imagebind"], halves=halves)
    told = {"network": asdict(config), "words": list(tokenizer.words)}
    write_text(out / shipped.FILES["imagebind-sizes"], json.dumps(told) + "\n")
    return {"loss": losses, "held out": likeness(found)}


def small_imagebind(vocabulary: int) -> ImageBindConfig:
    """Give the sizes of the small ImageBind: an eightieth of the clip time of a large one."""
    return ImageBindConfig(
        embedding=48,
        vision=Size(48, 3, 4),
        text=Size(48, 2, 4),
        audio=Size(48, 3, 4),
        image=miniature.SPEC.size[0],
        image_patch=8,
        bins=64,
        audio_stride=12,
        context=CONTEXT,
        vocabulary=vocabulary,
    )
