"""The examples of docs/python.md print what the page says they print."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.goldens.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "python.md"
FENCE = "```"


def examples(text: str) -> doctest.DocTest:
    """Return the examples of a page; a fence ends what an example prints, as a blank line does."""
    lines = ["" if line.startswith(FENCE) else line for line in text.splitlines()]
    page = "\n".join(lines) + "\n"
    return doctest.DocTestParser().get_doctest(page, {}, PAGE.name, str(PAGE), 0)


def test_every_example_of_the_page_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SVBENCH_DATA", raising=False)
    page = examples(PAGE.read_text(encoding="utf-8"))
    blocks = PAGE.read_text(encoding="utf-8").count(f"{FENCE}python\n>>> ")
    assert blocks >= 8
    assert len(page.examples) >= blocks
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    lines: list[str] = []
    assert runner.run(page, out=lines.append).failed == 0, "".join(lines)


def test_an_example_that_prints_something_else_fails() -> None:
    page = examples(f"{FENCE}python\n>>> 1 + 1\n3\n{FENCE}\n")
    assert doctest.DocTestRunner().run(page, out=lambda _: None).failed == 1
