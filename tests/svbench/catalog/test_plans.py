"""Plans of `svbench run` and `svbench score`: the columns taken by default, and their notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines import controls
from svbench.catalog import listing
from svbench.catalog.columns.entries import MetricEntry, MetricSettings
from svbench.catalog.datasets import Dataset
from svbench.catalog.metrics import build_metrics
from svbench.catalog.plans import plan_run, plan_score
from svbench.catalog.systems import SystemEntry
from svbench.config import RunConfig, ScoreConfig
from svbench.datasets import manifest
from svbench.protocols import Extractor
from svbench.types import Better, Features, Judgement, Score
from svbench.walk.plan import Plan, metrics_of, reasons_of
from tests.factories.clips import SPEC, TwoClips, write_folder
from tests.factories.commands import Command
from tests.factories.plugins import add_module


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "no-weights"))


def score_plan(folder: Path, captions: Path | None = None, frames: int = 8) -> Plan:
    paths = write_folder(folder / "clips", 4)
    if captions is not None:
        captions.write_text("".join(f"{p.stem},a stick\n" for p in paths), encoding="utf-8")
    return plan_score(
        ScoreConfig(
            generated=(folder / "clips",),
            reference=folder / "clips",
            captions=captions,
            frames=frames,
        )
    )


def names(plan: Plan) -> list[str]:
    return [column.name.partition("@")[0] for column in plan.columns]


def test_scores_that_read_captions_are_usual_only_where_there_are_some(tmp_path: Path) -> None:
    bare = score_plan(tmp_path / "bare")
    assert "ib-av" in names(bare)
    assert "ib-ta" not in names(bare)
    note = "no clip has a caption (see --captions), so IB-TA and IB-TV are not judged"
    assert note in bare.read().notes
    captioned = score_plan(tmp_path / "captioned", captions=tmp_path / "captions.csv")
    assert {"ib-ta", "ib-tv"} <= set(names(captioned))
    assert note not in captioned.read().notes


def test_where_some_clips_have_captions_the_columns_say_what_is_missing(tmp_path: Path) -> None:
    paths = write_folder(tmp_path / "clips", 4)
    paths[0].with_suffix(".txt").write_text("a stick")
    clips = tmp_path / "clips"
    config = ScoreConfig(generated=(clips,), reference=clips, frames=8)
    plan = plan_score(config)
    assert {"ib-ta", "ib-tv"} <= set(names(plan))
    reason = (
        "no caption of 3 of 4 clips of clips (c1, c2, c3) and 3 of 4 clips of the reference "
        "(c1, c2, c3)"
    )
    reasons = reasons_of(plan.columns)
    assert reasons["ib-ta@published"] == reasons["ib-tv@published"] == reason
    only = config.model_copy(update={"metrics": ("av-align-corrected",)})
    assert names(plan_score(only)) == ["av-align-corrected"]


def test_clips_too_short_for_i3d_leave_its_column_blank(tmp_path: Path) -> None:
    reasons = reasons_of(score_plan(tmp_path, frames=8).columns)
    assert reasons["fvd@stylegan-v-16f"] == "8 frames are judged, I3D needs 16"


def test_too_few_clips_for_a_distance_leave_a_cell_blank(svbench: Command, tmp_path: Path) -> None:
    outcome = svbench(
        *("run", "--dataset", "greatesthits", "--limit", 1, "--systems", "real"),
        *("--metrics", "fad,ib-av", "--out", tmp_path / "out", "--workers", 2),
    )
    assert outcome.code == 0, outcome.err
    assert "needs at least 2 clips" in outcome.out


def test_how_recorded_clips_are_read_is_part_of_the_plan(tmp_path: Path) -> None:
    settings = {"frame_choice": "official", "channels": "first", "limit": 2, "systems": ("real",)}
    config = RunConfig.of(dataset="landscape", metrics=("ib-av",), **settings)
    spec = plan_run(config, tmp_path).read().spec
    assert (spec.frame_choice, spec.channels) == ("official", "first")


@dataclass(frozen=True)
class Count:
    """Scores how many clips there are."""

    extractor: Extractor
    name: str = "count@all"
    title: str = "Clips"
    better: Better = "higher"
    needs_reference: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        del reference
        count = generated.count
        return Judgement(Score(self.name, float(count), self.better, count))


def test_the_entries_of_a_plug_in_join_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names are taken, and their clips, rows and columns planned."""
    paths = write_folder(tmp_path / "real", 2)
    dataset = Dataset(
        title="Toys",
        about="Toys: two clips",
        spec=SPEC,
        captions="none",
        load=lambda root, _config: (manifest.load(root)["real"], ("two toys",)),
        metrics=("count",),
    )
    (events,) = metrics_of(build_metrics(["av-align-corrected"], MetricSettings()))
    column = Count(events.extractor)
    metric = MetricEntry(lambda _preset, _settings: column, {"all": ()}, "all")
    late = partial(controls.lagged, lag=0.1)
    add_module(
        monkeypatch,
        "toybox",
        DATASETS={"toys": lambda: dataset},
        METRICS={"count": metric},
        SYSTEMS={"lagged-0.1": SystemEntry("late", lambda _config: [late])},
    )
    config = RunConfig.of(
        dataset="toys",
        scale="paper",
        data_root=paths[0].parent,
        systems=("lagged-0.1",),
        plugins=("toybox",),
    )
    plan = plan_run(config, tmp_path / "out")
    data = plan.read()
    assert (data.title, len(data.real)) == ("Toys", 2)
    origins = dict.fromkeys(("count", "lagged-0.1", "toys"), "toybox 0.1")
    assert dict(plan.plugins) == origins
    named = ", ".join(f"{name} of toybox 0.1" for name in origins)
    assert data.notes == ("two toys", f"plug-ins: {named}")
    (built,) = metrics_of(plan.columns)
    assert (built.name, built.extractor) == ("count@all", events.extractor)
    assert built.settings == {**column.settings, "plug-in": "toybox 0.1"}
    (row,) = (build(TwoClips()) for build in plan.systems)
    assert row.settings == {**late(TwoClips()).settings, "plug-in": "toybox 0.1"}
    listed = listing.systems(["toybox"])[-1]
    assert (listed.name, listed.usual, listed.origin) == ("lagged-0.1", False, "toybox 0.1")
    assert listing.datasets(["toybox"])[-1].name == "toys"
    (preset,) = listing.metrics(["toybox"])[-1].presets
    assert preset.default_of == ["run --dataset toys"]
