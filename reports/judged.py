"""Whether two tables were judged alike, and if not, in what they differ.

Settings are nested mappings, as results.json holds them; a difference is one line that names its
place: "detectors.onsets.delta was 0.07, is 0.1".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from svbench.types import Column, ResultTable

ABSENT: Final = "absent"
UNJUDGING: Final = ("seed", "resamples", "interval", "bounds", "caveat")  # no value rests on them
ELSEWHERE: Final = "elsewhere"  # the scale of `svbench score`, which judges at full size
LONGEST: Final = 60  # characters of a value that a message shows


def settings_differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Name every setting that is not the same in both, by its dotted place."""
    return tuple(_walk(before, now, ""))


def columns_differ(before: Column, now: Column) -> tuple[str, ...]:
    """Name what values of two columns rest on and differs; how intervals are formed is not."""
    one, other = (
        {"better": c.better, **{k: v for k, v in c.settings.items() if k not in UNJUDGING}}
        for c in (before, now)
    )
    return settings_differ(one, other)


def tables_differ(before: ResultTable, now: ResultTable) -> tuple[str, ...]:
    """Name what makes no two of the tables' cells comparable: data set, scale, clip format.

    How recorded clips were brought to that format counts as well: frame choice and channels.
    """
    return settings_differ(_base(before), _base(now))


def _base(table: ResultTable) -> Mapping[str, Any]:
    spec = table.spec
    usual = replace(spec, frame_choice="nearest", channels="mean")
    return {
        "data set": table.dataset,
        "scale": "paper" if table.scale == ELSEWHERE else table.scale,  # as older tables have it
        "clip format": str(usual),
        "frame choice": spec.frame_choice,
        "channels": spec.channels,
    }


def scale_of(table: ResultTable) -> str:
    """Return at which scale the clips were made, for print: `svbench score` cannot know it."""
    return "clips made elsewhere" if table.scale == ELSEWHERE else table.scale


def shortened(reasons: tuple[str, ...], most: int = 3) -> str:
    """Say the first of several reasons in one line, and how many more there are."""
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
