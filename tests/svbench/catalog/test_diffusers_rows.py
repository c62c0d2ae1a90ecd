"""Pipelines of diffusers on the command line: names, which settings they read, guidance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.diffusers_av.system import DiffusersSystem
from svbench.catalog.diffusers_rows import digests, find_pipelines
from svbench.catalog.systems import SYSTEMS, build_systems
from svbench.config import RunConfig
from svbench.errors import ConfigError
from svbench.protocols import System
from tests.baselines.diffusers_av.test_folder import write_index
from tests.factories.clips import TwoClips


@pytest.fixture(autouse=True)
def folder_of_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(tmp_path / "systems"))


def rows(*named: str, **settings: Any) -> list[System]:
    config = RunConfig.of(dataset="greatesthits", systems=named, device="cpu", **settings)
    return [build(TwoClips()) for build in build_systems(config)]


def row(name: str, **settings: Any) -> DiffusersSystem:
    (found,) = rows(name, **settings)
    assert isinstance(found, DiffusersSystem)
    return found


def test_a_pipeline_is_a_row(tmp_path: Path) -> None:
    name = f"diffusers:LTX2Pipeline={write_index(tmp_path / 'ltx-2', 'LTX2Pipeline')}"
    found = row(name)
    assert (found.name, found.title) == ("LTX2Pipeline-ltx-2", SYSTEMS.known(name).title)
    assert found.settings["sampler"] == "its own steps, its own guidance"
    found = row(name, steps=7, guidance=(7.0, 3.0), batch=4, dtype="bfloat16")
    assert found.settings["sampler"] == "7 steps, 3, 7 guidance"  # of picture and of sound
    assert (found.batch, found.settings["dtype"]) == (4, "bfloat16")


def test_sizes_are_those_of_training_at_the_papers_scale_alone(tmp_path: Path) -> None:
    name = f"diffusers:LTX2Pipeline={write_index(tmp_path / 'ltx-2', 'LTX2Pipeline')}"
    assert "short side at least 1 px" in str(row(name).settings["native"])
    assert "short side at least 512 px" in str(row(name, scale="paper").settings["native"])


def test_settings_that_a_pipeline_does_not_take_are_refused(tmp_path: Path) -> None:
    name = f"diffusers:EchoModularPipeline={write_index(tmp_path / 'e', 'EchoModularPipeline')}"
    for setting in ({"steps": 9}, {"guidance": (3.0, 3.0)}, {"batch": 2}, {"compile": True}):
        with pytest.raises(ConfigError, match="expected it only beside a joint model"):
            row(name, **setting)


def test_one_number_of_guidance_is_not_two(tmp_path: Path) -> None:
    kind = "Kandinsky6TI2VAPipeline"
    name = f"diffusers:{kind}={write_index(tmp_path / 'k', kind)}"
    assert row(name, guidance=(5.0, 5.0)).settings["sampler"] == "its own steps, 5 guidance"
    with pytest.raises(ConfigError, match="--guidance: found 4,5, expected one number twice"):
        row(name, guidance=(4.0, 5.0))


def test_the_halves_of_a_pair_have_guidance_of_their_own(tmp_path: Path) -> None:
    seen = write_index(tmp_path / "a", "AnimateDiffPipeline")
    heard = write_index(tmp_path / "s", "StableAudioPipeline")
    name = f"diffusers:AnimateDiffPipeline={seen}+StableAudioPipeline={heard}"
    settings = row(name, guidance=(7.0, 3.0)).settings
    assert settings["sampler of picture"] == "its own steps, 3 guidance"
    assert settings["sampler of sound"] == "its own steps, 7 guidance"


def test_rows_of_one_name_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    one = write_index(tmp_path / "one" / "x", "LTX2Pipeline")
    two = write_index(tmp_path / "two" / "x", "LTX2Pipeline")
    (two / "vae" / "config.json").write_text('{"other": 1}')
    found = [row(f"diffusers:LTX2Pipeline={folder}") for folder in (one, two)]
    assert found[0].settings["weights"] != found[1].settings["weights"]


def test_nothing_is_written_into_a_folder_of_weights(tmp_path: Path) -> None:
    place = write_index(tmp_path / "x", "LTX2Pipeline")
    before = sorted(place.rglob("*"))
    named = find_pipelines(f"LTX2Pipeline={place}")
    found = digests(named.folders[0])
    assert list(found) == ["model_index.json", "vae/config.json"]
    assert digests(named.folders[0]) == found
    assert sorted(place.rglob("*")) == before
