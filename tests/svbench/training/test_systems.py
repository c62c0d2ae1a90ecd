"""Training of the miniature's systems: from scratch, and repeatable from a seed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from svbench.baselines import miniature
from svbench.baselines.miniature.frame_decoder import FrameHead
from svbench.compute import digest_file
from svbench.errors import ConfigError
from svbench.files.weights.loading import load_state
from svbench.miniature.drawing import scenes
from svbench.pace import silent
from svbench.training.miniature.recipes import SystemsRecipe
from svbench.training.miniature.systems import loss_curve, train
from tests.factories.processes import ENDLESS, lives, until

DEFAULT = SystemsRecipe()
TINY = SystemsRecipe(
    clips=4,
    video_steps=2,
    video_batch=2,
    head_steps=2,
    head_batch=2,
    audio_steps=2,
    audio_batch=2,
    caption_steps=2,
    caption_batch=2,
    base_audio=replace(DEFAULT.base_audio, steps=2, batch=2, at_once=2, warm_up=0, save_every=1),
    base_video=replace(DEFAULT.base_video, steps=2, batch=2, at_once=2, warm_up=0, save_every=1),
    joint=replace(DEFAULT.joint, steps=2, batch=2, at_once=2, warm_up=0, save_every=1),
)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def losses(folder: Path) -> list[str]:
    lines = (folder / "cmc-pe" / "loss.csv").read_text().splitlines()
    return [",".join(line.split(",")[:-1]) for line in lines]  # but for the seconds


def test_a_training_from_scratch_is_repeatable(tmp_path: Path) -> None:
    lines: list[str] = []
    for name in ("one", "other"):
        train(tmp_path / name, ["cmc-pe"], TINY, silent, lines.append)
        AcceleratorState._reset_state(reset_partial_state=True)
    one, other = tmp_path / "one", tmp_path / "other"
    assert losses(one) == losses(other)
    assert len(losses(one)) == 1 + 2
    record = json.loads((one / "weights" / miniature.RECORD).read_text())
    assert record == json.loads((other / "weights" / miniature.RECORD).read_text())
    assert record["course"]["joint"]["steps"] == 2
    assert record["seeds"] == {"cmc-pe": 0}
    columns = zip(*(line.split(",") for line in losses(one)[1:]), strict=True)  # no fewer parts
    steps, audio, video, _rate = (list(map(float, column)) for column in columns)
    curve = record["losses"]["cmc-pe"]
    assert curve["step"] == steps
    assert curve["audio"] == [round(loss, 4) for loss in audio]
    assert curve["video"] == [round(loss, 4) for loss in video]
    assert list(record["losses"]["base-audio"]) == ["step", "audio"]  # it has no other loss
    assert record["losses"]["base-video"]["step"] == [1, 2]
    model = miniature.Shipped("cmc-pe", one / "weights").load()
    assert model.joint.config.mixer == "cmc-pe"
    assert any("video codec" in line for line in lines)


def test_weights_that_are_there_are_kept(tmp_path: Path) -> None:
    train(tmp_path, [], TINY, silent, lambda _line: None)
    before = {p.name: digest_file(p) for p in (tmp_path / "weights").iterdir()}
    lines: list[str] = []
    train(tmp_path, [], TINY, silent, lines.append)
    assert {p.name: digest_file(p) for p in (tmp_path / "weights").iterdir()} == before
    assert not lines


def test_a_folder_without_a_frame_head_gets_one_and_keeps_the_rest(tmp_path: Path) -> None:
    """As of an older svbench. A seed decides the head."""
    lines: list[str] = []
    train(tmp_path, [], TINY, silent, lines.append)
    weights = tmp_path / "weights"
    before = {p.name: digest_file(p) for p in weights.iterdir()}
    (weights / miniature.FRAMES).unlink()
    del lines[:]
    train(tmp_path, [], TINY, silent, lines.append)
    assert {p.name: digest_file(p) for p in weights.iterdir()} == before
    assert {line.partition(":")[0] for line in lines} == {"frame head"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(TINY.seed)
        first = FrameHead().state_dict()
    trained = load_state(weights / miniature.FRAMES)
    assert all(not torch.equal(trained[name], first[name].half()) for name in first)


def test_joint_models_begin_with_the_base_models_and_differ_by_seed(tmp_path: Path) -> None:
    """At a learning rate near 0 the weights that come out are those that went in."""
    still = replace(TINY, joint=replace(TINY.joint, rate=1e-12))
    train(tmp_path, ["cmc-pe"], still, silent, lambda _line: None, seeds=(0, 5))
    base = {
        name: weight
        for part in ("audio", "video")
        for name, weight in load_state(
            tmp_path / f"base-{part}" / "joint" / "joint.safetensors"
        ).items()
        if name.startswith(f"unets.{part}.")
    }
    first, other = (
        miniature.Shipped("cmc-pe", tmp_path / name).load()
        for name in ("weights", "weights-seed-5")
    )
    for name in ("unets.audio.conv_in.weight", "unets.video.conv_in.weight"):
        whole = base[name]
        coarse = whole.flatten(1).abs().amax(1).max() / 127  # the weights came in eight bits
        for model in (first, other):
            found = model.joint.state_dict()[name]
            torch.testing.assert_close(found, whole, rtol=0, atol=float(coarse))
    stems = [model.joint.state_dict()["connectors.audio.stem.weight"] for model in (first, other)]
    assert not torch.equal(*stems)


@pytest.mark.parametrize("part", ["audio", "video"])
def test_a_base_model_is_trained_on_its_modality_alone(tmp_path: Path, part: str) -> None:
    train(tmp_path, ["cmc-pe"], TINY, silent, lambda _line: None)
    last = tmp_path / f"base-{part}" / "checkpoints" / "00000002"
    assert json.loads((last / "record.json").read_text())["made_by"]["trainable"] == part
    trained = load_state(last / "trained.safetensors")
    assert trained
    assert all(name.startswith(f"unets.{part}.") for name in trained)


def test_trainings_side_by_side_give_the_same_weights(tmp_path: Path) -> None:
    """Two processes give the weights of one, bit for bit."""
    for name, workers in (("one", 1), ("two", 2)):
        train(tmp_path / name, ["cmc-pe"], TINY, silent, lambda _line: None, workers=workers)
        AcceleratorState._reset_state(reset_partial_state=True)
    digests = [digest_file(tmp_path / n / "weights" / "cmc-pe.safetensors") for n in ("one", "two")]
    assert digests[0] == digests[1]


PARENT = f"""
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from svbench.engines.processes import end_with
if __name__ == "__main__":
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, own, end_with, (os.getpid(),)) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, {ENDLESS}).result()
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
def test_workers_leave_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert lives(worker)
        parent.kill()
    until(lambda: not lives(worker))


