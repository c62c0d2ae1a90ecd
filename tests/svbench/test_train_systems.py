"""Training the miniature's systems: everything from nothing, and the same again from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from svbench.baselines import miniature
from svbench.train_systems import Course, changed, train
from svbench.weights import sha256

TINY = Course(
    clips=4,
    video_steps=2,
    video_batch=2,
    audio_steps=2,
    audio_batch=2,
    caption_steps=2,
    caption_batch=2,
    joint=replace(Course().joint, steps=2, batch=2, at_once=2, warm_up=0, save_every=1),
)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@contextmanager
def no_bar(_label: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _count: None


def losses(folder: Path) -> list[str]:
    lines = (folder / "cmc-pe" / "loss.csv").read_text().splitlines()
    return [",".join(line.split(",")[:-1]) for line in lines]  # but for the seconds


def test_everything_is_made_from_nothing_and_the_same_again(tmp_path: Path) -> None:
    said: list[str] = []
    for name in ("one", "other"):
        train(tmp_path / name, ["cmc-pe"], TINY, no_bar, said.append)
        AcceleratorState._reset_state(reset_partial_state=True)
    one, other = tmp_path / "one", tmp_path / "other"
    assert losses(one) == losses(other)
    assert len(losses(one)) == 1 + 2
    record = json.loads((one / "weights" / miniature.RECORD).read_text())
    assert record == json.loads((other / "weights" / miniature.RECORD).read_text())
    assert record["course"]["joint"]["steps"] == 2
    last = losses(one)[-1].split(",")  # a tenth of two steps is the last one
    told = record["mean loss of the last tenth"]["cmc-pe"]
    assert told == {"audio": round(float(last[1]), 4), "video": round(float(last[2]), 4)}
    model = miniature.Shipped("cmc-pe", one / "weights").load(torch.device("cpu"), torch.float32)
    assert model.joint.config.mixer == "cmc-pe"
    assert any("video codec" in line for line in said)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    train(tmp_path, [], TINY, no_bar, lambda _line: None)
    before = {p.name: sha256(p) for p in (tmp_path / "weights").iterdir()}
    said: list[str] = []
    train(tmp_path, [], TINY, no_bar, said.append)
    assert {p.name: sha256(p) for p in (tmp_path / "weights").iterdir()} == before
    assert not said


def test_a_user_changes_some_settings() -> None:
    course = changed(steps=7, clips=None, seed=3)
    assert (course.joint.steps, course.clips, course.seed) == (7, Course().clips, 3)
    assert changed() == Course()
