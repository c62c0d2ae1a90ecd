"""Landscape and VGGSound as a run finds them, and the columns it fills for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog import plans as catalog
from svbench.catalog.class_datasets import SOURCES, find
from svbench.catalog.runs import plan_run
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.miniature import landscape as nature
from svbench.miniature import vggsound as everyday
from svbench.types import ClipSpec

SMALL = ClipSpec(16, 4.0, (64, 64), 16000)
WHOLE = ClipSpec(16, 4.0, (256, 256), 16000)
PAPER_ORDER = ["fvd", "ib-tv", "fad", "ib-ta", "ib-av"]
each = pytest.mark.parametrize("name", SOURCES)


@each
def test_the_miniature_is_drawn_into_the_run_folder(name: str, tmp_path: Path) -> None:
    config = RunConfig(dataset=name, limit=2)
    found = catalog.DATASETS[name](config, tmp_path)
    assert found.title in ("Landscape, miniature", "VGGSound, miniature")
    assert (found.spec, len(found.examples)) == (SMALL, 2)
    assert "not comparable with published figures" in found.notes[0]
    assert all(e.recording.path.is_relative_to(tmp_path / "data") for e in found.examples)


@each
def test_the_real_set_is_read_from_its_folder(name: str, tmp_path: Path) -> None:
    draw = {"landscape": nature.draw, "vggsound": everyday.draw}[name]
    draw(tmp_path / "data", seed=0, test=3)  # in the real form on disk
    config = RunConfig(dataset=name, scale="paper", data_root=tmp_path / "data", limit=2)
    title, spec, examples, *rest = find(config, tmp_path / "out", clips=64, compared=True)
    assert (title.lower(), spec, len(examples), rest) == (name, WHOLE, 2, [(), ()])
    assert not (tmp_path / "out").exists()


@each
def test_a_list_of_clips_comes_by_captions(name: str, tmp_path: Path) -> None:
    draw = {"landscape": nature.draw, "vggsound": everyday.draw}[name]
    draw(tmp_path / "data", seed=0, test=2)
    usual = RunConfig(dataset=name, scale="paper", data_root=tmp_path / "data")
    first = find(usual, tmp_path, clips=64)[2][0]
    known = f"{first.id}.mp4,another caption\n"
    gone = "thunder/gone.mp4\n" if name == "landscape" else "abcdefghijk_000001.mp4,x\n"
    (tmp_path / "list.csv").write_text(known + gone)
    listed = usual.model_copy(update={"captions": tmp_path / "list.csv"})
    with pytest.raises(DataError, match="1 of 2 listed clips are not there"):
        find(listed, tmp_path, clips=64)
    knowingly = listed.model_copy(update={"allow_missing": True})
    examples = find(knowingly, tmp_path, clips=64)[2]
    assert [e.recording.path.is_file() for e in examples] == [True, False]
    assert examples[0].caption == "another caption"


@each
def test_data_where_none_is_expected_and_none_where_it_is(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--data-root .*: the miniature is drawn by svbench"):
        find(RunConfig(dataset=name, data_root=tmp_path), tmp_path, clips=2)
    with pytest.raises(ConfigError, match="--data-root: not given, expected the folder of the"):
        find(RunConfig(dataset=name, scale="paper"), tmp_path, clips=2)


@each
def test_the_usual_columns_are_those_of_tables_2_and_3(name: str, tmp_path: Path) -> None:
    config = RunConfig(dataset=name, limit=1, systems=("real",))
    plan = plan_run(config, tmp_path)
    assert [column.name.partition("@")[0] for column in plan.columns] == PAPER_ORDER
    asked = config.model_copy(update={"metrics": ("fad",)})
    assert [c.name.partition("@")[0] for c in plan_run(asked, tmp_path).columns] == ["fad"]
