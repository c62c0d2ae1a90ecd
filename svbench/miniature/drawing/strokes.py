"""Random strokes after the statistics of the real Greatest Hits annotations.

The strokes of one 4-s segment are drawn from summary numbers of the 39,950 real events.
`svbench.miniature.greatesthits` lists where they depart from the real ones.

Conventions
-----------
Times are seconds from the start of the recording.

References
----------
A. Owens et al., "Visually Indicated Sounds", CVPR 2016. Annotations of all 977 videos as shipped
with CondFoleyGen (Du et al., CVPR 2023), data/greatest_hit_meta_info.tar.gz; segment K of a
video is [4 K, 4 K + 4) s.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.miniature.drawing.drumstick import Action, Stroke

# Of the 2,040 test segments, 289 hold no event (Greatest Hits, official test split).
EMPTY_SHARE: Final = 289 / 2040
# Segments with 1, 2, .. 14 events, all 977 videos.
EVENT_COUNTS: Final = (208, 367, 632, 1108, 1101, 1171, 1059, 871, 372, 147, 56, 19, 6, 2)
# Quantiles of the gap between neighbouring events of one segment, s.
GAP_QUANTILES: Final = (
    (0.0, 0.2),
    (0.05, 0.3333),
    (0.25, 0.4667),
    (0.5, 0.5333),
    (0.75, 0.6667),
    (0.95, 1.0),
    (0.99, 1.4),
    (1.0, 3.7333),
)
LABELLED: Final = (39950 - 15389) / 39950  # share of events with an action
HITS: Final = 16826 / (16826 + 7735)  # share of hits among events with an action
SAME_ACTION: Final = 0.782  # chance that the next labelled event repeats the action

SHORTEST_GAP: Final = 0.40  # s; below, fall and rise share too few frames to be distinguished
FIRST: Final = 0.27  # s; a peak of motion needs a calmer frame before it in the clip
LAST: Final = 3.72  # s; and one after it


def is_empty(segment: int) -> bool:
    """Return whether a segment, counted from 0 over its split, holds no stroke."""
    return math.floor((segment + 1) * EMPTY_SHARE) > math.floor(segment * EMPTY_SHARE)


def drawn_for(struck: int) -> int:
    """Return how many segments must be drawn so that `struck` of them hold a stroke."""
    drawn = struck
    while drawn - math.floor(drawn * EMPTY_SHARE) < struck:
        drawn += 1
    return drawn


def draw_strokes(begin: float, rng: np.random.Generator) -> list[Stroke]:
    """Return random strokes of a segment that starts at `begin`, at least one."""
    room = LAST - FIRST
    counts = np.array(EVENT_COUNTS, float)
    count = 1 + int(rng.choice(len(counts), p=counts / counts.sum()))
    count = min(count, 1 + math.floor(room / SHORTEST_GAP))
    gaps = _gaps(count - 1, room, rng)
    lead = FIRST + rng.uniform(0, max(room - gaps.sum(), 0.0))
    times = lead + np.concatenate([[0.0], np.cumsum(gaps)])
    actions = _actions(count, rng)
    return [
        Stroke(round(begin + float(time), 4), action)
        for time, action in zip(times, actions, strict=True)
    ]


def _gaps(count: int, room: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return gaps drawn from the real quantiles, shortened where they do not fit."""
    shares, gaps = zip(*GAP_QUANTILES, strict=True)
    drawn = np.interp(rng.random(count), shares, gaps)
    over = np.maximum(drawn - SHORTEST_GAP, 0.0)
    spare = room - count * SHORTEST_GAP
    if over.sum() > spare:
        over *= spare / over.sum()
    return np.asarray(SHORTEST_GAP + over)


def _actions(count: int, rng: np.random.Generator) -> list[Action]:
    """Return random actions that come in runs, as the real ones do.

    An action is kept with chance k and drawn anew otherwise, so that two neighbours are alike
    with chance k + (1 - k) (h h + s s), where h and s are the shares of hits and scratches.
    """
    alike = HITS**2 + (1 - HITS) ** 2
    keep = (SAME_ACTION - alike) / (1 - alike)
    actions: list[Action] = []
    for _ in range(count):
        if actions and rng.random() < keep:
            actions.append(actions[-1])
        else:
            actions.append("hit" if rng.random() < HITS else "scratch")
    return actions
