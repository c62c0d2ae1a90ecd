"""Time ours and a named alternative in turn, and what a row of docs/performance.md records.

Conventions
-----------
A cost is wall and CPU time in seconds; CPU time is that of all threads and of child processes that
have ended. Ratios are theirs / ours, so above 1 ours is faster; a ratio is the median over rounds
of the ratio in one round, since the speed of a shared machine drifts.

SVBENCH_BENCH_QUICK=1 makes one round of each, to see whether the benchmarks run: its numbers are
not to be kept.

References
----------
- S. Williams, A. Waterman, D. Patterson: Roofline: an insightful visual performance model for
  multicore architectures. CACM 52(4), 2009.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, Generic, TypeVar

import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

QUICK: Final = bool(os.environ.get("SVBENCH_BENCH_QUICK"))
ROUNDS: Final = 1 if QUICK else 3
SIDE: Final = 512 if QUICK else 2048  # of the matrices whose product is the ceiling
COPIED: Final = 64 * 2**20  # numbers of the copy that measures the bandwidth, 256 MiB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took."""

    wall: float  # s
    cpu: float  # s

    @property
    def cores(self) -> float:
        """Return how many cores were busy, on average."""
        return self.cpu / self.wall


def timed(work: Callable[[], T]) -> tuple[T, Cost]:
    """Return the result of a piece of work, and its cost."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    result = work()
    return result, Cost(time.perf_counter() - wall, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(of.ru_utime + of.ru_stime for of in used)


@dataclass
class Turns(Generic[T]):
    """Costs and last results of ours and theirs, timed in turn."""

    ours: list[Cost] = field(default_factory=list)
    theirs: list[Cost] = field(default_factory=list)
    found: list[T] = field(default_factory=list)  # ours, of each round
    expected: list[T] = field(default_factory=list)  # theirs

    @property
    def faster(self) -> float:
        """Return theirs / ours, wall time."""
        return self._ratio(lambda cost: cost.wall)

    @property
    def less_cpu(self) -> float:
        """Return theirs / ours, CPU time."""
        return self._ratio(lambda cost: cost.cpu)

    @property
    def cores(self) -> float:
        """Return how many cores ours kept busy."""
        return statistics.median(cost.cores for cost in self.ours)

    def _ratio(self, measure: Callable[[Cost], float]) -> float:
        pairs = zip(self.theirs, self.ours, strict=True)
        return statistics.median(measure(theirs) / measure(ours) for theirs, ours in pairs)


def in_turn(
    benchmark: BenchmarkFixture,
    ours: Callable[[], T],
    theirs: Callable[[], T],
    *,
    rounds: int = ROUNDS,
    warm: bool = True,
) -> Turns[T]:
    """Time theirs, ours, theirs, ours, ...; the benchmark's own statistics are of ours.

    With `warm` a first round of both is not counted: caches are filled, loops compiled.
    """
    turns: Turns[T] = Turns()

    def before() -> None:
        _timed_into(theirs, turns.expected, turns.theirs)

    def turn() -> None:
        _timed_into(ours, turns.found, turns.ours)

    count = 1 if QUICK else rounds
    warmups = int(warm and not QUICK)
    benchmark.pedantic(turn, setup=before, rounds=count, iterations=1, warmup_rounds=warmups)
    if len(turns.ours) > count:
        turns.ours, turns.theirs = turns.ours[warmups:], turns.theirs[warmups:]
    return turns


def _timed_into(work: Callable[[], T], results: list[T], costs: list[Cost]) -> None:
    result, cost = timed(work)
    results.append(result)
    costs.append(cost)


# --- limits ------------------------------------------------------------------------------------


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def flops(network: nn.Module, *inputs: Any) -> int:
    """Return the floating-point operations of a forward pass, two of each multiply-add.

    Counted are convolutions, products of matrices and attention. On the meta device nothing is
    computed.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(*inputs)
    return int(counter.get_total_flops())


def gemm_ceiling(
    device: str = "cpu", dtype: torch.dtype = torch.float32, side: int = SIDE
) -> float:
    """Return the operations per second of a product of two square matrices, on torch's threads."""
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in "ab")
    return 2 * side**3 / best(lambda: torch.mm(a, b), device)


def bandwidth(device: str = "cpu", numbers: int = COPIED) -> float:
    """Return the bytes per second that a copy reads and writes, on torch's threads."""
    source = torch.rand(numbers, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best(lambda: target.copy_(source), device)


def roofline(work: float, weights: float, *, ceiling: float, bytes_per_second: float) -> float:
    """Return the least time (s) of a forward pass: of its operations or of reading its weights."""
    return max(work / ceiling, weights / bytes_per_second)


def least_seconds(work: float, weights: float, threads: int) -> float:
    """Return the least time (s) of forward passes on a CPU: `roofline` on so many threads."""
    with torch_threads(threads):
        return roofline(work, weights, ceiling=gemm_ceiling(), bytes_per_second=bandwidth())


def best(work: Callable[[], Tensor], device: str = "cpu", rounds: int = 5) -> float:
    """Return the shortest wall time (s) of a piece of work, after a first that is not counted."""

    def finished() -> None:
        work()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)

    finished()
    return min(timed(finished)[1].wall for _ in range(rounds))


def weight_bytes(network: nn.Module) -> int:
    """Return the size of a network's parameters."""
    return sum(parameter.nbytes for parameter in network.parameters())


# --- rows --------------------------------------------------------------------------------------


def record(benchmark: BenchmarkFixture, table: str, **cells: Any) -> None:
    """Add a row to a table of docs/performance.md (see docs/make_performance.py)."""
    benchmark.extra_info.setdefault("rows", []).append({"table": table, **cells})


def record_peer(
    benchmark: BenchmarkFixture,
    what: str,
    against: str,
    turns: Turns[Any],
    *,
    threads: int,
    deviation: float | None,
    floor: float | None = None,
    limit: str = "",
) -> None:
    """Add a row that compares ours with a peer.

    Parameters
    ----------
    what : str
        the work, sizes included
    against : str
        the peer, with its version
    turns : Turns
        what both took
    threads : int
        threads or workers of each side
    deviation : float or None
        the largest between both results, as a share of the largest value; None: results of
        another kind, compared in time alone
    floor : float, optional
        the least time that the hardware allows, s (Default value = None, not known)
    limit : str
        what that is made of
    """
    fastest = min(cost.wall for cost in turns.ours)
    record(
        benchmark,
        "peers",
        what=what,
        against=against,
        threads=threads,
        faster=turns.faster,
        less_cpu=turns.less_cpu,
        cores=turns.cores,
        deviation=deviation,
        share=None if floor is None else floor / fastest,
        limit=limit,
        rounds=len(turns.ours),
    )


def package(name: str) -> str:
    """Return a package and its version."""
    return f"{name} {version(name)}"


# --- child processes ---------------------------------------------------------------------------

# A child's rusage also counts its parent's memory at the fork, so each child prints its own peak.
_MEASURED: Final = """
import sys
from svbench.cli.app import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        print(*(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""
HAS_PROC: Final = platform.system() == "Linux"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command took, in a process of its own."""

    cost: Cost
    peak: int  # bytes of memory


def run_svbench(words: Sequence[object], **environment: str) -> Ran:
    """Run a command of svbench in a process of its own; Linux only, for its peak of memory."""
    command = [sys.executable, "-c", _MEASURED, *map(str, words)]
    done, cost = timed(
        lambda: subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **environment}
        )
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Ran(cost, int(done.stderr.split()[-2]) * 1024)
