"""The audit of a data set: surveys of its splits -> examined files -> findings -> a report.

Every clip that a list names is looked at, not only those that a run would judge, and every file of
the folder is accounted for. Nothing is written below the data folder. The report does not depend on
workers, on what was kept of a former audit, or on where the data folder lies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

from svbench.audit import captions, sets
from svbench.audit.clips import Examined, late_hits, odd, of_clip, of_file
from svbench.audit.examine import Task, examine_all
from svbench.audit.kinds import KINDS, Finding
from svbench.datasets.survey import Survey
from svbench.engines.protocol import Engine
from svbench.files.folders import list_files
from svbench.files.known_files import KnownFiles
from svbench.files.results import RequestIdentity
from svbench.pace import Progress, silent
from svbench.types import ClipSpec, Example
from svbench.walk.requests import identify_requests, identity_of

INDEX: Final = "known-files.json"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked.

    Parameters
    ----------
    name, title : str
        of the data set
    root : Path
        its folder
    spec : ClipSpec
        the format in which its clips are judged
    surveys : sequence of Survey
        the splits that are checked, in order
    others : sequence of Survey
        further splits and lists of the folder, whose files are no strangers
    selections : mapping
        split -> which clips are meant, for the record
    recording_of : callable
        id of a clip -> that of the recording that it was cut from
    decode : bool
        whether clips are decoded
    """

    name: str
    title: str
    root: Path
    spec: ClipSpec
    surveys: Sequence[Survey]
    others: Sequence[Survey] = ()
    selections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recording_of: Callable[[str], str] = str
    decode: bool = False


