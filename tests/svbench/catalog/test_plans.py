"""What `--metrics` may name, and what comes of it where weights are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog import plans as catalog
from svbench.catalog.runs import plan_run, plan_score
from svbench.config import RunConfig, ScoreConfig
from svbench.errors import ConfigError, DataError
from svbench.miniature.drawing import strokes
from svbench.protocols import Metric
from svbench.walk.plan import Plan, Unavailable, reasons_of
from tests.factories.clips import write_folder
from tests.factories.commands import Command


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "no-weights"))


MINI = RunConfig(dataset="greatesthits", scale="mini", seed=5)
PAPER = RunConfig(dataset="greatesthits", scale="paper")


def build(name: str, config: RunConfig | ScoreConfig = MINI) -> Metric | Unavailable:
    base, _, option = name.partition("@")
    return catalog.METRICS[base](option, config)


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


@pytest.mark.parametrize(
    ("name", "full", "title"),
    [
        ("fvd", "fvd@stylegan-v-16f+miniature", "FVD (miniature I3D)"),
        ("fvd@all-windows", "fvd@all-windows+miniature", "FVD (miniature I3D, all-windows)"),
        ("fvd@first-16+miniature", "fvd@first-16+miniature", "FVD (miniature I3D, first-16)"),
        ("fad", "fad@audioldm-eval+miniature", "FAD (miniature VGGish)"),
        ("fad@torchvggish", "fad@torchvggish+miniature", "FAD (miniature VGGish, torchvggish)"),
        ("ib-av", "ib-av@published+miniature", "IB-AV (miniature ImageBind)"),
        ("ib-ta", "ib-ta@published+miniature", "IB-TA (miniature ImageBind)"),
        ("ib-tv@published", "ib-tv@published+miniature", "IB-TV (miniature ImageBind)"),
    ],
)
def test_the_miniature_judges_by_the_shipped_networks(name: str, full: str, title: str) -> None:
    metric = build(name)
    assert (metric.name, metric.title) == (full, title)
    assert not isinstance(metric, Unavailable)
    assert metric.settings.get("seed", 5) == 5  # of those that draw


@pytest.mark.parametrize(
    ("name", "full", "fetch"),
    [
        ("fvd", "fvd@stylegan-v-16f", "i3d-torchscript"),
        ("fvd@all-windows", "fvd@all-windows", "i3d"),
        ("fvd@cd-fvd-16f", "fvd@cd-fvd-16f", "i3d-pretrained-400"),
        ("fad", "fad@audioldm-eval", "vggish"),
        ("ib-av", "ib-av@published", "imagebind"),
        ("ib-ta", "ib-ta@published", "imagebind clip-bpe"),
        ("ib-tv", "ib-tv@published", "imagebind clip-bpe"),
    ],
)
def test_absent_weights_leave_a_column_blank_and_say_why(name: str, full: str, fetch: str) -> None:
    column = build(name, PAPER)
    assert isinstance(column, Unavailable)
    assert column.name == full
    assert column.reason.endswith(f"get them by: svbench weights fetch {fetch}")


def test_small_networks_may_be_asked_for_at_any_scale() -> None:
    assert build("fvd@first-16+miniature", PAPER).title == "FVD (miniature I3D, first-16)"


@pytest.mark.parametrize("scale", [MINI, PAPER])
@pytest.mark.parametrize("name", ["fvd@x", "fad@x", "ib-av@x"])
def test_an_unknown_protocol_is_told(name: str, scale: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"--metrics .*: found 'x', expected one of"):
        build(name, scale)


def test_strict_makes_an_absent_weight_an_error(tmp_path: Path) -> None:
    config = PAPER.model_copy(update={"strict": True, "metrics": ("fvd",), "systems": ("real",)})
    with pytest.raises(DataError, match=r"--strict: FVD .* weights fetch i3d-torchscript"):
        catalog.columns_of(config.metrics, config)
    del tmp_path


def names(plan: Plan) -> list[str]:
    return [column.name.partition("@")[0] for column in plan.columns]


def test_scores_that_read_captions_are_usual_only_where_there_are_some(tmp_path: Path) -> None:
    bare = score_plan(tmp_path / "bare")
    assert "ib-av" in names(bare)
    assert "ib-ta" not in names(bare)
    said = "no clip has a caption (see --captions), so IB-TA and IB-TV are not judged"
    assert said in bare.read().notes
    told = score_plan(tmp_path / "told", captions=tmp_path / "captions.csv")
    assert {"ib-ta", "ib-tv"} <= set(names(told))
    assert said not in told.read().notes


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


@pytest.mark.parametrize("dataset", catalog.DATASETS)
def test_a_miniature_keeps_as_many_other_clips_apart_where_sets_are_compared(
    dataset: str, tmp_path: Path
) -> None:
    config = RunConfig.of(dataset=dataset, limit=3, systems=("real",), metrics=("fad",))
    plan = plan_run(config, tmp_path).read()
    assert len(plan.real) == len(plan.reference) == 3
    files = [{e.recording.path.read_bytes() for e in part} for part in (plan.real, plan.reference)]
    assert not files[0] & files[1]
    assert not {e.id for e in plan.real} & {e.id for e in plan.reference}
    alone = config.model_copy(update={"metrics": ("ib-av",)})
    assert plan_run(alone, tmp_path).read().reference == ()


def test_how_recorded_clips_are_read_is_part_of_the_plan(tmp_path: Path) -> None:
    asked = {"frame_choice": "official", "channels": "first", "limit": 2, "systems": ("real",)}
    config = RunConfig.of(dataset="landscape", metrics=("ib-av",), **asked)
    spec = plan_run(config, tmp_path).read().spec
    assert (spec.frame_choice, spec.channels) == ("official", "first")


def test_the_miniatures_test_clips_all_hold_a_stroke(tmp_path: Path) -> None:
    """AV-Align of a clip in which nothing happens is 0 for everybody."""
    config = RunConfig.of(dataset="greatesthits", limit=20)
    found = catalog.DATASETS["greatesthits"](config, tmp_path / "test")
    assert len(found.examples) == 20
    assert all(example.onsets for example in found.examples)
    assert any("without a stroke are left out" in note for note in found.notes)
    learned = catalog.DATASETS["greatesthits"](
        RunConfig.of(dataset="greatesthits", limit=20, split="train"), tmp_path / "train"
    )
    assert not all(example.onsets for example in learned.examples)  # training sees them all


def test_enough_segments_are_drawn() -> None:
    for struck in (1, 6, 7, 64, 1000):
        drawn = strokes.drawn_for(struck)
        held = sum(not strokes.is_empty(segment) for segment in range(drawn))
        assert held == struck
