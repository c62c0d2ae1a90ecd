"""Data sets as a run reads them, and the columns that it fills for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.catalog.datasets import DATASETS, LoadedDataset, drawn, load_dataset, usual_mixers
from svbench.catalog.plans import plan_run
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.miniature.drawing import strokes
from svbench.types import ClipSpec

SMALL = ClipSpec(16, 4.0, (64, 64), 16000)
WHOLE = ClipSpec(16, 4.0, (256, 256), 16000)
PAPER_ORDER = ["fvd", "ib-tv", "fad", "ib-ta", "ib-av"]
OF_CLASSES = ["landscape", "vggsound"]  # whose captions are names of classes
each = pytest.mark.parametrize("name", OF_CLASSES)


def real(name: str, root: Path, **settings: object) -> LoadedDataset:
    config = RunConfig.of(dataset=name, scale="paper", data_root=root, **settings)
    return load_dataset(config, root / "out", compared=True)


@each
def test_the_miniature_is_drawn_into_the_run_folder(name: str, tmp_path: Path) -> None:
    config = RunConfig(dataset=name, limit=2)
    found = load_dataset(config, tmp_path)
    assert found.title in ("Landscape, miniature", "VGGSound, miniature")
    assert (found.spec, len(found.examples)) == (SMALL, 2)
    assert "not comparable with published figures" in found.notes[0]
    assert all(e.recording.path.is_relative_to(tmp_path / "data") for e in found.examples)


@each
def test_the_real_set_is_read_from_its_folder(name: str, tmp_path: Path) -> None:
    drawn(name).draw(tmp_path, seed=0, test=3)  # in the real form on disk
    found = real(name, tmp_path, limit=2)
    assert (found.title.lower(), found.spec, len(found.examples)) == (name, WHOLE, 2)
    assert (found.notes, found.reference) == ((), ())
    assert not (tmp_path / "out").exists()


@each
def test_a_list_of_clips_comes_by_captions(name: str, tmp_path: Path) -> None:
    drawn(name).draw(tmp_path, seed=0, test=2)
    first, _ = real(name, tmp_path).examples
    known = f"{first.id}.mp4,another caption\n"
    gone = "thunder/gone.mp4\n" if name == "landscape" else "abcdefghijk_000001.mp4,x\n"
    (tmp_path / "list.csv").write_text(known + gone)
    with pytest.raises(DataError, match="1 of 2 listed clips are not there"):
        real(name, tmp_path, captions=tmp_path / "list.csv")
    examples = real(name, tmp_path, captions=tmp_path / "list.csv", allow_missing=True).examples
    assert [e.recording.path.is_file() for e in examples] == [True, False]
    assert examples[0].caption == "another caption"


@pytest.mark.parametrize("name", DATASETS)
def test_data_where_none_is_expected_and_none_where_it_is(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--data-root .*: the miniature is drawn by svbench"):
        load_dataset(RunConfig(dataset=name, data_root=tmp_path), tmp_path)
    with pytest.raises(ConfigError, match="--data-root: not given, expected the folder of the"):
        load_dataset(RunConfig(dataset=name, scale="paper"), tmp_path)


@each
def test_the_usual_columns_are_those_of_tables_2_and_3(name: str, tmp_path: Path) -> None:
    config = RunConfig(dataset=name, limit=1, systems=("real",))
    plan = plan_run(config, tmp_path)
    assert [column.name.partition("@")[0] for column in plan.columns] == PAPER_ORDER
    named = config.model_copy(update={"metrics": ("fad",)})
    assert [c.name.partition("@")[0] for c in plan_run(named, tmp_path).columns] == ["fad"]


@pytest.mark.parametrize("dataset", [n for n, entry in DATASETS.items() if entry.miniature])
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


def test_the_miniatures_test_clips_all_hold_a_stroke(tmp_path: Path) -> None:
    """AV-Align of a clip in which nothing happens is 0 for everybody."""
    config = RunConfig.of(dataset="greatesthits", limit=20)
    found = load_dataset(config, tmp_path / "test")
    assert len(found.examples) == 20
    assert all(example.onsets for example in found.examples)
    (note,) = [note for note in found.notes if "not judged" in note]
    assert note == (
        "Greatest Hits, miniature: 3 of 23 drawn test clips are not judged: the drumstick strikes "
        "nothing in them, so that nothing could be in time"  # whatever the columns are
    )
    learned = load_dataset(
        RunConfig.of(dataset="greatesthits", limit=20, split="train"), tmp_path / "train"
    )
    assert not all(example.onsets for example in learned.examples)  # training sees them all
    assert not any("not judged" in note for note in learned.notes)


def test_enough_segments_are_drawn() -> None:
    for struck in (1, 6, 7, 64, 1000):
        segments = strokes.drawn_for(struck)
        held = sum(not strokes.is_empty(segment) for segment in range(segments))
        assert held == struck


def test_a_data_set_without_a_miniature_is_refused_at_mini(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(DATASETS["landscape"], miniature=None)
    monkeypatch.setitem(DATASETS.loaders, "real-only", lambda: entry)
    with pytest.raises(ConfigError, match="--dataset real-only: it has no miniature"):
        plan_run(RunConfig(dataset="real-only", systems=("real",)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_mixers_of_a_training_are_those_that_the_papers_table_compares() -> None:
    assert usual_mixers("greatesthits") == ("cmc-pe", "cross-attention", "cross-attention-sequence")
    assert {usual_mixers(name) for name in OF_CLASSES} == {("cmc-pe",)}
