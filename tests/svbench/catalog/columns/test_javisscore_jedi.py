"""The columns JavisScore, AVHScore and JEDi: presets, views, the small network, absent weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import build_metrics
from svbench.errors import ConfigError
from svbench.metrics.javisscore import JavisScore
from svbench.walk.plan import Unavailable

MINI = MetricSettings(small=True)


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))


def test_both_scores_share_one_extractor_of_the_small_network() -> None:
    first, second = build_metrics(["javisscore", "avhscore"], MINI)
    assert isinstance(first, JavisScore)
    assert isinstance(second, JavisScore)
    assert first.extractor.key == second.extractor.key
    assert first.name == "javisscore@javisbench+miniature"
    assert second.title == "AVHScore (miniature ImageBind, javisbench)"


def test_a_view_and_the_small_network_stand_behind_a_preset() -> None:
    (column,) = build_metrics(["javisscore@javisbench-leaky+native+miniature"], MetricSettings())
    assert isinstance(column, JavisScore)
    assert column.name == "javisscore@javisbench-leaky+native+miniature"
    assert column.extractor.view == "native"


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("javisscore@javisbench+native", MetricSettings(), "svbench weights fetch imagebind"),
        ("jedi", MetricSettings(), "svbench weights fetch vjepa-vith16 vjepa-ssv2-probe"),
        ("jedi@jepa", MetricSettings(frames=8), "8 frames are judged, V-JEPA needs 16"),
    ],
)
def test_what_cannot_be_computed_says_why(name: str, settings: MetricSettings, reason: str) -> None:
    (column,) = build_metrics([name], settings)
    assert isinstance(column, Unavailable)
    assert column.reason.endswith(reason)


@pytest.mark.parametrize("name", ["jedi@best", "avhscore@best"])
def test_an_unknown_preset_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="found 'best', expected one of"):
        build_metrics([name], MetricSettings())
