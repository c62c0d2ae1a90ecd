"""Preparation of Landscape: every form of its lists and folders, and the official draw."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.catalog.preparing import check_config, prepare_dataset
from svbench.datasets.landscape import load
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.preparation.landscape import draw
from svbench.preparation.selection import Clip
from svbench.preparation.settings import Report
from tests.factories import movies

HEADING = "ytid,start_time,class,set\r\n"
# The authors' three lines (seed 803, shuffle, int(25 * 0.9)) on a list of 25 clips.
DRAWN = [
    *(12, 5, 3, 11, 17, 18, 19, 0, 20, 10, 13, 4, 14, 16, 21, 22, 8, 6, 15, 7, 23, 24),
    *(9, 1, 2),
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def prepared(raw: Path, workers: int = 1, **settings: Any) -> tuple[Path, Report]:
    out = settings.pop("out", raw.parent / "out")
    config = check_config(dataset="landscape", data_root=raw, out=out, **settings)
    with closing(Local(workers)) as engine:
        return out, prepare_dataset(config, engine)


def ids(out: Path, split: str) -> list[str]:
    examples = load(out, split=split)
    assert all(example.recording.path.is_file() for example in examples)
    return [example.id for example in examples]


def left_out(out: Path) -> list[list[str]]:
    return list(csv.reader((out / "left_out.csv").read_text().splitlines()))[1:]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


# --- the draw ------------------------------------------------------------------------------------


def clips(count: int) -> list[Clip]:
    return [Clip(f"class_{n % 3}/clip_{n:02d}", "", f"class {n % 3}", "") for n in range(count)]


def test_the_draw_is_that_of_the_authors() -> None:
    drawn = draw(clips(25), 803)
    assert [int(clip.id[-2:]) for clip in drawn] == DRAWN
    assert [clip.split for clip in drawn] == ["train"] * 22 + ["test"] * 3


@pytest.mark.parametrize("count", [2, 9, 10, 11, 928])
def test_the_draw_is_that_of_numpys_own_generator(count: int) -> None:
    lines = [f"{clip.id}\n" for clip in clips(count)]
    np.random.seed(7)  # noqa: NPY002 (as the authors do)
    np.random.shuffle(lines)  # noqa: NPY002
    drawn = draw(clips(count), 7)
    assert [f"{clip.id}\n" for clip in drawn] == lines
    assert sum(clip.split == "train" for clip in drawn) == int(count * 0.9)


def test_the_paper_has_93_test_clips() -> None:
    assert sum(clip.split == "test" for clip in draw(clips(928), 803)) == 93


# --- the list of TempoTokens ---------------------------------------------------------------------

VIDEOS = [f"-aaaaaaaa{n:02d}" for n in range(6)]


def of_videos(raw: Path, rows: Sequence[str], names: Sequence[str]) -> None:
    (raw / "landscape.csv").write_text(HEADING + "\r\n".join(rows) + "\r\n", newline="")
    touched(raw / "video", *names)


def test_a_list_of_youtube_clips(raw: Path) -> None:
    rows = [
        f"{VIDEOS[0]},180,wind noise,train",
        f"{VIDEOS[1]},2,raining,test",
        f"{VIDEOS[0]},180,wind noise,train",  # again
        f"{VIDEOS[1]},0,raining,train",  # of a tested video
        "aaaaaaaa0&t,0,raining,train",
        f"{VIDEOS[2]},5,wind noise,train",
    ]
    names = [f"{VIDEOS[0]}_000180.mp4", f"{VIDEOS[1]}_2000_12000.mkv", f"{VIDEOS[2]}.webm"]
    of_videos(raw, rows, names)
    before = files(raw)
    out, report = prepared(raw)
    assert ids(out, "train") == [f"wind_noise/{VIDEOS[0]}_000180", f"wind_noise/{VIDEOS[2]}_000005"]
    (tested,) = load(out)
    assert (tested.id, tested.caption) == (f"raining/{VIDEOS[1]}_000002", "raining")
    assert tested.recording.path.resolve() == raw / "video" / names[1]
    assert left_out(out) == [
        ["aaaaaaaa0&t_000000", "train", "its video has no YouTube id", ""],
        [
            f"{VIDEOS[1]}_000000",
            *("train", "its video is in the test split, too", f"{VIDEOS[1]}_000002"),
        ],
        [f"{VIDEOS[0]}_000180", "train", "listed before", "as wind noise"],
    ]
    assert report.lines == (
        "split: as listed in landscape.csv",
        "train.txt and test.txt: 2 train and 1 test clips of 2 classes; 3 in left_out.csv",
    )
    assert files(raw) == before


@pytest.mark.parametrize(
    "row", ["x", f"{VIDEOS[0]},1.5,x,test", f"{VIDEOS[0]},1,,test", f"{VIDEOS[0]},1,x,val"]
)
def test_a_malformed_row(raw: Path, row: str) -> None:
    of_videos(raw, [f"{VIDEOS[0]},1,x,train", row], [])
    with pytest.raises(DataError, match=r"landscape\.csv, line 3: found .*expected"):
        prepared(raw)


def test_a_name_without_start_of_two_clips(raw: Path) -> None:
    rows = [f"{VIDEOS[0]},{start},x,train" for start in (0, 10)]
    of_videos(raw, [*rows, f"{VIDEOS[1]},0,x,test"], [f"{VIDEOS[0]}.mp4", f"{VIDEOS[1]}.mp4"])
    with pytest.raises(DataError, match="found a name without start"):
        prepared(raw)


# --- lists of classes and files ------------------------------------------------------------------

ALL = [f"class_{n % 3}/clip_{n:02d}.mp4" for n in range(25)]


def expected(split: slice) -> list[str]:
    return [ALL[n].removesuffix(".mp4") for n in DRAWN[split]]


def test_the_list_of_all_clips_is_drawn_from(raw: Path) -> None:
    touched(raw, *ALL)
    (raw / "flist.txt").write_text("".join(f"./src/landscape/{name}\n" for name in ALL))
    out, _ = prepared(raw)
    assert ids(out, "train") == expected(slice(22))
    assert ids(out, "test") == expected(slice(22, None))
    assert load(out)[0].caption == "class 0"
    assert not left_out(out)
    other, _ = prepared(raw, split_seed=1, out=raw.parent / "other")
    assert ids(other, "test") != ids(out, "test")


def test_captions_of_a_list_are_kept(raw: Path) -> None:
    touched(raw, *ALL)
    (raw / "flist.txt").write_text("".join(f'{name},"-rain, {name[-6:-4]}"\n' for name in ALL))
    out, _ = prepared(raw)
    assert [e.caption for e in load(out)] == ["-rain, 09", "-rain, 01", "-rain, 02"]


def test_lists_of_both_splits(raw: Path) -> None:
    touched(raw, "videos/train/raining/a.mp4", "videos/test/raining/b.mp4")
    touched(raw, "videos/train/raining/b.mp4", "videos/train/thunder/c.avi")
    (raw / "train.txt").write_text("raining/a.mp4\nraining/b.mp4\nthunder/c\n")
    (raw / "test.txt").write_text("raining/b.mp4\n")
    out, _ = prepared(raw)
    assert ids(out, "train") == ["raining/a", "thunder/c"]
    assert ids(out, "test") == ["raining/b"]
    assert load(out)[0].recording.path.resolve() == raw / "videos/test/raining/b.mp4"
    assert [row[:3] for row in left_out(out)] == [
        ["raining/b", "train", "its video is in the test split, too"]
    ]
    with pytest.raises(ConfigError, match=r"--split-seed: found it beside .*, which gives the"):
        prepared(raw, split_seed=803)
    with pytest.raises(DataError, match=r"train\.txt: no test clip is left"):
        prepared(raw, listing=(raw / "train.txt",), out=raw.parent / "other")
    (raw / "flist.txt").write_text("raining/a.mp4\n")
    with pytest.raises(DataError, match=r"found train.txt and flist.txt, expected one list"):
        prepared(raw)
    with pytest.raises(DataError, match="found lists with a split beside such without"):
        prepared(raw, listing=(raw / "train.txt", raw / "flist.txt"))


def test_a_missing_clip(raw: Path) -> None:
    touched(raw, *ALL[1:])
    (raw / "flist.txt").write_text("\n".join(ALL))
    with pytest.raises(DataError, match=r"1 of 25 listed clips are not there: class_0/clip_00"):
        prepared(raw)
    assert not (raw.parent / "out").exists()
    out, report = prepared(raw, allow_missing=True)
    assert ids(out, "train") == [name for name in expected(slice(22)) if "_00" not in name]
    assert report.left_out == ("1 train clip: no file",)
    touched(raw, ALL[0])
    assert ids(prepared(raw)[0], "train") == expected(slice(22))


def test_two_files_of_a_clip(raw: Path) -> None:
    touched(raw, *ALL, "videos/class_1/clip_01.mp4")
    (raw / "flist.txt").write_text("\n".join(ALL))
    with pytest.raises(DataError, match="found 2 files of the clip class_1/clip_01"):
        prepared(raw)


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", ["", "videos/"])
def test_class_folders_are_walked_in_order(raw: Path, above: str) -> None:
    touched(raw, *(f"{above}{name}" for name in ALL), f"{above}class_0/.hidden.mp4", "notes.txt")
    (raw / "flist.txt").write_text("\n".join(sorted(ALL)))
    listed, _ = prepared(raw, out=raw.parent / "listed")
    (raw / "flist.txt").unlink()
    walked, _ = prepared(raw)
    for split in ("train", "test"):
        assert ids(walked, split) == ids(listed, split)
    assert len(ids(walked, "test")) == 3


def test_folders_of_splits_are_kept_unless_a_seed_is_named(raw: Path) -> None:
    touched(raw, *(f"videos/{'test' if n % 2 else 'train'}/{name}" for n, name in enumerate(ALL)))
    out, _ = prepared(raw)
    assert sorted(ids(out, "test")) == sorted(name[:-4] for name in ALL[1::2])
    pooled, _ = prepared(raw, split_seed=803, out=raw.parent / "pooled")
    assert len(ids(pooled, "test")) == 3
    alone = raw.parent / "alone"
    touched(alone, *ALL)
    assert ids(pooled, "test") == ids(prepared(alone, out=raw.parent / "of alone")[0], "test")


def test_folders_without_clips_and_two_files_of_a_name(raw: Path) -> None:
    with pytest.raises(DataError, match=r"found no clips <class>/<file>.mp4 in it and no list"):
        prepared(raw)
    touched(raw, *ALL, "class_0/clip_00.mkv")
    with pytest.raises(DataError, match="found 2 files of the clip class_0/clip_00"):
        prepared(raw)


def test_names_of_any_kind(raw: Path) -> None:
    names = [f"wind, noise/a b {n}, 'x'.mp4" for n in range(10)]
    touched(raw, *names)
    out, _ = prepared(raw)
    assert sorted(ids(out, "train") + ids(out, "test")) == [name[:-4] for name in names]
    touched(raw, "wind, noise/line\nend.mp4")
    with pytest.raises(DataError, match="expected a name that stays inside its folder"):
        prepared(raw)


# --- cutting -------------------------------------------------------------------------------------


def test_cut_clips_have_the_names_of_their_links(raw: Path) -> None:
    for name in ("wind_noise/a.mkv", "wind_noise/b.mkv", "raining/c.mkv"):
        (raw / name).parent.mkdir(exist_ok=True)
        pictures = movies.frames(45, (64, 64))
        movies.write(raw / name, pictures, fps=10, audio=[(0.0, movies.sound(4.5))])
    (raw / "raining" / "short.mkv").write_bytes((raw / "raining" / "c.mkv").read_bytes()[:3000])
    before = files(raw)
    with pytest.raises(DataError, match="1 clip cannot be cut: raining/short"):
        prepared(raw, cut=True)
    out, _ = prepared(raw, cut=True, allow_missing=True)
    found = [*ids(out, "train"), *ids(out, "test")]
    assert sorted(found) == ["raining/c", "wind_noise/a", "wind_noise/b"]
    assert load(out)[0].recording.path == out / "videos" / f"{ids(out, 'test')[0]}.mp4"
    assert [row[:3] for row in left_out(out)] == [["raining/short", "train", "it cannot be cut"]]
    again, _ = prepared(raw, cut=True, allow_missing=True, out=raw.parent / "two", workers=2)
    assert files(again) == files(out)
    assert files(raw) == before
