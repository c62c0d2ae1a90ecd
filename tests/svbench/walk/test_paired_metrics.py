"""Metrics that compare each clip with the real clip of its own example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.engines.local import Local
from svbench.errors import ScoreError
from svbench.files.store import Store
from svbench.pace import silent
from svbench.protocols import PairedMetric
from svbench.types import Better, Features, Judgement, SampleSet, Score
from svbench.walk import judging
from svbench.walk.extract import Extraction, Wanted
from svbench.walk.halves import HALVES, with_halves
from svbench.walk.judging import Entrant, Judge
from svbench.walk.plan import Data, is_paired
from svbench.walk.shuffled_floor import CLIP_BY_CLIP, shuffled
from tests.factories.clips import SPEC
from tests.svbench.walk.test_extract_sets import Grey, MeanGrey, plan


@dataclass(frozen=True)
class Apart:
    """A metric of pairs of clips that notes which sets it was given."""

    name: str = "apart"
    title: str = "Apart"
    better: Better = "lower"
    extractor: Grey = field(default_factory=lambda: Grey("grey"))
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_reference: bool = True
    paired: bool = True

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        assert reference is not None
        note = f"{generated.requests[0]} with {reference.requests[0]}"
        return Judgement(Score(self.name, 0.0, "lower", 1, note=note))


@dataclass(frozen=True)
class Whole(Apart):
    """A distance between sets, of the same features."""

    name: str = "whole"
    paired: bool = False


def judge(metrics: Sequence[Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Return a judge with real clips kept apart; the features of a set carry its name."""

    def extracted(wanted: Sequence[Wanted], *_: Any) -> list[Extraction]:
        found = []
        for one in wanted:
            names = tuple(f"{one.samples.name}{i}/0" for i in range(2))
            rows = {
                e.key: Features(e.key, np.ones((2, 2)), np.arange(2), names) for e in one.extractors
            }
            found.append(Extraction(rows, {}))
        return found

    monkeypatch.setattr(judging, "extract_sets", extracted)
    apart, real = (SampleSet(name, SPEC, (), name) for name in ("kept", "real"))
    columns = tuple(metrics)
    store = Store(folder)
    of = plan(Data("Toys", SPEC, ()), columns)
    return Judge(of, columns, apart, real, True, store, Local(1), silent)


def test_they_compare_with_the_clips_asked_for_again_where_others_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = judge((Apart(), Whole()), tmp_path, monkeypatch)
    entrants = [
        Entrant("model", "a model", SampleSet("model", SPEC, (), "m")),
        Entrant("copy", "a copy", SampleSet("copy", SPEC, (), "c"), made_of_real_clips=True),
    ]
    one.extract(entrants)
    for (row, _), name in zip(one.rows(entrants), ("model", "copy"), strict=True):
        assert row.scores["apart"].note == f"{name}0/0 with real0/0"
        assert row.scores["whole"].note == f"{name}0/0 with kept0/0"


def test_rows_made_of_real_clips_are_scored_and_no_halves_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [column.name for column in with_halves((Apart(), Whole()), [True, False], 0)]
    assert names == ["apart", "whole", f"whole{HALVES}"]
    one = judge((Apart(), Whole()), tmp_path, monkeypatch)
    one.reference, one.kept_apart = one.real, False
    entrants = [Entrant("copy", "a copy", SampleSet("c", SPEC, (), "c"), made_of_real_clips=True)]
    one.extract(entrants)
    ((row, _),) = one.rows(entrants)
    assert row.scores.keys() == {"apart"}
    assert row.absent == {"whole": judging.OWN_CLIPS}


def test_they_have_no_floor_of_re_paired_clips() -> None:
    features = Features("x", np.ones((2, 2)), np.arange(2), ("a/0", "b/0"))
    with pytest.raises(ScoreError, match=CLIP_BY_CLIP):
        shuffled(Apart(), features, 0)


def test_who_says_nothing_is_not_paired() -> None:
    assert isinstance(Apart(), PairedMetric)
    assert is_paired(Apart())
    assert not is_paired(Whole())
    assert not is_paired(MeanGrey(Grey("grey")))
