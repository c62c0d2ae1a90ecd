"""Train the miniature networks that ship with svbench: I3D, VGGish, ImageBind and Synchformer.

`svbench train-extractors` draws a miniature Greatest Hits, trains each network on it, and writes
the folder that `svbench.metrics.miniature` reads: four files of weights, the sizes and the
vocabulary of ImageBind, and `MADE.json`, the record of the trainings. No network depends on the
others, so one can be trained anew; what the folder holds of the others stays as it is.

Objectives
----------
I3D        classifies 16 frames: material, shape, place, whether there is a hit and a scratch, how
           many strokes, and how strongly the frames were corrupted. Its logits are the features
           that FVD compares.
VGGish     classifies 0.96 s of sound: material, shape, hit, scratch, in which quarters strokes
           fall, and how strongly the sound was corrupted, by a head on the 128 embeddings that is
           dropped after the training.
ImageBind, Synchformer: see `imagebind` and `synchformer` in this folder.

I3D and VGGish also see corrupted clips (`svbench.miniature.corruptions`) and regress the strength
of blur, noise and loss, so that FVD and FAD respond to them. That they do is therefore by design;
that the response is monotone on held-out clips is what tests check.

Conventions
-----------
A seed decides the clips, the first weights and the order of batches: the same recipe on the same
machine, with as many threads, gives the same files. Held-out clips are the test split of the same
drawing; a benchmark run draws with other seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from svbench._version import __version__
from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.text import read_object
from svbench.files.writing import write_text
from svbench.limits import known
from svbench.metrics import fad
from svbench.metrics import miniature as shipped
from svbench.metrics.networks.i3d import I3D
from svbench.metrics.networks.i3d_inputs import network_input
from svbench.metrics.networks.vggish import VGGish
from svbench.metrics.networks.vggish_inputs import EMBEDDING
from svbench.miniature import corruptions
from svbench.miniature import greatesthits as miniature
from svbench.training.miniature.fitting import (
    IGNORED,
    Batch,
    Log,
    Prediction,
    accuracies,
    batches,
    classification_loss,
    fit,
    save,
    torch_threads,
)
from svbench.training.miniature.imagebind import train_imagebind
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.samples import (
    ACTIONS,
    ATTRIBUTES,
    AUDIBLE,
    I3D_WINDOW,
    SLOTS,
    STROKES,
    LabelledClip,
    draw,
)
from svbench.training.miniature.synchformer import train_synchformer

# Chance that a clip is corrupted in each of three ways; that of pictures is learned far more slowly
CORRUPTED_VIDEO: Final = 0.5
CORRUPTED_SOUND: Final = 0.25
STRENGTH_WEIGHT: Final = 4.0  # of the loss of a picture corruption's strength
NORM_WEIGHT: Final = 0.01  # of the embeddings' mean square, which keeps them near 1
ABOUT: Final = (
    "Miniature networks of svbench: trained on drawn and synthesised clips, not comparable with "
    "the published networks."
)


def train(
    out: Path, recipe: ExtractorRecipe, log: Log = print, networks: Sequence[str] = ()
) -> None:
    """Draw clips into `out/data`, train networks, and write the folder `out`.

    Parameters
    ----------
    out : Path
        what it holds of other networks, and of these in its record, stays
    recipe : ExtractorRecipe
        clips and steps
    log : callable
        takes one line of progress
    networks : sequence of str
        of `TRAININGS` (Default value = (), all)

    Raises ConfigError for an unknown network, DataError where `out` holds a malformed record.
    """
    chosen = {name: known(TRAININGS, name, "networks") for name in networks or TRAININGS}
    record = _record_so_far(out)
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        samples = draw(out / "data", "train", recipe)
        held_out = draw(out / "data", "test", recipe)
        log(f"{len(samples)} clips for training, {len(held_out)} held out")
        for name, training in chosen.items():
            made = _made_by(name, recipe)
            record["networks"][name] = made | training.fit(out, samples, held_out, recipe, log)
            files = (shipped.FILES[file] for file in training.files)
            record["sha256"] |= {file: digest_file(out / file) for file in files}
    record["networks"] = {n: record["networks"][n] for n in TRAININGS if n in record["networks"]}
    write_text(out / shipped.RECORD, json.dumps(record, indent=2) + "\n")


def _record_so_far(out: Path) -> dict[str, Any]:
    """Return the record of a folder, to which what is trained is added."""
    path = out / shipped.RECORD
    found = read_object(path, "the record of its networks") if path.exists() else {}
    record = {"about": ABOUT, **{name: found.get(name, {}) for name in ("networks", "sha256")}}
    if any(not isinstance(record[name], dict) for name in ("networks", "sha256")):
        raise DataError(f"{path}: found no networks with their sha256, expected another folder")
    return record


def _made_by(name: str, recipe: ExtractorRecipe) -> dict[str, Any]:
    """Return what a network is trained by."""
    return {
        "command": f"svbench train-extractors --networks {name} --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": miniature.VERSION,
        "course": recipe.of_network(name),
    }


# --- I3D ---------------------------------------------------------------------------------------


def train_i3d(
    out: Path,
    samples: Sequence[LabelledClip],
    held_out: Sequence[LabelledClip],
    recipe: ExtractorRecipe,
    log: Log,
) -> dict[str, Any]:
    """Train I3D to classify 16 frames; return its losses and held-out accuracies."""
    torch.manual_seed(recipe.seed)
    network = initial_i3d()
    events = (*ACTIONS, *STROKES, *corruptions.PICTURES)
    weights = [STRENGTH_WEIGHT if name in corruptions.PICTURES else 1.0 for name in events]

    def predict(part: Sequence[LabelledClip], rng: np.random.Generator) -> Prediction:
        inputs, classes, happened = _i3d_batch(part, rng)
        return network(inputs).mean(2), classes, happened

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        prediction = predict([samples[i] for i in batch], rng)
        return classification_loss(*prediction, list(ATTRIBUTES.values()), weights)

    order = batches(len(samples), recipe.i3d_batch, recipe.i3d_steps, recipe.seed)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
    losses = fit("i3d", network, optimizer, recipe.i3d_steps, order, loss, log)
    network.eval()
    scores = accuracies(predict, held_out, recipe.seed, ATTRIBUTES, events)
    save(network.state_dict(), out / shipped.FILES["i3d"])
    return {"loss": losses, "held out": scores}


def _i3d_batch(
    samples: Sequence[LabelledClip], rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return one random window of each clip, corrupted at random, with classes and events."""
    inputs, events = [], []
    for sample in samples:
        first = int(rng.integers(miniature.SPEC.frames - I3D_WINDOW + 1))
        window = sample.clip.video[first : first + I3D_WINDOW]
        window, strengths = corruptions.corrupt(window, corruptions.PICTURES, rng, CORRUPTED_VIDEO)
        inputs.append(network_input(window, shipped.I3D_SIZE, "stretch"))
        events.append(sample.frame_labels(first) + strengths)
    classes = torch.tensor([sample.classes for sample in samples])
    return torch.stack(inputs), classes, torch.tensor(events)


