"""What a planned run costs: clips, features, gigabytes and hours, each with what it rests on.

No figure is made up. A size is that of clips of the same run folder, or measured here, or else a
stated bound; a time is that of clips of the same run folder, or measured here, or else "not
measured". Times of a folder are wall time, with the workers and the device of then.

The bound of a clip is a quarter more than its frames take uncompressed: FFV1 makes random noise
11 % larger (of 256 x 256 pixels; 15 % of 64 x 64), and nothing that a camera or a model makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from svbench.doctor.clips import Row, Survey
from svbench.doctor.findings import Finding, gigabytes
from svbench.doctor.places import written
from svbench.pace import duration
from svbench.types import ClipSpec

SUBJECT: Final = "plan"
MEASURE: Final = "add --measure, or begin the run: what it has made shows how fast it is"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured here, of one clip each.

    Parameters
    ----------
    seconds : mapping
        to make a clip, by row
    extraction : float, optional
        seconds to extract all features of a clip
    sizes : mapping
        bytes of a stored clip, by row
    peak : mapping
        bytes of memory at most, by "process" or device
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    extraction: float | None = None
    sizes: Mapping[str, float] = field(default_factory=dict)
    peak: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over clips; `known` is of those whose part is known, `unknown` counts the others."""

    known: float
    unknown: int
    bounded: bool = False  # some parts are upper bounds


def most_bytes(spec: ClipSpec) -> float:
    """Return an upper bound of a stored clip's bytes; see the module."""
    height, width = spec.size
    frames, samples = spec.frames, spec.frames / spec.fps * spec.sample_rate
    return 1.25 * frames * height * width * 3 + 3.2 * samples + 512 * frames + 4096


def estimate(survey: Survey, measured: Measured | None = None) -> list[Finding]:
    """Return what a run costs, and whether its disk is large enough."""
    found = measured or Measured()
    disk = size_left(survey, found)
    return [
        _rows(survey.rows),
        _clips(survey),
        _features(survey),
        _disk(survey, disk),
        _hours(survey, found),
    ]


def size_left(survey: Survey, measured: Measured) -> Amount:
    """Return the bytes of the clips that are to be made."""
    bound, total, bounded = most_bytes(survey.spec), 0.0, False
    largest = max((row.size for row in survey.rows if row.size is not None), default=None)
    for row in survey.rows:
        size = row.size or measured.sizes.get(row.name)
        size = size or _of_alike(row, survey.rows, "size") or largest
        total += row.to_make * (size or bound)
        bounded |= size is None and row.to_make > 0
    return Amount(total, 0, bounded)


def seconds_left(survey: Survey, measured: Measured) -> Amount:
    """Return the seconds for the clips that are to be made."""
    total, unknown = 0.0, 0
    for row in survey.rows:
        seconds = row.seconds or measured.seconds.get(row.name)
        seconds = seconds or _of_alike(row, survey.rows, "seconds")
        if seconds is None:
            unknown += row.to_make
        else:
            total += row.to_make * seconds
    return Amount(total, unknown)


def _of_alike(row: Row, rows: Sequence[Row], what: str) -> float | None:
    """Return the mean of the rows that are made alike: of equal settings, but gamma."""
    alike = [getattr(other, what) for other in rows if work_of(other) == work_of(row)]
    known = [value for value in alike if value is not None]
    return sum(known) / len(known) if known and row.settings else None


def work_of(row: Row) -> Mapping[str, object]:
    """Return the settings that decide how long a clip of a row takes: all but gamma."""
    return {name: value for name, value in row.settings.items() if name != "gamma"}


def _rows(rows: Sequence[Row]) -> Finding:
    names = [row.name for row in rows]
    facts = {"rows": [{"name": r.name, "clips": r.clips, "to_make": r.to_make} for r in rows]}
    return Finding(SUBJECT, "rows", "ok", f"{len(names)}: {', '.join(names)}", facts=facts)


def _clips(survey: Survey) -> Finding:
    made = [row for row in survey.rows if not row.made_elsewhere]
    wanted, left = sum(row.clips for row in made), sum(row.to_make for row in made)
    judged = sum(row.clips for row in survey.rows)
    facts = {"clips": judged, "to_make": left, "there": wanted - left}
    if not made:
        return Finding(SUBJECT, "clips", "ok", f"{judged}, none to make", facts=facts)
    text = f"{wanted}: {wanted - left} there already, {left} to make"
    return Finding(SUBJECT, "clips", "ok", text, facts=facts)


def _features(survey: Survey) -> Finding:
    found, names = survey.features, len(survey.keys)
    left = found.needed - found.there
    facts = {
        "clips": found.clips,
        "clips_left": found.clips_left,
        "features": found.needed,
        "there": found.there,
        "extractors": list(survey.keys),
    }
    text = (
        f"{found.needed} of {found.clips} clips by {names} extractors: {found.there} there "
        f"already, {left} to extract from {found.clips_left} clips"
    )
    return Finding(SUBJECT, "features", "ok", text, facts=facts)


def _disk(survey: Survey, amount: Amount) -> Finding:
    """Return the bytes of clips that are to be written, and whether the disk has room for them."""
    place = written("--out", survey.planned.folder, "name a folder on a larger disk by --out")
    free = place.facts.get("free")
    at_most = "at most " if amount.bounded else ""
    basis = "a bound, by uncompressed frames" if amount.bounded else "by measured clips"
    clips = f"{at_most}{gigabytes(amount.known)} of clips ({basis})" if amount.known else "no clips"
    text = f"{clips} and features to write"
    facts = {"bytes": amount.known, "bound": amount.bounded, "free": free}
    if free is None:
        return Finding(SUBJECT, "disk", "missing", place.found, place.mend, facts)
    text += f", {gigabytes(free)} free"
    if place.state == "missing":  # locks or renames fail there, which every run needs
        problems = "; ".join(place.facts["problems"])
        return Finding(SUBJECT, "disk", "missing", f"{text}; {problems}", place.mend, facts)
    if amount.known > free and not amount.bounded:
        return Finding(SUBJECT, "disk", "missing", text, place.mend, facts)
    if amount.known > free:
        mend = f"{MEASURE}, for a measured size; or {place.mend}"
        return Finding(SUBJECT, "disk", "note", text, mend, facts)
    return Finding(SUBJECT, "disk", "ok", text, facts=facts)


def _hours(survey: Survey, measured: Measured) -> Finding:
    """Return the time that is left, by measured clips; never a made-up number."""
    making, features = seconds_left(survey, measured), survey.features
    each = survey.seconds_measured or measured.extraction
    extraction = 0.0 if not features.clips_left else each and each * features.clips_left
    unknown = [f"{making.unknown} clips to make"] if making.unknown else []
    unknown += [f"{features.clips_left} clips to extract from"] if extraction is None else []
    facts = {
        "making": None if making.unknown else making.known,
        "extraction": extraction,
        "seconds": None if unknown else making.known + (extraction or 0.0),
        "seconds_per_extraction": each,
    }
    if unknown:
        text = f"not measured: {' and '.join(unknown)}"
        return Finding(SUBJECT, "time", "note", text, MEASURE, facts)
    total = making.known + (extraction or 0.0)
    parts = f"{_words(making.known)} to make clips, {_words(extraction or 0.0)} to extract"
    basis = "measured here" if measured.seconds or measured.extraction else "as earlier clips"
    return Finding(SUBJECT, "time", "ok", f"{_words(total)}: {parts} ({basis})", facts=facts)


def _words(seconds: float) -> str:
    return duration(seconds) if seconds else "none"
