"""Four natural scenes with events: steps in mud, falls into water, thunder, blasts.

Conventions are those of `scenes` and `painting`: an event lies on a frame, and its sound begins
with that frame. Times in seconds, places in pixels of the canvas.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from svbench.miniature.drawing import painting, scenes, sounds
from svbench.miniature.drawing.painting import WHITE, Canvas, Colour, Point, mixed, shaded, varied
from svbench.miniature.drawing.scenes import SPEC, Take

FULL: Final = float(painting.CANVAS)
FRAME: Final = 1 / SPEC.fps  # s
BOOTS: Final[tuple[Colour, ...]] = ((64, 128, 70), (226, 186, 50), (190, 50, 60))
BALLS: Final[tuple[Colour, ...]] = ((220, 54, 54), (246, 140, 40), (120, 60, 160))


def squishing_water(rng: np.random.Generator) -> Take:
    """Draw a boot that treads into mud; each step squelches."""
    steps = scenes.moments(rng, (2, 3, 4))
    drive = scenes.pulses(steps, 0.12)
    mud, boot = varied((120, 84, 50), rng), varied(BOOTS[rng.integers(len(BOOTS))], rng)
    x, level = rng.uniform(44, 84), rng.uniform(86, 96)
    stage = painting.gradient(varied((196, 206, 190), rng), varied((150, 158, 120), rng), 70)
    stage[60:] = painting.gradient(shaded(mud, 1.15), shaded(mud, 0.8), 68)[:68]
    painting.ellipse(stage, (x, level + 6), (46, 14), shaded(mud, 0.72), outline=False)
    lifted = np.minimum(np.minimum(scenes.since(steps), scenes.until(steps)) / (2 * FRAME), 1)

    def paint(canvas: Canvas, i: int) -> None:
        sole = level + 6 - 34 * lifted[i]
        if drive[i] > 0.9:
            for side in (-1, 1):
                painting.ellipse(canvas, (x + 26 * side, level + 4), (13, 10), shaded(mud, 1.4))
            for angle in np.linspace(-2.9, -0.25, 9):
                way = (36 * np.cos(angle), 34 * np.sin(angle))
                painting.disc(canvas, (x + way[0], level + way[1]), 2.6, shaded(mud, 1.5))
        painting.polygon(canvas, [(x - 11, -4), (x + 9, -4), (x + 9, sole), (x - 11, sole)], boot)
        painting.ellipse(canvas, (x + 6, sole - 6), (19, 9), boot)
        if drive[i] > 0.9:  # mud closes over the toe
            painting.ellipse(canvas, (x + 4, sole + 2), (24, 6), shaded(mud, 0.9), outline=False)

    time = sounds.sample_times(0.32)
    low = rng.uniform(170, 240)
    slide = sounds.harmonic_tone(low * (1 + 3.2 * np.exp(-time / 0.07)), (1, 0.5, 0.3))
    rough = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(32, 46) * time)
    wet = sounds.noise(rng, 500, 1600, seconds=0.32)
    squelch = (slide * rough + 0.5 * wet * rough) * np.minimum(1, time / 0.01) * np.exp(-time / 0.1)
    sound = sounds.repeated_at(sounds.faded_out(sounds.normalized(squelch)), steps, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def splashing_water(rng: np.random.Generator) -> Take:
    """Draw a ball that falls into a pool again and again; each fall splashes."""
    falls = scenes.moments(rng, (3, 4, 5))
    drive = scenes.pulses(falls, 0.3)
    water, ball = varied((40, 176, 208), rng), varied(BALLS[rng.integers(len(BALLS))], rng)
    x, level, radius = rng.uniform(40, 88), rng.uniform(70, 80), rng.uniform(8, 11)
    stage = painting.gradient(varied((250, 244, 226), rng), varied((240, 214, 170), rng), 60)
    surface = int(level - 14)
    stage[surface:] = painting.gradient(shaded(water, 1.2), shaded(water, 0.65), 70)[
        : 128 - surface
    ]
    painting.line(stage, (-4, surface), (132, surface), 3, WHITE)
    age, ahead = scenes.since(falls), scenes.until(falls)

    def paint(canvas: Canvas, i: int) -> None:
        for k in range(3):  # ripples run outwards and fade
            reach = 46 * (age[i] + 0.12 * k) + 8
            if reach < 60:
                shade = mixed(WHITE, water, reach / 60)
                painting.ring(canvas, (x, level + 8), (reach, 0.3 * reach), shade, 2)
        if age[i] == 0:
            for angle in np.linspace(-2.7, -0.44, 11):
                root, long = (x + 14 * np.cos(angle), level + 6), 34 + 22 * (-np.sin(angle))
                tip = (x + long * np.cos(angle), level + 6 + 1.1 * long * np.sin(angle))
                painting.line(canvas, root, tip, 4, mixed(WHITE, water, 0.25))
                painting.disc(canvas, tip, 3.0, WHITE, outline=False)
            painting.ellipse(canvas, (x, level + 8), (24, 8), WHITE, outline=False)
        elif age[i] <= 2 * FRAME:
            high = 26 if age[i] <= FRAME else 10
            for dx in (-22, -9, 6, 19):
                painting.disc(canvas, (x + dx, level - high - 0.4 * dx % 7), 2.4, WHITE, False)
        if age[i] > 0 and ahead[i] <= 2 * FRAME:  # it hangs above the water, then drops
            high = 58 if ahead[i] > FRAME else 34
            painting.disc(canvas, (x, level - high), radius, ball)
            painting.disc(canvas, (x - 3, level - high - 3), radius / 3, shaded(ball, 1.5), False)

    time = sounds.sample_times(0.9)
    spray = sounds.noise(rng, 700, 5200, tilt=0.3, seconds=0.9) * np.exp(-time / 0.16)
    deep = sounds.noise(rng, 150, 600, seconds=0.9) * np.exp(-time / 0.07)
    plop = sounds.bubble(rng.uniform(260, 420), 0.07, 1.5)
    splash = sounds.normalized((spray + 0.5 * deep) * np.minimum(1, time / 0.006))
    splash[800 : 800 + len(plop)] += 0.4 * plop
    sound = sounds.repeated_at(sounds.faded_out(splash), falls, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def thunder(rng: np.random.Generator) -> Take:
    """Draw flashes and bolts over a dark land; each claps and rumbles."""
    strikes = scenes.moments(rng, (5, 6, 7), last=12)
    drive = scenes.pulses(strikes, 0.22)
    night = varied((44, 34, 84), rng)
    stage = painting.gradient(shaded(night, 0.55), shaded(night, 1.7), 100)
    clouds = rng.uniform((0, 4, 0.7), (170, 26, 1.5), (7, 3))
    ridge = [(x, 108 - 14 * rng.random()) for x in np.linspace(0, FULL, 7)]
    bolts = {strike: _bolt(rng) for strike in strikes}

    def paint(canvas: Canvas, i: int) -> None:
        for right, down, shade in clouds:
            place = ((right + 5 * i) % 170 - 20, down)
            painting.ellipse(canvas, place, (24, 9), shaded(night, shade), outline=False)
        lit = np.array((225, 220, 255)) * 0.75 * drive[i]
        np.copyto(canvas, np.minimum(canvas + lit, 255).astype(np.uint8))
        for strike, bolt in bolts.items():
            if 0 <= i - strike <= 1:
                glow = WHITE if i == strike else mixed(night, WHITE, 0.45)
                for a, b in bolt:
                    painting.line(canvas, a, b, 3 if i == strike else 2, glow)
        painting.shape(canvas, [(0, FULL), *ridge, (FULL, FULL)], shaded(night, 0.3))

    time = sounds.sample_times(2.4)
    clap = sounds.noise(rng, 300, 3000, tilt=0.5, seconds=2.4) * np.exp(-time / 0.09)
    waves = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(2, 3.5) * time + rng.uniform(0, 6))
    rumble = sounds.noise(rng, 35, 130, seconds=2.4) * waves * np.exp(-time / 0.6)
    roll = sounds.normalized((0.35 * clap + 0.8 * rumble) * np.minimum(1, time / 0.005))
    sound = sounds.repeated_at(sounds.faded_out(roll), strikes, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def _bolt(rng: np.random.Generator) -> list[tuple[Point, Point]]:
    """Return the lines of a bolt with a branch, from the clouds to the ground."""
    x, pieces = rng.uniform(20, 108), []
    downs = np.linspace(18, 104, 8)
    for k, (y, below) in enumerate(pairwise(downs)):
        aside = float(np.clip(x + rng.uniform(-14, 14), 6, 122))
        pieces.append(((x, float(y)), (aside, float(below))))
        if k == 3:
            pieces.append(((x, float(y)), (x + rng.choice((-1, 1)) * 22, float(below) + 12)))
        x = aside
    return pieces


def explosion(rng: np.random.Generator) -> Take:
    """Draw a ball of fire that turns into smoke; each booms."""
    blasts = scenes.moments(rng, (7, 8, 9), last=11)
    drive = scenes.pulses(blasts, 0.3)
    ground, smoke = varied((206, 164, 104), rng), varied((84, 78, 76), rng)
    x, level, size = rng.uniform(40, 88), rng.uniform(92, 102), rng.uniform(0.9, 1.15)
    stage = painting.gradient(varied((112, 178, 232), rng), varied((214, 228, 232), rng), 90)
    stage[int(level) - 6 :] = painting.gradient(ground, shaded(ground, 0.75), 40)[
        : 134 - int(level)
    ]
    painting.polygon(
        stage,
        [(x - 9, level - 13), (x + 9, level - 13), (x + 9, level), (x - 9, level)],
        varied((150, 52, 40), rng),
    )
    puffs = [(rng.uniform(-20, 20), rng.uniform(-26, 8), rng.uniform(12, 20)) for _ in range(9)]
    debris = rng.uniform((-2.8, 0.7), (-0.35, 1.4), (9, 2))
    age = scenes.since(blasts)

    clouds = rng.uniform((0, 8), (170, 40), (3, 2))

    def paint(canvas: Canvas, i: int) -> None:
        for right, down in clouds:
            place = ((right + 4 * i) % 170 - 20, down)
            painting.ellipse(canvas, place, (20, 6), WHITE, outline=False)
        if age[i] > 2.4:
            return
        if age[i] == 0:
            np.copyto(canvas, (0.45 * canvas + np.array((140, 124, 78))).astype(np.uint8))
        grown = size * (1.0 + 0.5 * (1 - np.exp(-age[i] / 0.3)))
        risen = 34 * age[i]
        heat = np.exp(-age[i] / 0.3)
        fade = min(age[i] / 2.4, 1) ** 2
        for dx, dy, radius in puffs:
            shade = mixed(mixed(smoke, (245, 116, 24), heat), (200, 216, 226), 0.6 * fade)
            place = (x + grown * dx, level - 18 - risen + grown * dy)
            painting.disc(canvas, place, grown * radius * (1 - 0.3 * fade), shade, outline=False)
        for dx, dy, radius in puffs[:5] if heat > 0.3 else ():
            place = (x + 0.6 * dx, level - 18 - risen + 0.6 * dy)
            core = mixed((250, 190, 40), (255, 250, 214), heat**3)
            painting.disc(canvas, place, heat * radius * 0.8, core, outline=False)
        for way, far in debris:  # it flies in an arc
            time = age[i] + 0.16
            right, down = 80 * far * time * np.cos(way), 100 * far * time * np.sin(way)
            place = (x + right, level - 12 + down + 80 * time**2)
            painting.disc(canvas, place, 2.0, (60, 44, 36), outline=False)

    time = sounds.sample_times(1.8)
    burst = sounds.noise(rng, 60, 3500, tilt=0.8, seconds=1.8) * np.exp(-time / 0.16)
    tail = sounds.noise(rng, 50, 420, seconds=1.8) * np.exp(-time / 0.4)
    boom = sounds.harmonic_tone(38 + rng.uniform(50, 70) * np.exp(-time / 0.15)) * np.exp(
        -time / 0.35
    )
    blast = np.tanh(1.6 * (burst + 0.4 * tail + boom)) * np.minimum(1, time / 0.002)
    sound = sounds.repeated_at(sounds.faded_out(sounds.normalized(blast)), blasts, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)
