"""The column of DeSync: what is absent, and why, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import build_metrics
from svbench.metrics.desync import DeSync
from svbench.walk.plan import Unavailable


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))


def reason(name: str, seconds: float | None) -> str:
    (column,) = build_metrics([name], MetricSettings(seconds=seconds))
    assert isinstance(column, Unavailable)
    return column.reason


@pytest.mark.parametrize("name", ["desync", "desync@expected"])
def test_clips_too_short_for_a_window_are_refused_before_weights_are_asked_for(name: str) -> None:
    assert "clips of 4 s are made, Synchformer needs 4.8 s" in reason(name, 4.0)
    assert "weights fetch synchformer" in reason(name, 4.8)
    assert "weights fetch synchformer" in reason(name, None)


@pytest.mark.parametrize("name", ["javisbench", "av-benchmark+repeat", "expected+pad"])
def test_a_policy_takes_short_clips(name: str) -> None:
    assert "weights fetch synchformer" in reason(f"desync@{name}", 4.0)


def test_drawn_clips_are_judged_by_the_small_network_whose_window_they_hold() -> None:
    for name, small in (("desync", True), ("desync@av-benchmark+miniature", False)):
        (column,) = build_metrics([name], MetricSettings(small=small, seconds=4.0))
        assert isinstance(column, DeSync)
        assert column.name == "desync@av-benchmark+miniature"
        assert column.extractor.config.least_seconds == 3.84
        assert str(column.settings["caveat"]).endswith("strokes, and no other clips")
    (column,) = build_metrics(["desync"], MetricSettings(small=True, seconds=3.0))
    assert isinstance(column, Unavailable)
    assert "clips of 3 s are made, Synchformer needs 3.84 s" in column.reason


def test_clips_are_read_as_they_were_made() -> None:
    from svbench.files.weights.loading import WeightFile
    from svbench.metrics.desync import desync
    from svbench.metrics.desync_protocols import PROTOCOLS

    built = desync(PROTOCOLS["av-benchmark"], WeightFile("synchformer", Path("none"), "0"))
    assert isinstance(built, DeSync)
    assert built.extractor.view == "native"
