from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from svbench import api
from svbench.api.planned import Planned
from svbench.cli.planning import PLANNERS, read_plan
from svbench.errors import ConfigError, SvbenchError
from tests.factories.clips import write_folder
from tests.factories.commands import Command
from tests.house.test_loading import loaded_by

MINI = "run --dataset greatesthits --limit 2 --steps 2 --systems real,cmc-pe"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)


def test_what_is_missing_is_named_and_no_error_without_a_plan(svbench: Command) -> None:
    done = svbench("doctor")
    assert done.code == 0
    assert "→ svbench weights fetch imagebind" in done.out
    assert "libavcodec" in done.out


def test_programs_get_the_same_as_json(svbench: Command, tmp_path: Path) -> None:
    done = svbench("doctor", "--json", "--out", tmp_path / "mine")
    checks = json.loads(done.out)["checks"]
    assert {"ok", "missing"} <= {check["state"] for check in checks}
    [out] = [check for check in checks if check["name"] == "--out"]
    assert out["facts"]["path"] == str(tmp_path / "mine")
    assert all(check["mend"] for check in checks if check["state"] == "missing")
    assert not list(tmp_path.iterdir())


def test_an_address_that_is_none_is_one_line(svbench: Command) -> None:
    problem = svbench("doctor", "--ray-address", "head:x").problem(2)
    assert problem.startswith("--ray-address: found 'head:x'")


def test_nothing_slow_is_loaded_but_torch() -> None:
    loaded = loaded_by("doctor", "--json")
    assert loaded.isdisjoint({"diffusers", "transformers", "librosa", "matplotlib", "ray"})


# --- plans -------------------------------------------------------------------------------------


def test_a_plan_says_what_it_makes_and_writes_nothing(svbench: Command, tmp_path: Path) -> None:
    done = svbench("doctor", "--json", "--plan", f"svbench {MINI} --gamma 1,2")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    plan = {finding["name"]: finding for finding in found["plan"]}
    rows = [row["name"] for row in plan["rows"]["facts"]["rows"]]
    assert rows == ["real", "cmc-pe-gamma1", "cmc-pe-gamma2"]
    assert plan["clips"]["facts"]["to_make"] == 6
    assert plan["time"]["state"] == "note"
    assert plan["memory"]["facts"]["joint"] > 0
    [out] = [check for check in found["checks"] if check["name"] == "--out"]
    assert out["facts"]["path"] == "runs/greatesthits-mini"
    assert not list(tmp_path.iterdir())


RUN = (
    "run --dataset landscape --scale mini --limit 3 --seed 4 --repeats 2 --steps 3 --guidance 2,3 "
    "--dtype bfloat16 --scoring-dtype bfloat16 --batch 2 --compile --preset official-code "
    "--frame-choice official --channels first --allow-missing --strict --device cpu --workers 3 "
    "--metrics fad,fvd"
)
LINES = {
    "run": f"{RUN} --systems real,cmc-pe --gamma 1,2 --weights somewhere --out there",
    "sweep-gamma": f"sweep-{RUN.replace('run', 'gamma', 1)} --gammas 1,3 --systems cmc-pe",
    "score": "score a b --reference c --reference-clips e --captions d --frames 9 --fps 5 "
    "--size 64 --sample-rate 8000 --pad --dtype bfloat16 --metrics fad --seed 3 "
    "--device cpu --workers 3",
}


