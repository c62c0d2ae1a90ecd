"""Clips made elsewhere beside the systems of a run, on the miniature by the command line.

The clips are those of another run: exported as MP4 and WAV, and as that run stored them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.api import run
from svbench.catalog.gallery import find_elsewhere
from svbench.catalog.plans import plan_run
from svbench.config import RunConfig
from svbench.engines import protocol
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.results import load_scores, load_table
from svbench.reports.analysis.paired import paired_runs
from svbench.types import Recording, Row
from svbench.walk.gallery import find_sets
from svbench.walk.plan import Data
from svbench.walk.run import walk
from tests.factories.clips import write_clip
from tests.factories.commands import Command, Outcome, exit_code

AV_ALIGN = "av-align-corrected@published"
METRICS = ("--metrics", f"{AV_ALIGN},fvd")
RUN = ("run", "--dataset", "greatesthits", "--gamma", "1", "--steps", "2", *METRICS)
MODEL = "cmc-pe-gamma1"
CLIPS = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, and an export of it in `exported`."""
    place = tmp_path_factory.mktemp("made")
    run, exported = str(place / "run"), str(place / "exported")
    words = (*RUN, "--systems", "cmc-pe,shuffled", "--limit", str(CLIPS), "--out", run)
    for command in (words, ("data", "export", run, exported, "--as", "av-benchmark")):
        assert exit_code(*command) == 0
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """Return a copy of what was made, and of its export as `clips`."""
    shutil.copytree(made / "run", tmp_path / "run")
    shutil.copytree(made / "exported" / MODEL, tmp_path / "clips")
    return tmp_path


def rows(folder: Path) -> Mapping[str, Row]:
    return {row.system: row for row in load_table(folder).rows}


def join(svbench: Command, place: Path, clips: Path, *more: object, limit: int = CLIPS) -> Outcome:
    systems = f"cmc-pe,shuffled,mine={clips}"
    return svbench(*RUN, "--limit", limit, "--systems", systems, "--out", place / "run", *more)


def test_a_row_of_clips_joins_a_run_that_is_there(svbench: Command, place: Path) -> None:
    before = rows(place / "run")
    made = sorted((place / "run/samples").rglob("*.mkv"))
    stamps = [file.stat().st_mtime_ns for file in made]
    assert join(svbench, place, place / "clips").code == 0
    after = rows(place / "run")
    assert list(after) == ["shuffled", MODEL, "mine"]
    assert {name: after[name] for name in before} == before
    assert sorted((place / "run/samples").rglob("*.mkv")) == made  # nothing of it is stored
    assert [file.stat().st_mtime_ns for file in made] == stamps
    mine = after["mine"]
    assert (mine.asked, mine.settings["clips of"], mine.competes) == (CLIPS, "clips", True)
    gain = paired_runs(place / "run", AV_ALIGN, "mine", "shuffled")
    assert gain.count == CLIPS
    assert "mine: 4 clips made elsewhere (clips)" in " ".join(load_table(place / "run").notes)


def test_clips_of_a_store_have_the_scores_of_the_run_that_made_them(
    svbench: Command, place: Path
) -> None:
    """Bit for bit, sets and clips alike: paired by the requests of the manifest."""
    assert join(svbench, place, place / "run/samples" / MODEL).code == 0
    found, scores = rows(place / "run"), load_scores(place / "run")
    for metric, score in found[MODEL].scores.items():
        assert found["mine"].scores[metric] == score
    assert scores["mine", AV_ALIGN] == scores[MODEL, AV_ALIGN]


def test_the_scores_are_those_of_svbench_score(svbench: Command, place: Path) -> None:
    assert join(svbench, place, place / "clips").code == 0
    spec = load_table(place / "run").spec
    size = ",".join(map(str, spec.size))
    form = ("--frames", spec.frames, "--fps", spec.fps, "--size", size)
    real = ("--reference", place / "run/requests.jsonl", "--sample-rate", spec.sample_rate)
    words = ("--metrics", AV_ALIGN, *real, *form, "--out", place / "score")
    assert svbench("score", place / "clips", *words).code == 0
    mine, scored = rows(place / "run")["mine"], rows(place / "score")["clips"]
    assert mine.settings["set"] == scored.settings["set"]
    assert mine.scores[AV_ALIGN] == scored.scores[AV_ALIGN]
    ours, theirs = load_scores(place / "run"), load_scores(place / "score")
    assert ours["mine", AV_ALIGN] == theirs["clips", AV_ALIGN]


