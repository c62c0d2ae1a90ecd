"""The formats of `svbench check`: terminal, Markdown for the summary of a CI job, JUnit XML.

Failures come first and in full; what passed is counted per metric, with the largest change and the
tolerance. On a terminal these are lines rather than a table, as names of rows and metrics are too
long for the columns of a narrow one.

References
----------
- GitHub Actions, job summaries: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
- JUnit XML as CI servers read it: testsuites > testsuite > testcase > failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.reports.compare.drift import WORDS, Finding, Outcome, Verdict, printed
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
    """Print a verdict on a terminal."""
    parts: list[RenderableType] = []
    lines = Table.grid(padding=(0, 1))
    for finding in verdict.failures:
        lines.add_row(Text("✗", style="red"), Text(_failure(verdict, finding), overflow="fold"))
    for metric, cells, change, allowed in _moves(verdict):
        passed = f"{metric}: {cells} cells within, largest change {change}, allowed {allowed}"
        lines.add_row(Text("✓", style="green"), Text(passed, overflow="fold"))
    for note in verdict.notes:
        lines.add_row(Text("·", style="dim"), Text(note, style="dim", overflow="fold"))
    parts.append(lines)
    parts.append(Text(headline(verdict), style="bold green" if verdict.passes else "bold red"))
    (console or Console()).print(Group(*parts))


def headline(verdict: Verdict) -> str:
    """Return a verdict in one line, with the rows and columns that failed."""
    failed = {finding.outcome for finding in verdict.failures}
    kept = "out of tolerance" if "left" in failed else "not comparable with the golden table"
    return f"{'within tolerance' if verdict.passes else kept}: {verdict.summary}"


def advice(verdict: Verdict) -> str:
    """Return what to do about the failures."""
    failed = {finding.outcome for finding in verdict.failures}
    steps = dict.fromkeys(ADVICE[outcome] for outcome in ADVICE if outcome in failed)
    return "; ".join([*steps, "if it is meant, run again with --update --reason '...'"])


def _failure(verdict: Verdict, finding: Finding) -> str:
    """Return in one line what is wrong with a cell, row or column."""
    *_, golden, now, change, allowed, result = _line(verdict, finding)
    values = [f"golden {golden}"] * bool(golden) + [f"now {now}"] * bool(now)
    moved = [f"change {change}"] * bool(change) + [f"allowed {allowed}"] * bool(allowed)
    return f"{finding.place}: {', '.join([result, *values, *moved])}"


def markdown_verdict(verdict: Verdict, title: str) -> str:
    """Return a verdict as Markdown, for the summary of a CI job."""
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
    """Return a verdict as JUnit XML: a test case per cell, and per row or column that differs."""
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
            line = _xml(str(finding))
            failure = ElementTree.SubElement(case, "failure", message=line, type=finding.outcome)
            failure.text = f"{line}\nallowed: {finding.allowed}" if finding.allowed else line
    if verdict.notes:
        ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(verdict.notes))
    ElementTree.indent(root)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml.decode("utf-8") + "\n"


def _line(verdict: Verdict, finding: Finding) -> list[str]:
    result = [WORDS[finding.outcome]]
    if finding.outcome == "left":
        result.append(verdict.direction(finding))
    if finding.reason:
        result.append(finding.reason)
    return [
        finding.system or "every row",
        finding.metric or "every metric",
        *(printed(finding.golden), printed(finding.now), finding.change, finding.allowed),
        ": ".join(result),
    ]


def _moves(verdict: Verdict) -> Iterator[list[str]]:
    """Yield a line for each metric with cells that passed."""
    passed = [finding for finding in verdict.findings if finding.passes]
    for metric in dict.fromkeys(finding.metric for finding in passed):
        cells = [finding for finding in passed if finding.metric == metric]
        largest = max(cells, key=_gap)
        where = f" ({largest.system})" if _gap(largest) else ""
        yield [metric, str(len(cells)), f"{largest.change}{where}", largest.allowed]


def _gap(finding: Finding) -> float:
    return abs((finding.now or 0.0) - (finding.golden or 0.0))


def _xml(text: str) -> str:
    """Return a text with the characters that XML 1.0 cannot hold replaced."""
    return _NOT_IN_XML.sub("�", text)
