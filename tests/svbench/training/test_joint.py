"""Training on a folder of clips: the cache, the log, the previews, and resuming."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from numpy.typing import NDArray
from torch import Tensor

from svbench.baselines.checkpoints.ours import load_joint
from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.training.settings import TrainSettings
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.pace import Advance, silent
from svbench.training import joint, latents
from svbench.training.joint import Training, train
from svbench.types import Clip, ClipSpec, Example, Recording
from tests.factories.clips import SPEC, write_folder
from tests.factories.joint import CAPTION, FRAMES, ROWS, WORDS, tiny_joint

SETTINGS = TrainSettings(
    steps=2, batch=2, at_once=2, rate=1e-3, trainable="all", save_every=1, preview_every=2
)
SAMPLER = SamplerSettings(steps=2)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Compute on one thread, for threads that wait for cores are slow; reset accelerate."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    AcceleratorState._reset_state(reset_partial_state=True)


class AudioCodec:
    """A codec that keeps the loudness of parts of a sound."""

    def __init__(self) -> None:
        self.encoded = 0

    def shape(self, _spec: ClipSpec) -> tuple[int, int, int]:
        return 8, ROWS, 8

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        self.encoded += len(clips)
        parts = [np.array_split(np.abs(clip.audio), ROWS - 2) for clip in clips]
        loudness = torch.tensor([[float(p.mean()) for p in clip] for clip in parts])
        return loudness.view(len(clips), 1, ROWS - 2, 1).repeat(1, 8, 1, 8)

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        return [np.zeros(spec.samples, np.float32) for _ in latents]


class VideoCodec:
    """A codec that keeps a corner of some frames."""

    def shape(self, _spec: ClipSpec) -> tuple[int, int, int, int]:
        return 4, FRAMES, 8, 8

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        corner = torch.tensor(np.stack([c.video[:FRAMES, :8, :8, 0] for c in clips]) / 255.0)
        return corner.float()[:, None].repeat(1, 4, 1, 1, 1)

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        return [np.zeros((spec.frames, *spec.size, 3), np.uint8) for _ in latents]


def encode_captions(captions: Sequence[str]) -> Pair[Tensor]:
    length = torch.tensor([float(len(caption)) for caption in captions])
    return Pair(
        length.view(-1, 1).repeat(1, CAPTION.audio),
        length.view(-1, 1, 1).repeat(1, WORDS, CAPTION.video),
    )


def model_of(**weights: str) -> JointModel:
    joint = tiny_joint(fresh=True)
    digests = {"codec": "1"} | weights
    return JointModel(joint, PAPER_SCHEDULES, AudioCodec(), VideoCodec(), encode_captions, digests)


@pytest.fixture
def training(tmp_path: Path) -> Training:
    files = write_folder(tmp_path / "clips", 3)
    examples = [Example(f.stem, "a" * (i + 1), Recording(f)) for i, f in enumerate(files)]
    return Training(model_of(), examples, SPEC, SETTINGS, SAMPLER)


def run(training: Training, out: Path, **changes: Any) -> list[str]:
    AcceleratorState._reset_state(reset_partial_state=True)
    lines: list[str] = []
    settings = replace(training.settings, **changes)
    fresh = replace(training, model=model_of(), settings=settings)
    train(fresh, out, silent, lines.append, engine=Local(1), cpu=True)
    return lines


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "loss.csv").open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def encode(training: Training, folder: Path) -> latents.LatentDataset:
    engine = Local(1)
    cache = latents.plan(training.model, training.examples, training.spec, folder, engine)
    latents.encode(training.model, training.spec, cache, engine, lambda *_: None)
    return cache.dataset


def test_a_training_leaves_a_model_a_log_and_samples(training: Training, tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines = run(training, out)
    assert [row["step"] for row in rows(out)] == ["1", "2"]
    assert set(rows(out)[0]) == {"step", "loss_audio", "loss_video", "lr"}
    steps = [line for line in lines if line.startswith("step ")]
    for number, line in enumerate(steps, start=1):
        loss = r"sound \d\.\d{4}, video \d\.\d{4}"
        assert re.fullmatch(rf"step {number} of 2: loss {loss}, \d+\.\d\d s a step", line)
    assert len(steps) == 2
    load_joint(out / "joint", tiny_joint())
    clips = sorted((out / "previews" / "step-00000002").iterdir())
    assert [clip.name for clip in clips] == ["0.mp4", "1.mp4", "2.mp4"]
    assert media.read(Recording(clips[0]), SPEC).spec == SPEC
    assert list((out / "tensorboard").iterdir())


def test_the_log_of_a_stopped_training_goes_on_without_a_gap(
    training: Training, tmp_path: Path
) -> None:
    run(training, tmp_path / "whole", steps=4, preview_every=0)
    run(training, tmp_path / "parts", steps=2, preview_every=0)
    with (tmp_path / "parts" / "loss.csv").open("a", encoding="utf-8") as file:
        file.write("3,9,9,9,9\n4,0.")  # steps after the last checkpoint, then killed
    lines = run(training, tmp_path / "parts", steps=4, preview_every=0)
    assert any("after step 2" in line for line in lines)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_latents_are_those_of_the_codecs(training: Training, tmp_path: Path) -> None:
    found = encode(training, tmp_path / "latents")
    clips = [media.read(training.examples[i].recording, SPEC) for i in (2, 0)]
    assert len(found) == 3
    torch.testing.assert_close(found.latents([2, 0]).audio, AudioCodec().encode(clips))
    torch.testing.assert_close(found.latents([2, 0]).video, VideoCodec().encode(clips))
    for embedding, wanted in zip(
        found.captions([2, 0]), encode_captions(["aaa", "a"]), strict=True
    ):
        torch.testing.assert_close(embedding, wanted)
    assert not found.empty.audio.any()


def test_clips_are_encoded_once_and_anew_if_anything_changed(
    training: Training, tmp_path: Path
) -> None:
    first = encode(training, tmp_path / "latents")
    encode(training, tmp_path / "latents")
    codec: Any = training.model.audio
    assert codec.encoded == 3
    other = replace(training, model=model_of(codec="2"))
    assert encode(other, tmp_path / "latents").digest != first.digest
    renamed = [replace(example, caption="other") for example in training.examples]
    assert encode(replace(training, examples=renamed), tmp_path / "latents").digest != first.digest


def test_broken_clips_are_all_named_and_nothing_else_is_lost(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 1)
    for number in (0, 2):
        path = training.examples[number].recording.path
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError) as caught:
        run(training, tmp_path / "out")
    lines = str(caught.value).splitlines()
    assert [line.partition(".mp4")[0][-2:] for line in lines] == ["c0", "c2"]
    assert len(list((tmp_path / "out" / "latents").glob("00001-*"))) == 1
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_damaged_and_missing_files_of_latents_are_made_again(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 1)
    folder = tmp_path / "latents"
    encode(training, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    first, second, third = sorted(folder.glob("0*"))
    os.truncate(first, first.stat().st_size // 2)
    second.unlink()
    encode(training, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    codec: Any = training.model.audio
    assert codec.encoded == 3 + 2
    assert third.exists()


def test_the_bar_of_each_process_counts_its_own_clips(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 1)
    monkeypatch.setattr(joint, "broadcast_object_list", list)
    monkeypatch.setattr(joint, "gather_object", list)
    bars: list[tuple[int, int]] = []

    @contextmanager
    def progress(_what: str, total: int) -> Iterator[Advance]:
        done: list[int] = []
        yield lambda clips, _kept=0: done.append(clips)
        bars.append((total, sum(done)))

    here = SimpleNamespace(is_main_process=True, process_index=0, num_processes=2)
    joint._encode(training, tmp_path, progress, Local(1), here)
    assert bars == [(2, 2)]


def test_costs_are_told_and_written(training: Training, tmp_path: Path) -> None:
    lines = run(training, tmp_path / "out", steps=3, preview_every=0)
    (line,) = [line for line in lines if line.startswith("costs: ")]
    assert "median of steps 3 to 3" in line
    found = json.loads((tmp_path / "out" / "costs.json").read_text(encoding="utf-8"))
    assert (found["steps_left"], found["processes"], found["device"]) == (0, 1, "cpu")
    (checkpoint,) = (tmp_path / "out" / "checkpoints").iterdir()
    size = sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
    # the rest is names: of small tensors, as here, half a kilobyte each
    assert found["checkpoint_bytes"] < size < 1.5 * found["checkpoint_bytes"]


def test_no_clips_are_one_line(training: Training, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found no clips"):
        run(replace(training, examples=[]), tmp_path / "out")
