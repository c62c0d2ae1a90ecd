"""Five everyday scenes with events: a ball, a bell, a dog, a hammer, a harp.

Conventions are those of `scenes` and `painting`: an event lies on a frame, and its sound begins
with that frame. Times in seconds, places in pixels of the canvas.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from svbench.miniature.drawing import painting, percussion, scenes, sounds
from svbench.miniature.drawing.painting import (
    WHITE,
    Canvas,
    Colour,
    Point,
    mixed,
    shaded,
    turned,
    varied,
)
from svbench.miniature.drawing.percussion import Timbre
from svbench.miniature.drawing.scenes import SPEC, Take

FULL: Final = float(painting.CANVAS)
FRAME: Final = 1 / SPEC.fps  # s
COATS: Final[tuple[Colour, ...]] = ((176, 120, 70), (226, 200, 160), (92, 76, 70))
LOUD: Final[Colour] = (255, 236, 150)
# Partials of a church bell, by the prime: hum, prime, tierce, quint, nominal, and two above.
BELL: Final = (0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0)
SCALE: Final = (1.0, 9 / 8, 5 / 4, 3 / 2, 5 / 3, 2.0, 9 / 4, 5 / 2)  # pentatonic, upwards


def basketball_bounce(rng: np.random.Generator) -> Take:
    """Draw a basketball that bounces on a wooden floor; each bounce thuds."""
    bounces = scenes.moments(rng, (2, 3, 4))
    drive = scenes.pulses(bounces, 0.09)
    wood, wall = varied((214, 160, 92), rng), varied((120, 150, 190), rng)
    x, level, radius = rng.uniform(46, 82), rng.uniform(104, 112), rng.uniform(14, 18)
    ball = varied((232, 116, 36), rng)
    stage = painting.gradient(wall, shaded(wall, 1.1))
    stage[84:] = wood
    for k in range(-6, 7):
        foot = (64 + 30.0 * k, FULL)
        painting.line(stage, (64 + 14.0 * k, 84), foot, 2, shaded(wood, 0.85))
    board = [(48.0, 8.0), (80.0, 8.0), (80.0, 30.0), (48.0, 30.0)]
    painting.polygon(stage, board, WHITE)
    painting.ring(stage, (64, 32), (9, 3), (220, 70, 40), 2)
    ago, ahead = scenes.since(bounces), scenes.until(bounces)

    def paint(canvas: Canvas, i: int) -> None:
        high = _thrown(ago[i], ahead[i])
        flat = 0.8 if ago[i] == 0 else 1.0
        painting.ellipse(canvas, (x, level + 2), (1.2 * radius - 0.06 * high, 4), shaded(wood, 0.6))
        axes = (radius / flat, radius * flat)
        centre = (x, level - axes[1] - high)
        painting.ellipse(canvas, centre, axes, ball)
        seam = shaded(ball, 0.45)
        painting.line(canvas, (x - axes[0], centre[1]), (x + axes[0], centre[1]), 2, seam)
        painting.ring(canvas, centre, (0.4 * axes[0], axes[1] - 1), seam, 2)
        if ago[i] == 0:
            for side in (-1, 1):
                start = (x + side * (radius + 6), level - 3)
                painting.line(canvas, start, (start[0] + 9 * side, level - 9), 3, WHITE)

    low = rng.uniform(85, 120)
    thud = percussion.hit(Timbre(low, 4.5 * low, 5, 0.075, 0.12), SPEC.sample_rate, rng)
    sound = sounds.repeated_at(thud, bounces, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def _thrown(ago: float, ahead: float) -> float:
    """Return the height of a ball, in pixels, between bounces: a parabola, 46 high at most."""
    if not np.isfinite(ago) or not np.isfinite(ahead):  # before the first and after the last
        near = min(ago, ahead)
        return float(46 * (1 - (1 - min(near / 0.5, 1)) ** 2))
    whole = ago + ahead
    top = 46 * min(whole, 0.75) / 0.75
    return float(4 * top * ago * ahead / whole**2) if whole else 0.0


def church_bell_ringing(rng: np.random.Generator) -> Take:
    """Draw a bell that swings in its tower; it rings where it swings out farthest."""
    gap = int(rng.choice((3, 4)))
    rings = scenes.moments(rng, (gap,))
    drive = scenes.pulses(rings, 0.5)
    stone, bronze = varied((196, 186, 168), rng), varied((190, 142, 52), rng)
    stage = painting.gradient(varied((88, 144, 220), rng), varied((190, 216, 240), rng))
    x, size = rng.uniform(54, 74), rng.uniform(0.9, 1.1)
    painting.polygon(stage, [(x - 44, 30), (x + 44, 30), (x + 44, FULL), (x - 44, FULL)], stone)
    painting.polygon(stage, [(x - 50, 31), (x, -12), (x + 50, 31)], varied((150, 70, 56), rng))
    for k in range(3):  # layers of stone
        painting.line(stage, (x - 43, 54 + 24 * k), (x + 43, 54 + 24 * k), 1, shaded(stone, 0.8))
    arch = shaded(stone, 0.24)
    painting.half_ellipse(stage, (x, 72), (34, 34), arch, outline=False)
    painting.polygon(stage, [(x - 34, 72), (x + 34, 72), (x + 34, 122), (x - 34, 122)], arch, False)
    side = 1 - 2 * (np.searchsorted(rings, np.arange(SPEC.frames), side="right") % 2)
    ago = np.minimum(scenes.since(rings), gap * FRAME * 0.98)
    quiet = ~np.isfinite(scenes.since(rings))
    swung = np.where(quiet, 0.0, side * np.cos(np.pi * ago / (gap * FRAME)))

    def paint(canvas: Canvas, i: int) -> None:
        pivot, angle = (x, 46.0), 0.6 * float(swung[i])
        outline = ((-9, 6), (9, 6), (14, 30), (22, 46), (-22, 46), (-14, 30))
        corners = [turned((x + size * a, 46 + size * b), pivot, angle) for a, b in outline]
        clapper = turned((x, 46 + 52 * size), pivot, 1.5 * angle)
        painting.limb(canvas, pivot, clapper, 3, (70, 60, 50))
        painting.disc(canvas, clapper, 5, (70, 60, 50))
        painting.polygon(canvas, corners, bronze)
        shine = [
            turned((x + size * a, 46 + size * b), pivot, angle) for a, b in ((-6, 12), (-9, 40))
        ]
        painting.line(canvas, shine[0], shine[1], 4, shaded(bronze, 1.45))
        painting.limb(canvas, (x - 34, 46), (x + 34, 46), 5, (104, 72, 46))
        for k in (-1, 1):  # the longer, the louder
            for reach in (29, 40):
                here, long = x + k * reach, 22 * drive[i]
                if long > 2:
                    painting.line(canvas, (here, 78 - long), (here, 78 + long), 3, LOUD)

    prime = rng.uniform(300, 460)
    tones = [prime * part * rng.uniform(0.995, 1.005) for part in BELL]
    fades, weights = (1.6, 1.0, 0.8, 0.5, 0.6, 0.25, 0.15), (0.6, 0.8, 0.7, 0.3, 1.0, 0.5, 0.4)
    peal = sounds.damped_partials(rng, tones, fades, weights, 3.0)
    sound = sounds.repeated_at(peal, rings, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def dog_barking(rng: np.random.Generator) -> Take:
    """Draw a dog on a lawn that throws its head up and opens its mouth at each bark."""
    barks = scenes.moments(rng, (2, 2, 3, 5))
    drive = scenes.pulses(barks, 0.1)
    grass, coat = varied((104, 180, 78), rng), varied(COATS[rng.integers(len(COATS))], rng)
    fence, size = varied((240, 236, 226), rng), rng.uniform(0.92, 1.08)
    stage = painting.gradient(varied((176, 216, 240), rng), varied((214, 236, 240), rng), 70)
    for k in range(10):
        post = [(13.0 * k, 40.0), (13.0 * k + 8, 40.0), (13.0 * k + 8, 82.0), (13.0 * k, 82.0)]
        painting.polygon(stage, post, fence)
    stage[78:] = grass
    x, level, wag = rng.uniform(72, 80), rng.uniform(108, 116), rng.uniform(0, 6)

    def at(right: float, down: float) -> Point:
        return x + size * right, level + size * down

    def paint(canvas: Canvas, i: int) -> None:
        loud = float(drive[i])
        tail = at(46 + 5 * np.sin(2.4 * i + wag), -66 - 4 * loud)
        painting.limb(canvas, at(30, -42), tail, 6, coat)
        for right in (-16, -6, 20, 30):
            painting.limb(canvas, at(right, -26), at(right, 0), 8, shaded(coat, 0.85))
        painting.ellipse(canvas, at(6, -34), (34 * size, 17 * size), coat)
        neck, lift = at(-22, -44), 0.5 * loud
        head = turned(at(-34, -60), neck, lift)
        painting.limb(canvas, neck, head, 16, coat)
        upper, jaw = (
            turned(at(-58, -60 - 3 * loud), neck, lift),
            turned(at(-54, -52 + 15 * loud), neck, lift),
        )
        if loud > 0.5:
            hinge = turned(at(-38, -53), neck, lift)
            painting.polygon(canvas, [hinge, upper, jaw], (188, 54, 60))
            for reach in (12, 22):
                mouth = ((upper[0] + jaw[0]) / 2 - reach, (upper[1] + jaw[1]) / 2)
                painting.line(
                    canvas,
                    (mouth[0], mouth[1] - 0.6 * reach),
                    (mouth[0], mouth[1] + 0.6 * reach),
                    3,
                    (214, 60, 40),
                )
        painting.limb(canvas, turned(at(-38, -53), neck, lift), jaw, 6, shaded(coat, 0.85))
        painting.limb(canvas, turned(at(-38, -60), neck, lift), upper, 9, coat)
        painting.disc(canvas, head, 12 * size, coat)
        painting.disc(canvas, upper, 3.5, (30, 26, 26))
        painting.disc(canvas, turned(at(-38, -64), neck, lift), 2.2, (20, 16, 16), outline=False)
        painting.ellipse(canvas, turned(at(-26, -60), neck, lift), (5, 12), shaded(coat, 0.6))

    time = sounds.sample_times(0.24)
    low = rng.uniform(330, 520)
    voice = sounds.harmonic_tone(
        low * (0.75 + 0.45 * np.sin(np.pi * np.minimum(time / 0.17, 1))), (1, 0.9, 0.8, 0.3, 0.2)
    )
    breath = sounds.noise(rng, 700, 2200, seconds=0.24)
    bark = (voice + 0.35 * breath) * np.minimum(time / 0.012, 1) * np.exp(-time / 0.07)
    sound = sounds.repeated_at(sounds.faded_out(sounds.normalized(np.tanh(1.5 * bark))), barks, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def hammering_nails(rng: np.random.Generator) -> Take:
    """Draw a hammer that drives a nail into a beam; each blow clinks."""
    blows = scenes.moments(rng, (2, 2, 3))
    drive = scenes.pulses(blows, 0.06)
    beam, wall = varied((196, 148, 90), rng), varied((216, 208, 226), rng)
    x, level = rng.uniform(34, 46), rng.uniform(92, 98)
    stage = painting.gradient(wall, shaded(wall, 0.85))
    painting.polygon(stage, [(-9, level), (137, level), (137, 119), (-9, 119)], beam)
    for k in range(3):
        grain = level + 7 + 7 * k
        painting.line(stage, (0, grain), (FULL, grain + rng.uniform(-3, 3)), 1, shaded(beam, 0.75))
    done = np.searchsorted(blows, np.arange(SPEC.frames), side="right") / len(blows)
    lifted = np.minimum(np.minimum(scenes.since(blows), scenes.until(blows)) / (1.5 * FRAME), 1)
    handle = varied((150, 60, 50), rng)

    def paint(canvas: Canvas, i: int) -> None:
        top = level - 26 + 18 * done[i]
        painting.limb(canvas, (x, top), (x, level), 3, (150, 156, 166))
        painting.line(canvas, (x - 5, top), (x + 5, top), 4, (120, 126, 136))
        grip, angle = (x + 70, top - 2.0), 0.75 * float(lifted[i])
        face = turned((x, top - 14), grip, angle)
        claw = turned((x, top - 30), grip, angle)
        foot = turned((x, top - 5), grip, angle)
        painting.limb(canvas, turned((x, top - 18), grip, angle), grip, 7, handle)
        painting.limb(canvas, face, claw, 11, (96, 100, 110))
        painting.limb(canvas, face, foot, 15, (116, 120, 130))
        painting.disc(canvas, turned((x + 66, top - 3), grip, angle), 10, (224, 172, 140))
        painting.limb(
            canvas, turned((x + 74, top), grip, angle), (FULL + 12, top + 16), 16, (70, 100, 160)
        )
        if lifted[i] == 0:
            for way in (-2.6, -2.0, -0.3, 0.2):
                start = (x + 14 * np.cos(way), top + 14 * np.sin(way))
                end = (x + 26 * np.cos(way), top + 26 * np.sin(way))
                painting.line(canvas, start, end, 3, (255, 214, 60))

    low = rng.uniform(1900, 2600)
    clink = percussion.hit(Timbre(low, 2.9 * low, 6, 0.045, 0.1), SPEC.sample_rate, rng)
    knock = percussion.hit(Timbre(260, 900, 4, 0.03, 0.4), SPEC.sample_rate, rng)
    sound = sounds.repeated_at(clink + 0.45 * knock, blows, rng)
    return Take(scenes.filmed(stage, paint), sounds.mastered(sound, rng), drive)


def playing_harp(rng: np.random.Generator) -> Take:
    """Draw a harp with a hand at its strings; the string that swings decides the tone."""
    plucks = scenes.moments(rng, (2, 2, 3))
    drive = scenes.pulses(plucks, 0.35)
    gold, cloth = varied((214, 164, 60), rng), varied((112, 26, 44), rng)
    stage = painting.gradient(shaded(cloth, 0.65), shaded(cloth, 1.2))
    for k in range(8):  # folds of a curtain
        painting.line(stage, (18 * k + 4, 0), (18 * k + 2, 104), 4, shaded(cloth, 0.75))
    stage[106:] = varied((74, 48, 36), rng)
    left, right = rng.uniform(20, 28), rng.uniform(96, 104)
    places = np.linspace(left + 12, right - 10, len(SCALE))  # low strings are long, at the left
    tops = np.linspace(22, 44, len(SCALE))
    feet = np.linspace(112, 70, len(SCALE))
    notes = np.cumsum(rng.choice((-3, -2, -1, 1, 2, 3), len(plucks))) + rng.integers(len(SCALE))
    notes = np.abs((notes + len(SCALE)) % (2 * len(SCALE)) - len(SCALE)).clip(0, len(SCALE) - 1)
    which = np.searchsorted(plucks, np.arange(SPEC.frames), side="right") - 1

    def paint(canvas: Canvas, i: int) -> None:
        for k in range(len(SCALE)):
            a, b = (float(places[k]), float(tops[k])), (float(places[k]), float(feet[k]))
            painting.line(canvas, a, b, 1, (232, 222, 210))
        painting.limb(canvas, (left, 116), (left + 4, 16), 9, gold)
        painting.limb(canvas, (left + 4, 116), (right + 4, 62), 11, shaded(gold, 0.9))
        curve = [(left + 4, 16.0), (left + 30, 26.0), (right - 24, 24.0), (right + 4, 62.0)]
        for a, b in pairwise(curve):
            painting.limb(canvas, a, b, 8, gold)
        note = int(notes[max(which[i], 0)])
        place, top, foot = float(places[note]), float(tops[note]), float(feet[note])
        if which[i] >= 0:  # the string swings, and its light goes out with the tone
            middle, wide = (place, (top + foot) / 2), 1.5 + 6 * drive[i]
            shine = mixed(shaded(cloth, 1.2), (255, 248, 150), 0.3 + 0.7 * drive[i])
            painting.ring(canvas, middle, (wide, (foot - top) / 2), shine, 3)
        hand = (place + 14 + 5 * drive[i], foot - 6 + 6 * drive[i])
        painting.limb(canvas, hand, (FULL + 14, FULL), 12, (40, 36, 60))
        painting.limb(canvas, hand, (hand[0] - 9, hand[1] - 5), 5, (232, 184, 150))
        painting.disc(canvas, hand, 8, (232, 184, 150))

    tonic = rng.uniform(262, 392)
    voices = {note: _plucked(tonic * SCALE[note], rng) for note in sorted({*notes.tolist()})}
    pieces = [
        (frame * FRAME, rng.uniform(0.75, 1), voices[int(note)])
        for frame, note in zip(plucks, notes, strict=True)
    ]
    return Take(scenes.filmed(stage, paint), sounds.mastered(sounds.mixed_at(pieces), rng), drive)


def _plucked(tone: float, rng: np.random.Generator) -> sounds.Sound:
    """Return the sound of a plucked string: harmonics, the high ones softer and shorter."""
    orders = range(1, 7)
    tones, fades = [tone * k for k in orders], [0.5 / k**0.7 for k in orders]
    return sounds.damped_partials(rng, tones, fades, [k**-1.4 for k in orders], 1.2)
