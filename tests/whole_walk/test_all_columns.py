"""Every column in one pass, by small networks: one decode of a clip, and equal bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svbench.catalog.metrics import METRICS
from svbench.files.media import picture, sound
from svbench.protocols import Metric
from tests.factories.all_columns import Folders, missing, score, write_folders
from tests.factories.small_columns import small_columns

KNOWN = "known-files.json"  # holds when files were written
FEW = 5  # clips, more than a shard holds


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_folders(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def columns(networks: Path) -> tuple[Metric, ...]:
    """Return the columns, whose networks are not loaded yet."""
    return small_columns(networks)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, Path]]:
    """Count how often the picture and the sound of each file are decoded."""
    counts: Counter[tuple[str, Path]] = Counter()
    for what, module in (("_decoded", picture), ("_decoded", sound)):
        original = getattr(module, what)

        def counting(*given: Any, original: Any = original, module: Any = module) -> Iterator[Any]:
            path = next(one for one in given if isinstance(one, Path))
            counts[module.__name__.rpartition(".")[2], path] += 1
            return original(*given)

        monkeypatch.setattr(module, what, counting)
    return counts


def test_every_metric_has_a_column_and_both_views_are_read(columns: tuple[Metric, ...]) -> None:
    assert {column.name.partition("@")[0] for column in columns} == set(METRICS.names())
    assert {column.extractor.view for column in columns} == {"conformed", "native"}
    for column in columns:  # the table says so where weights are absent, and no column is built
        assert METRICS.known(column.name.partition("@")[0]).compares == column.needs_reference


def test_each_file_is_decoded_once_for_all_columns(
    columns: tuple[Metric, ...],
    folders: Folders,
    decoded: Counter[tuple[str, Path]],
    tmp_path: Path,
) -> None:
    row = score(columns, folders, tmp_path / "out", 1)
    files = [e.recording.path for examples in folders.values() for e in examples]
    assert decoded == {(what, file): 1 for what in ("picture", "sound") for file in files}
    assert missing(row) == {}
    assert row.scores.keys() | row.absent.keys() >= {column.name for column in columns}


def test_any_number_of_workers_gives_the_same_bytes(
    networks: Path, folders: Folders, tmp_path: Path
) -> None:
    few = {name: examples[:FEW] for name, examples in folders.items()}
    written = []
    for workers in (1, 2, 3):
        out = tmp_path / str(workers)
        score(small_columns(networks), few, out, workers)
        files = [path for path in out.rglob("*") if path.is_file() and path.name != KNOWN]
        written.append({path.relative_to(out): path.read_bytes() for path in files})
    assert {"results.json", "scores.csv"} < {path.name for path in written[0]}
    assert written[0] == written[1] == written[2]
