"""Events: what a clip's rows hold, and what its key names."""

from __future__ import annotations

import dataclasses
import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.avalign.events import (
    _MEASURED,
    DETECTORS,
    AVEvents,
    Detectors,
    Kind,
    read_events,
)
from svbench.metrics.avalign.motion import (
    CurveSettings,
    FlowSettings,
    PeakSettings,
    peak_indices,
    raw_curve,
    shaped_curve,
)
from svbench.metrics.avalign.onsets import OnsetSettings, onset_times
from svbench.types import Clip, ClipSpec, Features
from tests.factories.clips import make_clip

PUBLISHED = DETECTORS["published"]


def noisy_clip(seed: int, frames: int = 10) -> Clip:
    """Return a clip of moving noise and noisy sound."""
    spec = ClipSpec(frames, 8.0, (32, 48), 16000)
    rng = np.random.default_rng(seed)
    video = rng.integers(0, 256, (frames, 32, 48, 3), dtype=np.uint8)
    audio = np.clip(0.2 * rng.standard_normal(spec.samples), -1, 1).astype(np.float32)
    return Clip(video, audio, spec)


def as_features(blocks: list[NDArray[np.float64]]) -> Features:
    """Join the blocks of several clips, as the walk does."""
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"clip{i}/0" for i in range(len(blocks)))
    return Features("events", np.concatenate(blocks), owner, names)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_joined_events_are_those_of_the_re_paired_clip(name: str) -> None:
    extractor = AVEvents(DETECTORS[name])
    clips = [make_clip(seed, ClipSpec(32, 8.0, (48, 48), 16000)) for seed in range(3)]
    clips.append(make_clip(3, clips[0].spec, silent=True))
    blocks = extractor(clips, [""] * 4)
    assert len({len(block) for block in blocks}) > 1  # events differ, so swapping them shows
    for picture, block in zip(clips, blocks, strict=True):
        for sound, other in zip(clips, blocks, strict=True):
            (expected,) = extractor([Clip(picture.video, sound.audio, picture.spec)], [""])
            assert np.array_equal(extractor.joined(block, other), expected)


def test_rows_hold_what_was_found() -> None:
    clip = noisy_clip(0)
    (block,) = AVEvents(PUBLISHED)([clip], ["noise"])
    assert block.dtype == np.float64

    def of(kind: Kind) -> NDArray[np.float64]:
        return np.asarray(block[block[:, 0] == kind, 1:], dtype=np.float64)

    np.testing.assert_array_equal(of(Kind.CLIP), [[10 / 8.0, 8.0]])
    times, strengths = onset_times(clip.audio, 16000)
    np.testing.assert_array_equal(of(Kind.ONSET), np.column_stack([times, strengths]))
    curve = raw_curve(clip.video)
    np.testing.assert_array_equal(of(Kind.FLOW), np.column_stack([np.arange(10) / 8.0, curve]))
    peaks = peak_indices(curve)
    np.testing.assert_array_equal(of(Kind.PEAK), np.column_stack([peaks / 8.0, curve[peaks]]))
    assert len(peaks) > 0
    assert len(times) > 0


def test_every_clip_owns_a_row_even_if_nothing_happens() -> None:
    spec = ClipSpec(4, 4.0, (32, 32), 16000)
    still = Clip(np.zeros((4, 32, 32, 3), np.uint8), np.zeros(16000, np.float32), spec)
    (block,) = AVEvents(PUBLISHED)([still], [""])
    assert block[:, 0].tolist() == [Kind.CLIP, Kind.LEVEL] + [Kind.FLOW] * 4
    assert block[1].tolist() == [Kind.LEVEL, 0, 0]


def test_the_level_is_the_loudest_sample() -> None:
    clip = noisy_clip(0)
    (block,) = AVEvents(PUBLISHED)([clip], [""])
    assert block[block[:, 0] == Kind.LEVEL].tolist() == [[Kind.LEVEL, 0, np.abs(clip.audio).max()]]


def test_a_clip_of_one_frame_cannot_be_judged() -> None:
    spec = ClipSpec(1, 4.0, (32, 32), 16000)
    clip = Clip(np.zeros((1, 32, 32, 3), np.uint8), np.zeros(4000, np.float32), spec)
    with pytest.raises(ScoreError, match="at least 2 frames"):
        AVEvents(PUBLISHED)([clip], [""])


def test_the_answer_does_not_depend_on_the_batch() -> None:
    clips = [noisy_clip(seed) for seed in range(3)]
    extract = AVEvents(PUBLISHED)
    together = extract(clips, [""] * 3)
    for clip, block in zip(clips, together, strict=True):
        np.testing.assert_array_equal(extract([clip], [""])[0], block)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6))
