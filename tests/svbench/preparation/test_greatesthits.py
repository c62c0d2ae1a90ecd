"""Recordings of the Greatest Hits become a folder of segments, whatever interrupts the work."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from svbench.catalog.datasets import DATASETS
from svbench.config import RunConfig
from svbench.datasets import greatesthits
from svbench.datasets.prepared import RECORD, read_prepared
from svbench.errors import DataError
from svbench.files import media
from svbench.types import Recording
from tests.factories import movies
from tests.factories.commands import Command
from tests.factories.processes import kill_before
from tests.goldens.places import golden_root

A, B, C = "2015-02-16-16-49-06", "2015-09-23-16-13-51-97", "2015-03-12-19-32-39"
RATE = 96000


def write_recording(root: Path, name: str, count: int, fps: float, rate: int = 16000) -> None:
    """Write a numbered movie in the archive's form, whose sound rises with time."""
    pictures = np.stack(movies.frames(count, (64, 64)))
    sound = np.arange(round(count / fps * rate), dtype=np.float32) / rate / 16
    media.write_mp4(root / f"{name}_denoised_thumb.mp4", pictures, fps, sound, rate)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive of three recordings: 8.2 s, 7.8 s and 1 s; the first has a WAV."""
    root = tmp_path_factory.mktemp("archive") / "vis-data-256"
    root.mkdir()
    write_recording(root, A, 123, 15)
    write_recording(root, B, 234, 30000 / 1001)
    write_recording(root, C, 25, 25)
    wave = np.arange(round(8.2 * RATE), dtype=np.float32) / RATE / 16
    media.write_wav(root / f"{A}_denoised.wav", wave, RATE)
    (root / f"{A}_times.txt").write_text("4.5 wood hit static\n0.5 metal hit rigid-motion\n")
    (root / "train.txt").write_text(f"{B}\n")
    (root / "test.txt").write_text(f"{A}\n{C}\n")
    (root / ".DS_Store").touch()
    return root


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of each file; the lock names a process."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != ".lock"
    }


def words(archive: Path, out: Path, *more: object) -> tuple[object, ...]:
    data = ("--dataset", "greatesthits", "--data-root", archive, "--out", out)
    return ("data", "prepare", *data, "--workers", 1, *more)


# --- what is written ---------------------------------------------------------------------------


def test_the_folder_is_a_data_folder(archive: Path, tmp_path: Path, svbench: Command) -> None:
    before, out = contents(archive), tmp_path / "my gh, 8 fps"
    done = svbench(*words(archive, out))
    assert done.code == 0, done.err
    assert contents(archive) == before
    assert "test: 2 segments of 2 recordings, flist_test.csv" in done.out
    assert "train: 1 segments of 1 recordings, flist_train.csv" in done.out
    assert "1 recordings are shorter than a segment" in done.out
    assert done.out.endswith(f"--data-root '{out}'\n")
    cut = [f"{A}_denoised_thumb-000.mp4", f"{A}_denoised_thumb-001.mp4"]
    assert [path.name for path in sorted(out.glob("*.mp4"))] == [
        *cut,
        f"{B}_denoised_thumb-000.mp4",
    ]
    for name in ("train.txt", "test.txt", f"{A}_times.txt"):
        assert (out / name).read_bytes() == (archive / name).read_bytes()
    config = RunConfig(dataset="greatesthits", scale="paper", data_root=out)
    examples, notes = DATASETS.known("greatesthits").load(out, config)
    assert [(e.id, e.onsets) for e in examples] == [(f"{A}-000", (0.5,)), (f"{A}-001", (0.5,))]
    assert {e.caption for e in examples} == {greatesthits.CAPTION}
    assert any("segments as svbench data prepare cut them: timing nearest" in n for n in notes)


def test_a_segment_is_judged_as_its_part_of_the_recording(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    svbench(*words(archive, tmp_path / "gh"))
    raw = greatesthits.load(archive)
    for example, whole in zip(greatesthits.load(tmp_path / "gh"), raw, strict=True):
        own, part = (media.read(one.recording, greatesthits.SPEC) for one in (example, whole))
        assert movies.numbers(own.video) == movies.numbers(part.video)
        inside = slice(400, -400)  # at its ends a resampling filter has no neighbours
        assert np.abs(own.audio[inside] - part.audio[inside]).max() < 1e-5


def test_official_segments_are_named_and_counted_as_such(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    out = tmp_path / "gh"
    done = svbench(*words(archive, out, "--official"))
    assert "train: 2 segments of 1 recordings, flist_train.csv" in done.out, done.err
    record = read_prepared(out)
    assert record is not None
    assert (record["settings"]["timing"], record["settings"]["official"]) == ("official", True)
    assert any("some 0.145 s late" in note for note in greatesthits.notes(out))
    clip = media.read(Recording(out / f"{B}_denoised_thumb-000.mp4"), greatesthits.SPEC)
    assert movies.numbers(clip.video)[:6] == [0, 1, 3, 7, 10, 14]
    refused = svbench(*words(archive, out, "--timing", "nearest", "--official")).problem(2)
    assert refused.startswith("--timing: found 'nearest' beside --official")


def test_captions_come_from_lists_of_segments(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    out, listed = tmp_path / "gh", tmp_path / "flist.csv"
    rows = [f'x/{A}_denoised_thumb-001.mp4,"-wood, hit"', f"{B}_mic-000.mp4,metal"]
    listed.write_text("\n".join(rows) + "\n")
    done = svbench(*words(archive, out, "--captions", listed))
    assert "1 segment has no caption, hence no line in a list" in done.out, done.err
    assert (out / "flist_test.csv").read_text() == f'{A}_denoised_thumb-001.mp4,"-wood, hit"\n'
    assert (out / "flist_train.csv").read_text() == f"{B}_denoised_thumb-000.mp4,metal\n"
    (example,) = greatesthits.load(out)
    assert example.caption == "-wood, hit"
    listed.write_text("\n".join([*rows, f"{A}_denoised_thumb-002.mp4,more"]))
    refused = svbench(*words(archive, out, "--captions", listed)).problem(3)
    assert f"1 segments listed that the recordings do not have: {A}_denoised_thumb-002" in refused
    done = svbench(*words(archive, out, "--captions", listed, "--allow-missing"))
    assert done.notes == [
        f"left out: {A}_denoised_thumb-002.mp4: listed, but the recording ends before it"
    ]
    listed.write_text("2011-01-01-01-01-01_mic-000.mp4,metal\n")
    refused = svbench(*words(archive, out, "--captions", listed)).problem(3)
    assert "of no recording of train.txt and test.txt, expected each once" in refused


def test_captions_of_one_split_leave_no_empty_list_of_the_other(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    out, listed = tmp_path / "gh", tmp_path / "flist.csv"
    listed.write_text(f"{A}_denoised_thumb-000.mp4,wood\n")
    assert svbench(*words(archive, out)).code == 0
    done = svbench(*words(archive, out, "--captions", listed))
    assert "train: no segment is captioned, so there is no flist_train.csv" in done.out, done.err
    assert not (out / "flist_train.csv").exists()  # of the command before
    with pytest.raises(DataError, match=r"flist_train.csv: found no such list, .* --captions"):
        greatesthits.load(out, split="train")
    listed.write_text(f"{B}_denoised_thumb-000.mp4,metal\n")
    (example,) = greatesthits.load(out, split="train", captions=listed)
    assert example.recording.path == out / f"{B}_denoised_thumb-000.mp4"
    assert svbench("data", "check", *words(out, tmp_path / "check")[2:]).code == 0


@pytest.mark.parametrize("text", ["soon wood hit static\n", None])
def test_annotations_that_cannot_be_read_are_named_and_not_copied(
    archive: Path, tmp_path: Path, svbench: Command, text: str | None
) -> None:
    """A malformed file, and a link to nothing; what a command before copied does not stay."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(archive, raw)
    assert svbench(*words(raw, out)).code == 0
    file = raw / f"{A}_times.txt"
    file.unlink()
    file.symlink_to("not-fetched") if text is None else file.write_text(text)
    refused = svbench(*words(raw, out)).problem(3)
    assert refused.startswith(f"{raw}: 1 annotations cannot be read: {file.name} ({file.name}: ")
    done = svbench(*words(raw, out, "--allow-missing"))
    assert done.code == 0, done.err
    (note,) = done.notes
    assert note.startswith(f"left out: {file.name}: ")
    assert not os.path.lexists(out / file.name)
    (first, _) = greatesthits.load(out)
    assert first.onsets is None


