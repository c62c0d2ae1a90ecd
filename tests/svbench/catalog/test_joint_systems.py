"""Which joint models a run samples from, and at which gammas."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from svbench.baselines.joint.mixers import MixerKind
from svbench.catalog import joint_systems
from svbench.catalog.joint_systems import GAMMAS
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from tests.baselines.miniature.test_systems import untrained
from tests.factories.model_folders import write_parts


@pytest.fixture(autouse=True)
def _two_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship two mixers that learned nothing."""
    untrained(tmp_path, "cmc-pe")
    untrained(tmp_path, "cross-attention")

    monkeypatch.setattr(joint_systems.miniature, "FOLDER", tmp_path)


def names(*asked: str, **settings: object) -> list[str]:
    config = RunConfig.of(dataset="greatesthits", **settings)
    return [system.name for system in joint_systems.joint_systems(config, asked)]


def test_the_usual_rows_are_the_papers_table() -> None:
    swept = [f"cmc-pe-gamma{gamma:g}" for gamma in GAMMAS]
    assert names() == ["cross-attention-gamma1", *swept]


@pytest.mark.parametrize("preset", ["paper", "official-code"])
def test_at_paper_scale_the_usual_rows_are_those_of_the_papers_tables(
    preset: str, tmp_path: Path
) -> None:
    """Table 1: cross-attention at gamma 1, CMC-PE at five; Tables 2 and 3: CMC-PE at 1.5."""
    mixers: tuple[MixerKind, ...] = ("cmc-pe", "cross-attention")
    folders = [str(write_parts(tmp_path / "full-size" / mixer, mixer)) for mixer in mixers]
    asked = {"scale": "paper", "weights": folders, "device": "cpu", "preset": preset}
    swept = [f"cmc-pe-gamma{gamma}" for gamma in ("1", "1.25", "1.5", "1.75", "2")]
    assert names(**asked) == ["cross-attention-gamma1", *swept]
    assert names(**asked, gamma=(1.5,)) == ["cross-attention-gamma1.5", "cmc-pe-gamma1.5"]
    for dataset in ("landscape", "vggsound"):
        config = RunConfig.of(dataset=dataset, **{**asked, "weights": folders[:1]})
        rows = [system.name for system in joint_systems.joint_systems(config, ["cmc-pe"])]
        assert rows == ["cmc-pe-gamma1.5"]


def test_a_gamma_gives_a_row_for_each_model() -> None:
    assert names("cmc-pe", gamma=(1.5, 3)) == ["cmc-pe-gamma1.5", "cmc-pe-gamma3"]
    assert names(gamma=(1,)) == ["cross-attention-gamma1", "cmc-pe-gamma1"]


def test_a_model_without_weights_is_named() -> None:
    said = "--systems cross-attention-sequence: found no weights of it, expected one of cmc-pe"
    with pytest.raises(DataError, match=said):
        names("cross-attention-sequence")


def test_at_paper_scale_weights_are_asked_for() -> None:
    assert names(scale="paper") == []
    with pytest.raises(DataError, match=r"--systems cmc-pe: found no weights of it.*hf download"):
        names("cmc-pe", scale="paper")


def test_the_miniature_takes_one_folder_of_its_own(tmp_path: Path) -> None:
    assert names(weights=(str(tmp_path),), gamma=(1,)) == [
        "cross-attention-gamma1",
        "cmc-pe-gamma1",
    ]
    with pytest.raises(DataError, match="--weights x: found no joint weights of the miniature"):
        names(weights=("x",))
    with pytest.raises(ConfigError, match="--weights y: found a second folder"):
        names(weights=("x", "y"))


def test_other_data_sets_have_weights_of_their_own(tmp_path: Path) -> None:
    assert joint_systems.joint_systems(RunConfig.of(dataset="landscape"), []) == []
    shutil.copytree(tmp_path, tmp_path / "landscape", ignore=lambda *_: ["landscape"])
    rows = joint_systems.joint_systems(RunConfig.of(dataset="landscape"), ["cmc-pe"])
    assert [row.name for row in rows] == ["cmc-pe-gamma1.5"]  # the paper's, not swept


def test_guidance_is_the_users_if_given() -> None:
    config = RunConfig.of(dataset="greatesthits", gamma=(1,), guidance=("1", "3.5"), device="cpu")
    (system,) = joint_systems.joint_systems(config, ["cmc-pe"])
    assert system.settings["guidance"] == "sound 1, video 3.5"
    with pytest.raises(ConfigError, match="--guidance"):
        RunConfig.of(dataset="greatesthits", guidance=("0.5", "2"))


def test_a_gamma_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="--gamma"):
        names(gamma=(0,))


def test_settings_tell_the_miniatures_guidance() -> None:
    config = RunConfig.of(dataset="greatesthits", gamma=(1,), device="cpu")
    (system,) = joint_systems.joint_systems(config, ["cmc-pe"])
    assert system.settings["guidance"] == "sound 1, video 1"
    assert system.settings["batch"] == joint_systems.MINI_BATCH
