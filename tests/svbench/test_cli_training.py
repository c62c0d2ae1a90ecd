"""The commands that train, from words to files, on networks that know nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from svbench import training_plans
from svbench.baselines import miniature
from tests.baselines.test_miniature_systems import untrained
from tests.commands import Command

SMALL = ("--dataset", "greatesthits", "--limit", "4", "--batch", "2", "--at-once", "2", "--cpu")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute on one thread, and begin from networks that learned nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path / "weights"
    folder.mkdir()
    untrained(folder, "cmc-pe")
    assemble = partial(miniature.assemble, folder=folder)
    monkeypatch.setattr(training_plans.miniature, "assemble", assemble)
    yield
    torch.set_num_threads(before)
    AcceleratorState._reset_state(reset_partial_state=True)


def test_a_training_and_its_loss_over_time(svbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    outcome = svbench("train", *SMALL, "--steps", 2, "--out", out, "--mixer", "cross-attention")
    assert outcome.code == 0, outcome.err
    assert f"joint weights: {out / 'joint'}" in outcome.out
    assert len((out / "loss.csv").read_text().splitlines()) == 1 + 2
    assert json.loads((out / "joint" / "config.json").read_text())["mixer"] == "cross-attention"
    words = ("--dataset", "greatesthits", "--clips", 2, "--levels", 3, "--cpu")
    drawn = svbench("loss-over-time", *words, "--out", tmp_path / "figure", out / "joint")
    assert drawn.code == 0, drawn.err
    assert "<svg" in (tmp_path / "figure" / "loss-over-time.svg").read_text()
    lines = (tmp_path / "figure" / "loss-over-time.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "500", "999"]
    assert lines[1].split(",")[1:] == ["1"] * 4  # divided by the value at 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mixer", "sum"), "--mixer: found 'sum', expected one of cmc-pe"),
        (("--rate", "-1"), "--rate"),
        (("--timesteps", "some"), "--timesteps"),
        (("--base", "audio=here"), "--base audio=here: the miniature has its own"),
        (("--scale", "paper"), "--data-root: not given"),
    ],
)
def test_wrong_settings_are_one_line(
    svbench: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    problem = svbench("train", *SMALL, *words, "--out", tmp_path / "mine").problem(2)
    assert said in problem


def test_weights_that_are_no_joint_model_are_one_line(svbench: Command, tmp_path: Path) -> None:
    words = ("--dataset", "greatesthits", "--out", tmp_path / "figure", tmp_path / "nothing")
    problem = svbench("loss-over-time", *words).problem(3)
    assert "config.json: found nothing there" in problem
