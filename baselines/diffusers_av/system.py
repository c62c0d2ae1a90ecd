"""Pipelines of diffusers as a row of a table: `svbench.protocols.BatchedSystem`.

A joint model makes picture and sound together. Two pipelines, one for pictures and one for sound,
make a baseline whose halves know the same caption, and nothing of each other.

A clip depends on its request's caption and seed alone. Clips are made one at a time unless --batch
says otherwise. A batch always has the same size, the last one padded, so that a clip does not
depend on how many others it is made with; the size is on record, as it decides how sums are
rounded.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from svbench.baselines.diffusers_av import native
from svbench.baselines.diffusers_av.folder import Folder
from svbench.baselines.diffusers_av.native import Cover, Native
from svbench.baselines.diffusers_av.pipelines import Asked, Made, Pipeline, load, reason
from svbench.compute import (
    Machine,
    digest_settings,
    inference,
    installed,
    is_out_of_memory,
    return_memory,
)
from svbench.errors import DataError, StoppedError, SvbenchError
from svbench.types import Clip, ClipSpec, NotMade, Request, Setting, settings_as_text

log = logging.getLogger(__name__)
SHORT: Final = 16  # letters of a digest in settings
PACKAGES: Final = ("diffusers", "transformers", "torch")  # whose code decides a clip

Digests = Callable[[Folder], Mapping[str, str]]  # file below the folder -> SHA-256


@dataclass(eq=False)
class Running:
    """What is loaded in this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pipelines: tuple[Pipeline, ...] = ()
    size: int = 0  # clips at a time, halved where memory is short; 0: as asked


