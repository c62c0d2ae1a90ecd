"""`svbench compare --training-seeds`: rows that are trainings of one model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import svbench as face
from svbench.errors import ConfigError
from tests.factories.commands import Command
from tests.factories.results import ALIGN, clip_values, make_table, write_run

OURS, THEIRS = "cmc-pe-gamma1", "cross-attention-gamma1"
LUCK = {"one": 0.0, "two": 0.0625, "three": -0.0625}  # added to each clip of cmc-pe-gamma1


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [write_training(tmp_path / name, more) for name, more in LUCK.items()]


def write_training(folder: Path, more: float) -> Path:
    """Write the run of one training: its models have weights of their own, and some luck."""
    table = make_table()
    rows = [row for row in table.rows if row.system in (OURS, THEIRS)]
    settings: list[Mapping[str, str]] = [
        {**row.settings, "weights": f"{row.system} {folder.name}", "set": folder.name}
        for row in rows
    ]
    new = tuple(replace(row, settings=of) for row, of in zip(rows, settings, strict=True))
    values = {
        (system, metric): {name: v + more * (system == OURS) for name, v in of.items()}
        for (system, metric), of in clip_values().items()
        if system in (OURS, THEIRS)
    }
    return write_run(folder, replace(table, rows=new), values)


def test_a_line_per_model_and_the_differences(svbench: Command, runs: list[Path]) -> None:
    models = ("--training-seeds", OURS, "--training-seeds", THEIRS, "--against", THEIRS)
    done = svbench("compare", *runs, *models)
    assert done.code == 0, done.err
    assert "Models over training seeds" in done.out
    assert f"Differences over training seeds from {THEIRS}" in done.out
    assert "covers 3 training seeds and 16 clips" in " ".join(done.out.split())
    found = json.loads(svbench("compare", *runs, *models, "--format", "json").out)
    [mean, *_] = (
        of for of in found["training_seeds"]["means"] if of["metric"] == ALIGN
    )  # fmt: skip
    assert (mean["first"], mean["trainings"], mean["captions"]) == (OURS, [3], 16)
    [difference] = (of for of in found["training_seeds"]["differences"] if of["metric"] == ALIGN)
    assert difference["value"] == pytest.approx(0.0)
    assert difference["trainings"] == [3, 3]


def test_the_interval_is_wider_than_that_of_one_training(runs: list[Path]) -> None:
    found = face.compare(*runs, against=THEIRS, training_seeds={OURS: (), THEIRS: ()})
    assert found.seeds is not None
    [over] = [one for one in found.seeds.differences if one.metric == ALIGN]
    alone = [one for one in found.pairs if one.first.startswith(OURS) and one.metric == ALIGN]
    assert over.interval is not None
    for one in alone:
        assert one.interval is not None
        assert over.interval[1] - over.interval[0] > one.interval[1] - one.interval[0]
    assert face.compare(*runs).seeds is None


def test_rows_by_name_also_of_one_run_and_of_a_single_training(
    svbench: Command, runs: list[Path], tmp_path: Path
) -> None:
    words = f"CMC=one:{OURS},two:{OURS}"
    done = svbench("compare", *runs, "--training-seeds", words, "--against", f"three:{THEIRS}")
    assert done.code == 0, done.err
    assert "trained once" in done.out
    table = make_table()
    rows = tuple(
        replace(row, settings={**row.settings, "weights": row.system}) for row in table.rows
    )
    run = write_run(tmp_path / "whole", replace(table, rows=rows))
    both = f"CMC={OURS},{OURS}.5"
    done = svbench("compare", run, "--training-seeds", both, "--format", "markdown")
    assert done.code == 0, done.err
    assert "| CMC" in done.out
    assert svbench("compare", run).code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nobody",), "found 0 row called 'nobody', expected two or more"),
        (("a=nobody",), "found 'nobody', expected one of"),
        ((f"a=one:{OURS},one:{OURS}",), "found 'one:cmc-pe-gamma1' twice"),
        ((f"a=one:{OURS}", f"b=one:{OURS}"), f"found '{OURS} (one)' twice, expected each row once"),
        ((f"a=one:{OURS}", f"a=two:{OURS}"), "expected NAME or NAME=ROW,ROW, each NAME once"),
        (("=x",), "expected NAME or NAME=ROW,ROW"),
        (("a=",), "none empty"),
    ],
)
def test_what_names_no_trainings_is_refused(
    svbench: Command, runs: list[Path], words: tuple[str, ...], message: str
) -> None:
    flags = [word for name in words for word in ("--training-seeds", name)]
    problem = svbench("compare", *runs, *flags).problem(2)
    assert problem.startswith("--training-seeds: ")
    assert message in problem


def test_rows_of_the_same_weights_are_no_trainings(svbench: Command, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    done = svbench("compare", run, "--training-seeds", f"CMC={OURS},{OURS}.5")
    assert "CMC: found the same weights in" in done.problem(2)
    with pytest.raises(ConfigError, match="training_seeds: found 'x', expected a dict"):
        face.compare(run, training_seeds="x")  # type: ignore[arg-type]
