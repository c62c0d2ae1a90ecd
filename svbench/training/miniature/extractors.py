"""Train the miniature networks that ship with svbench: I3D, VGGish and ImageBind at small widths.

`svbench train-extractors` draws a miniature Greatest Hits, trains each network on it, and writes
the folder that `svbench.metrics.miniature` reads: three files of weights, the sizes and the
vocabulary of ImageBind, and `MADE.json`, the record of the training.

Objectives
----------
I3D        classifies 16 frames: material, shape, place, whether there is a hit and a scratch, how
           many strokes, and how strongly the frames were corrupted. Its logits are the features
           that FVD compares.
VGGish     classifies 0.96 s of sound: material, shape, hit, scratch, in which quarters strokes
           fall, and how strongly the sound was corrupted, by a head on the 128 embeddings that is
           dropped after the training.
ImageBind  aligns pictures, sound and caption of a clip: InfoNCE over the three pairs of
           modalities, on one window of each clip at a time.

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
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench._version import __version__
from svbench.compute import digest_file
from svbench.files.writing import write_text
from svbench.metrics import fad
from svbench.metrics import miniature as shipped
from svbench.metrics.networks.i3d import I3D
from svbench.metrics.networks.i3d_inputs import network_input
from svbench.metrics.networks.imagebind import ImageBind
from svbench.metrics.networks.imagebind_config import ImageBindConfig, Size
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS, spectrograms, video_crops
from svbench.metrics.networks.imagebind_text import WordTokenizer
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
    cosine_similarities,
    fit,
    info_nce,
    save,
    torch_threads,
)
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.samples import (
    ACTIONS,
    ATTRIBUTES,
    AUDIBLE,
    I3D_WINDOW,
    SLOTS,
    STROKES,
    CaptionedClip,
    LabelledClip,
    draw,
)

# Chance that a clip is corrupted in each of three ways; that of pictures is learned far more slowly
CORRUPTED_VIDEO: Final = 0.5
CORRUPTED_SOUND: Final = 0.25
STRENGTH_WEIGHT: Final = 4.0  # of the loss of a picture corruption's strength
NORM_WEIGHT: Final = 0.01  # of the embeddings' mean square, which keeps them near 1
CONTEXT: Final = 16  # token ids in a caption; the longest has 13


def train(out: Path, recipe: ExtractorRecipe, log: Log = print) -> None:
    """Draw clips into `out/data`, train the three networks, and write the folder `out`."""
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        samples = draw(out / "data", "train", recipe)
        held_out = draw(out / "data", "test", recipe)
        log(f"{len(samples)} clips for training, {len(held_out)} held out")
        reports = {
            "i3d": train_i3d(out, samples, held_out, recipe, log),
            "vggish": train_vggish(out, samples, held_out, recipe, log),
            "imagebind": train_imagebind(out, samples, held_out, recipe, log),
        }
    made = {
        "about": "Miniature networks of svbench: trained on drawn and synthesised clips, not "
        "comparable with the published networks.",
        "command": "svbench train-extractors --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": miniature.VERSION,
        "course": asdict(recipe),
        "networks": reports,
        "sha256": {file: digest_file(out / file) for file in shipped.FILES.values()},
    }
    write_text(out / shipped.RECORD, json.dumps(made, indent=2) + "\n")


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
    save(network, out / shipped.FILES["i3d"])
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
    save(network, out / shipped.FILES["vggish"])
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


# --- ImageBind ---------------------------------------------------------------------------------


def train_imagebind(
    out: Path,
    samples: Sequence[CaptionedClip],
    held_out: Sequence[CaptionedClip],
    recipe: ExtractorRecipe,
    log: Log,
    *,
    half: bool = False,
) -> dict[str, Any]:
    """Train ImageBind on pictures, sound and captions; return losses and held-out cosines."""
    torch.manual_seed(recipe.seed)
    words = {word for sample in samples for word in re.findall(r"\w+", sample.caption.lower())}
    tokenizer = WordTokenizer(tuple(sorted(words)), CONTEXT)
    config = small_imagebind(tokenizer.vocabulary)
    network = ImageBind(config)
    protocol = PROTOCOLS["published"]

    def mels(part: Sequence[CaptionedClip]) -> Tensor:
        clips = [sample.clip for sample in part]
        found = [spectrograms(c.audio, c.spec.sample_rate, protocol, config) for c in clips]
        return torch.stack(found)  # (N, windows, 1, bins, frames)

    def pictures(sample: CaptionedClip, window: int) -> Tensor:
        crops, which = video_crops(sample.clip.video, sample.clip.spec.fps, protocol, config)
        return crops[which[window * protocol.crops]]

    def embed(sounds: Tensor, videos: Sequence[Tensor], texts: Sequence[str]) -> list[Tensor]:
        embeddings = (
            network("vision", torch.stack(list(videos))),
            network("audio", sounds),
            network("text", torch.from_numpy(tokenizer(texts))),
        )
        return [F.normalize(e, dim=-1) for e in embeddings]

    sounds = mels(samples)

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        windows = rng.integers(
            [protocol.audio_windows, protocol.video_windows], size=(len(batch), 2)
        )
        videos = [pictures(samples[i], w) for i, w in zip(batch, windows[:, 1], strict=True)]
        captions = [samples[i].caption for i in batch]
        return info_nce(embed(sounds[batch, windows[:, 0]], videos, captions))

    order = batches(len(samples), recipe.imagebind_batch, recipe.imagebind_steps, recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)
    losses = fit("imagebind", network, optimizer, recipe.imagebind_steps, order, loss, log)

    network.eval()
    middle = protocol.audio_windows // 2, protocol.video_windows // 2
    with torch.inference_mode():
        videos = [pictures(sample, middle[1]) for sample in held_out]
        captions = [sample.caption for sample in held_out]
        embeddings = embed(mels(held_out)[:, middle[0]], videos, captions)
    save(network, out / shipped.FILES["imagebind"], half=half)
    sizes = {"network": asdict(config), "words": list(tokenizer.words)}
    write_text(out / shipped.FILES["imagebind-sizes"], json.dumps(sizes) + "\n")
    return {"loss": losses, "held out": cosine_similarities(embeddings)}


def small_imagebind(vocabulary: int) -> ImageBindConfig:
    """Return the sizes of the small ImageBind, which takes an 80th of a large one's time."""
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
