"""Speed of resuming a finished run, relative to a named alternative in the same run.

Run by `tox -e bench`. No timing is asserted, but that results agree and nothing is made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.baselines import controls
from svbench.catalog.plans import settings_of
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.files import media
from svbench.metrics.avalign.events import DETECTORS
from svbench.metrics.avalign.score import AVAlign
from svbench.types import Example, ResultTable
from svbench.walk.plan import Data, Plan
from svbench.walk.run import walk
from tests.factories.clips import SPEC, make_clip, write_clip

MASTERS = 40  # drawn clips; the others are links to them


def linked_clips(root: Path, count: int) -> tuple[Example, ...]:
    """Return so many clips, whose files are links to a few."""
    masters = [write_clip(root / "masters" / f"{n}.mp4", make_clip(n)) for n in range(MASTERS)]
    folder = root / f"clips{count}"
    folder.mkdir()
    for number in range(count):
        os.link(masters[number % MASTERS], folder / f"{number}.mp4")
    (examples,) = manifest.load(folder).values()
    return examples


def plan_of(examples: tuple[Example, ...]) -> Plan:
    """Return the plan of a run of one row, the real clips, by two columns of one extractor."""
    columns = [AVAlign("corrected", DETECTORS["published"], adjusted=a) for a in (False, True)]
    return Plan(
        dataset="linked",
        scale="paper",
        columns=tuple(columns),
        read=lambda: Data("Linked clips", SPEC, examples),
        settings=settings_of(RunConfig(dataset="linked")),
        systems=(controls.real,),
    )


def timed(work: Callable[[], ResultTable]) -> tuple[float, ResultTable]:
    """Return CPU seconds and the table of a run."""
    start = time.process_time()
    table = work()
    return time.process_time() - start, table


def test_resume_of_8000_clips(
    benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resume of a finished run of 8,000 clips, relative to the run, and to one of 1,000 clips."""
    engine = Local(2)
    first, again = {}, {}
    for count in (1000, 8000):
        plan, out = plan_of(linked_clips(tmp_path / str(count), count)), tmp_path / f"run{count}"
        first[count], table = timed(lambda plan=plan, out=out: walk(plan, out, engine))
        with monkeypatch.context() as patch:
            patch.setattr(media, "read", lambda *_, **__: pytest.fail("decoded"))
            patch.setattr(media, "read_lossless", lambda *_, **__: pytest.fail("decoded"))
            again[count], resumed = timed(lambda plan=plan, out=out: walk(plan, out, engine))
        assert resumed == table
    benchmark.extra_info["CPU time of 8,000 clips, resume / first run"] = again[8000] / first[8000]
    benchmark.extra_info["CPU time of a resume, 8,000 clips / 1,000 clips"] = (
        again[8000] / again[1000]
    )
    benchmark.extra_info["CPU seconds of the resume"] = again[8000]
    benchmark.pedantic(lambda: walk(plan, out, engine), rounds=1)
