"""The adjusted metric: means, what is left out, what is said aloud."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.datasets import greatesthits
from svbench.errors import DataError, ScoreError
from svbench.files import media
from svbench.metrics.avalign.adjusted import AdjustedAVAlign
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, Kind
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import AVAlign, Variant
from svbench.miniature import greatesthits as miniature
from svbench.types import Clip, Features, Recording
from tests.goldens.places import real_clips
from tests.metrics.avalign.test_score import events

PUBLISHED = DETECTORS["published"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_set_scores_the_mean_of_its_clips(variant: Variant) -> None:
    pairs = [([1.0, 2.0], [1.0, 2.0]), ([1.0], [3.0]), ([0.5, 0.6, 2.0], [0.55, 3.0])]
    judged = AdjustedAVAlign(variant, PUBLISHED).score(events(*pairs), None)
    expected = [chance(variant, a, v, 8.0, 4.0) for a, v in pairs]
    assert [clip.value for clip in judged.clips] == [e.adjusted for e in expected]
    assert judged.score.value == pytest.approx(np.mean([e.adjusted for e in expected]))
    assert judged.score.count == 3
    plain = AVAlign(variant, PUBLISHED).score(events(*pairs), None)
    for clip, before, e in zip(judged.clips, plain.clips, expected, strict=True):
        assert clip.detail == {"score": before.value, "null_mean": e.null_mean, "p": e.p}


def test_clips_without_events_are_left_out_aloud() -> None:
    judged = AdjustedAVAlign("corrected", PUBLISHED).score(
        events(([], []), ([1.0], [1.0]), ([1.0], []), ([], [2.0])), None
    )
    assert [clip.request_id for clip in judged.clips] == ["clip1/0", "clip2/0", "clip3/0"]
    assert [clip.value for clip in judged.clips] == pytest.approx([1, 0, 0])
    assert judged.score.count == 3
    assert judged.score.note == (
        "0 of 3 clips significantly aligned (p < 0.05); "
        "1 of 4 clips has neither onset nor motion peak and is left out"
    )


def test_significant_clips_are_counted() -> None:
    # Five uneven events that all match within +-1/8 s: turned by more than 1/8 s, fewer do,
    # but by less than 1/8 s all still do: p = 1/16. At 15 frames/s it is 1/30.
    times = [0.5, 0.9, 1.7, 2.2, 3.4]
    judged = AdjustedAVAlign("corrected", PUBLISHED).score(events((times, times)), None)
    assert judged.clips[0].detail["p"] == pytest.approx(1 / 16)
    features = events((times, times))
    values = np.where(features.values == 8.0, 15.0, features.values)
    faster = Features("e", values, features.owner, features.requests)
    judged = AdjustedAVAlign("corrected", PUBLISHED).score(faster, None)
    assert judged.clips[0].detail["p"] == pytest.approx(1 / 30)
    assert judged.score.note == "1 of 1 clips significantly aligned (p < 0.05)"


def test_nothing_but_still_and_silent_clips_is_an_error() -> None:
    with pytest.raises(ScoreError, match="none of 2 clips has an onset or a motion peak"):
        AdjustedAVAlign("corrected", PUBLISHED).score(events(([], []), ([], [])), None)
    nothing = Features("e", np.empty((0, 3)), np.empty(0, dtype=np.int64), ())
    with pytest.raises(ScoreError, match="needs at least one clip"):
        AdjustedAVAlign("corrected", PUBLISHED).score(nothing, None)


def test_2025_drops_faint_peaks_here_too() -> None:
    faint = events(([1.0], [1.0]), magnitude=0.05)
    assert AdjustedAVAlign("tempotokens-2025", PUBLISHED).score(faint).score.value == 0
    assert AdjustedAVAlign("corrected", PUBLISHED).score(faint).score.value == pytest.approx(1)


def test_names_and_settings() -> None:
    metric = AdjustedAVAlign("corrected", DETECTORS["tuned"], "native")
    assert metric.name == "av-align-adjusted-corrected@tuned+native"
    assert metric.title == "AV-Align (adjusted, corrected, tuned detectors, native clips)"
    assert (metric.better, metric.needs_reference) == ("higher", False)
    assert metric.extractor == AVAlign("corrected", DETECTORS["tuned"], "native").extractor
    settings = json.loads(json.dumps(metric.settings))
    assert settings["null"].startswith("all circular shifts")
    assert settings["significant"] == 0.05
    assert settings["bounds"] == [-1, 1]
    assert "p is an upper bound" in settings["caveat"]
    assert settings["detectors"]["curve"]["statistic"] == "downward"


def test_the_interval_holds_the_value_and_needs_no_seed() -> None:
    rng = np.random.default_rng(0)
    clips = [(rng.uniform(0, 4, 5).tolist(), rng.uniform(0, 4, 5).tolist()) for _ in range(12)]
    score = AdjustedAVAlign("corrected", PUBLISHED).score(events(*clips)).score
    again = AdjustedAVAlign("corrected", PUBLISHED).score(events(*clips)).score
    assert score == again
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]


# On clips


Block = NDArray[np.float64]


def mean(blocks: list[Block], detectors: Detectors) -> float:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{i}/0" for i in range(len(blocks)))
    features = Features("e", np.concatenate(blocks), owner, names)
    return AdjustedAVAlign("corrected", detectors).score(features).score.value


def described(clips: list[Clip], detectors: Detectors) -> list[Block]:
    return [np.asarray(b, np.float64) for b in AVEvents(detectors)(clips, [""] * len(clips))]


def shuffled(blocks: list[Block]) -> list[Block]:
    """Give every ordered pair of different clips: the picture of one, the sound of another."""
    seen = [b[b[:, 0] != Kind.ONSET] for b in blocks]
    heard = [b[b[:, 0] == Kind.ONSET] for b in blocks]
    pairs = permutations(range(len(blocks)), 2)
    return [np.concatenate([seen[a], heard[b]]) for a, b in pairs]


def test_the_miniature_is_aligned_and_the_fault_is_felt(tmp_path: Path) -> None:
    """Bars: real at least 0.8, shuffled within 0.05 of 0, and never better when later.

    At 0.4 s a late sound begins to meet the next stroke (they are 0.4 s apart and more), so the
    order holds among what is better than chance.
    """
    detectors = DETECTORS["miniature"]
    miniature.draw(tmp_path / "data", seed=0, test=32)
    examples = greatesthits.load(tmp_path / "data")
    clips = [media.read(example.recording, miniature.SPEC) for example in examples]

    def late(lag: float) -> list[Block]:
        made = []
        for clip, block in zip(clips, blocks, strict=True):
            turned = np.roll(clip.audio, round(lag * clip.spec.sample_rate))
            times, strengths = onset_times(turned, clip.spec.sample_rate, detectors.onsets)
            rows = np.column_stack([np.full(len(times), float(Kind.ONSET)), times, strengths])
            made.append(np.concatenate([block[block[:, 0] != Kind.ONSET], rows]))
        return made

    blocks = described(clips, detectors)
    assert mean(blocks, detectors) >= 0.8
    assert abs(mean(shuffled(blocks), detectors)) < 0.05
    by_lag = [mean(late(lag), detectors) for lag in (0, 0.1, 0.2, 0.3, 0.4)]
    assert by_lag[0] + 1e-9 >= by_lag[1] > by_lag[2] > by_lag[3]
    assert max(by_lag[2:]) < 0


@pytest.mark.parametrize("preset", ["published", "tuned"])
def test_shuffled_real_clips_are_worth_nothing(preset: str) -> None:
    clips = []
    for path in sorted(real_clips().glob("*.mp4")):
        try:
            clips.append(media.read(Recording(path), greatesthits.SPEC))
        except DataError:
            continue  # one has no sound
    if len(clips) < 15:
        pytest.skip(f"{len(clips)} real clips are too few for a mean")
    assert abs(mean(shuffled(described(clips, DETECTORS[preset])), DETECTORS[preset])) < 0.05
