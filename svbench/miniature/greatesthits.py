"""The miniature Greatest Hits: a drumstick on drawn objects, in the real set's form on disk.

`draw` fills a folder with short recordings that `svbench.datasets.greatesthits` reads like the
real ones. Nothing is downloaded; a seed decides everything, and the same seed on the same
machine gives the same bytes.

Where it follows the real annotations, and where not
----------------------------------------------------
Strokes per 4-s segment, gaps between them, materials and actions are drawn from summary numbers
of the 39,950 real annotations (see `strokes`). The miniature departs from them so that
8 frames/s can show every stroke:

- gaps shorter than `SHORTEST_GAP` are drawn as that long (7 % of the real ones are shorter),
  and a segment holds at most 9 strokes (3 % of the real ones with strokes hold more);
- no stroke falls in the first `FIRST` or after the last `LAST` seconds of a segment;
- a recording shows one object, whatever happens; the real ones walk from object to object;
- the eight most frequent materials stand for all seventeen;
- a recording always has two segments; of an odd number of clips, the second segment of the
  last recording is not listed, so that files do not depend on how many clips there are;
- segments without a stroke are spread evenly: the first n of a split hold floor(0.142 n) of them;
- times are not on the 1/15-s grid of the real annotations;
- whether an event is labelled is independent of the others; the annotated reaction says whether
  the object sinks in or is pushed aside when struck.

On disk
-------
`<id>_denoised_thumb.mp4` (64 x 64 px, 8 frames/s, H.264, silent), `<id>_denoised.wav` (16 kHz,
mono), `<id>_times.txt`, for each split (train, test, reference) `<split>.txt` and
`flist_<split>.csv`, and `MINIATURE.json`, the record of the drawing.

References
----------
A. Owens et al., "Visually Indicated Sounds", CVPR 2016. Annotations of all 977 videos as shipped
with CondFoleyGen (Du et al., CVPR 2023), data/greatest_hit_meta_info.tar.gz.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from svbench.files import media
from svbench.miniature.drawing import drumstick, painting, percussion, strokes
from svbench.miniature.drawing.drumstick import Scene, Stroke
from svbench.miniature.drawing.folders import SPLITS, Split, draw_once
from svbench.miniature.drawing.percussion import Timbre
from svbench.types import Clip, ClipSpec

SPEC: Final = ClipSpec(32, 8.0, (64, 64), 16000)
VERSION: Final = 2  # raise it when the same seed would give other files
MONTHS: Final[Mapping[Split, int]] = {"train": 1, "test": 7, "reference": 4}  # in their names
SEGMENTS: Final = 2  # 4-s segments in one recording; the real ones have 2 to 30


@dataclass(frozen=True, slots=True)
class Material:
    """A material, its colour and its sound."""

    name: str
    events: int  # labelled events in the real annotations
    colour: painting.Colour
    soft: bool
    timbre: Timbre


MATERIALS: Final = (
    Material("wood", 4005, (181, 116, 58), False, Timbre(300, 1600, 6, 0.06, 0.1)),
    Material("metal", 3543, (148, 160, 178), False, Timbre(900, 6000, 9, 0.20, 0.05)),
    Material("dirt", 2994, (92, 62, 42), True, Timbre(70, 350, 4, 0.04, 0.7)),
    Material("rock", 2420, (88, 92, 110), False, Timbre(1200, 4500, 5, 0.03, 0.3)),
    Material("leaf", 2309, (44, 110, 40), True, Timbre(2000, 7000, 4, 0.06, 0.95)),
    Material("plastic", 1853, (226, 68, 52), False, Timbre(400, 2500, 5, 0.09, 0.2)),
    Material("cloth", 1789, (134, 72, 168), True, Timbre(80, 450, 4, 0.05, 0.6)),
    Material("paper", 1405, (240, 236, 218), True, Timbre(1000, 6000, 4, 0.05, 0.85)),
)  # fmt: skip

SHAPES: Final = ("block", "bowl", "mound")
PITCH: Final = {"block": 1.0, "bowl": 0.8, "mound": 1.25}  # factor on every frequency


@dataclass(frozen=True, slots=True)
class Place:
    """A place where the object stands."""

    name: str
    wall: painting.Colour
    ground: painting.Colour


PLACES: Final = (
    Place("on a table", (168, 196, 214), (226, 208, 184)),
    Place("on a lawn", (190, 220, 244), (132, 196, 96)),
    Place("on a pavement", (204, 170, 150), (176, 178, 180)),
    Place("on a beach", (250, 214, 178), (236, 208, 130)),
)
_VERBS: Final = (("hit", "hitting"), ("scratch", "scratching"))


@dataclass(frozen=True, slots=True)
class Trial:
    """The content of a recording before it is drawn."""

    material: Material
    place: Place
    scene: Scene
    strokes: tuple[Stroke, ...]
    labelled: tuple[bool, ...]  # per stroke
    segments: int


def draw(root: Path, *, seed: int, **clips: int) -> None:
    """Draw so many clips of 4 s of each split (train, test, reference) into the folder `root`.

    A folder that is there already is kept, extended or repaired if it was drawn by this seed, and
    refused otherwise: see `draw_once`.
    """
    fill = partial(_draw_split, seed=seed)
    draw_once(root, fill, name="Greatest Hits", version=VERSION, seed=seed, **clips)


def plan(seed: int, split: Split, number: int, segments: int) -> Trial:
    """Return the content of recording `number` of a split.

    The split `reference` shows other takes of the objects and places of `test`: it is the real set
    of distribution metrics, and a perfect model of the test captions would be as far from it as
    real test clips.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    weights = np.array([material.events for material in MATERIALS], float)
    material = MATERIALS[rng.choice(len(MATERIALS), p=weights / weights.sum())]
    place = PLACES[rng.integers(len(PLACES))]
    twin = plan(seed, "test", number, segments) if split == "reference" else None
    if twin is not None:
        material, place = twin.material, twin.place
    scene = _scene(material, place, rng)
    if twin is not None:
        scene = replace(scene, shape=twin.scene.shape)
    made: list[Stroke] = []
    for segment in range(segments):
        if not strokes.is_empty(number * SEGMENTS + segment):
            made += strokes.draw_strokes(segment * SPEC.duration, rng)
    labelled = tuple(bool(chance < strokes.LABELLED) for chance in rng.random(len(made)))
    return Trial(material, place, scene, tuple(made), labelled, segments)


