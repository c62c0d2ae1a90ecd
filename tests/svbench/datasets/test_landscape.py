"""The Landscape loader reads folders and lists; errors are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.datasets.landscape import SPEC, categories, load
from svbench.errors import ConfigError, DataError
from svbench.types import Example

CLIPS = ("fire_crackling/a.mp4", "fire_crackling/b.mp4", "raining/c.mp4", "thunder/d.mp4")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data folder in ASVA's layout: four clips for tests and one for training."""
    folder = tmp_path / "Landscapes"
    for name in (*(f"test/{clip}" for clip in CLIPS), "train/raining/e.mp4"):
        path = folder / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def listed(root: Path, text: str) -> Path:
    path = root.parent / "list.txt"
    path.write_text(text)
    return path


def ids(examples: tuple[Example, ...]) -> list[str]:
    return [example.id for example in examples]


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- what it reads -----------------------------------------------------------------------------


def test_the_format_of_the_paper() -> None:
    assert (SPEC.frames, SPEC.fps, SPEC.size, SPEC.sample_rate) == (16, 4.0, (256, 256), 16000)
    assert SPEC.duration == 4.0


def test_folders_give_one_clip_of_each_class_in_turn(root: Path) -> None:
    examples = load(root)
    assert ids(examples) == ["fire_crackling/a", "raining/c", "thunder/d", "fire_crackling/b"]
    assert [e.caption for e in examples[:3]] == ["fire crackling", "raining", "thunder"]
    first = examples[0].recording
    assert first.path == root / "videos" / "test" / "fire_crackling" / "a.mp4"
    assert (first.start, first.sound, examples[0].onsets) == (0.0, None, None)


def test_the_category_of_a_clip_is_its_class_whatever_its_caption(root: Path) -> None:
    classes = [e.categories for e in load(root)]
    assert classes[:2] == [{"class": "fire crackling"}, {"class": "raining"}]
    (example,) = load(root, listing=listed(root, "raining/c.mp4,heavy rain\n"))
    assert (example.caption, example.categories) == ("heavy rain", {"class": "raining"})
    assert categories(example.id, example.caption) == example.categories


def test_split_and_limit(root: Path) -> None:
    assert ids(load(root, split="train")) == ["raining/e"]
    assert load(root, limit=2) == load(root)[:2]


def test_the_folder_of_videos_will_do_as_root(root: Path) -> None:
    assert ids(load(root / "videos")) == ids(load(root))


def test_other_files_and_hidden_ones_are_passed_over(root: Path) -> None:
    (root / "videos/test/raining/notes.txt").touch()
    (root / "videos/test/raining/._c.mp4").touch()
    (root / "videos/test/readme.mp4").touch()  # not in a class
    assert len(load(root)) == len(CLIPS)


def test_a_list_decides_clips_and_order(root: Path) -> None:
    path = listed(root, "thunder/d.mp4\n\nfire_crackling/b.mp4\n")
    assert ids(load(root, listing=path)) == ["thunder/d", "fire_crackling/b"]
    assert ids(load(root, listing=path, limit=1)) == ["thunder/d"]


def test_the_folders_own_list_is_found(root: Path) -> None:
    (root / "test.txt").write_text("raining/c.mp4\n")
    assert ids(load(root)) == ["raining/c"]
    assert ids(load(root, split="train")) == ["raining/e"]  # which has no list


def test_a_list_may_tell_captions_and_leave_endings_out(root: Path) -> None:
    path = listed(root, 'raining/c,"rain, on a roof"\nthunder/d.mp4\n')
    assert [e.caption for e in load(root, listing=path)] == ["rain, on a roof", "thunder"]


@pytest.mark.parametrize("line", ["raining/e.mp4", "train/raining/e.mp4"])
def test_a_listed_clip_is_looked_for_in_every_place(root: Path, line: str) -> None:
    (example,) = load(root, split="train", listing=listed(root, line))
    assert example.id == "raining/e"
    assert example.recording.path == root / "videos" / "train" / "raining" / "e.mp4"


def test_nothing_is_written(root: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    load(root)
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


# --- what it refuses ---------------------------------------------------------------------------


def test_no_folder_and_a_file(root: Path) -> None:
    with pytest.raises(DataError, match="found nothing there, expected the folder of the Land"):
        load(root / "nowhere")
    with pytest.raises(DataError, match="found a file"):
        load(root / "videos/test/raining/c.mp4")


def test_a_folder_of_another_form(root: Path) -> None:
    with pytest.raises(DataError, match="found fire_crackling, raining, thunder in it") as caught:
        load(root / "videos" / "test")
    assert "expected the folder videos/test" in one_line(caught)


def test_a_split_without_clips(root: Path) -> None:
    (root / "videos/val").mkdir()
    with pytest.raises(DataError, match="found no clip in it, expected files <class>/<file>"):
        load(root, split="val")


def test_all_missing_clips_are_named_together(root: Path) -> None:
    path = listed(root, "raining/c.mp4\n" + "".join(f"thunder/x{i}.mp4\n" for i in range(7)))
    with pytest.raises(DataError, match="7 of 8 listed clips are not there") as caught:
        load(root, listing=path)
    text = one_line(caught)
    assert "thunder/x4 and 2 more" in text
    assert str(path) in text
    assert str(root / "videos" / "test") in text


def test_missing_clips_may_be_kept_for_the_run_to_leave_out(root: Path) -> None:
    path = listed(root, "raining/c.mp4\nthunder/x.mp4\n")
    there, absent = load(root, listing=path, allow_missing=True)
    assert there.recording.path.is_file()
    assert absent.recording.path == root / "videos" / "test" / "thunder" / "x.mp4"


@pytest.mark.parametrize("line", ["../a/b.mp4", "/etc/x/passwd.mp4", "raining/../../b.mp4"])
def test_lines_that_leave_the_folder(root: Path, line: str) -> None:
    with pytest.raises(DataError, match="expected a name that stays inside its folder"):
        load(root, listing=listed(root, line))


@pytest.mark.parametrize("line", ["a.mp4", "raining/a.mp4,x,y", ",rain"])
def test_malformed_lines(root: Path, line: str) -> None:
    with pytest.raises(DataError, match="expected lines <class>/<file>") as caught:
        load(root, listing=listed(root, f"raining/c.mp4\n{line}\n"))
    assert line in one_line(caught)


def test_a_clip_listed_twice_and_an_empty_list(root: Path) -> None:
    with pytest.raises(DataError, match="'raining/c' 2 times"):
        load(root, listing=listed(root, "raining/c.mp4\nraining/c\n"))
    with pytest.raises(DataError, match="found an empty list"):
        load(root, listing=listed(root, "\n \n"))


def test_a_list_that_is_absent(root: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.txt: found nothing there"):
        load(root, listing=root / "absent.txt")


@pytest.mark.parametrize(("setting", "value"), [("split", "../test"), ("limit", 0)])
def test_impossible_settings(root: Path, setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: got"):
        load(root, **{setting: value})  # type: ignore[arg-type]
