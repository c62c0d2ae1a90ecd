"""Which joint models a run samples from, and at which gammas."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench import joint_systems
from svbench.baselines import miniature
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.joint_systems import GAMMAS
from tests.baselines.test_miniature_systems import untrained


@pytest.fixture(autouse=True)
def _two_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship two mixers that learned nothing."""
    untrained(tmp_path, "cmc-pe")
    untrained(tmp_path, "cross-attention")

    def shipped() -> tuple[str, ...]:
        return "cmc-pe", "cross-attention"

    class Here(miniature.Shipped):
        def __init__(self, mixer: miniature.MixerKind) -> None:
            super().__init__(mixer, tmp_path)

    monkeypatch.setattr(joint_systems.miniature, "shipped", shipped)
    monkeypatch.setattr(joint_systems.miniature, "Shipped", Here)


def names(*asked: str, **settings: object) -> list[str]:
    config = RunConfig.of(dataset="greatesthits", **settings)
    return [system.name for system in joint_systems.joint_systems(config, asked)]


def test_the_usual_rows_are_the_papers_table() -> None:
    swept = [f"cmc-pe-gamma{gamma:g}" for gamma in GAMMAS]
    assert names() == ["cross-attention-gamma1", *swept]


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


def test_the_miniature_takes_no_folder() -> None:
    with pytest.raises(ConfigError, match="--weights x: the miniature's weights come with svbench"):
        names(weights=("x",))


def test_a_gamma_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="--gamma"):
        names(gamma=(0,))


def test_settings_tell_the_miniatures_guidance() -> None:
    config = RunConfig.of(dataset="greatesthits", gamma=(1,), device="cpu")
    (system,) = joint_systems.joint_systems(config, ["cmc-pe"])
    assert system.settings["guidance"] == "sound 1.5, video 1.5"
    assert system.settings["batch"] == str(joint_systems.MINI_BATCH)