def test_class_data_sets_are_trained_the_same_way(tmp_path: Path) -> None:
    """Landscape has 16 frames at 4 frames/s, and captions of other words."""
    recipe = replace(TINY, dataset="landscape")
    train(tmp_path, ["cmc-pe"], recipe, silent, lambda _line: None)
    record = json.loads((tmp_path / "weights" / miniature.RECORD).read_text())
    assert record["course"]["dataset"] == "landscape"
    words = json.loads((tmp_path / "weights" / miniature.WORDS).read_text())
    assert "drumstick" not in words
    model = miniature.Shipped("cmc-pe", tmp_path / "weights").load()
    assert model.video.shape(scenes.SPEC)[1] == 16


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="--dataset: found 'kinetics', expected one of greatest"):
        SystemsRecipe.of(dataset="kinetics")


def test_a_user_changes_some_settings() -> None:
    recipe = SystemsRecipe.of(joint_steps=7, base_video_steps=9, clips=None, seed=3, clearer=4.0)
    assert (recipe.joint.steps, recipe.base_video.steps) == (7, 9)
    assert recipe.base_audio == DEFAULT.base_audio
    assert (recipe.clips, recipe.seed, recipe.clearer) == (DEFAULT.clips, 3, 4.0)
    assert SystemsRecipe.of() == DEFAULT
    with pytest.raises(ConfigError, match="--clearer"):
        SystemsRecipe.of(clearer=0.0)


def test_a_share_shortens_every_training() -> None:
    recipe = DEFAULT.shortened(0.02)
    assert (recipe.video_steps, recipe.audio_steps, recipe.caption_steps) == (18, 12, 12)
    assert recipe.head_steps == 30
    trainings = (recipe.base_audio, recipe.base_video, recipe.joint)
    assert [training.steps for training in trainings] == [30, 50, 20]
    assert DEFAULT.shortened(1e-9).joint.steps == 1
    assert DEFAULT.shortened(1) == DEFAULT
    for share in (0, -1, 1.5, float("nan")):
        with pytest.raises(ConfigError, match="--share: found"):
            DEFAULT.shortened(share)


def test_a_curve_is_the_mean_of_parts(tmp_path: Path) -> None:
    lines = [f"{step},{step / 100},{1 - step / 100},0.1,1.0" for step in range(1, 41)]
    log = tmp_path / "loss.csv"
    log.write_text("step,loss_audio,loss_video,lr,seconds\n" + "\n".join(lines) + "\n")
    curve = loss_curve(log)
    assert curve["step"] == list(range(2, 41, 2))
    assert curve["audio"][0] == 0.015  # of 0.01 and 0.02
    assert curve["video"][-1] == 0.605
