"""What `check` found, as people, CI summaries and CI servers read it."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

from rich.console import Console

from svbench.reports.compare.drift import Verdict, find_drift
from svbench.reports.compare.drift_formats import (
    advice,
    headline,
    junit_verdict,
    markdown_verdict,
    show_verdict,
)
from svbench.reports.compare.golden import Golden, Tolerance
from tests.factories.results import ALIGN, FVD, make_table, with_score

BEST = "cmc-pe-gamma1.5"
GOLDEN = Golden(make_table(), {ALIGN: Tolerance(absolute=0.01), FVD: Tolerance(interval=True)})
PASSED = find_drift(GOLDEN, with_score(make_table(), BEST, ALIGN, value=0.505))


def failed() -> Verdict:
    table = with_score(make_table(), BEST, ALIGN, value=0.25)
    rows = tuple(
        replace(row, settings={"set": "b", "lag": "0.5 s"}) if row.system == "real" else row
        for row in table.rows
    )
    return find_drift(GOLDEN, replace(table, rows=rows))


def printed(verdict: Verdict, **more: object) -> str:
    file = io.StringIO()
    show_verdict(verdict, Console(file=file, width=160, **more))  # type: ignore[arg-type]
    return file.getvalue()


def test_a_terminal_shows_failures_first_then_what_passed_and_the_sum() -> None:
    text = printed(failed())
    row = next(line for line in text.splitlines() if BEST in line)
    for part in ("0.5", "0.25", "-0.25", "±0.01", "beyond tolerance: worse"):
        assert part in row
    assert "judged otherwise: lag was absent, is 0.5 s" in text
    assert text.index(BEST) < text.index("cells within")
    assert text.splitlines()[-1].strip() == (
        f"out of tolerance: 6 the same, 1 beyond tolerance ({BEST}, {ALIGN}), "
        "1 judged otherwise (row real)"
    )


def test_names_stay_whole_on_a_narrow_terminal() -> None:
    for verdict in (failed(), PASSED):
        file = io.StringIO()
        show_verdict(verdict, Console(file=file, width=60))
        lines = file.getvalue().splitlines()
        assert max(map(len, lines)) <= 60
        for finding in verdict.failures:
            assert any(finding.metric in line for line in lines)
            assert any(finding.system in line for line in lines)
        assert any(ALIGN in line for line in lines)


def test_what_cannot_be_compared_is_not_called_out_of_tolerance_and_has_advice() -> None:
    columns = tuple(replace(c, settings={**c.settings, "window": 9}) for c in make_table().columns)
    verdict = find_drift(GOLDEN, make_table(columns=columns))
    assert headline(verdict) == (
        f"not comparable with the golden table: 2 judged otherwise (column {FVD}; column {ALIGN})"
    )
    assert advice(verdict) == (
        "run what was judged otherwise with the settings of the golden table; "
        "if it is meant, run again with --update --reason '...'"
    )
    fewer = find_drift(GOLDEN, make_table(rows=make_table().rows[:1]))
    assert "4 missing (row shuffled; " in headline(fewer)
    assert headline(fewer).endswith("; and 1 more)")
    assert advice(fewer).startswith("run again with the rows and columns of the golden table; if")


def test_a_terminal_shows_how_far_passing_values_moved() -> None:
    text = printed(PASSED)
    row = next(line for line in text.splitlines() if ALIGN in line)
    assert f"+0.005 ({BEST})" in row
    assert "beyond" not in text
    assert headline(PASSED) == "within tolerance: 8 the same, 1 within tolerance"
    assert headline(PASSED) in text


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[" not in printed(failed())
    assert "\x1b[" in printed(failed(), force_terminal=True, color_system="standard")


def test_square_brackets_are_not_taken_for_markup() -> None:
    golden = replace(GOLDEN, results=make_table(dataset="[red]x[/red]"))
    assert "[red]x[/red]" in printed(find_drift(golden, make_table()))


def test_markdown_has_a_verdict_a_table_of_failures_and_folds_the_rest() -> None:
    text = markdown_verdict(failed(), "Greatest_Hits")
    assert text.startswith("### ❌ Greatest\\_Hits: out of tolerance: 6 the same")
    line = next(line for line in text.splitlines() if line.startswith(f"| {BEST}"))
    assert line == (f"| {BEST} | {ALIGN} | 0.5 | 0.25 | -0.25 | ±0.01 | beyond tolerance: worse |")
    assert "<details><summary>what passed</summary>\n\n| metric" in text
    assert markdown_verdict(PASSED, "t").startswith("### ✅ t: within tolerance")
    assert "| row |" not in markdown_verdict(PASSED, "t")


def test_markdown_lists_what_is_only_noted() -> None:
    rows = tuple(replace(r, settings={**r.settings, "torch": "2.9"}) for r in make_table().rows)
    text = markdown_verdict(find_drift(GOLDEN, make_table(rows=rows)), "t")
    assert "- noted only: torch was absent, is 2.9 (rows: real, shuffled" in text


def test_junit_has_a_case_for_every_finding_and_a_failure_for_each_that_failed() -> None:
    root = ElementTree.fromstring(junit_verdict(failed(), "t"))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("8", "2")
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    assert len(cases) == 8
    fault = cases[BEST, ALIGN].find("failure")
    assert fault is not None
    assert fault.get("type") == "left"
    assert fault.get("message") == f"{BEST}, {ALIGN}: beyond tolerance: 0.5 -> 0.25"
    assert "allowed: ±0.01" in str(fault.text)
    assert cases["real", "(every metric)"].find("failure") is not None
    assert cases["shuffled", ALIGN].find("failure") is None


def test_junit_is_utf8_and_holds_nothing_that_xml_cannot() -> None:
    text = junit_verdict(PASSED, "a\x00b <&> γ")
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>")
    suite = ElementTree.fromstring(text.encode()).find("testsuite")
    assert suite is not None
    assert suite.get("name") == "svbench check a�b <&> γ"
    assert suite.find(".//failure") is None
