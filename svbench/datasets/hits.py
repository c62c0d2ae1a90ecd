"""Annotated hits of the Greatest Hits: when the stick met which material, and how.

`<id>_times.txt` holds a line for each contact: time in s from the start of the recording, material,
action and reaction, separated by blanks. In the real annotations 38.5 % of the events have the
action "None": it was not annotated. Times lie on a grid of 1/15 s.

References
----------
- A. Owens et al.: Visually indicated sounds. CVPR 2016, arXiv:1512.08512.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.datasets.lists import is_there
from svbench.errors import DataError
from svbench.files.text import read_lines

ACTIONS: Final = frozenset({"hit", "scratch", "None"})
UNKNOWN: Final = "None"  # as the annotations write what was not annotated


@dataclass(frozen=True, slots=True)
class Event:
    """One annotated contact of stick and object."""

    time: float  # s from the start of the recording
    material: str
    action: str
    reaction: str = UNKNOWN


def read_events(path: Path) -> list[Event] | None:
    """Return the events of `<id>_times.txt`, earliest first; None without the file.

    Raises DataError for a malformed line.
    """
    if not is_there(path):
        return None
    lines = read_lines(path, "annotated times")
    events = [_event(path, number, line) for number, line in lines if line.strip()]
    return sorted(events, key=lambda event: event.time)


def events_between(
    events: Iterable[Event], begin: float, end: float, actions: Collection[str] = ACTIONS
) -> tuple[Event, ...]:
    """Return the events of these actions from `begin` up to `end` (s), counted from `begin`."""
    moved = (replace(e, time=e.time - begin) for e in events if e.action in actions)
    return tuple(event for event in moved if 0 <= event.time < end - begin)


def onsets_between(
    events: Iterable[Event], begin: float, end: float, actions: Collection[str] = ACTIONS
) -> tuple[float, ...]:
    """Return the times of these actions from `begin` up to `end` (s), counted from `begin`."""
    return tuple(event.time for event in events_between(events, begin, end, actions))


def categories_between(events: Iterable[Event], begin: float, end: float) -> dict[str, str]:
    """Return the most frequent material and action of the events from `begin` up to `end` (s).

    Events of which a kind was not annotated do not count for it; of equally frequent ones, that
    of the earliest event is taken. A kind that no event has annotated is left out.
    """
    inside = events_between(events, begin, end)
    annotated = {
        "material": [event.material for event in inside if event.material != UNKNOWN],
        "action": [event.action for event in inside if event.action != UNKNOWN],
    }
    return {kind: Counter(found).most_common(1)[0][0] for kind, found in annotated.items() if found}


def _event(path: Path, number: int, line: str) -> Event:
    fields = line.split()
    try:
        time = float(fields[0])
    except ValueError:
        time = math.nan
    if len(fields) < 3 or not (math.isfinite(time) and time >= 0) or fields[2] not in ACTIONS:
        raise DataError(
            f"{path}: line {number} is {line.strip()!r:.80}, expected "
            "<time in s> <material> <hit, scratch or None> <reaction>"
        )
    return Event(time, fields[1], fields[2], fields[3] if len(fields) > 3 else UNKNOWN)
