"""The floor of a set: re-pairings, what they are worth, and when there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import ConfigError, ScoreError
from svbench.intervals import mean_interval, paired_difference
from svbench.metrics.avalign.events import DETECTORS
from svbench.metrics.avalign.score import AVAlign
from svbench.protocols import Extractor, PairedExtractor
from svbench.types import (
    Clip,
    ClipScore,
    ClipSpec,
    Features,
    Judgement,
    Row,
    Score,
    Values,
    View,
)
from svbench.walk.shuffled_floor import (
    ALONE,
    NATIVE,
    RE_PAIRINGS,
    SOUND_ALONE,
    SOUNDLESS,
    UNPAIRED,
    WHOLE,
    check_floor_names,
    floor_row,
    floor_steps,
    re_pairings,
    shuffled,
)
from tests.factories.clips import make_clip

PUBLISHED = DETECTORS["published"]
SPEC = ClipSpec(16, 8.0, (32, 32), 16000)


@dataclass(frozen=True)
class Numbers:
    """Leaves a clip's number as its picture and its sound: rows (picture, sound)."""

    view: View = "conformed"
    joins_any_length: bool = False
    key: str = "numbers"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        raise AssertionError(clips, captions)  # features are made by hand here

    def joined(self, picture: Values, sound: Values) -> Values:
        return np.column_stack([picture[:, :1], sound[:, 1:]])


@dataclass(frozen=True)
class Unpaired:
    key: str = "unpaired"
    view: View = "conformed"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        raise AssertionError(clips, captions)  # features are made by hand here


@dataclass(frozen=True)
class Lookup:
    """Looks the score of picture i with sound j up in a matrix; NaN leaves the clip out."""

    matrix: Any
    extractor: Extractor = field(default_factory=Numbers)
    needs_reference: bool = False
    settings: Mapping[str, Any] = field(default_factory=lambda: {"bounds": [0.0, 1.0]})
    name: str = "lookup"
    title: str = "Lookup"
    better: Any = "higher"

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        assert reference is None
        pairs = generated.values.astype(int).tolist()
        found = zip(generated.requests, (self.matrix[i, j] for i, j in pairs), strict=True)
        clips = tuple(ClipScore(name, float(v)) for name, v in found if v == v)
        if not clips:
            raise ScoreError("nothing to judge")
        mean = float(np.mean([clip.value for clip in clips]))
        return Judgement(Score(self.name, mean, self.better, len(clips)), clips)


def numbered(numbers: Sequence[tuple[int, int]], key: str = "numbers") -> Features:
    names = tuple(f"c{i}/0" for i in range(len(numbers)))
    return Features(key, np.array(numbers, np.float64), np.arange(len(names)), names)


def square(count: int) -> Features:
    return numbered([(i, i) for i in range(count)])


# --- re-pairings -------------------------------------------------------------------------------


@given(count=st.integers(2, 60), seed=st.integers(0, 2**32))
def test_no_clip_keeps_its_sound_and_each_sound_is_used_once(count: int, seed: int) -> None:
    sounds = re_pairings(count, seed)
    assert sounds.shape == (min(20, count - 1), count)
    assert (np.sort(sounds, axis=1) == np.arange(count)).all()
    assert (sounds != np.arange(count)).all()
    pairs = {(picture, sound) for row in sounds for picture, sound in enumerate(row.tolist())}
    assert len(pairs) == sounds.size  # no pair twice; in a small set all there are
    assert (re_pairings(count, seed) == sounds).all()


def test_the_seed_draws_the_order() -> None:
    assert (re_pairings(40, 0) != re_pairings(40, 1)).any()


# --- value -------------------------------------------------------------------------------------


def test_a_small_set_has_the_mean_of_all_other_pairs() -> None:
    matrix = np.random.default_rng(0).uniform(size=(6, 6))
    found = shuffled(Lookup(matrix), square(6), seed=3)
    off = [np.delete(row, i).mean() for i, row in enumerate(matrix)]
    assert [clip.request_id for clip in found.clips] == [f"c{i}/0" for i in range(6)]
    assert [clip.value for clip in found.clips] == pytest.approx(off)
    assert found.score.value == pytest.approx(np.mean(off))
    assert found.score.count == 6
    assert found.score.interval is not None
    assert found.score.interval[0] <= found.score.value <= found.score.interval[1]