def render(trial: Trial, rng: np.random.Generator) -> Clip:
    """Return a recording with all its segments, drawn and synthesised, before it is encoded."""
    spec = replace(SPEC, frames=trial.segments * SPEC.frames)
    video = drumstick.draw(
        trial.scene, trial.strokes, frames=spec.frames, fps=spec.fps, size=spec.size
    )
    timbre = percussion.tuned(trial.material.timbre, PITCH[trial.scene.shape])
    sound = percussion.synthesise(
        trial.strokes, timbre, seconds=spec.duration, sample_rate=spec.sample_rate, rng=rng
    )
    return Clip(video, sound, spec)


def caption(trial: Trial, segment: int) -> str:
    """Return the caption of one segment of a recording."""
    begin, end = segment * SPEC.duration, (segment + 1) * SPEC.duration
    actions = {stroke.action for stroke in trial.strokes if begin <= stroke.time < end}
    object_ = f"a {trial.material.name} {trial.scene.shape} {trial.place.name}"
    if not actions:
        return f"a drumstick held still above {object_}"
    verbs = " and ".join(verb for name, verb in _VERBS if name in actions)
    return f"a drumstick {verbs} {object_}"


def _scene(material: Material, place: Place, rng: np.random.Generator) -> Scene:
    shade = rng.uniform(0.93, 1.05)
    return Scene(
        shape=SHAPES[rng.integers(len(SHAPES))],
        colour=painting.shaded(material.colour, rng.uniform(0.92, 1.06)),
        soft=material.soft,
        wall=painting.shaded(place.wall, shade),
        ground=painting.shaded(place.ground, shade),
        sleeve=drumstick.SLEEVES[rng.integers(len(drumstick.SLEEVES))],
        centre=rng.uniform(46.0, 56.0),
        top=rng.uniform(72.0, 80.0),
        width=rng.uniform(46.0, 56.0),
    )


# --- on disk -----------------------------------------------------------------------------------


def _draw_split(folder: Path, split: Split, there: int, clips: int, *, seed: int) -> None:
    ids: list[str] = []
    rows: list[tuple[str, str]] = []
    for number in range(math.ceil(clips / SEGMENTS)):
        trial = plan(seed, split, number, SEGMENTS)
        name = _id(split, number)
        if number >= math.ceil(there / SEGMENTS):
            rng = np.random.default_rng([seed, SPLITS.index(split), number, 1])
            _write(folder, name, trial, rng)
        ids.append(name)
        for segment in range(min(SEGMENTS, clips - number * SEGMENTS)):
            rows.append((f"{name}_denoised_thumb-{segment:03d}.mp4", caption(trial, segment)))
    (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")
    with (folder / f"flist_{split}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _id(split: Split, number: int) -> str:
    """Return a name in the real form; recordings of the splits lie months apart."""
    begin = datetime(2000, MONTHS[split], 1)
    return (begin + timedelta(seconds=number)).strftime("%Y-%m-%d-%H-%M-%S")


def _write(folder: Path, name: str, trial: Trial, rng: np.random.Generator) -> None:
    whole = render(trial, rng)
    media.write_mp4(folder / f"{name}_denoised_thumb.mp4", whole.video, SPEC.fps)
    media.write_wav(folder / f"{name}_denoised.wav", whole.audio, SPEC.sample_rate)
    (folder / f"{name}_times.txt").write_text(_times(trial), encoding="utf-8")


def _times(trial: Trial) -> str:
    """Return the text of `<id>_times.txt`: time, material, action and reaction in each line."""
    reaction = "deform" if trial.material.soft else "rigid-motion"
    lines = []
    for stroke, labelled in zip(trial.strokes, trial.labelled, strict=True):
        label = f"{trial.material.name} {stroke.action} {reaction}"
        lines.append(f"{stroke.time:.4f} {label if labelled else 'None None None'}\n")
    return "".join(lines)
