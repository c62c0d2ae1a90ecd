"""The walk of `svbench tune-avalign`: annotated clips -> curves -> the best detector settings.

Settings are chosen on the training clips and reported on the held-out test clips, beside the
presets that svbench ships. The presets themselves live in code and change only by hand.

In the folder
-------------
tuned.json    every figure, the best settings of the training clips, and the settings of the
              search; also detectors for AV-Align: --metrics av-align-corrected@FILE (see
              `detector_files`)

References
----------
`svbench.metrics.avalign.detection` defines what counts as a match and the figures of a material,
`svbench.metrics.avalign.tuning` which candidates are tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from svbench.datasets import greatesthits
from svbench.datasets.hits import ACTIONS, Event
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files import media
from svbench.files.writing import write_text
from svbench.limits import check, check_clip
from svbench.metrics.avalign import tuning
from svbench.metrics.avalign.detection import tolerance_at
from svbench.metrics.avalign.events import DETECTORS, Detectors
from svbench.metrics.avalign.impact_fit import Annotated, fit
from svbench.metrics.avalign.impacts import ImpactModel
from svbench.metrics.avalign.tuning import Observed
from svbench.miniature import hard_renditions
from svbench.pace import Progress
from svbench.training.detector_figures import Figures
from svbench.types import Clip, ClipSpec, Example

Split = Literal["train", "test"]

FPS: Final = 15.0  # frames/s that real clips are read at by default
SIZE: Final = (256, 256)  # px, as the real data set is scored
WORST: Final = 4  # clips returned for a figure
LABELS: Final = ("material", "action")  # of a hit


@dataclass(frozen=True, slots=True)
class TuningConfig:
    """Settings of the search; all of them decide the result. Raises ConfigError."""

    data_root: Path | None  # None: hard renditions of the miniature
    actions: tuple[str, ...]
    tolerance: float  # s
    clips: int  # per split, at most
    fps: float  # frames/s that real clips are read at; drawn ones have their own
    seed: int
    allow_missing: bool = False  # leave out clips that cannot be read

    def __post_init__(self) -> None:
        unknown = sorted(set(self.actions) - ACTIONS)
        if unknown or not self.actions:
            raise ConfigError(
                f"--actions: got {unknown or 'none'}, expected some of {', '.join(sorted(ACTIONS))}"
            )
        for name in ("tolerance", "clips", "fps", "seed"):
            check(name, getattr(self, name))
        frames = round(greatesthits.SPEC.duration * self.fps)
        if frames < 2:
            raise ConfigError(f"--fps: found {self.fps:g}, expected 2 frames or more in a clip")
        check_clip(frames, self.fps, SIZE, hard_renditions.SOUND_RATE)


@dataclass(frozen=True, slots=True)
class Trace:
    """Motion, motion peaks, onsets and hits of a clip; all times in seconds."""

    title: str
    times: Sequence[float]  # of the motion
    motion: Sequence[float]
    unit: str  # what the motion is measured in
    hits: Sequence[float]
    onsets: Sequence[float]
    peaks: Sequence[float]


@dataclass(frozen=True, slots=True)
class Tuning:
    """The result: figures of the test clips, and those whose hits are missed most."""

    table: str
    worst: Sequence[Trace]


def tune(config: TuningConfig, out: Path, engine: Engine, progress: Progress) -> Tuning:
    """Choose settings on the training clips, judge them on the test clips, write `tuned.json`.

    Raises DataError where no training clip has a hit, or clips have no annotations.
    """
    sources = {split: _source(split, config) for split in get_args(Split)}  # before any is read
    read = {split: _read(split, source, engine, progress) for split, source in sources.items()}
    notes = _notes(read, config)
    clips = {split: reading.clips for split, reading in read.items()}
    for split, found in clips.items():
        if not any(clip.hits for clip in found):
            hits = ", ".join(config.actions)
            raise DataError(f"none of the {len(found)} {split} clips has a hit of {hits}")
    best, scores = _best(clips["train"], config.tolerance, progress)
    figures = Figures.of([*DETECTORS.values(), best], clips["test"], config.tolerance, config.seed)
    record = {
        "asked": {**asdict(config), "data_root": None if config.data_root is None else "given"},
        "clips": {split: len(found) for split, found in clips.items()},
        "hits": {split: sum(len(c.hits) for c in found) for split, found in clips.items()},
        "left out": {split: len(reading.problems) for split, reading in read.items()},
        "after the last event": {split: reading.late for split, reading in read.items()},
        "best": best.settings,
        "f of the best on train": dict(scores),
        **figures.record,
    }
    write_text(out / "tuned.json", json.dumps(record, indent=2) + "\n", "--out")
    table = "\n".join([figures.table(best.name, config.actions), *notes])
    return Tuning(table, worst_clips(clips["test"], best, config.tolerance))


# --- clips -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """The clips of a split: what observes one, or returns the reason why it cannot, and of what."""

    observe: Callable[[Any], Observed | str]
    clips: Sequence[Any]
    late: int = 0  # clips left out, which begin after the last annotated event of their recording


@dataclass(frozen=True, slots=True)
class Reading:
    """The clips of a split, and of those that cannot be read a line each."""

    clips: list[Observed]
    problems: list[str]
    late: int


def _read(split: Split, source: Source, engine: Engine, progress: Progress) -> Reading:
    """Extract the curves of every clip of a split."""
    reading = Reading([], [], source.late)
    with progress(f"{split}: reading clips", len(source.clips)) as advance:
        for clip in engine.map(source.observe, source.clips):
            if isinstance(clip, str):
                reading.problems.append(clip)
            else:
                reading.clips.append(clip)
            advance(1)
    return reading


def _notes(read: Mapping[Split, Reading], config: TuningConfig) -> list[str]:
    """Return what a reader must know of the clips; raise DataError for those not to be left out."""
    problems = [line for reading in read.values() for line in reading.problems]
    total = len(problems) + sum(len(reading.clips) for reading in read.values())
    if problems and not config.allow_missing:
        hint = (
            f"{len(problems)} of {total} clips cannot be read; mend them, or leave them out "
            "knowingly with --allow-missing"
        )
        raise DataError.of([*problems, hint])
    notes = [f"left out: {problem}" for problem in problems]
    for split, reading in read.items():
        if reading.late:
            clips = "1 clip begins" if reading.late == 1 else f"{reading.late} clips begin"
            notes.append(
                f"{split}: {clips} after the last annotated event of the recording, where "
                "annotation may have ended: left out"
            )
    return notes


def _source(split: Split, config: TuningConfig) -> Source:
    """Return the clips of a split, none of them read yet; real ones are in the lists' order."""
    if config.data_root is None:
        return _drawn(split, config)
    return _recorded(config.data_root, split, config)


