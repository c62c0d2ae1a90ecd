"""The list of a run's requests: it identifies real clips, and `score` reads it again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.results import REQUESTS, Asked, digest_requests, load_requests
from svbench.types import Example, Recording
from svbench.walk.requests import dump_requests, identify_requests
from tests.factories.clips import write_clip, write_folder
from tests.factories.commands import Command
from tests.factories.results import make_table, write_run


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4", "a.wav"):
        (tmp_path / name).write_text(f"bytes of {name}")
    return tmp_path


def source(recording: Recording) -> str:
    return identify_requests([Example("x", "", recording)], Local(1))["x"].source


def test_a_real_clip_is_its_files_and_its_start(files: Path) -> None:
    one = Recording(files / "a.mp4", 4.0, files / "a.wav")
    others = [
        replace(one, start=0.0),
        replace(one, sound=None),
        replace(one, path=files / "b.mp4"),
        replace(one, path=files / "a.wav", sound=files / "a.mp4"),
    ]
    assert len({source(recording) for recording in (one, *others)}) == 5
    (files / "copy.mp4").write_bytes((files / "a.mp4").read_bytes())
    assert source(replace(one, path=files / "copy.mp4", start=4)) == source(one)


def test_a_file_that_cannot_be_read_is_named(files: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.mp4: cannot be read"):
        source(Recording(files / "gone.mp4"))


def test_the_list_reads_as_the_clips_it_was_made_of(files: Path) -> None:
    examples = (
        Example("first/a", "ein Schlag", Recording(files / "a.mp4", 2.5, files / "a.wav")),
        Example("b", "", Recording(files / "b.mp4")),
    )
    folder = files / "runs" / "mine"
    folder.mkdir(parents=True)
    requests = identify_requests(examples, Local(2))
    (folder / "requests.jsonl").write_text(dump_requests(examples, requests, folder))
    ((name, found),) = manifest.load(folder / "requests.jsonl").items()
    assert name == "mine"
    assert [(e.id, e.caption, e.recording.start) for e in found] == [
        ("first/a", "ein Schlag", 2.5),
        ("b", "", 0.0),
    ]
    assert found[0].recording.path.resolve() == files / "a.mp4"
    assert identify_requests(found, Local(1)) == requests == load_requests(folder)


def test_a_run_folder_that_is_a_link_leads_to_the_same_files(files: Path) -> None:
    (files / "deep" / "er" / "run").mkdir(parents=True)
    (files / "link").symlink_to(files / "deep" / "er" / "run")
    example = Example("b", "", Recording(files / "b.mp4"))
    requests = identify_requests([example], Local(1))
    (files / "link" / "requests.jsonl").write_text(
        dump_requests([example], requests, files / "link")
    )
    ((found,),) = manifest.load(files / "link" / "requests.jsonl").values()
    assert found.recording.path.exists()


def test_requests_are_those_that_were_written_with_the_results(tmp_path: Path) -> None:
    requests = {"b": Asked("two", "2"), "a": Asked("one", "1")}
    table = make_table()
    table = replace(table, record={**table.record, REQUESTS: digest_requests(requests)})
    run = write_run(tmp_path / "run", table)
    assert load_requests(run) is None
    lines = [{"id": n, "caption": a.caption, "source": a.source} for n, a in requests.items()]
    (run / "requests.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert load_requests(run) == load_requests(run / "results.json") == requests
    (run / "requests.jsonl").write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(DataError, match=r"requests\.jsonl: found other requests than were written"):
        load_requests(run)


@pytest.mark.parametrize("line", [{"id": "a"}, {"id": 1, "caption": "", "source": ""}])
def test_a_malformed_line_is_named(tmp_path: Path, line: dict[str, object]) -> None:
    (tmp_path / "requests.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"requests\.jsonl, line 1: found id"):
        load_requests(tmp_path)


def test_parts_of_one_set_are_compared_where_they_meet(svbench: Command, tmp_path: Path) -> None:
    """`score` on 2 and on 4 clips of a set, then on the requests of the latter run."""
    real = write_folder(tmp_path / "real", 4)
    few = tmp_path / "few"
    few.mkdir()
    for file in real[:2]:
        (few / file.name).hardlink_to(file)
    made = tmp_path / "model"
    for place, file in enumerate(real):
        write_clip(made / file.name, seed=place + 1)
    format_ = ("--frames", 8, "--size", 32, "--metrics", "av-align-corrected@miniature")
    for reference, name in ((tmp_path / "real", "whole"), (few, "part")):
        done = svbench("score", made, "--reference", reference, "--out", tmp_path / name, *format_)
        assert done.code == 0, done.err
    done = svbench(
        "score", few, "--reference", tmp_path / "whole" / "requests.jsonl",
        "--out", tmp_path / "again", *format_,
    )  # fmt: skip
    assert done.code == 0, done.err
    runs = [tmp_path / name for name in ("whole", "part", "again")]
    done = svbench("compare", *runs, "--against", "real", "--format", "json")
    assert done.code == 0, done.err
    found = {pair["first"]: pair["count"] for pair in json.loads(done.out)["differences"]}
    floors = {"model-shuffled": 4, "few-shuffled": 2}
    assert found == {"model": 4, "real (part)": 2, "few": 2, **floors}
