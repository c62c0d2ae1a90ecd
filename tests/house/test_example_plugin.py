"""The template in examples/plugin installs, and what it adds runs by name."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.fresh_commands import python, svbench_of
from tests.goldens.places import REPOSITORY

SOURCE = REPOSITORY / "examples" / "plugin"
ORIGIN = "svbench-example 0.1"
ADDED = {"metrics": "silence", "systems": "flashes", "datasets": "captioned-folder"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a copy of the template, without a network, and return the folder of the package."""
    root = tmp_path_factory.mktemp("example")
    source = shutil.copytree(SOURCE, root / "source")  # where the build leaves its files
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target")
    python([REPOSITORY], "-m", "pip", "install", *offline, root / "site", source)
    return root / "site"


def test_its_own_tests_pass(site: Path) -> None:
    tests = SOURCE / "tests"
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", tests, "-c", os.devnull)
    assert "passed" in python([REPOSITORY, site], "-m", "pytest", *words, tests)


def test_what_it_adds_is_listed_and_runs_by_name(site: Path, tmp_path: Path) -> None:
    clips, spec = tmp_path / "clips", replace(SPEC, frames=16)  # 2 s
    for seed in range(2):
        write_clip(clips / f"c{seed}.mp4", make_clip(seed, spec))
    (clips / "captions.csv").write_text("c0.mp4,a square\nc1.mp4,another\n")
    run, scored = tmp_path / "run", tmp_path / "scored"
    data = ("--dataset", "captioned-folder", "--scale", "paper", "--data-root", clips)
    small = ("--frames", 8, "--size", 32, "--metrics", "silence", "--out", scored)
    *listed, _table, _scores = svbench_of(
        [REPOSITORY, site],
        *(("list", table, "--json") for table in ADDED),
        ("run", *data, "--systems", "real,flashes", "--out", run),
        ("score", clips, "--reference", clips, *small),
    )
    for name, text in zip(ADDED.values(), listed, strict=True):
        origins = {entry["name"]: entry["origin"] for entry in json.loads(text)}
        assert origins.pop(name) == ORIGIN
        assert set(origins.values()) == {""}
    made, judged = (json.loads((of / "results.json").read_text()) for of in (run, scored))
    assert made["record"]["plugins"] == dict.fromkeys(ADDED.values(), ORIGIN)
    assert judged["record"]["plugins"] == {"silence": ORIGIN}
    assert [row["system"] for row in made["rows"]] == ["real", "flashes"]
    for results in (made, judged):
        assert [column["metric"] for column in results["columns"]] == ["silence@windows"]
    assert all(0 < row["scores"]["silence@windows"]["value"] <= 1 for row in made["rows"])


def test_the_code_of_the_page_is_that_of_the_template() -> None:
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    files = [SOURCE / "pyproject.toml", *sorted((SOURCE / "svbench_example").glob("*.py"))]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    blocks = re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 4
    assert [block for block in blocks if block not in code] == []
