"""Three everyday scenes with a sustained envelope: a siren, a train's horn, a keyboard.

Conventions are those of `scenes` and `painting`: the picture of frame i and the sound from i / fps
on follow the same value of the envelope. Times in seconds, places in pixels of the canvas.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from svbench.miniature.drawing import painting, percussion, scenes, sounds
from svbench.miniature.drawing.painting import WHITE, Canvas, Colour, mixed, shaded, varied
from svbench.miniature.drawing.percussion import Timbre
from svbench.miniature.drawing.scenes import SPEC, Drive, Take

FULL: Final = float(painting.CANVAS)
FRAME: Final = 1 / SPEC.fps  # s
RED: Final[Colour] = (255, 50, 50)
BLUE: Final[Colour] = (60, 110, 255)
TRAINS: Final[tuple[Colour, ...]] = ((190, 44, 44), (40, 110, 90), (226, 150, 40))
CHORD: Final = (1.0, 1.19, 1.33, 1.59)  # of a train's horn: a minor third, a fourth, a sixth


def police_car_siren(rng: np.random.Generator) -> Take:
    """Draw a police car that comes and goes; the nearer, the louder, and red lights are high."""
    drive = scenes.swell(rng)
    road, far = varied((74, 76, 84), rng), rng.uniform(0.25, 0.35)
    stage = painting.gradient(varied((30, 34, 66), rng), varied((104, 92, 124), rng), 60)
    for k in range(8):  # houses at dusk
        top = rng.uniform(18, 40)
        wall = shaded((58, 54, 78), rng.uniform(0.7, 1.2))
        house = [(17.0 * k, top), (17.0 * k + 16, top), (17.0 * k + 16, 60.0), (17.0 * k, 60.0)]
        painting.polygon(stage, house, wall, outline=False)
        for dx, dy in ((3, 6), (10, 6), (3, 14), (10, 14)):
            if rng.random() < 0.5:
                painting.disc(stage, (17 * k + dx, top + dy), 1.6, (240, 206, 120), outline=False)
    stage[60:] = (70, 84, 66)
    painting.polygon(stage, [(58, 60), (70, 60), (150, FULL), (-22, FULL)], road, outline=False)
    rate, turn = rng.uniform(0.55, 0.8), rng.uniform(0, 1)
    high = 0.5 - 0.5 * np.cos(2 * np.pi * (rate * np.arange(SPEC.frames) * FRAME + turn))

    def paint(canvas: Canvas, i: int) -> None:
        size = far + (1 - far) * float(drive[i])
        x, level = 64.0, 64 + 52 * size
        for start in (0.0, 0.35, 0.7):  # marks on the road run past
            near = (start + 0.23 * i) % 1
            painting.line(
                canvas, (64, 62 + 60 * near), (64, 66 + 72 * near), 1 + round(3 * near), WHITE
            )
        body = [
            (x - 34 * size, level - 30 * size),
            (x + 34 * size, level - 30 * size),
            (x + 36 * size, level - 4 * size),
            (x - 36 * size, level - 4 * size),
        ]
        cabin = [
            (x - 22 * size, level - 50 * size),
            (x + 22 * size, level - 50 * size),
            (x + 30 * size, level - 30 * size),
            (x - 30 * size, level - 30 * size),
        ]
        for side in (-1, 1):
            painting.ellipse(
                canvas, (x + 25 * side * size, level - 3 * size), (7 * size, 6 * size), (20, 20, 24)
            )
        painting.polygon(canvas, cabin, (46, 60, 84))
        painting.polygon(canvas, body, (236, 238, 244))
        painting.polygon(
            canvas,
            [
                (x - 35 * size, level - 18 * size),
                (x + 35 * size, level - 18 * size),
                (x + 35.5 * size, level - 11 * size),
                (x - 35.5 * size, level - 11 * size),
            ],
            (40, 62, 130),
        )
        for side in (-1, 1):
            painting.disc(
                canvas, (x + 26 * side * size, level - 23 * size), 4.5 * size, (255, 246, 200)
            )
        lit = RED if high[i] > 0.5 else BLUE
        other = shaded(BLUE if high[i] > 0.5 else RED, 0.4)
        place = (-1, 1) if high[i] > 0.5 else (1, -1)
        painting.disc(canvas, (x + 11 * place[1] * size, level - 54 * size), 6 * size, other)
        painting.disc(
            canvas,
            (x + 11 * place[0] * size, level - 54 * size),
            13 * size,
            mixed(lit, (60, 50, 80), 0.45),
            outline=False,
        )
        painting.disc(canvas, (x + 11 * place[0] * size, level - 54 * size), 8 * size, lit)

    pitch = rng.uniform(560, 660)
    wail = sounds.harmonic_tone(pitch * (1 + 1.1 * sounds.interpolated(high)), (1, 0.35, 0.2, 0.08))
    near = sounds.interpolated(drive)
    sound = (0.1 + 0.9 * near**1.3) * wail + 0.12 * near * sounds.noise(rng, 60, 220)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def train_horning(rng: np.random.Generator) -> Take:
    """Draw a train whose horn throws out steam and whose lamp lights up while it sounds."""
    drive = _blasts(rng)
    paint_of, field = varied(TRAINS[rng.integers(len(TRAINS))], rng), varied((190, 172, 96), rng)
    stage = painting.gradient(varied((150, 190, 214), rng), varied((232, 224, 206), rng), 84)
    for _ in range(4):
        place = (rng.uniform(0, FULL), 86.0)
        painting.half_ellipse(
            stage, place, (40, rng.uniform(10, 26)), varied((120, 140, 110), rng), False
        )
    stage[84:] = field
    painting.line(stage, (0, 112), (FULL, 112), 4, (84, 72, 66))
    x, speed = rng.uniform(4, 16), rng.uniform(2.0, 3.2)
    wheels = np.arange(SPEC.frames) * 0.9

    def paint(canvas: Canvas, i: int) -> None:
        loud, front = float(drive[i]), x + 46 + speed * i
        for k in range(9):  # sleepers stand still while the train goes by
            painting.line(canvas, (15.0 * k, 116), (15.0 * k + 5, 116), 4, (110, 84, 64))
        painting.polygon(
            canvas, [(-9, 62), (front - 14, 62), (front, 80), (front, 106), (-9, 106)], paint_of
        )
        painting.polygon(
            canvas, [(-9, 88), (front, 88), (front, 94), (-9, 94)], shaded(paint_of, 1.5)
        )
        painting.polygon(
            canvas,
            [(front - 26, 67), (front - 15, 67), (front - 6, 80), (front - 26, 80)],
            (170, 214, 232),
        )
        for k in range(5):
            hub = (front - 12 - 22.0 * k, 107.0)
            painting.disc(canvas, hub, 6.5, (60, 58, 64))
            spoke = (hub[0] + 5 * np.cos(wheels[i]), hub[1] + 5 * np.sin(wheels[i]))
            painting.line(canvas, hub, spoke, 2, (190, 190, 196))
        horn = (front - 30, 60.0)
        painting.limb(canvas, (horn[0] - 6, 60), (horn[0] + 8, 58), 6, (220, 190, 90))
        if loud > 0.2:
            for k in range(6):
                puff = (horn[0] + 8 + 2 * np.sin(2 * k + i), 50 - 9.0 * k)
                painting.disc(canvas, puff, loud * (6 + 1.6 * k), (250, 250, 250), outline=False)
            beam = [(front, 92.0), (FULL + 9, 74.0), (FULL + 9, 118.0)]
            painting.shape(canvas, beam, mixed(field, (255, 244, 170), 0.85 * loud))
        painting.disc(canvas, (front - 2, 93), 5, mixed((120, 110, 90), (255, 250, 190), loud))

    tonic = rng.uniform(230, 310)
    blown = sounds.stepped(drive)
    harmonics = (1, 0.9, 0.8, 0.6, 0.4)
    second = np.ones(sounds.RATE)  # tones of whole Hz repeat after it
    chord = sum(sounds.harmonic_tone(round(tonic * part) * second, harmonics) for part in CHORD)
    rolling = sounds.noise(rng, 60, 240, tilt=0.3)
    sound = blown * np.tile(chord, round(SPEC.duration)) + 0.12 * rolling
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def _blasts(rng: np.random.Generator) -> Drive:
    """Return the envelope of a horn's blasts, long and short."""
    drive = np.zeros(SPEC.frames)
    at = int(rng.integers(1, 4))
    while at < SPEC.frames - 1:
        long = int(rng.choice((2, 3, 5)))
        drive[at : at + long] = rng.uniform(0.8, 1.0)
        at += long + int(rng.choice((2, 3)))
    return drive


