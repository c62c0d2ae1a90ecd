"""The Greatest Hits loader reads every form on disk; errors are one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from svbench.catalog.datasets import TUNABLE, load_dataset
from svbench.config import RunConfig
from svbench.datasets import greatesthits
from svbench.datasets.greatesthits import CAPTION, load, notes
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.types import Recording

A, B = "2015-02-16-16-49-06", "2015-09-23-16-13-51-97"
TIMES = """\
4.5 wood hit static
0.5 metal hit rigid-motion
0.7 None None None
3.9999 wood scratch static

8.2 wood hit static
"""


@pytest.fixture(scope="module")
def thumb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of 8.5 s: two whole segments and a rest."""
    path = tmp_path_factory.mktemp("thumb") / "thumb.mp4"
    media.write_mp4(path, np.zeros((68, 16, 16, 3), np.uint8), 8.0)
    return path


@pytest.fixture
def root(tmp_path: Path, thumb: Path) -> Path:
    """Return a raw data folder with two recordings; only the first is annotated."""
    folder = tmp_path / "vis-data-256"
    folder.mkdir()
    for name in (A, B):
        shutil.copy(thumb, folder / f"{name}_denoised_thumb.mp4")
    (folder / f"{A}_denoised.wav").touch()
    (folder / f"{A}_times.txt").write_text(TIMES)
    (folder / "test.txt").write_text(f"{A}\n{B}\n")
    (folder / "train.txt").write_text(f"{B}\n")
    return folder


def captions_of(root: Path, text: str) -> Path:
    path = root.parent / "lists" / "flist.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- what it reads -----------------------------------------------------------------------------


def test_the_formats_of_the_paper() -> None:
    spec = greatesthits.SPEC
    assert (spec.frames, spec.fps, spec.size, spec.sample_rate) == (32, 8.0, (256, 256), 16000)
    assert spec.duration == 4.0


def test_raw_recordings_are_cut_into_whole_segments(root: Path) -> None:
    examples = load(root)
    assert [e.id for e in examples] == [f"{A}-000", f"{A}-001", f"{B}-000", f"{B}-001"]
    assert {e.caption for e in examples} == {"hitting with a stick"}
    video, sound = root / f"{A}_denoised_thumb.mp4", root / f"{A}_denoised.wav"
    assert examples[1].recording == Recording(video, 4.0, sound)
    assert examples[2].recording.sound is None  # no wav there: the video's own sound


def test_onsets_count_from_the_segment(root: Path) -> None:
    first, second, unknown, _ = load(root)
    assert first.onsets == pytest.approx((0.5, 0.7, 3.9999))  # sorted; 4.5 s is in the next
    assert second.onsets == pytest.approx((0.5,))  # 8.2 s lies in the rest
    assert unknown.onsets is None


def test_a_hit_at_a_segments_end_counts_once(root: Path) -> None:
    (root / f"{A}_times.txt").write_text(
        "0 wood hit static\n4.0 wood hit static\n8 wood hit static\n"
    )
    first, second, *_ = load(root)
    assert (first.onsets, second.onsets) == ((0.0,), (0.0,))  # 8 s begins the rest


def test_the_most_frequent_material_and_action_are_the_categories(root: Path) -> None:
    first, second, unknown, _ = load(root)
    assert first.categories == {"material": "metal", "action": "hit"}  # of two each: the earliest
    assert second.categories == {"material": "wood", "action": "hit"}
    assert unknown.categories == {}
    (root / f"{A}_times.txt").write_text(
        "1 metal hit static\n2 wood None None\n3 wood None None\n3.5 None None None\n"
        "4 None None None\n8.1 wood hit static\n"
    )
    first, second, *_ = load(root)
    assert first.categories == {"material": "wood", "action": "hit"}
    assert second.categories == {}  # nothing in it is annotated
    assert load(root, actions={"scratch"})[0].categories == first.categories


def test_onsets_after_the_last_event_are_not_known(root: Path) -> None:
    """Annotation may have ended there; before another event a segment has none, of any action."""
    (root / f"{A}_times.txt").write_text("0.5 wood hit static\n")
    assert [example.onsets for example in load(root)[:2]] == [pytest.approx((0.5,)), None]
    (root / f"{A}_times.txt").write_text("4.5 wood scratch static\n")
    first, second, *_ = load(root, actions={"hit"})
    assert (first.onsets, second.onsets) == ((), ())


def test_events_of_an_example_count_from_its_start(root: Path) -> None:
    first, second, unknown, _ = load(root)
    for example in (first, second):
        events = greatesthits.events_of(root, example.id) or ()
        assert tuple(event.time for event in events) == example.onsets
        assert {event.material for event in events} <= {"wood", "metal", "None", "dirt"}
    assert greatesthits.events_of(root, unknown.id) is None
    (event,) = greatesthits.events_of(root, first.id, actions={"scratch"}) or ()
    assert event.action == "scratch"


