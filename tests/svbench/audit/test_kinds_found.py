"""Every kind of finding is found where it is planted, once, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from svbench.audit.audit import Report, audit
from svbench.audit.kinds import KINDS
from svbench.audit.subject import Wanted, subject_of
from svbench.engines.local import Local
from tests.factories import movies
from tests.goldens.places import golden_root
from tests.svbench.audit.recordings import FAULTS, RATE, pictures, tone, write

CLEAN = 6
OF_ANNOTATIONS = {"bad-annotations", "no-annotations", "late-hit", "not-finite"}  # further below


def checked(root: Path, out: Path, dataset: str = "vggsound", **settings: object) -> Report:
    wanted = Wanted(dataset=dataset, root=root, **settings)  # type: ignore[arg-type]
    return audit(subject_of(wanted), out, Local(1))


def found(report: Report) -> set[tuple[str, str, str]]:
    """Return kind, split and clip, or file where it is no clip, of every finding."""
    return {(f.kind, f.split, f.clip or f.file.name) for f in report.findings}


def ytid(number: int) -> str:
    return f"clip{number:07d}"


def clip(number: int) -> str:
    return f"{ytid(number)}_000000"


def listed(number: int, caption: str | None = None, split: str = "test") -> str:
    text = f"sound number {number}" if caption is None else caption
    return f"{ytid(number)},0,{text},{split}\n"


class Vggsound:
    """A folder in the form of VGGSound: clips are added by number."""

    def __init__(self, root: Path) -> None:
        self.root, self.count = root, 0
        self.lines: list[str] = []

    def place(self, number: int) -> Path:
        return self.root / "video" / f"{clip(number)}.mp4"

    def add(self, caption: str | None = None, split: str = "test") -> int:
        """Add a clean clip and return its number."""
        number, self.count = self.count, self.count + 1
        write(self.place(number), number)
        self.lines.append(listed(number, caption, split))
        return number

    def save(self) -> None:
        (self.root / "vggsound.csv").write_text("".join(self.lines))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Vggsound:
    """Return a folder of clean clips."""
    made = Vggsound(tmp_path_factory.mktemp("clean"))
    for _ in range(CLEAN):
        made.add()
    made.add(split="train")
    made.save()
    return made


def planted(folder: Vggsound, root: Path) -> set[tuple[str, str, str]]:
    """Plant one of each kind in a copy of a clean folder; return what is to be found."""
    shutil.copytree(folder.root, root)
    made = Vggsound(root)
    made.count, made.lines = folder.count, list(folder.lines)
    wanted = set()
    for kind, plant in FAULTS.items():
        number = made.add()
        plant(made.place(number), number)
        wanted.add((kind, "test", clip(number)))
    number = made.add()
    shutil.copy(made.place(0), made.place(number))
    wanted.add(("duplicate", "test", clip(number)))
    first, number = made.add(), made.add()
    for n in (first, number):  # lossless: encoders round by more than the picture
        lossless = {"codec": "ffv1", "form": "matroska", "container_options": {}}
        write(made.place(n), n, frames=pictures(first), **lossless)
    wanted.add(("same-picture", "test", clip(number)))
    number = made.add()
    write(made.place(number), number, audio=tone(2))
    wanted.add(("same-sound", "test", clip(number)))
    number = made.add(split="train")
    shutil.copy(made.place(number), made.place(made.add()))
    wanted.add(("wrong-split", "test", clip(number + 1)))
    wanted.add(("no-caption", "test", clip(made.add(caption=""))))
    wanted.add(("same-caption", "test", clip(made.add(caption="sound number 3"))))
    wanted.add(("long-caption", "test", clip(made.add(caption="loud " * 90))))
    made.lines += [listed(1), "no,clip,at,all,of this form\n"]
    wanted |= {("listed-twice", "test", clip(1)), ("bad-list", "train", "vggsound.csv")}
    number = made.add()
    shutil.copy(made.place(number), root / made.place(number).name)
    wanted.add(("several-files", "test", clip(number)))
    shutil.copy(made.place(4), root / "stranger.mp4")
    wanted.add(("unlisted", "", "stranger.mp4"))
    made.save()
    return wanted


def test_a_clean_folder_has_no_findings(folder: Vggsound, tmp_path: Path) -> None:
    report = checked(folder.root, tmp_path / "out", decode=True)
    assert found(report) == set()
    assert [(s.split, s.usable, s.listed) for s in report.splits] == [
        ("train", 1, 1),
        ("test", CLEAN, CLEAN),
    ]


def test_every_planted_fault_is_found_and_nothing_else(folder: Vggsound, tmp_path: Path) -> None:
    wanted = planted(folder, tmp_path / "data")
    report = checked(tmp_path / "data", tmp_path / "out", decode=True)
    assert found(report) == wanted
    assert len(report.findings) == len(wanted)  # each once
    assert {kind for kind, _, _ in wanted} == KINDS.keys() - OF_ANNOTATIONS


def test_headers_alone_show_all_that_needs_no_decoding(folder: Vggsound, tmp_path: Path) -> None:
    wanted = planted(folder, tmp_path / "data")
    report = checked(tmp_path / "data", tmp_path / "out")
    assert found(report) == {one for one in wanted if not KINDS[one[0]].decoded}


# --- annotations: the form of the Greatest Hits --------------------------------------------------


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clean folder of three annotated recordings with their sound beside."""
    root = tmp_path_factory.mktemp("hits")
    for number in range(3):
        write(root / f"2015-{number}_denoised_thumb.mp4", number, audio=tone(number))
        movies.write_sound(root / f"2015-{number}_denoised.wav", tone(number), rate=RATE)
        (root / f"2015-{number}_times.txt").write_text("1.5 wood hit static\n3.9 wood None None\n")
    (root / "train.txt").write_text("2015-0\n2015-1\n")
    (root / "test.txt").write_text("2015-2\n")
    return root


