"""Comparability: which settings of two tables, columns or rows differ.

Conventions
-----------
Settings are nested mappings, as results.json holds them. A difference is one line that names the
dotted path of a setting and both values: "detectors.onsets.delta was 0.07, is 0.1". Of two runs
side by side, neither of which is the earlier one, it names both: "…: 0.07 in one and 0.1 in other".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from svbench.files.results import DATA
from svbench.intervals import INTERVAL_ONLY
from svbench.reports.tables.sheet import ELSEWHERE
from svbench.types import ClipSpec, Column, ResultTable, Score

REAL: Final = "real set"  # of a table's record: the digest of its real clips
REFERENCE: Final = "reference set"  # and of the clips that sets are compared with, if others
IDENTITY: Final = "identity"  # of the data of a table's record: their digest
ABSENT: Final = "absent"
# Of metrics whose settings do not list what they compare.
MODALITIES: Final[Mapping[str, Sequence[str]]] = {"fad": ("audio",), "fvd": ("vision",)}
NATIVE: Final = "+native"
LONGEST: Final = 60  # characters of a value that a message shows
ALL: Final = "--format json lists all"  # settings that a comparison of runs cuts short

Names = tuple[str, str] | None  # of two runs side by side; None: of one, before and now


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same in both, as it is shown."""

    path: str  # dotted
    was: str
    now: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.path} was {self.was}, is {self.now}"

    def between(self, runs: Names) -> str:
        """Return one line that names two runs; without them, of one run before and now."""
        if runs is None:
            return str(self)
        one, other = runs
        return f"{self.path}: {self.was} in {one} and {self.now} in {other}"


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every setting that is not the same in both."""
    return tuple(_differences(before, now, ""))


def settings_differ(
    before: Mapping[str, Any], now: Mapping[str, Any], *, runs: Names = None
) -> tuple[str, ...]:
    """Return every setting that is not the same in both, a line for each."""
    return tuple(one.between(runs) for one in differing(before, now))


def columns_differ(before: Column, now: Column, *, runs: Names = None) -> tuple[str, ...]:
    """Return the differing settings that values of two columns depend on.

    Settings of the intervals alone are left out (`INTERVAL_ONLY`).
    """
    one, other = ({"better": c.better, **value_settings(c)} for c in (before, now))
    return settings_differ(one, other, runs=runs)


def value_settings(column: Column) -> dict[str, Any]:
    """Return the settings of a column that its values depend on, without those of intervals."""
    return {name: of for name, of in column.settings.items() if name not in INTERVAL_ONLY}


def tables_differ(before: ResultTable, now: ResultTable) -> tuple[str, ...]:
    """Return what makes no two of the tables' cells comparable: data set, scale, clip format.

    How recorded clips are conformed to that format counts as well: frame choice and channels.
    """
    return settings_differ(*(_base(t) | _format(t) | _decoding(t.spec) for t in (before, now)))


def data_differ(before: ResultTable, now: ResultTable, *, runs: Names = None) -> tuple[str, ...]:
    """Return how the data of two tables differ: by name or by scale."""
    return settings_differ(_base(before), _base(now), runs=runs)


def identities_differ(
    before: Mapping[str, Any], now: Mapping[str, Any], *, runs: Names = None
) -> tuple[str, ...]:
    """Return how the data of two records differ; nothing if they are the same, or one has none."""
    one, other = before.get(DATA), now.get(DATA)
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return ()
    if one.get(IDENTITY) == other.get(IDENTITY):  # whatever their lists are called
        return ()
    one, other = ({**of, IDENTITY: str(of.get(IDENTITY))[:12]} for of in (one, other))
    return settings_differ(one, other, runs=runs)


def formats_differ(before: ResultTable, now: ResultTable, *, runs: Names = None) -> tuple[str, ...]:
    """Return how the clip formats of two tables differ; frame choice and channels do not count."""
    return settings_differ(_format(before), _format(now), runs=runs)


def decoding_differs(
    before: ClipSpec, now: ClipSpec, column: Column, *, runs: Names = None
) -> tuple[str, ...]:
    """Return the differing settings of decoding that values of a column depend on.

    The choice of frames does not affect a metric of audio alone, nor one of every frame at its own
    time (`+native`); the choice of channels does not affect a metric of video alone.
    """
    modalities = compared_by(column)
    frames = "vision" in modalities and not is_native(column)
    used = {"frame choice": frames, "channels": "audio" in modalities}
    one, other = (
        {key: value for key, value in _decoding(spec).items() if used[key]}
        for spec in (before, now)
    )
    return settings_differ(one, other, runs=runs)


def compared_by(column: Column) -> Sequence[str]:
    """Return what a column's values are made of: audio, vision, perhaps text."""
    known: Sequence[str] = MODALITIES.get(column.metric.partition("@")[0], ("audio", "vision"))
    modalities: Sequence[str] = column.settings.get("compares", known)
    return modalities


def is_native(column: Column) -> bool:
    """Return whether a column judges clips as they were made, not in the table's format."""
    return column.metric.endswith(NATIVE) or column.settings.get("view") == "native"


def score_settings(score: Score) -> dict[str, Any]:
    """Return the settings that two scores must share to be comparable: counts and extractor."""
    return {
        "clips": score.count,
        "real clips compared with": score.reference_count,
        "extractor": score.extractor,
    }


def _base(table: ResultTable) -> dict[str, Any]:
    scale = "paper" if table.scale == ELSEWHERE else table.scale  # as older tables have it
    return {"data set": table.dataset, "scale": scale}


def _format(table: ResultTable) -> dict[str, Any]:
    return {"clip format": str(replace(table.spec, frame_choice="nearest", channels="mean"))}


def _decoding(spec: ClipSpec) -> dict[str, Any]:
    return {"frame choice": spec.frame_choice, "channels": spec.channels}


def shortened(reasons: Sequence[str], most: int = 3, where: str = "") -> str:
    """Return the first `most` of several reasons in one line, and the number of the others.

    `where` is where all of them are shown.
    """
    more = len(reasons) - most
    others = f"; and {more} more{f' ({where})' if where else ''}" if more > 0 else ""
    return "; ".join(reasons[:most]) + others


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *now]):
        one, other = before.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{path}{name}.")
        elif one != other or (name in before) != (name in now):
            was = _shown(one) if name in before else ABSENT
            yield Difference(f"{path}{name}", was, _shown(other) if name in now else ABSENT)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
