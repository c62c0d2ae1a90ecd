from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories.commands import Command
from tests.house.test_loading import loaded_by


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