def _drawn(split: Split, config: TuningConfig) -> Source:
    def observe(number: int) -> Observed:
        made = hard_renditions.hard_clip(config.seed, split, number)
        hits = [hit for hit in made.hits if hit.action in config.actions]
        return _observed(made.id, made.clip, hits)

    return Source(observe, range(config.clips))


def _recorded(root: Path, split: Split, config: TuningConfig) -> Source:
    """Return the annotated clips of a split; raise DataError for one without annotations."""
    examples = greatesthits.load(
        root, split=split, limit=config.clips, allow_missing=config.allow_missing
    )
    events = {e.id: greatesthits.events_of(root, e.id, config.actions) for e in examples}
    bare = [name for name, found in events.items() if found is None]
    if bare:
        raise DataError(
            f"{root}: {len(bare)} of {len(examples)} clips of {split} have no annotated hits "
            f"({bare[0]} is one), expected <id>_times.txt for each recording"
        )
    frames = round(greatesthits.SPEC.duration * config.fps)
    spec = ClipSpec(frames, config.fps, SIZE, hard_renditions.SOUND_RATE)

    def observe(example: Example) -> Observed | str:
        try:
            clip = media.read(example.recording, spec)
            return _observed(example.id, clip, events[example.id] or ())
        except DataError as error:
            return str(error)

    known = [example for example in examples if example.onsets is not None]
    return Source(observe, known, late=len(examples) - len(known))


def _observed(name: str, clip: Clip, hits: Sequence[Event | hard_renditions.Hit]) -> Observed:
    labels = {kind: [getattr(hit, kind) for hit in hits] for kind in LABELS}
    return tuning.observe(name, clip, [hit.time for hit in hits], labels)


# --- the search --------------------------------------------------------------------------------


def _best(
    clips: Sequence[Observed], tolerance: float, progress: Progress
) -> tuple[Detectors, dict[str, float]]:
    """Return the detectors with the best F on these clips, and F of motion and onsets."""
    with progress("judging candidates", 2) as advance:
        motion = tuning.ranked_motion(clips, tolerance)
        advance(1)
        onset = tuning.ranked_onsets(clips, tolerance)
        advance(1)
    best = replace(motion[0][1], name="best here", onsets=onset[0][1].onsets)
    with progress("fitting impacts", 1) as advance:
        impacts = _impacts(clips, motion[0][0], tolerance)
        advance(1)
    if impacts is not None:
        best = replace(best, impacts=impacts)
    return best, {"motion": motion[0][0], "onset": onset[0][0]}


def _impacts(clips: Sequence[Observed], threshold_f: float, tolerance: float) -> ImpactModel | None:
    """Fit a model of impacts; None unless its cross-validated F exceeds that of thresholds.

    F of the thresholds is that of the very clips that chose them, which favours the simpler model.
    """
    annotated = [
        Annotated(clip.id, clip.impact_motion, clip.hits, tolerance_at(clip.fps, tolerance))
        for clip in clips
    ]
    try:
        model, f = fit(annotated)
    except ScoreError:  # too few clips with hits
        return None
    return model if f > threshold_f else None


# --- the worst clips ---------------------------------------------------------------------------


def worst_clips(clips: Sequence[Observed], detectors: Detectors, tolerance: float) -> list[Trace]:
    """Return the clips whose hits the motion peaks match worst, at most `WORST`, in this order.

    Wrong are hits without a motion peak within `tolerance` s, and motion peaks without a hit.
    """
    peaks = [clip.peaks(detectors) for clip in clips]
    counts = tuning.judged(clips, peaks, tolerance)
    wrong = counts.hits + counts.found - 2 * counts.matched
    worst = sorted(range(len(clips)), key=lambda i: -int(wrong[i]))[:WORST]
    return [_trace(clips[i], detectors, int(wrong[i])) for i in worst]


def _trace(clip: Observed, detectors: Detectors, wrong: int) -> Trace:
    return Trace(
        title=f"{clip.id}, {clip.fps:g} frames/s: {wrong} wrong",
        times=clip.times(detectors).tolist(),
        motion=clip.curve(detectors).tolist(),
        unit="motion" if detectors.impacts is None else "P(impact)",
        hits=clip.hits,
        onsets=clip.onsets(detectors).tolist(),
        peaks=clip.peaks(detectors).tolist(),
    )
