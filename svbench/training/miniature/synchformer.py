"""Train the miniature's Synchformer in two stages, as the published one was: encoders, then head.

1. Both encoders learn where strokes are: through linear maps, which are dropped after the training,
   each token predicts how near its time is to a stroke. Batches are single segments of 0.64 s.
2. The head, the transformer over a window's tokens, learns to classify the offset between picture
   and sound. The encoders are frozen, so tokens are computed once.

The class alone teaches the head nothing for thousands of steps: until it compares picture and
sound, no part of it is any use. So linear maps, dropped too, let each token of the sound predict
what it has to find out on the way: behind the first block, for each offset, whether a stroke is
seen that much later; behind the second, whether one is both heard now and seen then. The class is
the offset for which most tokens say so.

Offsets are made by cutting picture and sound out of recordings of 12 s. The picture begins anywhere
within 4 s, and the sound so much behind it as it is to be early: neither alone tells the offset. If
the sound of a 4-s clip were rotated instead, a network would read the offset from where its ends
are joined, since no clip has strokes near its ends, and take another clip's sound to be in sync.

Conventions
-----------
An offset is positive where the sound is early, as in `svbench.metrics.networks`. Times are seconds
from the start of a clip. Where windows begin is counted in steps of 0.2 s, from class to class.

References
----------
- V. Iashin, W. Xie, E. Rahtu, A. Zisserman: Synchformer: Efficient synchronization from sparse
  cues. ICASSP 2024, arXiv:2401.16423 (two stages; there, encoders are trained by contrast).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.metrics import miniature as shipped
from svbench.metrics.desync import decided
from svbench.metrics.networks.synchformer import Synchformer, published_state
from svbench.metrics.networks.synchformer_config import (
    FPS,
    FRAMES,
    MEL_STRIDE,
    PATCH,
    STEP,
    TUBELET,
    SynchformerConfig,
)
from svbench.metrics.networks.synchformer_inputs import (
    HOP,
    PER_FRAME,
    SAMPLE_RATE,
    Material,
    prepare,
)
from svbench.miniature import greatesthits as miniature
from svbench.training.miniature.fitting import Batch, Log, batches, fit, save
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.training.miniature.samples import LabelledClip
from svbench.types import Clip

# Standard deviations of Gaussians, s: how near a time is to a stroke
SPREAD: Final = 0.06  # of the times of tokens
COARSE: Final = 0.1  # of pairs of times, whose offsets are 0.2 s apart
SEGMENTS: Final = 4  # of each clip, in a step of the encoders
PICTURES: Final = 8  # windows of each recording whose picture the head is trained on
ON_THE_WAY: Final = 10.0  # weight of what tokens of the sound predict, beside the class
RATE: Final = 2e-3
IN_SYNC: Final = 5.0  # times as likely as another offset, of clips that are judged
STEP_FRAMES: Final = 5  # at 25 frames/s
STEP_SECONDS: Final = STEP_FRAMES / FPS
STEPS: Final = 20  # of 4 s, which hold a window
FEWEST: Final = 0.1  # share of a recording's strokes that stays, at least
LONG: Final = 3  # segments of 4 s in a recording
APART: Final = 3  # clips: neighbours may be cut from one recording
LONGEST, SHORTEST = 8.0, 0.4  # s, periods of the sines that the head's positions start as
SPREAD_OF_FIRST: Final = 0.02  # standard deviation of other first positions and tokens

# Centres of the tokens of a segment's picture, s from its start.
VIDEO_TIMES: Final = (np.arange(FRAMES // TUBELET) + 0.5) * TUBELET / FPS


def audio_times(steps: int) -> NDArray[np.float64]:
    """Return the centres of the tokens of a segment's sound, s from its start."""
    return (np.arange(steps) * MEL_STRIDE + PATCH / 2) * HOP / SAMPLE_RATE


