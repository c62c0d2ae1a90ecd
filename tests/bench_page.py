"""Speed and memory of a page, relative to reading the same scores.csv and to an idle process.

Run by `tox -e bench`. No timing is asserted, but that nothing is lost.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.files.results import dump_scores, dump_table, load_scores
from svbench.reports.analysis.clip_scores import read_clip_scores
from svbench.reports.page.html import write_page
from svbench.types import ClipScore, ClipSpec, Column, ResultTable, Row, Score

REQUESTS, ROWS = 2000, 6
SPEC = ClipSpec(32, 8.0, (256, 256), 16000)
COLUMNS = tuple(
    Column(f"av-align-corrected@{name}", f"AV-Align ({name})", "higher", {"floor": 0.0})
    for name in ("published", "tuned", "miniature")
)


def write_run(folder: Path) -> Path:
    """Write a run without clips: three metrics with events, six models."""
    rng = np.random.default_rng(0)
    lines, rows = [], []
    for model in (f"model-{place}" for place in range(ROWS)):
        for column in COLUMNS:
            for request in range(REQUESTS):
                times = {
                    name: tuple(np.sort(rng.integers(1, 31, 8) / 8).tolist())
                    for name in ("onset_times", "motion_peak_times")
                }
                p, r = (rng.integers(0, 9, 2) / 8).tolist()
                detail = {"precision": p, "recall": r, **times}
                lines.append((model, column.metric, ClipScore(f"{request:05d}/0", p * r, detail)))
        scores = {
            c.metric: Score(c.metric, 0.25, "higher", REQUESTS, (0.2, 0.3), c.metric)
            for c in COLUMNS
        }
        rows.append(Row(model, model, REQUESTS, settings={"set": model}, scores=scores))
    table = ResultTable("large", "mine", "paper", SPEC, COLUMNS, tuple(rows))
    folder.mkdir()
    (folder / "scores.csv").write_text(dump_scores(lines), encoding="utf-8")
    (folder / "results.json").write_text(dump_table(table), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"command": "run", "config": {}}))
    return folder


def test_a_page_against_reading_its_numbers(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Time of a page, and of `load_scores`, which keeps only the values, on the same file."""
    run = write_run(tmp_path / "run")
    start = time.perf_counter()
    plain = load_scores(run)
    alone = time.perf_counter() - start
    page = benchmark.pedantic(write_page, args=(run, tmp_path / "page"), rounds=1)
    benchmark.extra_info["times as long as reading"] = benchmark.stats["mean"] / alone
    assert sum(map(len, plain.values())) == REQUESTS * ROWS * len(COLUMNS)
    events = sorted((page.parent / "data").glob("events-*.js"))
    assert len(events) == len(COLUMNS) * REQUESTS // 250


def test_memory_of_numbers_and_times(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Peak memory of all numbers and times, and of the values alone by `load_scores`."""
    run = write_run(tmp_path / "run")
    peaks = []
    for read in (load_scores, read_clip_scores):
        tracemalloc.start()
        read(run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    benchmark.extra_info["times the memory of the values alone"] = peaks[1] / peaks[0]
    scores = benchmark.pedantic(read_clip_scores, args=(run,), rounds=1)
    assert len(scores.requests) == REQUESTS
    assert len(scores.numbers) == ROWS * len(COLUMNS)
