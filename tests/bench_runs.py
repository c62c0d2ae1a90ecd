"""Time and memory of whole commands, in processes of their own.

Run by `tox -e bench`. No timing is asserted, but that the second start of a finished run writes the
same table.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.factories.measuring import HAS_PROC, QUICK, Ran, record, run_svbench

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")

SHORT = ("--limit", "4", "--steps", "2", "--systems", "codec,cmc-pe") if QUICK else ()


def add(benchmark: BenchmarkFixture, what: str, ran: Ran, note: str = "") -> None:
    record(
        benchmark,
        "runs",
        what=what,
        workers=2,
        wall=ran.cost.wall,
        cpu=ran.cost.cpu,
        peak=ran.peak,
        note=note,
    )


def test_the_default_run_and_its_resume(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    words = ["run", "--dataset", "greatesthits", "--workers", 2, "--out", tmp_path / "run", *SHORT]
    table = tmp_path / "run" / "results.json"
    # Compiled loops are cached by any first command of an installation; this one is not measured.
    data = ["run", "--dataset", "greatesthits", "--limit", 2, "--systems", "codec"]
    run_svbench([*data, "--out", tmp_path / "warm"])
    first = benchmark.pedantic(run_svbench, args=(words,), rounds=1)
    made = table.read_bytes()
    again = run_svbench(words)
    assert table.read_bytes() == made
    command = "`svbench run --dataset greatesthits`"
    add(benchmark, command, first)
    add(benchmark, f"{command}, finished before", again, "resume")