def train_synchformer(
    out: Path,
    samples: Sequence[LabelledClip],
    held_out: Sequence[LabelledClip],
    recipe: ExtractorRecipe,
    log: Log,
) -> dict[str, Any]:
    """Train Synchformer on strokes, then on offsets; return its losses and held-out errors."""
    torch.manual_seed(recipe.seed)
    network = initial_synchformer()
    strokes = _fit_encoders(network, samples, recipe, log)
    network.eval()
    count = recipe.synchformer_recordings
    recordings = [_recorded(network, recipe.seed, n) for n in range(count)]
    offsets = _fit_head(network, recordings, recipe, log)
    expect_sync(network)
    save(published_state(network), out / shipped.FILES["synchformer"], half=True)
    scores = mean_offsets(network.half().float().eval(), held_out)  # rounded as it is written
    return {"loss of strokes": strokes, "loss of offsets": offsets, "held out": scores}


def initial_synchformer() -> Synchformer:
    """Return the small network with first weights for a short training.

    Positions of the head start as sines of the time of each token, so that tokens of picture and
    sound at one time are alike.
    """
    network = Synchformer(shipped.SYNCHFORMER)
    for name, parameter in network.named_parameters():
        if parameter.dim() == 3 and "weight" not in name:  # tokens and positions, zeros so far
            nn.init.trunc_normal_(parameter, std=SPREAD_OF_FIRST)
    config = network.config
    begins = np.arange(config.segments)[:, None] * (STEP / FPS)
    of_picture = _sines((begins + VIDEO_TIMES).ravel(), config.width // 2)
    of_sound = _sines((begins + audio_times(config.audio_steps)).ravel(), config.width // 2)
    positions = network.transformer.pos_emb_cfg.pos_emb
    half, sound = config.width // 2, 2 + len(of_picture)  # behind [OFF], and behind [MOD]
    with torch.no_grad():
        positions[0, 1 : sound - 1, :half] = torch.from_numpy(of_picture)
        positions[0, sound:, :half] = torch.from_numpy(of_sound)
    return network


def _sines(times: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Return sines and cosines of times, periods from `LONGEST` to `SHORTEST`: (T, count).

    The two of a period stand side by side, so that one head of attention has both: a linear map of
    them is then a shift in time.
    """
    phases = 2 * np.pi * times[:, None] / np.geomspace(LONGEST, SHORTEST, count // 2)
    return (
        np.stack([np.sin(phases), np.cos(phases)], axis=2)
        .reshape(len(times), -1)
        .astype(np.float32)
    )


# --- strokes -----------------------------------------------------------------------------------


def _fit_encoders(
    network: Synchformer, samples: Sequence[LabelledClip], recipe: ExtractorRecipe, log: Log
) -> dict[str, float]:
    """Train both encoders to predict strokes; return the loss at the start and the end."""
    config = network.config
    maps = nn.ModuleList([nn.Linear(config.width, 1), nn.Linear(config.width, 1)])

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        chosen = [samples[i] for i in batch]
        pictures, mels, near_picture, near_sound = _segments(chosen, rng, config)
        seen = maps[0](network("video", pictures))[..., 0]
        heard = maps[1](network("audio", mels))[..., 0]
        of_picture = F.binary_cross_entropy_with_logits(seen, near_picture)
        return of_picture + F.binary_cross_entropy_with_logits(heard, near_sound)

    learned = nn.ModuleList([network.vfeat_extractor, network.afeat_extractor, maps])
    optimizer = torch.optim.AdamW(learned.parameters(), RATE, weight_decay=0.01)
    steps, size = recipe.synchformer_strokes_steps, recipe.synchformer_strokes_batch
    order = batches(len(samples), size, steps, recipe.seed)
    return fit("synchformer, strokes", learned, optimizer, steps, order, loss, log)


def _segments(
    samples: Sequence[LabelledClip], rng: np.random.Generator, config: SynchformerConfig
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return random segments: pictures, log-mel spectrograms, and targets of the tokens of both."""
    pictures, mels, near_picture, near_sound = [], [], [], []
    for sample in samples:
        material = prepare(sample.clip, config)
        for place in rng.integers(config.segments, size=SEGMENTS):
            begin = place * STEP / FPS
            pictures.append(material.pictures(place))
            mels.append(material.mel(place, config.bins))
            near_picture.append(nearness(begin + VIDEO_TIMES, sample.times))
            near_sound.append(nearness(begin + audio_times(config.audio_steps), sample.times))
    targets = (torch.from_numpy(np.stack(part)) for part in (near_picture, near_sound))
    return torch.stack(pictures), torch.stack(mels), next(targets), next(targets)


def nearness(
    times: NDArray[np.float64], strokes: NDArray[np.float64], spread: float = SPREAD
) -> NDArray[np.float32]:
    """Return how near each time is to a stroke, in the shape of times: 1 at one, 0 far from all."""
    gaps = np.abs(times[..., None] - strokes).min(axis=-1, initial=np.inf)
    near: NDArray[np.float32] = np.exp(-0.5 * (gaps / spread) ** 2).astype(np.float32)
    return near


# --- offsets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordedTokens:
    """Tokens of windows of a recording, of picture and sound apart.

    Parameters
    ----------
    starts : np.ndarray of int, shape=(P,)
        where windows of the picture begin, in steps
    pictures : Tensor, shape=(P, Lv, D)
    sounds : Tensor, shape=(S, La, D)
        of windows that begin 0, 1, 2, .. steps behind the start of the recording
    strokes : np.ndarray, shape=(N,)
        times, s from the start of the recording
    """

    starts: NDArray[np.int64]
    pictures: Tensor
    sounds: Tensor
    strokes: NDArray[np.float64]

    def window(self, place: int, offset: int) -> Tensor:
        """Return the tokens of one of the pictures, with the sound early by steps: (L, D)."""
        return torch.cat([self.pictures[place], self.sounds[self.starts[place] + offset]]).float()

    def targets(
        self, place: int, offset: int, config: SynchformerConfig
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what tokens of the sound of a window predict on the way, each (La, classes).

        For each offset: how near a stroke is that is seen so much later, and one that is heard too.
        """
        begins = np.arange(config.segments)[:, None] * (STEP / FPS)
        times = (begins + audio_times(config.audio_steps)).ravel()
        begin, ahead = self.starts[place] * STEP_SECONDS, offset * STEP_SECONDS
        seen = nearness(begin + times[:, None] + config.offsets, self.strokes, COARSE)
        heard = nearness(begin + ahead + times, self.strokes, COARSE)
        return seen, seen * heard[:, None]


def _recorded(network: Synchformer, seed: int, number: int) -> RecordedTokens:
    """Draw a recording, and compute the tokens of windows with sound for each offset.

    A share of its strokes is left out: where there are few, their offset is easily learned.
    """
    rng = np.random.default_rng([seed, number])
    trial = miniature.plan(seed, "train", number, LONG)
    kept = rng.random(len(trial.strokes)) < rng.uniform(FEWEST, 1)
    strokes = tuple(stroke for stroke, stays in zip(trial.strokes, kept, strict=True) if stays)
    recording = miniature.render(replace(trial, strokes=strokes), rng)
    starts = STEPS // 2 + rng.choice(STEPS, PICTURES, replace=False)
    times = np.array([stroke.time for stroke in strokes])
    return recorded_tokens(network, recording, starts, 2 * STEPS, times)


@torch.no_grad()
def recorded_tokens(
    network: Synchformer,
    recording: Clip,
    starts: NDArray[np.int64],
    sounds: int,
    strokes: NDArray[np.float64],
) -> RecordedTokens:
    """Compute tokens of windows: of the picture at `starts`, of the sound at the first `sounds`."""
    config = network.config
    whole, places = prepare(recording, config), range(config.segments)

    seen, heard = [], []
    for start in starts:
        window = behind(whole, start)
        seen.append(network("video", torch.stack([window.pictures(k) for k in places])))
    for start in range(sounds):
        window = behind(whole, start)
        heard.append(network("audio", torch.stack([window.mel(k, config.bins) for k in places])))
    both = (torch.stack(part).flatten(1, 2).half() for part in (seen, heard))  # to save memory
    return RecordedTokens(starts, next(both), next(both), strokes)


def behind(recording: Material, steps: int) -> Material:
    """Return what of a recording lies behind its first steps."""
    frames = steps * STEP_FRAMES
    return Material(recording.frames[frames:], recording.sound[frames * PER_FRAME :])


def _fit_head(
    network: Synchformer, recordings: Sequence[RecordedTokens], recipe: ExtractorRecipe, log: Log
) -> dict[str, float]:
    """Train the head on offsets; return the loss at the start and the end."""
    config = network.config
    classes, middle = config.classes, config.classes // 2
    maps = nn.ModuleList([nn.Linear(config.width, classes) for _ in range(2)])

    def loss(rng: np.random.Generator, batch: Batch) -> Tensor:
        wanted = rng.integers(classes, size=len(batch))
        places = rng.integers(PICTURES, size=len(batch))
        examples = [
            (recordings[i], place, c - middle)
            for i, place, c in zip(batch, places, wanted, strict=True)
        ]
        windows = torch.stack([of.window(place, offset) for of, place, offset in examples])
        targets = [of.targets(place, offset, config) for of, place, offset in examples]
        logits, blocks = _classified(network, windows)
        total = F.cross_entropy(logits, torch.from_numpy(wanted))
        for mapped, tokens, target in zip(maps, blocks, zip(*targets, strict=True), strict=False):
            found, near = mapped(tokens), torch.from_numpy(np.stack(target))
            total = total + ON_THE_WAY * F.binary_cross_entropy_with_logits(found, near)
        return total

    learned = nn.ModuleList([network.vproj, network.aproj, network.transformer, maps])
    optimizer = torch.optim.AdamW(learned.parameters(), RATE, weight_decay=0.01)
    steps = recipe.synchformer_steps
    order = batches(len(recordings), recipe.synchformer_batch, steps, recipe.seed)
    return fit("synchformer, offsets", learned, optimizer, steps, order, loss, log)


def _classified(network: Synchformer, windows: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return logits of windows, and the tokens of their sounds behind each block."""
    head, seen = network.transformer, network.config.segments * network.config.video_steps
    tokens = head.embedded(network.vproj(windows[:, :seen]), network.aproj(windows[:, seen:]))
    behind_blocks = []
    for block in head.blocks:
        tokens = block(tokens)
        behind_blocks.append(tokens[:, 2 + seen :])  # [OFF] and [MOD] stand before them
    return head.off_head(head.ln_f(tokens[:, 0])), behind_blocks


def expect_sync(network: Synchformer) -> None:
    """Make offset 0 likelier a priori, by the odds of `IN_SYNC`, as if more examples had it."""
    with torch.no_grad():
        network.transformer.off_head.bias[network.config.classes // 2] += math.log(IN_SYNC)


# --- held-out clips ----------------------------------------------------------------------------


@torch.no_grad()
def mean_offsets(network: Synchformer, held_out: Sequence[LabelledClip]) -> dict[str, float]:
    """Return the mean |offset|, s, of clips with strokes: in sync, and with another clip's sound.

    Of offsets at random it would be 1.05 s.
    """
    start = np.zeros(1, np.int64)
    struck = [sample for sample in held_out if sample.strokes]
    clips = [recorded_tokens(network, of.clip, start, 1, of.times) for of in struck]
    pairs = zip(clips, [*clips[APART:], *clips[:APART]], strict=True)
    own = torch.stack([clip.window(0, 0) for clip in clips])
    other = torch.stack([torch.cat([a.pictures[0], b.sounds[0]]).float() for a, b in pairs])
    offsets = {
        name: np.abs(decided(network("offset", windows).numpy(), network.config.offsets))
        for name, windows in (("in sync", own), ("another clip's sound", other))
    }
    return {name: round(float(np.mean(of)), 4) for name, of in offsets.items()}
