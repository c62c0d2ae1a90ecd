"""What `svbench check` found, for a terminal, for the summary of a CI job, and as JUnit XML.

What failed stands first and in full; what passed is counted, metric by metric, with the largest
move and what was allowed. A terminal shows lines and no table: names of rows and metrics are longer
than a narrow one has room for, and none is broken.

References
----------
- GitHub Actions, job summaries: Markdown, as `svbench.reports.tables.markdown` writes it.
- The JUnit XML that CI servers read: testsuites > testsuite > testcase > failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.reports.compare.drift import WORDS, Finding, Outcome, Verdict
from svbench.reports.tables.markdown import escape, grid

HEADINGS: Final = ("row", "metric", "golden", "now", "change", "allowed", "verdict")
MOVES: Final = ("metric", "cells within", "largest change", "allowed")
NUMBERS: Final = frozenset({"golden", "now", "change", "cells within", "largest change"})
ADVICE: Final[Mapping[Outcome, str]] = {
    "left": "look for what moved the values",
    "unlike": "run what was judged otherwise with the settings of the golden table",
    "missing": "run again with the rows and columns of the golden table",
    "added": "run again with the rows and columns of the golden table",
}
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def show_verdict(verdict: Verdict, console: Console | None = None) -> None:
    """Print what was found."""
    parts: list[RenderableType] = []
    lines = Table.grid(padding=(0, 1))
    for finding in verdict.failures:
        lines.add_row(Text("✗", style="red"), Text(_failure(verdict, finding), overflow="fold"))
    for metric, cells, change, allowed in _moves(verdict):
        said = f"{metric}: {cells} cells within, largest change {change}, allowed {allowed}"
        lines.add_row(Text("✓", style="green"), Text(said, overflow="fold"))
    for note in verdict.notes:
        lines.add_row(Text("·", style="dim"), Text(note, style="dim", overflow="fold"))
    parts.append(lines)
    parts.append(Text(headline(verdict), style="bold green" if verdict.passes else "bold red"))
    (console or Console()).print(Group(*parts))


def headline(verdict: Verdict) -> str:
    """Return in one line how it came out, and which rows and columns failed."""
    failed = {finding.outcome for finding in verdict.failures}
    kept = "out of tolerance" if "left" in failed else "not comparable with the golden table"
    return f"{'within tolerance' if verdict.passes else kept}: {verdict.summary}"


def advice(verdict: Verdict) -> str:
    """Return what to do about what failed."""
    failed = {finding.outcome for finding in verdict.failures}
    said = dict.fromkeys(ADVICE[outcome] for outcome in ADVICE if outcome in failed)
    return "; ".join([*said, "if it is meant, run again with --update --reason '...'"])


def _failure(verdict: Verdict, finding: Finding) -> str:
    """Return what is wrong in one cell, row or column."""
    *_, golden, now, change, allowed, said = _line(verdict, finding)
    values = [f"golden {golden}"] * bool(golden) + [f"now {now}"] * bool(now)
    moved = [f"change {change}"] * bool(change) + [f"allowed {allowed}"] * bool(allowed)
    return f"{finding.place}: {', '.join([said, *values, *moved])}"


def markdown_verdict(verdict: Verdict, title: str) -> str:
    """Return Markdown for the summary of a CI job."""
    sign = "✅" if verdict.passes else "❌"
    text = f"### {sign} {escape(title)}: {escape(headline(verdict))}\n\n"
    if verdict.failures:
        lines = [list(map(escape, _line(verdict, finding))) for finding in verdict.failures]
        text += grid(HEADINGS, lines, NUMBERS) + "\n"
    moves = [list(map(escape, move)) for move in _moves(verdict)]
    if moves:
        passed = grid(MOVES, moves, NUMBERS)
        text += f"<details><summary>what passed</summary>\n\n{passed}\n</details>\n\n"
    return text + "".join(f"- {escape(note)}\n" for note in verdict.notes)


def junit_verdict(verdict: Verdict, title: str) -> str:
    """Return JUnit XML: a test case for each cell, and for each row or column that differs."""
    count, failures = str(len(verdict.findings)), str(len(verdict.failures))
    root = ElementTree.Element("testsuites", tests=count, failures=failures)
    suite = ElementTree.SubElement(
        root, "testsuite", name=_xml(f"svbench check {title}"), tests=count, failures=failures
    )
    for finding in verdict.findings:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_xml(finding.system or "(every row)"),
            name=_xml(finding.metric or "(every metric)"),
        )
        if not finding.passes:
            said = _xml(str(finding))
            failure = ElementTree.SubElement(case, "failure", message=said, type=finding.outcome)
            failure.text = f"{said}\nallowed: {finding.allowed}" if finding.allowed else said
    if verdict.notes:
        ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(verdict.notes))
    ElementTree.indent(root)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml.decode("utf-8") + "\n"


def _line(verdict: Verdict, finding: Finding) -> list[str]:
    said = [WORDS[finding.outcome]]
    if finding.outcome == "left":
        said.append(verdict.direction(finding))
    if finding.reason:
        said.append(finding.reason)
    return [
        finding.system or "every row",
        finding.metric or "every metric",
        *(_number(finding.golden), _number(finding.now), finding.change, finding.allowed),
        ": ".join(said),
    ]


def _moves(verdict: Verdict) -> Iterator[list[str]]:
    """Return a line for each metric with cells that passed."""
    passed = [finding for finding in verdict.findings if finding.passes]
    for metric in dict.fromkeys(finding.metric for finding in passed):
        cells = [finding for finding in passed if finding.metric == metric]
        largest = max(cells, key=_gap)
        where = f" ({largest.system})" if _gap(largest) else ""
        yield [metric, str(len(cells)), f"{largest.change}{where}", largest.allowed]


def _gap(finding: Finding) -> float:
    return abs((finding.now or 0.0) - (finding.golden or 0.0))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _xml(text: str) -> str:
    """Take out what XML 1.0 cannot hold in any form."""
    return _NOT_IN_XML.sub("�", text)
