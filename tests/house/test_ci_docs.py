"""The workflow in docs/ci.md is one that runs: YAML, and commands and flags that exist."""

from __future__ import annotations

import re

import pytest
import yaml
from typer.testing import CliRunner

from svbench.cli.app import app
from tests.goldens.places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = dict(enumerate(re.findall(r"```(yaml|bash)\n(.*?)```", TEXT, re.DOTALL)))


def commands() -> list[str]:
    """Return every svbench command of the page, in one line each."""
    joined = "\n".join(text for _, text in BLOCKS.values())
    whole = re.sub(r"(?<=\S)[ \\]*\n +(?=--)", " ", joined)
    return re.findall(r"svbench ((?:run|score|check) [^\n]*)", whole)


def test_the_workflow_is_yaml_with_jobs_and_steps() -> None:
    workflow = yaml.safe_load(next(text for kind, text in BLOCKS.values() if kind == "yaml"))
    steps = workflow["jobs"]["check"]["steps"]
    assert [("run" in step) != ("uses" in step) for step in steps] == [True] * len(steps)
    checked = next(step["run"] for step in steps if "svbench check" in step.get("run", ""))
    assert "--markdown" in checked
    assert "\n" not in checked.strip()


@pytest.mark.parametrize("call", commands())
def test_every_command_and_flag_exists(call: str) -> None:
    known = CliRunner().invoke(app, [call.split()[0], "--help"], env={"COLUMNS": "300"}).output
    flags = re.findall(r"--[a-z-]+", call)
    assert flags
    for flag in flags:
        assert flag in known, f"svbench {call}"


def test_the_page_shows_a_command_of_each_kind() -> None:
    assert {call.split()[0] for call in commands()} == {"run", "score", "check"}
    assert any("--junit" in call for call in commands())
