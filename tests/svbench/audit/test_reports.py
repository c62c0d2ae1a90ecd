"""Reports: equal bytes whatever the workers, resumed after a stop, the identity of a run."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest

from svbench.audit import examine
from svbench.files.known_files import SETTLED
from tests.factories.commands import Command
from tests.factories.plugins import add_toys
from tests.factories.processes import kill_before
from tests.svbench.audit.recordings import write

FILES = ("audit.csv", "audit.json", "index.html")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in the form of Landscape: eight clips, of which one has no end."""
    root = tmp_path_factory.mktemp("data")
    lines = []
    for number in range(8):
        lines.append(f"raining/clip {number}.mp4,rain number {number}\n")
        write(root / f"raining/clip {number}.mp4", number)
    whole = (root / "raining/clip 7.mp4").read_bytes()
    (root / "raining/clip 7.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "test.txt").write_text("".join(lines))
    time.sleep(SETTLED / 1e9)  # of younger files nothing is kept
    return root


def words(data: Path, out: Path, *more: str) -> tuple[str, ...]:
    return (
        *("data", "check", "--dataset", "landscape", "--data-root", str(data), "--decode"),
        *("--out", str(out), *more),
    )


def contents(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in FILES]


def test_a_report_is_the_same_from_any_number_of_workers(
    svbench: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svbench.engines.protocol.WORTH_SPREADING", 1)
    for workers in ("1", "2", "3"):
        outcome = svbench(*words(data, tmp_path / workers, "--workers", workers))
        assert outcome.problem(3).endswith(
            f"found 1 fault, expected none; see {tmp_path / workers / 'audit.csv'}"
        )
    one, two, three = (contents(tmp_path / workers) for workers in "123")
    assert one == two == three
    rows = list(csv.DictReader((tmp_path / "1/audit.csv").read_text().splitlines()))
    assert [(r["kind"], r["severity"], r["split"], r["clip"], r["file"]) for r in rows] == [
        ("truncated", "fault", "test", "raining/clip 7", "raining/clip 7.mp4")
    ]


def test_an_audit_that_was_killed_goes_on(
    svbench: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    svbench(*words(data, tmp_path / "whole", "--workers", "1"))
    monkeypatch.setattr(examine, "SHARD", 1)
    read, done = examine.read, []

    def stopping(task: examine.Task) -> examine.Reading:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.path.name)
        return read(task)

    monkeypatch.setattr(examine, "read", stopping)
    out = tmp_path / "out"
    assert svbench(*words(data, out, "--workers", "1")).code == 75
    assert not (out / "audit.csv").exists()
    again: list[str] = []
    monkeypatch.setattr(examine, "read", lambda task: again.append(task.path.name) or read(task))
    assert svbench(*words(data, out, "--workers", "1")).code == 3
    assert len(done) == 3
    assert not set(done) & set(again)
    assert len(again) == 5
    assert contents(out) == contents(tmp_path / "whole")


def test_an_audit_whose_process_was_killed_goes_on(
    svbench: Command, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    kill_before("known-files.json", words(data, out, "--workers", "1"), times=2)
    assert (out / "known-files.json").exists()
    assert svbench(*words(data, out, "--workers", "1")).code == 3
    assert len(list(csv.DictReader((out / "audit.csv").read_text().splitlines()))) == 1


def test_nothing_is_written_into_the_data_folder(
    svbench: Command, data: Path, tmp_path: Path
) -> None:
    outcome = svbench(*words(data, data / "report"))
    assert "found a place in the data folder" in outcome.problem(2)
    before = sorted(data.rglob("*"))
    svbench(*words(data, tmp_path / "out"))
    assert sorted(data.rglob("*")) == before


def test_the_identity_is_that_of_a_run(svbench: Command, data: Path, tmp_path: Path) -> None:
    svbench(*words(data, tmp_path / "check"))
    splits = json.loads((tmp_path / "check/audit.json").read_text())["splits"]
    ran = svbench(
        *("run", "--dataset", "landscape", "--scale", "paper", "--data-root", str(data)),
        *("--systems", "real", "--metrics", "av-align-corrected", "--allow-missing", "--limit"),
        *("6", "--out", str(tmp_path / "run")),
    )
    assert ran.code == 0, ran.err
    record = json.loads((tmp_path / "run/results.json").read_text())["record"]["data"]
    assert (record["split"], record["list"], record["limit"]) == ("test", "test.txt", 6)
    assert splits["test"]["identity"]["clips"] == 8
    assert splits["test"]["identity"]["identity"] != record["identity"]
    svbench(*words(data, tmp_path / "six", "--limit", "6"))
    six = json.loads((tmp_path / "six/audit.json").read_text())["splits"]["test"]
    assert six["identity"] == record


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--split", "dev"), "--split: found 'dev', expected train, test or all"),
        (("--split", "train"), "found no list or folder of the splits train"),
        (("--split", "all", "--captions", "x.csv"), "expected one split: a list is of one"),
        (("--data-root", "nowhere"), "found nothing there, expected the folder of the Landscape"),
    ],
)
def test_wrong_words(
    svbench: Command, data: Path, tmp_path: Path, more: tuple[str, ...], text: str
) -> None:
    outcome = svbench(*words(data, tmp_path / "out", *more))
    assert outcome.code in (2, 3)
    assert len(outcome.problems) == 1
    assert text in outcome.problems[0]
    assert not (tmp_path / "out").exists()


def test_the_page_shows_clips_and_takes_no_text_for_markup(
    svbench: Command, data: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text('raining/clip 0.mp4,"<script>alert(1)</script>"\nraining/none.mp4,rain\n')
    svbench(*words(data, tmp_path / "out", "--captions", str(listed)))
    page = (tmp_path / "out/index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg;base64,") == 3  # of the one that is there
    assert 'id="missing"' in page


def test_a_data_set_of_a_plug_in(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toys(monkeypatch)
    for number in range(2):
        write(tmp_path / f"clips/{number}.mp4", number)
    line = ("data", "check", "--dataset", "toys", "--plugin", "toybox", "--data-root")
    more = (str(tmp_path / "clips"), "--split", "test", "--out", str(tmp_path / "out"))
    outcome = svbench(*line, *more)
    assert outcome.code == 3, outcome.err  # its clips have no captions, and nothing else is wrong
    assert "2 of 2 clips usable" in outcome.out
    rows = list(csv.DictReader((tmp_path / "out/audit.csv").read_text().splitlines()))
    assert [row["kind"] for row in rows] == ["no-caption", "no-caption"]
