"""The time left: fair from the first batch on, whatever was kept from an earlier run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from svbench.cli.progress import FIRST_LINE, LONGEST, plain_lines
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.files.store import Store
from svbench.pace import PAUSE, SHARE, Advance, Pace, Saving, duration, time_left
from svbench.types import Clip, ClipSpec, Request
from svbench.walk.extract import extract
from svbench.walk.generate import generate
from svbench.walk.recorded import recorded
from tests.factories.clips import SPEC, make_clip, write_folder
from tests.svbench.walk.test_extract import Letters


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines_of(clock: Clock, total: int, items: int, seconds: float, batch: int = 1) -> list[str]:
    """Return what is written while some items are made, so many at a time."""
    written: list[str] = []
    advance = plain_lines("work", Pace(total, clock), written.append)
    for _ in range(items // batch):
        clock.now += seconds * batch
        for _ in range(batch):
            advance(1)
            clock.now += 0.001  # writing a clip
    return written


def test_the_time_left_is_the_mean_time_of_an_item_times_those_left(clock: Clock) -> None:
    pace = Pace(40, clock)
    assert (pace.each, pace.left, str(pace)) == (None, None, "0 of 40")
    clock.now += 40.0
    pace.advance(8)
    assert (pace.each, pace.left) == (5.0, 160.0)
    assert str(pace) == "8 of 40, 5 s each, about 3 min left"
    clock.now += 10.0
    assert pace.left == 150.0  # it runs on between reports
    clock.now += 1000.0  # a stall: the eight clips before took 40 s
    assert pace.left == 120.0


def test_what_was_kept_is_done_and_costs_nothing(clock: Clock) -> None:
    pace = Pace(40, clock)
    clock.now += 60.0  # reading every stored clip again
    pace.advance(20, 20)
    assert (pace.done, pace.left) == (20, None)
    clock.now += 10.0
    pace.advance(2)
    pace.advance(8, 8)
    assert (pace.each, pace.left) == (5.0, 50.0)


def test_a_report_of_nothing_is_no_item(clock: Clock) -> None:
    pace = Pace(4, clock)
    pace.advance(0, 0)
    clock.now += 3.0
    pace.advance(1)
    assert pace.left == 9.0


def test_everything_kept_has_no_estimate(clock: Clock) -> None:
    written: list[str] = []
    advance = plain_lines("work", Pace(3, clock), written.append)
    for _ in range(3):
        clock.now += 100.0
        advance(1, 1)
    assert written == ["work (3)"]


def test_a_line_is_written_after_some_items_and_then_ever_more_rarely(clock: Clock) -> None:
    written = lines_of(clock, total=1000, items=1000, seconds=1.0)
    assert written[0] == "work (1000)"
    assert written[1].startswith("work: 4 of 1000, 1 s each, about 17 min left")
    assert 5 < len(written) < 12
    assert len(lines_of(Clock(), 100_000, 100_000, 1.0)) < 12 + 100_000 / LONGEST


def test_short_work_says_nothing(clock: Clock) -> None:
    assert lines_of(clock, total=40, items=40, seconds=0.9 * FIRST_LINE / 40) == ["work (40)"]


def test_clips_that_come_in_batches_are_not_timed_within_one(clock: Clock) -> None:
    written = lines_of(clock, total=40, items=40, seconds=5.0, batch=8)
    assert written[1] == "work: 8 of 40, 5 s each, about 2 min left"  # 40 s into the second batch
    assert all("5 s each" in line for line in written[1:])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.314, "0.31 s"), (5.0, "5 s"), (9.96, "10 s"), (61.0, "61 s"), (150.0, "2 min"),
     (5400.0, "90 min"), (9000.0, "2.5 h"), (200_000.0, "2.3 days")],
)  # fmt: skip
def test_durations_have_two_or_three_digits(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_moment_left_is_a_second() -> None:
    assert time_left(0.2) == "about 1 s left"


@dataclass(frozen=True)
class Slow:
    """A system whose clips take a while each."""

    clock: Clock
    name: str = "slow"
    made_of_real_clips: bool = False

    def decided_by(self, request: Request) -> dict[str, str]:
        return {"caption": request.caption}

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        for number, _ in enumerate(requests):
            self.clock.now += 60.0
            yield make_clip(number, spec)


def test_clips_of_one_shard_are_reported_one_by_one_and_resumed_ones_cost_nothing(
    clock: Clock, tmp_path: Path
) -> None:
    system: Any = Slow(clock)
    requests = [Request(f"c{n}/0", "a hit", n) for n in range(5)]

    def made(count: int) -> list[str]:
        written: list[str] = []

        def progress(label: str, total: int) -> AbstractContextManager[Advance]:
            return nullcontext(plain_lines(label, Pace(total, clock), written.append))

        asked = [(system, requests[:count])]
        generate(asked, SPEC, 0, Store(tmp_path), Local(1), progress)
        return [line.removeprefix("slow: making clips") for line in written]

    assert made(3) == [" (3)", ": 1 of 3, 60 s each, about 60 s left"]
    clock.now += 10_000.0  # between two runs
    assert made(5) == [" (5)", ": 4 of 5, 60 s each, about 1 s left"]


def test_described_clips_of_an_earlier_run_are_reported_as_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", 5)
    samples, _ = recorded("real", manifest.load(tmp_path / "real")["real"], SPEC, Local(1))
    reports: list[tuple[int, int]] = []

    def advance(done: int, kept: int = 0, /) -> None:
        reports.append((done, kept))

    for _ in range(2):
        extract([Letters()], samples, Store(tmp_path / "run"), Local(1), advance)
    assert reports == [(0, 0), *[(1, 0)] * 5, (5, 5)]


# --- records that grow -------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [0.0, 1.0])
def test_a_record_is_written_at_once_and_again_after_a_multiple_of_what_that_took(
    takes: float,
) -> None:
    clock, written = Clock(), list[float]()
    saving = Saving(clock)

    def save() -> None:
        written.append(clock.now)
        clock.now += takes

    pause = max(PAUSE, SHARE * takes)
    for wait in (0.0, pause - 0.01, 0.02):
        clock.now += wait
        saving.perhaps(save)
    assert written == [100.0, pytest.approx(100.0 + takes + pause + 0.01)]
