"""What is listed is what the tables hold: every preset is taken, and no other."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import pytest

from svbench.catalog import listing
from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.datasets import DATASETS
from svbench.catalog.metrics import DEFAULT_METRICS, METRICS, build_metrics
from svbench.errors import ConfigError

SETTINGS = MetricSettings()


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


@pytest.mark.parametrize("metric", [name for name in METRICS if METRICS[name].also])
def test_what_is_listed_as_behind_a_preset_is_taken_there_and_in_any_order(metric: str) -> None:
    entry = METRICS[metric]
    suffixes: dict[str, list[str]] = {preset: [] for preset in entry.presets}
    for said in entry.also:
        suffix, _, presets = said.partition(" behind ")
        if presets:
            for preset in entry.presets if presets == "any" else presets.split(", "):
                suffixes[preset].append(suffix)
    for preset, of in suffixes.items():
        for chosen in (c for n in (1, 2) for c in combinations(of, n) if c != ("+repeat", "+pad")):
            orders = ["".join((preset, *order)) for order in permutations(chosen)]
            names = {c.name for o in orders for c in build_metrics([f"{metric}@{o}"], SETTINGS)}
            assert len(names) == 1, orders
            assert "+miniature" not in chosen or next(iter(names)).endswith("+miniature")
    small = f"{metric}@{entry.usual}+miniature"
    if entry.has_miniature:
        with pytest.raises(ConfigError):
            build_metrics([f"{small}+miniature"], SETTINGS)
        with pytest.raises(ConfigError):
            build_metrics([f"{small}-leaky"], SETTINGS)


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
