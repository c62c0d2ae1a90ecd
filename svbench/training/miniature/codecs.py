"""Teach the miniature's codecs and text encoder: what stands before and behind its joint models.

Two autoencoders learn to give frames and spectrograms back, and the principal components of what
they say are taken; a text encoder learns to hold a caption's words.
`svbench.training.miniature.systems` puts them to use.

Conventions
-----------
A seed decides the first weights and the order of lessons.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svbench.baselines import miniature as systems
from svbench.baselines.miniature.audio_codec import AudioCodec, folded
from svbench.baselines.miniature.components import Codec
from svbench.baselines.miniature.nets import CAPTION, Design
from svbench.baselines.miniature.text_encoder import TextEncoder, split
from svbench.baselines.miniature.video_codec import VideoCodec, codec_for
from svbench.files import media
from svbench.files.writing import write_text
from svbench.training.miniature.learning import Tell, batches, learn
from svbench.types import ClipSpec, Example

STRAYING: Final = 1e-6  # weight of the autoencoders' Kullback-Leibler term
CODEC_RATE: Final = 2e-3
SETTLED: Final = 256  # clips whose latents tell a codec's components


@dataclass(frozen=True, slots=True)
class CodecCourse:
    """How much is learned."""

    seed: int = 2000  # not one of those that a benchmark run is likely to have
    video_steps: int = 900
    video_batch: int = 32  # frames
    audio_steps: int = 600
    audio_batch: int = 8  # clips
    caption_steps: int = 600
    caption_batch: int = 64


def video_codec(
    examples: Sequence[Example], spec: ClipSpec, design: Design, course: CodecCourse, tell: Tell
) -> nn.Module:
    """Teach an autoencoder to give frames back."""
    videos = [media.read(example.recording, spec).video for example in examples]
    torch.manual_seed(course.seed)
    viewer = codec_for(design.motion)
    codec = viewer.codec

    def frames(rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        which = rng.integers(spec.frames, size=len(batch))
        shown = np.stack([videos[i][frame] for i, frame in zip(batch, which, strict=True)])
        return VideoCodec.frames(shown)

    steps, size = course.video_steps, course.video_batch
    _teach("video codec", codec, frames, len(videos), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(videos))[:SETTLED]
    shown = (viewer.moments(VideoCodec.frames(videos[i])) for i in chosen)
    return _settled(viewer, shown, design.codec_bits)


def audio_codec(
    examples: Sequence[Example], spec: ClipSpec, design: Design, course: CodecCourse, tell: Tell
) -> nn.Module:
    """Teach an autoencoder to give spectrograms back."""
    torch.manual_seed(course.seed)
    listener = AudioCodec()
    codec = listener.codec
    heard = [
        listener.spectrogram(media.read(example.recording, spec).audio) for example in examples
    ]

    def spectrograms(_rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        return torch.stack([folded(heard[i]) for i in batch])

    steps, size = course.audio_steps, course.audio_batch
    _teach("audio codec", codec, spectrograms, len(heard), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(heard))[:SETTLED]
    told = (listener.moments(folded(heard[i])) for i in chosen)
    return _settled(listener, told, design.codec_bits)


def _teach(
    name: str,
    codec: Codec,
    draw: Callable[[np.random.Generator, np.ndarray], Tensor],
    count: int,
    steps: int,
    size: int,
    course: CodecCourse,
    tell: Tell,
) -> None:
    """Let an autoencoder learn to give back what goes in."""

    def loss(rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        inputs = draw(rng, batch)
        found = codec.autoencoder.encode(inputs).latent_dist
        again = codec.autoencoder.decode(found.sample()).sample
        wrong = functional.l1_loss(again, inputs) + functional.mse_loss(again, inputs)
        strays: Tensor = found.kl().mean()
        return wrong + STRAYING * strays

    order = batches(count, size, steps, course.seed)
    optimiser = torch.optim.AdamW(codec.parameters(), CODEC_RATE, weight_decay=0)
    learn(name, codec, optimiser, steps, order, loss, tell)


def _settled(coder: VideoCodec | AudioCodec, clips: Iterable[Tensor], bits: int) -> Codec:
    """Find the components that tell most of clips' moments, the weights as they are written."""
    systems.rounded(coder.codec.eval(), bits)
    with torch.no_grad():  # the moments are computed here, behind the rounding
        coder.fit_components(list(clips))
    return coder.codec


# --- captions ------------------------------------------------------------------------------------


def text_encoder(
    weights: Path, examples: Sequence[Example], course: CodecCourse, tell: Tell
) -> nn.Module:
    """Teach a text encoder to hold the words: each place its own, the whole caption all of them."""
    told = [example.caption for example in examples]
    words = tuple(sorted({word for caption in told for word in split(caption)}))
    torch.manual_seed(course.seed)
    captioner = TextEncoder(words)
    numbers = torch.tensor([captioner.tokens(caption) for caption in told])
    count = int(captioner.encoder.config.vocab_size)
    heads = nn.ModuleList([nn.Linear(CAPTION, count), nn.Linear(CAPTION, count)])

    def loss(_rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        said = numbers[batch]
        found = captioner.encoder(said)
        places: Tensor = heads[0](found.last_hidden_state)
        whole: Tensor = heads[1](functional.normalize(found.text_embeds, dim=-1) * CAPTION**0.5)
        holds = torch.zeros(len(said), count).scatter_(1, said, 1.0)
        wrong = functional.cross_entropy(places.flatten(0, 1), said.flatten())
        return wrong + functional.binary_cross_entropy_with_logits(whole, holds)

    network = nn.ModuleList([captioner.encoder, heads])
    order = batches(len(told), course.caption_batch, course.caption_steps, course.seed)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    learn("captions", network, optimiser, course.caption_steps, order, loss, tell)
    write_text(weights / systems.WORDS, json.dumps(words) + "\n")
    encoder: nn.Module = captioner.encoder
    return encoder
