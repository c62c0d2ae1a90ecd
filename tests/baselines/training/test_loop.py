"""Training: it resumes exactly, and lowers both losses, whatever the mixer."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from svbench.baselines.checkpoints.ours import load_joint
from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.batches import generator, order
from svbench.baselines.training.loop import Report, TrainCallback, train
from svbench.baselines.training.loss import draw, joint_loss
from svbench.baselines.training.parameters import set_trainable
from svbench.baselines.training.settings import TrainSettings
from svbench.baselines.training.state import CHECKPOINTS
from svbench.errors import ConfigError, DataError
from tests.factories.joint import CAPTION, FRAMES, ROWS, WORDS, tiny_joint
from tests.factories.processes import until
from tests.goldens.places import REPOSITORY

SHORT = TrainSettings(
    steps=4, batch=2, at_once=2, rate=1e-3, trainable="all", save_every=2, preview_every=0
)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Compute on one thread, for threads that wait for cores are slow; reset accelerate."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    AcceleratorState._reset_state(reset_partial_state=True)


def last_step(folder: Path) -> int:
    """Return the step of the last checkpoint; 0 where there is none."""
    steps = (int(path.name) for path in (folder / CHECKPOINTS).glob("[0-9]*") if path.is_dir())
    return max(steps, default=0)


class Toy:
    """Smooth latents: each clip one wave, whose frequency is in the text embedding."""

    def __init__(self, count: int = 4) -> None:
        self.frequency = 1 + torch.arange(count) / count

    def __len__(self) -> int:
        return len(self.frequency)

    def latents(self, clips: list[int]) -> Pair[Tensor]:
        frequency = self.frequency[clips].view(-1, 1)
        audio = torch.sin(frequency * torch.linspace(0, 2 * math.pi, ROWS - 2))
        video = torch.sin(frequency * torch.linspace(0, 2 * math.pi, FRAMES))
        return Pair(
            audio.view(-1, 1, ROWS - 2, 1).repeat(1, 8, 1, 8),
            video.view(-1, 1, FRAMES, 1, 1).repeat(1, 4, 1, 8, 8),
        )

    def captions(self, clips: list[int]) -> Pair[Tensor]:
        frequency = self.frequency[clips]
        return Pair(
            frequency.view(-1, 1).repeat(1, CAPTION.audio),
            frequency.view(-1, 1, 1).repeat(1, WORDS, CAPTION.video),
        )

    @property
    def empty(self) -> Pair[Tensor]:
        return Pair(torch.zeros(1, CAPTION.audio), torch.zeros(1, WORDS, CAPTION.video))


class Log(TrainCallback):
    def __init__(self) -> None:
        self.first: list[int] = []
        self.reports: list[Report] = []
        self.previews: list[int] = []

    def begin(self, step: int) -> None:
        self.first.append(step)

    def report(self, report: Report) -> None:
        self.reports.append(report)

    def preview(self, step: int, joint: JointUNet) -> None:
        assert not joint.training
        self.previews.append(step)

    @property
    def losses(self) -> list[Pair[float]]:
        return [report.losses for report in self.reports]


def run(
    folder: Path,
    settings: TrainSettings = SHORT,
    mixer: MixerKind = "cmc-pe",
    alone: bool = True,
    **changes: Any,
) -> tuple[Log, JointUNet]:
    AcceleratorState._reset_state(reset_partial_state=alone)
    log, joint = Log(), tiny_joint(mixer, fresh=True)
    given: dict[str, Any] = {"rows": ROWS, "made_by": {"mixer": mixer}, "cpu": True} | changes
    train(joint, PAPER_SCHEDULES, Toy(), settings, folder, callback=log, **given)
    return log, joint


def error_of(joint: JointUNet) -> Pair[float]:
    """Compute the losses of a model on one draw of many time steps."""
    toy, clips = Toy(), [0, 1, 2, 3] * 8
    shapes = Pair((8, ROWS - 2, 8), (4, FRAMES, 8, 8))
    drawn = draw(shapes, [generator(99, i) for i in range(len(clips))], self_conditioning=0)
    with torch.inference_mode():
        batch = toy.latents(clips), toy.captions(clips), drawn
        losses = joint_loss(joint.eval(), *batch, PAPER_SCHEDULES, ROWS).losses
    return losses.map(float)


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention"])
def test_training_lowers_both_losses(tmp_path: Path, mixer: MixerKind) -> None:
    before = error_of(tiny_joint(mixer, fresh=True))
    settings = replace(SHORT, steps=40, batch=4, at_once=4, rate=2e-3, save_every=40)
    log, joint = run(tmp_path, settings, mixer)
    after = error_of(joint)
    assert after.audio < 0.6 * before.audio
    assert after.video < 0.6 * before.video
    assert len(log.losses) == 40


def test_a_stopped_training_resumes_exactly(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", replace(SHORT, steps=4, save_every=10))
    first, _ = run(tmp_path / "parts", replace(SHORT, steps=2))
    second, _ = run(tmp_path / "parts", replace(SHORT, steps=4))
    assert (first.first, second.first) == ([0], [2])
    assert first.losses + second.losses == whole.losses
    found = [
        (tmp_path / name / "joint" / "joint.safetensors").read_bytes()
        for name in ("whole", "parts")
    ]
    assert found[0] == found[1]
    assert [p.name for p in (tmp_path / "parts" / "checkpoints").iterdir()] == ["00000004"]


KILLED = """
import torch
from tests.baselines.training.test_loop import SHORT, Path, replace, run
torch.set_num_threads(1)
run(Path({folder!r}), replace(SHORT, steps=10**6, save_every=1))
"""


def test_a_killed_training_resumes_exactly(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED.format(folder=str(folder))]
    with subprocess.Popen(command, cwd=REPOSITORY) as process:
        try:
            until(lambda: last_step(folder) >= 2 or process.poll() is not None)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    steps = last_step(folder) + 1
    resumed, _ = run(folder, replace(SHORT, steps=steps))
    whole, _ = run(tmp_path / "whole", replace(SHORT, steps=steps, save_every=1000))
    assert resumed.losses == whole.losses[-1:]
    assert resumed.first == [steps - 1]


def test_what_a_killed_process_left_half_written_is_not_read(tmp_path: Path) -> None:
    run(tmp_path, replace(SHORT, steps=1))
    (tmp_path / "checkpoints" / ".00000002.part").mkdir()
    assert last_step(tmp_path) == 1


def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    at_once, _ = run(tmp_path / "a", replace(SHORT, steps=2))
    one_by_one, _ = run(tmp_path / "b", replace(SHORT, steps=2, at_once=1))
    for a, b in zip(at_once.losses, one_by_one.losses, strict=True):
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention", "cross-attention-sequence"])
def test_every_mixer_trains_with_every_other_setting(tmp_path: Path, mixer: MixerKind) -> None:
    settings = replace(
        SHORT,
        steps=1,
        trainable="paper",
        timesteps="shared",
        precision="bf16",
        checkpointing=True,
        preview_every=1,
        warm_up=2,
        cosine=True,
    )
    log, joint = run(tmp_path, settings, mixer)
    assert log.previews == [1]
    assert log.reports[0].rate == pytest.approx(0.5e-3)
    fresh = tiny_joint(mixer, fresh=True)
    load_joint(tmp_path / "joint", fresh)  # the first average is the weights themselves
    for name, weight in joint.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], weight, rtol=0, atol=1e-7)


def test_checkpointing_changes_no_number(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "a", replace(SHORT, steps=2))
    again, _ = run(tmp_path / "b", replace(SHORT, steps=2, checkpointing=True))
    assert plain.losses == again.losses


@pytest.mark.parametrize("wanted", [False, True])
def test_checkpointing_reaches_mixers_and_base_models(tmp_path: Path, wanted: bool) -> None:
    _, joint = run(tmp_path, replace(SHORT, steps=1, checkpointing=wanted))
    assert joint.checkpointing is wanted
    assert [unet.is_gradient_checkpointing for unet in joint.unets] == [wanted, wanted]


def test_what_is_frozen_stays() -> None:
    joint = tiny_joint("cross-attention", fresh=True)
    trained = {kind: set(set_trainable(joint, kind)) for kind in ("paper", "joint", "all")}  # type: ignore[arg-type]
    assert trained["joint"] < trained["paper"] < trained["all"]
    moving = trained["paper"] - trained["joint"]
    assert moving
    assert all(n.startswith("unets.video.") and "motion_modules" in n for n in moving)
    frozen = {name for name, _ in joint.named_parameters()} - trained["all"]
    assert {name.split(".")[3] for name in frozen} == {"norm2", "attention2"}
    learning = set_trainable(joint, "paper")
    assert {n for n, p in joint.named_parameters() if p.requires_grad} == set(learning)


@pytest.mark.parametrize("mixer", ["cmc-pe", "cross-attention"])
@pytest.mark.parametrize("base", ["audio", "video"])
def test_a_base_model_is_trained_without_mixers(
    base: Literal["audio", "video"], mixer: MixerKind
) -> None:
    trained = set(set_trainable(tiny_joint(mixer, fresh=True), base))
    assert trained
    assert {name.split(".")[1] for name in trained} == {base}
    assert all(name.startswith("unets.") for name in trained)


def test_other_settings_do_not_resume_from_a_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, replace(SHORT, steps=1))
    with pytest.raises(ConfigError, match=r"trained with rate 0\.001, found 0\.5"):
        run(tmp_path, replace(SHORT, rate=0.5))
    with pytest.raises(ConfigError, match="mixer"):
        run(tmp_path, made_by={"mixer": "another"})


def first_step(folder: Path, **changes: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the trained weights before and after one step."""
    before = {n: w.clone() for n, w in tiny_joint("cmc-pe", fresh=True).state_dict().items()}
    _, joint = run(folder, replace(SHORT, steps=1, **changes))
    return before, joint.state_dict()


