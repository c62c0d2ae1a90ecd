"""The commands `svbench systems`, and runs of external systems from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.baselines.diffusers_av.families import FAMILIES
from svbench.miniature import landscape
from tests.factories.commands import Command, Outcome
from tests.factories.external_systems import traced, write_system
from tests.factories.processes import lives
from tests.factories.stub_checkouts import diff_foley, tempotokens, write_own

METRIC = ("--metrics", "av-align-corrected")


def run(svbench: Command, out: Path, systems: str, *more: object) -> Outcome:
    data = ("--dataset", "greatesthits", "--limit", 3, "--device", "cpu")
    return svbench("run", *data, "--systems", systems, "--out", out, *METRIC, *more)


def bytes_of(out: Path) -> dict[str, bytes]:
    """Return the clips, the scores and the table of a run."""
    files = [*out.glob("samples/**/*.*"), out / "results.json", out / "scores.csv"]
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in files}


def test_systems_are_listed_and_one_is_shown(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(tmp_path))
    listed = svbench("systems", "list").out
    assert listed.startswith(f"systems in {tmp_path}")
    lines = [line.strip() for line in listed.splitlines()]
    assert all(lines.count(family) == 1 for family in FAMILIES)
    path = write_system(tmp_path / "own", traps=["needs 80 GB"], published_in=["toys"])
    shown = svbench("systems", "show", f"external:{path}").out
    parts = ("stub: Stub", "uncond, video and sound", "licence: MIT", "trap: needs 80 GB")
    for part in (*parts, "in the paper's table of: toys"):
        assert part in shown


def test_a_check_ends_with_3_where_something_is_missing(svbench: Command, tmp_path: Path) -> None:
    path = write_system(tmp_path)
    done = svbench("systems", "check", f"external:{path}")
    assert (done.code, done.out) == (0, f"external:{path}: ready, in {tmp_path}\n")
    (tmp_path / "env" / "bin" / "python").unlink()
    line = svbench("systems", "check", f"external:{path}").problem(3)
    assert line.endswith("python: found no such program, expected the system's Python")
    assert "found no such external system" in svbench("systems", "check", "nobody").problem(2)


def test_a_stopped_run_goes_on_to_equal_bytes(svbench: Command, tmp_path: Path) -> None:
    """A clip that is not made is no loss of the others, and is made by the next run."""
    path = write_system(tmp_path / "system", batch=2)
    assert run(svbench, tmp_path / "whole", f"external:{path}").code == 0
    third = traced(path, "make")[1]
    doom = tmp_path / "system" / "trace.txt.doom"
    doom.write_text(third)
    stopped = run(svbench, tmp_path / "run", f"external:{path}")
    assert stopped.code == 3
    assert stopped.problems == [
        f"stub: 1 clip not made ({third}): its driver ended with exit code 9 "
        f"(garbage on stdout {third})",
        "1 of 3 clips were not made; all others are kept: run the same command again, or go on "
        "knowingly without them by --allow-missing",
    ]
    assert len(list((tmp_path / "run").glob("samples/stub/*/*.mkv"))) == 2
    allowed = run(svbench, tmp_path / "run", f"external:{path}", "--allow-missing")
    assert allowed.code == 0
    assert "1 of 3 left out; its driver ended with exit code 9" in " ".join(allowed.out.split())
    doom.unlink()
    before = len(traced(path, "make"))
    assert run(svbench, tmp_path / "run", f"external:{path}").code == 0
    assert traced(path, "make")[before:] == [third]  # and nothing else
    whole, resumed = bytes_of(tmp_path / "whole"), bytes_of(tmp_path / "run")
    assert resumed == whole
    assert not any(lives(int(process)) for process in traced(path, "start"))


def test_the_table_does_not_depend_on_the_number_of_workers(
    svbench: Command, tmp_path: Path
) -> None:
    path = write_system(tmp_path / "system", task="v2a", batch=2)
    for workers in (1, 3):
        systems = f"real,picture-of:lagged>external:{path}"
        done = run(svbench, tmp_path / str(workers), systems, "--workers", workers)
        assert done.code == 0, done.err
    one, three = bytes_of(tmp_path / "1"), bytes_of(tmp_path / "3")
    assert one == three
    assert {"samples/stub-picture-of-lagged/manifest.jsonl", "results.json"} <= one.keys()


def test_a_driver_that_does_not_start_leaves_the_other_rows(
    svbench: Command, tmp_path: Path
) -> None:
    path = write_system(tmp_path / "system", settings={"fault": "no torch"})
    done = run(svbench, tmp_path / "run", f"real,external:{path}")
    assert done.code == 3
    assert "3 clips not made" in done.problems[0]
    assert "ModuleNotFoundError: No module named 'torch') before it was ready" in done.problems[0]
    done = run(svbench, tmp_path / "run", f"real,external:{path}", "--allow-missing")
    assert done.code == 0


def test_two_rows_of_one_name_are_refused(svbench: Command, tmp_path: Path) -> None:
    names = [f"external:{write_system(tmp_path / folder)}" for folder in ("a", "b")]
    line = run(svbench, tmp_path / "run", ",".join(names)).problem(2)
    assert line == "--systems: rows: found 'stub' twice, expected each once"


@pytest.mark.parametrize("name", ["mmaudio", "real", "diff-foley-fixed"])
def test_an_own_system_has_a_name_of_its_own(svbench: Command, tmp_path: Path, name: str) -> None:
    """Its row would be taken for that of a system of svbench, or of a mode of one."""
    path = write_system(tmp_path, name=name)
    done = run(svbench, tmp_path / "run", f"external:{path}")
    assert done.problem(2) == (
        f"{path}: found a row called {name!r}, as one that comes with svbench, expected a name of "
        "its own"
    )
    assert svbench("systems", "check", f"external:{path}").problem(2) == done.problem(2)


def test_rows_of_the_papers_table_that_are_not_here_are_announced(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(tmp_path / "systems"))
    landscape.draw(tmp_path / "data", seed=0, test=2)
    words = f"run --dataset landscape --scale paper --data-root {tmp_path / 'data'}"
    done = svbench("doctor", "--plan", f"{words} --device cpu --out {tmp_path / 'run'}")
    assert "mm-diffusion" in done.out
    assert "the row will be absent: not on this machine" in done.out
    assert "svbench systems check mm-diffusion" in done.out


def test_relays_of_the_paper_complete_what_the_joint_model_made(
    svbench: Command, tmp_path: Path
) -> None:
    """T2A2V and T2V2A: shipped drivers, against stand-ins of their checkouts."""
    picture = write_own(tempotokens(tmp_path / "tempotokens"))
    sound = write_own(diff_foley(tmp_path / "diff foley"))
    systems = f"audio-of:cmc-pe>external:{picture},picture-of:cmc-pe>external:{sound}@fixed"
    done = run(svbench, tmp_path / "run", systems, "--gamma", 1)
    assert done.code == 0, done.err
    samples = sorted(path.name for path in (tmp_path / "run" / "samples").iterdir())
    joint, foley, tokens = samples
    assert foley == f"own-diff-foley-fixed-picture-of-{joint}"
    assert tokens == f"own-tempotokens-audio-of-{joint}"
    clips = [list((tmp_path / "run" / "samples" / row).glob("*/*.mkv")) for row in samples]
    assert list(map(len, clips)) == [3, 3, 3]
