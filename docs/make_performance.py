"""Run the benchmarks, and write the tables of docs/performance.md.

    tox -e bench                    all of tests/bench_*.py; about a quarter of an hour on two cores
    tox -e bench -- -k imagebind    some of them; prints the tables, writes nothing
    docs/make_performance.py --from REPORT   the rows of a GPU, or of true size, measured elsewhere

The machine that runs all of them may have no GPU, nor 12 GiB of memory for a quarter of an hour.
Rows of `ELSEWHERE` are taken from the report of `pytest --benchmark-only --benchmark-json=REPORT
tests/bench_devices.py` (or `bench_true_size.py`, `bench_engines.py`), run there, and kept until
others are measured.

Each file of benchmarks is run by pytest in a process of its own, so that none finds the memory or
the threads of another. A benchmark notes its rows by `tests.factories.measuring.record`, under
`rows` of pytest-benchmark's `extra_info`; other numbers there go into the last table. What was
skipped or failed stands below the tables, with the reason, and a failure makes the exit code 1.
Rows are kept in data/performance.json; numbers of an earlier run are dropped.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from page_blocks import DOCS, head, line, load, put, save

PAGE: Final = DOCS / "performance.md"
NAME: Final = "performance"  # of the data
COMMAND: Final = "tox -e bench"
TESTS: Final = DOCS.parent / "tests"
QUICK: Final = "SVBENCH_BENCH_QUICK"
PACKAGES: Final = ("torch", "numpy", "scipy", "opencv-python-headless", "av", "librosa", "numba")
ELSEWHERE: Final = ("devices", "true_size", "engines")  # tables kept from other runs
FIRST: Final = ("runs", "avalign", "vggish", "i3d", "networks", "imagebind", "metrics")
PYTEST: Final = ("-q", "--benchmark-only", "-o", "python_files=bench_*.py", "-o", "filterwarnings=")

Measured = dict[str, Any]  # what JSON holds


# --- measuring ---------------------------------------------------------------------------------


def measure(
    extra: Sequence[str] = (), keep: Callable[[Measured], None] = lambda _found: None
) -> Measured:
    """Run every file of benchmarks; return rows by table, what is missing, and the machine.

    `keep` is called with what is found so far after each file, so that a run that is stopped
    leaves what it measured.
    """
    found: Measured = {"machine": {}, "tables": {}, "missing": []}
    files = sorted(TESTS.glob("bench_*.py"), key=_turn)
    for done, file in enumerate(files):
        keep({**found, "missing": [*found["missing"], *map(_not_reached, files[done:])]})
        with tempfile.TemporaryDirectory() as folder:
            report, outcome = Path(folder) / "report.json", Path(folder) / "outcome.xml"
            words = [f"--benchmark-json={report}", f"--junit-xml={outcome}", *PYTEST, *extra]
            command = [sys.executable, "-m", "pytest", str(file), *words]
            # Of a pytest around this one, whose workers would have benchmarks disabled.
            env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
            code = subprocess.run(command, cwd=DOCS.parent, env=env).returncode
            if outcome.exists():
                found["missing"] += missing(outcome)
            else:
                why = f"found no outcome (exit code {code})"
                found["missing"].append({"what": file.stem, "why": why, "failed": True})
            if report.exists() and report.stat().st_size:
                add(found, json.loads(report.read_text(encoding="utf-8")))
    return found


def _turn(file: Path) -> tuple[int, str]:
    """Return a key of the order: first what the page is read for."""
    name = file.stem.removeprefix("bench_")
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def _not_reached(file: Path) -> dict[str, Any]:
    return {"what": file.stem, "why": "the run was stopped before", "failed": True}


def missing(outcome: Path) -> Iterator[dict[str, Any]]:
    """Yield every benchmark of a JUnit file that was skipped or failed, and why."""
    for case in ElementTree.parse(outcome).iter("testcase"):
        for kind in ("skipped", "failure", "error"):
            for of in case.iter(kind):
                why = (of.get("message") or "").strip().splitlines() or ["no reason given"]
                name = f"{case.get('classname', '').rpartition('.')[2]}: {case.get('name')}"
                yield {"what": name, "why": why[0], "failed": kind != "skipped"}


def add(found: Measured, report: Mapping[str, Any]) -> None:
    """Add the rows of a report of pytest-benchmark."""
    for benchmark in report["benchmarks"]:
        info = benchmark["extra_info"]
        for row in info.get("rows", ()):
            cells = {name: value for name, value in row.items() if name != "table"}
            found["tables"].setdefault(row["table"], []).append(cells)
        others = {k: v for k, v in info.items() if isinstance(v, int | float)}
        for quantity, value in others.items():
            row = {"benchmark": benchmark["name"], "quantity": quantity, "value": value}
            found["tables"].setdefault("others", []).append(row)
    found["machine"] = machine(report["machine_info"])


def machine(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the machine: no name and no address, but what its speed depends on."""
    cpu = info.get("cpu", {})
    return {
        "cpu": cpu.get("brand_raw") or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "packages": {"Python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# --- rendering ---------------------------------------------------------------------------------


def rendered(block: str, measured: Measured | None = None) -> str:
    """Return a block of the page, from the kept data unless others are given."""
    of = load(NAME)[NAME]["measured"] if measured is None else measured
    if block == "machine":
        return _machine(of["machine"])
    if block == "missing":
        return _missing(of["missing"])
    rows = of["tables"].get(block, [])
    if not rows:
        return "Nothing was measured; the last table has the reason."
    return "\n".join(BLOCKS[block](rows))


def _machine(of: Mapping[str, Any]) -> str:
    if not of:
        return f"Not measured. To measure: `{COMMAND}`."
    packages = ", ".join(f"{name} {release}" for name, release in of["packages"].items())
    return (
        f"{of['cpu']}, {of['cores']} cores, {of['system']}; {packages}. Measured by: `{COMMAND}`."
    )


def _missing(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "Every benchmark ran."
    lines = head("benchmark", "", "reason")
    for of in found:
        lines.append(line(of["what"], "failed" if of["failed"] else "skipped", _cell(of["why"])))
    return "\n".join(lines)


def _peers(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head(
        "work",
        "against",
        "threads",
        "times as fast",
        "times less CPU time",
        "cores busy",
        "largest deviation",
        "share of the limit",
    )
    for row in rows:
        share = "" if row["share"] is None else f"{_percent(row['share'])} of {row['limit']}"
        yield line(
            _cell(row["what"]),
            _cell(row["against"]),
            row["threads"],
            f"{row['faster']:.2f}",
            f"{row['less_cpu']:.2f}",
            f"{row['cores']:.2f}",
            _deviation(row["deviation"]),
            share,
        )


def _deviation(value: float | None) -> str:
    """Return "" for results of another kind, else how far they deviate."""
    if value is None:
        return ""
    return "equal" if value == 0 else f"{value:.0e}"


def _runs(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head("command", "workers", "wall, s", "CPU, s", "cores busy", "peak memory", "")
    for row in rows:
        yield line(
            _cell(row["what"]),
            row["workers"],
            f"{row['wall']:.1f}",
            f"{row['cpu']:.1f}",
            f"{row['cpu'] / row['wall']:.2f}",
            f"{row['peak'] / 2**30:.2f} GiB" if row.get("peak") else "",
            _cell(row.get("note", "")),
        )


def _growth(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head(
        "work", "clips", "times as many", "times the time", "times the CPU", "times the memory"
    )
    for row in rows:
        memory = row.get("memory")
        yield line(
            _cell(row["what"]),
            f"{row['few']} to {row['many']}",
            f"{row['many'] / row['few']:.3g}",
            f"{row['wall']:.2f}",
            f"{row['cpu']:.2f}",
            "" if memory is None else f"{memory:.2f}",
        )


def _devices(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head(
        "network",
        "device",
        "dtype",
        "batch",
        "clips/s",
        "deviation from float32 on a CPU",
        "roofline",
    )
    for row in rows:
        yield line(
            _cell(row["what"]),
            _cell(row["device"]),
            row["dtype"],
            row["batch"],
            f"{row['speed']:.1f}",
            f"{row['deviation']:.0e}",
            _percent(row["share"]),
        )


def _true_size(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head("step", "cores", "wall, s", "CPU, s", "cores busy", "peak memory")
    for row in rows:
        yield line(
            _cell(row["what"]),
            row["cores"],
            f"{row['wall']:.0f}",
            f"{row['cpu']:.0f}",
            f"{row['cpu'] / row['wall']:.2f}",
            f"{row['peak'] / 2**30:.2f} GiB",
        )


def _engines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head("work", "workers", "times as fast as one worker")
    for row in rows:
        yield line(_cell(row["what"]), row["workers"], f"{row['faster']:.2f}")


def _others(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head("benchmark", "quantity", "")
    for row in rows:
        yield line(f"`{row['benchmark']}`", _cell(row["quantity"]), f"{row['value']:.4g}")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _cell(text: str) -> str:
    """Return text that does not end the cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


BLOCKS: Final = {
    "machine": None,
    "peers": _peers,
    "runs": _runs,
    "growth": _growth,
    "devices": _devices,
    "true_size": _true_size,
    "engines": _engines,
    "others": _others,
    "missing": None,
}


def write(measured: Measured) -> None:
    """Keep what was measured, and rows of `ELSEWHERE` that were measured before; write the page."""
    if lacking := [name for name in ELSEWHERE if not measured["tables"].get(name)]:
        before = load(NAME)[NAME]["measured"]["tables"]
        kept = {name: before.get(name, []) for name in lacking}
        measured = {**measured, "tables": {**measured["tables"], **kept}}
    save(NAME, COMMAND, {NAME: measured})
    for block in BLOCKS:
        put(PAGE, block, rendered(block))


def keep_elsewhere(report: Path) -> None:
    """Take the rows of `ELSEWHERE` from a report made on another machine, and write the page."""
    found: Measured = {"machine": {}, "tables": {}, "missing": []}
    add(found, json.loads(report.read_text(encoding="utf-8")))
    measured = load(NAME)[NAME]["measured"]
    measured["tables"] |= {n: rows for n, rows in found["tables"].items() if n in ELSEWHERE}
    write(measured)


def main(extra: Sequence[str]) -> int:
    """Measure; write the page if all was measured in full, else print it."""
    if extra[:1] == ["--from"]:
        keep_elsewhere(Path(extra[1]))
        return 0
    whole = not extra and not os.environ.get(QUICK)
    measured = measure(extra, write if whole else lambda _found: None)
    if whole:
        write(measured)
    for block in BLOCKS:
        print(f"\n{rendered(block, measured)}")
    return int(any(of["failed"] for of in measured["missing"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
