"""Whether two tables were judged alike, and if not, in what they differ.

Settings are nested mappings, as results.json holds them; a difference is one line that names its
place: "detectors.onsets.delta was 0.07, is 0.1".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from svbench.types import ClipSpec, Column, ResultTable

ABSENT: Final = "absent"
UNJUDGING: Final = ("seed", "resamples", "interval", "bounds", "caveat")  # no value rests on them
ELSEWHERE: Final = "elsewhere"  # the scale of `svbench score`, which judges at full size
# Metrics that read one modality of a clip; any other is taken to read both.
SOUND_ALONE: Final = ("fad", "ib-ta")
PICTURE_ALONE: Final = ("fvd", "ib-tv")
NATIVE: Final = "+native"
LONGEST: Final = 60  # characters of a value that a message shows


def settings_differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every setting that is not the same in both, by its dotted place."""
    return tuple(_walk(before, now, ""))


def columns_differ(before: Column, now: Column) -> tuple[str, ...]:
    """Return what values of two columns rest on and differs; how intervals are formed is not."""
    one, other = (
        {"better": c.better, **{k: v for k, v in c.settings.items() if k not in UNJUDGING}}
        for c in (before, now)
    )
    return settings_differ(one, other)


def tables_differ(before: ResultTable, now: ResultTable) -> tuple[str, ...]:
    """Return what makes no two of the tables' cells comparable: data set, scale, clip format.

    How recorded clips were brought to that format counts as well: frame choice and channels.
    """
    return settings_differ(*(_base(t) | _format(t) | _reading(t.spec) for t in (before, now)))


def data_differ(before: ResultTable, now: ResultTable) -> tuple[str, ...]:
    """Return how the data of two tables differ, by name and scale."""
    return settings_differ(_base(before), _base(now))


def formats_differ(before: ResultTable, now: ResultTable) -> tuple[str, ...]:
    """Return how the clip formats of two tables differ, whichever way clips were brought to it."""
    return settings_differ(_format(before), _format(now))


def reading_differs(before: ClipSpec, now: ClipSpec, metric: str) -> tuple[str, ...]:
    """Return what differs in how recorded clips were read, of what a metric's values rest on.

    The choice of frames decides nothing of a metric that reads the sound alone, or every frame at
    its own time (`+native`), nor the choice of channels anything of one that reads the picture.
    """
    name, _, option = metric.partition("@")
    frames = name not in SOUND_ALONE and not option.endswith(NATIVE)
    used = {"frame choice": frames, "channels": name not in PICTURE_ALONE}
    one, other = (
        {key: value for key, value in _reading(spec).items() if used[key]} for spec in (before, now)
    )
    return settings_differ(one, other)


def _base(table: ResultTable) -> dict[str, Any]:
    scale = "paper" if table.scale == ELSEWHERE else table.scale  # as older tables have it
    return {"data set": table.dataset, "scale": scale}


def _format(table: ResultTable) -> dict[str, Any]:
    return {"clip format": str(replace(table.spec, frame_choice="nearest", channels="mean"))}


def _reading(spec: ClipSpec) -> dict[str, Any]:
    return {"frame choice": spec.frame_choice, "channels": spec.channels}


def scale_of(table: ResultTable) -> str:
    """Return at which scale the clips were made, for print: `svbench score` cannot know it."""
    return "clips made elsewhere" if table.scale == ELSEWHERE else table.scale


def shortened(reasons: tuple[str, ...], most: int = 3) -> str:
    """Return the first of several reasons in one line, and how many more there are."""
    more = len(reasons) - most
    return "; ".join(reasons[:most]) + (f"; and {more} more" if more > 0 else "")


def _walk(before: Mapping[str, Any], now: Mapping[str, Any], place: str) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        one, other = before.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _walk(one, other, f"{place}{name}.")
        elif one != other or (name in before) != (name in now):
            was = _shown(one) if name in before else ABSENT
            yield f"{place}{name} was {was}, is {_shown(other) if name in now else ABSENT}"


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
