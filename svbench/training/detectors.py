"""The walk of `svbench tune-avalign`: annotated clips -> what detectors see -> the best settings.

Settings are chosen on the training clips and reported on the test clips, which no choice has
seen, beside the presets that svbench ships. What is found is written down; the presets
themselves live in code and change only by hand.

In the folder
-------------
tuned.json    every figure, the best settings of the training clips, and what was asked; also
              detectors for AV-Align: --metrics av-align-corrected@FILE (see `detector_files`)
worst.svg     motion, motion peaks, onsets and hits of the test clips where the best settings
              find their hits worst

References
----------
`svbench.metrics.avalign.tuning` tells what counts as found, and what is tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from svbench.datasets import greatesthits
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files import media
from svbench.files.writing import replacing, write_text
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

FPS: Final = 15.0  # frames/s that real clips are read at, unless asked otherwise
SIZE: Final = (256, 256)  # px, as the real data set is judged
SHOWN: Final = 4  # clips in the picture
WHAT: Final = {"motion": "motion peaks", "onset": "onsets"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asked for; all of it decides the result."""

    data_root: Path | None  # None: hard renderings of the miniature
    actions: tuple[str, ...]
    tolerance: float  # s
    clips: int  # per split, at most
    fps: float  # frames/s that real clips are read at; drawn ones have their own
    seed: int

    def __post_init__(self) -> None:
        unknown = sorted(set(self.actions) - greatesthits.ACTIONS)
        if unknown or not self.actions:
            raise ConfigError(
                f"--actions: got {unknown or 'none'}, expected some of "
                f"{', '.join(sorted(greatesthits.ACTIONS))}"
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
    gain: tuple[float, float]  # against `published`, on the same clips


def tune(asked: Asked, out: Path, engine: Engine, progress: Progress) -> str:
    """Choose settings, write the folder, and give the table as text."""
    seen = {split: _observed(split, asked, engine, progress) for split in get_args(Split)}
    if not any(clip.hits for clip in seen["train"]):
        raise DataError(f"none of the training clips has a hit of {', '.join(asked.actions)}")
    with progress("judging candidates", 2) as advance:
        motion = tuning.ranked_motion(seen["train"], asked.tolerance)
        advance(1)
        onset = tuning.ranked_onsets(seen["train"], asked.tolerance)
        advance(1)
    best = replace(motion[0][1], name="best here", onsets=onset[0][1].onsets)
    with progress("fitting impacts", 1) as advance:
        impacts = _impacts(seen["train"], motion[0][0], asked.tolerance)
        advance(1)
    if impacts is not None:
        best = replace(best, impacts=impacts)
    lines = _lines([*DETECTORS.values(), best], seen["test"], asked)
    facts = _facts(asked, seen, best, lines, {"motion": motion[0][0], "onset": onset[0][0]})
    write_text(out / "tuned.json", json.dumps(facts, indent=2) + "\n", "--out")
    draw_worst(seen["test"], best, asked.tolerance, out / "worst.svg")
    return _table(lines, seen, asked)


# --- clips -------------------------------------------------------------------------------------


def _observed(split: Split, asked: Asked, engine: Engine, progress: Progress) -> list[Observed]:
    """Look at every clip of a split."""
    look, shards = _source(split, asked)
    with progress(f"{split}: looking at clips", len(shards)) as advance:
        found = []
        for clip in engine.map(look, shards):
            found.append(clip)
            advance(1)
        return found


def _source(split: Split, asked: Asked) -> tuple[Callable[[Any], Observed], Sequence[Any]]:
    """Give what is to be looked at, and how."""
    if asked.data_root is None:

        def drawn(number: int) -> Observed:
            made = hard_renditions.hard_clip(asked.seed, split, number)
            hits = [hit.time for hit in made.hits if hit.action in asked.actions]
            return tuning.observe(made.id, made.clip, hits)

        return drawn, range(asked.clips)
    spec = ClipSpec(
        round(greatesthits.SPEC.duration * asked.fps), asked.fps, SIZE, hard_renditions.SOUND_RATE
    )

    def recorded(example: Example) -> Observed:
        return tuning.observe(example.id, media.read(example.recording, spec), example.onsets or ())

    return recorded, _annotated(asked.data_root, split, asked.actions, asked.clips)


def _annotated(root: Path, split: Split, actions: Collection[str], limit: int) -> Sequence[Example]:
    """Read the annotated examples of a split; one without annotations is an error."""
    examples = greatesthits.load(root, split=split, actions=actions, limit=limit)
    bare = [example.id for example in examples if example.onsets is None]
    if bare:
        raise DataError(
            f"{root}: {len(bare)} of {len(examples)} clips of {split} have no annotated hits "
            f"({bare[0]} is one), expected <id>_times.txt for each recording"
        )
    return examples


def _impacts(clips: Sequence[Observed], rival: float, tolerance: float) -> ImpactModel | None:
    """Fit a model of impacts; None unless it beats the best thresholds, on clips left out.

    The thresholds are judged on the very clips that chose them: the comparison favours the plainer.
    """
    annotated = [
        Annotated(clip.id, clip.seen, clip.hits, tuning.tolerance_of(clip, tolerance))
        for clip in clips
    ]
    try:
        model, f = fit(annotated)
    except ScoreError:  # too few clips with hits
        return None
    return model if f > rival else None


# --- figures -----------------------------------------------------------------------------------


def _lines(presets: Sequence[Detectors], clips: Sequence[Observed], asked: Asked) -> list[Line]:
    """Judge each preset on the test clips, against the first one."""
    lines: list[Line] = []
    for what in WHAT:
        before: Counts | None = None
        for detectors in presets:
            found = [c.peaks(detectors) if what == "motion" else c.onsets(detectors) for c in clips]
            counts = tuning.judged(clips, found, asked.tolerance)
            before = before or counts
            sure = tuning.interval(counts, asked.seed)
            gain = tuning.gain_interval(before, counts, asked.seed)
            lines.append(Line(what, detectors, counts, sure, gain))
    return lines


def _facts(
    asked: Asked,
    seen: Mapping[str, Sequence[Observed]],
    best: Detectors,
    lines: Sequence[Line],
    train: Mapping[str, float],
) -> Mapping[str, Any]:
    """Give what tuned.json holds."""
    return {
        "asked": {**asdict(asked), "data_root": None if asked.data_root is None else "given"},
        "clips": {split: len(clips) for split, clips in seen.items()},
        "hits": {split: sum(len(c.hits) for c in clips) for split, clips in seen.items()},
        "best": best.settings,
        "f of the best on train": dict(train),
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


def _table(lines: Sequence[Line], seen: Mapping[str, Sequence[Observed]], asked: Asked) -> str:
    """Print the test figures."""
    hits = sum(len(clip.hits) for clip in seen["test"])
    rows = [
        f"{len(seen['test'])} test clips, {hits} hits ({', '.join(asked.actions)}), "
        f"tolerance {asked.tolerance:.3f} s or one frame; 95 % intervals over clips",
        f"{'':13} {'detectors':10} {'F':>6} {'interval':>16} {'gain':>16} {'prec.':>6} {'rec.':>6}",
    ]
    for line in lines:
        low, high = line.interval
        sure, gain = f"[{low:.3f}, {high:.3f}]", f"[{line.gain[0]:+.3f}, {line.gain[1]:+.3f}]"
        rows.append(
            f"{WHAT[line.what]:13} {line.detectors.name:10} {line.counts.f:6.3f} {sure:>16} "
            f"{gain:>16} {line.counts.precision:6.3f} {line.counts.recall:6.3f}"
        )
    return "\n".join(rows)


def draw_worst(
    clips: Sequence[Observed], detectors: Detectors, tolerance: float, path: Path
) -> None:
    """Draw the clips whose hits the motion peaks miss most: motion, peaks, onsets, hits."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "svbench"  # the same clips give the same bytes
    peaks = [clip.peaks(detectors) for clip in clips]
    counts = tuning.judged(clips, peaks, tolerance)
    wrong = counts.hits + counts.found - 2 * counts.matched
    worst = sorted(range(len(clips)), key=lambda i: -int(wrong[i]))[:SHOWN]
    figure = Figure(figsize=(9, 1.9 * len(worst)), layout="constrained")
    axes = figure.subplots(len(worst), 1, squeeze=False)[:, 0]
    for axis, i in zip(axes, worst, strict=True):
        clip, curve = clips[i], clips[i].curve(detectors)
        times = clip.times(detectors)
        top = max(float(curve.max()), 1e-3)
        axis.plot(times, curve, color="0.4", linewidth=1)
        axis.vlines(clip.hits, 0, 1.3 * top, color="tab:green", linewidth=4, alpha=0.3)
        onsets = clip.onsets(detectors)
        axis.plot(onsets, [1.2 * top] * len(onsets), "|", color="tab:blue", markersize=12)
        axis.plot(peaks[i], np.interp(peaks[i], times, curve), "v", color="tab:red")
        axis.set_title(f"{clip.id}, {clip.fps:g} frames/s: {wrong[i]} wrong", fontsize=9)
        axis.set_ylabel("motion" if detectors.impacts is None else "P(impact)", fontsize=8)
    axes[-1].set_xlabel("s (green: hits, blue: onsets, red: motion peaks, grey: motion curve)")
    with replacing(path, "--out") as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
