"""Train the miniature's codecs and text encoder, which stand before and behind its joint models.

Two autoencoders are trained to reconstruct frames and spectrograms, and the principal components
of their moments are computed; a head in place of the last levels of the frames' decoder is trained
on what these components leave of a clip; a text encoder is trained to predict a caption's words
from its embeddings. `svbench.training.miniature.systems` trains the joint models on them.

Conventions
-----------
A seed decides the first weights and the order of batches. Codecs come with their weights rounded
as they are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from svbench.baselines import miniature as systems
from svbench.baselines.miniature.audio_codec import AudioCodec, folded
from svbench.baselines.miniature.components import Codec
from svbench.baselines.miniature.design import Design
from svbench.baselines.miniature.frame_decoder import FrameHead
from svbench.baselines.miniature.nets import CAPTION
from svbench.baselines.miniature.text_encoder import TextEncoder, split
from svbench.baselines.miniature.video_codec import VideoCodec, codec_for
from svbench.files import media
from svbench.files.writing import write_text
from svbench.training.miniature.fitting import Batch, Log, batches, fit
from svbench.training.miniature.recipes import CodecRecipe
from svbench.types import ClipSpec, Example

KL_WEIGHT: Final = 1e-6  # of the autoencoders' Kullback-Leibler divergence
CODEC_RATE: Final = 2e-3
HEAD_RATE: Final = 5e-3
HEAD_CLIPS: Final = 320  # clips that the head is trained on,
HEAD_FRAMES: Final = 8  # and frames of each: neighbours are much alike
COMPONENT_CLIPS: Final = 256  # clips whose moments decide a codec's principal components


def train_video_codec(
    examples: Sequence[Example], spec: ClipSpec, design: Design, recipe: CodecRecipe, log: Log
) -> nn.Module:
    """Train an autoencoder of frames, and compute its components."""
    videos = [media.read(example.recording, spec).video for example in examples]
    torch.manual_seed(recipe.seed)
    coder = codec_for(design.motion)

    def frames(rng: np.random.Generator, batch: Batch) -> Tensor:
        which = rng.integers(spec.frames, size=len(batch))
        chosen = np.stack([videos[i][frame] for i, frame in zip(batch, which, strict=True)])
        return VideoCodec.frames(chosen)

    order = batches(len(videos), recipe.video_batch, recipe.video_steps, recipe.seed)
    _fit_autoencoder("video codec", coder.codec, frames, recipe.video_steps, order, log)
    chosen = np.random.default_rng(recipe.seed).permutation(len(videos))[:COMPONENT_CLIPS]
    moments = (coder.moments(VideoCodec.frames(videos[i])) for i in chosen)
    return _with_components(coder, moments, design.codec_bits)


def train_frame_head(
    weights: Path,
    examples: Sequence[Example],
    spec: ClipSpec,
    design: Design,
    recipe: CodecRecipe,
    log: Log,
) -> nn.Module:
    """Train the head of the decoder of the video codec in the folder `weights`, which stays.

    The features of all its frames are computed once, from clips that were projected to components
    and reconstructed, as it will decode them.
    """
    coder = codec_for(design.motion)
    systems.put(coder.codec, weights / systems.VIDEO)
    features, frames = _head_examples(coder, examples, spec, recipe.seed)
    torch.manual_seed(recipe.seed)
    head = FrameHead()

    def loss(_rng: np.random.Generator, batch: Batch) -> Tensor:
        outputs, targets = head(features[batch].float()), VideoCodec.frames(frames[batch])
        return functional.l1_loss(outputs, targets) + functional.mse_loss(outputs, targets)

    order = batches(len(frames), recipe.head_batch, recipe.head_steps, recipe.seed)
    optimizer = torch.optim.AdamW(head.parameters(), HEAD_RATE, weight_decay=0)
    fit("frame head", head, optimizer, recipe.head_steps, order, loss, log)
    return head


def _head_examples(
    coder: VideoCodec, examples: Sequence[Example], spec: ClipSpec, seed: int
) -> tuple[Tensor, NDArray[np.uint8]]:
    """Return features (N, 32, 32, 32), in float16 to save memory, and frames (N, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    features, frames = [], []
    for i in rng.permutation(len(examples))[:HEAD_CLIPS]:
        video = media.read(examples[i].recording, spec).video
        chosen = rng.permutation(spec.frames)[:HEAD_FRAMES]
        with torch.no_grad():
            moments = coder.reconstruct(coder.project(coder.moments(VideoCodec.frames(video))))
            features.append(coder.features(moments[chosen]).half())
        frames.append(video[chosen])
    return torch.cat(features), np.concatenate(frames)


def train_audio_codec(
    examples: Sequence[Example], spec: ClipSpec, design: Design, recipe: CodecRecipe, log: Log
) -> nn.Module:
    """Train an autoencoder of spectrograms, and compute its components."""
    torch.manual_seed(recipe.seed)
    coder = AudioCodec()
    spectra = [coder.spectrogram(media.read(example.recording, spec).audio) for example in examples]

    def spectrograms(_rng: np.random.Generator, batch: Batch) -> Tensor:
        return torch.stack([folded(spectra[i]) for i in batch])

    order = batches(len(spectra), recipe.audio_batch, recipe.audio_steps, recipe.seed)
    _fit_autoencoder("audio codec", coder.codec, spectrograms, recipe.audio_steps, order, log)
    chosen = np.random.default_rng(recipe.seed).permutation(len(spectra))[:COMPONENT_CLIPS]
    moments = (coder.moments(folded(spectra[i])) for i in chosen)
    return _with_components(coder, moments, design.codec_bits)


def _fit_autoencoder(
    name: str,
    codec: Codec,
    inputs_of: Callable[[np.random.Generator, Batch], Tensor],
    steps: int,
    order: Iterator[tuple[np.random.Generator, Batch]],
    log: Log,
) -> None:
    """Train an autoencoder on its reconstruction error and Kullback-Leibler divergence."""

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        inputs = inputs_of(rng, batch)
        posterior = codec.autoencoder.encode(inputs).latent_dist
        outputs = codec.autoencoder.decode(posterior.sample()).sample
        error = functional.l1_loss(outputs, inputs) + functional.mse_loss(outputs, inputs)
        divergence: Tensor = posterior.kl().mean()
        return error + KL_WEIGHT * divergence

    optimizer = torch.optim.AdamW(codec.parameters(), CODEC_RATE, weight_decay=0)
    fit(name, codec, optimizer, steps, order, loss, log)


def _with_components(coder: VideoCodec | AudioCodec, clips: Iterable[Tensor], bits: int) -> Codec:
    """Compute the components of clips' moments, with the weights rounded as they are written."""
    systems.rounded(coder.codec.eval(), bits)
    with torch.no_grad():  # the moments are a generator: computed here, after the rounding
        coder.fit_components(list(clips))
    return coder.codec


# --- captions ------------------------------------------------------------------------------------


def train_text_encoder(
    weights: Path, examples: Sequence[Example], recipe: CodecRecipe, log: Log
) -> nn.Module:
    """Train a text encoder, and write its vocabulary into the folder `weights`.

    Each token's hidden state predicts that token; the text embedding predicts which words the
    caption holds.
    """
    captions = [example.caption for example in examples]
    words = tuple(sorted({word for caption in captions for word in split(caption)}))
    torch.manual_seed(recipe.seed)
    text_encoder = TextEncoder(words)
    ids = torch.tensor([text_encoder.tokens(caption) for caption in captions])
    count = int(text_encoder.encoder.config.vocab_size)
    heads = nn.ModuleList([nn.Linear(CAPTION, count), nn.Linear(CAPTION, count)])

    def loss(_rng: np.random.Generator, batch: Batch) -> Tensor:
        tokens = ids[batch]
        encoded = text_encoder.encoder(tokens)
        of_tokens: Tensor = heads[0](encoded.last_hidden_state)
        embedding = functional.normalize(encoded.text_embeds, dim=-1) * CAPTION**0.5
        of_caption: Tensor = heads[1](embedding)
        present = torch.zeros(len(tokens), count).scatter_(1, tokens, 1.0)
        by_token = functional.cross_entropy(of_tokens.flatten(0, 1), tokens.flatten())
        return by_token + functional.binary_cross_entropy_with_logits(of_caption, present)

    network = nn.ModuleList([text_encoder.encoder, heads])
    order = batches(len(captions), recipe.caption_batch, recipe.caption_steps, recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    fit("captions", network, optimizer, recipe.caption_steps, order, loss, log)
    write_text(weights / systems.WORDS, json.dumps(words) + "\n")
    encoder: nn.Module = text_encoder.encoder
    return encoder
