"""`svbench report --format html` and `svbench clip-figure`, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.commands import Command
from tests.factories.pages import ALIGN, IB, MODEL, write_page_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_page_run(tmp_path / "run")


def test_a_page_is_written_below_the_run(svbench: Command, run: Path) -> None:
    done = svbench("report", run, "--format", "html")
    assert done.code == 0, done.err
    assert done.out == ""
    assert done.err.splitlines()[-1] == f"page: {run / 'report' / 'index.html'}"
    assert len(list((run / "report" / "media").rglob("*.mp4"))) == 12


def test_or_where_it_is_wanted_with_as_many_clips_and_columns(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    words = ["--out", tmp_path / "page", "--gallery", 1, "--metrics", ALIGN]
    done = svbench("report", run / "results.json", "--format", "html", *words)
    assert done.code == 0, done.err
    assert len(list((tmp_path / "page" / "media").rglob("*.mp4"))) == 3
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert ALIGN in page
    assert IB not in page
    assert not (run / "report").exists()


def test_what_is_wrong_is_one_line(svbench: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    taken = svbench("report", run, "--format", "html", "--out", tmp_path / "file")
    assert taken.problem(2).endswith(f"found a file at {tmp_path / 'file'}, expected a folder")
    few = svbench("report", run, "--format", "html", "--gallery", -2)
    assert few.problem(2).startswith("--gallery: found '-2', expected a whole number, 0 to ")
    (run / "scores.csv").unlink()
    gone = svbench("report", run, "--format", "html")
    assert gone.problem(3).endswith("scores.csv: found nothing there, expected scores per clip")


def test_a_page_of_another_program_is_not_written_over(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    index = site / "index.html"
    words = ("report", run, "--format", "html", "--gallery", 1, "--out", site)
    for page in ("mine", '<meta name="generator" content="another">', "\xff", ""):
        index.write_text(page, encoding="latin-1")
        assert svbench(*words).problem(2) == (
            f"--out {site}: found an index.html of another program in it, expected none; "
            "choose another --out"
        )
        assert index.read_text(encoding="latin-1") == page
        assert list(site.iterdir()) == [index]
    index.unlink()
    index.symlink_to("nowhere")
    assert "an index.html of another program" in svbench(*words).problem(2)
    index.unlink()
    assert svbench(*words).code == 0
    first = index.read_bytes()
    assert svbench(*words).code == 0  # ours is
    assert index.read_bytes() == first


@pytest.mark.parametrize("place", ["", "data", "samples", "samples/real", "features/new"])
def test_a_page_is_not_written_among_what_a_run_keeps(
    place: str, svbench: Command, run: Path
) -> None:
    before = sorted(run.rglob("*"))
    problem = svbench("report", run, "--format", "html", "--out", run / place).problem(2)
    assert problem.endswith(f"of the run in {run}, expected a place apart from it")
    assert sorted(run.rglob("*")) == before


def test_clips_that_changed_since_the_run_are_not_shown_beside_its_numbers(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    listed = run / "samples" / MODEL / "manifest.jsonl"
    listed.write_text(listed.read_text(encoding="utf-8").replace("hits", "misses"))
    said = f"{listed}: changed since the run; run the same command again"
    assert svbench("report", run, "--format", "html").problem(3) == said
    figure = svbench("clip-figure", run, "c2/0", "--out", tmp_path / "a.pdf")
    assert figure.problem(3) == said


def test_a_clip_becomes_figure_4(svbench: Command, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "figure4.pdf"
    before = sorted(run.rglob("*"))
    done = svbench("clip-figure", run, "c2/0", "--out", out, "--systems", f"real,{MODEL}")
    assert done.code == 0, done.err
    assert out.read_bytes().startswith(b"%PDF")
    assert list(out.parent.iterdir()) == [out]
    assert sorted(run.rglob("*")) == before  # no copy of a clip is left anywhere
    wrong = svbench("clip-figure", run, "c9/0", "--out", out)
    said = "REQUEST: found 'c9/0', expected one of the run's, as c0/0, c1/0, c2/0"
    assert wrong.problem(2) == said
    png = svbench("clip-figure", run, "c2/0", "--out", tmp_path / "a.png")
    assert png.problem(2).endswith("found the ending '.png', expected .svg or .pdf")


def test_a_clip_that_is_gone_is_named(svbench: Command, run: Path, tmp_path: Path) -> None:
    clip = next((run / "samples" / MODEL).rglob("c2_0-*.mkv"))
    clip.unlink()
    done = svbench("clip-figure", run, "c2/0", "--out", tmp_path / "a.pdf")
    assert done.problem(3) == f"{clip}: found nothing there, expected a clip"
