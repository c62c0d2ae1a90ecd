"""The VGGSound loader reads the set's own lists, and counts missing clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.datasets.vggsound import SPEC, load, survey
from svbench.errors import ConfigError, DataError

ROWS = """\
---g-f_I2yQ,1,people marching,test
--0PQM4-hqg,30,waterfall burbling,train
--56QUhyDQM,185,playing tennis,train
--5OkAjCI7g,40,"bird chirping, tweeting",test
"""
MARCH, BIRD = "---g-f_I2yQ_000001", "--5OkAjCI7g_000040"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data folder: the two test clips, one of them not in `video`."""
    folder = tmp_path / "VGGSound"
    (folder / "video").mkdir(parents=True)
    (folder / "vggsound.csv").write_text(ROWS)
    (folder / "video" / f"{MARCH}.mp4").touch()
    (folder / f"{BIRD}.mp4").touch()
    return folder


def listed(root: Path, text: str) -> Path:
    path = root.parent / "list.csv"
    path.write_text(text)
    return path


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- what it reads -----------------------------------------------------------------------------


def test_the_format_of_the_paper() -> None:
    assert (SPEC.frames, SPEC.fps, SPEC.size, SPEC.sample_rate) == (16, 4.0, (256, 256), 16000)


def test_rows_of_a_split_become_examples(root: Path) -> None:
    march, bird = load(root)
    assert (march.id, march.caption) == (MARCH, "people marching")
    assert (bird.id, bird.caption) == (BIRD, "bird chirping, tweeting")
    assert march.recording.path == root / "video" / f"{MARCH}.mp4"
    assert bird.recording.path == root / f"{BIRD}.mp4"
    assert (bird.recording.start, bird.onsets) == (0.0, None)


def test_the_category_of_a_clip_is_its_label_also_beside_captions_of_another_list(
    root: Path,
) -> None:
    march, bird = load(root)
    assert march.categories == {"class": "people marching"}
    assert bird.categories == {"class": "bird chirping, tweeting"}
    captions = listed(root, f"{MARCH},soldiers walk down a road\n")
    (example,) = load(root, listing=captions)
    assert example.caption == "soldiers walk down a road"
    assert example.categories == {"class": "people marching"}
    (root / "vggsound.csv").unlink()
    (example,) = load(root, listing=captions)
    assert example.categories == {"class": "soldiers walk down a road"}


def test_limit_takes_the_first_and_asks_for_no_other(root: Path) -> None:
    (root / f"{BIRD}.mp4").unlink()
    assert [e.id for e in load(root, limit=1)] == [MARCH]


def test_another_list_in_either_form(root: Path) -> None:
    same = listed(root, f"{BIRD}.mp4,bird chirping\n\n{MARCH},people marching\n")
    assert [e.id for e in load(root, listing=same)] == [BIRD, MARCH]
    assert len(load(root, split="train", listing=same)) == 2  # it has no splits
    part = listed(root, '"--5OkAjCI7g","40","a bird","test"\n')
    assert [e.caption for e in load(root, listing=part)] == ["a bird"]


def test_the_heading_of_tempotokens(root: Path) -> None:
    rows = f"ytid,start_time,class,set\r\n{ROWS}"
    assert [e.id for e in load(root, listing=listed(root, rows))] == [MARCH, BIRD]


def test_files_and_lists_may_spell_names_otherwise(root: Path) -> None:
    (root / "video" / f"{MARCH}.mp4").rename(root / "video" / f"{MARCH[:11]}_1000_11000.mkv")
    (root / f"{BIRD}.mp4").rename(root / f"{BIRD[:11]}.webm")
    assert [e.id for e in load(root)] == [MARCH, BIRD]
    same = listed(root, f"{BIRD[:11]}_40000_50000.webm,a bird\n{MARCH[:11]}_1,people\n")
    march, bird = reversed(load(root, listing=same))
    assert (march.id, march.recording.path.suffix) == (MARCH, ".mkv")
    assert (bird.id, bird.recording.path.name) == (BIRD, f"{BIRD[:11]}.webm")


