"""An external system as a row of a table: `svbench.protocols.BatchedSystem`.

Its settings name all that decides its clips: commit, driver, mode, digests of weights, native
format and how that becomes the format of the run. Several threads may ask for clips; one at a time
talks with the driver, which lives until the system is released. Where the system is sent to another
process, that starts a driver of its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from svbench.baselines.external.attempts import Attempts
from svbench.baselines.external.conversion import (
    VERSION,
    Media,
    convert,
    made_frames,
    made_length,
    write_half,
)
from svbench.baselines.external.description import Description
from svbench.baselines.external.driver_process import DriverProcess, Launch
from svbench.baselines.external.given import GivenClips
from svbench.baselines.external.job import OK, Job, Reply, Wanted
from svbench.baselines.external.places import Place
from svbench.compute import Machine, digest_file
from svbench.errors import DataError
from svbench.types import Clip, ClipSpec, NotMade, Recording, Request, Setting

SHORT: Final = 12  # letters of a digest in settings


@dataclass(eq=False)
class Running:
    """The driver of a system in this process; it does not travel with the system."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    attempts: Attempts | None = None

    def __reduce__(self) -> tuple[Callable[[], Running], tuple[()]]:
        """Return how it is made anew in another process."""
        return Running, ()


@dataclass(frozen=True, eq=False)
class External:
    """A system that is run by its own code.

    Parameters
    ----------
    place : Place
        what it is, and where it lies
    mode : str
        one of its modes
    machine : Machine
        where it computes
    media : Media
        what reads and writes media
    weights : mapping
        file of weights -> SHA-256
    file_name : callable
        id of a request -> a file name without suffix
    given : GivenClips or None
        clips whose one half it completes (Default value = None: it makes both)
    given_by : str
        the row of these clips, for its own name and title; "": the real clips
    """

    place: Place
    mode: str
    machine: Machine
    media: Media
    weights: Mapping[str, str]
    file_name: Callable[[str], str]
    given: GivenClips | None = None
    given_by: str = ""
    shares_device: bool = False
    _running: Running = field(default_factory=Running, repr=False)

    @property
    def description(self) -> Description:
        """Return what it is."""
        return self.place.description

    @property
    def name(self) -> str:
        """Return its name, with the mode unless it is the usual one, and with what it completes."""
        usual = self.mode == self.description.usual_mode
        name = self.description.name if usual else f"{self.description.name}-{self.mode}"
        return f"{name}-{self._half}-of-{self.given_by}" if self.given_by else name

    @property
    def title(self) -> str:
        """Return its title, which names the clips that it completes."""
        given = self.given_by or ("real clips" if self.made_of_real_clips else "")
        return title_of(self.description, self.mode, given)

    @property
    def _half(self) -> str:
        return half_of(self.description)

    @property
    def made_of_real_clips(self) -> bool:
        """Return whether it completes one half of real clips."""
        return self.given is not None and self.given.real

    @property
    def unconditional(self) -> bool:
        """Return whether its clips are of nothing but a seed."""
        return self.description.task == "uncond"

    @property
    def completes(self) -> str:
        """Return the row whose clips it completes; "" if there is none."""
        return self.given_by

    @property
    def batch(self) -> int:
        """Return how many clips its driver is asked for at a time."""
        return self.description.batch

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """Return all that decides its clips beside the requests."""
        described = self.description
        threads = {} if self.machine.threads is None else {"threads": self.machine.threads}
        duration = described.duration
        given = described.given
        needs = {} if given is None else {"given": f"{given.policy} to {given.length:g} s"}
        return {
            "task": described.task,
            "commit": self.place.code(),
            "driver": digest_file(self.place.driver)[:SHORT],
            "mode": f"{self.mode}: {described.modes[self.mode]}",
            **{f"weights {file}": digest[:SHORT] for file, digest in self.weights.items()},
            "native": native_format(described),
            "duration": f"{duration.policy}: {duration.because}",
            **needs,
            "frames": "nearest in time, scaled to cover, cropped",
            "device": self.machine.kind,
            **threads,
            **{f"setting {name}": value for name, value in described.settings.items()},
        }

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip: settings, and the caption or half that is given."""
        decided = {name: str(value) for name, value in self.settings.items()}
        decided |= {"conversion": VERSION}
        if self.description.reads_captions:
            decided |= {"caption": request.caption}
        if self.given is not None:
            decided |= {"given clip": self.given.digest(request)}
        return decided

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip | NotMade]:
        """Yield one clip per request, in order, or why there is none.

        Raises ConfigError for a format that its clips are too short for.
        """
        made_frames(self.description, spec)
        batch = _Batch(self, {request.id: request for request in requests}, spec)
        made: dict[str, Clip | NotMade] = {}
        order = deque(requests)
        with self._running.lock:
            for reply in self._attempts(spec).replies(
                list(map(self._wanted, requests)), batch.give
            ):
                made[reply.id] = batch.made(reply)
                while order and order[0].id in made:
                    yield made.pop(order.popleft().id)

    def release(self) -> None:
        """End its driver, if one runs in this process."""
        with self._running.lock:
            if self._running.attempts is not None:
                self._running.attempts.close()
                self._running.attempts = None

    def _attempts(self, spec: ClipSpec) -> Attempts:
        if self._running.attempts is None:
            limits, threads = self.description.limits, self.machine.threads
            place = self.place
            launch = Launch(self.name, place.python, place.driver, place.checkout, limits, threads)
            start = partial(DriverProcess, launch, partial(self._job, spec))
            self._running.attempts = Attempts(self.name, start, self.batch)
        return self._running.attempts

    def _job(self, spec: ClipSpec, out: Path, replies: str) -> Job:
        described = self.description
        paths = {w.file: str(self.place.weight(w)) for w in described.weights_of(self.mode)}
        length, device = made_length(described, spec), str(self.machine.place)
        return Job(
            system=described.name,
            task=described.task,
            mode=self.mode,
            device=device,
            out=out,
            weights=paths,
            settings=described.settings,
            length=length,
            format=spec,
            replies=replies,
        )

    def _wanted(self, request: Request) -> Wanted:
        prompt = request.caption if self.description.reads_captions else None
        return Wanted(request.id, self.file_name(request.id), prompt, request.seed)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Requests that are under way: gives the driver what it needs, and takes what it made."""

    system: External
    requests: Mapping[str, Request]
    spec: ClipSpec
    files: dict[str, Path] = field(default_factory=dict)  # of the halves that are given

    def give(self, wanted: Wanted, folder: Path) -> Wanted:
        """Write the half that a sample is given into a folder, if it is given one."""
        system = self.system
        if system.given is None:
            return wanted
        clip = system.given.read(self.requests[wanted.id], self.spec)
        path = folder / f"{wanted.stem}-given"
        file = self.files[wanted.id] = write_half(system.description, clip, path, system.media)
        half: dict[str, Any] = {"sound" if system.description.makes_picture else "video": str(file)}
        return replace(wanted, **half)

    def made(self, reply: Reply) -> Clip | NotMade:
        """Return the clip of a reply, or why there is none; remove its files."""
        if reply.status != OK:
            return NotMade(reply.id, reply.error)
        try:
            return self._clip(reply)
        except DataError as error:
            return NotMade(reply.id, str(error))
        finally:
            for file in filter(None, (reply.video, reply.sound, self.files.get(reply.id))):
                with suppress(OSError):
                    file.unlink()

    def _clip(self, reply: Reply) -> Clip:
        described, media = self.system.description, self.system.media
        files = self._files(reply)
        try:
            picture, sound = convert(described, files, self.spec, media)
        except DataError as error:  # names of files that last as long as a driver tell nobody much
            folder = f"{files.path.parent}{os.sep}"
            raise DataError(str(error).replace(folder, "")) from error
        if self.system.given is not None:
            given = self.system.given.read(self.requests[reply.id], self.spec)
            picture = picture if described.makes_picture else given.video
            sound = sound if described.makes_sound else given.audio
        return Clip(picture, sound, self.spec)

    def _files(self, reply: Reply) -> Recording:
        """Return the files of a reply, completed by that of the half that was given."""
        given, task = self.files.get(reply.id), self.system.description.task
        video, sound = reply.video, reply.sound
        if given is not None and self.system.description.makes_picture:
            sound = given
        elif given is not None:
            video, sound = given, sound or video
        if video is None or (task == "v2a" and sound is None):
            half = "sound" if task == "v2a" else "video"
            raise DataError(f"its driver named no file of {half}, expected one")
        return Recording(video, 0.0, sound)


def half_of(described: Description) -> str:
    """Return what a system keeps of the clips that it completes."""
    return "audio" if described.makes_picture else "picture"


def title_of(described: Description, mode: str, given: str = "") -> str:
    """Return the title of a row: a system in a mode, and whose clips it completes, if any."""
    named = "" if mode == described.usual_mode else f" ({mode})"
    return f"{described.title}{named}{f', {half_of(described)} of {given}' if given else ''}"


def native_format(described: Description) -> str:
    """Return the native format as people write it."""
    native = described.native
    size = f"{native.size[1]} x {native.size[0]} px" if native.size else ""
    fps = f"{native.fps:g} frames/s" if native.fps else ""
    rate = f"{native.sample_rate} Hz" if native.sample_rate else ""
    length = f"{native.length:g} s" if native.length else "any length"
    return ", ".join(filter(None, (fps, size, rate, length)))
