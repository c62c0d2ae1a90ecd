"""The record of a run folder: which settings may change, by what each of them decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import ConfigError
from svbench.files.store import Store
from svbench.protocols import System
from svbench.walk.plan import RunSettings
from svbench.walk.record import open_record
from tests.whole_walk.test_walk import Toy

BEFORE = RunSettings(
    command="run",
    values={"seed": 0, "limit": 4, "steps": 25, "weights": ["a"]},
    growing=frozenset({"limit"}),
    sampling=("steps", "weights"),
    coding=("weights",),
)
Changes = dict[str, Any]


def record(out: Path, settings: RunSettings, *systems: System) -> None:
    """Open, check and write the record of a folder, as a walk does."""
    opened = open_record(settings, out)
    opened.check(systems, (), Store(out))
    opened.write(systems, {})


def changed(**values: Any) -> RunSettings:
    return replace(BEFORE, values={**BEFORE.values, **values})


def test_run_json_holds_the_settings_and_what_decides_each_system(tmp_path: Path) -> None:
    coded = Toy("codec", settings={"weights": "abc"}, made_of_real_clips=True)
    lagged = Toy("lagged", made_of_real_clips=True)
    record(tmp_path, BEFORE, Toy(), coded, lagged)
    written = json.loads((tmp_path / "run.json").read_text())
    assert (written["command"], written["config"]) == ("run", BEFORE.values)
    assert written["made"] == {
        "toy": {"steps": 25, "weights": ["a"]},
        "codec": {"weights": ["a"]},
    }


def test_auto_is_the_device_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    record(tmp_path, changed(device="cpu"))
    record(tmp_path, changed(device="auto"))
    with pytest.raises(ConfigError, match="device was 'auto', is 'cuda'"):
        record(tmp_path, changed(device="cuda"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(ConfigError, match="device was 'auto', is 'cpu'"):
        record(tmp_path, changed(device="cpu"))


@pytest.mark.parametrize("values", [{"limit": 9}, {"limit": None}, {"weights": ["a", "b"]}])
def test_settings_that_change_nothing_that_is_there_are_free(
    values: Changes, tmp_path: Path
) -> None:
    record(tmp_path, BEFORE, Toy())
    record(tmp_path, changed(**values), Toy())
    assert json.loads((tmp_path / "run.json").read_text())["config"] == changed(**values).values


def test_a_setting_of_no_kind_is_refused(tmp_path: Path) -> None:
    record(tmp_path, BEFORE)
    with pytest.raises(ConfigError, match=r"it holds another run \(seed was 0, is 1\)"):
        open_record(changed(seed=1), tmp_path)


def test_a_setting_of_sampling_is_refused_for_systems_that_sampled_alone(tmp_path: Path) -> None:
    record(tmp_path, BEFORE, Toy("one"))
    record(tmp_path, changed(steps=50), Toy("other"))
    with pytest.raises(ConfigError, match=r"of one were made otherwise \(steps was 25, is 50"):
        record(tmp_path, changed(steps=50), Toy("one"))


def test_a_folder_of_another_command_is_refused_by_that_alone(tmp_path: Path) -> None:
    record(tmp_path, BEFORE)
    other = RunSettings(command="score", values={"reference": "real"})
    with pytest.raises(ConfigError) as caught:
        open_record(other, tmp_path)
    assert str(caught.value) == (
        f"--out {tmp_path}: it holds another run (command was 'run', is 'score'); "
        "choose another --out"
    )


def test_what_an_older_version_did_not_record_has_its_default(tmp_path: Path) -> None:
    record(tmp_path, BEFORE)
    newer = replace(changed(pad=False), defaults={"pad": False})
    open_record(newer, tmp_path)
    with pytest.raises(ConfigError, match="pad was False, is True"):
        open_record(replace(newer, values={**newer.values, "pad": True}), tmp_path)


def test_a_first_try_without_a_table_may_be_repeated_by_any_settings_if_nothing_samples(
    tmp_path: Path,
) -> None:
    scored = RunSettings(command="score", values={"fps": 8.0})
    record(tmp_path, scored)
    other = replace(scored, values={"fps": 4.0})
    open_record(other, tmp_path)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"fps was 8\.0, is 4\.0"):
        open_record(other, tmp_path)
