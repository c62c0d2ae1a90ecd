"""A cache of training clips as latents: encoded once, kept on disk, read as they are needed.

    <folder>/<number>-<digest>.safetensors    some clips each: sound, video, both captions
    <folder>/empty-<digest>.safetensors       the embeddings of the empty caption

A digest covers everything that decides the numbers: the clips' bytes, their format, the captions
and the weights. So a file that is there is valid, and the same command encodes what is missing.
Broken clips are all named, one line each, after the others were encoded.

Conventions
-----------
Latents of sound are (B, C, rows, F) and of video (B, C, T, H, W); embeddings of captions are (B, D)
for sound and (B, L, D') for video. All are float32 on the CPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.compute import Machine, inference
from svbench.engines.protocol import cut
from svbench.errors import DataError
from svbench.files import media
from svbench.files.writing import replacing
from svbench.pace import Advance
from svbench.types import ClipSpec, Example

SHARD: Final = 32  # clips in a file
BATCH: Final = 4  # clips encoded at once
VERSION: Final = "2"  # raise it when the form of the files changes


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
        return self._read(clips, Pair("caption_audio", "caption_video"))

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

    @property
    def dataset(self) -> LatentDataset:
        """Return the clips of a complete cache."""
        index = [(s.path, number) for s in self.shards for number in range(len(s.examples))]
        names = [self.empty_caption.name, *(shard.path.name for shard in self.shards)]
        whole = hashlib.sha256("\n".join(names).encode())
        return LatentDataset(tuple(index), self.empty_caption, whole.hexdigest())


def plan(model: JointModel, examples: Sequence[Example], spec: ClipSpec, folder: Path) -> Cache:
    """Return the files that a cache needs; reads every byte of the clips, encodes nothing."""
    weights = hashlib.sha256(f"{VERSION}/{sorted(model.weights.items())}".encode()).hexdigest()
    shards = []
    for number, part in enumerate(cut(examples, SHARD)):
        whole = hashlib.sha256(weights.encode())
        for example in part:
            clip = media.fingerprint(example.recording, str(spec))
            whole.update(f"{clip}\n{example.caption}\n".encode())
        path = folder / f"{number:05d}-{whole.hexdigest()[:24]}.safetensors"
        shards.append(Shard(part, path))
    return Cache(shards, folder / f"empty-{weights[:24]}.safetensors")


def encode(
    model: JointModel,
    spec: ClipSpec,
    cache: Cache,
    advance: Advance,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> None:
    """Encode what a cache lacks.

    Parameters
    ----------
    model : JointModel
        its codecs and caption encoder
    spec : ClipSpec
        the clips' format
    cache : Cache
        as planned
    advance : Advance
        called after each file with its clips, and how many of them were there already
    rank, world_size : int
        number of this process, and of processes: each encodes a part

    Raises
    ------
    DataError
        where clips cannot be read or encoded: one line for each
    """
    problems: list[str] = []
    if rank == 0 and not _usable(cache.empty_caption):
        _write(cache.empty_caption, _named(model.text_encoder([""]), [0]))
    for shard in cache.shards[rank::world_size]:
        kept = _usable(shard.path)
        if not kept:
            try:
                _write(shard.path, _encoded(model, shard.examples, spec))
            except DataError as error:
                problems.append(str(error))
        advance(len(shard.examples), len(shard.examples) if kept else 0)
    if problems:
        raise DataError.of(problems)


def _encoded(model: JointModel, examples: Sequence[Example], spec: ClipSpec) -> dict[str, Tensor]:
    """Return the tensors of one file by name; raise DataError with every broken clip."""
    state: dict[str, Tensor] = {}
    problems: list[str] = []
    machine = Machine(str(next(model.joint.parameters()).device))
    for part in cut(range(len(examples)), BATCH):
        clips = []
        for number in part:
            try:
                clips.append(media.read(examples[number].recording, spec))
            except DataError as error:
                problems.append(str(error))
        if problems:
            continue  # the others of this file are only checked
        with inference(machine):
            latents = Pair(model.audio.encode(clips), model.video.encode(clips))
            captions = model.text_encoder([examples[number].caption for number in part])
        state |= _named(captions, part) | {
            f"{kind}.{number}": one[None].float().cpu().clone()
            for kind, pile in zip(Pair._fields, latents, strict=True)
            for number, one in zip(part, pile, strict=True)
        }
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            path = examples[int(name.rpartition(".")[2])].recording.path
            problems.append(f"{path}: encoding gave NaN or infinity ({name}), expected numbers")
    if problems:
        raise DataError.of(problems)
    return state


def _named(captions: Pair[Tensor], numbers: Sequence[int]) -> dict[str, Tensor]:
    """Return the embeddings of captions one by one, by their names in a file."""
    return {
        f"caption_{kind}.{number}": one[None].detach().float().cpu().clone()
        for kind, pile in zip(Pair._fields, captions, strict=True)
        for number, one in zip(numbers, pile, strict=True)
    }


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