def test_pairs_that_are_left_out_do_not_count() -> None:
    matrix = np.array([[9, 0.25, 0.5], [np.nan, 9, np.nan], [0.75, np.nan, 9]])
    found = shuffled(Lookup(matrix), square(3), seed=0)
    assert {c.request_id: c.value for c in found.clips} == {"c0/0": 0.375, "c2/0": 0.75}
    assert (found.score.value, found.score.count) == (0.5625, 2)
    with pytest.raises(ScoreError, match="nothing to judge"):
        shuffled(Lookup(np.full((3, 3), np.nan)), square(3), seed=0)


def test_the_interval_counts_pictures_and_sounds() -> None:
    by_sound = np.tile(np.linspace(0.1, 0.9, 20), (20, 1))  # the sound alone decides the score
    one = shuffled(Lookup(by_sound), square(20), seed=0).score.interval
    other = shuffled(Lookup(by_sound.T), square(20), seed=0).score.interval
    assert one is not None
    assert other is not None
    assert one == pytest.approx(other, abs=0.01)
    assert one[1] - one[0] > 0.1


@pytest.mark.parametrize("count", [5, 20])
def test_the_interval_covers_and_unrelated_sound_does_not_stand_clear(count: int) -> None:
    rng = np.random.default_rng(count)
    pool, repeats, covered, narrow, clear = 100, 300, 0, 0, 0
    effects = rng.normal(0, 0.08, (2, pool))  # pictures and sounds that agree with everything
    noise = rng.normal(0, 0.12, (pool, pool))
    matrix = np.clip(0.3 + effects[0][:, None] + effects[1] + noise, 0, 1)
    for repeat in range(repeats):
        drawn = np.column_stack([rng.permutation(pool)[:count] for _ in range(2)])
        found = shuffled(Lookup(matrix), numbered(drawn.tolist()), seed=repeat)
        low, high = found.score.interval or (0, 0)
        covered += low <= matrix.mean() <= high
        low, high = mean_interval([clip.value for clip in found.clips], (0, 1)) or (0, 0)
        narrow += low <= matrix.mean() <= high  # over pictures alone
        own = matrix[drawn[:, 0], drawn[:, 1]]
        gain = paired_difference(own, [clip.value for clip in found.clips], (0, 1))
        assert gain.interval is not None
        clear += gain.interval[0] > 0
    assert covered >= 0.93 * repeats
    assert covered > narrow
    assert clear <= 0.025 * repeats


@pytest.mark.parametrize("adjusted", [False, True])
def test_the_floor_is_that_of_clips_which_are_really_re_paired(adjusted: bool) -> None:
    clips = [make_clip(seed, SPEC) for seed in range(5)]
    metric = AVAlign("corrected", PUBLISHED, adjusted=adjusted)

    def features(of: Sequence[Clip]) -> Features:
        blocks = metric.extractor(of, [""] * len(of))
        owner = np.repeat(np.arange(len(of)), [len(block) for block in blocks])
        names = tuple(f"c{i}/0" for i in range(len(of)))
        return Features(metric.extractor.key, np.concatenate(blocks), owner, names)

    found = shuffled(metric, features(clips), seed=1)
    expected = np.zeros(5)
    for sounds in re_pairings(5, seed=1):
        pairs = zip(clips, (clips[i] for i in sounds), strict=True)
        made = [Clip(picture.video, sound.audio, SPEC) for picture, sound in pairs]
        expected += [clip.value for clip in metric.score(features(made)).clips]
    assert [clip.value for clip in found.clips] == pytest.approx(expected / 4)
    assert found.score.value > 0.01 or adjusted  # the clips have events to match