def initial_i3d() -> I3D:
    """Return the small I3D with first weights for a short training.

    Weights are drawn after He et al. (arXiv:1502.01852). Some of the first filters start without a
    mean over space and some without one over time, so that they respond to texture and to change
    from the first step on, not to colour alone. Batch norm tracks its statistics ten times faster
    than in a long training.
    """
    network = I3D(shipped.I3D_CLASSES, shipped.I3D_WIDTH)
    for part in network.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm3d):
            part.momentum = 0.1
        elif isinstance(part, nn.Dropout):
            part.p = 0.0  # the network is too small to overfit
    first = network.get_submodule("Conv3d_1a_7x7.conv3d").get_parameter("weight")
    with torch.no_grad():
        first[2:5] -= first[2:5].mean((3, 4), keepdim=True)
        first[5:] -= first[5:].mean(2, keepdim=True)
    return network


# --- VGGish ------------------------------------------------------------------------------------


def train_vggish(
    out: Path,
    samples: Sequence[LabelledClip],
    held_out: Sequence[LabelledClip],
    recipe: ExtractorRecipe,
    log: Log,
) -> dict[str, Any]:
    """Train VGGish to classify 0.96 s of sound; return its losses and held-out accuracies."""
    torch.manual_seed(recipe.seed)
    network = VGGish(shipped.VGGISH_WIDTH)
    events = (*ACTIONS, *SLOTS, *corruptions.SOUNDS)
    head = nn.Sequential(nn.ReLU(), nn.Linear(EMBEDDING, sum(AUDIBLE.values()) + len(events)))

    def predict(part: Sequence[LabelledClip], rng: np.random.Generator) -> Prediction:
        mels, classes, happened = _vggish_batch(part, rng)
        return head(network(mels)), classes, happened

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        mels, classes, happened = _vggish_batch([samples[i] for i in batch], rng)
        embeddings = network(mels)
        wrong = classification_loss(head(embeddings), classes, happened, list(AUDIBLE.values()))
        norm: Tensor = embeddings.square().mean()
        return wrong + NORM_WEIGHT * norm

    both = nn.ModuleList([network, head])
    order = batches(len(samples), recipe.vggish_batch, recipe.vggish_steps, recipe.seed)
    optimizer = torch.optim.AdamW(both.parameters(), 2e-3, weight_decay=0.01)
    losses = fit("vggish", both, optimizer, recipe.vggish_steps, order, loss, log)
    both.eval()
    scores = accuracies(predict, held_out, recipe.seed, AUDIBLE, events)
    save(network.state_dict(), out / shipped.FILES["vggish"])
    return {"loss": losses, "held out": scores}


def _vggish_batch(
    samples: Sequence[LabelledClip], rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return log mel examples of clips, corrupted at random, with classes and events."""
    mels, classes, events = [], [], []
    for sample in samples:
        audio, strengths = corruptions.corrupt(
            sample.clip.audio, corruptions.SOUNDS, rng, CORRUPTED_SOUND
        )
        rate = sample.clip.spec.sample_rate
        mels.append(fad.examples(audio, rate, fad.PROTOCOLS["audioldm-eval"]))
        for number in range(len(mels[-1])):
            labels = sample.audio_labels(number)
            events.append(labels + strengths)
            # without a stroke, nothing sounds of the material
            classes.append(sample.classes[:2] if any(labels) else (IGNORED, IGNORED))
    return torch.from_numpy(np.concatenate(mels)), torch.tensor(classes), torch.tensor(events)


# --- all of them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    fit : callable
        folder, samples, held-out samples, recipe, log -> losses and held-out scores; it writes the
        files into the folder
    files : sequence of str
        what it writes, by their names in `svbench.metrics.miniature.FILES`
    """

    fit: Callable[..., dict[str, Any]]
    files: Sequence[str]


TRAININGS: Final[Mapping[str, Training]] = {
    "i3d": Training(train_i3d, ("i3d",)),
    "vggish": Training(train_vggish, ("vggish",)),
    "imagebind": Training(train_imagebind, ("imagebind", "imagebind-sizes")),
    "synchformer": Training(train_synchformer, ("synchformer",)),
}
