"""`--config FILE`: options from a file, as if they were typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories.clips import write_folder
from tests.factories.commands import Command
from tests.factories.results import ALIGN, FVD, make_table, write_run


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_folder(tmp_path / "mine", 2)
    write_folder(tmp_path / "real", 2, first_seed=5)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "run.json").read_text(encoding="utf-8"))["config"]
    return found


def test_a_file_is_as_good_as_words_and_words_win(svbench: Command, clips: Path) -> None:
    Path("options.yaml").write_text(
        "reference: real\nframes: 8\nfps: 8\nsize: 32\nseed: 3\nallow-missing: true\njson: yes\n"
        "metrics: [av-align-corrected@published, av-align-corrected@tuned]\n"
    )
    filed = svbench("score", "mine", "--config", "options.yaml", "--out", "filed", "--seed", 4)
    assert filed.code == 0, filed.err
    words = ("--reference", "real", "--frames", 8, "--fps", 8, "--size", 32, "--allow-missing")
    words += ("--metrics", "av-align-corrected@published,av-align-corrected@tuned", "--json")
    typed = svbench("score", *words, "--seed", 4, "mine", "--out", "typed")
    assert filed.out == typed.out
    assert settings(clips / "filed") == settings(clips / "typed")
    assert settings(clips / "filed")["seed"] == 4


def test_an_option_without_a_value_is_not_given(svbench: Command, clips: Path) -> None:
    Path("options.yaml").write_text(
        "reference: real\nmetrics: [av-align-corrected]\nframes: 8\nfps: 8\nsize: [32, 32]\n"
        "captions:\nseed: ~\nchannels: null\nstrict:\npad: []\n"
    )
    filed = svbench("score", "mine", "--config", "options.yaml", "--out", "filed")
    assert filed.code == 0, filed.err
    found = settings(clips / "filed")
    assert (found["captions"], found["seed"], found["channels"], found["strict"]) == (
        None,
        0,
        "mean",
        False,
    )
    assert found["size"] == [32, 32]


def test_options_that_are_repeated_are_a_list(svbench: Command, tmp_path: Path) -> None:
    run, golden = write_run(tmp_path / "run", make_table()), tmp_path / "golden.json"
    file = tmp_path / "options.yaml"
    file.write_text(
        f"golden: {golden}\nupdate: true\nreason: the first\n"
        f"tolerance: ['{FVD}=interval', '{ALIGN}=absolute:0.1']\n"
    )
    assert svbench("check", run, "--config", file).code == 0
    assert set(json.loads(golden.read_text(encoding="utf-8"))["tolerances"]) == {FVD, ALIGN}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede: 3", ": found 'sede', expected some of metrics, seed, frame-choice, "),
        ("config: x", ": found 'config', expected some of "),
        ("seed: 3\nseed: 4", ": found 'seed' twice, expected each option once"),
        ("frame-choice: x\nframe_choice: x", ": found 'frame_choice' twice, expected each option"),
        ("seed: {a: 3}", ": seed: found {'a': '3'}, expected a value or a list of values"),
        ("sede:", ": found 'sede', expected some of metrics, seed, "),
        ("? [a, b]\n: 3", ", line 1: expected the name of an option"),
        ("- seed", ": found a sequence, expected options with values"),
        ("seed: [3", ", line 1: expected ',' or ']', but got '<stream end>', expected YAML"),
        ("a: !!python/object:os.system", ": found 'a', expected some of "),
        ("a: " + "[" * 2000, ": RecursionError, expected YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line(
    text: str, said: str, svbench: Command, clips: Path
) -> None:
    Path("options.yaml").write_text(text)
    problem = svbench("score", "mine", "--reference", "real", "--config", "options.yaml").problem(2)
    start = f"--config options.yaml{said}"
    assert problem.replace("reference, ", "").startswith(start)
    assert not (clips / "runs").exists()


def test_a_value_of_a_file_is_read_as_a_word(svbench: Command, clips: Path) -> None:
    Path("options.yaml").write_text("frames: 1\nreference: real\n")
    problem = svbench("score", "mine", "--config", "options.yaml").problem(2)
    assert problem.startswith("--frames: found '1', expected a whole number, 2 to 10000")
    Path("options.yaml").write_text("")
    missing = svbench("run", "--config", "options.yaml").problem(2)
    assert missing.startswith("Missing option '--dataset'.")
    assert svbench("score", "mine", "--config", "none").problem(3).startswith("none: found nothing")
    assert not (clips / "runs").exists()
