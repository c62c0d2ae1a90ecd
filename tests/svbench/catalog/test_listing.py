"""What is listed is what the tables hold: every preset is taken, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog import listing
from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.datasets import DATASETS
from svbench.catalog.metrics import DEFAULT_METRICS, METRICS, build_metrics
from svbench.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_takes_the_presets_that_are_listed_and_names_the_weights(metric: str) -> None:
    presets = METRICS[metric].presets
    assert presets
    for name, files in presets.items():
        column = METRICS[metric].build(name, MetricSettings())
        assert column.name == f"{metric}@{name}"
        reason = getattr(column, "reason", "")
        assert reason.partition("svbench weights fetch ")[2].split() == list(files)
    with pytest.raises(ConfigError) as refused:
        METRICS[metric].build("no-such-preset", MetricSettings())
    assert all(name in str(refused.value) for name in presets)


@pytest.mark.parametrize("metric", METRICS)
def test_the_preset_that_is_listed_as_usual_is_taken_where_none_is_named(metric: str) -> None:
    (entry,) = [entry for entry in listing.metrics() if entry.name == metric]
    (usual,) = [preset.name for preset in entry.presets if preset.usual]
    column = METRICS[metric].build("", MetricSettings())
    assert column.name == f"{metric}@{usual}"
    assert (entry.title, entry.better) == (column.title, column.better)


def test_all_defaults_of_all_commands_are_listed() -> None:
    of = [(e.name, p) for e in listing.metrics() for p in e.presets]
    for command, names in {
        "run --dataset greatesthits --scale mini": DEFAULT_METRICS["mini"],
        "score": DEFAULT_METRICS["score"],
        "run --dataset vggsound": DATASETS["vggsound"].metrics,
    }.items():
        found = [f"{name}@{p.name}" for name, p in of if command in p.default_of]
        columns = build_metrics(names, MetricSettings())
        assert sorted(found) == sorted(column.name for column in columns)
