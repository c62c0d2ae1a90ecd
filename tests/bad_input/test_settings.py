"""A wrong setting is one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Command
from tests.factories import SPEC

BAD_SETTINGS = {
    # words of the command line -> what its one line says
    "score {made} --size foo": "--size: got 'foo', expected 256 or HEIGHTxWIDTH",
    "score {made} --size 0": "--size",
    "score {made} --size 1x2x3": "--size: got '1x2x3', expected 256 or HEIGHTxWIDTH",
    "score {made} --frames 0": "--frames: Input should be greater than or equal to 1, got 0",
    "score {made} --fps 0": "--fps: Input should be greater than 0, got 0.0",
    "score {made} --fps nan": "--fps",
    "score {made} --fps inf": "--fps",
    "score {made} --sample-rate 1": "--sample-rate: Input should be greater than or equal to 1000",
    "score {made} --seed -1": "--seed: Input should be greater than or equal to 0, got -1",
    "score {made} --workers 0": "--workers: got 0, expected 1 or more",
    "score {made} --metrics fid": "--metrics: found 'fid', expected one of fvd, fad, ",
    "score {made} --metrics av-align-corrected@loud": "--metrics: found detectors 'loud', expected",
    "score {made} {made}": "found a second set of clips called 'made', expected distinct names",
    "run --dataset nothing": "--dataset: found 'nothing', expected one of greatesthits",
    "run --dataset greatesthits --scale huge": "--scale: Input should be 'mini' or 'paper'",
    "run --dataset greatesthits --limit 0": "--limit: Input should be greater than or equal to 1",
    "run --dataset greatesthits --repeats 0": "--repeats: Input should be greater than or equal",
    "run --dataset greatesthits --scale paper": "--data-root: not given, expected the folder",
    "run --dataset greatesthits --data-root /data": "--data-root /data: the miniature is drawn",
}


@pytest.mark.parametrize("words", BAD_SETTINGS)
def test_a_wrong_setting_is_one_line(
    words: str, svbench: Command, made: Path, real: Path, tmp_path: Path
) -> None:
    given = words.format(made=made).split()
    also = ["--reference", real] if given[0] == "score" else []
    outcome = svbench(*given, *also, "--out", tmp_path / "run")
    problem = outcome.problem(2)
    assert BAD_SETTINGS[words] in problem


def test_an_unknown_data_set_makes_no_folder(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "'../../away'" in svbench("run", "--dataset", "../../away").problem(2)
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]


def test_an_unknown_system_is_one_line(
    svbench: Command, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svbench import catalog
    from svbench.datasets import manifest

    def data(*_: object) -> catalog.Dataset:
        return catalog.Dataset("tiny", SPEC, manifest.load(made)["made"])

    monkeypatch.setitem(catalog.DATASETS, "tiny", data)
    words = ("run", "--dataset", "tiny", "--systems", "reel", "--out", tmp_path / "run")
    problem = svbench(*words).problem(2)
    names = ", ".join(catalog.SYSTEMS)
    assert problem == f"--systems: found 'reel', expected one of {names}"


@pytest.mark.parametrize(
    "words", ["score", "run", "report", "fly", "score a", "run --dataset x --limit many", "--fast"]
)
def test_a_command_line_that_cannot_be_read_exits_with_2(words: str, svbench: Command) -> None:
    outcome = svbench(*words.split())
    assert outcome.code == 2
    assert "Usage: " in outcome.err
