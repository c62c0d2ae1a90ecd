"""The files of an audit: `audit.csv`, a row for each finding; `audit.json`, the summary.

Paths are relative to the data folder where they lie in it. Neither file holds times, so equal data
give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from svbench.audit.audit import INDEX, Report
from svbench.audit.kinds import KINDS, Finding
from svbench.files.media.libraries import library_versions
from svbench.files.text import csv_text, shown
from svbench.files.writing import write_text

CSV, JSON, PAGE = "audit.csv", "audit.json", "index.html"
WRITTEN: Final = (JSON, CSV, PAGE, INDEX)
COLUMNS: Final = ("kind", "severity", "split", "clip", "file", "found", "expected")
SCHEMA: Final = 1  # increased when readers of the old form would misread the new one
LONGEST: Final = 500  # characters of a field
VERSIONS: Final = ("svbench", "av", "numpy")


def place_of(file: Path, root: Path) -> str:
    """Return a file as it is shown: from the data folder on, if it lies in it."""
    inside = file.relative_to(root) if file.is_relative_to(root) else file
    return shown(inside.as_posix(), LONGEST)


def write(report: Report, out: Path) -> None:
    """Write the table of findings, and the summary last."""
    rows = _rows(report)
    write_text(out / CSV, csv_text([COLUMNS, *rows]))
    summary = json.dumps(_summary(report), indent=2, ensure_ascii=False)
    write_text(out / JSON, summary + "\n")


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    for finding in report.findings:
        yield _row(finding, report.subject.root)


def _row(finding: Finding, root: Path) -> tuple[str, ...]:
    texts = (finding.clip, place_of(finding.file, root), finding.found, finding.expected)
    return (
        finding.kind,
        finding.severity,
        finding.split,
        *(shown(text, LONGEST) for text in texts),
    )


def _summary(report: Report) -> dict[str, Any]:
    subject = report.subject
    found = report.by_kind()
    return {
        "schema": SCHEMA,
        "dataset": subject.name,
        "title": subject.title,
        "settings": {"decode": subject.decode, "clip format": str(subject.spec)},
        "splits": {one.split: _split(asdict(one)) for one in report.splits},
        "captions": f"tokens {report.counting}",
        "faults": report.count("fault"),
        "notes": report.count("note"),
        "findings": {
            kind: {"severity": KINDS[kind].severity, "count": len(of), "about": KINDS[kind].about}
            for kind, of in found.items()
        },
        "versions": {**{name: version(name) for name in VERSIONS}, **library_versions()},
    }


def _split(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "split"}
