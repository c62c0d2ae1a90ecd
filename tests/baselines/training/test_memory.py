"""What saves memory: smaller parts of a batch, checkpointing, half precision, the average's place.

Conventions
-----------
After one step Adam's first moment is the (clipped) gradient times 1 - beta_1, so gradients are read
from a checkpoint.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.training.settings import AverageOn
from svbench.baselines.training.state import TrainingState
from svbench.errors import ConfigError
from tests.baselines.training.test_loop import SHORT, _alone, run
from tests.factories.joint import tiny_joint

__all__ = ["_alone"]  # used by each test here

UNIT = 2.0**-24  # of rounding in float32
# Sums of some 1000 terms, rounded at random, in some 100 layers that follow each other.
ROUNDING = 100 * 1000**0.5 * UNIT


def checkpoint(folder: Path) -> Path:
    (found,) = (folder / "checkpoints").iterdir()
    return found


def gradient(folder: Path, **changes: Any) -> Tensor:
    """Return the gradient of the first step of a batch of four, all weights in a row."""
    run(folder, replace(SHORT, batch=4, steps=1, **changes))
    states = torch.load(checkpoint(folder) / "optimizer.pt", weights_only=True)
    moments = [state["exp_avg"].flatten() for state in states["optimizer"]["state"].values()]
    return torch.cat(moments)


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(checkpoint(folder) / "trained.safetensors")


def test_parts_of_a_batch_add_up_to_its_gradient(tmp_path: Path) -> None:
    whole, two, four = (gradient(tmp_path / str(n), at_once=n) for n in (4, 2, 1))
    for parts in (two, four):
        assert (parts - whole).norm() <= ROUNDING * whole.norm()
    assert whole.norm() > 0


def test_checkpointing_changes_no_bit(tmp_path: Path) -> None:
    plain = gradient(tmp_path / "plain", at_once=4)
    assert torch.equal(gradient(tmp_path / "again", at_once=4, checkpointing=True), plain)


def test_bfloat16_trains_float32_weights_and_resumes_exactly(tmp_path: Path) -> None:
    exact, _ = run(tmp_path / "exact")
    half = replace(SHORT, precision="bf16")
    whole, joint = run(tmp_path / "whole", half)
    for a, b in zip(whole.losses, exact.losses, strict=True):
        # 8 bits: 2 ** -9 each rounding, some 100 layers, at random
        assert a == pytest.approx(b, rel=100**0.5 * 2**-8)
    assert whole.losses != exact.losses
    assert {weight.dtype for weight in joint.parameters()} == {torch.float32}
    assert {weight.dtype for weight in weights(tmp_path / "whole").values()} == {torch.float32}
    run(tmp_path / "parts", replace(half, steps=2))
    second, _ = run(tmp_path / "parts", half)
    assert second.losses == whole.losses[2:]
    assert weights(tmp_path / "parts").keys() == weights(tmp_path / "whole").keys()
    for name, weight in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "parts")[name], weight)


def test_an_average_on_the_cpu_is_the_same_and_may_move_there_on_the_way(tmp_path: Path) -> None:
    run(tmp_path / "device")
    run(tmp_path / "moved", replace(SHORT, steps=2))
    run(tmp_path / "moved", replace(SHORT, ema_on="cpu"))
    run(tmp_path / "cpu", replace(SHORT, ema_on="cpu"))
    found = {n: (tmp_path / n / "joint" / "joint.safetensors").read_bytes()
             for n in ("device", "moved", "cpu")}  # fmt: skip
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("ema_on", ["device", "cpu"])
def test_a_preview_copies_no_more_than_one_average_at_a_time(
    ema_on: AverageOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU no copy is seen, so the one that lists all averages is made to fail."""

    def all_at_once(*_: Any) -> None:
        raise AssertionError("EMAModel.copy_to brings all averages to the device at once")

    monkeypatch.setattr(EMAModel, "copy_to", all_at_once)
    joint = tiny_joint()
    trained = dict(list(joint.named_parameters())[:3])
    accelerator = SimpleNamespace(is_main_process=True, scaler=None, device=torch.device("cpu"))
    made_by = {"ema_decay": 0.9, "ema_of": "trained"}
    state = TrainingState(accelerator, joint, trained, None, tmp_path, made_by, ema_on)
    state.resume()
    before = {name: weight.clone() for name, weight in trained.items()}
    with torch.no_grad():
        for weight in trained.values():
            weight.add_(1)
    with state.averaged():
        assert all(torch.equal(weight, before[name]) for name, weight in trained.items())
    assert all(torch.equal(weight, before[name] + 1) for name, weight in trained.items())


def test_a_training_may_be_made_longer_not_shorter(tmp_path: Path) -> None:
    run(tmp_path, replace(SHORT, steps=2))
    log, _ = run(tmp_path, replace(SHORT, steps=3))
    assert log.first == [2]
    with pytest.raises(ConfigError, match="--steps: found 1, expected at least the 3 that are"):
        run(tmp_path, replace(SHORT, steps=1))
    with pytest.raises(ConfigError, match="trained with cosine False, found True"):
        run(tmp_path, replace(SHORT, steps=4, cosine=True))
