"""`svbench validate` as a whole: four small clips, two distortions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import svbench as package
from svbench.errors import ConfigError
from svbench.files.locking import locked
from svbench.files.validity import load_validity
from tests.factories.clips import make_clip, write_clip
from tests.factories.commands import Command, Outcome
from tests.svbench.validation.test_extract import MADE

METRICS = "synchrony@impacts,synchrony@impacts+native,fad@+miniature"
FORMAT = ("--frames", 16, "--fps", 8, "--size", 32)
DISTORTIONS = "audio_shift,fragment_shuffle"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for number in range(4):
        write_clip(tmp_path / "clips" / f"c{number}.mp4", make_clip(number, MADE))
    return tmp_path / "clips"


def validate(svbench: Command, clips: Path, out: Path, *more: object) -> Outcome:
    words = ("--metrics", METRICS, "--distortions", DISTORTIONS, *FORMAT, "--out", out)
    return svbench("validate", clips, *words, *more)


def test_the_whole_command(svbench: Command, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = validate(svbench, clips, out, "--workers", 1)
    assert done.code == 0, done.err
    assert "Do metrics follow people?" in done.out
    found = load_validity(out)
    assert (found.clips, found.count, found.spec.frames) == ("clips", 4, 16)
    assert [one.metric for one in found.metrics] == [
        *("synchrony@impacts", "synchrony@impacts+native", "fad@audioldm-eval+miniature"),
    ]
    assert {one.distortion for one in found.responses} == {"audio_shift", "fragment_shuffle"}
    shift = found.responses[0]
    assert (len(shift.levels), len(shift.values)) == (10, 10)
    assert [arm.name for arm in shift.arms] == ["late", "early"]
    assert shift.people is not None
    assert shift.absent  # of 2 s, nothing is left of sound that is 1 s early
    assert all(one.agreement and -1 <= one.agreement.value <= 1 for one in found.metrics)
    assert found.record["settings"]["distortions"] == ["audio_shift", "fragment_shuffle"]
    assert not list(out.rglob("*.mp4"))
    assert not list(out.rglob("*.mkv"))
    with (out / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    plain = [float(one["value"]) for one in lines if not one["distortion"]]
    by_metric = found.metrics[0].undistorted, found.metrics[1].undistorted
    assert sum(plain[:4]) / 4 == pytest.approx(by_metric[0])
    assert sum(plain[4:]) / 4 == pytest.approx(by_metric[1])
    assert (out / "validity.html").is_file()


def test_workers_and_resuming_change_no_byte(svbench: Command, clips: Path, tmp_path: Path) -> None:
    one, two, resumed = (tmp_path / name for name in ("one", "two", "resumed"))
    assert validate(svbench, clips, one, "--workers", 1).code == 0
    assert validate(svbench, clips, two, "--workers", 2).code == 0
    part = ("validate", clips, "--distortions", "audio_shift", *FORMAT, "--out", resumed)
    assert svbench(*part, "--metrics", "synchrony@impacts", "--limit", 3).code == 0
    assert validate(svbench, clips, resumed, "--workers", 1).code == 0
    for name in ("validity.json", "scores.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
        assert (one / name).read_bytes() == (resumed / name).read_bytes()


def test_another_seed_draws_other_distortions_alone(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    zero, one = tmp_path / "zero", tmp_path / "one"
    words = ("--metrics", "synchrony", "--distortions", DISTORTIONS, *FORMAT, "--workers", 1)
    svbench("validate", clips, *words, "--out", zero)
    svbench("validate", clips, *words, "--out", one, "--seed", 1)
    first, second = (load_validity(out).responses for out in (zero, one))
    assert first[0].values == second[0].values  # a shift
    assert first[1].values != second[1].values  # a shuffle


def test_python_does_the_same(clips: Path, tmp_path: Path) -> None:
    found = package.validate(
        clips,
        metrics=["synchrony"],
        distortions=["audio_shift"],
        frames=16,
        size=(32, 32),
        workers=1,
        out=tmp_path / "out",
    )
    assert found == load_validity(tmp_path / "out")


def test_json_is_all_that_is_printed(svbench: Command, clips: Path, tmp_path: Path) -> None:
    words = ("--metrics", "synchrony", "--distortions", "audio_shift", *FORMAT, "--json")
    done = svbench("validate", clips, *words, "--out", tmp_path / "out", "--workers", 1)
    assert json.loads(done.out)["clips"] == "clips"
    assert done.out == (tmp_path / "out" / "validity.json").read_text()


def test_a_clip_without_sound_is_one_line_or_one_clip_less(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    write_clip(clips / "mute.mp4", make_clip(9, MADE), sound=False)
    words = ("--metrics", "synchrony,fad", "--distortions", "audio_shift", *FORMAT)
    done = svbench("validate", clips, *words, "--out", tmp_path / "out", "--workers", 1)
    assert done.code == 3
    assert "mute.mp4: found no audio stream" in done.err
    assert "1 of 5 clips cannot be judged" in done.err
    assert not (tmp_path / "out" / "validity.json").exists()
    words = (*words, "--allow-missing", "--workers", 1)
    assert svbench("validate", clips, *words, "--out", tmp_path / "out").code == 0
    found = load_validity(tmp_path / "out")
    assert found.count == 4
    assert any(note.startswith("1 of 5 clips left out; ") for note in found.notes)


def test_too_few_clips_for_a_distance_leave_its_column_empty(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    words = ("--metrics", "synchrony,fad@+miniature", "--distortions", "audio_shift", *FORMAT)
    done = svbench("validate", clips, *words, "--limit", 3, "--out", tmp_path / "o", "--workers", 1)
    assert done.code == 0, done.err
    found = load_validity(tmp_path / "o")
    assert found.metrics[1].absent == "a distance between sets needs at least 4 clips here, found 3"
    assert {one.metric for one in found.responses} == {"synchrony@impacts"}


@pytest.mark.parametrize(
    ("words", "line", "code"),
    [
        (("--distortions", "echo"), "--distortions: found 'echo', expected some of audio_shift", 2),
        (("--metrics", "beauty"), "--metrics: found 'beauty'", 2),
        (("--metrics", "ib-ta@+miniature"), "have no caption, expected one for each", 3),
        (("--power", "1.5"), "--power: found '1.5'", 2),
        (("--planned", "1"), "--planned: found '1'", 2),
        (("--frames", "40", "--metrics", "synchrony"), "expected 5.000 s", 3),
    ],
)
def test_what_is_wrong_is_one_clear_line(
    svbench: Command, clips: Path, tmp_path: Path, words: tuple[str, ...], line: str, code: int
) -> None:
    done = svbench("validate", clips, "--out", tmp_path / "out", "--workers", 1, *words)
    assert line in done.err
    assert done.code == code
    assert not (tmp_path / "out" / "validity.json").exists()


def test_an_empty_folder_and_a_folder_of_others_are_refused(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = svbench("validate", tmp_path / "empty", "--out", tmp_path / "out")
    assert done.code == 3
    assert "empty" in done.err
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "scores.csv").write_text("mine\n")
    words = ("--metrics", "synchrony", "--distortions", "audio_shift", *FORMAT)
    done = svbench("validate", clips, *words, "--out", tmp_path / "theirs")
    assert done.code == 2
    assert "found scores.csv in it" in done.err
    assert (tmp_path / "theirs" / "scores.csv").read_text() == "mine\n"


def test_the_miniature_has_a_format_of_its_own(svbench: Command, tmp_path: Path) -> None:
    done = svbench("validate", "--frames", 8, "--out", tmp_path / "out")
    assert done.code == 2
    assert "--frames: found it where it has no effect, expected it only beside CLIPS" in done.err
    words = ("--metrics", "synchrony", "--distortions", "audio_shift", "--limit", 4)
    assert svbench("validate", *words, "--out", tmp_path / "out", "--workers", 1).code == 0
    assert load_validity(tmp_path / "out").spec.size == (64, 64)


def test_of_one_clip_it_is_not_known_what_is_noticed(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    words = ("--metrics", "synchrony@impacts", "--distortions", "video_blur", *FORMAT)
    assert svbench("validate", clips, *words, "--limit", 1, "--out", tmp_path / "out").code == 0
    (response,) = load_validity(tmp_path / "out").responses
    assert [arm.comparable for arm in response.arms] == [False]
    assert response.counts == (1, 1, 1)
    assert "not noticed" not in (tmp_path / "out" / "validity.md").read_text()


def test_what_an_earlier_command_wrote_beside_the_clips_is_not_judged(
    svbench: Command, clips: Path, tmp_path: Path
) -> None:
    words = ("--metrics", "synchrony", "--distortions", "video_blur", *FORMAT, "--workers", 1)
    one, two = clips / "one", tmp_path / "two"
    for out in (one, one, two):  # the folder to come, itself again, and another one
        assert svbench("validate", clips, *words, "--out", out).code == 0
        assert load_validity(out).notes == ("clips: 1 run folder of svbench is not judged: one",)
    done = svbench("validate", one, *words, "--out", two)
    assert done.code == 3
    assert "one: found a run of svbench, expected a folder of clips" in done.err


def test_reports_are_written_while_the_folder_is_held(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_found: object, out: Path) -> None:
        with pytest.raises(ConfigError), locked(out):
            pass
        (out / "written").touch()

    monkeypatch.setattr("svbench.reports.validity.write.write_validity", write)
    how = {"metrics": ["synchrony"], "distortions": ["video_blur"], "workers": 1}
    out = tmp_path / "out"
    package.validate(clips, frames=16, size=(32, 32), out=out, **how)  # type: ignore[arg-type]
    assert (out / "written").exists()
