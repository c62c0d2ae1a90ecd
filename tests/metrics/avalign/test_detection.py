"""Detections against annotated hits: closed forms, mir_eval, and labels of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mir_eval.onset import f_measure

from svbench.metrics.avalign.detection import (
    EPSILON,
    FEWEST,
    Counts,
    counted,
    counted_by_label,
    gain_interval,
    interval,
    matching,
    tolerance_at,
)

TOLERANCE = 1 / 15 + EPSILON
HITS = (0.5, 1.0, 2.0, 3.0)
LABELS = ("wood", "wood", "metal", "None")

times = st.lists(st.integers(0, 300).map(lambda i: i / 75), max_size=12, unique=True).map(sorted)
labelled = times.flatmap(
    lambda hits: st.tuples(
        st.just(hits), st.lists(st.sampled_from("abc"), min_size=len(hits), max_size=len(hits))
    )
)


def test_every_hit_found_half_of_them_and_as_many_false_alarms() -> None:
    perfect = Counts.of([counted(HITS, HITS, TOLERANCE)])
    assert (perfect.precision, perfect.recall, perfect.f) == (1, 1, 1)
    half = Counts.of([counted(HITS, HITS[::2], TOLERANCE)])
    assert (half.precision, half.recall, half.f) == (1, 0.5, 2 / 3)
    twice = Counts.of([counted(HITS, sorted([*HITS, 0.1, 1.5, 2.5, 3.5]), TOLERANCE)])
    assert (twice.precision, twice.recall, twice.f) == (0.5, 1, 2 / 3)


def test_counts_are_pooled_over_clips() -> None:
    counts = Counts.of([(2, 2, 3), (0, 0, 1)])
    assert (counts.precision, counts.recall, counts.f) == (2 / 4, 1, 4 / 6)
    assert Counts.of([(0, 0, 0)]).f == 0
    assert Counts.of([]).f == 0


def test_the_tolerance_is_a_frame_at_least() -> None:
    assert tolerance_at(15.0) == pytest.approx(1 / 15, abs=2e-6)
    assert tolerance_at(8.0) == pytest.approx(1 / 8, abs=2e-6)
    assert tolerance_at(30.0) == tolerance_at(15.0)


@given(times, times)
def test_matches_are_those_of_mir_eval(hits: list[float], found: list[float]) -> None:
    count = len(matching(hits, found, TOLERANCE))
    if hits and found:
        f, precision, recall = f_measure(np.array(hits), np.array(found), window=TOLERANCE)
        assert count == round(precision * len(found)) == round(recall * len(hits))
        assert Counts.of([counted(hits, found, TOLERANCE)]).f == pytest.approx(f)
    else:
        assert count == 0


def test_a_matched_detection_has_the_label_of_its_hit() -> None:
    by = counted_by_label(HITS, LABELS, HITS, TOLERANCE)
    assert by == {"wood": (2, 2, 2), "metal": (1, 1, 1), "None": (1, 1, 1)}


def test_a_false_alarm_has_the_label_of_the_nearest_hit() -> None:
    found = [0.0, 1.5, 2.2, 3.9]  # 1.5 s is as near to 1 s (wood) as to 2 s (metal)
    by = counted_by_label(HITS, LABELS, found, TOLERANCE)
    assert by == {"wood": (0, 2, 2), "metal": (0, 1, 1), "None": (0, 1, 1)}


def test_a_missed_label_has_no_recall_and_no_detection() -> None:
    by = counted_by_label(HITS, LABELS, [0.5, 1.0], TOLERANCE)
    assert by == {"wood": (2, 2, 2), "metal": (0, 1, 0), "None": (0, 1, 0)}
    assert counted_by_label(HITS, LABELS, [], TOLERANCE)["metal"] == (0, 1, 0)
    assert counted_by_label([], [], [1.0], TOLERANCE) == {}


@given(labelled, times)
def test_labels_share_out_the_counts_of_a_clip(
    hits: tuple[list[float], list[str]], found: list[float]
) -> None:
    moments, labels = hits
    by = counted_by_label(moments, labels, found, TOLERANCE)
    total = counted(moments, found, TOLERANCE) if moments else (0, 0, 0)
    assert tuple(np.sum([(0, 0, 0), *by.values()], axis=0)) == total


def test_intervals_hold_the_value_and_gains_are_paired() -> None:
    rng = np.random.default_rng(0)
    hits = rng.integers(3, 9, 30)
    before = Counts(hits // 2, hits, hits)
    after = Counts(hits // 2 + 1, hits, hits)
    found = interval(before)
    assert found is not None
    assert found[0] < before.f < found[1]
    gain = gain_interval(before, after)
    assert gain is not None
    assert 0 < gain[0] < after.f - before.f < gain[1]


def test_few_clips_have_no_interval() -> None:
    few = Counts.of([(1, 2, 2)] * (FEWEST - 1))
    assert interval(few) is None
    assert gain_interval(few, few) is None
