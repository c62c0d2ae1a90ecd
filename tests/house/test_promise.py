"""The promise: a metric, a system, a data set or a format is its own file and one entry.

All four are added to a copy of the tree, where they are listed, run and reported.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.fresh_commands import svbench_of
from tests.goldens.places import REPOSITORY

ROOMS = ("svbench", "metrics", "baselines", "reports")
EXAMPLE = REPOSITORY / "examples" / "plugin" / "svbench_example"
COUNTS = '''"""How many clips each row has."""

from svbench.types import ResultTable


def counts(table: ResultTable) -> str:
    """Return a line per row."""
    return "".join(f"{row.system}: {row.asked} clips\\n" for row in table.rows)
'''
ENTRY = """def _{name}() -> {kind}:
    from {module} import ENTRY

    return ENTRY


"""


@dataclass(frozen=True)
class Addition:
    """A file that is added, and lines that join a table: before this text, those lines."""

    file: str
    content: str
    table: str
    lines: Mapping[str, str]


def entry(name: str, kind: str, file: str, table: str) -> Addition:
    """Return an addition of a module of the template, with the entry at its end."""
    path = Path(file)
    module = ".".join(path.with_suffix("").parts)
    module = module if module.startswith("svbench.") else f"svbench.{module}"
    content = (EXAMPLE / path.name).read_text(encoding="utf-8")
    constant = f"{Path(table).stem.upper()}: Final[Registry[{kind}]]"
    lines = {
        constant: ENTRY.format(name=path.stem, kind=kind, module=module),
        f"    }},\n    Joining({kind}, ": f'        "{name}": _{path.stem},\n',
    }
    return Addition(file, content, table, lines)


ADDITIONS = {
    "metric": entry("silence", "MetricEntry", "metrics/silence.py", "svbench/catalog/metrics.py"),
    "system": entry("flashes", "SystemEntry", "baselines/flashes.py", "svbench/catalog/systems.py"),
    "data set": entry(
        *("captioned-folder", "Dataset", "svbench/datasets/captioned_folder.py"),
        "svbench/catalog/datasets.py",
    ),
    "format": Addition(
        "reports/tables/counts.py",
        COUNTS,
        "reports/tables/formats.py",
        {
            "from svbench.reports.tables.exports": (
                "from svbench.reports.tables.counts import counts\n"
            ),
            '    "text": lambda': '    "counts": lambda table, _scores: counts(table),\n',
        },
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree with all additions."""
    root = tmp_path_factory.mktemp("tree")
    for name in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, root / name, symlinks=True, ignore=ignored)
    for addition in ADDITIONS.values():
        assert not (root / addition.file).exists()
        (root / addition.file).write_text(addition.content, encoding="utf-8")
        text = (root / addition.table).read_text(encoding="utf-8")
        for following, lines in addition.lines.items():
            assert text.count(following) == 1, following
            text = text.replace(following, lines + following)
        (root / addition.table).write_text(text, encoding="utf-8")
    return root


def digests(root: Path) -> dict[str, str]:
    """Return the digest of every file of the rooms, links not followed."""
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for room in ROOMS
        for file in (root / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_nothing_else_is_changed(tree: Path) -> None:
    before, now = digests(REPOSITORY), digests(tree)
    changed = {file for file in before.keys() | now.keys() if before.get(file) != now.get(file)}
    assert changed == {file for one in ADDITIONS.values() for file in (one.file, one.table)}


@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_entry_is_a_few_lines_and_takes_none_away(kind: str, tree: Path) -> None:
    texts = ((root / ADDITIONS[kind].table).read_text("utf-8") for root in (REPOSITORY, tree))
    lines = list(difflib.ndiff(*(text.splitlines() for text in texts)))
    assert not [line for line in lines if line.startswith("- ")]
    added = [line for line in lines if line.startswith("+ ") and line[2:].strip()]
    assert 2 <= len(added) <= 4


def test_what_is_added_is_listed_run_and_reported(tree: Path, tmp_path: Path) -> None:
    for seed in range(2):
        write_clip(tmp_path / "clips" / f"c{seed}.mp4", make_clip(seed, replace(SPEC, frames=16)))
    (tmp_path / "clips" / "captions.csv").write_text("c0.mp4,a square\nc1.mp4,another\n")
    data = ("--dataset", "captioned-folder", "--scale", "paper", "--data-root", tmp_path / "clips")
    run = tmp_path / "run"
    *listed, _table, report = svbench_of(
        [tree],
        *(("list", name, "--json") for name in ("metrics", "systems", "datasets")),
        ("run", *data, "--systems", "real,flashes", "--out", run),
        ("report", run, "--format", "counts"),
    )
    metrics, systems, datasets = ([e["name"] for e in json.loads(text)] for text in listed)
    assert (metrics[-1], systems[-1]) == ("silence", "flashes")
    assert datasets[-1] == "captioned-folder"
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert [column["metric"] for column in results["columns"]] == ["silence@windows"]
    assert [row["system"] for row in results["rows"]] == ["real", "flashes"]
    assert all("silence@windows" in row["scores"] for row in results["rows"])
    assert "plugins" not in results["record"]  # all are svbench's own
    assert report == "real: 2 clips\nflashes: 2 clips\n"