def test_what_is_written_is_read(counts: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    written = []
    for onsets, peaks in counts:
        kinds = [Kind.CLIP, Kind.LEVEL] + [Kind.ONSET] * onsets
        kinds += [Kind.PEAK] * peaks + [Kind.FLOW] * 2
        written.append(np.column_stack([kinds, rng.random((len(kinds), 2)) + 0.1]))
    read = read_events(as_features(written))
    assert [events.request_id for events in read] == [f"clip{i}/0" for i in range(len(counts))]
    for rows, events, (onsets, peaks) in zip(written, read, counts, strict=True):
        assert (events.duration, events.fps) == tuple(rows[0, 1:])
        assert events.level == rows[1, 2]
        np.testing.assert_array_equal(events.onsets, rows[2 : 2 + onsets, 1:])
        np.testing.assert_array_equal(events.peaks, rows[2 + onsets : 2 + onsets + peaks, 1:])
        np.testing.assert_array_equal(events.motion, rows[-2:, 1:])


def test_refuses_rows_of_another_extractor() -> None:
    with pytest.raises(ScoreError, match="events are rows of 3"):
        read_events(as_features([np.ones((2, 4))]))
    with pytest.raises(ScoreError, match="clip0/0: expected one row each of kind CLIP"):
        read_events(as_features([np.full((2, 3), float(Kind.ONSET))]))


def test_the_key_is_readable() -> None:
    assert AVEvents(PUBLISHED).key.startswith("av-events-published-")
    assert AVEvents(PUBLISHED, "native").key.startswith("av-events-published-native-")
    assert AVEvents(DETECTORS["miniature"]).key.startswith("av-events-miniature-")


def test_the_key_names_every_setting() -> None:
    others: list[Detectors] = []
    other_word = {"farneback": "dis", "mean": "downward"}
    parts = {
        "onsets": OnsetSettings,
        "flow": FlowSettings,
        "peaks": PeakSettings,
        "curve": CurveSettings,
    }
    for part, kind in parts.items():
        for field in dataclasses.fields(kind):
            settings = getattr(PUBLISHED, part)
            value = getattr(settings, field.name)
            if isinstance(value, str):
                moved: object = other_word[value]
            elif isinstance(value, bool):
                moved = not value
            else:
                moved = value + 1 if isinstance(value, int) else value + 0.125 - value / 50
            changed = dataclasses.replace(settings, **{field.name: moved})
            others.append(dataclasses.replace(PUBLISHED, **{part: changed}))
    keys = {AVEvents(detectors).key for detectors in [PUBLISHED, *others]}
    assert len(keys) == len(others) + 1 > 10
    assert AVEvents(PUBLISHED).key in keys
    assert AVEvents(PUBLISHED, "native").key not in keys


@pytest.mark.parametrize("package", ["librosa", "opencv"])
def test_the_key_names_the_libraries(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = AVEvents(PUBLISHED).key
    if package == "librosa":
        monkeypatch.setattr("svbench.metrics.avalign.events.installed", lambda _: "0.99.1")
    else:
        monkeypatch.setattr("cv2.getVersionString", lambda: "9.9.9")
    assert AVEvents(PUBLISHED).key != before


def test_the_key_names_what_computes_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = replace(PUBLISHED, flow=FlowSettings("dis"))
    before = [AVEvents(d).key for d in (PUBLISHED, searched, DETECTORS["tuned-2"])]
    monkeypatch.setattr("svbench.metrics.avalign.farneback.compiles", lambda: False)
    after = [AVEvents(d).key for d in (PUBLISHED, searched, DETECTORS["tuned-2"])]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_detectors_are_named_as_in_the_list() -> None:
    assert tuple(DETECTORS) == ("published", "miniature", "tuned", "tuned-2")
    assert Detectors("published") == PUBLISHED
    keys = {AVEvents(detectors).key for detectors in DETECTORS.values()}
    assert len(keys) == len(DETECTORS)  # no two of them find the same events under one key


def test_tuned_events_come_from_the_tuned_curve() -> None:
    tuned = DETECTORS["tuned"]
    clip = noisy_clip(0)
    (events,) = read_events(as_features([AVEvents(tuned)([clip], [""])[0]]))
    curve = shaped_curve(raw_curve(clip.video, tuned.flow, tuned.curve), 8.0, tuned.curve)
    np.testing.assert_array_equal(events.motion[:, 1], curve)
    expected = peak_indices(curve, tuned.peaks, 8.0) / 8.0
    np.testing.assert_array_equal(events.peaks[:, 0], expected)


def test_presets_share_one_pass_of_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(*settings: Any) -> Any:
        passes.append(settings)
        return raw_curve(*settings)

    monkeypatch.setattr("svbench.metrics.avalign.events.raw_curve", counted)
    clip = noisy_clip(0)
    later = replace(PUBLISHED, curve=CurveSettings(smoothing=0.2, deceleration=True))
    blocks = [AVEvents(d)([clip], [""])[0] for d in (PUBLISHED, DETECTORS["miniature"], later)]
    assert len(passes) == 1
    AVEvents(replace(PUBLISHED, curve=CurveSettings(steady=True)))([clip], [""])
    AVEvents(replace(PUBLISHED, flow=FlowSettings(winsize=9)))([clip], [""])
    assert len(passes) == 3
    alone = AVEvents(later)([noisy_clip(0)], [""])[0]  # an equal clip, measured afresh
    assert len(passes) == 4
    np.testing.assert_array_equal(blocks[2], alone)


def test_what_was_measured_is_forgotten_with_the_clip() -> None:
    clip = noisy_clip(0)
    before = len(_MEASURED)
    AVEvents(PUBLISHED)([clip], [""])
    assert len(_MEASURED) == before + 2  # its picture and its sound
    del clip
    gc.collect()
    assert len(_MEASURED) == before


def test_presets_of_equal_onset_settings_share_them(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[OnsetSettings] = []

    def counted(audio: np.ndarray, rate: int, settings: OnsetSettings) -> tuple[np.ndarray, ...]:
        calls.append(settings)
        return onset_times(audio, rate, settings)

    monkeypatch.setattr("svbench.metrics.avalign.events.onset_times", counted)
    clip = make_clip()
    names = ("tuned", "published", "tuned-2", "tuned")
    for name in names:
        AVEvents(DETECTORS[name])([clip], [""])
    assert calls == [DETECTORS["tuned"].onsets, DETECTORS["published"].onsets]