@pytest.mark.parametrize("damage", ["absent", "broken"])
def test_recordings_that_may_be_missing_are_kept_for_a_run_to_leave_out(
    root: Path, damage: str
) -> None:
    before = load(root)
    (video,) = root.glob(f"{A}_*.mp4")
    video.unlink()
    if damage == "broken":
        video.write_bytes(b"no video")
    with pytest.raises(DataError, match=r"no video|no readable media"):
        load(root)
    kept = load(root, allow_missing=True)
    assert [example.id for example in kept] == [f"{A}-000", f"{B}-000", f"{B}-001"]
    assert kept[1:] == before[2:]


def test_listed_segments_that_may_be_missing_are_kept(root: Path) -> None:
    (root / "flist_test.csv").write_text("2015-09-09-09-09-09_denoised_thumb-001.mp4,a stick\n")
    (root / "test.txt").unlink()
    with pytest.raises(DataError, match="1 listed segments have no video"):
        load(root)
    (example,) = load(root, allow_missing=True)
    assert example.id == "2015-09-09-09-09-09-001"
    assert not example.recording.path.exists()


def test_actions_filter_onsets(root: Path) -> None:
    assert load(root, actions={"hit"})[0].onsets == pytest.approx((0.5,))
    assert load(root, actions={"hit", "scratch"})[0].onsets == pytest.approx((0.5, 3.9999))


def test_split_and_limit(root: Path) -> None:
    assert [e.id for e in load(root, split="train")] == [f"{B}-000", f"{B}-001"]
    assert load(root, limit=3) == load(root)[:3]


@pytest.mark.parametrize("ending", ["_denoised.mp4", "_mic.mp4"])
def test_other_videos_of_a_recording_will_do(root: Path, ending: str) -> None:
    (root / f"{A}_denoised_thumb.mp4").rename(root / f"{A}{ending}")
    assert load(root)[0].recording.path.name == f"{A}{ending}"


def test_a_caption_list_decides_segments_and_order(root: Path) -> None:
    text = f'x/{B}_denoised_thumb-001.mp4,"wood, then metal"\n{A}_denoised_thumb-000.mp4,a box\n'
    last, first = load(root, captions=captions_of(root, text))
    assert (last.id, last.caption) == (f"{B}-001", "wood, then metal")
    assert last.recording == Recording(root / f"{B}_denoised_thumb.mp4", 4.0)
    assert first.onsets == pytest.approx((0.5, 0.7, 3.9999))


def test_a_run_says_that_detectors_can_be_chosen_on_annotated_hits(root: Path) -> None:
    config = RunConfig(dataset="greatesthits", scale="paper", data_root=root)
    assert TUNABLE in load_dataset(config, root).notes
    for times in root.glob("*_times.txt"):
        times.unlink()
    assert TUNABLE not in load_dataset(config, root).notes


def test_captions_that_no_list_gives_are_said(root: Path, tmp_path: Path) -> None:
    (note,) = notes(root)
    assert note.startswith("no caption list (--captions, or flist_test.csv in the data folder)")
    assert f'every clip has the caption "{CAPTION}"' in note
    assert {example.caption for example in load(root)} == {CAPTION}
    assert notes(root, captions=tmp_path / "mine.csv") == ()
    (root / "flist_test.csv").touch()
    assert notes(root) == ()


def test_the_folders_own_list_is_found(root: Path) -> None:
    (root / "flist_test.csv").write_text(f"{A}_denoised_thumb-001.mp4,a box\n")
    assert [(e.id, e.caption) for e in load(root)] == [(f"{A}-001", "a box")]


