from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from svbench.doctor.planning import report_training
from svbench.doctor.trainings import PlannedTraining, survey_training
from svbench.errors import ConfigError
from svbench.training.plans import TrainConfig


def planned(out: Path, **settings: Any) -> PlannedTraining:
    return PlannedTraining(TrainConfig(dataset="greatesthits", cpu=True, **settings), out)


def write_log(out: Path, seconds: list[float]) -> None:
    lines = [f"{n},0.5,0.5,1e-5,{one}" for n, one in enumerate(seconds, 1)]
    out.mkdir()
    (out / "loss.csv").write_text(
        "\n".join(["step,loss_audio,loss_video,lr,seconds", *lines, "4,0.5"])
    )


def test_steps_are_those_of_the_training(tmp_path: Path) -> None:
    found = survey_training(planned(tmp_path / "out", limit=10, settings={"steps": 7}))
    assert (found.clips, found.steps, found.done, found.seconds) == (10, 7, 0, None)
    batch = {"batch": 8, "at_once": 8}
    epochs = survey_training(planned(tmp_path / "out", limit=10, epochs=4, settings=batch))
    assert (epochs.steps, epochs.batch) == (5, 8)
    assert not list(tmp_path.iterdir())


def test_time_is_that_of_the_steps_in_the_log(tmp_path: Path) -> None:
    write_log(tmp_path / "out", [9.0, 2.0, 2.5])
    report = report_training(planned(tmp_path / "out", limit=10, settings={"steps": 103}))
    found = {finding.name: finding for finding in report.findings}
    assert report.exit_code == 0
    assert found["steps"].facts["done"] == 3
    assert found["time"].facts["seconds"] == pytest.approx(100 * 2.5)


def test_without_a_log_it_is_not_measured(tmp_path: Path) -> None:
    report = report_training(planned(tmp_path / "out", limit=10, settings={"steps": 5}))
    found = {finding.name: finding for finding in report.findings}
    assert (found["time"].state, found["time"].found) == ("note", "not measured: 5 steps")


def test_what_the_training_refuses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--epochs: found 2 beside --steps 5"):
        survey_training(planned(tmp_path / "out", epochs=2, settings={"steps": 5}))
    report = report_training(planned(tmp_path / "out", mixer="none"))
    assert report.exit_code == ConfigError.exit_code


def test_base_models_and_data_that_lack_are_named_at_once(tmp_path: Path) -> None:
    bases = tuple(f"{part}={tmp_path / part}" for part in ("audio", "video", "motion"))
    report = report_training(planned(tmp_path / "out", scale="paper", bases=bases))
    lines = [finding.found for finding in report.findings]
    assert lines[0].startswith("--data-root: not given")
    assert [str(tmp_path / "audio") in line for line in lines] == [False, True, False, False]
    assert report.exit_code == ConfigError.exit_code
