"""Engines: the same results in the same order, whatever the number of workers."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from svbench.engines.local import Local
from svbench.engines.protocol import cut, cut_evenly
from tests.factories.processes import PATIENCE


@given(st.lists(st.integers()), st.integers(1, 7))
def test_shards_are_the_items_in_order(items: list[int], size: int) -> None:
    shards = list(cut(items, size))
    assert [item for shard in shards for item in shard] == items
    assert all(len(shard) == size for shard in shards[:-1])
    assert all(0 < len(shard) <= size for shard in shards)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_shards(workers: int) -> None:
    second_is_done = threading.Event()

    def first_last(number: int) -> int:
        if number == 0 and workers > 1:
            assert second_is_done.wait(PATIENCE)
        if number == 1:
            second_is_done.set()
        return number * number

    assert list(Local(workers).map(first_last, range(20))) == [n * n for n in range(20)]


@pytest.mark.parametrize("workers", [1, 3])
def test_shards_are_taken_as_they_are_needed(workers: int) -> None:
    taken = []

    def endless() -> object:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    results = Local(workers).map(lambda n: n, endless())
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) <= 5 + 2 * workers
    results.close()


def test_workers_work_side_by_side() -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    assert list(Local(2).map(lambda n: (both.wait(), n)[1], range(2))) == [0, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller(workers: int) -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        list(Local(workers).map(fail, range(10)))


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_computes_on_one_thread(workers: int) -> None:
    """Sums are rounded by how many threads share them, so that is the same everywhere."""

    def threads(_number: int) -> int:
        return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    before = threads(0)
    assert list(Local(workers).map(threads, range(4))) == [1] * 4
    if workers == 1:
        assert threads(0) == before  # the caller's own is as it was


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_computes_on_one_thread_whatever_was_set_for_torch(workers: int) -> None:
    """A new thread's first call of torch takes the process's number, over an earlier limit."""

    def threads(_number: int) -> int:
        torch.ones(64, 64) @ torch.ones(64, 64)
        return torch.get_num_threads()

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert list(Local(workers).map(threads, range(4))) == [1] * 4
    finally:
        torch.set_num_threads(before)


@given(st.lists(st.integers()), st.integers(1, 7))
def test_even_shards_shrink_to_single_items(items: list[int], size: int) -> None:
    shards = list(cut_evenly(items, size))
    assert [item for shard in shards for item in shard] == items
    lengths = [len(shard) for shard in shards]
    assert lengths == sorted(lengths, reverse=True)
    assert all(length <= size for length in lengths)
    assert lengths[-1:] in ([], [1])


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_even_shards_keep_all_workers_busy_to_the_end(workers: int) -> None:
    """Each worker takes the next shard when it is free: none ends two items before another."""
    for count in range(20, 200):
        done = [0] * workers
        for shard in cut_evenly(range(count), 4):
            done[done.index(min(done))] += len(shard)
        assert max(done) - min(done) <= 1


@pytest.mark.parametrize("workers", [1, 3])
def test_a_caller_that_set_torch_to_more_threads_gets_the_same_sums(workers: int) -> None:
    """`torch.set_num_threads` sets those of MKL for the process, whatever limit a thread has."""
    random = torch.Generator().manual_seed(0)
    left, right = torch.rand(2, 64, 517, 517, generator=random)

    def product(_shard: int) -> tuple[int, bytes]:
        return torch.get_num_threads(), (left @ right).numpy().tobytes()

    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found += Local(workers).map(product, range(2))
            assert torch.get_num_threads() == threads  # the caller's own is as it was
    finally:
        torch.set_num_threads(before)
    assert {threads for threads, _ in found} == {1}
    assert len({sums for _, sums in found}) == 1
