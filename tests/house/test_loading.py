"""What a command loads: a reader of tables waits for no model, and help for nothing.

A run that finds all of its clips and features builds no network, so it waits for none either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from svbench.compute import CPU_BUILD, installed
from tests.factories.pages import write_page_run
from tests.factories.results import make_table, write_run
from tests.house.test_architecture import HEAVY

RUN_AND_LIST = """
import json, sys
from svbench.cli.app import main
try:
    main()
except SystemExit as leaving:
    assert not leaving.code, leaving.code
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(*words: str) -> set[str]:
    """Return the top-level modules that a command has loaded when it is done."""
    command = [sys.executable, "-c", RUN_AND_LIST, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_that_takes_time() -> None:
    loaded = loaded_by("--help")
    assert "typer" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy", "pydantic", "matplotlib"})


@pytest.mark.parametrize(
    "name", ["text", "markdown", "latex", "csv", "json", "clips", "model-index"]
)
def test_report_loads_no_models_and_no_media(name: str, tmp_path: Path) -> None:
    run = write_run(tmp_path, make_table())
    loaded = loaded_by("report", str(run), "--format", name)
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_page_reads_media_but_loads_no_models(tmp_path: Path) -> None:
    run = write_page_run(tmp_path)
    for words in (("report", "--format", "html"), ("clip-figure", "c0/0", "--out", f"{run}/a.svg")):
        loaded = loaded_by(words[0], str(run), *words[1:])
        assert {"av", "matplotlib"} <= loaded
        assert loaded.isdisjoint({"torch", "diffusers", "transformers", "librosa", "numba"})


def test_check_loads_no_models_and_no_media(tmp_path: Path) -> None:
    run, golden = str(write_run(tmp_path / "run", make_table())), str(tmp_path / "golden.json")
    for words in (("--update", "--reason", "first"), ("--junit", str(tmp_path / "junit.xml"))):
        loaded = loaded_by("check", run, "--golden", golden, *words)
        assert loaded.isdisjoint(HEAVY)


def test_compare_loads_no_models_and_no_media(tmp_path: Path) -> None:
    runs = [str(write_run(tmp_path / name, make_table())) for name in ("one", "two")]
    assert loaded_by("compare", *runs).isdisjoint(HEAVY)


def test_a_resumed_run_loads_no_models(tmp_path: Path) -> None:
    words = ["run", "--dataset", "greatesthits", "--limit", "2", "--steps", "1"]
    words += ["--systems", "real,cmc-pe", "--gamma", "1.5", "--out", str(tmp_path / "run")]
    if not installed("torch").endswith(CPU_BUILD):  # else torch is asked whether there is a GPU
        words += ["--device", "cpu"]
    assert {"torch", "diffusers", "transformers", "librosa"} <= loaded_by(*words)
    again = loaded_by(*words)
    assert "av" in again  # the clips are looked for
    assert again.isdisjoint({"torch", "diffusers", "transformers", "librosa", "numba", "scipy"})


def test_torch_computes_on_one_thread_in_workers_of_a_process_that_had_not_loaded_it() -> None:
    """A limit holds for the libraries that are there: torch has to be, before workers start."""
    code = """
import sys
from svbench.engines.local import Local
from svbench.metrics import miniature
from svbench.walk import extract
from svbench.walk.extract_shard import Found

assert "torch" not in sys.modules
seen = []

class Work:
    extractors = {"one": miniature.fvd("first-16").extractor}

    def __call__(self, shard):
        import torch
        torch.ones(64, 64) @ torch.ones(64, 64)
        seen.append(torch.get_num_threads())
        return Found()

extract._work_off(range(8), Work(), Local(2), Found(), lambda *_: None)
print(seen)
"""
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment = {**free, "OMP_NUM_THREADS": "3"}  # of a process; a worker has one nonetheless
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300, env=environment
    )
    assert set(json.loads(done.stdout)) == {1}
