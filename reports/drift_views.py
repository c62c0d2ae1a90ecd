"""What `svbench check` found, for a terminal, for the summary of a CI job, and as JUnit XML.

What failed stands first and in full; what passed is counted, metric by metric, with the largest
move and what was allowed.

References
----------
- GitHub Actions, job summaries: Markdown, as `svbench.reports.markdown` writes it.
- The JUnit XML that CI servers read: testsuites > testsuite > testcase > failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.reports.drift import WORDS, Finding, Verdict
from svbench.reports.markdown import escape, grid

HEADINGS: Final = ("row", "metric", "golden", "now", "change", "allowed", "verdict")
MOVES: Final = ("metric", "cells within", "largest change", "allowed")
NUMBERS: Final = frozenset({"golden", "now", "change", "cells within", "largest change"})
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def show_verdict(verdict: Verdict, console: Console | None = None) -> None:
    """Print what was found."""
    parts: list[RenderableType] = []
    if verdict.failures:
        failed = _grid(HEADINGS, "red")
        for finding in verdict.failures:
            failed.add_row(*map(Text, _line(verdict, finding)))
        parts.append(failed)
    moves = list(_moves(verdict))
    if moves:
        passed = _grid(MOVES, "green")
        for move in moves:
            passed.add_row(*map(Text, move))
        parts.append(passed)
    parts += [Text(f"· {note}", style="dim") for note in verdict.notes]
    parts.append(Text(headline(verdict), style="bold green" if verdict.passes else "bold red"))
    (console or Console()).print(Group(*parts))


def headline(verdict: Verdict) -> str:
    """Say in one line how it came out."""
    return f"{'within' if verdict.passes else 'out of'} tolerance: {verdict.summary}"


def markdown_verdict(verdict: Verdict, title: str) -> str:
    """Give Markdown for the summary of a CI job."""
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
    """Give JUnit XML: a test case for each cell, and for each row or column that differs."""
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


def _grid(headings: Sequence[str], colour: str) -> Table:
    table = Table(header_style=colour)
    for heading in headings:
        justify = "right" if heading in NUMBERS else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


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
    """Give a line for each metric with cells that passed."""
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
