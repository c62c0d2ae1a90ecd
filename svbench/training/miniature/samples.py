"""Training samples of the miniature extractors: drawn clips with captions and labels.

Conventions
-----------
Labels of events are 0 or 1: first those of `ACTIONS`, then those of strokes. Times are seconds
from the start of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.datasets import greatesthits
from svbench.files import media
from svbench.miniature import greatesthits as miniature
from svbench.miniature.drawing.drumstick import Stroke
from svbench.training.miniature.recipes import ExtractorRecipe
from svbench.types import Clip

# Attributes of a clip, and how many classes each has; in the order of a network's logits.
ATTRIBUTES: Final = {
    "material": len(miniature.MATERIALS),
    "shape": len(miniature.SHAPES),
    "place": len(miniature.PLACES),
}
AUDIBLE: Final = {name: ATTRIBUTES[name] for name in ("material", "shape")}  # a place has no sound
ACTIONS: Final = ("hit", "scratch")
STROKES: Final = ("1 stroke", "2 strokes", "3 strokes", "4 strokes")  # at least, in 16 frames
SLOTS: Final = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")  # of 0.96 s
EXAMPLE: Final = 0.96  # s of sound that VGGish takes
I3D_WINDOW: Final = 16  # frames


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedClip:
    """A drawn clip and its caption."""

    clip: Clip
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip(CaptionedClip):
    """A drawn clip of Greatest Hits with its attributes and strokes."""

    classes: tuple[int, int, int]  # of the material, the shape and the place
    strokes: tuple[Stroke, ...]

    @property
    def times(self) -> NDArray[np.float64]:
        """Return the times of its strokes, s: (S,)."""
        return np.array([stroke.time for stroke in self.strokes])

    def frame_labels(self, first: int) -> list[float]:
        """Return the labels of 16 frames: hit, scratch, at least 1, 2, .. strokes."""
        fps = self.clip.spec.fps
        actions, positions = self._events(first / fps, (first + I3D_WINDOW) / fps)
        return actions + [float(len(positions) > n) for n in range(len(STROKES))]

    def audio_labels(self, example: int) -> list[float]:
        """Return the labels of a piece of 0.96 s: hit, scratch, a stroke in each quarter."""
        actions, positions = self._events(example * EXAMPLE, (example + 1) * EXAMPLE)
        quarters = {int(len(SLOTS) * position) for position in positions}
        return actions + [float(n in quarters) for n in range(len(SLOTS))]

    def _events(self, begin: float, end: float) -> tuple[list[float], list[float]]:
        """Return the labels of the actions in [begin, end), and the strokes' positions, 0..1."""
        inside = [s for s in self.strokes if begin <= s.time < end]
        actions = {s.action for s in inside}
        positions = [(s.time - begin) / (end - begin) for s in inside]
        return [float(action in actions) for action in ACTIONS], positions


def draw(
    root: Path, split: Literal["train", "test"], recipe: ExtractorRecipe
) -> list[LabelledClip]:
    """Draw the clips of a recipe into `root`, and return those of one split."""
    miniature.draw(root, seed=recipe.seed, train=recipe.clips, test=recipe.held_out)
    clips = recipe.clips if split == "train" else recipe.held_out
    samples = []
    for n, example in enumerate(greatesthits.load(root, split=split, limit=clips)):
        number, segment = divmod(n, miniature.SEGMENTS)
        trial = miniature.plan(recipe.seed, split, number, miniature.SEGMENTS)
        clip = media.read(example.recording, miniature.SPEC)
        strokes = _strokes(trial, segment * miniature.SPEC.duration)
        samples.append(LabelledClip(clip, example.caption, _classes(trial), strokes))
    return samples


def _classes(trial: miniature.Trial) -> tuple[int, int, int]:
    return (
        miniature.MATERIALS.index(trial.material),
        miniature.SHAPES.index(trial.scene.shape),
        miniature.PLACES.index(trial.place),
    )


def _strokes(trial: miniature.Trial, begin: float) -> tuple[Stroke, ...]:
    """Return the strokes of the segment that begins at `begin`, with times from its start."""
    end = begin + miniature.SPEC.duration
    inside = [stroke for stroke in trial.strokes if begin <= stroke.time < end]
    return tuple(Stroke(stroke.time - begin, stroke.action) for stroke in inside)