def test_any_number_of_workers_gives_the_same_bytes(
    svbench: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for workers in (1, 2, 3):
        if workers == 3:
            monkeypatch.setattr(protocol, "WORTH_SPREADING", 1)
        out = place / f"of-{workers}"
        words = ("--limit", CLIPS, "--systems", f"real,mine={place / 'clips'}", "--out", out)
        few = ("run", "--dataset", "greatesthits", "--metrics", AV_ALIGN)
        assert svbench(*few, *words, "--workers", workers).code == 0
        names = ("results.json", "scores.csv", "requests.jsonl")
        found.append([(out / name).read_bytes() for name in names])
    assert found[0] == found[1] == found[2]


def test_a_run_grows_by_clips_and_shrinks_again(svbench: Command, place: Path) -> None:
    few = join(svbench, place, place / "clips", limit=CLIPS - 1)
    assert few.code == 0
    assert rows(place / "run")["mine"].asked == CLIPS - 1
    assert "1 clip answers no request of this run" in " ".join(few.out.split())
    assert join(svbench, place, place / "clips").code == 0
    assert rows(place / "run")["mine"].asked == CLIPS
    shutil.copytree(place / "run", place / "before")
    words = ("--limit", CLIPS, "--systems", "cmc-pe,shuffled", "--out", place / "run")
    assert svbench(*RUN, *words).code == 0
    assert "mine" not in rows(place / "run")
    assert join(svbench, place, place / "clips").code == 0
    assert rows(place / "run") == rows(place / "before")


def test_a_missing_clip_is_named_or_counted(svbench: Command, place: Path) -> None:
    first = min((place / "clips").glob("*.mp4"))
    first.unlink()
    before = (place / "run/results.json").read_bytes()
    problem = join(svbench, place, place / "clips").problem(3)
    assert f"found no clip of 1 of {CLIPS} requests ({first.stem}), expected all" in problem
    assert (place / "run/results.json").read_bytes() == before
    assert join(svbench, place, place / "clips", "--allow-missing").code == 0
    mine = rows(place / "run")["mine"]
    assert mine.asked == CLIPS
    assert mine.scores[AV_ALIGN].count == CLIPS - 1
    assert mine.left_out == {f"{first.stem}/0": "its folder or list has no such clip"}


def test_a_clip_that_changed_is_measured_anew(svbench: Command, place: Path) -> None:
    assert join(svbench, place, place / "clips").code == 0
    before, first = load_scores(place / "run"), min((place / "clips").glob("*.wav"))
    shutil.copyfile(max((place / "clips").glob("*.wav")), first)
    with pytest.raises(DataError, match="changed since the run"):
        find_sets(place / "run", load_table(place / "run"), Local(), find_elsewhere(place / "run"))
    assert join(svbench, place, place / "clips").code == 0
    after = load_scores(place / "run")
    changed = {r for r, v in after["mine", AV_ALIGN].items() if v != before["mine", AV_ALIGN][r]}
    assert changed == {f"{first.stem}/0"}
    assert after[MODEL, AV_ALIGN] == before[MODEL, AV_ALIGN]


def test_clips_are_paired_by_caption_where_their_names_say_nothing(
    svbench: Command, place: Path
) -> None:
    requests = (place / "run/requests.jsonl").read_text(encoding="utf-8")
    entries = [json.loads(line) for line in requests.splitlines()]
    anonymous = place / "anonymous"
    anonymous.mkdir()
    lines = []
    for number, entry in enumerate(entries):
        for suffix in (".mp4", ".wav"):
            file = place / "clips" / (entry["id"] + suffix)
            shutil.copyfile(file, anonymous / f"{number}{suffix}")
        lines.append(f'{number},"{entry["caption"]}"\n')
    (anonymous / "captions.csv").write_text("".join(lines))
    assert join(svbench, place, place / "clips").code == 0
    by_id = load_scores(place / "run")["mine", AV_ALIGN]
    found = join(svbench, place, anonymous)
    assert found.code == 0
    assert "paired with those of the requests by caption and place" in " ".join(found.out.split())
    assert load_scores(place / "run")["mine", AV_ALIGN] == by_id


def test_reports_show_the_clips_of_the_row(svbench: Command, place: Path) -> None:
    assert join(svbench, place, place / "clips").code == 0
    sets = find_sets(
        place / "run", load_table(place / "run"), Local(), find_elsewhere(place / "run")
    )
    assert {sample.recording.path.parent for sample in sets["mine"].samples} == {place / "clips"}
    page = place / "page"
    words = ("--format", "html", "--gallery", 1, "--out", page)
    assert svbench("report", place / "run", *words).code == 0
    assert [p.name for p in (page / "media").glob("mine-*/*.mp4")]
    assert "mine" in svbench("report", place / "run", "--by", "action").out


def test_a_broken_clip_is_one_line_and_one_clip_less(svbench: Command, place: Path) -> None:
    first = min((place / "clips").glob("*.mp4"))
    first.write_bytes(b"no video")
    found = join(svbench, place, place / "clips")
    assert found.code == 3
    assert first.name in found.problems[0]
    assert join(svbench, place, place / "clips", "--allow-missing").code == 0
    mine = rows(place / "run")["mine"]
    assert list(mine.left_out) == [f"{first.stem}/0"]


def test_only_requests_of_readable_real_clips_are_asked_for(place: Path) -> None:
    """Whatever real clip cannot be opened is left out of every row, also of this one."""
    systems, metrics = (f"mine={place / 'clips'}",), (AV_ALIGN,)
    settings = {"systems": systems, "metrics": metrics, "limit": CLIPS, "allow_missing": True}
    made = plan_run(RunConfig(dataset="greatesthits", **settings), place / "new")
    lost: list[str] = []

    def read() -> Data:
        data = made.read()
        lost.append(data.real[0].id)
        absent = replace(data.real[0], recording=Recording(place / "absent.mp4"))
        return replace(data, real=(absent, *data.real[1:]))

    (row,) = walk(replace(made, read=read), place / "new", Local()).rows
    assert row.asked == CLIPS - 1
    assert f"{lost[0]}/0" not in load_scores(place / "new")["mine", AV_ALIGN]
    sets = find_sets(
        place / "new", load_table(place / "new"), Local(), find_elsewhere(place / "new")
    )
    assert len(sets["mine"].samples) == CLIPS - 1


def test_the_doctor_plans_with_it(svbench: Command, place: Path) -> None:
    for out in ("run", "new"):
        words = f"--limit {CLIPS} --systems real,mine={place / 'clips'} --out {place / out}"
        found = svbench("doctor", "--plan", f"run --dataset greatesthits {words}")
        assert found.code == 0, found.out
        assert "2: real, mine" in found.out
    (place / "clips").rename(place / "gone")
    found = svbench("doctor", "--plan", f"run --dataset greatesthits {words}")
    assert found.code == 3


def test_python_takes_the_same_words_and_paths_with_commas(place: Path) -> None:
    (place / "clips").rename(place / "cli,ps")
    systems = ["real", f"mine={place / 'cli,ps'}"]
    found = run(
        "greatesthits", systems=systems, limit=CLIPS, metrics=[AV_ALIGN], out=place / "python"
    )
    assert [row.system for row in found.table.rows] == ["real", "mine"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("mine=", 2, "found 'mine=', expected NAME=FOLDER or NAME=LIST"),
        ("=clips", 2, "found '=clips', expected NAME=FOLDER or NAME=LIST"),
        ("a/b=clips", 2, "found 'a/b=clips', expected NAME=FOLDER or NAME=LIST"),
        ("mine=clips,mine=other", 2, "rows: found 'mine' twice"),
        ("real=clips", 2, "real=clips: found the name of a system"),
        ("reference=clips", 2, "reference=clips: found the name of a system"),
        ("mine=nowhere", 3, "--systems mine: nowhere: found no such thing"),
        ("mine=com,ma", 2, "found a path with a comma, which ends a name here"),
        ("mine=run", 3, "--systems mine: run: found a run of svbench"),
        (f"cmc-pe,{MODEL}=clips", 2, f"rows: found '{MODEL}' twice"),
    ],
)
def test_what_cannot_join_is_refused_in_one_line(
    svbench: Command,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(place)
    (place / "com,ma").mkdir()
    write_clip(place / "com,ma" / "a.mp4")
    few = ("--limit", CLIPS, "--gamma", "1") if "cmc-pe," in words else ("--limit", CLIPS)
    found = svbench("run", "--dataset", "greatesthits", *few, "--systems", words, "--out", "new")
    assert message in found.problem(code)