@pytest.fixture
def copied(hits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(hits, tmp_path / "data"))


def test_clean_annotations_give_nothing(hits: Path, tmp_path: Path) -> None:
    assert found(checked(hits, tmp_path, "greatesthits", decode=True)) == set()


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("bad-annotations", "soon wood hit static\n", "2015-1"),
        ("late-hit", "1.0 wood hit static\n5.2 wood hit static\n", "2015-1-000"),
        ("no-annotations", None, "2015-1"),
    ],
)
def test_annotations_that_are_amiss(
    copied: Path, tmp_path: Path, kind: str, text: str | None, named: str
) -> None:
    file = copied / "2015-1_times.txt"
    file.unlink() if text is None else file.write_text(text)
    report = checked(copied, tmp_path / "out", "greatesthits", decode=True)
    assert found(report) == {(kind, "train", named)}


def test_hits_behind_the_last_segment_of_a_cut_recording(tmp_path: Path) -> None:
    """What is left behind it is shorter than a segment: up to 8 s are possible, 8.1 s are not."""
    root = tmp_path / "data"
    for number in range(2):
        write(root / f"2015-{number}_denoised_thumb-000.mp4", number, audio=tone(number))
        (root / f"2015-{number}_times.txt").write_text("1.5 wood hit static\n7.9 wood hit static\n")
    (root / "flist_test.csv").write_text(
        "".join(f"2015-{n}_denoised_thumb-000.mp4,stick {n}\n" for n in range(2))
    )
    assert found(checked(root, tmp_path / "a", "greatesthits", decode=True)) == set()
    (root / "2015-1_times.txt").write_text("1.5 wood hit static\n8.1 wood hit static\n")
    wanted = {("late-hit", "test", "2015-1")}
    assert found(checked(root, tmp_path / "b", "greatesthits", decode=True)) == wanted


def test_sound_that_is_not_finite(copied: Path, tmp_path: Path) -> None:
    sound = tone(2)
    sound[100] = np.nan
    movies.write_sound(copied / "2015-2_denoised.wav", sound, codec="pcm_f32le", rate=RATE)
    report = checked(copied, tmp_path / "out", "greatesthits", decode=True)
    assert found(report) == {("not-finite", "test", "2015-2-000")}


def test_a_segment_on_the_list_of_another_split_is_reported_once(
    copied: Path, tmp_path: Path
) -> None:
    for split, numbers in (("train", (0, 1)), ("test", (2, 1))):
        names = (f"2015-{number}_denoised_thumb-000.mp4,caption {number}\n" for number in numbers)
        (copied / f"flist_{split}.csv").write_text("".join(names))
    report = checked(copied, tmp_path / "out", "greatesthits")
    (finding,) = report.findings
    assert (finding.kind, finding.split, finding.clip) == ("wrong-split", "test", "2015-1-000")
    assert finding.expected == "a recording of test.txt"


