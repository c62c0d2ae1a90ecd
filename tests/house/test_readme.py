"""The README's commands are a promise: what it prints is what CI runs and the program knows."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from svbench.cli.app import app
from tests.goldens.places import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python3\.11 .*$", README, re.MULTILINE)


def test_ci_runs_the_second_command_as_it_stands() -> None:
    first, second = COMMANDS
    assert "svbench run --dataset greatesthits" in first
    lines = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert second in lines


def test_every_command_and_flag_in_the_readme_exists() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    names = (
        "run|score|report|check|compare|clip-figure|train|sweep-gamma|loss-over-time|doctor|"
        "caption|tune-avalign|data (?:check|prepare|export)|systems (?:list|show|check)|"
        "weights (?:list|fetch|import|random)|list (?:metrics|systems|datasets|protocols)"
    )
    command = rf"svbench ((?:{names})\b[^\n#]*)"
    calls = re.findall(command, "\n".join(blocks))
    assert calls
    for call in calls:
        words = call.split()
        asked = words[: 2 if words[0] in ("weights", "list", "data", "systems") else 1]
        known = CliRunner().invoke(app, [*asked, "--help"], env={"COLUMNS": "300"}).output
        for flag in re.findall(r"--[a-z-]+", re.sub('".*?"', "", call)):  # words of another command
            assert flag in known, f"svbench {call}"
