"""The commands that train, from words to files, on untrained networks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState

from svbench.baselines import miniature
from svbench.baselines.training.settings import TrainSettings
from svbench.catalog.datasets import DATASETS
from svbench.cli.planning import read_plan
from svbench.doctor.trainings import PlannedTraining
from svbench.engines.local import Local
from svbench.training import latents
from svbench.training import plans as training_plans
from svbench.training.plans import TrainConfig
from svbench.training.recipes import MINI
from tests.baselines.miniature.test_systems import untrained
from tests.factories.commands import Command

SMALL = ("--dataset", "greatesthits", "--limit", "4", "--batch", "2", "--at-once", "2", "--cpu")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute on one thread, and begin from untrained networks."""
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
        (("--preset", "mine"), "--preset: found 'mine', expected one of paper, official-code"),
        (("--steps", "2", "--epochs", "3"), "--epochs: found 3 beside --steps 2, expected one of"),
        (("--epochs", "0"), "--epochs: found '0', expected a whole number"),
        (("--preset", "official-code"), "--precision: found fp16 on a CPU, expected a GPU"),
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


def record(out: Path) -> dict[str, Any]:
    """Return what decided the last checkpoint of a training, and its step."""
    (file,) = (out / "checkpoints").glob("*/record.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    return {"step": found["step"], **found["made_by"]}


def test_a_preset_decides_and_options_beside_it_win(svbench: Command, tmp_path: Path) -> None:
    words = ("train", *SMALL, "--out", tmp_path / "mine", "--epochs", 1)
    first = (*words, "--preset", "official-code", "--precision", "no", "--clip", "0.5")
    assert svbench(*first).code == 0
    found = record(tmp_path / "mine")
    assert found["step"] == 2  # 4 clips, 2 at a time
    assert (found["optimizer"], found["weight_decay"], found["ema_of"]) == ("adamw", 0.01, "joint")
    assert (found["timesteps"], found["caption_drop"], found["clip"]) == ("shared", 0, 0.5)
    assert (found["batch"], found["precision"], found["rate"]) == (2, "no", 1e-5)
    problem = svbench(*words, "--preset", "paper").problem(2)
    assert "was trained with timesteps 'shared', found 'independent'" in problem


@pytest.mark.parametrize("dataset", ["greatesthits", "landscape", "vggsound"])
def test_a_preset_trains_as_many_steps_as_its_epochs_take(dataset: str, tmp_path: Path) -> None:
    def planned(**more: Any) -> TrainSettings:
        config = TrainConfig(dataset=dataset, limit=3, cpu=True, **more)
        return training_plans.plan_training(config, tmp_path).settings

    published = DATASETS[dataset].published
    assert published is not None
    assert planned(preset="paper").steps == math.ceil(3 * published.epochs / published.batch)
    assert planned(preset="paper").batch == published.batch
    assert planned(preset="paper", epochs=7, settings={"batch": 2}).steps == 11
    assert planned(preset="paper", settings={"steps": 5}).steps == 5
    assert planned() == MINI
    assert planned(epochs=2).steps == 1


@pytest.mark.parametrize(
    ("dataset", "batch", "epochs"),
    [("greatesthits", 16, 1000), ("landscape", 16, 100), ("vggsound", 128, 30)],
)
def test_at_full_size_the_paper_s_batch_and_epochs_are_picked(
    dataset: str, batch: int, epochs: int, tmp_path: Path
) -> None:
    words = f"train --dataset {dataset} --scale paper --data-root {tmp_path} --out {tmp_path / 'o'}"
    work = read_plan(f"{words} --cpu").work
    assert isinstance(work, PlannedTraining)
    settings, found = training_plans.check_plan(work.config)
    assert (settings.batch, found) == (batch, epochs)
    assert (settings.trainable, settings.optimizer, settings.rate) == ("paper", "adam", 1e-5)


def test_workers_encode_the_same_latents_in_processes(tmp_path: Path) -> None:
    config = TrainConfig(dataset="greatesthits", limit=72, cpu=True, settings={"steps": 1})
    training = training_plans.plan_training(config, tmp_path)
    folders = []
    for workers in (1, 2):
        engine, folder = Local(workers), tmp_path / str(workers)
        model, spec = training.model, training.spec
        cache = latents.plan(model, training.examples, spec, folder, engine)
        with closing(engine):
            latents.encode(model, spec, cache, engine, lambda *_: None)
        folders.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert folders[0] == folders[1]
    assert len(folders[0]) == 3 + 1  # 72 clips, 32 a file, and the empty caption


@pytest.mark.parametrize("command", ["train", "train-systems", "run", "sweep-gamma"])
def test_help_leads_to_the_list_of_data_sets(svbench: Command, command: str) -> None:
    assert "svbench list datasets" in " ".join(svbench(command, "--help").out.split())
