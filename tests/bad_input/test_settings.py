"""A wrong setting is one line and exit code 2, and leaves no folder behind."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from svbench.catalog.systems import SYSTEMS
from tests.factories.commands import Command

RUN = "run --dataset greatesthits"
PAPER = f"{RUN} --scale paper --data-root {{data}}"
SCORE = "score {made} --reference {real}"
SWEEP = "sweep-gamma --dataset greatesthits"
TRAIN = "train --dataset greatesthits --cpu"
LOSS = "loss-over-time {made} --dataset greatesthits --cpu"
WRITE = ("run", "score", "sweep-gamma", "tune-avalign", "loss-over-time", "train", "train-systems")
WRITE += ("train-extractors",)
NO_JOINT = "expected it only beside a joint model; the rows are real, shuffled"
BAD_SETTINGS = {
    # words of the command line -> what its one line begins with
    # --- numbers: no number, below, above, and what is none at all
    f"{SCORE} --frames 1": "--frames: found '1', expected a whole number, 2 to 10000",
    f"{SCORE} --frames 10001": "--frames: found '10001', expected a whole number, 2 to 10000",
    f"{SCORE} --frames 40 --fps 1000": "--frames, --fps: found 0.04 s, expected at least 0.05 s",
    f"{SCORE} --frames 1.5": "--frames: found '1.5', expected a whole number",
    f"{SCORE} --fps 0": "--fps: found '0', expected a number, 0.1 to 1000",
    f"{SCORE} --fps nan": "--fps: found 'nan', expected a number",
    f"{SCORE} --fps inf": "--fps: found 'inf', expected a number",
    f"{SCORE} --fps -8": "--fps: found '-8', expected a number",
    f"{SCORE} --sample-rate 1": "--sample-rate: found '1', expected a whole number, 1000 to",
    f"{SCORE} --sample-rate 1e6": "--sample-rate: found '1e6', expected a whole number",
    f"{SCORE} --seed -1": "--seed: found '-1', expected a whole number, 0 to 9223372036854775807",
    f"{SCORE} --seed 9223372036854775808": "--seed: found '9223372036854775808', expected",
    f"{SCORE} --workers 0": "--workers: found '0', expected a whole number, 1 to 4096",
    f"{SCORE} --workers two": "--workers: found 'two', expected a whole number",
    f"{SCORE} --size foo": "--size: found 'foo', expected 256 or HEIGHTxWIDTH",
    f"{SCORE} --size 256x": "--size: found '256x', expected 256 or HEIGHTxWIDTH",
    f"{SCORE} --size 1x2x3": "--size: found '1x2x3', expected 256 or HEIGHTxWIDTH",
    f"{SCORE} --size ''": "--size: found '', expected 256 or HEIGHTxWIDTH",
    f"{SCORE} --size 0x0": "--size: found 0, expected a whole number, 8 to 8192",
    f"{SCORE} --size 256x-1": "--size: found -1, expected a whole number, 8 to 8192",
    f"{SCORE} --size 1000000": "--size: found 1000000, expected a whole number, 8 to 8192",
    f"{SCORE} --size 8192 --frames 9999": "--frames, --size: found 9999 frames of 8192x8192",
    f"{SCORE} --size 8 --frames 10000 --fps 0.1 --sample-rate 384000": (
        "--frames, --fps, --sample-rate: found 100000 s at 384000 Hz, which take 143.1 GiB a clip"
    ),
    f"{RUN} --limit 0": "--limit: found '0', expected a whole number, 1 to 10000000",
    f"{RUN} --repeats 0": "--repeats: found '0', expected a whole number, 1 to 10000",
    f"{RUN} --steps 1001": "--steps: found '1001', expected a whole number, 1 to 1000",
    f"{RUN} --batch 0": "--batch: found '0', expected a whole number, 1 to 65536",
    f"{RUN} --gamma 0": "--gamma: found 0.0, expected a number, 0.01 to 100",
    f"{RUN} --gamma 1,nan": "--gamma: found nan, expected a number, 0.01 to 100",
    f"{RUN} --guidance 0.5,2": "--guidance: found 0.5, expected a number, 1 to 1000",
    f"{RUN} --guidance inf,2": "--guidance: found inf, expected a number, 1 to 1000",
    f"{SWEEP} --gammas -1": "--gammas: found -1.0, expected a number, 0.01 to 100",
    f"{TRAIN} --rate 0": "--rate: found '0', expected a number, more than 0, at most 10",
    f"{TRAIN} --weight-decay nan": "--weight-decay: found 'nan', expected a number, 0 to 10",
    f"{TRAIN} --at-once 0": "--at-once: found '0', expected a whole number, 1 to 65536",
    f"{TRAIN} --save-every 0": "--save-every: found '0', expected a whole number, 1 to",
    f"{TRAIN} --ema-decay 1.1": "--ema-decay: found '1.1', expected a number, 0 to 1",
    f"{TRAIN} --steps 1e9": "--steps: found '1e9', expected a whole number, 1 to 100000000",
    f"{TRAIN} --batch 3 --at-once 2": "--batch: found 3, expected a multiple of 2",
    f"{LOSS} --levels 1": "--levels: found '1', expected a whole number, 2 to 1000",
    f"{LOSS} --clips 0": "--clips: found '0', expected a whole number, 1 to",
    "tune-avalign --tolerance 0": "--tolerance: found '0', expected a number, more than 0, at mo",
    "tune-avalign --clips 1": "--clips: found '1', expected a whole number, 2 to 1000000",
    "train-systems --share 0": "--share: found '0', expected a number, more than 0, at most 1",
    "train-systems --base-audio-steps 0": "--base-audio-steps: found '0', expected a whole",
    "train-systems --workers 0": "--workers: found '0', expected a whole number",
    "train-extractors --threads 0": "--threads: found '0', expected a whole number",
    "train-extractors --networks i4d": "--networks: found 'i4d', expected one of i3d, vggish, ima",
    "train-extractors --networks i3d --scenes": "--networks: found 'i3d' beside --scenes, expected",
    "report {made} --gallery -1 --format html": "--gallery: found '-1', expected a whole number",
    # --- lists: empty items, and what is named twice
    f"{SCORE} --metrics ,": "--metrics: found ',', expected names between commas, none empty",
    f"{SCORE} --metrics ''": "--metrics: found '', expected names between commas, none empty",
    f"{SCORE} --metrics fvd,fvd": "--metrics: found 'fvd' twice, expected each once",
    f"{SCORE} --metrics fvd@first-16,fad,fvd@first-16": "--metrics: found 'fvd@first-16' twice",
    f"{SCORE} --metrics fad,fad@audioldm-eval": "--metrics: found 'fad@audioldm-eval' twice, ex",
    f"{RUN} --systems ''": "--systems: found '', expected names between commas, none empty",
    f"{RUN} --systems real,real": "--systems: found 'real' twice, expected each once",
    f"{RUN} --gamma ''": "--gamma: found '', expected numbers between commas",
    f"{RUN} --gamma 1.5,1.50": "--gamma: found '1.5' twice, expected each once",
    f"{RUN} --guidance 2.5": "--guidance: found '2.5', expected two numbers, of sound and of video",
    f"{SWEEP} --gammas 1,1": "--gammas: found '1' twice, expected each once",
    f"{SWEEP} --systems ''": "--systems: found '', expected names between commas, none empty",
    f"{SWEEP} --systems real": "--systems: found 'real', expected some of cross-attention, ",
    "tune-avalign --actions hit,hit": "--actions: found 'hit' twice, expected each once",
    "train-systems --mixers ,": "--mixers: found ',', expected names between commas, none empty",
    "train-systems --seeds 0,0": "--seeds: found 0 twice, expected each once",
    "train-systems --seeds 1,x": "--seeds: found '1,x', expected whole numbers such as 0,1,2",
    # --- names
    f"{SCORE} --metrics fid": "--metrics: found 'fid', expected one of fvd, fad, ",
    f"{SCORE} --metrics av-align-corrected@": "--metrics: found 'av-align-corrected@', expected a",
    f"{SCORE} --metrics fvd@": "--metrics: found 'fvd@', expected a preset behind the @",
    f"{SCORE} --metrics fad@,ib-av": "--metrics: found 'fad@', expected a preset behind the @",
    f"{RUN} --metrics ib-av@": "--metrics: found 'ib-av@', expected a preset behind the @",
    "train-systems --mixers x": "--mixers: found 'x', expected one of cmc-pe",
    f"{SCORE} --out {{made}}": "--out {made}: found the clips that are judged in it, expected",
    f"{SCORE} --metrics av-align-corrected@loud": "--metrics: found detectors 'loud', expected",
    f"{SCORE} {{made}}": "{made}: found a second set of clips called 'made', expected distinct",
    "run --dataset nothing": "--dataset: found 'nothing', expected one of greatesthits",
    f"{RUN} --scale huge": "--scale: found 'huge', expected 'mini' or 'paper'",
    f"{RUN} --metrics fid": "--metrics: found 'fid', expected one of fvd, fad, ",
    f"{RUN} --preset mine": "--preset: found 'mine', expected 'paper' or 'official-code'",
    f"{RUN} --dtype int8": "--dtype: found 'int8', expected 'float32', 'bfloat16' or 'float16'",
    f"{RUN} --device meta": "--device: found 'meta', expected auto, cpu, mps, cuda, cuda:1 or",
    f"{RUN} --device gpu": "--device: found 'gpu', expected auto, cpu, mps, cuda, cuda:1 or",
    f"{RUN} --device cuda:77": "--device: found 'cuda:77' (",
    f"{RUN} --systems codec --device cuda:77": "--device: found 'cuda:77' (",
    f"{RUN} --systems real,shuffled --device cuda:77": "--device: found 'cuda:77' (",
    f"{SWEEP} --device cuda:77": "--device: found 'cuda:77' (",
    f"{SCORE} --device cuda:77": "--device: found 'cuda:77' (",
    f"{SCORE} --metrics synchrony --device cuda:77": "--device: found 'cuda:77' (",
    f"{SCORE} --device gpu": "--device: found 'gpu', expected auto, cpu, mps, cuda, cuda:1 or",
    f"{SCORE} --dtype int8": "--dtype: found 'int8', expected 'float32', 'bfloat16' or 'float16'",
    f"{RUN} --scoring-dtype int8": "--scoring-dtype: found 'int8', expected 'float32', 'bfloat",
    f"{SWEEP} --scoring-dtype int8": "--scoring-dtype: found 'int8', expected 'float32', 'bflo",
    f"{SCORE} --metrics synchrony --dtype bfloat16": (
        "--dtype: found bfloat16, expected it only beside a metric that runs a network"
    ),
    f"{RUN} --metrics synchrony --scoring-dtype bfloat16": (
        "--scoring-dtype: found bfloat16, expected it only beside a metric that runs a network"
    ),
    f"{SCORE} --batch 0": "--batch: found '0', expected a whole number, 1 to 65536",
    f"{RUN} --scoring-batch x": "--scoring-batch: found 'x', expected a whole number, 1 to 65536",
    f"{SCORE} --metrics synchrony --batch 2": (
        "--batch: found 2, expected it only beside a metric that runs a network"
    ),
    f"{SWEEP} --metrics synchrony --scoring-batch 2": (
        "--scoring-batch: found 2, expected it only beside a metric that runs a network"
    ),
    f"{TRAIN} --mixer sum": "--mixer: found 'sum', expected one of cmc-pe",
    f"{TRAIN} --precision fp8": "--precision: found 'fp8', expected one of no, bf16, fp16",
    # --- paths: empty, or of the wrong kind
    f"{SCORE} --out ''": "--out: found '', expected a path",
    f"{SCORE} --captions ''": "--captions: found '', expected a path",
    f"{SCORE} --captions {{made}}": "--captions {made}: found a folder, expected a file",
    "score '' --reference {real}": "generated: found '', expected a path",
    "score {made} --reference ''": "--reference: found '', expected a path",
    f"{SCORE} --out {{file}}": "--out {file}: found a file at {file}, expected a folder",
    f"{SCORE} --out {{file}}/run": "--out {file}/run: found a file at {file}, expected a folder",
    f"{RUN} --data-root ''": "--data-root: found '', expected a path",
    f"{PAPER} --data-root {'a' * 300}": f"--data-root: found '{'a' * 79}, expected names of at mo",
    f"{PAPER} --data-root {'a/' * 3000}": f"--data-root: found '{'a/' * 39}a, expected at most",
    f"data check --dataset landscape --data-root {'a' * 300}": "--data-root: found 'aaa",
    f"data export {'a' * 300} new --as fastvideo": "source: found 'aaa",
    f"caption {{made}} --out new.csv --captions {'a' * 300}": "--captions: found 'aaa",
    f"{RUN} --weights ''": "--weights: found '', expected FOLDER or NAME=FOLDER",
    f"{PAPER} --systems cmc-pe --weights cmc-pe=": "--weights: found 'cmc-pe=', expected FOLDER",
    f"{RUN} --scale paper": "--data-root: not given, expected the folder",
    f"{RUN} --scale paper --data-root {{file}}": "--data-root {file}: found a file, expected a fo",
    f"{PAPER} --captions {{made}}": "--captions {made}: found a folder, expected a file",
    f"{TRAIN} --scale paper --base audio": "--data-root: not given, expected the folder",
    f"{TRAIN} --scale paper --data-root {{data}} --base audio": "--base: found 'audio', expected",
    f"{TRAIN} --scale paper --data-root {{data}} --base audio=a --base audio=b": (
        "--base: found audio twice, expected each once"
    ),
    "tune-avalign --out {file}": "--out {file}: found a file at {file}, expected a folder",
    "train-systems --out {file}": "--out {file}: found a file at {file}, expected a folder",
    # --- what a scale, or the chosen systems, would ignore
    f"{RUN} --data-root {{data}}": "--data-root {data}: the miniature is drawn by svbench itself",
    f"{RUN} --captions {{file}}": "--captions {file}: the miniature is drawn by svbench itself",
    f"{SWEEP} --data-root {{data}}": "--data-root {data}: the miniature is drawn by svbench itse",
    f"{TRAIN} --captions {{file}}": "--captions {file}: the miniature is drawn by svbench itself",
    f"{TRAIN} --base audio=x": "--base audio=x: the miniature has its own, expected none",
    f"{RUN} --systems real,shuffled --gamma 1.5": f"--gamma: found 1.5, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --steps 5": f"--steps: found 5, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --guidance 1,2": f"--guidance: found 1.0, 2.0, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --weights x": f"--weights: found x, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --dtype bfloat16": f"--dtype: found bfloat16, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --batch 2": f"--batch: found 2, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --compile": f"--compile: found True, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --repeats 2": f"--repeats: found 2, {NO_JOINT}",
    f"{RUN} --systems real,shuffled --preset official-code": f"--preset: found official-code, "
    f"{NO_JOINT}",
    f"{RUN} --systems codec --gamma 2": "--gamma: found 2.0, expected it only beside a joint mod",
    f"{PAPER} --gamma 1.5": "--gamma: found 1.5, expected it only beside a joint model; the rows a",
    "tune-avalign --fps 30": "--fps: found it where it has no effect, expected it only beside --da",
    "report {made} --gallery 3": "--gallery: found it where it has no effect, expected it only bes",
    # --- what is no command line
    "score": "Missing argument 'generated'. (see svbench score --help)",
    "run": "Missing option '--dataset'. (see svbench run --help)",
    "fly": "No such command 'fly'. (see svbench --help)",
    "--fast": "No such option: --fast",
    f"{RUN} --fast": "No such option: --fast",
    f"{RUN} --limit": "Option '--limit' requires an argument.",
}


@pytest.fixture
def files(made: Path, real: Path, tmp_path: Path) -> dict[str, Path]:
    """Return paths for options of a command line."""
    (tmp_path / "file").write_text("")
    (tmp_path / "data").mkdir()
    return {"made": made, "real": real, "file": tmp_path / "file", "data": tmp_path / "data"}


@pytest.fixture
def refused(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run a command that must be refused; check that it left no files, and return its error."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = svbench(*words)
        assert len(outcome.err.splitlines()) == 1, outcome.err
        assert outcome.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return outcome.problem(2)

    return run


@pytest.mark.parametrize("words", BAD_SETTINGS)
def test_a_wrong_setting_is_one_line(
    words: str, refused: Callable[..., str], files: dict[str, Path], tmp_path: Path
) -> None:
    given = shlex.split(words.format(**files))
    if given[0] in WRITE and len(given) > 1 and "--out" not in given:
        given[1:1] = ["--out", str(tmp_path / "run")]
    assert refused(*given).startswith(BAD_SETTINGS[words].format(**files))


def test_an_unknown_data_set_makes_no_folder(refused: Callable[..., str]) -> None:
    assert "'../../away'" in refused("run", "--dataset", "../../away")


def test_an_unknown_system_is_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    words = ("run", "--dataset", "greatesthits", "--systems", "reel", "--out", tmp_path / "run")
    names = ", ".join(SYSTEMS)
    assert refused(*words) == (
        f"--systems: found 'reel', expected one of {names} (see svbench list systems)"
    )


def test_an_environment_that_names_real_data_is_not_meant_for_a_miniature(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_DATA", str(tmp_path / "data"))
    usual = ("--limit", 4, "--systems", "real", "--metrics", "av-align-corrected@miniature")
    words = ("run", "--dataset", "greatesthits", *usual, "--out", tmp_path / "run")
    given = svbench(*words, "--data-root", tmp_path / "other").problem(2)
    assert given.startswith(f"--data-root {tmp_path / 'other'}: the miniature is drawn")
    outcome = svbench(*words)
    assert outcome.code == 0, outcome.err


def test_columns_that_will_be_absent_are_named_before_the_work(
    score: Command, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "none"))
    outcome = score(made, "--metrics", "fad,av-align-corrected@published", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("{")
    lines = outcome.err.splitlines()
    assert lines[0] == "svbench: note: " + outcome.notes[0]
    assert outcome.notes == [
        f"FAD (audioldm-eval) will be absent: no weights in {tmp_path / 'none'}; get them by: "
        "svbench weights fetch vggish"
    ]


def test_captions_that_a_score_reads_are_asked_for_before_the_work(
    score: Command, made: Path, extracted: list[str], tmp_path: Path
) -> None:
    outcome = score(made, "--metrics", "ib-ta@published+miniature,fad@audioldm-eval+miniature")
    asked = "--metrics ib-ta@published+miniature"
    wanted = "have no caption, expected one for each (see --captions)"
    assert (outcome.code, outcome.problems) == (
        3,
        [f"{asked}: 6 of 6 clips of made {wanted}: c0, c1, c2, c3, c4, ..."],
    )
    assert extracted == []
    assert not (tmp_path / "run").exists()
