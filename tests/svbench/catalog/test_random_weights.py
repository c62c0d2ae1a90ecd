"""Folders of random weights: written, gone on with, taken by runs, and named in their tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from svbench.baselines.joint import sampling
from svbench.catalog import random_weights, systems
from svbench.catalog.random_weights import RECORD, RandomWeights, write
from svbench.datasets import greatesthits
from svbench.errors import ConfigError, DataError, StoppedError
from tests.factories.clips import make_clip, write_clip
from tests.factories.commands import Command

TINY = RandomWeights(parts=("joint", "i3d-pretrained-400"), size="tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("random")
    write(out, TINY)
    return out


def stamps(out: Path) -> Mapping[Path, int]:
    return {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.suffix in (".pt", ".safetensors")}


def test_what_is_there_stays_and_what_is_missing_comes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "random"
    shutil.copytree(folder, out)
    before = stamps(out)
    lost = out / "motion/diffusion_pytorch_model.safetensors"
    content = lost.read_bytes()
    lost.unlink()
    lines: list[str] = []
    write(out, TINY, notify=lines.append)
    assert len(lines) == 1
    assert lines[0].startswith(str(lost))
    assert lost.read_bytes() == content
    assert {p: t for p, t in stamps(out).items() if p != lost} == {
        p: t for p, t in before.items() if p != lost
    }


def test_another_folder_or_other_weights_are_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found random weights of seed 0, expected 1"):
        write(folder, replace(TINY, seed=1))
    (tmp_path / "audio").mkdir()
    with pytest.raises(ConfigError, match=f"found audio there, but no {RECORD}"):
        write(tmp_path, TINY)
    out = tmp_path / "mine"
    shutil.copytree(folder, out)
    real = out / "networks/i3d_pretrained_400.pt"
    real.write_bytes(b"mine")
    with pytest.raises(DataError, match="found other weights"):
        write(out, TINY)
    assert real.read_bytes() == b"mine"


def test_a_disk_that_is_too_small_is_one_line_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(random_weights.shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    with pytest.raises(StoppedError, match=r"found 0\.0 GB free, expected \d+\.\d GB"):
        write(tmp_path / "out", TINY)
    assert not list((tmp_path / "out").rglob("*.*s"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--only", "i4d"), "--only: found 'i4d', expected one of joint, i3d"),
        (("--size", "huge"), "--size: found 'huge', expected one of paper, tiny"),
        (("--mixer", "none"), "--mixer: found 'none', expected one of cmc-pe"),
        (("--mixer", "cmc-pe", "--mixer", "cmc-pe"), "--mixer: found 'cmc-pe' twice"),
    ],
)
def test_wrong_words_are_one_line(
    svbench: Command, tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    outcome = svbench("weights", "random", tmp_path / "out", *words)
    assert outcome.problem(2).startswith(problem)
    assert not (tmp_path / "out").exists()


# --- tables ------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two segments in the form of the Greatest Hits, 64 px high and wide."""
    small = replace(greatesthits.SPEC, size=(64, 64))
    monkeypatch.setattr(greatesthits, "SPEC", small)
    names = [f"2015-02-16-16-49-0{n}_denoised_thumb-000.mp4" for n in range(2)]
    for n, name in enumerate(names):
        write_clip(tmp_path / "data" / name, make_clip(n, small))
    lines = "".join(f"{name},a person is hitting a log\n" for name in names)
    (tmp_path / "data/flist_test.csv").write_text(lines)
    return tmp_path / "data"