@pytest.mark.parametrize("place", ["working directory", "list", "data"])
def test_cut_segments_are_found(
    root: Path, thumb: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{A}_denoised_thumb-001.mp4"
    listed = captions_of(root, f"./cut/{name},a box\n")
    here = root.parent / "here"
    folders = {
        "working directory": here / "cut",
        "list": listed.parent / "cut",
        "data": root,
    }
    here.mkdir()
    monkeypatch.chdir(here)
    folders[place].mkdir(exist_ok=True)
    shutil.copy(thumb, folders[place] / name)
    (example,) = load(root, captions=listed)
    assert example.recording.path.resolve() == (folders[place] / name).resolve()
    assert (example.recording.start, example.recording.sound) == (0.0, None)
    assert example.onsets == pytest.approx((0.5,))  # annotations still lie in the data folder


def test_nothing_is_written(root: Path) -> None:
    before = sorted((p.name, p.stat().st_mtime_ns) for p in root.iterdir())
    load(root)
    assert sorted((p.name, p.stat().st_mtime_ns) for p in root.iterdir()) == before


# --- what it refuses ---------------------------------------------------------------------------


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found nothing there") as caught:
        load(tmp_path / "nowhere")
    assert "nowhere" in one_line(caught)


def test_a_file_instead_of_a_folder(root: Path) -> None:
    with pytest.raises(DataError, match="found a file"):
        load(root / "test.txt")


def test_no_list(root: Path) -> None:
    (root / "test.txt").unlink()
    with pytest.raises(DataError, match=r"test\.txt: found no such list") as caught:
        load(root)
    assert "train.txt" in one_line(caught)


def test_an_empty_list(root: Path) -> None:
    (root / "test.txt").write_text("\n\n")
    with pytest.raises(DataError, match="found an empty list"):
        load(root)


def test_a_list_that_is_not_text(root: Path) -> None:
    (root / "test.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="found UTF-16, expected a list of recording ids in UTF-8"):
        load(root)


def test_all_missing_videos_are_named_together(root: Path) -> None:
    (root / f"{A}_denoised_thumb.mp4").unlink()
    (root / f"{B}_denoised_thumb.mp4").unlink()
    with pytest.raises(DataError, match="2 of 2 listed recordings have no video") as caught:
        load(root)
    assert A in one_line(caught)
    assert B in one_line(caught)


def test_a_long_list_of_missing_videos_is_cut(root: Path) -> None:
    (root / "test.txt").write_text("".join(f"2015-01-01-00-00-{i:02d}\n" for i in range(30)))
    with pytest.raises(DataError, match="and 25 more"):
        load(root)


@pytest.mark.parametrize("bad", ["../secret", "a/b", "..", "a\\b"])
def test_ids_that_leave_the_folder(root: Path, bad: str) -> None:
    (root / "test.txt").write_text(f"{A}\n{bad}\n")
    with pytest.raises(DataError, match="expected bare ids"):
        load(root)


def test_duplicate_ids(root: Path) -> None:
    (root / "test.txt").write_text(f"{A}\n{B}\n{A}\n")
    with pytest.raises(DataError, match=f"{A} more than once"):
        load(root)


@pytest.mark.parametrize(
    "line",
    ["soon wood hit static", "nan wood hit static", "-1 wood hit static", "1.5", "1 a tap b"],
)
def test_a_malformed_annotation(root: Path, line: str) -> None:
    (root / f"{A}_times.txt").write_text(f"0.5 wood hit static\n{line}\n")
    with pytest.raises(DataError, match=rf"{A}_times\.txt: line 2 is '{line}'") as caught:
        load(root)
    one_line(caught)


def test_recordings_shorter_than_a_segment(root: Path) -> None:
    media.write_mp4(root / f"{B}_denoised_thumb.mp4", np.zeros((20, 16, 16, 3), np.uint8), 8.0)
    with pytest.raises(DataError, match="found no whole segment"):
        load(root, split="train")


def test_a_broken_video(root: Path) -> None:
    (root / f"{B}_denoised_thumb.mp4").write_bytes(b"this is not a video")
    with pytest.raises(DataError, match=f"{B}_denoised_thumb.mp4"):
        load(root, split="train")


def test_a_caption_list_that_is_absent(root: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: found nothing there"):
        load(root, captions=root / "absent.csv")


def test_listed_segments_without_video(root: Path) -> None:
    text = "".join(f"2015-01-0{i}-00-00-00_denoised_thumb-000.mp4,x\n" for i in range(1, 4))
    with pytest.raises(DataError, match="3 listed segments have no video") as caught:
        load(root, captions=captions_of(root, text))
    assert "2015-01-03" in one_line(caught)


@pytest.mark.parametrize(
    "row", ["path,caption", f"{A}_denoised_thumb-000.mp4", f"{A}_denoised_thumb-000.mp4,", "a,b,c"]
)
def test_a_malformed_caption_row(root: Path, row: str) -> None:
    text = f"{A}_denoised_thumb-001.mp4,a box\n{row}\n"
    with pytest.raises(DataError, match="line 2 cannot be read"):
        load(root, captions=captions_of(root, text))


def test_a_segment_listed_twice(root: Path) -> None:
    text = f"{A}_denoised_thumb-000.mp4,a box\nother/{A}_denoised_thumb-000.mp4,a box\n"
    with pytest.raises(DataError, match="more than once"):
        load(root, captions=captions_of(root, text))


def test_the_caption_list_of_another_split(root: Path) -> None:
    listed = captions_of(root, f"{A}_denoised_thumb-000.mp4,a box\n")
    with pytest.raises(DataError, match=r"1 listed recordings are not in train\.txt"):
        load(root, split="train", captions=listed)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("split", "../test"),
        ("actions", {"tap"}),
        ("actions", ()),
        ("limit", 0),
    ],
)
def test_impossible_settings(root: Path, setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: got"):
        load(root, **{setting: value})  # type: ignore[arg-type]


def test_a_segment_listed_by_two_of_its_names(root: Path) -> None:
    listed = captions_of(root, f"{A}_denoised_thumb-000.mp4,x\n{A}_mic-0000.mp4,y\n")
    with pytest.raises(DataError, match=f"{A}-000 more than once"):
        load(root, captions=listed)