@dataclass(frozen=True, eq=False)
class DiffusersSystem:
    """One joint pipeline, or one of pictures and one of sound.

    Parameters
    ----------
    folders : sequence of Folder
        the pipelines on disk, as `find_folders` returns them
    asked : sequence of Asked
        steps and guidance of each
    machine : Machine
        device, precision, threads of a CPU, and batch
    digests : callable
        folder -> digests of its files
    cover : callable
        scales and crops a frame
    trained_sizes : bool
        whether pictures are made at the sizes that pipelines were trained at, or as small as the
        run's
    """

    folders: tuple[Folder, ...]
    asked: tuple[Asked, ...]
    machine: Machine
    digests: Digests
    cover: Cover
    trained_sizes: bool = True
    _running: Running = field(default_factory=Running, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what was loaded, or read of files."""
        own = (self.folders, self.asked, self.machine, self.digests, self.cover)
        return type(self), (*own, self.trained_sizes)

    @property
    def name(self) -> str:
        """Return the name of its row: class and folder of each pipeline, in plain letters."""
        named = (f"{folder.kind}-{folder.label}" for folder in self.folders)
        return "+".join(re.sub(r"[^\w.-]+", "_", name) for name in named)

    @property
    def title(self) -> str:
        """Return its title in tables."""
        return title_of(self.folders)

    @property
    def made_of_real_clips(self) -> bool:
        """Return False: its clips hold nothing of real ones."""
        return False

    @property
    def batch(self) -> int:
        """Return how many clips are made together."""
        return self.machine.batch or 1

    @property
    def shares_device(self) -> bool:
        """Return False: these are large models."""
        return False

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """Return all settings that its clips depend on."""
        machine = self.machine
        return {
            **_numbered("pipeline", [folder.kind for folder in self.folders]),
            **_numbered("weights", [self._digest(folder) for folder in self.folders]),
            **_numbered("native", [self._native(folder) for folder in self.folders]),
            "frames": "nearest in time, scaled to cover, cropped",
            **_numbered("sampler", list(map(str, self.asked))),
            "dtype": machine.dtype,
            "device": machine.kind,
            **({} if machine.threads is None else {"threads": machine.threads}),
            "batch": self.batch,
            **{package: installed(package).partition("+")[0] for package in PACKAGES},
        }

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what one clip depends on: the settings and its caption."""
        settings = settings_as_text(self.settings)
        return {**settings, "conversion": native.VERSION, "caption": request.caption}

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip | NotMade]:
        """Yield one clip per request, in order, or why there is none.

        Raises ConfigError for a format that its clips are too short for.
        """
        natives = [self._native_of(folder, spec) for folder in self.folders]
        waiting = list(requests)
        while waiting:
            with self._running.lock:
                clips = self._next_batch(waiting, spec, natives)
            waiting = waiting[len(clips) :]
            yield from clips

    def release(self) -> None:
        """Free what was loaded."""
        with self._running.lock:
            self._running.pipelines = ()
            self._free_memory()

    # --- one batch -------------------------------------------------------------------------------

    def _next_batch(
        self, waiting: Sequence[Request], spec: ClipSpec, natives: Sequence[Native]
    ) -> list[Clip | NotMade]:
        """Return the clips of the first requests: as many as memory holds."""
        running = self._running
        running.size = running.size or self.batch
        while True:
            batch = waiting[: running.size]
            try:
                return self._clips(batch, spec, natives)
            except SvbenchError:
                raise
            except Exception as error:  # of a pipeline: a caption that it refuses, or the like
                why, full = reason(error), is_out_of_memory(error)
            # Outside the block, where the error no longer holds references to tensors.
            if not full:
                return [NotMade(request.id, why) for request in batch]
            self._halve(why)

    def _halve(self, why: str) -> None:
        if self._running.size == 1:
            raise StoppedError(
                f"{self.name}: one clip at a time does not fit into the memory of "
                f"{self.machine.place} ({why}); free some and run the same command again, or begin "
                "another run with --dtype bfloat16"
            )
        self._running.size //= 2
        log.warning(
            "%s: out of memory on %s; going on with batches of %d, which round otherwise",
            *(self.name, self.machine.place, self._running.size),
        )
        self._free_memory()

    def _clips(
        self, batch: Sequence[Request], spec: ClipSpec, natives: Sequence[Native]
    ) -> list[Clip | NotMade]:
        padded = [*batch, *[batch[-1]] * (self._running.size - len(batch))]
        prompts, seeds = [r.caption for r in padded], [r.seed for r in padded]
        made = []
        with inference(self.machine):
            for pipeline, form, asked in zip(self._ready(), natives, self.asked, strict=True):
                made.append(pipeline.make(prompts, seeds, form, asked))
        halves = zip(*made, strict=True)
        return [
            self._clip(request, parts, spec, natives[0])
            for request, parts in zip(batch, halves, strict=False)
        ]

    def _clip(
        self, request: Request, parts: Sequence[Made], spec: ClipSpec, asked_for: Native
    ) -> Clip | NotMade:
        """Return the clip of what was made: pictures by the first pipeline, sound by the last."""
        seen, heard = parts[0], parts[-1]
        try:
            if seen.frames is None or heard.waveform is None:
                half = "picture" if seen.frames is None else "sound"
                raise DataError(f"its pipeline made no {half}, expected one")
            video = native.picture(seen.frames, asked_for, spec, self.cover)
            return Clip(video, native.sound(heard.waveform, heard.rate, spec), spec)
        except DataError as error:
            return NotMade(request.id, str(error))

    # --- loading ---------------------------------------------------------------------------------

    def _ready(self) -> tuple[Pipeline, ...]:
        """Return the pipelines, loaded at their first use; raise DataError for other weights."""
        if not self._running.pipelines:
            found = tuple(load(folder, self.machine) for folder in self.folders)
            now = _numbered("weights", [self._digest(folder) for folder in self.folders])
            if not now.items() <= self.settings.items():
                raise DataError(
                    f"{self.name}: found other weights than when the work began; they were "
                    "replaced meanwhile; run the same command again"
                )
            self._running.pipelines = found
        return self._running.pipelines

    def _digest(self, folder: Folder) -> str:
        return digest_settings(dict(self.digests(folder)), SHORT)

    def _short_side(self, folder: Folder) -> int:
        return folder.family.short_side if self.trained_sizes else 1

    def _native(self, folder: Folder) -> str:
        return native.described(folder.family, self._short_side(folder))

    def _native_of(self, folder: Folder, spec: ClipSpec) -> Native:
        return native.native_of(folder.family, spec, self._short_side(folder), folder.kind)

    def _free_memory(self) -> None:
        if self.machine.kind == "cuda":
            import torch

            torch.cuda.empty_cache()
        return_memory()


def title_of(folders: Sequence[Folder]) -> str:
    """Return the title of a row: class and folder of each pipeline."""
    named = [f"{folder.kind.removesuffix('Pipeline')} ({folder.label})" for folder in folders]
    return " + ".join(named)


def _numbered(name: str, values: Sequence[str]) -> dict[str, Setting]:
    """Return one setting for one pipeline, and one each, of picture and of sound, for two."""
    if len(values) == 1:
        return {name: values[0]}
    return {f"{name} of {half}": v for half, v in zip(("picture", "sound"), values, strict=True)}