def test_a_run_takes_the_folder_and_its_table_says_random_weights(
    svbench: Command, folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(folder / "networks"))
    usual: tuple[Any, ...] = ("--dataset", "greatesthits", "--scale", "paper", "--data-root", data)
    metrics = ("--metrics", "fvd@cd-fvd-16f,av-align-corrected@published", "--device", "cpu")
    made = ("--weights", folder, "--systems", "cmc-pe", "--gamma", 1.5, "--steps", 1)
    outcome = svbench("run", *usual, *metrics, *made, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    notes = json.loads((tmp_path / "run/results.json").read_text())["notes"]
    assert notes[0].startswith("random weights: CMC-PE: untrained models")
    assert notes[1].startswith("random weights: FVD (cd-fvd-16f): untrained networks")
    for form in ("text", "markdown", "latex"):
        printed = svbench("report", tmp_path / "run", "--format", form).out
        assert printed.lower().count("random weights: ") == 2
    printed = svbench("report", tmp_path / "run", "--format", "csv").out
    lines = list(csv.DictReader(printed.splitlines()))
    noted = {line["kind"] for line in lines if line["note"].startswith("random weights: ")}
    assert noted == {"model"}
    assert all(line["note"].count("random weights: ") == 2 for line in lines if line["value"])
    words = ("--format", "html", "--gallery", 0, "--out", tmp_path / "page")
    assert svbench("report", tmp_path / "run", *words).code == 0
    assert "random weights: CMC-PE" in (tmp_path / "page/index.html").read_text()
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    for form in ("text", "markdown", "latex", "csv"):
        compared = svbench("compare", tmp_path / "run", tmp_path / "again", "--format", form)
        assert compared.out.lower().count("random weights: ") >= 2, compared.out
    compact = svbench("report", tmp_path / "run", "--format", "markdown", "--compact").out
    assert "random weights: CMC-PE" in compact
    assert "here:" not in outcome.out  # not beside the paper's figures


def test_scored_clips_say_so_too(
    svbench: Command, folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(folder / "networks"))
    (data / "flist_test.csv").unlink()
    words = ("score", data, "--reference", data, "--frames", 32, "--size", 64, "--device", "cpu")
    metrics = ("--metrics", "fvd@cd-fvd-16f,av-align-corrected@published")
    outcome = svbench(*words, *metrics, "--out", tmp_path / "scored")
    assert outcome.code == 0, outcome.err
    notes = json.loads((tmp_path / "scored/results.json").read_text())["notes"]
    assert [note for note in notes if note.startswith("random weights: FVD")]
    outcome = svbench(*words, "--metrics", "av-align-corrected@published", "--out", tmp_path / "b")
    assert "random weights" not in (tmp_path / "b/results.json").read_text()


def test_a_cpu_samples_on_all_its_cores_however_many_workers_there_are(
    svbench: Command, folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many threads share a sum rounds it, so that is on record; workers are not."""
    monkeypatch.setattr(systems, "CORES", 2)
    threads: list[int] = []
    sample = sampling.sample

    def watched(*given: Any, **how: Any) -> Any:
        threads.append(torch.get_num_threads())
        return sample(*given, **how)

    monkeypatch.setattr(sampling, "sample", watched)
    usual: tuple[Any, ...] = ("run", "--dataset", "greatesthits", "--scale", "paper")
    made = ("--weights", folder, "--systems", "cmc-pe,codec", "--gamma", 1.5, "--steps", 1)
    words = (*usual, "--data-root", data, *made, "--device", "cpu")
    tables = []
    for workers in (1, 2, 3):
        out = tmp_path / str(workers)
        more = ("--metrics", "av-align-corrected@published", "--workers", workers, "--out", out)
        outcome = svbench(*words, *more)
        assert outcome.code == 0, outcome.err
        tables.append((out / "results.json").read_bytes())
    assert threads == [2] * 6
    assert tables[0] == tables[1] == tables[2]
    rows = {row["system"]: row["settings"] for row in json.loads(tables[0])["rows"]}
    assert {name: of["threads"] for name, of in rows.items()} == {
        "cmc-pe-gamma1.5": "2",
        "codec": "2",
    }


def test_clips_of_another_number_of_threads_are_not_made_anew_unasked(
    svbench: Command, folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual: tuple[Any, ...] = ("run", "--dataset", "greatesthits", "--scale", "paper")
    made = ("--weights", folder, "--systems", "codec", "--metrics", "av-align-corrected@published")
    words = (*usual, "--data-root", data, *made, "--device", "cpu", "--out", tmp_path / "run")
    monkeypatch.setattr(systems, "CORES", 2)
    assert svbench(*words).code == 0
    monkeypatch.setattr(systems, "CORES", 1)
    again = svbench(*words)
    assert "its clips of codec were made otherwise (CPU threads was '2', is '1')" in again.problem(
        2
    )


JOINT = "joint model: svbench run --scale paper --weights {out}%s ..."
NETWORKS = "networks of metrics: SVBENCH_WEIGHTS={out}/networks svbench ..."


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--mixer cross-attention --only joint", [JOINT % "/cross-attention"]),
        (
            "--mixer cmc-pe --mixer cross-attention",
            [JOINT % "", JOINT % "/cross-attention", NETWORKS],
        ),
        ("--only vggish", [NETWORKS]),
    ],
)
def test_the_command_prints_the_folders_that_can_be_used(
    words: str,
    wanted: list[str],
    svbench: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random_weights, "write", lambda *_: None)
    out = tmp_path / "new"
    done = svbench("weights", "random", out, *words.split())
    assert done.out.splitlines() == [line.format(out=out) for line in wanted]