# --- what does not decide the bytes ------------------------------------------------------------


def test_the_bytes_depend_on_no_number_of_workers(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    for workers in (1, 2):
        done = svbench(*words(archive, tmp_path / str(workers)), "--workers", workers)
        assert done.code == 0, done.err
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_killed_command_goes_on(archive: Path, tmp_path: Path, svbench: Command) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill_before("*.mp4", words(archive, killed), times=2)
    assert len(list(killed.glob("*.mp4"))) == 1
    assert not list(killed.glob("flist_*"))
    with pytest.raises(DataError, match="found a preparation that was stopped"):
        greatesthits.load(killed)
    assert svbench(*words(archive, killed)).code == 0
    assert svbench(*words(archive, whole)).code == 0
    assert contents(killed) == contents(whole)


def test_only_what_changed_is_cut_again(archive: Path, tmp_path: Path, svbench: Command) -> None:
    raw, out = tmp_path / "raw", tmp_path / "gh"
    shutil.copytree(archive, raw)
    assert svbench(*words(raw, out)).code == 0
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    damaged, changed = f"{A}_denoised_thumb-001.mp4", f"{B}_denoised_thumb-000.mp4"
    (out / damaged).write_bytes(b"")
    write_recording(raw, B, 45, 15)
    assert svbench(*words(raw, out)).code == 0
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert after.keys() == before.keys() - {changed}
    assert (out / damaged).stat().st_size > 0
    whole = contents(out)
    assert svbench(*words(raw, out)).code == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")} == after
    assert contents(out) == whole


# --- what is refused ---------------------------------------------------------------------------


def test_broken_recordings_are_named_in_one_line_and_nothing_is_lost(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "gh"
    shutil.copytree(archive, raw)
    video = raw / f"{B}_denoised_thumb.mp4"
    video.write_bytes(video.read_bytes()[:3000])
    refused = svbench(*words(raw, out)).problem(3)
    assert (
        f"1 recordings cannot be cut to their end: {B} ({B}: {video}: found no readable media"
        in refused
    )
    cut = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert len(cut) == 2
    video.unlink()
    done = svbench(*words(raw, out, "--allow-missing"))
    assert done.notes == [f"left out: {B}: no video of it"]
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")} == cut
    assert len(greatesthits.load(out)) == 2
    assert (read_prepared(out) or {})["counts"]["left_out"] == [B]


def test_of_a_recording_that_breaks_off_the_segments_before_are_kept(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "gh"
    shutil.copytree(archive, raw)
    wave = raw / f"{A}_denoised.wav"
    whole = wave.read_bytes()
    media.write_wav(wave, np.zeros(5 * RATE, np.float32), RATE)
    reason = f"from segment 001 on: {wave}: audio ends at 5.000 s, expected 8.000 s"
    assert f"({A}: {reason}" in svbench(*words(raw, out)).problem(3)
    for _ in range(2):  # it is said again where nothing has changed
        done = svbench(*words(raw, out, "--allow-missing"))
        assert done.notes[0].startswith(f"left out: {A}: {reason}")
        assert [example.id for example in greatesthits.load(out)] == [f"{A}-000"]
    wave.write_bytes(whole)
    assert svbench(*words(raw, out)).code == 0
    assert [example.id for example in greatesthits.load(out)] == [f"{A}-000", f"{A}-001"]


def test_options_without_effect_are_refused_by_name(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    out = tmp_path / "gh"
    assert svbench(*words(archive, out, "--timing", "late")).problem(2) == (
        "--timing: found 'late', expected nearest or official"
    )
    assert "nothing is written into an archive" in svbench(*words(archive, archive / "x")).problem(
        2
    )
    assert not out.exists()
    assert svbench(*words(archive, out)).code == 0
    refused = svbench(*words(archive, out, "--channels", "first")).problem(2)
    assert "it was prepared otherwise (channels was 'mean', is 'first')" in refused
    assert (out / RECORD).is_file()


# --- from archive to table ---------------------------------------------------------------------


def test_real_clips_go_from_archive_to_table(tmp_path: Path, svbench: Command) -> None:
    clips = golden_root().parent / "clips"
    real = {path.name: path for path in clips.glob("*/*.mp4")}
    wanted = {
        "2015-03-28-18-24-12": "2015-03-28-18-24-12_23.0000.mp4",  # 4 s at 15 frames/s
        "2016-01-01-00-00-00": "cfg_hitting_bag.mp4",
        "2016-01-01-00-00-01": "vas_drum_video_02480.mp4",
        "2016-01-01-00-00-02": "cfg_tennis.mp4",  # has no sound
    }
    if missing := [name for name in wanted.values() if name not in real]:
        pytest.skip(f"no {missing[0]} in {clips}")
    raw, out = tmp_path / "vis-data-256", tmp_path / "gh"
    raw.mkdir()
    for name, clip in wanted.items():
        shutil.copy(real[clip], raw / f"{name}_denoised_thumb.mp4")
    (raw / "2016-01-01-00-00-03_denoised_thumb.mp4").touch()
    (raw / "test.txt").write_text("\n".join([*wanted, "2016-01-01-00-00-03"]))
    assert "2 recordings cannot be cut to their end" in svbench(*words(raw, out)).problem(3)
    done = svbench(*words(raw, out, "--allow-missing"))
    assert done.code == 0, done.err
    assert len(done.notes) == 2
    data = ("--dataset", "greatesthits", "--scale", "paper", "--data-root", out, "--limit", 2)
    how = ("--systems", "real", "--metrics", "av-align-corrected@published")
    table = svbench("run", *data, *how, "--workers", 1, "--out", tmp_path / "run")
    assert table.code == 0, table.err
    assert "real clips (ceiling)" in table.out
    assert "segments as svbench data prepare cut them: timing nearest" in table.out


@pytest.mark.parametrize("name", [f"{A}_denoised.wav", "train.txt", f"{A}_times.txt"])
def test_a_link_to_nothing_is_not_passed_over_for_another_file(
    archive: Path, tmp_path: Path, svbench: Command, name: str
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(archive, raw)
    (raw / name).unlink()
    (raw / name).symlink_to("not-fetched")
    assert name in svbench(*words(raw, tmp_path / "out")).problem(3)
    checked = svbench("data", "check", *words(raw, tmp_path / "check")[2:])
    assert checked.code == 3
    assert name in (tmp_path / "check/audit.csv").read_text()


def test_an_id_that_is_no_name_of_a_file(archive: Path, tmp_path: Path, svbench: Command) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(archive, raw)
    (raw / "train.txt").write_text(f"{B}\n{'a' * 300}\n")
    assert (
        svbench(*words(raw, tmp_path / "out")).problem(3).startswith(f"{raw}: found no way to aaa")
    )


def test_what_the_archive_has_no_longer_is_not_left_over(
    archive: Path, tmp_path: Path, svbench: Command
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(archive, raw)
    assert svbench(*words(raw, tmp_path / "out")).code == 0
    (raw / "train.txt").unlink()
    (raw / f"{A}_times.txt").unlink()
    assert svbench(*words(raw, tmp_path / "out")).code == 0
    assert svbench(*words(raw, tmp_path / "new")).code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "new")
