"""Preparation of VGGSound: from lists and clips of any names to a folder that its loader reads."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from svbench.catalog.preparing import check_config, prepare_dataset
from svbench.compute import digest_file
from svbench.datasets.prepared import read_prepared
from svbench.datasets.vggsound import load
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files.media import read
from svbench.preparation.settings import Report
from svbench.types import ClipSpec, Recording
from tests.factories import movies

# video, start in s, label, split, name of the file
ROWS = [
    ("-aaaaaaaaa1", 1, "bird, singing", "train", "-aaaaaaaaa1_000001.mp4"),
    ("-aaaaaaaaa2", 20, "bird, singing", "train", "-aaaaaaaaa2_20000_30000.mp4"),
    ("-aaaaaaaaa3", 0, "bird, singing", "train", "-aaaaaaaaa3_0.webm"),
    ("bbbbbbbbbb1", 5, "rain", "train", "bbbbbbbbbb1.MKV"),
    ("bbbbbbbbbb2", 5, "rain", "test", "bbbbbbbbbb2_000005.mp4"),
    ("-aaaaaaaaa4", 7, "bird, singing", "test", "-aaaaaaaaa4_7.mp4"),
]
TRAIN = ["-aaaaaaaaa1_000001", "-aaaaaaaaa2_000020", "-aaaaaaaaa3_000000"]
TEST = ["-aaaaaaaaa4_000007"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Return an archive: three clips of one class for training, one of another, two for tests."""
    folder = tmp_path / "raw"
    (folder / "video").mkdir(parents=True)
    for *_, name in ROWS:
        (folder / "video" / name).touch()
    listed(folder, [row[:4] for row in ROWS])
    return folder


def listed(folder: Path, rows: Sequence[Sequence[object]], name: str = "vggsound.csv") -> Path:
    with (folder / name).open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return folder / name


def prepared(raw: Path, workers: int = 1, **settings: Any) -> tuple[Path, Report]:
    out = settings.pop("out", raw.parent / "out")
    settings.setdefault("min_clips", 2)
    config = check_config(dataset="vggsound", data_root=raw, out=out, **settings)
    with closing(Local(workers)) as engine:
        return out, prepare_dataset(config, engine)


def left_out(out: Path) -> list[list[str]]:
    return list(csv.reader((out / "left_out.csv").read_text().splitlines()))[1:]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


# --- lists ---------------------------------------------------------------------------------------


def test_the_prepared_folder_is_a_data_folder(raw: Path) -> None:
    out, report = prepared(raw)
    assert [e.id for e in load(out, split="train")] == TRAIN
    (tested,) = load(out)
    assert (tested.id, tested.caption) == (TEST[0], "bird, singing")
    assert tested.recording.path.resolve() == raw / "video" / ROWS[-1][4]
    why = "its class has fewer than 2 training clips (--min-clips)"
    assert left_out(out) == [
        ["bbbbbbbbbb1_000005", "train", why, "rain: 1"],
        ["bbbbbbbbbb2_000005", "test", why, "rain: 1"],
    ]
    assert report.lines == ("vggsound.csv: 3 train and 1 test clips of 1 class; 2 in left_out.csv",)
    assert report.left_out == (f"1 train clip: {why}", f"1 test clip: {why}")


def test_ids_are_written_as_they_are(raw: Path) -> None:
    out, _ = prepared(raw)
    assert (out / "vggsound.csv").read_text().startswith('-aaaaaaaaa1,1,"bird, singing",train\n')


def test_classes_need_120_clips_unless_told_otherwise(raw: Path) -> None:
    with pytest.raises(DataError, match=r"no train clip is left, .*fewer than 120 training clips"):
        prepared(raw, min_clips=None)
    out, _ = prepared(raw, min_clips=0)
    assert len(load(out)) == 2


def test_excluded_clips_do_not_count_towards_their_class(raw: Path) -> None:
    (raw.parent / "weak.pkl").write_bytes(pickle.dumps({"-aaaaaaaaa1", "-aaaaaaaaa4"}))
    out, report = prepared(raw, exclude=raw.parent / "weak.pkl")
    assert [e.id for e in load(out, split="train")] == TRAIN[1:]
    assert [e.id for e in load(out)] == TEST  # an exclusion is of the training split alone
    assert report.left_out[0] == "1 train clip: excluded by --exclude"
    with pytest.raises(DataError, match="no train clip is left"):
        prepared(raw, exclude=raw.parent / "weak.pkl", min_clips=3, out=raw.parent / "other")
    assert not (raw.parent / "other").exists()


def test_test_clips_count_for_no_class(raw: Path) -> None:
    listed(raw, [*(row[:4] for row in ROWS), *((f"cccccccccc{n}", 1, "x", "test") for n in "123")])
    out, _ = prepared(raw)
    assert "x: 0" in [row[3] for row in left_out(out)]


