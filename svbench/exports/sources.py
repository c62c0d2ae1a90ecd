"""What is exported: the sets of a run, or of a folder or list, and the real clips beside them.

Of a run, each row with clips is a set (floors have none), as it was judged: clips that the run left
out are left out here, and of a file that is longer the part that was judged is the clip. Its row
`real` is the reference, unless another is given. Several samples of one example are several sets,
as other tools know one clip of each name. A set that changed since it was judged is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from svbench.catalog.gallery import REAL, find_elsewhere
from svbench.datasets.captions import with_captions
from svbench.datasets.manifest import find
from svbench.datasets.scored import load_scored
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.folders import is_run
from svbench.files.media.lengths import TOLERANCE
from svbench.files.results import load_settings, load_table
from svbench.types import ClipSpec, Example, Recording, Row, Sample, SampleSet
from svbench.walk.gallery import find_sets

REFERENCE: Final = "reference"


@dataclass(frozen=True, slots=True)
class ExportClip:
    """A clip that is exported."""

    id: str
    caption: str
    recording: Recording
    digest: str  # of the clip, or of the bytes of its files
    spec: ClipSpec | None = None  # of one in the store of a run: lossless
    seconds: float | None = None  # of a part of a file; None: to its end


@dataclass(frozen=True, slots=True)
class ExportSet:
    """The clips of one system."""

    name: str
    clips: tuple[ExportClip, ...]
    left_out: int = 0  # clips that the run did not judge


@dataclass(frozen=True, slots=True)
class Source:
    """The sets that are exported, and where they come from."""

    sets: tuple[ExportSet, ...]
    reference: ExportSet | None
    record: Mapping[str, Any] = field(default_factory=dict)  # for export.json
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[ExportSet, ...]:
        """Return all sets, the reference last."""
        return self.sets if self.reference is None else (*self.sets, self.reference)


def find_source(
    place: Path,
    engine: Engine,
    *,
    reference: Path | None = None,
    reference_clips: Path | None = None,
    captions: Path | None = None,
    systems: Sequence[str] = (),
) -> Source:
    """Return what a run folder, a folder of clips or a list holds.

    Parameters
    ----------
    place : Path
        run folder, or folder or list of clips
    engine : Engine
        digests the files of recorded clips
    reference : Path, optional
        folder or list of real clips (Default value = the row `real` of a run, else none)
    reference_clips : Path, optional
        folder of the clips that `reference` lists
    captions : Path, optional
        list of captions, of every generated clip
    systems : sequence of str
        rows or sets to export (Default value = (): all)

    Raises
    ------
    ConfigError
        where a system is unknown
    DataError
        where clips cannot be read, or are not those that a run judged
    """
    if reference_clips is not None and reference is None:
        raise ConfigError(
            "--reference-clips: found it where it has no effect, expected it beside --reference"
        )
    if is_run(place):
        found = _of_run(place, engine, reference, reference_clips, captions)
    else:
        found = _of_folder(place, engine, reference, reference_clips, captions)
    return _chosen(found, systems, place)


def check_apart(out: Path, *places: Path | None) -> None:
    """Raise ConfigError where an export would be written among the clips that it reads."""
    real = Path(os.path.realpath(out))
    for place in places:
        if place is not None and real.is_relative_to(os.path.realpath(place)):
            raise ConfigError(
                f"OUT {out}: found it inside {place}, whose clips are exported, expected a folder "
                "apart from it"
            )


def _chosen(found: Source, systems: Sequence[str], place: Path) -> Source:
    """Return a source with some of its sets, those of all repeats of a system."""
    names = [one.name.partition(REPEAT)[0] for one in found.sets]
    if strange := [name for name in systems if name not in names]:
        raise ConfigError(
            f"--systems: found {strange[0]!r:.80}, expected some of {', '.join(names)}"
        )
    sets = tuple(s for s, n in zip(found.sets, names, strict=True) if not systems or n in systems)
    if not sets:
        raise DataError(f"{place}: found no clips of a system in it, expected some to export")
    return Source(sets, found.reference, found.record, found.notes)


# --- a folder or list --------------------------------------------------------------------------


def _of_folder(
    place: Path,
    engine: Engine,
    reference: Path | None,
    reference_clips: Path | None,
    captions: Path | None,
) -> Source:
    if reference is None:
        of_folder = find(place, captions)
        sets, real, notes = of_folder.sets, None, of_folder.notes
    else:
        scored = load_scored([place], reference, captions, reference_clips=reference_clips)
        sets, real, notes = scored.folders, scored.real, scored.notes
    made = _digested(sets, engine)
    digested = _digested({REFERENCE: real}, engine)[0] if real is not None else None
    record = {"clips": str(place), REFERENCE: None if reference is None else str(reference)}
    return Source(tuple(made), digested, record, notes)


def _digested(sets: Mapping[str, Sequence[Example]], engine: Engine) -> list[ExportSet]:
    """Return recorded clips with the digests of their files; raise DataError for all that fail."""

    def digest(example: Example) -> tuple[str, str]:
        try:
            media.check(example.recording)
            return media.fingerprint(example.recording, "export"), ""
        except DataError as error:
            return "", str(error)

    found, problems = [], list[str]()
    for name, examples in sets.items():
        digests = list(engine.map(digest, examples))
        problems += [problem for _, problem in digests if problem]
        pairs = zip(examples, digests, strict=True)
        clips = (ExportClip(e.id, e.caption, e.recording, digest) for e, (digest, _) in pairs)
        found.append(ExportSet(name, tuple(clips)))
    if problems:
        raise DataError.of([*problems, f"{len(problems)} clips cannot be exported; mend them"])
    return found


# --- a run -------------------------------------------------------------------------------------

REPEAT: Final = "-repeat"  # in the names of sets of several samples per example


def _of_run(
    run: Path,
    engine: Engine,
    reference: Path | None,
    reference_clips: Path | None,
    captions: Path | None,
) -> Source:
    table, settings = load_table(run), load_settings(run)
    sets = find_sets(run, table, engine, find_elsewhere(run))
    rows = {row.system: row for row in table.rows}
    found = {name: _repeats(one, rows[name], table.spec) for name, one in sets.items()}
    real = None
    if reference is not None:
        _, examples = find(reference, clips=reference_clips).only(f"--reference {reference}")
        (real,) = _digested({REFERENCE: examples}, engine)
    elif REAL in found:
        (one,) = found.pop(REAL)
        real = ExportSet(REFERENCE, one.clips, one.left_out)
    made = [one for several in found.values() for one in several]
    if captions is not None:
        made = [_captioned(one, captions) for one in made]
    kept = ("command", "config", "versions")
    record = {
        "run": str(run),
        REFERENCE: None if reference is None else str(reference),
        "settings": {key: settings[key] for key in kept if key in settings},
    }
    return Source(tuple(made), real, record)


def _captioned(one: ExportSet, captions: Path) -> ExportSet:
    """Return a set with the captions of a list; raise DataError for a clip without one."""
    examples = tuple(Example(c.id, c.caption, c.recording) for c in one.clips)
    found = with_captions({one.name: examples}, captions)[one.name]
    pairs = zip(one.clips, found, strict=True)
    return replace(one, clips=tuple(replace(c, caption=e.caption) for c, e in pairs))


def _repeats(samples: SampleSet, row: Row, spec: ClipSpec) -> list[ExportSet]:
    """Return the judged clips of a row, a set for each repeat."""
    judged = [s for s in samples.samples if s.request_id not in row.left_out]
    by_repeat: dict[str, list[Sample]] = {}
    for sample in judged:
        by_repeat.setdefault(sample.request_id.rpartition("/")[2], []).append(sample)
    several = len(by_repeat) > 1
    left_out = len(samples.samples) - len(judged)
    return [
        ExportSet(
            f"{row.system}{REPEAT}{number}" if several else row.system,
            tuple(_clip(sample, samples, spec) for sample in of),
            left_out,
        )
        for number, of in by_repeat.items()
    ]


def _clip(sample: Sample, samples: SampleSet, spec: ClipSpec) -> ExportClip:
    part = not samples.stored and _is_part(sample.recording, spec)
    return ExportClip(
        sample.example,
        sample.caption,
        sample.recording,
        sample.digest,
        spec if samples.stored else None,
        spec.duration if part else None,
    )


def _is_part(recording: Recording, spec: ClipSpec) -> bool:
    """Return whether a file holds more than the clip that was judged."""
    return recording.start > 0 or media.duration(recording.path) - spec.duration > TOLERANCE