def test_adam_adds_its_decay_to_the_gradient_and_adamw_beside_it(tmp_path: Path) -> None:
    plain = first_step(tmp_path / "adam", optimizer="adam", weight_decay=0.0)[1]
    other = first_step(tmp_path / "adamw", optimizer="adamw", weight_decay=0.0)[1]
    assert all(torch.equal(plain[name], other[name]) for name in plain)
    before, decayed = first_step(tmp_path / "decay", optimizer="adamw", weight_decay=0.1)
    for name in (n for n, _ in tiny_joint("cmc-pe", fresh=True).named_parameters()):
        shrunk = plain[name] - SHORT.rate * 0.1 * before[name]
        torch.testing.assert_close(decayed[name], shrunk, rtol=0, atol=1e-6)
    # Adam's first step is the sign of gradient and L2 term, times the rate, however large they are
    l2 = first_step(tmp_path / "l2", optimizer="adam", weight_decay=10.0)[1]
    moved = l2["unets.audio.conv_in.weight"] - before["unets.audio.conv_in.weight"]
    assert moved.abs().max() <= 1.001 * SHORT.rate


def test_an_average_of_the_joint_parts_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    settings = replace(SHORT, steps=3, ema_of="joint", trainable="paper", rate=1e-2)
    _, joint = run(tmp_path, settings)
    result = tiny_joint("cmc-pe", fresh=True)
    load_joint(tmp_path / "joint", result)
    learned, kept = joint.state_dict(), result.state_dict()
    trained = set(set_trainable(joint, "paper"))
    moving = {name for name in trained if name.startswith("unets.")}
    assert moving
    assert all(torch.equal(learned[name], kept[name]) for name in moving)
    assert any(not torch.equal(learned[name], kept[name]) for name in trained - moving)


