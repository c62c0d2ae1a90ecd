"""Names of YouTube clips: every spelling is the same id, and two files for one are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.datasets.youtube_ids import clip_files, clip_id, read_name, video_of
from svbench.errors import DataError

VIDEO = "_-a_0000_30"  # signs and digits that a name also has between its parts
CLIP = f"{VIDEO}_000030"


@pytest.mark.parametrize("rest", ["_000030", "_30", "_030", "_30000_40000", "_030000_0040000"])
def test_every_spelling_is_one_id(rest: str) -> None:
    name = read_name(VIDEO + rest)
    assert name is not None
    assert (name.video, name.start, name.clip) == (VIDEO, 30, CLIP)


def test_a_bare_name_has_no_start() -> None:
    name = read_name(VIDEO)
    assert name is not None
    assert (name.video, name.start, name.clip) == (VIDEO, None, None)


@pytest.mark.parametrize(
    "stem",
    [
        "",
        VIDEO[1:],
        f"{VIDEO}x",
        f"{VIDEO}_",
        f"{VIDEO}_1234567",
        f"{VIDEO}_30500_40500",  # no whole second
        f"{VIDEO}_40000_30000",
        f"{VIDEO}_30000_40000_1",
        f"{VIDEO}_\N{ARABIC-INDIC DIGIT THREE}",
        f"é{VIDEO[1:]}",
        f"{VIDEO}\n",
    ],
)
def test_other_names_are_none(stem: str) -> None:
    assert read_name(stem) is None


@pytest.mark.parametrize("start", [0, 7, 30, 999999])
def test_an_id_is_read_back(start: int) -> None:
    clip = clip_id(VIDEO, start)
    name = read_name(clip)
    assert name is not None
    assert (name.clip, name.start, video_of(clip)) == (clip, start, VIDEO)


# --- files -------------------------------------------------------------------------------------


def touched(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_clips_are_found_by_any_spelling_and_suffix(tmp_path: Path) -> None:
    names = ["aaaaaaaaaaa_000001.MKV", "bbbbbbbbbbb_1.webm", "ccccccccccc_1000_11000.mp4"]
    folder = touched(tmp_path / "video", *names, "ddddddddddd.avi", "notes.txt", ".x.mp4")
    touched(tmp_path, "eeeeeeeeeee_000001.mp4")
    asked = [f"{sign * 11}_000001" for sign in "abcdef"]
    found = clip_files([folder, tmp_path]).find(asked)
    assert list(found) == asked[:5]
    assert [file.path.relative_to(tmp_path).as_posix() for file in found.values()] == [
        *(f"video/{name}" for name in names),
        "video/ddddddddddd.avi",
        "eeeeeeeeeee_000001.mp4",
    ]


def test_folders_texts_and_absent_places_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"{CLIP}.mp4").mkdir()
    touched(tmp_path, f"{CLIP}.wav", f"{CLIP}.mp4.part")
    assert not clip_files([tmp_path, tmp_path / "video"]).find([CLIP])


def test_a_folder_that_is_linked_counts_once(tmp_path: Path) -> None:
    touched(tmp_path, f"{CLIP}.mp4")
    (tmp_path / "video").symlink_to(tmp_path)
    assert len(clip_files([tmp_path / "video", tmp_path]).find([CLIP])) == 1


@pytest.mark.parametrize("other", [f"{VIDEO}_30.mp4", f"{CLIP}.mkv", f"{VIDEO}.mp4"])
def test_two_files_of_a_clip_are_named(tmp_path: Path, other: str) -> None:
    touched(tmp_path, f"{CLIP}.mp4", other)
    with pytest.raises(DataError, match=f"found 2 files of the clip {CLIP}") as caught:
        clip_files([tmp_path]).find([CLIP])
    assert f"{CLIP}.mp4" in str(caught.value)
    assert other in str(caught.value)
    assert not clip_files([tmp_path]).find(["zzzzzzzzzzz_000001"])  # nobody asked for them


def test_a_bare_name_stands_for_one_clip_only(tmp_path: Path) -> None:
    files = clip_files([touched(tmp_path, f"{VIDEO}.mp4")])
    assert files.find([CLIP])[CLIP].path == tmp_path / f"{VIDEO}.mp4"
    with pytest.raises(DataError, match="found a name without start") as caught:
        files.find([CLIP, clip_id(VIDEO, 40)])
    assert f"{CLIP}, {VIDEO}_000040" in str(caught.value)