def test_nothing_has_to_move_or_sound_where_no_hit_is_annotated(
    copied: Path, tmp_path: Path
) -> None:
    write(copied / "2015-2_denoised_thumb.mp4", 2, frames=pictures(2)[:1] * 32)
    movies.write_sound(copied / "2015-2_denoised.wav", 0 * tone(2), rate=RATE)
    still = {("frozen", "test", "2015-2-000"), ("silent", "test", "2015-2-000")}
    assert found(checked(copied, tmp_path / "a", "greatesthits", decode=True)) == still
    (copied / "2015-2_times.txt").write_text("")
    assert found(checked(copied, tmp_path / "b", "greatesthits", decode=True)) == set()


def test_a_limit_leaves_out_what_is_wrong_behind_it(folder: Vggsound, tmp_path: Path) -> None:
    """Clips behind the limit have no findings; a line that names none is of the list."""
    root = tmp_path / "data"
    shutil.copytree(folder.root, root)
    made = Vggsound(root)
    made.count, made.lines = folder.count, list(folder.lines)
    bare, doubled = made.add(caption=""), made.add()
    shutil.copy(made.place(doubled), root / made.place(doubled).name)
    made.lines.append("no,clip,at,all,of this form\n")
    made.save()
    line = ("bad-list", "test", "vggsound.csv")
    behind = {("no-caption", "test", clip(bare)), ("several-files", "test", clip(doubled))}
    settings = {"dataset": "vggsound", "split": "test"}
    assert found(checked(root, tmp_path / "a", **settings)) == {line, *behind}
    assert found(checked(root, tmp_path / "b", limit=CLEAN, **settings)) == {line}
    assert found(checked(root, tmp_path / "c", limit=CLEAN + 1, **settings)) == {
        line,
        ("no-caption", "test", clip(bare)),
    }


def test_a_name_without_start_of_two_clips_leaves_the_others(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number in range(2):
        write(root / "video" / f"{clip(number)}.mp4", number)
    write(root / "video" / f"{ytid(2)}.mp4", 2)
    lines = [listed(0), listed(1), f"{ytid(2)},0,rain,test\n", f"{ytid(2)},9,hail,test\n"]
    (root / "vggsound.csv").write_text("".join(lines))
    report = checked(root, tmp_path / "out")
    named = (clip(2), f"{ytid(2)}_000009")
    kinds = ("several-files", "missing")
    assert found(report) == {(kind, "test", name) for kind in kinds for name in named}
    assert report.splits[0].usable == 2


# --- the form of Landscape -----------------------------------------------------------------------


def test_folders_of_classes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(("test/raining/a", "test/thunder/b", "train/raining/c")):
        write(root / "videos" / f"{name}.mp4", number)
    report = checked(root, tmp_path / "out", "landscape", decode=True)
    assert found(report) == set()
    shutil.copy(root / "videos/test/thunder/b.mp4", root / "videos/train/raining/d.mp4")
    report = checked(root, tmp_path / "out", "landscape", decode=True)
    assert found(report) == {("wrong-split", "test", "thunder/b")}


def test_a_file_of_a_listed_name_in_another_folder_is_on_no_list(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(("raining/a", "thunder/a", "thunder/test")):
        write(root / "videos/test" / f"{name}.mp4", number)
    movies.write_sound(root / "videos/test/raining/a.wav", tone(0), rate=RATE)
    (root / "test.txt").write_text("raining/a.mp4\n")
    strangers = [f.file for f in checked(root, tmp_path / "out", "landscape").findings]
    assert strangers == [root / "videos/test/thunder" / name for name in ("a.mp4", "test.mp4")]


def test_a_listed_name_of_two_files_leaves_the_others(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(("raining/a.mp4", "raining/b.mp4", "raining/b.mkv")):
        write(root / "videos/test" / name, number)
    (root / "test.txt").write_text("raining/a\nraining/b\n")
    report = checked(root, tmp_path / "out", "landscape")
    assert ("several-files", "test", "raining/b") in found(report)
    assert report.splits[0].usable == 1


# --- real clips ----------------------------------------------------------------------------------


def test_of_the_real_clips_one_has_no_sound(tmp_path: Path) -> None:
    real = sorted((golden_root().parent / "clips" / "real").glob("*.mp4"))
    if not real:
        pytest.skip("the shared real clips are not there")
    root = tmp_path / "data"
    (root / "test/real").mkdir(parents=True)
    for path in real:
        (root / "test/real" / path.name).symlink_to(path)
    report = checked(root, tmp_path / "out", "landscape", decode=True)
    faults = {(f.kind, f.clip) for f in report.findings if f.severity == "fault"}
    assert faults == {("no-sound", "real/cfg_tennis")}
    assert report.splits[0].usable == len(real) - 1