def typing_on_computer_keyboard(rng: np.random.Generator) -> Take:
    """Draw hands that type in bursts; pressed keys light up, text grows, and keys click."""
    strokes = _bursts(rng)
    drive = strokes / strokes.max()
    desk, plastic = varied((222, 214, 204), rng), varied((62, 66, 74), rng)
    glow = varied((96, 220, 190), rng)
    stage = painting.gradient(desk, shaded(desk, 0.82))
    painting.polygon(stage, [(20, 4), (108, 4), (108, 52), (20, 52)], (34, 38, 46))
    painting.polygon(stage, [(12, 64), (116, 64), (126, 112), (2, 112)], plastic)
    keys = [(14 + 9.3 * c - 1.5 * r, 72.0 + 11 * r) for r in range(4) for c in range(12)]
    for right, down in keys:
        painting.ellipse(stage, (right, down), (3.4, 3.6), shaded(plastic, 1.8), outline=False)
    pressed = [rng.choice(len(keys), int(n), replace=False) for n in strokes]
    typed = np.concatenate([[0], np.cumsum(strokes)])
    sleeve = varied((120, 90, 160), rng)

    def paint(canvas: Canvas, i: int) -> None:
        for k in range(int(typed[i + 1])):  # one mark on the screen for each key so far
            place = (26 + 7.6 * (k % 10), 12 + 9.0 * (k // 10 % 5))
            painting.line(canvas, place, (place[0] + 4, place[1]), 4, glow)
        for key in pressed[i]:
            painting.ellipse(canvas, keys[key], (5.5, 5.5), (255, 226, 90))
        for side in (-1, 1):
            mine = [keys[key] for key in pressed[i] if (keys[key][0] - 62) * side >= 0]
            right, down = mine[0] if mine else (64 + 27 * side, 96.0)
            palm = (right + 3 * side, down + 17)
            painting.limb(canvas, palm, (64 + 46 * side, FULL + 20), 15, sleeve)
            for finger in (-9, -3, 3, 9):
                painting.limb(canvas, palm, (palm[0] + finger, palm[1] - 15), 4, (232, 184, 150))
            painting.disc(canvas, palm, 9, (232, 184, 150))

    low = rng.uniform(1500, 2300)
    clicks = [
        percussion.hit(Timbre(low * shift, 3 * low * shift, 4, 0.009, 0.55), SPEC.sample_rate, rng)[
            :1600
        ]
        for shift in (0.9, 1.0, 1.12)
    ]
    pieces = []
    for i, count in enumerate(strokes):
        times = (i + (np.arange(count) + rng.uniform(0, 0.5, int(count))) / max(count, 1)) * FRAME
        for time in times:
            pieces.append((float(time), rng.uniform(0.5, 1), clicks[rng.integers(len(clicks))]))
    sound = sounds.mixed_at(pieces)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def _bursts(rng: np.random.Generator) -> Drive:
    """Return how many keys are struck in each frame: bursts of 1 to 4 a frame, and pauses."""
    strokes = np.zeros(SPEC.frames)
    at = int(rng.integers(0, 3))
    while at < SPEC.frames:
        long = int(rng.integers(2, 6))
        strokes[at : at + long] = rng.integers(1, 5, len(strokes[at : at + long]))
        at += long + int(rng.integers(1, 4))
    return strokes
