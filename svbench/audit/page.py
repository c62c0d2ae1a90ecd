"""The page of an audit: one HTML file with small pictures, which needs no other file or network.

It shows the first clips of each kind of finding, and a few without any. Texts of the data set are
escaped by Jinja2, so that a caption is never taken for markup.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from svbench.audit.audit import Report
from svbench.audit.kinds import KINDS, Finding
from svbench.audit.writing import CSV, JSON, PAGE, place_of
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.media.content import thumbnails
from svbench.files.text import shown
from svbench.files.writing import write_text
from svbench.pace import Progress, silent
from svbench.types import Example

TEMPLATE: Final = "page.html.j2"
SHOWN: Final = 6  # clips of each kind, and without findings
SIZE: Final = (72, 96)  # (height, width) of a small picture, px
MOMENTS: Final = (0.05, 0.5, 0.9)  # of a clip's duration: where its pictures are from
LONGEST: Final = 200  # characters of a caption

Key = tuple[str, str]  # split and id of a clip


@dataclass(frozen=True, slots=True)
class Card:
    """A finding or a clip as the page shows it."""

    clip: str
    split: str
    file: str
    caption: str
    text: str
    pictures: tuple[str, ...]  # as data URIs


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of findings as the page shows it."""

    kind: str
    severity: str
    about: str
    count: int
    cards: tuple[Card, ...]


def write_page(report: Report, out: Path, engine: Engine, progress: Progress = silent) -> None:
    """Write the page of an audit, with pictures of the clips that it shows."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = report.by_kind()
    clean = list(_clean(report))
    keys = [(f.split, f.clip) for of in found.values() for f in of[:SHOWN]] + clean
    pictures = _pictures(report, list(dict.fromkeys(keys)), engine, progress)
    environment = Environment(
        loader=FileSystemLoader(str(files("svbench.audit") / "files")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(TEMPLATE).render(
        report=report,
        faults=report.count("fault"),
        notes=report.count("note"),
        sections=[_section(report, kind, of, pictures) for kind, of in found.items()],
        clean=[_card(report, key, "", None, pictures) for key in clean],
        csv=CSV,
        json=JSON,
    )
    write_text(out / PAGE, text)


def _clean(report: Report) -> Iterator[Key]:
    """Yield a few clips without findings."""
    bad = {(finding.split, finding.clip) for finding in report.findings}
    clips = ((split, name) for split, of in report.clips.items() for name in of)
    good = (key for key in clips if key not in bad)
    yield from (key for _, key in zip(range(SHOWN), good, strict=False))


def _section(
    report: Report, kind: str, found: Sequence[Finding], pictures: Mapping[Key, tuple[str, ...]]
) -> Section:
    cards = (
        _card(
            report, (f.split, f.clip), f"found {f.found}, expected {f.expected}", f.file, pictures
        )
        for f in found[:SHOWN]
    )
    return Section(kind, KINDS[kind].severity, KINDS[kind].about, len(found), tuple(cards))


def _card(
    report: Report, key: Key, text: str, file: Path | None, pictures: Mapping[Key, tuple[str, ...]]
) -> Card:
    split, name = key
    example = report.clips.get(split, {}).get(name)
    path = file or (None if example is None else example.recording.path)
    return Card(
        clip=shown(name, LONGEST),
        split=split,
        file="" if path is None else place_of(path, report.subject.root),
        caption="" if example is None else shown(example.caption, LONGEST),
        text=shown(text, LONGEST),
        pictures=pictures.get(key, ()),
    )


def _pictures(
    report: Report, keys: Sequence[Key], engine: Engine, progress: Progress
) -> dict[Key, tuple[str, ...]]:
    """Return the pictures of clips that are there, as data URIs; none where decoding fails."""
    clips = [(key, report.clips[key[0]][key[1]]) for key in keys if _is_there(report, key)]
    duration = report.subject.spec.duration

    def made(clip: tuple[Key, Example]) -> tuple[str, ...]:
        recording = clip[1].recording
        times = [recording.start + moment * duration for moment in MOMENTS]
        try:
            found = thumbnails(recording.path, times, SIZE)
        except DataError:  # which the finding says
            return ()
        return tuple(
            f"data:image/jpeg;base64,{base64.b64encode(one).decode('ascii')}" for one in found
        )

    with progress("make small pictures", len(clips)) as advance:
        pictures: dict[Key, tuple[str, ...]] = {}
        for (key, _), one in zip(clips, engine.map(made, clips), strict=True):
            pictures[key] = one
            advance(1)
    return pictures


def _is_there(report: Report, key: Key) -> bool:
    return key[1] in report.clips.get(key[0], {})
