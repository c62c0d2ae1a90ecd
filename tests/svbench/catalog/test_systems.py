"""The rows of a run: controls, and joint models at which gammas."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.baselines import miniature
from svbench.baselines.joint.mixers import MixerKind
from svbench.catalog.datasets import DATASETS
from svbench.catalog.external_names import EXTERNAL
from svbench.catalog.systems import JOINT, MINI_BATCH, SYSTEMS, build_systems
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.protocols import System
from tests.baselines.miniature.test_systems import untrained
from tests.factories.clips import TwoClips
from tests.factories.model_folders import write_parts


@pytest.fixture(autouse=True)
def _two_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship untrained weights of two mixers."""
    untrained(tmp_path, "cmc-pe")
    untrained(tmp_path, "cross-attention")

    monkeypatch.setattr(miniature, "FOLDER", tmp_path)


def systems(*named: str, dataset: str = "greatesthits", **settings: object) -> list[System]:
    config = RunConfig.of(dataset=dataset, systems=named, **settings)
    return [build(TwoClips()) for build in build_systems(config)]


def names(*named: str, **settings: object) -> list[str]:
    """Return the names of the rows that are no controls."""
    return [row.name for row in systems(*named, **settings) if not row.made_of_real_clips]


def test_controls_come_first_as_they_are_named_and_models_in_the_order_of_the_table() -> None:
    rows = systems("cmc-pe", "lagged", "cross-attention", "real", gamma=(1,))
    assert [row.name for row in rows] == [
        *("lagged", "real", "cross-attention-gamma1", "cmc-pe-gamma1")
    ]
    assert [row.name for row in systems(gamma=(1,))] == [
        *("real", "shuffled", "lagged", "cross-attention-gamma1", "cmc-pe-gamma1")
    ]


def test_an_entry_has_the_title_of_its_rows_and_says_what_they_are_made_of() -> None:
    controls = [name for name in SYSTEMS if name not in (*JOINT, *EXTERNAL)]
    for row in systems(*controls, weights=(str(miniature.FOLDER),)):
        entry = SYSTEMS[row.name]
        assert (row.title, row.made_of_real_clips) == (entry.title, entry.made_of_real_clips)
    for row in systems("cmc-pe", gamma=(2,)):
        assert row.title == f"{SYSTEMS['cmc-pe'].title}, gamma 2"
        assert not row.made_of_real_clips


def test_the_usual_rows_are_the_papers_table() -> None:
    published = DATASETS["greatesthits"].published
    assert published is not None
    swept = [f"cmc-pe-gamma{gamma:g}" for gamma in published.gammas]
    assert names() == ["cross-attention-gamma1", *swept]


@pytest.mark.parametrize("preset", ["paper", "official-code"])
def test_at_paper_scale_the_usual_rows_are_those_of_the_papers_tables(
    preset: str, tmp_path: Path
) -> None:
    """Table 1: cross-attention at gamma 1, CMC-PE at five; Tables 2 and 3: CMC-PE at 1.5."""
    mixers: tuple[MixerKind, ...] = ("cmc-pe", "cross-attention")
    folders = [str(write_parts(tmp_path / "full-size" / mixer, mixer)) for mixer in mixers]
    settings = {"scale": "paper", "weights": folders, "device": "cpu", "preset": preset}
    swept = [f"cmc-pe-gamma{gamma}" for gamma in ("1", "1.25", "1.5", "1.75", "2")]
    assert names(**settings) == ["cross-attention-gamma1", *swept]
    assert names(**settings, gamma=(1.5,)) == ["cross-attention-gamma1.5", "cmc-pe-gamma1.5"]
    for dataset in ("landscape", "vggsound"):
        rows = names("cmc-pe", dataset=dataset, **{**settings, "weights": folders[:1]})
        assert rows == ["cmc-pe-gamma1.5"]


def test_a_gamma_gives_a_row_for_each_model() -> None:
    assert names("cmc-pe", gamma=(1.5, 3)) == ["cmc-pe-gamma1.5", "cmc-pe-gamma3"]
    assert names(gamma=(1,)) == ["cross-attention-gamma1", "cmc-pe-gamma1"]


def test_a_model_without_weights_is_named() -> None:
    message = "--systems cross-attention-sequence: found no weights of it, expected one of cmc-pe"
    with pytest.raises(DataError, match=message):
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
    assert names(dataset="landscape") == []
    shutil.copytree(tmp_path, tmp_path / "landscape", ignore=lambda *_: ["landscape"])
    assert names("cmc-pe", dataset="landscape") == ["cmc-pe-gamma1.5"]  # the paper's, not swept


def test_guidance_is_the_users_if_given() -> None:
    (system,) = systems("cmc-pe", gamma=(1,), guidance=("1", "3.5"), device="cpu")
    assert system.settings["guidance"] == "sound 1, video 3.5"
    with pytest.raises(ConfigError, match="--guidance"):
        RunConfig.of(dataset="greatesthits", guidance=("0.5", "2"))


def test_a_gamma_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="--gamma"):
        names(gamma=(0,))


def test_settings_hold_the_miniatures_guidance() -> None:
    (system,) = systems("cmc-pe", gamma=(1,), device="cpu")
    assert system.settings["guidance"] == "sound 1, video 1"
    assert system.settings["batch"] == MINI_BATCH


def test_weights_of_which_no_row_is_made_are_refused(tmp_path: Path) -> None:
    mixers: tuple[MixerKind, ...] = ("cmc-pe", "cross-attention")
    folders = [str(write_parts(tmp_path / "full-size" / mixer, mixer)) for mixer in mixers]
    settings = {"scale": "paper", "weights": folders, "device": "cpu"}
    with pytest.raises(ConfigError, match="found a joint model of cmc-pe, expected only those of"):
        names("cross-attention", **settings)
    assert names("codec", "cross-attention", **settings) == ["cross-attention-gamma1"]


def test_a_data_set_for_which_no_weights_ship_has_no_joint_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = replace(DATASETS["greatesthits"], joint_weights=None, published=None)
    monkeypatch.setitem(DATASETS.loaders, "another", lambda: entry)
    assert names(dataset="another") == []
    rows = names("cmc-pe", dataset="another", weights=(str(miniature.FOLDER),))
    assert rows == ["cmc-pe-gamma1.5"]  # no published table: the preset's gamma
