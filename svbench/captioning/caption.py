"""Captions of one shard of clips, in this process or in one of a cluster.

A shard is a whole batch. Shards are cut from the whole list of clips, not from what is missing, so
that a clip is in the same batch whether or not the work was interrupted.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from svbench.captioning.model import ChatModel, FoundModel, Frames
from svbench.captioning.settings import CaptionSettings
from svbench.compute import import_torch
from svbench.engines.protocol import Engine
from svbench.engines.threads import one_thread_each
from svbench.errors import DataError
from svbench.files import media
from svbench.types import ClipSpec, Example

Shard = Sequence[Example]
Read = Sequence["Frames | str"]  # of each clip: its frames, or why there are none


@dataclass(frozen=True, slots=True)
class Answer:
    """A caption, or why there is none: the clip cannot be read, or the model's answer is empty."""

    caption: str
    problem: str = ""
    unreadable: bool = False


@dataclass(slots=True)
class Captioner:
    """Captions shards of clips; loads its model at the first.

    Parameters
    ----------
    found : FoundModel
        the model
    digests : mapping
        its digests where the work began
    settings : CaptionSettings
        how captions are made
    shown : ClipSpec
        the frames that the model is shown of each clip
    kind : str
        kind of the device where the work began
    """

    found: FoundModel
    digests: Mapping[str, str]
    settings: CaptionSettings
    shown: ClipSpec
    kind: str
    _model: ChatModel | None = field(default=None, init=False)

    def __call__(self, shard: Shard) -> list[Answer]:
        """Read the clips of a shard, and return an answer for each."""
        return self.answer(shard, self.read(shard))

    def read(self, shard: Shard) -> Read:
        """Return the frames of each clip, or the line that says why they cannot be read."""
        return [self._read(example) for example in shard]

    def answer(self, shard: Shard, read: Read) -> list[Answer]:
        """Return an answer for each clip of a shard; all that could be read are one batch."""
        frames = [one for one in read if not isinstance(one, str)]
        answers = iter(self.load().answer(frames) if frames else ())
        return [
            Answer("", one, unreadable=True)
            if isinstance(one, str)
            else _checked(next(answers), example, self.found)
            for example, one in zip(shard, read, strict=True)
        ]

    def load(self) -> ChatModel:
        """Return the model, loaded once.

        Raises DataError where model or device are others than where the work began, as on another
        node.
        """
        if self._model is None:
            there = self.found.digests(), self.settings.machine.kind
            if there != (self.digests, self.kind):
                raise DataError(
                    f"{self.found.folder}: node {platform.node()} found another model or another "
                    "kind of device, expected those of the node that svbench was started on"
                )
            self._model = ChatModel(self.found, self.settings)
        return self._model

    def _read(self, example: Example) -> Frames | str:
        try:
            return media.read_frames(example.recording, self.shown, pad=self.settings.pad)
        except DataError as error:
            return str(error)


def captioned(
    captioner: Captioner, shards: Sequence[Shard], engine: Engine
) -> Iterator[list[Answer]]:
    """Yield the answers of each shard, in order.

    Workers of a cluster have a model each. In this process one model computes, on one thread of a
    CPU, while the engine's threads decode what comes next.
    """
    if engine.distributed:
        yield from engine.spread(captioner, shards, named=_named, alone=True)
        return
    import_torch()
    with one_thread_each():
        for shard, read in zip(shards, engine.map(captioner.read, shards), strict=True):
            yield captioner.answer(shard, read)


def _checked(caption: str, example: Example, found: FoundModel) -> Answer:
    problem = f"{example.id}: found an empty answer of {found.name}, expected a caption"
    return Answer(caption, "" if caption else problem)


def _named(shard: Shard) -> str:
    return ", ".join(example.id for example in shard)