def test_a_resumed_training_averages_the_same(tmp_path: Path) -> None:
    settings = replace(SHORT, ema_of="joint", optimizer="adamw", trainable="paper")
    run(tmp_path / "whole", replace(settings, steps=4))
    run(tmp_path / "parts", replace(settings, steps=2))
    run(tmp_path / "parts", replace(settings, steps=4))
    whole, parts = (tmp_path / n / "joint" / "joint.safetensors" for n in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


def test_the_record_of_a_checkpoint_holds_the_optimizer(tmp_path: Path) -> None:
    run(tmp_path, replace(SHORT, steps=1, optimizer="adamw"))
    record = tmp_path / "checkpoints" / "00000001" / "record.json"
    made_by = json.loads(record.read_text(encoding="utf-8"))["made_by"]
    assert made_by["optimizer"] == "adamw"
    with pytest.raises(ConfigError, match="trained with optimizer 'adamw', found 'adam'"):
        run(tmp_path, replace(SHORT, steps=2))


def test_a_checkpoint_older_than_the_choice_of_optimizer_is_one_of_adamw(tmp_path: Path) -> None:
    settings = replace(SHORT, steps=1, optimizer="adamw")
    run(tmp_path, settings)
    path = tmp_path / "checkpoints" / "00000001" / "record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in ("optimizer", "ema_of"):
        del record["made_by"][name]
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ConfigError, match="trained with optimizer 'adamw', found 'adam'"):
        run(tmp_path, replace(settings, optimizer="adam"))
    log, _ = run(tmp_path, replace(settings, steps=2))
    assert log.first == [1]


def test_an_average_of_joint_parts_needs_joint_parts() -> None:
    with pytest.raises(ConfigError, match="--ema-of: found 'joint' beside --trainable audio"):
        replace(SHORT, trainable="audio", ema_of="joint")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run(tmp_path, replace(SHORT, steps=1))
    (tmp_path / "checkpoints" / "00000001" / "optimizer.pt").write_bytes(b"no")
    with pytest.raises(DataError, match="00000001: found no readable checkpoint"):
        run(tmp_path)


def test_a_batch_that_cannot_be_divided_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--batch: found 3, expected a multiple of 2"):
        run(tmp_path, replace(SHORT, batch=3))


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    settings = replace(SHORT, steps=8)
    object.__setattr__(settings, "rate", 1e30)  # which no user may ask for
    with pytest.raises(ConfigError, match="the loss came out as"):
        run(tmp_path, settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", 0), ("rate", 0.0), ("rate", math.nan), ("caption_drop", 1.5), ("trainable", "some"),
     ("optimizer", "sgd"), ("ema_of", "none"), ("precision", "fp8"), ("seed", -1)],
)  # fmt: skip
def test_a_wrong_setting_is_one_line(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"--{setting.replace('_', '-')}: found") as caught:
        replace(SHORT, **{setting: value})
    assert "\n" not in str(caught.value)


def test_the_rate_rises_then_falls() -> None:
    settings = TrainSettings(steps=110, rate=1.0, warm_up=10, cosine=True)
    assert [settings.rate_at(s) for s in (0, 9, 10, 60, 110)] == pytest.approx([0.1, 1, 1, 0.5, 0])
    assert TrainSettings(rate=1.0).rate_at(10**6) == 1


def test_every_clip_comes_once_an_epoch_in_an_order_without_state() -> None:
    whole = order(5, 7, range(10))
    assert sorted(whole[:5]) == sorted(whole[5:]) == [0, 1, 2, 3, 4]
    assert whole[:5] != whole[5:]
    assert order(5, 7, range(3, 8)) == whole[3:8]
