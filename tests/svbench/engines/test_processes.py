"""Worker processes: the same results as threads, and what happens when one of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError, StoppedError
from tests.factories.processes import ENDLESS, lives, meeting, until, waits_for


@pytest.fixture
def engine() -> Iterator[Local]:
    with closing(Local(2)) as local:
        yield local


# A lambda goes to the processes by value, which need not import this module: they could not where
# the tests are not on the path.
squared: Callable[[int], int] = lambda number: number * number  # noqa: E731


def test_results_come_in_the_order_of_the_shards(engine: Local, tmp_path: Path) -> None:
    second = tmp_path / "second"
    meet, second_is_done = meeting(tmp_path / "processes", 2), waits_for(second.exists)

    def first_last(number: int) -> tuple[int, int]:  # a closure, as those of controls
        meet()
        if number == 0:
            second_is_done()
        if number == 1:
            second.touch()
        return os.getpid(), squared(number)

    found = list(engine.spread(first_last, range(20)))
    assert [square for _, square in found] == [n * n for n in range(20)]
    processes = {process for process, _ in found}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_work_is_loaded_once_by_each_process(engine: Local, tmp_path: Path) -> None:
    meet = meeting(tmp_path / "processes", 2)

    class Work:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, _shard: int) -> tuple[int, int]:
            meet()
            self.calls += 1
            return os.getpid(), self.calls

    found = list(engine.spread(Work(), range(12)))
    for process in {process for process, _ in found}:
        calls = [count for other, count in found if other == process]
        assert calls == list(range(1, len(calls) + 1))
    again = list(engine.spread(Work(), range(2)))
    assert {process for process, _ in again} <= {process for process, _ in found}
    assert min(count for _, count in again) == 1  # new work, in the same processes


def test_each_process_computes_on_one_thread(engine: Local) -> None:
    def threads(_shard: int) -> int:
        import torch

        return torch.get_num_threads()

    assert list(engine.spread(threads, range(4))) == [1] * 4


def test_what_is_printed_does_not_mix_with_results(engine: Local) -> None:
    def loud(number: int) -> int:
        print("a library prints")
        os.write(1, b"and another")
        return number

    assert list(engine.spread(loud, range(3))) == [0, 1, 2]


def test_an_error_reaches_the_caller_as_it_is(engine: Local) -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise DataError("clip.mp4: found nothing")
        return number

    with pytest.raises(DataError, match=r"^clip\.mp4: found nothing$"):
        list(engine.spread(fail, range(10)))
    assert list(engine.spread(squared, range(3))) == [0, 1, 4]  # by new processes


def test_an_error_that_cannot_be_pickled_is_still_one(engine: Local) -> None:
    def fail(_number: int) -> int:
        class OwnError(Exception):
            def __init__(self, first: str, second: str) -> None:
                super().__init__(first + second)

        raise OwnError("no ", "pickle")

    with pytest.raises(RuntimeError, match="OwnError: no pickle"):
        list(engine.spread(fail, range(2)))


def test_work_that_cannot_be_pickled_is_computed_by_threads(engine: Local) -> None:
    lock = threading.Lock()

    def locked(number: int) -> tuple[int, int]:
        with lock:
            return os.getpid(), number

    assert list(engine.spread(locked, range(5))) == [(os.getpid(), n) for n in range(5)]


def test_one_worker_is_the_caller() -> None:
    assert list(Local(1).spread(lambda _: os.getpid(), range(2))) == [os.getpid()] * 2


def test_a_killed_process_stops_the_work_in_one_line(engine: Local) -> None:
    def die(number: int) -> int:
        if number == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(StoppedError, match="a worker process was killed") as stopped:
        list(engine.spread(die, range(50)))
    assert "\n" not in str(stopped.value)
    assert list(engine.spread(squared, range(3))) == [0, 1, 4]


def test_work_that_a_process_cannot_load_is_named(engine: Local) -> None:
    class Unloadable:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return __import__, ("no_such_module_anywhere",)

        def __call__(self, _shard: int) -> int:
            return 0

    with pytest.raises(ConfigError, match=r"cannot load the work .*no_such_module_anywhere"):
        list(engine.spread(Unloadable(), range(2)))


def test_results_may_be_left_half_way(engine: Local) -> None:
    results = engine.spread(squared, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    results.close()
    assert list(engine.spread(squared, [5])) == [25]


def test_a_process_that_is_killed_early_hides_no_error(engine: Local, tmp_path: Path) -> None:
    """The thread of the dead process takes up further shards, which nobody reads."""
    meet = meeting(tmp_path / "processes", 2)

    def die(number: int) -> int:
        meet()
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(StoppedError, match="a worker process was killed"):
        list(engine.spread(die, range(8)))


def test_modules_of_the_working_folder_are_not_imported_unless_the_caller_does(
    engine: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wave.py").write_text("raise RuntimeError('shadow')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])

    def importing(_shard: int) -> str:
        import wave

        return str(wave.__file__)

    assert str(tmp_path) not in next(engine.spread(importing, [0]))


ORPHANED = f"""
import os, sys, time
from svbench.engines.local import Local

def slow(number):
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep({ENDLESS})

list(Local(2).spread(slow, range(2)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_processes_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANED],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stderr is not None
    children = [int(parent.stderr.readline()) for _ in range(2)]
    parent.kill()
    parent.wait()
    parent.stderr.close()
    until(lambda: not any(map(lives, children)))
