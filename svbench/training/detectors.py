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
`svbench.metrics.avalign.tuning` defines what counts as a match, and which candidates are tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from svbench.datasets import greatesthits
from svbench.datasets.hits import ACTIONS
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files import media
from svbench.files.writing import write_text
from svbench.limits import check, check_clip
from svbench.metrics.avalign import tuning
from svbench.metrics.avalign.events import DETECTORS, Detectors
from svbench.metrics.avalign.impact_fit import Annotated, fit
from svbench.metrics.avalign.impacts import ImpactModel
from svbench.metrics.avalign.tuning import Counts, Observed
from svbench.miniature import hard_renditions
from svbench.pace import Progress
from svbench.types import ClipSpec, Example

Split = Literal["train", "test"]

FPS: Final = 15.0  # frames/s that real clips are read at by default
SIZE: Final = (256, 256)  # px, as the real data set is scored
WORST: Final = 4  # clips returned for a figure
WHAT: Final = {"motion": "motion peaks", "onset": "onsets"}


@dataclass(frozen=True, slots=True)
class TuningConfig:
    """Settings of the search; all of them decide the result. Raises ConfigError."""

    data_root: Path | None  # None: hard renditions of the miniature
    actions: tuple[str, ...]
    tolerance: float  # s
    clips: int  # per split, at most
    fps: float  # frames/s that real clips are read at; drawn ones have their own
    seed: int

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
class Line:
    """One line of the table: a detector on the test clips."""

    what: str  # motion or onset
    detectors: Detectors
    counts: Counts
    interval: tuple[float, float]
    gain: tuple[float, float]  # over `published`, on the same clips


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
    clips = {split: _observed(split, config, engine, progress) for split in get_args(Split)}
    if not any(clip.hits for clip in clips["train"]):
        raise DataError(f"none of the training clips has a hit of {', '.join(config.actions)}")
    best, scores = _best(clips["train"], config.tolerance, progress)
    lines = _lines([*DETECTORS.values(), best], clips["test"], config)
    record = _record(config, clips, best, lines, scores)
    write_text(out / "tuned.json", json.dumps(record, indent=2) + "\n", "--out")
    worst = worst_clips(clips["test"], best, config.tolerance)
    return Tuning(_table(lines, clips["test"], config), worst)


# --- clips -------------------------------------------------------------------------------------


def _observed(
    split: Split, config: TuningConfig, engine: Engine, progress: Progress
) -> list[Observed]:
    """Extract the curves of every clip of a split."""
    observe, shards = _source(split, config)
    with progress(f"{split}: reading clips", len(shards)) as advance:
        clips = []
        for clip in engine.map(observe, shards):
            clips.append(clip)
            advance(1)
        return clips


def _source(split: Split, config: TuningConfig) -> tuple[Callable[[Any], Observed], Sequence[Any]]:
    """Return a function that observes one clip, and its arguments for each clip of a split."""
    if config.data_root is None:

        def drawn(number: int) -> Observed:
            made = hard_renditions.hard_clip(config.seed, split, number)
            hits = [hit.time for hit in made.hits if hit.action in config.actions]
            return tuning.observe(made.id, made.clip, hits)

        return drawn, range(config.clips)
    frames = round(greatesthits.SPEC.duration * config.fps)
    spec = ClipSpec(frames, config.fps, SIZE, hard_renditions.SOUND_RATE)

    def recorded(example: Example) -> Observed:
        return tuning.observe(example.id, media.read(example.recording, spec), example.onsets or ())

    return recorded, _annotated(config.data_root, split, config.actions, config.clips)


def _annotated(root: Path, split: Split, actions: Collection[str], limit: int) -> Sequence[Example]:
    """Load the annotated examples of a split; raise DataError for one without annotations."""
    examples = greatesthits.load(root, split=split, actions=actions, limit=limit)
    bare = [example.id for example in examples if example.onsets is None]
    if bare:
        raise DataError(
            f"{root}: {len(bare)} of {len(examples)} clips of {split} have no annotated hits "
            f"({bare[0]} is one), expected <id>_times.txt for each recording"
        )
    return examples


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
        Annotated(clip.id, clip.impact_motion, clip.hits, tuning.tolerance_of(clip, tolerance))
        for clip in clips
    ]
    try:
        model, f = fit(annotated)
    except ScoreError:  # too few clips with hits
        return None
    return model if f > threshold_f else None


# --- the result --------------------------------------------------------------------------------


def _lines(
    presets: Sequence[Detectors], clips: Sequence[Observed], config: TuningConfig
) -> list[Line]:
    """Judge each preset on the test clips, against the first one."""
    lines: list[Line] = []
    for what in WHAT:
        before: Counts | None = None
        for detectors in presets:
            found = [c.peaks(detectors) if what == "motion" else c.onsets(detectors) for c in clips]
            counts = tuning.judged(clips, found, config.tolerance)
            before = before or counts
            interval = tuning.interval(counts, config.seed)
            gain = tuning.gain_interval(before, counts, config.seed)
            lines.append(Line(what, detectors, counts, interval, gain))
    return lines


def _record(
    config: TuningConfig,
    clips: Mapping[str, Sequence[Observed]],
    best: Detectors,
    lines: Sequence[Line],
    scores: Mapping[str, float],
) -> Mapping[str, Any]:
    """Return what tuned.json holds."""
    return {
        "asked": {**asdict(config), "data_root": None if config.data_root is None else "given"},
        "clips": {split: len(found) for split, found in clips.items()},
        "hits": {split: sum(len(c.hits) for c in found) for split, found in clips.items()},
        "best": best.settings,
        "f of the best on train": dict(scores),
        "test": [
            {
                "what": WHAT[line.what],
                "detectors": line.detectors.name,
                "f": line.counts.f,
                "interval": line.interval,
                "gain over published": line.gain,
                "precision": line.counts.precision,
                "recall": line.counts.recall,
            }
            for line in lines
        ],
    }


def _table(lines: Sequence[Line], clips: Sequence[Observed], config: TuningConfig) -> str:
    """Return the figures of the test clips as text."""
    hits = sum(len(clip.hits) for clip in clips)
    rows = [
        f"{len(clips)} test clips, {hits} hits ({', '.join(config.actions)}), "
        f"tolerance {config.tolerance:.3f} s or one frame; 95 % intervals over clips",
        f"{'':13} {'detectors':10} {'F':>6} {'interval':>16} {'gain':>16} {'prec.':>6} {'rec.':>6}",
    ]
    for line in lines:
        low, high = line.interval
        interval, gain = f"[{low:.3f}, {high:.3f}]", f"[{line.gain[0]:+.3f}, {line.gain[1]:+.3f}]"
        rows.append(
            f"{WHAT[line.what]:13} {line.detectors.name:10} {line.counts.f:6.3f} {interval:>16} "
            f"{gain:>16} {line.counts.precision:6.3f} {line.counts.recall:6.3f}"
        )
    return "\n".join(rows)


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
