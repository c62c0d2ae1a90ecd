"""Several processes train as one does, and end together."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from torch.distributed import DistNetworkError

from svbench.baselines.training.processes import LOST, _check_launched, ending_together
from svbench.errors import ConfigError, StoppedError
from tests.baselines.training.test_loop import SHORT, last_step, replace, run
from tests.factories.launched_training import finished, launched, start
from tests.factories.processes import until


class Here:
    num_processes = 2


def files(folder: Path, step: int = 4) -> dict[str, bytes]:
    """Return the weights, trained and averaged, and the optimizer's state of a training."""
    checkpoint = folder / "checkpoints" / f"{step:08d}"
    found = [checkpoint / "trained.safetensors", checkpoint / "optimizer.pt"]
    found.append(folder / "joint" / "joint.safetensors")
    return {path.name: path.read_bytes() for path in found}


def test_a_training_that_goes_from_one_process_to_two_and_back_equals_that_of_one(
    tmp_path: Path,
) -> None:
    """Two addends have one order of summation, so the bound is 0: every bit is the same.

    One process adds the gradients of its two parts, g1 / 2 + g2 / 2; of two, each has one of
    them, and the sum is theirs. Halving is exact in binary and addition commutes.
    """
    settings = replace(SHORT, at_once=1)
    whole, _ = run(tmp_path / "whole", settings)
    alone = [loss for pair in whole.losses for loss in pair]
    parts = tmp_path / "parts"
    run(parts, replace(settings, steps=1))
    assert launched(parts, 2, at_once=1, steps=3) == (1, alone[2:6])
    last, _ = run(parts, settings)
    assert (last.first, [loss for pair in last.losses for loss in pair]) == ([3], alone[6:])
    assert files(parts) == files(tmp_path / "whole")


def test_a_killed_process_ends_the_others_with_one_line_and_the_training_resumes(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "killed"
    started = start(folder, 2, at_once=1, steps=10**6, save_every=1)
    until(lambda: last_step(folder) >= 2 or any(p.poll() is not None for p in started))
    started[1].kill()
    (code, _, err), killed = finished(started)
    assert (code, killed[0]) == (StoppedError.exit_code, -signal.SIGKILL)
    assert err.splitlines()[-1] == LOST
    assert "Traceback" not in err
    steps = last_step(folder) + 1
    settings = replace(SHORT, at_once=1, steps=steps)
    resumed, _ = run(folder, settings)
    assert resumed.first == [steps - 1]
    whole, _ = run(tmp_path / "whole", settings)
    assert resumed.losses == whole.losses[-1:]
    assert files(folder, steps) == files(tmp_path / "whole", steps)


def test_other_errors_stay_what_they_are() -> None:
    here: Any = Here()
    with pytest.raises(StoppedError, match="another process"), ending_together(here):
        raise DistNetworkError("refused")
    with pytest.raises(RuntimeError, match="shapes"), ending_together(here):
        raise RuntimeError("shapes do not match")
    here.num_processes = 1
    with pytest.raises(DistNetworkError), ending_together(here):
        raise DistNetworkError("refused")


def test_a_single_one_of_several_processes_is_refused() -> None:
    alone = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"}
    with pytest.raises(ConfigError, match="accelerate launch: found --num_processes above 1"):
        _check_launched(alone)
    _check_launched({**alone, "LOCAL_RANK": "0"})
    _check_launched({**alone, "PMI_SIZE": "2"})  # mpirun
    _check_launched({"ACCELERATE_MIXED_PRECISION": "no"})  # one was asked for


def test_one_process_trains_alone_where_a_script_exported_an_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _check_launched({"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "node1"})
    assert "found MASTER_ADDR=node1 and a single process, which trains alone" in caplog.text
    caplog.clear()
    _check_launched({"MASTER_ADDR": "node1"})  # without accelerate
    assert not caplog.text
