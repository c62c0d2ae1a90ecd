"""Scores under conditions: values of clips, and distances between halves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.protocols import Extractor
from svbench.types import Better, ClipScore, Features, Judgement, Score
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.validation.scores import SPLITS, score_conditions, splits
from svbench.walk.extract import Extraction, join_blocks

NAMES = tuple(f"c{number}/0" for number in range(9))
WORSE = Condition("audio_shift", -1.0)


@dataclass(frozen=True)
class Key:
    """An extractor of which only the key is read."""

    key: str = "features"


@dataclass(frozen=True)
class Mean:
    """The mean of each clip's features, of the sets' difference if it is a distance."""

    needs_reference: bool = False
    name: str = "mean"
    title: str = "Mean"
    better: Better = "lower"
    extractor: Extractor = Key()  # type: ignore[assignment]
    settings: Mapping[str, Any] = ()  # type: ignore[assignment]

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        if reference is not None:
            assert not set(generated.requests) & set(reference.requests)
            gap = float(generated.values.mean() - reference.values.mean())
            return Judgement(Score("mean", gap, "lower", generated.count))
        clips = [
            ClipScore(request, float(row[0]))
            for request, row in zip(generated.requests, generated.values, strict=True)
            if row[0] < 100  # as clips without events are left out
        ]
        if not clips:
            raise ScoreError("none has events")
        mean = float(np.mean([clip.value for clip in clips]))
        return Judgement(Score("mean", mean, "lower", len(clips)), tuple(clips))


def extraction(values: Mapping[str, float]) -> Extraction:
    blocks = {name: np.array([[value]]) for name, value in values.items()}
    return Extraction({"features": join_blocks("features", blocks)}, {})


def test_each_clip_has_a_value_or_none() -> None:
    distorted = {**dict.fromkeys(NAMES[:7], 2.0), NAMES[7]: 200.0}  # the last one has no features
    extracted = {
        UNDISTORTED: extraction(dict.fromkeys(NAMES, 1.0)),
        WORSE: extraction(distorted),
        Condition("audio_shift", 1.0): extraction(dict.fromkeys(NAMES, 300.0)),
        Condition("audio_shift", 2.0): Extraction(
            {},
            {"c0/0": "c0.mp4: what another extractor lacks"},
            {"others": "c0.mp4: what another extractor lacks", "features": "c0.mp4: no sound left"},
        ),
    }
    found = score_conditions(Mean(), extracted, NAMES, 0)
    assert found.row(UNDISTORTED).tolist() == [1.0] * 9
    np.testing.assert_array_equal(found.row(WORSE), [2.0] * 7 + [np.nan] * 2)
    assert found.values[WORSE].value == 2.0
    assert found.values[WORSE].count == 7
    assert list(found.absent.values()) == ["none has events", "c0.mp4: no sound left"]


def test_a_distance_compares_halves_that_share_no_clip() -> None:
    rng = np.random.default_rng(0)
    levels = dict(zip(NAMES, rng.normal(size=9).tolist(), strict=True))
    extracted = {
        UNDISTORTED: extraction(levels),
        WORSE: extraction({name: level + 3.0 for name, level in levels.items()}),
    }
    found = score_conditions(Mean(needs_reference=True), extracted, NAMES, 0)
    assert found.rows.shape == (2, 2 * SPLITS)
    assert found.values[UNDISTORTED].value == pytest.approx(0)  # both orders of each split
    np.testing.assert_allclose(found.row(WORSE) - found.row(UNDISTORTED), 3.0)  # paired
    low, high = found.values[UNDISTORTED].interval or (0, 0)
    assert low < 0 < high


def test_the_draws_of_a_distance_scatter_as_its_population_does() -> None:
    rng = np.random.default_rng(1)
    names = [f"c{number}/0" for number in range(64)]
    values, errors = [], []
    for _ in range(60):
        levels = dict(zip(names, rng.normal(size=64).tolist(), strict=True))
        found = score_conditions(
            Mean(needs_reference=True), {UNDISTORTED: extraction(levels)}, names, 0
        )
        one, other = next(splits(names, 0))
        values.append(np.mean([levels[n] for n in one]) - np.mean([levels[n] for n in other]))
        errors.append(found.row(UNDISTORTED).std())
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.25)


def test_too_few_clips_are_no_distance() -> None:
    three = dict.fromkeys(NAMES[:3], 1.0)
    found = score_conditions(Mean(needs_reference=True), {UNDISTORTED: extraction(three)}, NAMES, 0)
    assert found.absent[UNDISTORTED] == (
        "a distance between sets needs at least 4 clips here, found 3"
    )
    assert not found.values


def test_halves_are_equally_large_and_follow_from_the_seed() -> None:
    found = list(splits(NAMES, 4))
    assert {(len(one), len(other), len(one & other)) for one, other in found} == {(4, 4, 0)}
    assert found == list(splits(NAMES, 4))
    assert found != list(splits(NAMES, 5))
    assert found[1] == found[0][::-1]


@dataclass(frozen=True)
class Paired(Mean):
    """The difference of each clip from its own real one."""

    needs_reference: bool = True
    paired: bool = True

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        assert reference is not None
        real = dict(zip(reference.requests, reference.values[:, 0], strict=True))
        pairs = zip(generated.requests, generated.values[:, 0], strict=True)
        clips = tuple(ClipScore(name, float(value - real[name])) for name, value in pairs)
        mean = float(np.mean([clip.value for clip in clips]))
        return Judgement(Score("paired", mean, "lower", len(clips)), clips)


def test_a_paired_metric_compares_each_clip_with_itself_undistorted() -> None:
    levels = {name: float(number) for number, name in enumerate(NAMES)}
    worse = {name: 2 * level for name, level in levels.items() if name != NAMES[3]}
    found = score_conditions(
        Paired(), {UNDISTORTED: extraction(levels), WORSE: extraction(worse)}, NAMES, 0
    )
    assert found.row(UNDISTORTED).tolist() == [0.0] * 9
    np.testing.assert_array_equal(found.row(WORSE), [0, 1, 2, np.nan, 4, 5, 6, 7, 8])
    assert found.values[WORSE].count == 8
    nothing = Extraction({}, {}, {"features": "c0.mp4: no sound"})
    found = score_conditions(Paired(), {UNDISTORTED: nothing, WORSE: extraction(worse)}, NAMES, 0)
    assert set(found.absent.values()) == {"c0.mp4: no sound"}


@dataclass(frozen=True)
class Spread(Mean):
    """The spread of a set, without reference; clips have no values."""

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        assert reference is None
        if generated.count < 4:
            raise ScoreError(f"needs 4 clips, got {generated.count}")
        return Judgement(Score("spread", float(np.ptp(generated.values)), "lower", generated.count))


def test_the_score_of_a_set_without_reference_is_that_of_equal_halves() -> None:
    levels = {name: float(number) for number, name in enumerate(NAMES)}
    wider = {name: 3 * level for name, level in levels.items()}
    found = score_conditions(
        Spread(), {UNDISTORTED: extraction(levels), WORSE: extraction(wider)}, NAMES, 0
    )
    assert found.clips is None
    np.testing.assert_allclose(found.row(WORSE), 3 * found.row(UNDISTORTED))  # the same halves
    by_hand = [np.ptp([levels[name] for name in half]) for half, _ in splits(NAMES, 0)]
    assert found.values[UNDISTORTED].value == pytest.approx(np.mean(by_hand))
    few = {UNDISTORTED: extraction(dict.fromkeys(NAMES[:5], 1.0))}
    absent = score_conditions(Spread(), few, NAMES, 0).absent[UNDISTORTED]
    assert absent == "halves of 5 clips: needs 4 clips, got 2"
