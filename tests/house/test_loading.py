"""What a command loads: a reader of tables waits for no model, and help for nothing.

A run that finds all of its clips and features builds no network, so it waits for none either.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert {"diffusers", "transformers", "librosa"} <= loaded_by(*words)
    again = loaded_by(*words)
    assert "av" in again  # the clips are looked for
    assert again.isdisjoint({"diffusers", "transformers", "librosa", "numba", "scipy"})
