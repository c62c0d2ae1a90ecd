"""Five natural scenes with a smooth envelope: wind, fire, rain, bubbles, a waterfall.

Conventions are those of `scenes` and `painting`: the picture of frame i and the sound from i / fps
on follow the same value of the envelope. Times in seconds, places in pixels of the canvas.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from svbench.miniature.drawing import painting, scenes, sounds
from svbench.miniature.drawing.painting import WHITE, Canvas, Colour, mixed, shaded, varied
from svbench.miniature.drawing.scenes import SPEC, Take

FULL: Final = float(painting.CANVAS)
FRAME: Final = 1 / SPEC.fps  # s
LEAVES: Final[tuple[Colour, ...]] = ((70, 130, 60), (110, 140, 50), (200, 120, 50))
FLAMES: Final[tuple[tuple[Colour, Colour, Colour], ...]] = (
    ((232, 88, 22), (250, 158, 34), (255, 236, 150)),
    ((214, 62, 24), (244, 132, 30), (255, 220, 120)),
)


def wind_noise(rng: np.random.Generator) -> Take:
    """Draw a tree that bends in gusts, with leaves and clouds that fly; gusts roar."""
    drive = scenes.swell(rng)
    meadow, leaf = varied((150, 180, 84), rng), varied(LEAVES[rng.integers(len(LEAVES))], rng)
    x, level, tall = rng.uniform(36, 62), rng.uniform(98, 106), rng.uniform(46, 56)
    stage = painting.gradient(varied((164, 200, 232), rng), varied((236, 240, 238), rng), 110)
    painting.ellipse(stage, (64, level + 40), (110, 46), meadow, outline=False)
    blown = np.cumsum(0.1 + drive) * 16
    crown = [(rng.uniform(-15, 15), rng.uniform(-14, 12), rng.uniform(10, 14)) for _ in range(7)]
    flying = rng.uniform(0, FULL, (9, 2))
    clouds = rng.uniform((0, 10), (FULL, 34), (3, 2))

    def paint(canvas: Canvas, i: int) -> None:
        for right, down in clouds:
            place = ((right + 0.5 * blown[i]) % 170 - 20, down)
            painting.ellipse(canvas, place, (22, 7), (250, 250, 250), outline=False)
        for k in range(16):
            foot = (8.0 * k + 3, level + 8 - 0.02 * (8.0 * k - 60) ** 2 / 4)
            tip = (foot[0] + 3 + 12 * drive[i], foot[1] - 13 + 6 * drive[i])
            painting.line(canvas, foot, tip, 2, shaded(meadow, 0.7))
        bend = 0.06 + 0.75 * drive[i]
        joints = [(x, level)]
        for k in range(5):  # each piece of the trunk leans more than the one below
            lean = bend * (k + 1) / 5
            right, down = joints[-1]
            joints.append((right + tall / 5 * np.sin(lean), down - tall / 5 * np.cos(lean)))
        for a, b in pairwise(joints):
            painting.line(canvas, a, b, 7, (96, 66, 44))
        top = joints[-1]
        for k, (dx, dy, radius) in enumerate(crown):
            place = (
                top[0] + dx * (1 + 0.5 * drive[i]) + 9 * drive[i],
                top[1] + dy * (1 - 0.35 * drive[i]),
            )
            painting.disc(canvas, place, radius, shaded(leaf, 0.85 + 0.05 * k), outline=False)
        for right, down in flying[: round(9 * drive[i])]:
            place = (
                (right + 2.1 * blown[i]) % (FULL + 10),
                24 + 0.6 * down + 5 * np.sin(right + i),
            )
            painting.ellipse(canvas, place, (4.0, 2.2), shaded(leaf, 0.75), outline=False)

    gust = sounds.interpolated(drive)
    deep = sounds.noise(rng, 70, 300, tilt=0.3)
    high = sounds.noise(rng, rng.uniform(380, 460), rng.uniform(560, 700))
    sound = (0.12 + 0.88 * gust**1.3) * deep + 0.55 * gust**2.5 * high
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def fire_crackling(rng: np.random.Generator) -> Take:
    """Draw a fire in the night that flares and dies down; flares crackle."""
    drive = scenes.swell(rng)
    x, level, wide = rng.uniform(48, 80), rng.uniform(100, 108), rng.uniform(0.9, 1.15)
    stage = painting.gradient(varied((14, 12, 26), rng), varied((48, 30, 24), rng))
    flames = FLAMES[rng.integers(len(FLAMES))]
    down, right = np.mgrid[: painting.CANVAS, : painting.CANVAS]
    apart = ((right - x) ** 2 + (down - level + 26) ** 2) / 44.0**2
    glow = (np.exp(-apart)[..., None] * np.array(flames[0]) * 0.5).astype(np.float32)
    flicker = rng.uniform(-1, 1, (SPEC.frames, 5, 2))
    sparks = rng.uniform(-1, 1, (SPEC.frames, 14, 2))

    def paint(canvas: Canvas, i: int) -> None:
        strong = 0.3 + 0.7 * drive[i]
        np.copyto(canvas, np.minimum(canvas + strong * glow, 255).astype(np.uint8))
        for share, colour in zip((1.0, 0.68, 0.38), flames, strict=True):
            for k in range(5):
                foot, aside = x + wide * share * (11.0 * k - 22), 5 * flicker[i, k, 0]
                high = share * strong * (88 - 9 * abs(k - 2) ** 1.5 + 9 * flicker[i, k, 1])
                half = 9.5 * wide * share + 2
                tip = (foot + aside, level - 4 - high)
                belly = level - 4 - 0.4 * high
                corners = [
                    (foot - half, level - 2),
                    (foot - half, belly),
                    tip,
                    (foot + half, belly),
                    (foot + half, level - 2),
                ]
                painting.shape(canvas, corners, colour)
        for aside, above in sparks[i, : round(14 * drive[i])]:
            place = (x + 34 * aside, level - 60 - 36 * above)
            painting.disc(canvas, place, 1.8, (255, 206, 110), outline=False)
        for tilt in (-1, 1):
            painting.limb(
                canvas, (x - 30, level + 5 * tilt), (x + 30, level - 5 * tilt), 9, (84, 54, 38)
            )

    blaze = sounds.interpolated(0.15 + 0.85 * drive)
    crackles = [
        sounds.damped_partials(
            rng, (rng.uniform(1400, 2600), rng.uniform(3000, 6000)), (0.004, 0.002), (1, 1), 0.03
        )
        for _ in range(6)
    ]
    strewn = sounds.grains(rng, crackles, (0.05 + 0.95 * drive) ** 1.5, int(rng.integers(170, 230)))
    roar = blaze * sounds.noise(rng, 80, 350, tilt=0.5)
    sound = strewn + 0.1 * roar
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def raining(rng: np.random.Generator) -> Take:
    """Draw rain on a street with puddles, now dense and now thin; dense rain hisses."""
    drive = scenes.swell(rng)
    sky, slant = varied((112, 124, 142), rng), rng.uniform(-5, 5)
    stage = painting.gradient(shaded(sky, 0.8), shaded(sky, 1.2), 84)
    stage[84:] = painting.gradient(varied((92, 98, 104), rng), varied((66, 72, 78), rng), 44)[:44]
    left, wall = rng.uniform(10, 60), varied((128, 92, 84), rng)
    house = [(left, 44.0), (left + 50, 44.0), (left + 50, 86.0), (left, 86.0)]
    painting.polygon(stage, house, wall)
    painting.polygon(stage, [(left - 6, 44), (left + 25, 24), (left + 56, 44)], shaded(wall, 0.6))
    for dx in (8, 30):
        window = [(left + dx, 54), (left + dx + 12, 54), (left + dx + 12, 68), (left + dx, 68)]
        painting.polygon(stage, [(float(a), float(b)) for a, b in window], (250, 218, 130))
    puddle = (rng.uniform(48, 80), 108.0)
    painting.ellipse(stage, puddle, (46, 12), shaded(sky, 1.05), outline=False)
    drops = rng.uniform((-6, -10), (134, 128), (SPEC.frames, 96, 2))
    turns = rng.uniform((0, 0), (1, 2 * np.pi), (SPEC.frames, 8, 2))

    def paint(canvas: Canvas, i: int) -> None:
        for reach, angle in turns[i, : round(8 * drive[i])]:
            place = (puddle[0] + 38 * reach * np.cos(angle), puddle[1] + 9 * reach * np.sin(angle))
            painting.ring(canvas, place, (6, 2.4), WHITE)
        for right, down in drops[i, : 5 + round(91 * drive[i])]:
            painting.line(canvas, (right, down), (right + slant, down + 17), 2, (206, 220, 236))

    wet = sounds.interpolated(drive)
    hiss = (0.06 + 0.94 * wet**1.2) * sounds.noise(rng, rng.uniform(1600, 2200), 7000)
    patter = [sounds.bubble(tone, 0.006, 0.2) for tone in rng.uniform(1800, 3600, 5)]
    sound = hiss + 1.6 * sounds.grains(rng, patter, 0.1 + 0.9 * drive, 160)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def underwater_bubbling(rng: np.random.Generator) -> Take:
    """Draw bubbles that leave the sea's ground, now many and now few; each has its sound."""
    drive = scenes.swell(rng)
    sea, x = varied((16, 108, 150), rng), rng.uniform(44, 84)
    stage = painting.gradient(shaded(sea, 1.35), shaded(sea, 0.42))
    for k in range(3):
        top, foot = rng.uniform(10, 118), rng.uniform(-20, 20)
        beam = [(top - 7, 0.0), (top + 7, 0.0), (top + foot + 16, 90.0), (top + foot - 16, 90.0)]
        lit = stage.copy()
        painting.shape(lit, beam, shaded(sea, 1.6 - 0.1 * k))
        stage[:] = (0.7 * stage + 0.3 * lit).astype(np.uint8)
    painting.ellipse(stage, (64, 134), (96, 22), varied((150, 134, 96), rng), outline=False)
    painting.ellipse(stage, (x, 114), (13, 6), (58, 52, 52))
    weeds = [
        *(float(w) for w in rng.uniform(4, 34, 2)),
        *(float(w) for w in rng.uniform(94, 124, 2)),
    ]
    count = int(rng.integers(48, 72))
    density = sounds.interpolated((drive + 0.03) ** 1.6)
    births = np.interp(rng.random(count), np.cumsum(density) / density.sum(), sounds.sample_times())
    births.sort()
    aside, sizes = rng.uniform(-1, 1, count), rng.uniform(2.8, 7.0, count)
    speed, inside = float(rng.uniform(52, 70)), mixed(sea, WHITE, 0.5)  # pixels/s

    def paint(canvas: Canvas, i: int) -> None:
        for k, foot in enumerate(weeds):
            joints = [(foot + 4 * np.sin(0.8 * i + k + 0.9 * j), 118.0 - 9 * j) for j in range(5)]
            for a, b in pairwise(joints):
                painting.line(canvas, a, b, 4, (30, 110, 70))
        ages = i * FRAME + FRAME - births  # bubbles born during this frame count
        for age, off, size in zip(ages.tolist(), aside.tolist(), sizes.tolist(), strict=True):
            if 0 <= speed * age < FULL:
                risen = speed * age
                sway = 3 * np.sin(4 * age + 9 * off)
                place = (x + off * (7 + 0.22 * risen) + sway, 112 - risen)
                painting.disc(canvas, place, size + 1, WHITE, outline=False)
                painting.disc(canvas, place, size - 0.6, inside, outline=False)

    tones = rng.uniform(0.85, 1.2) * np.geomspace(280, 1100, 12)
    voices = [sounds.bubble(tone, 0.02 + 10 / tone, 0.6) for tone in tones]
    pieces = [
        (float(birth), float(size / 7), voices[rng.integers(len(voices))])
        for birth, size in zip(births, sizes, strict=True)
    ]
    sound = sounds.mixed_at(pieces) + 0.06 * sounds.noise(rng, 50, 160)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def waterfall_burbling(rng: np.random.Generator) -> Take:
    """Draw a fall between rocks that swells and thins; the fuller, the louder."""
    drive = scenes.swell(rng)
    wood, rock = varied((46, 104, 52), rng), varied((118, 112, 104), rng)
    x, brink = rng.uniform(46, 82), rng.uniform(22, 34)
    stage = painting.gradient(varied((196, 222, 214), rng), varied((150, 196, 150), rng), 40)
    for _ in range(16):
        place = (rng.uniform(0, FULL), brink + rng.uniform(-12, 10))
        painting.disc(stage, place, rng.uniform(9, 15), shaded(wood, rng.uniform(0.8, 1.3)), False)
    stage[int(brink) + 4 : 104] = rock
    for _ in range(22):
        place = (rng.uniform(0, FULL), rng.uniform(brink + 10, 100))
        painting.ellipse(stage, place, (13, 8), shaded(rock, rng.uniform(0.75, 1.15)), False)
    pool = varied((64, 132, 128), rng)
    stage[102:] = pool
    strands = rng.uniform(0, 1, (22, 2))
    foam = rng.uniform(-1, 1, (SPEC.frames, 22, 2))

    def paint(canvas: Canvas, i: int) -> None:
        half = 7 + 25 * drive[i]
        sheet = [
            (x - 0.8 * half, brink),
            (x + 0.8 * half, brink),
            (x + half, 108.0),
            (x - half, 108.0),
        ]
        painting.shape(canvas, sheet, (206, 228, 236))
        for place, phase in strands:  # strands run down the sheet
            aside = x + (2 * place - 1) * 0.85 * half
            top = brink + ((phase + 0.31 * i) % 1) * (84 - 0.5 * brink)
            shade = WHITE if phase > 0.4 else (164, 198, 214)
            painting.line(canvas, (aside, top), (aside, min(top + 20, 106)), 2, shade)
        for dx, dy in foam[i, : 6 + round(16 * drive[i])]:
            place = (x + 1.25 * half * dx, 108 + 6 * dy)
            painting.disc(canvas, place, 4 + 4 * drive[i], WHITE, outline=False)

    flow = sounds.interpolated(drive)
    roar = (0.1 + 0.9 * flow) * sounds.noise(rng, 250, 2200, tilt=0.4)
    burbles = [sounds.bubble(tone, 0.04, 0.25) for tone in rng.uniform(300, 700, 8)]
    sound = roar + 1.5 * sounds.grains(rng, burbles, 0.15 + 0.85 * drive, 90)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)