def test_two_files_of_a_clip_are_refused(root: Path) -> None:
    (root / f"{MARCH}.mp4").touch()
    with pytest.raises(DataError, match=f"found 2 files of the clip {MARCH}, expected one"):
        load(root)


def test_nothing_is_written(root: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    load(root)
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


# --- what it refuses ---------------------------------------------------------------------------


def test_clips_that_are_gone_are_counted_in_one_error(root: Path) -> None:
    with pytest.raises(DataError, match="2 of 2 listed clips are not there") as caught:
        load(root, split="train")
    text = one_line(caught)
    assert "--0PQM4-hqg_000030, --56QUhyDQM_000185" in text
    assert str(root / "vggsound.csv") in text
    assert "--allow-missing" in text


def test_a_long_list_of_gone_clips_is_cut(root: Path) -> None:
    rows = "".join(f"abcdefghi{i:02d},{i},x,test\n" for i in range(30))
    with pytest.raises(DataError, match=r"30 of 30 .* and 25 more"):
        load(root, listing=listed(root, rows))


def test_gone_clips_may_be_kept_for_the_run_to_leave_out(root: Path) -> None:
    (root / "video" / f"{MARCH}.mp4").unlink()
    gone, there = load(root, allow_missing=True)
    assert (gone.id, gone.recording.path.is_file()) == (MARCH, False)
    assert there.recording.path.is_file()


def test_no_folder_and_no_list(root: Path) -> None:
    with pytest.raises(DataError, match="found nothing there, expected the folder of the VGGS"):
        load(root / "nowhere")
    (root / "vggsound.csv").unlink()
    with pytest.raises(DataError, match=r"vggsound\.csv: found nothing there") as caught:
        load(root)
    one_line(caught)


def test_an_unknown_split(root: Path) -> None:
    with pytest.raises(DataError, match="found no clip of split 'val', expected test, train"):
        load(root, split="val")


@pytest.mark.parametrize(
    "row",
    [
        "ytid,start,label,split",
        "../../etc/pw,1,x,test",
        "---g-f_I2yQ,-1,x,test",
        "---g-f_I2yQ,1.5,x,test",
        "---g-f_I2yQ,1,,test",
        "---g-f_I2yQ,1,x",
        "---g-f_I2yQ_1500_11500.mp4,x",
        "---g-f_I2yQ.mp4,x",
        "---g-f_I2yQ_000001.mp4,",
    ],
)
def test_a_malformed_row(root: Path, row: str) -> None:
    with pytest.raises(
        DataError, match="line 2 cannot be read, expected ytid,start,label"
    ) as caught:
        load(root, listing=listed(root, f"--5OkAjCI7g,40,x,test\n{row}\n"))
    one_line(caught)


def test_a_clip_listed_twice_and_an_empty_list(root: Path) -> None:
    with pytest.raises(DataError, match=f"'{MARCH}' 2 times"):
        load(root, listing=listed(root, f"---g-f_I2yQ,1,x,test\n{MARCH},x\n"))
    with pytest.raises(DataError, match="found an empty list"):
        load(root, listing=listed(root, "\n"))


@pytest.mark.parametrize(("setting", "value"), [("split", "../test"), ("limit", 0)])
def test_impossible_settings(root: Path, setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: got"):
        load(root, **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "\n YTID,start_time,Class,set\n---g-f_I2yQ,1,people marching,test\n",
        "---g-f_I2yQ,1,people marching,\n",
        "---g-f_I2yQ_000001.mp4,people marching\n",
    ],
)
def test_a_survey_reads_what_the_loader_reads(root: Path, text: str) -> None:
    listed(root, text)
    surveyed = survey(root, "test")
    assert surveyed is not None
    assert surveyed.examples == load(root, split="test", allow_missing=True)
    assert surveyed.problems == ()