def test_lists_of_both_splits_by_name(raw: Path) -> None:
    for split in ("train", "test"):
        rows = [(name, row[2]) for *row, name in ROWS if row[3] == split and name[11:12] == "_"]
        listed(raw, rows, f"{split}.csv")
    with pytest.raises(DataError, match=r"found vggsound.csv and train.csv, expected one list"):
        prepared(raw)
    out, _ = prepared(raw, listing=(raw / "train.csv", raw / "test.csv"))
    assert [e.id for e in load(out, split="train")] == TRAIN
    with pytest.raises(DataError, match="found a list without splits, expected"):
        prepared(raw, listing=((raw / "train.csv").rename(raw / "all.csv"),))


def test_lists_of_one_name_are_both_on_record(raw: Path) -> None:
    rows = {split: [row[:4] for row in ROWS if row[3] == split] for split in ("train", "test")}
    lists = tuple(listed(folder_of(raw, split), rows[split]) for split in rows)
    out, _ = prepared(raw, listing=lists)
    kept = (read_prepared(out) or {})["settings"]["listing"]
    assert kept == {
        "vggsound.csv": digest_file(lists[0]),
        "vggsound.csv (2)": digest_file(lists[1]),
    }
    with lists[0].open("a") as file:
        file.write("-aaaaaaaaa9,1,rain,train\n")
    with pytest.raises(ConfigError, match=r"it was prepared otherwise \(listing was") as raised:
        prepared(raw, listing=lists, allow_missing=True)
    assert "'vggsound.csv (2)'" not in str(raised.value)  # the list that is the same


def folder_of(raw: Path, name: str) -> Path:
    folder = raw.parent / name
    folder.mkdir()
    return folder


def test_contaminated_and_repeated_clips(raw: Path) -> None:
    more = [("-aaaaaaaaa4", 90, "bird, singing", "train"), ROWS[0][:4]]
    listed(raw, [*(row[:4] for row in ROWS), *more])
    out, _ = prepared(raw)
    assert [row[:3] for row in left_out(out)][:2] == [
        ["-aaaaaaaaa4_000090", "train", "its video is in the test split, too"],
        ["-aaaaaaaaa1_000001", "train", "listed before"],
    ]


def test_an_absent_clip_is_an_error_unless_it_may_be_missing(raw: Path) -> None:
    (raw / "video" / ROWS[1][4]).unlink()
    with pytest.raises(DataError, match="1 of 4 clips are not there: -aaaaaaaaa2_000020"):
        prepared(raw)
    out, report = prepared(raw, allow_missing=True, min_clips=3)  # counted as listed
    assert [e.id for e in load(out, split="train")] == [TRAIN[0], TRAIN[2]]
    assert "1 train clip: no file" in report.left_out


def test_clips_in_both_places_or_in_two_spellings(raw: Path) -> None:
    (raw / "video" / ROWS[0][4]).rename(raw / ROWS[0][4])
    with pytest.raises(DataError, match="found clips in two folders, expected all in one"):
        prepared(raw)
    (raw / "video" / "-aaaaaaaaa1_1.mp4").touch()
    with pytest.raises(DataError, match="found 2 files of the clip -aaaaaaaaa1_000001"):
        prepared(raw)


def test_clips_beside_the_list(raw: Path) -> None:
    for *_, name in ROWS:
        (raw / "video" / name).rename(raw / name)
    out, _ = prepared(raw)
    assert [e.id for e in load(out)] == TEST


def test_the_same_command_again_gives_the_same_bytes(raw: Path) -> None:
    before = files(raw)
    out, _ = prepared(raw)
    first = files(out)
    prepared(raw)
    assert files(out) == first
    other, _ = prepared(raw, out=raw.parent / "other", workers=2)
    assert files(other) == first
    assert files(raw) == before


def test_other_settings_are_refused_by_name(raw: Path) -> None:
    prepared(raw)
    with pytest.raises(ConfigError, match="min_clips was 2, is 1"):
        prepared(raw, min_clips=1)
    listed(raw, [row[:4] for row in ROWS[:3]] + [ROWS[5][:4]])
    with pytest.raises(ConfigError, match="listing was"):
        prepared(raw)


def test_impossible_settings(raw: Path) -> None:
    with pytest.raises(ConfigError, match="--min-clips: found -1"):
        prepared(raw, min_clips=-1)
    with pytest.raises(ConfigError, match="--timing: found it without --cut"):
        prepared(raw, timing="nearest")
    with pytest.raises(ConfigError, match="--split-seed: found it beside --dataset vggsound"):
        prepared(raw, split_seed=1)
    with pytest.raises(ConfigError, match="found a place in --data-root"):
        prepared(raw, out=raw / "video" / "out")
    (raw / "vggsound.csv").unlink()
    with pytest.raises(DataError, match=r"found no list of clips in it, expected vggsound.csv"):
        prepared(raw)


