"""docs/performance.md and its command: rows come from reports, and nothing is lost or invented."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import page_blocks
import pytest

MAKER: ModuleType = importlib.import_module("make_performance")
ROWS: ModuleType = importlib.import_module("performance_rows")

PEER = {
    "table": "peers",
    "what": "a | b",
    "against": "peer 1.2",
    "threads": 2,
    "faster": 2.5,
    "less_cpu": 1.25,
    "cores": 1.9,
    "deviation": 0.0,
    "share": 0.5,
    "limit": "torch.mm",
    "rounds": 3,
}
UNKNOWN = {**PEER, "what": "c", "deviation": None, "share": None, "limit": ""}
RUN = {"table": "runs", "what": "run", "workers": 2, "wall": 10.0, "cpu": 15.0, "peak": 2**30}
GROWTH = {"table": "growth", "what": "score", "few": 100, "many": 400, "wall": 3.9, "cpu": 3.8}
DEVICE = {
    "table": "devices",
    "what": "I3D",
    "device": "a GPU",
    "dtype": "bfloat16",
    "batch": "16 clips",
    "speed": 123.4,
    "deviation": 0.02,
    "share": 0.4,
}
TRUE = {"table": "true_size", "what": "step", "wall": 100, "cpu": 150, "peak": 2**33, "cores": 2}
ENGINE = {"table": "engines", "what": "AV-Align", "workers": 2, "faster": 1.816}
MACHINE = MAKER.machine_of({"svbench": ROWS.machine({"cpu": {"brand_raw": "A CPU"}})})
REPORT = {
    "machine_info": {"node": "a-host", "svbench": MACHINE},
    "benchmarks": [
        {
            "name": "test_a",
            "fullname": "tests/bench_a.py::test_a",
            "extra_info": {"rows": [PEER, UNKNOWN], "times": 3.14159, "list": [1]},
        },
        {
            "name": "test_b",
            "fullname": "tests/bench_b.py::test_b",
            "extra_info": {"rows": [RUN, {**GROWTH, "memory": 1.02}, GROWTH]},
        },
        {
            "name": "test_c",
            "fullname": "tests/bench_c.py::test_c",
            "extra_info": {"rows": [DEVICE, TRUE, ENGINE]},
        },
    ],
}
OUTCOME = """<testsuites><testsuite>
<testcase classname="tests.bench_a" name="test_a"/>
<testcase classname="tests.bench_a" name="test_d"><skipped message="peer: no module"/></testcase>
<testcase classname="tests.bench_b" name="test_e[2]"><failure message="assert 1 &lt;= 0&#10;more"/>
</testcase></testsuite></testsuites>"""


@pytest.fixture
def measured(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": {}, "tables": {}, "missing": []}
    MAKER.add(found, REPORT)
    (tmp_path / "outcome.xml").write_text(OUTCOME)
    found["missing"] += MAKER.missing(tmp_path / "outcome.xml")
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a copy of the page, without data, in place of the real one."""
    copy = tmp_path / "performance.md"
    copy.write_text(MAKER.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(MAKER, "PAGE", copy)
    monkeypatch.setattr(page_blocks, "DATA", tmp_path)
    monkeypatch.delenv(MAKER.QUICK, raising=False)
    return copy


@pytest.mark.parametrize("name", MAKER.BLOCKS)
def test_the_page_shows_what_was_measured(name: str) -> None:
    assert page_blocks.block(MAKER.PAGE, name) == MAKER.rendered(name)


def test_peers(measured: dict[str, Any]) -> None:
    lines = MAKER.rendered("peers", measured).splitlines()
    assert lines[2:] == [
        "| a \\| b | peer 1.2 | 2 | 2.50 | 1.25 | 1.90 | equal | 50 % of torch.mm |",
        "| c | peer 1.2 | 2 | 2.50 | 1.25 | 1.90 |  |  |",
    ]


def test_other_tables(measured: dict[str, Any]) -> None:
    def last(block: str) -> str:
        return str(MAKER.rendered(block, measured).splitlines()[-1])

    assert last("runs") == "| run | 2 | 10.0 | 15.0 | 1.50 | 1.00 GiB |  |"
    assert last("growth") == "| score | 100 to 400 | 4 | 3.90 | 3.80 |  |"
    assert last("devices") == "| I3D | a GPU | bfloat16 | 16 clips | 123.4 | 2e-02 | 40 % |"
    assert last("true_size") == "| step | 2 | 100 | 150 | 1.50 | 8.00 GiB |"
    assert last("engines") == "| AV-Align | 2 | 1.82 |"
    assert last("others") == "| `test_a` | times | 3.142 |"


def test_what_is_missing_has_its_reason(measured: dict[str, Any]) -> None:
    assert MAKER.rendered("missing", measured).splitlines()[2:] == [
        "| bench_a: test_d | skipped | peer: no module |",
        "| bench_b: test_e[2] | failed | assert 1 <= 0 |",
    ]


def test_the_machine_is_described_but_not_named(measured: dict[str, Any]) -> None:
    text = MAKER.rendered("machine", measured)
    assert text.startswith("A CPU, ")
    assert "torch 2." in text
    assert "a-host" not in json.dumps(measured)


def test_a_table_without_rows_says_so() -> None:
    empty = {"machine": {}, "tables": {}, "missing": []}
    for block in ("peers", "runs", "growth", "devices", "true_size", "engines", "others"):
        assert "Nothing was measured" in MAKER.rendered(block, empty)
    assert MAKER.rendered("missing", empty) == "Every benchmark ran."


def test_a_whole_run_writes_the_page(
    measured: dict[str, Any], page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MAKER, "measure", lambda *_: measured)
    assert MAKER.main([]) == 1  # one benchmark failed
    for name in MAKER.BLOCKS:
        assert page_blocks.block(page, name) == MAKER.rendered(name, measured)
    measured["missing"] = measured["missing"][:1]
    assert MAKER.main([]) == 0


def test_rows_of_another_machine_are_kept(measured: dict[str, Any], page: Path) -> None:
    report = page.with_name("report.json")
    report.write_text(json.dumps({**REPORT, "benchmarks": REPORT["benchmarks"][2:]}))
    page_blocks.save(MAKER.NAME, MAKER.COMMAND, {MAKER.NAME: {**measured, "tables": {}}})
    assert MAKER.main(["--from", str(report)]) == 0
    measured["tables"] = {"peers": measured["tables"]["peers"]}
    MAKER.write(measured)  # by a run that has neither
    for name in ("devices", "true_size", "engines", "peers"):
        assert "Nothing was measured" not in page_blocks.block(page, name)


def test_a_row_measured_apart_replaces_that_of_the_same_work_alone(
    measured: dict[str, Any], page: Path
) -> None:
    def report(name: str, *rows: dict[str, Any], **machine: Any) -> str:
        ran = {"name": name, "fullname": f"tests/bench_b.py::{name}", "extra_info": {"rows": rows}}
        file = page.with_name("report.json")
        file.write_text(json.dumps({"machine_info": machine, "benchmarks": [ran]}))
        return str(file)

    def lines(block: str) -> list[str]:
        return str(page_blocks.block(page, block)).splitlines()[2:]

    MAKER.write(measured)
    before = lines("peers")
    again, new = {**PEER, "faster": 3.0}, {**PEER, "threads": 1}
    assert MAKER.main(["--from", report("test_e[2]", again, new, svbench=MACHINE)]) == 0
    first = before[0].replace("2.50", "3.00")
    added = before[0].replace("| 2 | 2.50", "| 1 | 2.50")
    assert lines("peers") == [first, before[1], added]
    assert [row.split(" | ")[0] for row in lines("missing")] == ["| bench_a: test_d"]  # e[2] ran

    other = {"cpu": {"brand_raw": "B", "count": 64}, "system": "Linux", "python_version": "3.12.1"}
    assert MAKER.main(["--from", report("test_f", {**PEER, "what": "d"}, **other)]) == 0
    apart = "Measured apart, on B, 64 cores, Linux; Python 3.12.1: d."
    assert lines("peers")[:3] == [first, before[1], added]
    named = before[0].replace("a \\| b", "d")
    assert lines("peers")[3:] == [named, "", apart]
    assert lines("runs") == MAKER.rendered("runs", measured).splitlines()[2:]

    MAKER.write(measured)  # by a run of everything: it has none of the new works, and drops none
    assert lines("peers") == [*before, added, named, "", apart]


@pytest.mark.parametrize("quick", [False, True])
def test_a_partial_or_quick_run_writes_nothing(
    measured: dict[str, Any],
    page: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quick: bool,
) -> None:
    before = page.read_text(encoding="utf-8")
    if quick:
        monkeypatch.setenv(MAKER.QUICK, "1")
    monkeypatch.setattr(MAKER, "measure", lambda *_: measured)
    MAKER.main([] if quick else ["-k", "peer"])
    assert page.read_text(encoding="utf-8") == before
    assert not (page.parent / "performance.json").exists()
    assert "| c | peer 1.2 |" in capsys.readouterr().out


def test_benchmarks_run_in_processes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "def test_it(benchmark):\n    benchmark.extra_info['of'] = 2.0\n    benchmark(int)\n"
    (tmp_path / "bench_good.py").write_text(body)
    (tmp_path / "bench_lost.py").write_text("import os\nos._exit(3)\n")
    skips = "import pytest\ndef test_gpu(benchmark):\n    pytest.skip('no GPU')\n"
    (tmp_path / "bench_none.py").write_text(skips)
    monkeypatch.setattr(MAKER, "TESTS", tmp_path)
    kept: list[list[str]] = []
    found = MAKER.measure(keep=lambda m: kept.append([of["what"] for of in m["missing"]]))
    assert kept == [
        ["bench_good", "bench_lost", "bench_none"],  # a stop would leave these
        ["bench_lost", "bench_none"],
        ["bench_lost", "bench_none"],  # the first of them failed
    ]
    assert found["tables"] == {"others": [{"benchmark": "test_it", "quantity": "of", "value": 2.0}]}
    assert [(of["what"], of["why"], of["failed"]) for of in found["missing"]] == [
        ("bench_lost", "found no outcome (exit code 3)", True),
        ("bench_none: test_gpu", "no GPU", False),
    ]