@pytest.mark.parametrize("name", LINES)
def test_a_plan_has_the_settings_that_the_command_itself_has(
    name: str, svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out: list[Planned] = []

    def walk(planned: Planned, *_: Any) -> None:
        carried_out.append(planned)
        raise SvbenchError("far enough")

    monkeypatch.setattr(api, "_walk", walk)
    outcome = svbench(*LINES[name].split())
    assert outcome.problem(1) == "far enough"
    work = read_plan(LINES[name]).work
    assert isinstance(work, Planned)
    assert work.config == carried_out[0].config
    assert work.folder == carried_out[0].folder


def test_a_training_has_the_settings_that_the_command_itself_has(
    svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svbench.training import plans

    configs: list[Any] = []

    def plan(config: Any, _out: Path) -> None:
        configs.append(config)
        raise SvbenchError("far enough")

    monkeypatch.setattr(plans, "plan_training", plan)
    line = "train --dataset vggsound --out x --mixer cross-attention --limit 9 --preset paper "
    line += "--epochs 3 --batch 4 --rate 0.1 --cosine --cpu"
    assert svbench(*line.split()).problem(1) == "far enough"
    work: Any = read_plan(line).work
    assert work.config == configs[0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("report x", "--plan: found 'report', expected run, score, sweep-gamma, train"),
        ("", "--plan: found '', expected run"),
        ("run --dataset 'x", '--plan: found "run --dataset \'x" (No closing quotation)'),
    ],
)
def test_words_of_no_plan_are_refused(words: str, line: str, svbench: Command) -> None:
    assert svbench("doctor", "--plan", words).problem(2).startswith(line)


@pytest.mark.parametrize(
    "words",
    [
        "run --dataset nope",
        "run --dataset landscape --steps 0",
        "run --dataset landscape --gamma 1,1",
        "run --datasett x",
        "run",
        "score",
        "score a --frames 1",
        "sweep-gamma --dataset landscape --systems real",
        "run --dataset landscape --config absent.yaml",
    ],
)
def test_words_that_the_command_refuses_are_refused_alike(words: str, svbench: Command) -> None:
    planned, carried_out = svbench("doctor", "--plan", words), svbench(*words.split())
    assert planned.problems == carried_out.problems
    assert len(planned.problems) == 1
    assert planned.code == carried_out.code


def test_help_of_a_planned_command_is_its_own(svbench: Command) -> None:
    done = svbench("doctor", "--plan", "sweep-gamma --help")
    assert done.code == 0
    assert "Usage: svbench sweep-gamma" in done.out


def test_measuring_without_a_plan_is_refused(svbench: Command) -> None:
    assert svbench("doctor", "--measure").problem(2).startswith("--measure: found it where")
    refused = svbench("doctor", "--measure", "--plan", "train --dataset landscape --out x")
    assert refused.problem(2).endswith("only beside a plan of run, score or sweep-gamma")


def test_all_that_a_plan_lacks_is_named_at_once(svbench: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    words = "run --dataset greatesthits --scale paper --data-root data --weights nowhere --strict"
    done = svbench("doctor", "--json", "--plan", f"{words} --device cuda:99")
    found = [finding["found"] for finding in json.loads(done.out)["plan"]]
    for part in ("--strict: FVD", "nowhere: found no joint model", "test.txt", "--device: found"):
        assert any(part in line for line in found), part
    assert done.code == 3
    [fvd] = [f for f in json.loads(done.out)["plan"] if "FVD" in f["found"]]
    assert fvd["mend"].startswith("svbench weights fetch i3d")


def test_a_setting_without_effect_is_named_once_as_the_command_names_it(svbench: Command) -> None:
    words = f"{MINI} --metrics av-align-corrected@miniature --scoring-dtype bfloat16"
    done = svbench("doctor", "--json", "--plan", words)
    [finding] = json.loads(done.out)["plan"]
    assert finding["found"] == svbench(*words.split()).problem(2)


def test_columns_that_will_be_absent_are_missing(svbench: Command, tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", 2)
    words = "score mine --reference mine --frames 16 --metrics fad,av-align-corrected@miniature"
    done = svbench("doctor", "--plan", f"{words} --pad")
    assert done.code == 3
    assert "→ svbench weights fetch vggish" in done.out
    assert svbench("doctor", "--plan", words.replace("fad,", "")).code == 0


def test_a_disk_that_is_too_small_has_the_exit_code_of_a_full_one(
    svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svbench.doctor import places
    from svbench.doctor.clips import Row

    class Usage:
        free = 10

    monkeypatch.setattr(places.shutil, "disk_usage", lambda _path: Usage)
    bounded = svbench("doctor", "--plan", MINI)
    assert bounded.code == 0  # the bound is larger; whether the clips are is not known
    monkeypatch.setattr(Row, "size", 1e6)
    assert svbench("doctor", "--plan", MINI).code == 75


def test_every_planned_command_is_one_of_svbench() -> None:
    for name, (command, _) in PLANNERS.items():
        assert command.__name__.replace("_", "-") == name
    with pytest.raises(ConfigError):
        read_plan("doctor")
