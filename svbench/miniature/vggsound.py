"""The miniature VGGSound: eight of its classes, drawn and synthesised, in the real set's form.

`draw` fills a folder that `svbench.datasets.vggsound` reads like the real one. Nothing is
downloaded; a seed decides everything, and the same seed on the same machine gives the same bytes.
The names are those of the real set, which has 309 classes; here all eight are equally frequent.

The drive of picture and sound (see `scenes`)
---------------------------------------------
| class                       | picture                           | sound                      |
|-----------------------------|-----------------------------------|----------------------------|
| basketball bounce           | a ball meets the floor            | a thud at each bounce      |
| church bell ringing         | a bell swings out                 | a stroke at each turn      |
| dog barking                 | a dog throws up its head          | a bark each time           |
| hammering nails             | a hammer meets a nail             | a clink at each blow       |
| police car (siren)          | how near a car is; red or blue    | loudness; pitch            |
| playing harp                | which string swings               | a tone of that string      |
| train horning               | steam and light of a train        | a chord while they last    |
| typing on computer keyboard | keys pressed, text that grows     | as many clicks             |

On disk
-------
`video/<ytid>_<start>.mp4` (64 x 64 px, 4 frames/s, H.264 and AAC, 16 kHz mono), `vggsound.csv`
(ytid, start in s, label, split; the ids have the form of the real ones and name no video), and
`MINIATURE.json`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from svbench.miniature.drawing import scenes, vggsound_continuous, vggsound_events
from svbench.miniature.drawing.folders import Split, draw_once
from svbench.miniature.drawing.scenes import Scene

VERSION: Final = 1  # raise it when the same seed would give other files
START: Final = 30  # s into a recording that does not exist; the most frequent one of the real set

SCENES: Final[Mapping[str, Scene]] = {
    "basketball bounce": vggsound_events.basketball_bounce,
    "church bell ringing": vggsound_events.church_bell_ringing,
    "dog barking": vggsound_events.dog_barking,
    "hammering nails": vggsound_events.hammering_nails,
    "police car (siren)": vggsound_continuous.police_car_siren,
    "playing harp": vggsound_events.playing_harp,
    "train horning": vggsound_continuous.train_horning,
    "typing on computer keyboard": vggsound_continuous.typing_on_computer_keyboard,
}


def draw(root: Path, *, seed: int, **clips: int) -> None:
    """Draw so many clips of 4 s of each split (train, test, reference) into the folder `root`.

    A folder that is there already is kept, extended or repaired if it was drawn by this seed, and
    refused otherwise: see `draw_once`.
    """
    fill = partial(_draw_split, seed=seed)
    draw_once(root, fill, name="VGGSound", version=VERSION, seed=seed, **clips)


def _draw_split(folder: Path, split: Split, there: int, clips: int, *, seed: int) -> None:
    (folder / "video").mkdir(exist_ok=True)
    with (folder / "vggsound.csv").open("a", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        for number in range(clips):
            ytid = f"{split[:5]:-<5}{number:06d}"  # as long as a real one
            label = scenes.label(SCENES, seed, split, number)
            lines.writerow((ytid, START, label, split))
            if number >= there:
                made = scenes.take(SCENES, seed, split, number)
                scenes.write(folder / "video" / f"{ytid}_{START:06d}.mp4", made)
