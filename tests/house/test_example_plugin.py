"""The template in examples/plugin installs, and what it adds runs by name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories.clips import SPEC, make_clip, write_clip
from tests.goldens.places import REPOSITORY

SOURCE = REPOSITORY / "examples" / "plugin"
ORIGIN = "svbench-example 0.1"
ORIGINS = """
import json
from svbench.catalog import listing
tables = {"metrics": listing.metrics(), "systems": listing.systems()}
tables["datasets"] = listing.datasets()
print(json.dumps({table: {e.name: e.origin for e in of} for table, of in tables.items()}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a copy of the template, without a network, and return the folder of the package."""
    root = tmp_path_factory.mktemp("example")
    source = shutil.copytree(SOURCE, root / "source")  # where the build leaves its files
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target")
    python("-m", "pip", "install", *offline, root / "site", source)
    return root / "site"


def python(*words: object, site: Path | None = None) -> str:
    """Run Python with svbench and the packages of `site`; return what it prints."""
    places = [str(place) for place in (REPOSITORY, site) if place is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "COLUMNS": "300"}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_its_own_tests_pass(site: Path) -> None:
    tests = SOURCE / "tests"
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", tests, "-c", os.devnull)
    assert "passed" in python("-m", "pytest", *words, tests, site=site)


def test_what_it_adds_runs_by_name(site: Path, tmp_path: Path) -> None:
    clips, spec = tmp_path / "clips", replace(SPEC, frames=16)  # 2 s
    for seed in range(2):
        write_clip(clips / f"c{seed}.mp4", make_clip(seed, spec))
    (clips / "captions.csv").write_text("c0.mp4,a square\nc1.mp4,another\n")
    run, scored = tmp_path / "run", tmp_path / "scored"
    words = ("--dataset", "captioned-folder", "--scale", "paper", "--data-root", clips)
    python("-m", "svbench", "run", *words, "--systems", "real,flashes", "--out", run, site=site)
    small = ("--frames", 8, "--size", 32, "--metrics", "silence", "--out", scored)
    python("-m", "svbench", "score", clips, "--reference", clips, *small, site=site)
    made, judged = (json.loads((of / "results.json").read_text()) for of in (run, scored))
    names = ("silence", "flashes", "captioned-folder")
    assert made["record"]["plugins"] == dict.fromkeys(names, ORIGIN)
    assert judged["record"]["plugins"] == {"silence": ORIGIN}
    assert [row["system"] for row in made["rows"]] == ["real", "flashes"]
    for results in (made, judged):
        assert [column["metric"] for column in results["columns"]] == ["silence@windows"]
    assert all(0 < row["scores"]["silence@windows"]["value"] <= 1 for row in made["rows"])


def test_what_it_adds_is_listed_with_its_origin(site: Path) -> None:
    origins = json.loads(python("-c", ORIGINS, site=site))
    added = {"metrics": "silence", "systems": "flashes", "datasets": "captioned-folder"}
    for table, name in added.items():
        assert origins[table].pop(name) == ORIGIN
        assert set(origins[table].values()) == {""}


def test_the_code_of_the_page_is_that_of_the_template() -> None:
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    files = [SOURCE / "pyproject.toml", *sorted((SOURCE / "svbench_example").glob("*.py"))]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    blocks = re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 4
    assert [block for block in blocks if block not in code] == []
