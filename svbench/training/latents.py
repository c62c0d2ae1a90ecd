"""Clips to learn from, as latents: encoded once, kept on disk, read as they are needed.

    <folder>/<number>-<digest>.safetensors    some clips each: sound, video, both captions
    <folder>/empty-<digest>.safetensors       the empty caption

A digest names everything that decides the numbers: the clips' bytes, their format, the captions
and the weights. So what is there is right, and what is missing is encoded by the same command.
Broken clips are all named, one line each, after the others were encoded: nothing is lost.
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
from svbench.baselines.joint.pair import Modal
from svbench.engines.protocol import cut
from svbench.errors import DataError
from svbench.files import media
from svbench.files.writing import replacing
from svbench.pace import Advance
from svbench.types import ClipSpec, Example

SHARD: Final = 32  # clips in a file
AT_ONCE: Final = 4  # clips encoded at once
VERSION: Final = "2"  # raise it when the form of the files changes


@dataclass(frozen=True, slots=True)
class Latents:
    """The clips of a cache; nothing is kept in memory but where they lie."""

    places: tuple[tuple[Path, int], ...]  # file and number in it, one per clip
    nothing: Path  # the empty caption
    digest: str  # of all clips, captions and weights

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.places)

    def latents(self, clips: list[int]) -> Modal[Tensor]:
        """Give clean latents, sound (B, C, rows, F) and video (B, C, T, H, W)."""
        return self._read(clips, Modal("audio", "video"))

    def captions(self, clips: list[int]) -> Modal[Tensor]:
        """Give captions, sound (B, D) and video (B, L, D')."""
        return self._read(clips, Modal("caption_audio", "caption_video"))

    @property
    def empty(self) -> Modal[Tensor]:
        """Give the empty caption, (1, ...)."""
        with safe_open(self.nothing, "pt") as file:
            return Modal(file.get_tensor("caption_audio.0"), file.get_tensor("caption_video.0"))

    def _read(self, clips: list[int], kinds: Modal[str]) -> Modal[Tensor]:
        return kinds.map(lambda kind: torch.cat([self._one(clip, kind) for clip in clips]))

    def _one(self, clip: int, kind: str) -> Tensor:
        path, number = self.places[clip]
        with safe_open(path, "pt") as file:  # mapped: only what is asked for is read
            found: Tensor = file.get_tensor(f"{kind}.{number}")
        return found


@dataclass(frozen=True, slots=True)
class Shard:
    """Some clips that share a file."""

    examples: Sequence[Example]
    path: Path


@dataclass(frozen=True, slots=True)
class Cache:
    """The files that a cache consists of when it is complete."""

    shards: Sequence[Shard]
    nothing: Path  # the empty caption

    @property
    def lessons(self) -> Latents:
        """Give the clips of a complete cache."""
        places = [(s.path, number) for s in self.shards for number in range(len(s.examples))]
        names = [self.nothing.name, *(shard.path.name for shard in self.shards)]
        whole = hashlib.sha256("\n".join(names).encode())
        return Latents(tuple(places), self.nothing, whole.hexdigest())


def plan(model: JointModel, examples: Sequence[Example], spec: ClipSpec, folder: Path) -> Cache:
    """Tell which files a cache needs; reads every byte of the clips, encodes nothing."""
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
    share: tuple[int, int],
    advance: Advance,
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
    share : tuple of int
        number of this process, and how many there are: each encodes a part
    advance : Advance
        is called with every file: its clips, and how many of them were there already
    """
    problems: list[str] = []
    if share[0] == 0 and not _usable(cache.nothing):
        _write(cache.nothing, _named(model.captions([""]), [0]))
    for shard in cache.shards[share[0] :: share[1]]:
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
    """Encode the clips of one file; name every broken one."""
    state: dict[str, Tensor] = {}
    problems: list[str] = []
    for part in cut(range(len(examples)), AT_ONCE):
        clips = []
        for number in part:
            try:
                clips.append(media.read(examples[number].recording, spec))
            except DataError as error:
                problems.append(str(error))
        if problems:
            continue  # the others of this file are only looked at
        with torch.inference_mode():
            found = Modal(model.audio.encode(clips), model.video.encode(clips))
            told = model.captions([examples[number].caption for number in part])
        state |= _named(told, part) | {
            f"{kind}.{number}": one[None].float().cpu().clone()
            for kind, pile in zip(Modal._fields, found, strict=True)
            for number, one in zip(part, pile, strict=True)
        }
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            path = examples[int(name.rpartition(".")[2])].recording.path
            problems.append(f"{path}: encoding gave NaN or infinity ({name}), expected numbers")
    if problems:
        raise DataError.of(problems)
    return state


def _named(captions: Modal[Tensor], numbers: Sequence[int]) -> dict[str, Tensor]:
    """Give captions one by one, by their names in a file."""
    return {
        f"caption_{kind}.{number}": one[None].detach().float().cpu().clone()
        for kind, pile in zip(Modal._fields, captions, strict=True)
        for number, one in zip(numbers, pile, strict=True)
    }


def _write(path: Path, state: dict[str, Tensor]) -> None:
    with replacing(path) as temporary:
        save_file(state, temporary)


def _usable(path: Path) -> bool:
    """Tell whether a file is there and can be opened; a damaged one is written again."""
    try:
        with safe_open(path, "pt"):
            return True
    except (OSError, SafetensorError):
        return False
