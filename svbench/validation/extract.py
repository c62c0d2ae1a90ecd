"""From clips and conditions to features: each clip is decoded once, distorted in memory, measured.

A shard is one clip under all its conditions. Its picture and its sound are kept while they are
worked on, and a distortion of the sound alone keeps the very array of the picture: so what an
extractor measures of that (`svbench.metrics.avalign.measured`) is measured once for all of them,
exactly, in both views. A distortion of the picture repeats most steps from frame to frame of the
clip; these are measured once as well (`svbench.metrics.avalign.impacts`). Distorted clips are never
stored, their features are: a command that was killed goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import import_torch
from svbench.engines.protocol import Engine, worth_spreading
from svbench.errors import DataError
from svbench.files.feature_store import clip_key
from svbench.files.known_files import KnownFiles
from svbench.files.media.conforming import conform_picture, conform_sound
from svbench.files.media.lengths import TOLERANCE, too_short
from svbench.files.store import Store, read_sample
from svbench.metrics.avalign.impact_steps import steps_kept
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.pace import Progress
from svbench.protocols import Extractor, LightExtractor
from svbench.types import Clip, ClipSpec, Sample, SampleSet, View
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.walk.clip_problems import problem_of, reading_problem
from svbench.walk.extract import Extraction, join_blocks
from svbench.walk.extract_shard import (
    Found,
    Source,
    WorkElsewhere,
    apply_extractor,
    load_features,
)

LABEL: Final = "distorting clips and extracting features"


@dataclass(frozen=True, slots=True)
class Distorted:
    """A clip under one condition, and what is wanted of it."""

    condition: Condition
    source: Source  # by whose digest features are kept


@dataclass(frozen=True, slots=True)
class Task:
    """One clip, and the conditions under which features of it are lacking."""

    sample: Sample  # as it was recorded
    samples: SampleSet  # how it is read; without the samples
    distorted: tuple[Distorted, ...]

    @property
    def size(self) -> int:
        """Return the bytes of its file, for the order of work: large clips take longest."""
        return self.sample.stamp[0][2] if self.sample.stamp else 0


@dataclass(frozen=True, slots=True)
class Work:
    """Distorts clips and extracts features of them, in whichever thread or process."""

    extractors: Mapping[str, Extractor]  # by key
    store: Store
    seed: int

    def __call__(self, tasks: Sequence[Task]) -> Found:
        """Return what is extracted of some clips, none of which the store holds."""
        found = Found()
        for task in tasks:
            try:
                original = Views(read_original(task.sample, task.samples), task.samples.spec)
            except Exception as error:
                line = reading_problem(task.sample, error)
                for one in task.distorted:
                    self._note(one.source, line, found)
                continue
            with steps_kept():
                for one in task.distorted:
                    self._extract(one, original, found)
        return found

    def _extract(self, one: Distorted, original: Views, found: Found) -> None:
        source = one.source
        try:
            views = original.under(one.condition, one.condition.seed(source.sample, self.seed))
        except Exception as error:
            self._note(source, problem_of(source.sample, error), found)
            return
        for key, extractor in self.extractors.items():
            if not found.lacks(source, key):
                continue
            for _, result in apply_extractor(extractor, [(source, views[extractor.view])]):
                if isinstance(result, str):
                    found.problems[source.place][key] = result
                else:
                    found.blocks[key][source.clip] = result
                    self.store.save_features(key, source.clip, result)

    def _note(self, source: Source, line: str, found: Found) -> None:
        lacking = [key for key in self.extractors if found.lacks(source, key)]
        found.problems[source.place].update(dict.fromkeys(lacking, line))


class Views:
    """A clip as it was made, and in the judged format, made when it is first asked for.

    Parameters
    ----------
    native : Clip
        the clip
    spec : ClipSpec
        the format
    original : Views, optional
        of the undistorted clip, whose picture or sound it may still have
    """

    def __init__(self, native: Clip, spec: ClipSpec, original: Views | None = None) -> None:
        self.native = native
        self._spec = spec
        self._original = original

    def __getitem__(self, view: View) -> Clip:
        """Return the clip in a view."""
        return self.native if view == "native" else self._conformed

    def under(self, condition: Condition, seed: int) -> Views:
        """Return the views of the clip under a condition; raises what the distortion raises."""
        if condition == UNDISTORTED:
            return self
        distort = DISTORTIONS[condition.distortion]
        return Views(distort(self.native, condition.level, seed), self._spec, self)

    @cached_property
    def _conformed(self) -> Clip:
        return Clip(self._picture, self._sound, self._spec)

    @cached_property
    def _picture(self) -> NDArray[np.uint8]:
        now, before = self.native, self._original
        if before and now.video is before.native.video and _at_equal_times(now, before.native):
            return before._picture
        return conform_picture(self.native, self._spec)

    @cached_property
    def _sound(self) -> NDArray[np.float32]:
        now, before = self.native, self._original
        rates = now.spec.sample_rate, before and before.native.spec.sample_rate
        if before and now.audio is before.native.audio and rates[0] == rates[1]:
            return before._sound
        return conform_sound(self.native, self._spec)


def _at_equal_times(one: Clip, other: Clip) -> bool:
    return np.array_equal(one.frame_times, other.frame_times)


def read_original(sample: Sample, samples: SampleSet) -> Clip:
    """Decode a clip as it was made; raise DataError if it cannot fill the judged format."""
    clip = read_sample(sample, samples, "native")
    picture = float(clip.frame_times[-1]) + 1 / clip.spec.fps
    ends = {"video": picture, "audio": clip.audio.size / clip.spec.sample_rate}
    for what, end in ends.items():
        if samples.spec.duration - end > TOLERANCE and not samples.pad:
            raise DataError(
                too_short(
                    sample.recording.path, what, Fraction(end), sample.recording, samples.spec
                )
            )
    return clip


def extract_conditions(
    samples: SampleSet,
    conditions: Sequence[Condition],
    extractors: Sequence[Extractor],
    store: Store,
    engine: Engine,
    seed: int,
    progress: Progress,
) -> dict[Condition, Extraction]:
    """Extract the features of every clip under every condition.

    Features that the store holds are not computed again; new ones are kept there.

    Parameters
    ----------
    samples : SampleSet
        the real clips
    conditions : sequence of Condition
        under which they are judged
    extractors : sequence of Extractor
        those of one key are one
    store : Store
        of the folder
    engine : Engine
        maps clips over workers
    seed : int
        of the command
    progress : Progress
        gets one step, which counts clips

    Returns
    -------
    extractions : dict of Condition to Extraction
        of a clip without features there is a line by its request

    Raises
    ------
    StoppedError
        where a device has no memory for a single clip, or a file changed meanwhile
    """
    by_key = {extractor.key: extractor for extractor in extractors}
    work, found = Work(by_key, replace(store, known=KnownFiles()), seed), Found()
    with progress(LABEL, len(samples.samples)) as advance:
        tasks = list(_tasks(samples, conditions, by_key, seed))
        for loaded in engine.map(partial(_loaded, store=store), tasks):
            found.add(loaded)
        lacking = sorted(_lacking(tasks, found), key=lambda task: -task.size)
        advance(len(tasks) - len(lacking), len(tasks) - len(lacking))
        for of_task in _worked_off(lacking, work, engine):
            found.add(of_task)
            advance(1)
    return {
        condition: _of_condition(condition, samples, by_key, found, seed)
        for condition in conditions
    }


def _tasks(
    samples: SampleSet,
    conditions: Sequence[Condition],
    keys: Collection[str],
    seed: int,
) -> Iterator[Task]:
    how = replace(samples, samples=())
    for sample in samples.samples:
        sources = (Source(one.of(sample, seed), how, frozenset(keys)) for one in conditions)
        distorted = tuple(map(Distorted, conditions, sources))
        yield Task(sample, how, distorted)


def _loaded(task: Task, store: Store) -> Found:
    return load_features([one.source for one in task.distorted], store)


def _lacking(tasks: Iterable[Task], found: Found) -> Iterator[Task]:
    """Yield clips with the conditions under which features are lacking, and which ones."""
    for task in tasks:
        lacking = []
        for one in task.distorted:
            keys = frozenset(key for key in one.source.wanted if found.lacks(one.source, key))
            if keys:
                lacking.append(replace(one, source=replace(one.source, wanted=keys)))
        if lacking:
            yield replace(task, distorted=tuple(lacking))


def _worked_off(tasks: Sequence[Task], work: Work, engine: Engine) -> Iterator[Found]:
    """Yield what is extracted of each clip."""
    extractors = work.extractors.values()
    light = all(isinstance(e, LightExtractor) and e.light for e in extractors)
    if tasks and any(hasattr(e, "machine") for e in extractors) and not engine.distributed:
        import_torch()
    shards = [(task,) for task in tasks]
    clips = sum(len(task.distorted) for task in tasks)
    if worth_spreading(engine, clips, light=light):
        elsewhere = WorkElsewhere(work, work.extractors) if engine.distributed else work
        yield from engine.spread(elsewhere, shards, named=_describe)
    else:
        yield from engine.map(work, shards)


def _describe(tasks: Sequence[Task]) -> str:
    return ", ".join(str(task.sample.recording.path) for task in tasks)


def _of_condition(
    condition: Condition, samples: SampleSet, keys: Iterable[str], found: Found, seed: int
) -> Extraction:
    extraction = Extraction()
    distorted = [condition.of(sample, seed) for sample in samples.samples]
    for key in keys:
        clips = found.blocks[key]
        named = {s.request_id: clips[clip_key(s)] for s in distorted if clip_key(s) in clips}
        if named:
            extraction.features[key] = join_blocks(key, named)
    for sample in distorted:
        lines = found.problems.get((clip_key(sample), sample.recording), {})
        if lines:
            extraction.problems[sample.request_id] = next(iter(lines.values()))
        for key, line in lines.items():
            extraction.reasons.setdefault(key, line)
    return extraction
