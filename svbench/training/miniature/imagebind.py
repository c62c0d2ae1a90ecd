"""Train a miniature ImageBind to align pictures, sound and captions of drawn clips.

The loss is InfoNCE over the three pairs of modalities, on one window of each clip at a time.

Conventions
-----------
As in `svbench.training.miniature.extractors`. Embeddings are unit vectors, (N, D).

References
----------
- R. Girdhar et al.: ImageBind: One embedding space to bind them all. CVPR 2023, arXiv:2305.05665.
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
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from svbench.files.writing import write_text
from svbench.metrics import miniature as shipped
from svbench.metrics.networks.imagebind import ImageBind
from svbench.metrics.networks.imagebind_config import ImageBindConfig, Size
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS, spectrograms, video_crops
from svbench.metrics.networks.imagebind_text import WordTokenizer
from svbench.miniature import greatesthits as miniature
from svbench.training.miniature.fitting import (
    Batch,
    Log,
    batches,
    cosine_similarities,
    fit,
    info_nce,
    save,
)
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.samples import CaptionedClip

CONTEXT: Final = 16  # token ids in a caption; the longest has 13


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
    save(network.state_dict(), out / shipped.FILES["imagebind"], half=half)
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
