"""Run the benchmarks, and write the tables of docs/performance.md.

    tox -e bench                    all of tests/bench_*.py; about a quarter of an hour on two cores
    tox -e bench -- -k imagebind    some of them; prints the tables, writes nothing
    docs/make_performance.py --from REPORT   adds single rows, or replaces them, from a report

The machine that runs all of them may have no GPU, nor 12 GiB of memory for a quarter of an hour.
What is measured apart is taken from the report of `pytest --benchmark-only --benchmark-json=REPORT
tests/bench_columns.py` (or another, run anywhere). A row replaces that of the same work (`KEYS`);
all others stay. Such rows are kept until the same work is measured again, and those of another
machine or of other packages than the page's say so below their table.

Each file of benchmarks is run by pytest in a process of its own, so that none finds the memory or
the threads of another. A benchmark notes its rows by `tests.factories.measuring.record`, under
`rows` of pytest-benchmark's `extra_info`; other numbers there go into the last table. What was
skipped or failed stands below the tables, with the reason, and a failure makes the exit code 1.
Rows are kept in data/performance.json; numbers of an earlier run are dropped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import page_blocks
from page_blocks import DOCS, head, line, load, put, save
from performance_rows import APART, ELSEWHERE, KEYS, described, machine_of, replaced, without

PAGE: Final = DOCS / "performance.md"
NAME: Final = "performance"  # of the data
COMMAND: Final = "tox -e bench"
TESTS: Final = DOCS.parent / "tests"
QUICK: Final = "SVBENCH_BENCH_QUICK"
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
    found["machine"] = machine_of(report["machine_info"])


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
    return "\n".join([*BLOCKS[block](rows), *_apart(block, rows, of["machine"])])


def _apart(block: str, rows: Sequence[Mapping[str, Any]], page: Mapping[str, Any]) -> Iterator[str]:
    """Yield which rows were measured on another machine than the page's, or by other packages."""
    if block in ELSEWHERE:
        return
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.get(APART, page) != page:
            found.setdefault(described(row[APART]), []).append(_cell(row[KEYS[block][0]]))
    for named, works in found.items():
        yield f"\nMeasured apart, on {named}: {'; '.join(dict.fromkeys(works))}."


def _machine(of: Mapping[str, Any]) -> str:
    if not of:
        return f"Not measured. To measure: `{COMMAND}`."
    return f"{described(of)}. Measured by: `{COMMAND}`."


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
    """Keep what was measured, and rows measured apart that it does not replace; write the page."""
    tables = dict(measured["tables"])
    for name, rows in _kept()["tables"].items():
        apart = [row for row in rows if APART in row or name in ELSEWHERE]
        tables[name] = [*tables.get(name, ()), *without(name, apart, tables.get(name, ()))]
    save(NAME, COMMAND, {NAME: {**measured, "tables": tables}})
    for block in BLOCKS:
        put(PAGE, block, rendered(block))


def _kept() -> Measured:
    """Return what was measured before; nothing where nothing was."""
    if not (page_blocks.DATA / f"{NAME}.json").exists():
        return {"machine": {}, "tables": {}, "missing": []}
    kept: Measured = load(NAME)[NAME]["measured"]
    return kept


def bring(report: Mapping[str, Any]) -> None:
    """Add the rows of a report to the page, each in the place of that of the same work.

    What the report has a benchmark of is no longer missing.
    """
    found: Measured = {"machine": {}, "tables": {}, "missing": []}
    add(found, report)
    kept = _kept()
    for name, rows in found["tables"].items():
        brought = [{**row, APART: found["machine"]} for row in rows]
        kept["tables"][name] = replaced(name, kept["tables"].get(name, ()), brought)
    ran = {
        f"{Path(of['fullname'].partition('::')[0]).stem}: {of['name']}"  # as `missing` calls it
        for of in report["benchmarks"]
    }
    kept["missing"] = [of for of in kept["missing"] if of["what"] not in ran]
    write(kept)


def main(extra: Sequence[str]) -> int:
    """Measure; write the page if all was measured in full, else print it."""
    if extra[:1] == ["--from"]:
        bring(json.loads(Path(extra[1]).read_text(encoding="utf-8")))
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
