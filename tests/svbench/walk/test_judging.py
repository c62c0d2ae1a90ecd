"""Rows are scored side by side, and come in their order, as does the first error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from svbench.engines.local import Local
from svbench.errors import ScoreError
from svbench.files.store import Store
from svbench.pace import silent
from svbench.types import Features, Judgement, SampleSet, Score
from svbench.walk import judging
from svbench.walk.extract import Extraction, Wanted
from svbench.walk.judging import Entrant, Judge
from svbench.walk.plan import Data
from tests.factories.clips import SPEC
from tests.factories.processes import PATIENCE
from tests.svbench.walk.test_extract_sets import Grey, MeanGrey, plan

NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class Waiting(MeanGrey):
    """A score whose first row waits until the second one is being scored."""

    begun: Event = field(default_factory=Event)
    fails: bool = False

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        del reference
        name = generated.requests[0]
        if name == "first":
            assert self.begun.wait(PATIENCE)
        if name == "second":
            self.begun.set()
        if self.fails:
            raise ScoreError(f"{name} has none")
        return Judgement(Score(self.name, float(NAMES.index(name)), "higher", 1))


def judge(metric: Any, workers: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Return a judge of the rows of `NAMES`, with features of one clip each."""

    def extracted(wanted: Sequence[Wanted], *_: Any) -> list[Extraction]:
        key, rows = metric.extractor.key, (np.ones((1, 2)), np.zeros(1, int))
        return [Extraction({key: Features(key, *rows, (one.samples.name,))}, {}) for one in wanted]

    monkeypatch.setattr(judging, "extract_sets", extracted)
    strict = replace(plan(Data("Toys", SPEC, ()), (metric,)), strict=True)
    reference = SampleSet("real", SPEC, (), "r")
    return Judge(
        strict, (metric,), reference, reference, True, Store(folder), Local(workers), silent
    )


def entrants() -> list[Entrant]:
    return [Entrant(name, name, SampleSet(name, SPEC, (), name)) for name in NAMES]


def test_rows_are_scored_side_by_side_and_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = Waiting(Grey("grey-1"))
    judging_all = judge(metric, 2, tmp_path, monkeypatch)
    judging_all.extract(entrants())
    rows = [row for row, _ in judging_all.rows(entrants())]
    assert [row.system for row in rows] == list(NAMES)
    assert [row.scores[metric.name].value for row in rows] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_is_that_of_the_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    metric = Waiting(Grey("grey-1"), fails=True)
    if workers == 1:
        metric.begun.set()  # nobody else will
    judging_all = judge(metric, workers, tmp_path, monkeypatch)
    judging_all.extract(entrants())
    with pytest.raises(ScoreError, match="first has none"):
        list(judging_all.rows(entrants()))
