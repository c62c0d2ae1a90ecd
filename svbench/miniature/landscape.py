"""The miniature Landscape: nine natural scenes, drawn and synthesised, in the real set's form.

`draw` fills a folder that `svbench.datasets.landscape` reads like the real one. Nothing is
downloaded; a seed decides everything, and the same seed on the same machine gives the same bytes.
The classes are those of the real set. Unlike there, they are equally frequent (of the real clips,
one in 250 is an explosion), and each has one kind of picture and one kind of sound.

The drive of picture and sound (see `scenes`)
---------------------------------------------
| class               | picture                             | sound                         |
|---------------------|-------------------------------------|-------------------------------|
| squishing water     | a boot treads into mud              | a squelch at each step        |
| wind noise          | how far a tree bends                | loudness and brightness       |
| fire crackling      | how high flames reach, sparks       | roar, number of crackles      |
| splashing water     | a ball falls into a pool            | a splash at each fall         |
| raining             | streaks in the air, rings in puddles | hiss, number of drops        |
| underwater bubbling | bubbles that leave the ground       | number of bubbles             |
| thunder             | flashes and bolts                   | a clap and its rumble         |
| waterfall burbling  | width of the fall, foam             | roar, number of burbles       |
| explosion           | a ball of fire that turns to smoke  | a boom                        |

On disk
-------
`videos/<split>/<class>/<id>.mp4` (64 x 64 px, 4 frames/s, H.264 and AAC, 16 kHz mono),
`<split>.txt` (a line: `<class>/<id>.mp4`, in the order drawn) for train, test and reference, and
`MINIATURE.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from svbench.miniature.drawing import landscape_continuous, landscape_events, scenes
from svbench.miniature.drawing.folders import Split, draw_once
from svbench.miniature.drawing.scenes import Scene

VERSION: Final = 1  # raise it when the same seed would give other files

SCENES: Final[Mapping[str, Scene]] = {
    "squishing water": landscape_events.squishing_water,
    "wind noise": landscape_continuous.wind_noise,
    "fire crackling": landscape_continuous.fire_crackling,
    "splashing water": landscape_events.splashing_water,
    "raining": landscape_continuous.raining,
    "underwater bubbling": landscape_continuous.underwater_bubbling,
    "thunder": landscape_events.thunder,
    "waterfall burbling": landscape_continuous.waterfall_burbling,
    "explosion": landscape_events.explosion,
}


def draw(root: Path, *, seed: int, **clips: int) -> None:
    """Draw so many clips of 4 s of each split (train, test, reference) into the folder `root`.

    A folder that is there already is kept, extended or repaired if it was drawn by this seed, and
    refused otherwise: see `draw_once`.
    """
    fill = partial(_draw_split, seed=seed)
    draw_once(root, fill, name="Landscape", version=VERSION, seed=seed, **clips)


def _draw_split(folder: Path, split: Split, there: int, clips: int, *, seed: int) -> None:
    lines = []
    for number in range(clips):
        name = scenes.label(SCENES, seed, split, number).replace(" ", "_")
        lines.append(f"{name}/{split}-{number:06d}.mp4")
        if number >= there:
            path = folder / "videos" / split / lines[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            scenes.write(path, scenes.take(SCENES, seed, split, number))
    (folder / f"{split}.txt").write_text("".join(f"{n}\n" for n in lines), encoding="utf-8")
