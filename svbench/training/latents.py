"""A cache of training clips as latents: encoded once, kept on disk, read as they are needed.

    <folder>/<number>-<digest>.safetensors    some clips each: sound, video, both captions
    <folder>/empty-<digest>.safetensors       the embeddings of the empty caption

A digest covers everything that decides the numbers: the clips' bytes, their format, the captions
and the weights. So a file that is there is valid, and the same command encodes what is missing or
cannot be opened. An engine's workers each encode on one thread, so that latents are the same bit
for bit however many there are.
Broken clips are all named, one line each, after the others were encoded.

Conventions
-----------
Latents of sound are (B, C, rows, F) and of video (B, C, T, H, W); embeddings of captions are (B, D)
for sound and (B, L, D') for video. All are float32 on the CPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from svbench.baselines.joint.model import AudioCodec, JointModel, TextEncoder, VideoCodec
from svbench.baselines.joint.pair import Pair
from svbench.compute import Machine, inference
from svbench.engines.protocol import WORTH_SPREADING, Engine, cut
from svbench.errors import DataError
from svbench.files import media
from svbench.files.writing import replacing
from svbench.pace import Advance
from svbench.types import Clip, ClipSpec, Example

SHARD: Final = 32  # clips in a file
BATCH: Final = 4  # clips encoded at once
VERSION: Final = "3"  # raise it when the form of the files changes, or their numbers
SMALL: Final = 20_000_000  # numbers of U-Nets; the codecs beside are then small enough to copy
CAPTIONS: Final = Pair("caption_audio", "caption_video")
# Of a GPU, whose memory is for one batch at a time, and of tokenizers, which take one caller.
_TURN: Final = Lock()


@dataclass(frozen=True, slots=True)
class LatentDataset:
    """The clips of a complete cache, read from disk whenever they are asked for."""

    index: tuple[tuple[Path, int], ...]  # file and number in it, one per clip
    empty_caption: Path
    digest: str  # of all clips, captions and weights

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.index)

    def latents(self, clips: list[int]) -> Pair[Tensor]:
        """Return the clean latents of some clips."""
        return self._read(clips, Pair("audio", "video"))

    def captions(self, clips: list[int]) -> Pair[Tensor]:
        """Return the caption embeddings of some clips."""
        return self._read(clips, CAPTIONS)

    @property
    def empty(self) -> Pair[Tensor]:
        """Return the embeddings of the empty caption, (1, ...)."""
        with safe_open(self.empty_caption, "pt") as file:
            return Pair(file.get_tensor("caption_audio.0"), file.get_tensor("caption_video.0"))

    def _read(self, clips: list[int], names: Pair[str]) -> Pair[Tensor]:
        return names.map(lambda name: torch.cat([self._one(clip, name) for clip in clips]))

    def _one(self, clip: int, name: str) -> Tensor:
        path, number = self.index[clip]
        with safe_open(path, "pt") as file:  # memory-mapped: one tensor alone is read
            tensor: Tensor = file.get_tensor(f"{name}.{number}")
        return tensor


@dataclass(frozen=True, slots=True)
class Shard:
    """Some clips that share a file."""

    examples: Sequence[Example]
    path: Path


@dataclass(frozen=True, slots=True)
class Cache:
    """The files that a cache consists of when it is complete."""

    shards: Sequence[Shard]
    empty_caption: Path

    def clips(self, rank: int, world_size: int) -> int:
        """Return how many clips a process encodes, of several."""
        return sum(len(shard.examples) for shard in self.shards[rank::world_size])

    @property
    def dataset(self) -> LatentDataset:
        """Return the clips of a complete cache."""
        index = [(s.path, number) for s in self.shards for number in range(len(s.examples))]
        names = [self.empty_caption.name, *(shard.path.name for shard in self.shards)]
        whole = hashlib.sha256("\n".join(names).encode())
        return LatentDataset(tuple(index), self.empty_caption, whole.hexdigest())


def plan(
    model: JointModel,
    examples: Sequence[Example],
    spec: ClipSpec,
    folder: Path,
    engine: Engine,
) -> Cache:
    """Return the files that a cache needs; reads every byte of the clips, encodes nothing."""
    weights = hashlib.sha256(f"{VERSION}/{sorted(model.weights.items())}".encode()).hexdigest()
    parts = list(cut(examples, SHARD))
    digests = engine.map(partial(_digest, weights=weights, spec=spec), parts)
    shards = [
        Shard(part, folder / f"{number:05d}-{digest[:24]}.safetensors")
        for number, (part, digest) in enumerate(zip(parts, digests, strict=True))
    ]
    return Cache(shards, folder / f"empty-{weights[:24]}.safetensors")


def _digest(examples: Sequence[Example], weights: str, spec: ClipSpec) -> str:
    """Return the SHA-256 of all that decides the numbers of a file."""
    whole = hashlib.sha256(weights.encode())
    for example in examples:
        clip = media.fingerprint(example.recording, str(spec))
        whole.update(f"{clip}\n{example.caption}\n".encode())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes the clips of shards and writes them: work of an engine, which may be pickled."""

    audio: AudioCodec
    video: VideoCodec
    text_encoder: TextEncoder
    spec: ClipSpec
    machine: Machine

    def __call__(self, shard: Shard) -> list[str]:
        """Write the file of a shard; return one line for each broken clip, and then no file."""
        try:
            _write(shard.path, self._encoded(shard.examples))
        except DataError as error:
            return str(error).splitlines()
        return []

    def _encoded(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Return the tensors of one file by name; raise DataError with every broken clip."""
        state: dict[str, Tensor] = {}
        problems: list[str] = []
        for part in cut(range(len(examples)), BATCH):
            clips = []
            for number in part:
                try:
                    clips.append(media.read(examples[number].recording, self.spec))
                except DataError as error:
                    problems.append(str(error))
            if problems:
                continue  # the others of this file are only checked
            latents, captions = self._of(clips, [examples[number].caption for number in part])
            state |= _named(Pair("audio", "video"), latents, part)
            state |= _named(CAPTIONS, captions, part)
        problems += _not_finite(state, examples)
        if problems:
            raise DataError.of(problems)
        return state

    def _of(self, clips: Sequence[Clip], captions: Sequence[str]) -> tuple[Pair[Tensor], ...]:
        """Return latents and text embeddings of some clips."""
        with inference(self.machine):
            with nullcontext() if self.machine.kind == "cpu" else _TURN:
                latents = Pair(self.audio.encode(clips), self.video.encode(clips))
            with _TURN:
                return latents, self.text_encoder(captions)


def encode(
    model: JointModel,
    spec: ClipSpec,
    cache: Cache,
    engine: Engine,
    advance: Advance,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> None:
    """Encode what a cache lacks.

    Small codecs on a CPU are spread over the engine's processes, with a copy in each; large ones,
    and those on a GPU, encode in this process, whose threads read the clips.

    Parameters
    ----------
    model : JointModel
        its codecs and caption encoder
    spec : ClipSpec
        the clips' format
    cache : Cache
        as planned
    engine : Engine
        maps shards over workers
    advance : Advance
        called after each file with its clips, and how many of them were there already
    rank, world_size : int
        number of this process, and of processes: each encodes a part

    Raises
    ------
    DataError
        where clips cannot be read or encoded: one line for each
    """
    if rank == 0 and not _usable(cache.empty_caption):
        _write(cache.empty_caption, _named(CAPTIONS, model.text_encoder([""]), [0]))
    own = cache.shards[rank::world_size]
    lacking = [shard for shard in own if not _usable(shard.path)]
    kept = sum(len(shard.examples) for shard in own) - sum(len(s.examples) for s in lacking)
    advance(kept, kept)
    machine = Machine(str(next(model.joint.parameters()).device))
    encoder = Encoder(model.audio, model.video, model.text_encoder, spec, machine)
    mapped = engine.spread if _worth_spreading(model, machine, lacking) else engine.map
    problems: list[str] = []
    for shard, found in zip(lacking, mapped(encoder, lacking), strict=True):
        problems += found
        advance(len(shard.examples))
    if problems:
        raise DataError.of(problems)


def _worth_spreading(model: JointModel, machine: Machine, lacking: Sequence[Shard]) -> bool:
    """Return whether processes gain more than their imports and copies of the codecs cost."""
    numbers = sum(parameter.numel() for parameter in model.joint.parameters())
    many = sum(len(shard.examples) for shard in lacking) >= WORTH_SPREADING
    return machine.kind == "cpu" and numbers <= SMALL and many


def _named(names: Pair[str], tensors: Pair[Tensor], numbers: Sequence[int]) -> dict[str, Tensor]:
    """Return the tensors of clips one by one, by their names in a file."""
    return {
        f"{name}.{number}": one[None].detach().float().cpu().clone()
        for name, pile in zip(names, tensors, strict=True)
        for number, one in zip(numbers, pile, strict=True)
    }


def _not_finite(state: dict[str, Tensor], examples: Sequence[Example]) -> Iterator[str]:
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            path = examples[int(name.rpartition(".")[2])].recording.path
            yield f"{path}: encoding gave NaN or infinity ({name}), expected numbers"


def _write(path: Path, state: dict[str, Tensor]) -> None:
    with replacing(path) as temporary:
        save_file(state, temporary)


def _usable(path: Path) -> bool:
    """Return whether a file is there and can be opened; a damaged one is written again."""
    try:
        with safe_open(path, "pt"):
            return True
    except (OSError, SafetensorError):
        return False
