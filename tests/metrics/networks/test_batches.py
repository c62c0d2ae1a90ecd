"""Forward passes in batches: padding, threads, turns on a device, memory that is short."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from svbench.compute import CPU, Machine, is_out_of_memory
from svbench.errors import StoppedError
from svbench.metrics.networks.batches import BatchSize, Forward
from tests.factories.processes import PATIENCE

FULL = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore lines"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
)


class Squares:
    """A network that squares, and has room for so many inputs."""

    def __init__(self, room: int = 1_000, error: Exception = FULL[0]) -> None:
        self.room, self.error = room, error
        self.batches: list[int] = []

    def __call__(self, batch: Tensor) -> Tensor:
        if len(batch) > self.room:
            raise self.error
        self.batches.append(len(batch))
        return batch**2


def forward(
    network: Callable[..., Tensor], size: int = 4, machine: Machine = CPU, *, padded: bool = True
) -> Forward:
    return Forward("Net", partial(_itself, network), machine, BatchSize(size, 7), padded=padded)


def _itself(network: Any) -> Any:
    return network


def numbers(count: int) -> list[Tensor]:
    return [torch.tensor([float(n), 1.0]) for n in range(count)]


def check_squares(found: list[Tensor], count: int) -> None:
    assert [float(one[0]) for one in found] == [float(n**2) for n in range(count)]


# --- sizes --------------------------------------------------------------------------------------


@given(st.integers(0, 20), st.integers(1, 6), st.booleans())
def test_every_input_has_its_output_in_batches_of_one_size(
    count: int, size: int, padded: bool
) -> None:
    network = Squares()
    check_squares(forward(network, size, padded=padded)(iter(numbers(count))), count)
    full, rest = divmod(count, size)
    assert network.batches == [size] * full + ([size if padded else rest] if rest else [])


def test_a_machine_names_the_size_of_batches_or_the_device_does() -> None:
    sizes = BatchSize(cpu=4, gpu=7)
    assert [sizes.on(machine) for machine in (CPU, Machine("meta"))] == [4, 7]
    assert [sizes.on(Machine(device, batch=3)) for device in ("cpu", "meta")] == [3, 3]
    network = Squares()
    forward(network, machine=Machine("cpu", batch=3))(numbers(5))
    assert network.batches == [3, 3]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_inputs_get_the_dtype_and_outputs_are_float32(dtype: Any) -> None:
    seen: list[torch.dtype] = []

    def network(kind: str, batch: Tensor) -> Tensor:
        assert (kind, torch.is_inference_mode_enabled()) == ("text", True)
        seen.append(batch.dtype)
        return batch.to(torch.bfloat16)

    run = forward(network, machine=Machine("cpu", dtype))
    for inputs in (torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int64)):
        assert [one.dtype for one in run(inputs, "text")] == [torch.float32] * 2
    assert seen == [getattr(torch, dtype), torch.int64]


def test_no_more_inputs_are_prepared_than_a_batch_holds() -> None:
    network, taken = Squares(), []

    def prepared() -> Iterator[Tensor]:
        for n, one in enumerate(numbers(10)):
            taken.append(n - sum(network.batches))
            yield one

    forward(network)(prepared())
    assert max(taken) == 3


# --- threads ------------------------------------------------------------------------------------


def test_threads_compute_at_the_same_time_with_one_network() -> None:
    made, both = [], Barrier(2)

    def network(batch: Tensor) -> Tensor:
        both.wait(PATIENCE)  # breaks unless two threads are inside
        return batch**2

    def make() -> Callable[[Tensor], Tensor]:
        made.append(network)
        return network

    run = Forward("Net", make, CPU, BatchSize(4, 4))
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(run, [numbers(4)] * 2):
            check_squares(found, 4)
    assert len(made) == 1


class OnDevice(Forward):
    """Passes on a CPU that take turns as those on a GPU do."""

    def _turns(self) -> AbstractContextManager[object]:
        return self._shared.turn


def test_on_a_device_one_computes_while_others_prepare() -> None:
    inside, most, prepared = [0], [0], Event()

    def network(batch: Tensor) -> Tensor:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        assert prepared.wait(PATIENCE)  # by the other thread
        inside[0] -= 1
        return batch**2

    def inputs(marker: Event | None) -> Iterator[Tensor]:
        yield from numbers(4)
        if marker:
            marker.set()

    run = OnDevice("Net", partial(_itself, network), CPU, BatchSize(5, 5))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, numbers(4))
        second = pool.submit(run, inputs(prepared))
        check_squares(first.result(PATIENCE), 4)
        check_squares(second.result(PATIENCE), 4)
    assert most == [1]


def test_another_process_loads_its_own_network() -> None:
    run = forward(Squares(), 3)
    run(numbers(1))
    sent = pickle.loads(pickle.dumps(run))
    assert sent.size == 3
    check_squares(sent(numbers(5)), 5)


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", FULL)
@pytest.mark.parametrize("padded", [True, False])
def test_memory_that_is_short_halves_the_batch_says_so_and_goes_on(
    error: Exception, padded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    network = Squares(3, error)
    run = forward(network, 8, padded=padded)
    check_squares(run(numbers(11)), 11)
    assert network.batches == [2] * 5 + [2 if padded else 1]
    run(numbers(8))  # once for each halving, not for each call
    assert caplog.messages == [
        f"Net: out of memory on cpu; going on with batches of {size}, which round otherwise"
        for size in (4, 2)
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_threads_that_fail_together_halve_once(caplog: pytest.LogCaptureFixture) -> None:
    both = Barrier(2)

    def network(batch: Tensor) -> Tensor:
        if len(batch) > 2:
            both.wait(PATIENCE)
            raise FULL[0]
        return batch**2

    run = forward(network)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(run, [numbers(4)] * 2):
            check_squares(found, 4)
    assert run.size == 2
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("error", FULL)
def test_no_memory_for_one_input_stops_in_one_line(error: Exception) -> None:
    with pytest.raises(StoppedError, match=r"one input at a time does not fit .*free") as found:
        forward(Squares(0, error), 2)(numbers(3))
    assert "\n" not in str(found.value)


def test_no_memory_for_the_network_stops_in_one_line() -> None:
    def make() -> Any:
        raise FULL[0]

    with pytest.raises(StoppedError, match="Net: the network does not fit into the memory of cpu"):
        Forward("Net", make, CPU, BatchSize(4, 4))(numbers(1))


def test_other_errors_are_no_matter_of_memory() -> None:
    wrong = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert [is_out_of_memory(error) for error in (*FULL, wrong)] == [True, True, False]
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        forward(Squares(0, wrong))(numbers(1))