@dataclass(frozen=True, slots=True)
class SplitReport:
    """A split in numbers."""

    split: str
    listed: int
    there: int
    usable: int
    identity: Mapping[str, Any]  # of the usable clips, as in the record of a run
    captions: captions.Captions


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an audit."""

    subject: Subject
    splits: tuple[SplitReport, ...]
    findings: tuple[Finding, ...]  # by split, then in the order of the kinds
    clips: Mapping[str, Mapping[str, Example]]  # by split and id, those that are there
    counting: str  # how tokens of captions were counted

    def count(self, severity: str) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def by_kind(self) -> dict[str, list[Finding]]:
        """Return the findings of each kind that there are, in the order of the kinds."""
        found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
        for finding in self.findings:
            found[finding.kind].append(finding)
        return {kind: of for kind, of in found.items() if of}


def audit(subject: Subject, out: Path, engine: Engine, progress: Progress = silent) -> Report:
    """Check a data set; what is read of its files is kept in the folder `out`.

    Raises DataError where the data folder cannot be listed.
    """
    index = out / INDEX
    known = KnownFiles.load(index)
    files = list_files(subject.root, out).files
    clips = _examined(subject, engine, known, index, progress)
    requests = {
        survey.split: identify_requests(_usable(clips[survey.split]), engine, known)
        for survey in subject.surveys
    }
    known.save(index)
    counting = captions.Counting()
    found = list(_findings(subject, clips, requests, counting, files))
    order = {kind: number for number, kind in enumerate(KINDS)}
    places = {survey.split: number for number, survey in enumerate(subject.surveys)}
    found.sort(key=lambda f: (places.get(f.split, len(places)), order[f.kind]))  # stable
    return Report(
        subject=subject,
        splits=tuple(_split(subject, s, clips, requests, counting) for s in subject.surveys),
        findings=tuple(found),
        clips={split: {c.example.id: c.example for c in of} for split, of in clips.items()},
        counting=counting.about,
    )


def _split(
    subject: Subject,
    survey: Survey,
    clips: Mapping[str, Sequence[Examined]],
    requests: Mapping[str, Mapping[str, RequestIdentity]],
    counting: captions.Counting,
) -> SplitReport:
    named = requests[survey.split]
    return SplitReport(
        split=survey.split,
        listed=len(survey.examples),
        there=len(clips[survey.split]),
        usable=len(named),
        identity=identity_of(named, subject.selections.get(survey.split, {})),
        captions=captions.summarise(survey.examples, counting),
    )


def _usable(clips: Sequence[Examined]) -> list[Example]:
    return [clip.example for clip in clips if clip.is_usable]


def _examined(
    subject: Subject, engine: Engine, known: KnownFiles, index: Path, progress: Progress
) -> dict[str, list[Examined]]:
    """Return the clips that are there, by split, with what was read of their files."""
    there = {s.split: [e for e in s.examples if _is_there(e)] for s in subject.surveys}
    spans: dict[tuple[Path, Path | None], dict[tuple[float, float], None]] = {}
    for example in chain.from_iterable(there.values()):
        spans.setdefault(_place(example), {})[_span(example, subject.spec)] = None
    tasks = {
        place: Task(place[0], place[1], tuple(of), subject.decode) for place, of in spans.items()
    }
    label = "decode files" if subject.decode else "read headers"
    with progress(label, len(tasks)) as advance:
        facts = examine_all(list(tasks.values()), engine, known, index, advance)

    idle = frozenset[str]().union(*(survey.idle for survey in subject.surveys))

    def examined(split: str, example: Example) -> Examined:
        task = tasks[_place(example)]
        number = task.clips.index(_span(example, subject.spec))
        return Examined(split, example, task, facts[task], number, example.id in idle)

    return {split: [examined(split, e) for e in of] for split, of in there.items()}


def _is_there(example: Example) -> bool:
    return _absent(example) is None


def _absent(example: Example) -> Path | None:
    """Return the first file of a clip that is not there, or cannot be reached; None without one."""
    files = (file for file in _place(example) if file is not None)
    found = (f for f in files if not os.path.exists(f))  # noqa: PTH110 (which may raise)
    return next(found, None)


def _place(example: Example) -> tuple[Path, Path | None]:
    return example.recording.path, example.recording.sound


def _span(example: Example, spec: ClipSpec) -> tuple[float, float]:
    start = float(example.recording.start)
    return start, start + spec.duration


def _findings(
    subject: Subject,
    clips: Mapping[str, Sequence[Examined]],
    requests: Mapping[str, Mapping[str, RequestIdentity]],
    counting: captions.Counting,
    files: Sequence[Path],
) -> Iterator[Finding]:
    of_files = _one_per_file(chain.from_iterable(clips[s.split] for s in subject.surveys))
    yield from odd(of_files)
    for clip in of_files:
        yield from of_file(clip)
    yield from _listed(subject.surveys)
    for survey in subject.surveys:
        split = survey.split
        yield from _missing(survey)
        yield from chain.from_iterable(map(of_clip, clips[split]))
        yield from sets.duplicates(clips[split], requests[split])
        yield from late_hits([c for c in of_files if c.split == split], survey.hits)
        yield from captions.check(survey, counting)
    misplaced = {
        (survey.split, problem.clip)
        for survey in subject.surveys
        for problem in survey.problems
        if problem.kind == "wrong-split"
    }  # by their lists: that the other split has their recording is the same fault
    of_sets = sets.contaminated(subject.surveys, clips, requests, subject.recording_of)
    yield from (f for f in of_sets if (f.split, f.clip) not in misplaced)
    for file in sets.unlisted(files, (*subject.surveys, *subject.others)):
        yield Finding("unlisted", "", "", file, "a file", "a clip of a list")


def _listed(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """Yield what is wrong in lists; a line of a list of several splits once."""
    known: set[tuple[str, Path, str]] = set()
    for survey in surveys:
        for problem in survey.problems:
            place = (problem.clip, problem.file, problem.found)
            if place not in known:
                yield Finding(problem.kind, survey.split, *place, problem.expected)
            known.add(place)


def _one_per_file(clips: Iterator[Examined]) -> list[Examined]:
    """Return the first clip of each file."""
    first: dict[Task, Examined] = {}
    for clip in clips:
        first.setdefault(clip.task, clip)
    return list(first.values())


def _missing(survey: Survey) -> Iterator[Finding]:
    for example in survey.examples:
        if (path := _absent(example)) is not None:
            yield Finding("missing", survey.split, example.id, path, "nothing there", "a clip")
