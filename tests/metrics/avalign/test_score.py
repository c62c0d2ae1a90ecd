"""AV-Align of sets of clips, plain and adjusted: means, clips left out, notes, names, settings."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.datasets import greatesthits
from svbench.errors import DataError, ScoreError
from svbench.files import media
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, Kind
from svbench.metrics.avalign.formulas import Variant
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import AVAlign
from svbench.miniature import greatesthits as miniature
from svbench.types import Clip, Detection, Features, Recording
from tests.goldens.places import real_clips

PUBLISHED = DETECTORS["published"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


def events(*clips: tuple[list[float], list[float]], magnitude: float = 1.0) -> Features:
    """Return the events of clips of 4 s at 8 frames/s, each (onsets, peaks)."""
    rows: list[tuple[float, float, float]] = []
    owner: list[int] = []
    for i, (onsets, peaks) in enumerate(clips):
        mine = [(Kind.CLIP, 4.0, 8.0), (Kind.LEVEL, 0.0, 0.5)]
        mine += [(Kind.ONSET, time, 3.0) for time in onsets]
        mine += [(Kind.PEAK, time, magnitude) for time in peaks]
        rows += mine
        owner += [i] * len(mine)
    names = tuple(f"clip{i}/0" for i in range(len(clips)))
    return Features("av-events-test", np.array(rows, dtype=np.float64), np.array(owner), names)


def test_a_set_scores_the_mean_of_its_clips() -> None:
    judged = AVAlign("corrected", PUBLISHED).score(
        events(([1.0, 2.0], [1.0, 2.0]), ([1.0], [3.0]), ([0.5, 0.6, 2.0], [0.55, 3.0])), None
    )
    assert [clip.value for clip in judged.clips] == pytest.approx([1.0, 0.0, 0.4])
    assert judged.score.value == pytest.approx(1.4 / 3)
    assert judged.score.count == 3
    assert judged.score.extractor == "av-events-test"
    assert judged.score.reference_count is None
    assert judged.score.note == ""


def test_the_detail_of_a_clip_explains_its_score() -> None:
    judged = AVAlign("corrected", PUBLISHED).score(events(([0.5, 0.6, 2.0], [0.55, 3.0])), None)
    assert judged.clips[0].request_id == "clip0/0"
    assert judged.clips[0].detail == {
        "precision": 2 / 3,
        "recall": 1 / 2,
        "onset_times": (0.5, 0.6, 2.0),
        "motion_peak_times": (0.55, 3.0),
    }


@pytest.mark.parametrize(
    ("variant", "expected"), [*zip(VARIANTS, (0.4, 2 / 3, 1 / 4), strict=True)]
)
def test_variants(variant: Variant, expected: float) -> None:
    judged = AVAlign(variant, PUBLISHED).score(events(([0.5, 0.6, 2.0], [0.55, 3.0])), None)
    assert judged.score.value == pytest.approx(expected)


def test_only_tempotokens_2025_drops_faint_peaks() -> None:
    faint = events(([1.0], [1.0]), magnitude=0.0999)
    enough = events(([1.0], [1.0]), magnitude=0.1)
    assert AVAlign("tempotokens-2025", PUBLISHED).score(faint, None).score.value == 0.0
    assert AVAlign("tempotokens-2025", PUBLISHED).score(enough, None).score.value == 1.0
    assert AVAlign("tempotokens-2023", PUBLISHED).score(faint, None).score.value == 1.0
    assert AVAlign("corrected", PUBLISHED).score(faint, None).score.value == 1.0


# --- annotated hits ----------------------------------------------------------------------------


def test_detectors_that_find_every_hit_half_of_them_or_too_much() -> None:
    hits = [0.5, 1.0, 2.0, 3.0]
    perfect = AVAlign("corrected", PUBLISHED).detection(events((hits, hits)), {"clip0/0": hits})
    assert [(kind.precision, kind.recall, kind.f) for kind in perfect] == [(1, 1, 1)] * 2
    features = events((hits[::2], [0.1, *hits, 1.5, 2.5, 3.5]))
    onsets, peaks = AVAlign("corrected", PUBLISHED).detection(features, {"clip0/0": hits})
    assert (onsets.precision, onsets.recall, onsets.f) == (1, 0.5, 2 / 3)
    assert (peaks.precision, peaks.recall, peaks.f) == (0.5, 1, 2 / 3)
    assert peaks == Detection("motion peaks", 4, 4, 8, clips=1, tolerance=1 / 8)


def test_clips_that_are_not_annotated_and_hits_outside_a_clip_do_not_count() -> None:
    features = events(([1.0], [1.0]), ([2.0], [2.0]), ([3.0], []))
    annotated = {"clip0/0": [1.0, 4.0, 9.0], "clip2/0": [], "gone/0": [1.0]}
    onsets, peaks = AVAlign("corrected", PUBLISHED).detection(features, annotated)
    assert onsets == Detection("onsets", 1, 1, 2, clips=2, tolerance=1 / 8)
    assert peaks == Detection("motion peaks", 1, 1, 1, clips=2, tolerance=1 / 8)


def test_without_a_hit_nothing_is_said_and_without_detections_no_precision() -> None:
    metric = AVAlign("corrected", PUBLISHED)
    assert metric.detection(events(([1.0], [1.0])), {"clip0/0": []}) == ()
    assert metric.detection(events(([1.0], [1.0])), {"other/0": [1.0]}) == ()
    onsets, _ = metric.detection(events(([], [1.0])), {"clip0/0": [1.0]})
    assert (onsets.precision, onsets.recall, onsets.f) == (None, 0, 0)


def test_peaks_below_the_floor_of_a_variant_are_not_detected() -> None:
    faint = events(([1.0], [1.0]), magnitude=0.0999)
    _, peaks = AVAlign("tempotokens-2025", PUBLISHED).detection(faint, {"clip0/0": [1.0]})
    assert peaks.found == 0


def test_the_interval_holds_the_value_and_needs_no_seed() -> None:
    rng = np.random.default_rng(0)
    clips = [(rng.random(5).tolist(), rng.random(5).tolist()) for _ in range(12)]
    score = AVAlign("corrected", PUBLISHED).score(events(*clips), None).score
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    assert AVAlign("corrected", PUBLISHED).score(events(*clips), None).score == score


def test_clips_that_all_score_0_or_1_leave_doubt_within_the_range() -> None:
    perfect = [([1.0], [1.0])] * 5
    empty: list[tuple[list[float], list[float]]] = [([], [])] * 5
    assert AVAlign("corrected", PUBLISHED).score(
        events(*perfect), None
    ).score.interval == pytest.approx((0.5493, 1), abs=1e-4)
    assert AVAlign("corrected", PUBLISHED).score(
        events(*empty), None
    ).score.interval == pytest.approx((0, 0.4507), abs=1e-4)


def test_one_clip_has_no_interval() -> None:
    assert (
        AVAlign("corrected", PUBLISHED).score(events(([1.0], [1.0])), None).score.interval is None
    )


@pytest.mark.parametrize(
    ("clips", "note"),
    [
        ([([], []), ([1.0], [])], "1 of 2 clips has neither onset nor motion peak and counts as 0"),
        (
            [([], []), ([], []), ([], [1.0])],
            "2 of 3 clips have neither onset nor motion peak and count as 0",
        ),
    ],
)
def test_clips_without_events_are_counted_in_the_note(
    clips: list[tuple[list[float], list[float]]], note: str
) -> None:
    assert AVAlign("corrected", PUBLISHED).score(events(*clips), None).score.note == note


def test_no_clips_no_score() -> None:
    nothing = Features("e", np.empty((0, 3)), np.empty(0, dtype=np.int64), ())
    with pytest.raises(ScoreError, match="needs at least one clip"):
        AVAlign("corrected", PUBLISHED).score(nothing, None)


def test_names() -> None:
    metric = AVAlign("corrected", PUBLISHED)
    assert metric.name == "av-align-corrected@published"
    assert metric.title == "AV-Align (corrected, published detectors)"
    native = AVAlign("tempotokens-2023", DETECTORS["miniature"], "native")
    assert native.name == "av-align-tempotokens-2023@miniature+native"
    assert native.title == "AV-Align (tempotokens-2023, miniature detectors, native clips)"
    assert native.extractor.view == "native"
    assert (metric.better, metric.needs_reference) == ("higher", False)


def test_every_metric_has_its_own_name_and_variants_share_an_extractor() -> None:
    views = ("conformed", "native")
    metrics = [
        AVAlign(*these)  # type: ignore[arg-type]
        for these in itertools.product(VARIANTS, DETECTORS.values(), views)
    ]
    assert len({metric.name for metric in metrics}) == len(metrics)
    assert len({metric.extractor.key for metric in metrics}) == len(DETECTORS) * 2


def test_settings_are_complete_and_serialisable() -> None:
    settings = json.loads(json.dumps(AVAlign("tempotokens-2025", PUBLISHED).settings))
    assert settings["variant"] == "tempotokens-2025"
    assert settings["floor"] == 0.1
    assert settings["view"] == "conformed"
    assert "1/fps" in settings["window"]
    assert settings["detectors"]["onsets"]["sample_rate"] == 22050
    assert settings["detectors"]["flow"]["winsize"] == 15
    assert set(settings["detectors"]["peaks"].values()) == {0.0}  # every peak counts


# --- adjusted for chance ---


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_adjusted_set_scores_the_mean_of_its_clips(variant: Variant) -> None:
    pairs = [([1.0, 2.0], [1.0, 2.0]), ([1.0], [3.0]), ([0.5, 0.6, 2.0], [0.55, 3.0])]
    judged = AVAlign(variant, PUBLISHED, adjusted=True).score(events(*pairs), None)
    expected = [chance(variant, a, v, 8.0, 4.0) for a, v in pairs]
    assert [clip.value for clip in judged.clips] == [e.adjusted for e in expected]
    assert judged.score.value == pytest.approx(np.mean([e.adjusted for e in expected]))
    assert judged.score.count == 3
    plain = AVAlign(variant, PUBLISHED).score(events(*pairs), None)
    for clip, before, e in zip(judged.clips, plain.clips, expected, strict=True):
        assert clip.detail == {"score": before.value, "null_mean": e.null_mean, "p": e.p}


def test_an_adjusted_mean_leaves_out_clips_without_events_and_notes_it() -> None:
    judged = AVAlign("corrected", PUBLISHED, adjusted=True).score(
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
    judged = AVAlign("corrected", PUBLISHED, adjusted=True).score(events((times, times)), None)
    assert judged.clips[0].detail["p"] == pytest.approx(1 / 16)
    features = events((times, times))
    values = np.where(features.values == 8.0, 15.0, features.values)
    faster = Features("e", values, features.owner, features.requests)
    judged = AVAlign("corrected", PUBLISHED, adjusted=True).score(faster, None)
    assert judged.clips[0].detail["p"] == pytest.approx(1 / 30)
    assert judged.score.note == "1 of 1 clips significantly aligned (p < 0.05)"


def test_a_set_of_still_and_silent_clips_has_no_adjusted_score() -> None:
    with pytest.raises(ScoreError, match="none of 2 clips has an onset or a motion peak"):
        AVAlign("corrected", PUBLISHED, adjusted=True).score(events(([], []), ([], [])), None)
    nothing = Features("e", np.empty((0, 3)), np.empty(0, dtype=np.int64), ())
    with pytest.raises(ScoreError, match="needs at least one clip"):
        AVAlign("corrected", PUBLISHED, adjusted=True).score(nothing, None)


def test_the_adjusted_2025_variant_drops_faint_peaks() -> None:
    faint = events(([1.0], [1.0]), magnitude=0.05)
    assert AVAlign("tempotokens-2025", PUBLISHED, adjusted=True).score(faint).score.value == 0
    assert AVAlign("corrected", PUBLISHED, adjusted=True).score(faint).score.value == pytest.approx(
        1
    )


def test_names_and_settings_of_the_adjusted_form() -> None:
    metric = AVAlign("corrected", DETECTORS["tuned"], "native", adjusted=True)
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


def test_the_interval_of_the_adjusted_form_holds_the_value_and_needs_no_seed() -> None:
    rng = np.random.default_rng(0)
    clips = [(rng.uniform(0, 4, 5).tolist(), rng.uniform(0, 4, 5).tolist()) for _ in range(12)]
    score = AVAlign("corrected", PUBLISHED, adjusted=True).score(events(*clips)).score
    again = AVAlign("corrected", PUBLISHED, adjusted=True).score(events(*clips)).score
    assert score == again
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]


# --- adjusted scores of clips ---


Block = NDArray[np.float64]


def mean(blocks: list[Block], detectors: Detectors) -> float:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{i}/0" for i in range(len(blocks)))
    features = Features("e", np.concatenate(blocks), owner, names)
    return AVAlign("corrected", detectors, adjusted=True).score(features).score.value


def extracted(clips: list[Clip], detectors: Detectors) -> list[Block]:
    return [np.asarray(b, np.float64) for b in AVEvents(detectors)(clips, [""] * len(clips))]


def shuffled(blocks: list[Block]) -> list[Block]:
    """Return every ordered pair of different clips: the picture of one, the sound of another."""
    pictures = [b[b[:, 0] != Kind.ONSET] for b in blocks]
    sounds = [b[b[:, 0] == Kind.ONSET] for b in blocks]
    pairs = itertools.permutations(range(len(blocks)), 2)
    return [np.concatenate([pictures[a], sounds[b]]) for a, b in pairs]


def test_the_miniature_is_aligned_and_lags_lower_its_score(tmp_path: Path) -> None:
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

    blocks = extracted(clips, detectors)
    assert mean(blocks, detectors) >= 0.8
    assert abs(mean(shuffled(blocks), detectors)) < 0.05
    by_lag = [mean(late(lag), detectors) for lag in (0, 0.1, 0.2, 0.3, 0.4)]
    assert by_lag[0] + 1e-9 >= by_lag[1] > by_lag[2] > by_lag[3]
    assert max(by_lag[2:]) < 0


@pytest.mark.parametrize("preset", ["published", "tuned"])
def test_shuffled_real_clips_score_zero(preset: str) -> None:
    clips = []
    for path in sorted(real_clips().glob("*.mp4")):
        try:
            clips.append(media.read(Recording(path), greatesthits.SPEC))
        except DataError:
            continue  # one has no sound
    if len(clips) < 15:
        pytest.skip(f"{len(clips)} real clips are too few for a mean")
    assert abs(mean(shuffled(extracted(clips, DETECTORS[preset])), DETECTORS[preset])) < 0.05
