"""Commands of README and docs are a promise: CI runs the first, and the program knows them all."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from svbench.cli.app import app
from tests.goldens.places import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
COMMANDS = re.findall(r"^python3\.11 .*$", README, re.MULTILINE)


def test_ci_runs_the_second_command_as_it_stands() -> None:
    first, second = COMMANDS
    assert "svbench run --dataset greatesthits" in first
    lines = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert second in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_is_one_that_the_program_takes(page: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    for call in re.findall(r"^(?:\S*/)?svbench ([a-z-]+\b[^\n|]*)", text, re.MULTILINE):
        words = shlex.split(call, comments=True)
        if "..." in words:  # what stands for more
            continue
        parse(words)


@pytest.mark.parametrize("words", ["score", "score mine --no-such", "sco"])
def test_what_the_program_does_not_take_is_found(words: str) -> None:
    with pytest.raises(Exception, match=r"generated|no-such|sco"):
        parse(words.split())


def parse(words: list[str]) -> None:
    """Parse the words of a command, and run nothing; raise what the program would refuse with."""
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)