def test_activity_that_all_clips_share_is_in_the_floor_too() -> None:
    rng = np.random.default_rng(0)
    blocks = []
    for _ in range(30):  # 6 onsets and 6 peaks anywhere in the first half, of nothing in common
        times = rng.uniform(0, 2, (2, 6))
        events = [(kind, time, 1.0) for kind, of in zip((1, 2), times, strict=True) for time in of]
        blocks.append(np.array([(0, 4.0, 8.0), (4, 0.0, 0.5), *events]))
    owner = np.repeat(np.arange(30), [len(block) for block in blocks])
    features = Features("events", np.concatenate(blocks), owner, tuple(map(str, range(30))))
    metric = AVAlign("corrected", PUBLISHED, adjusted=True)
    own, floor = metric.score(features), shuffled(metric, features, seed=0)
    for score in (own.score, floor.score):
        assert score.interval is not None
        assert score.interval[0] > 0.1  # which alone would seem alignment
    values = [[clip.value for clip in judged.clips] for judged in (own, floor)]
    gain = paired_difference(*values, bounds=(-1, 1)).interval
    assert gain is not None
    assert gain[0] < 0 < gain[1]


# --- where there is no floor -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "count", "reason"),
    [
        (Lookup(np.eye(3)), 1, ALONE),
        (Lookup(np.eye(3), needs_reference=True), 3, WHOLE),
        (Lookup(np.eye(3), Unpaired()), 3, UNPAIRED),
        (Lookup(np.eye(3), Numbers("native")), 3, NATIVE),
        (Lookup(np.eye(3), settings={"compares": ["text", "video"]}), 3, SOUNDLESS),
        (Lookup(np.eye(3), Unpaired(), settings={"compares": ["audio"]}), 3, SOUND_ALONE),
        (Lookup(np.eye(3), Numbers(), settings={"compares": ["audio"]}), 3, SOUND_ALONE),
    ],
)
def test_a_cell_without_a_floor_has_its_reason(metric: Lookup, count: int, reason: str) -> None:
    score = Score(metric.name, 0.5, "higher", count)
    own = Row("mine", "mine", count, settings={"set": "a"}, scores={metric.name: score})
    features = {metric.extractor.key: square(count)}
    row, lines = floor_row(own, [metric], features, seed=0)
    assert (row.absent, row.scores, lines) == ({metric.name: reason}, {}, [])
    assert floor_steps([metric]) == (RE_PAIRINGS if reason == ALONE else 0)


def test_a_floor_row_is_marked_and_lacks_what_its_set_lacks() -> None:
    metric, other = Lookup(np.eye(4)), Lookup(np.eye(4), name="other")
    score = Score(metric.name, 1.0, "higher", 4)
    own = Row("m", "m", 4, settings={"set": "a"}, scores={"lookup": score}, absent={"other": "why"})
    row, lines = floor_row(own, [metric, other], {"numbers": square(4)}, seed=0)
    assert (row.system, row.title) == ("m-shuffled", "m, shuffled (floor)")
    assert (row.floor_of, row.competes, row.made_of_real_clips) == ("m", False, False)
    assert (own.floor_of, own.competes) == (None, True)
    assert not replace(own, made_of_real_clips=True).competes
    assert row.settings["set"] == "a"
    assert row.absent == {"other": "why"}
    assert row.scores["lookup"].value == 0.0
    assert [(system, name) for system, name, _ in lines] == [("m-shuffled", "lookup")] * 4


def test_each_re_pairing_is_reported() -> None:
    metric = Lookup(np.eye(4))
    score = Score(metric.name, 1.0, "higher", 4)
    own = Row("m", "m", 4, settings={"set": "a"}, scores={"lookup": score})
    reported: list[int] = []
    floor_row(
        own, [metric], {"numbers": square(4)}, 0, lambda done, _kept=0, /: reported.append(done)
    )
    assert reported == [1] * 3  # all that four clips have
    assert sum(reported) <= floor_steps([metric])


def test_a_set_may_not_be_called_like_the_floor_of_another() -> None:
    check_floor_names(["a", "b-shuffled"])
    with pytest.raises(ConfigError, match="'a-shuffled', which is what the floor of 'a' is called"):
        check_floor_names(["a-shuffled", "a"])


def test_events_and_embeddings_can_be_re_paired() -> None:
    assert isinstance(AVAlign("corrected", PUBLISHED).extractor, PairedExtractor)
    assert not isinstance(Unpaired(), PairedExtractor)
