"""Synchrony: closed forms, what chance gives, and lags as people forgive them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from svbench.errors import ScoreError
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.synchrony import GRID, LAGS, Synchrony, synchrony
from svbench.metrics.avalign.trajectories import Trajectories
from svbench.types import Clip, ClipSpec, Features

N = 400  # 8 s


def events(seed: int, count: int = 9) -> NDArray[np.float64]:
    """Return a trajectory with soft events at random moments."""
    rng = np.random.default_rng(seed)
    x = np.zeros(N)
    x[rng.choice(N, count, replace=False)] = rng.uniform(0.5, 1, count)
    return gaussian_filter1d(x, 2.5, mode="wrap") + rng.normal(0, 0.002, N)


def late(x: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    return np.roll(x, round(seconds / GRID))


def test_a_trajectory_fits_itself() -> None:
    found = synchrony(events(0), events(0))
    assert found.value == pytest.approx(1)
    assert found.p == pytest.approx(1 / N)
    assert (found.lag, found.lag_interval) == (0, (0, 0))


@pytest.mark.parametrize("lag", [-0.3, -0.1, 0.06, 0.2, 0.44])
def test_the_lag_is_found(lag: float) -> None:
    found = synchrony(events(1), late(events(1), lag))
    assert found.lag == pytest.approx(lag)
    assert found.lag_interval is not None
    assert found.lag_interval[0] <= lag <= found.lag_interval[1]


def test_lags_are_forgiven_as_people_do() -> None:
    felt = [0.0, 0.06, 0.12, -0.12, -0.24, 0.5]  # s, from the best rated to the worst
    values = [synchrony(events(2), late(events(2), lag)).value for lag in felt]
    assert values == sorted(values, reverse=True)
    late_sound, early_sound = (
        synchrony(events(2), late(events(2), x)).value for x in (0.24, -0.24)
    )
    assert late_sound > 0.7 > early_sound  # late sound is forgiven sooner
    assert abs(values[-1]) < 0.1


def test_the_mean_over_all_turns_of_the_sound_is_chance() -> None:
    p, e = events(3), events(4)
    found = [synchrony(p, np.roll(e, k)) for k in range(N)]
    assert np.mean([f.value for f in found]) == pytest.approx(0, abs=1e-12)
    ps = np.array([f.p for f in found])
    assert all((ps <= x).mean() <= x + 1e-12 for x in np.linspace(0.01, 1, 50))


def test_the_same_turn_of_both_changes_nothing() -> None:
    p, e = events(5), late(events(5), 0.1) + 0.3 * events(6)
    one, other = synchrony(p, e), synchrony(np.roll(p, 77), np.roll(e, 77))
    assert one.value == pytest.approx(other.value)
    assert one.p == pytest.approx(other.p)


def test_scale_and_level_do_not_matter() -> None:
    p, e = events(7), events(8)
    assert synchrony(p, e).value == pytest.approx(synchrony(5 * p - 3, 0.1 * e + 9).value)


@pytest.mark.parametrize("still", ["picture", "sound"])
def test_nothing_on_one_side_is_chance(still: str) -> None:
    flat, moving = np.full(N, 2.0), events(9)
    pair = (flat, moving) if still == "picture" else (moving, flat)
    found = synchrony(*pair)
    assert (found.value, found.p, found.lag) == (0, 1, None)


def test_a_clip_that_says_nothing_of_its_lag_has_all_of_the_search_as_interval() -> None:
    found = [synchrony(events(k), events(k + 100)) for k in range(30)]
    unknown = sum(f.lag_interval == (-LAGS, LAGS) for f in found)
    assert unknown >= 24  # about one in ten stands out by luck
    short = synchrony(events(12)[:100], events(12)[:100])  # 2 s
    assert short.lag_interval == (-LAGS, LAGS)


def test_a_strict_rhythm_stays_within_bounds() -> None:
    p = np.zeros(N)
    p[::25] = 1
    values = [synchrony(p, np.roll(p, k)).value for k in range(N)]
    assert min(values) >= -1
    assert max(values) <= 1
    assert np.mean(values) == pytest.approx(0, abs=1e-9)


def test_an_end_that_padding_added_is_no_synchrony() -> None:
    whole = clip("moves sounds")
    longer = replace(SPEC, frames=64)
    video = np.concatenate([whole.video, np.repeat(whole.video[-1:], 32, axis=0)])
    audio = np.concatenate([whole.audio, np.zeros(longer.samples - SPEC.samples, np.float32)])
    metric = Synchrony()
    (padded,) = metric.extractor([Clip(video, audio, longer)], [""])
    features = Features("", padded, np.zeros(len(padded), np.int64), ("c/0",))
    plain, _ = judge(["moves sounds"])
    one, other = (metric.score(f).score.value for f in (features, plain))
    assert one == pytest.approx(other, abs=0.1)


SPEC = ClipSpec(32, 8.0, (64, 64), 16000)


def clip(kind: str) -> Clip:
    """Return a clip that flashes and clicks together, or is still or silent."""
    rng = np.random.default_rng(0)
    video = np.full((32, 64, 64, 3), 40, np.uint8)
    audio = np.zeros(SPEC.samples, np.float32)
    for frame in (5, 12, 18, 26):
        if "moves" in kind:
            video[frame, 20:40, 20:40] = 250
        if "sounds" in kind:
            at = int(frame / 8 * 16000)
            audio[at : at + 800] = rng.normal(0, 0.3, 800)
    return Clip(video, audio, SPEC)


def judge(kinds: list[str]) -> tuple[Features, Synchrony]:
    metric = Synchrony()
    blocks = metric.extractor([clip(kind) for kind in kinds], [""] * len(kinds))
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{kind}/0" for kind in kinds)
    return Features(metric.extractor.key, np.concatenate(blocks), owner, names), metric


def test_still_silent_clips_are_left_out_and_half_empty_ones_are_chance() -> None:
    features, metric = judge(["moves sounds", "moves", "sounds", "nothing"])
    judged = metric.score(features)
    assert [c.request_id for c in judged.clips] == ["moves sounds/0", "moves/0", "sounds/0"]
    assert [c.value for c in judged.clips[1:]] == [0, 0]
    assert judged.clips[0].value > 0.5
    assert judged.score.count == 3
    assert "1 of 4 clips neither move nor sound" in judged.score.note


def test_a_set_of_nothing_has_no_score() -> None:
    features, metric = judge(["nothing"])
    with pytest.raises(ScoreError, match="none of 1 clips moves or sounds"):
        metric.score(features)


def test_the_answer_does_not_depend_on_the_batch() -> None:
    metric = Synchrony()
    clips = [clip("moves sounds"), clip("moves")]
    together = metric.extractor(clips, ["", ""])
    alone = [metric.extractor([c], [""])[0] for c in clips]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_joined_rows_are_those_of_the_re_paired_clip() -> None:
    extractor = Trajectories(IMPACT_MODEL, "native")
    assert extractor.joins_any_length
    whole, spec = clip("moves sounds"), replace(SPEC, frames=20)
    other = Clip(whole.video[:20], clip("sounds").audio[: spec.samples], spec)
    rows = extractor([whole, other], ["", ""])
    made = Clip(whole.video, other.audio, SPEC, whole.frame_times)
    (expected,) = extractor([made], [""])
    np.testing.assert_array_equal(extractor.joined(rows[0], rows[1]), expected)


def test_views_are_other_metrics() -> None:
    one, other = Synchrony(), Synchrony("native")
    assert one.name != other.name
    assert one.extractor.key != other.extractor.key
    assert isinstance(other.extractor, Trajectories)