def test_an_archive_that_moved_is_linked_anew(raw: Path) -> None:
    out, _ = prepared(raw)
    moved = raw.rename(raw.parent / "moved")
    with pytest.raises(DataError, match="listed clips are not there"):
        load(out)
    prepared(moved)
    assert [e.id for e in load(out)] == TEST


# --- clips that are cut --------------------------------------------------------------------------


@pytest.fixture
def filmed(raw: Path) -> Path:
    """Return the archive with movies of 5 s; that of its third clip is broken."""
    for number, (*_, name) in enumerate(ROWS):
        file = (raw / "video" / name).with_suffix(".mkv")
        (raw / "video" / name).unlink()
        pictures = movies.frames(50 + number, (64, 64))[number:]
        movies.write(file, pictures, fps=10, audio=[(0.0, movies.sound(5.0))])
    (raw / "video" / "-aaaaaaaaa3_0.mkv").write_bytes(b"no movie")
    return raw


def test_cut_clips_begin_where_their_clips_do(filmed: Path) -> None:
    before = files(filmed)
    with pytest.raises(DataError, match="1 clip cannot be cut: -aaaaaaaaa3_000000") as caught:
        prepared(filmed, cut=True)
    assert "the others are cut" in str(caught.value)
    with pytest.raises(DataError, match="found a preparation that was stopped"):
        load(filmed.parent / "out")
    out, report = prepared(filmed, cut=True, allow_missing=True)
    assert "1 train clip: it cannot be cut" in report.left_out
    (tested,) = load(out)
    assert tested.recording.path == out / "video" / f"{TEST[0]}.mp4"
    clip = read(tested.recording, ClipSpec(16, 4.0, (256, 256), 16000))
    expected = [5 + round(10 * n / 4 - 0.01) for n in range(16)]  # frame of the nearest time
    assert movies.numbers(clip.video) == expected
    assert [e.id for e in load(out, split="train")] == TRAIN[:2]
    assert files(filmed) == before


def test_cutting_is_the_same_by_any_number_of_workers_and_goes_on(filmed: Path) -> None:
    settings = {"cut": True, "allow_missing": True}
    first, _ = prepared(filmed, **settings)
    second, _ = prepared(filmed, out=filmed.parent / "two", workers=3, **settings)
    assert files(first) == files(second)
    victim = second / "video" / f"{TRAIN[0]}.mp4"
    kept = second / "video" / f"{TRAIN[1]}.mp4"
    victim.unlink()
    (second / "video" / f".{victim.name}.1-aa.svbench-tmp").touch()  # of a killed command
    time = kept.stat().st_mtime_ns
    prepared(filmed, out=second, **settings)
    assert files(first) == files(second)
    assert kept.stat().st_mtime_ns == time


def test_nothing_is_cut_into_the_archive_through_a_link(filmed: Path) -> None:
    out, _ = prepared(filmed, cut=True, allow_missing=True)
    for file in (out / "video").iterdir():
        file.unlink()
    (out / "video").rmdir()
    (out / "video").symlink_to(filmed / "video")
    before = files(filmed)
    with pytest.raises(ConfigError, match="found a link at"):
        prepared(filmed, cut=True, allow_missing=True)
    assert files(filmed) == before
    with pytest.raises(ConfigError, match=r"cut was .'channels': .*, is False"):
        prepared(filmed)


def test_the_timing_of_cut_clips_is_noted(filmed: Path) -> None:
    from svbench.catalog.datasets import load_dataset
    from svbench.config import RunConfig

    out, _ = prepared(filmed, cut=True, allow_missing=True, timing="official")
    config = RunConfig.of(dataset="vggsound", scale="paper", data_root=out)
    assert load_dataset(config, out / "run").notes == (
        "clips as svbench data prepare cut them: timing official; --frame-choice and --channels "
        "change nothing about them",
    )
    nearest, _ = prepared(filmed, cut=True, allow_missing=True, out=filmed.parent / "nearest")
    name = f"video/{TEST[0]}.mp4"
    spec = ClipSpec(16, 4.0, (256, 256), 16000)
    late, true = (movies.numbers(read(Recording(f / name), spec).video) for f in (out, nearest))
    assert late != true


def test_a_link_to_nothing_is_no_clip(raw: Path) -> None:
    clip = raw / "video" / ROWS[1][4]
    clip.unlink()
    clip.symlink_to("not-fetched")
    with pytest.raises(DataError, match="1 of 4 clips are not there: -aaaaaaaaa2_000020"):
        prepared(raw)
