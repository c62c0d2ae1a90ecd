"""One queue over all rows: who computes beside whom, what is sealed when, how requests are cut."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.store import Store
from svbench.pace import Advance
from svbench.types import Clip, ClipSpec, Request, SampleSet
from svbench.walk.generate import generate
from tests.factories.clips import SPEC, make_clip
from tests.factories.processes import PATIENCE, until


@dataclass(frozen=True)
class Plain:
    """A system without optional members; it calls a function before each clip."""

    name: str
    before: Callable[[str], None] = lambda _request: None
    title: str = "a system"
    settings: Mapping[str, str] = field(default_factory=dict)
    made_of_real_clips: bool = False
    shards: list[int] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def decided_by(self, request: Request) -> Mapping[str, str]:
        return {"caption": request.caption}

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        self.shards.append(len(requests))
        for request in requests:
            self.before(request.id)
            self.made.append(request.id)
            yield make_clip(request.seed, spec)


@dataclass(frozen=True)
class Row(Plain):
    """A system that says how many clips it makes at a time, and whether beside others."""

    batch: int = 1
    shares_device: bool = True
    released: list[int] = field(default_factory=list)  # clips that were made before

    def release(self) -> None:
        self.released.append(len(self.made))


def asked(rows: Sequence[Plain], count: int) -> list[Any]:
    return [(row, [Request(f"c{n}/0", "a hit", n) for n in range(count)]) for row in rows]


def make(folder: Path, rows: Sequence[Plain], count: int, workers: int = 2) -> list[SampleSet]:
    return generate(asked(rows, count), SPEC, 0, Store(folder), Local(workers))


def test_a_worker_without_a_shard_goes_on_with_the_next_row(tmp_path: Path) -> None:
    """The last shard of one row is not over before the next row has begun."""
    begun = threading.Event()

    def wait(request: str) -> None:
        assert request != "c8/0" or begun.wait(PATIENCE)

    rows = [Row("one", before=wait), Row("two", before=lambda _: begun.set())]
    assert [samples.name for samples in make(tmp_path, rows, 9)] == ["one", "two"]
    assert [row.released for row in rows] == [[9], [9]]


@pytest.mark.parametrize("kind", [partial(Row, shares_device=False), Plain])
def test_systems_that_do_not_share_a_device_never_compute_at_the_same_time(
    tmp_path: Path, kind: Callable[..., Plain]
) -> None:
    rows: list[Plain] = []

    def check(_request: str) -> None:
        under_way.append([row.name for row in rows if 0 < len(row.made) < 17])

    under_way: list[list[str]] = []
    rows += [kind(name, before=check) for name in ("one", "two", "three")]
    make(tmp_path, rows, 17, workers=3)
    assert len(under_way) == 3 * 17
    assert max(map(len, under_way)) == 1


def test_a_system_is_released_before_the_next_one_begins(tmp_path: Path) -> None:
    first = Row("one", shares_device=False)
    second = Row("two", shares_device=False, before=lambda _: freed.append(list(first.released)))
    freed: list[list[int]] = []
    make(tmp_path, [first, second], 9)
    assert freed == [[9]] * 9


@pytest.mark.parametrize("workers", [1, 2])
def test_a_set_is_sealed_while_the_next_one_is_made(tmp_path: Path, workers: int) -> None:
    store = Store(tmp_path)
    sealed = store.manifest_path("one")

    second = Row("two", before=lambda _: until(sealed.exists))
    generate(asked([Row("one"), second], 1), SPEC, 0, store, Local(workers))
    assert second.made == ["c0/0"]
    assert [p.parent.name for p in sorted(tmp_path.rglob("manifest.jsonl"))] == ["one", "two"]


def test_an_error_costs_no_row_before_it(tmp_path: Path) -> None:
    def fail(request: str) -> None:
        if request == "c3/0":
            raise DataError("two: found no power, expected some")

    rows = [Row("one"), Row("two", before=fail), Row("three")]
    with pytest.raises(DataError, match="found no power"):
        make(tmp_path, rows, 6)
    manifests = {path.parent.name for path in tmp_path.rglob("manifest.jsonl")}
    assert manifests == {"one"}
    again = [Row(name) for name in ("one", "two", "three")]
    make(tmp_path, again, 6)
    assert again[0].made == []
    assert again[1].made == ["c3/0", "c4/0", "c5/0"]


@pytest.mark.parametrize(
    ("batch", "shards"), [(1, [8, 8, 7]), (8, [8, 8, 7]), (3, [6, 6, 6, 5]), (20, [20, 3])]
)
def test_a_worker_takes_whole_batches(tmp_path: Path, batch: int, shards: list[int]) -> None:
    row = Row("one", batch=batch)
    make(tmp_path, [row], 23, workers=1)
    assert row.shards == shards


def test_too_few_clips_are_an_error(tmp_path: Path) -> None:
    class Short(Row):
        def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
            return super().generate(requests[1:], spec)

    with pytest.raises(DataError, match="short: gave 4 clips, expected 5"):
        make(tmp_path, [Short("short")], 5)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_row_has_a_step_that_counts_its_clips(tmp_path: Path, workers: int) -> None:
    counts: dict[str, list[int]] = {}
    closed: list[str] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Advance]:
        row = counts[label] = [total, 0, 0]

        def advance(done: int, kept: int = 0, /) -> None:
            with lock:
                row[1], row[2] = row[1] + done, row[2] + kept

        yield advance
        closed.append(label)

    lock = threading.Lock()
    make(tmp_path, [Row("one")], 5)
    rows = [Row("one"), Row("two", shares_device=False), Row("three")]
    generate(asked(rows, 9), SPEC, 0, Store(tmp_path), Local(workers), progress)
    labels = [f"{row.name}: making clips" for row in rows]
    assert counts == dict(zip(labels, ([9, 9, 5], [9, 9, 0], [9, 9, 0]), strict=True))
    assert closed == labels
