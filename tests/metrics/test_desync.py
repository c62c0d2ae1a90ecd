"""DeSync: windows, policies for short clips, decisions, and what the record says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.errors import ScoreError
from svbench.metrics.desync import DeSync, OffsetLogits, decided, desync, expected
from svbench.metrics.desync_protocols import PROTOCOLS, Inputs
from svbench.metrics.networks import synchformer_inputs
from svbench.metrics.networks.synchformer_config import PUBLISHED
from svbench.metrics.networks.synchformer_inputs import prepare
from svbench.types import Clip, ClipSpec, Features
from tests.factories.small_synchformer import CONFIG, small_synchformer

OFFSETS = PUBLISHED.offsets
AV = PROTOCOLS["av-benchmark"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return small_synchformer(tmp_path_factory.mktemp("weights"))


def noise(seconds: float, seed: int = 0) -> Clip:
    rng, frames = np.random.default_rng(seed), round(8 * seconds)
    video = rng.integers(0, 256, (frames, 32, 32, 3), np.uint8)
    spec = ClipSpec(frames, 8.0, (32, 32), 16000)
    return Clip(video, rng.uniform(-1, 1, spec.samples).astype(np.float32), spec)


def rows(weights: Any, inputs: Inputs, *clips: Clip) -> list[Any]:
    return OffsetLogits(weights, inputs, CONFIG)(clips, [""] * len(clips))


# --- windows -----------------------------------------------------------------------------------


def test_the_ends_of_a_clip_or_all_of_it() -> None:
    ends, every = Inputs("ends"), Inputs("all")
    assert [window[0] for window in ends.places(40, PUBLISHED)] == [0, 26]
    assert [window[0] for window in every.places(40, PUBLISHED)] == [0, 14, 26]
    assert ends.places(14, PUBLISHED) == every.places(14, PUBLISHED) == [list(range(14))]


def test_short_clips_are_refused_or_repeated_from_the_first_segment_on() -> None:
    with pytest.raises(ScoreError, match=r"11 segments, expected the 14 of a window \(4.8 s\)"):
        Inputs().places(11, PUBLISHED)
    assert Inputs(short="repeat").places(11, PUBLISHED) == [[*range(11), 0, 1, 2]]
    assert Inputs(short="repeat").places(1, PUBLISHED) == [[0] * 14]
    with pytest.raises(ScoreError, match=r"no segment, expected one to repeat \(0.64 s\)"):
        Inputs(short="repeat").places(0, PUBLISHED)


@pytest.mark.parametrize("policy", [*PROTOCOLS.values()], ids=lambda policy: policy.name)
@pytest.mark.parametrize("seconds", [1.5, 2.0, 9.0])
def test_frames_of_windows_alone_are_prepared(policy: Any, seconds: float) -> None:
    """Of ten minutes two windows are read: frames between them take neither memory nor time."""
    given, inputs = noise(seconds), policy.inputs
    found = inputs.material(given, CONFIG)
    most = None if inputs.cut is None else round(inputs.cut * 25)
    whole = prepare(given, CONFIG, most).filled(len(found.frames))
    windows = inputs.places(found.segments, CONFIG)
    for place in {place for window in windows for place in window}:
        assert torch.equal(found.pictures(place), whole.pictures(place))
    assert np.array_equal(found.sound, whole.sound)
    shown = {8 * place + i for window in windows for place in window for i in range(16)}
    assert not found.frames[sorted(set(range(len(found.frames))) - shown)].any()


def test_of_a_clip_that_is_refused_no_frame_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synchformer_inputs, "square", lambda *_: pytest.fail("prepared"))
    with pytest.raises(ScoreError, match="expected the 3 of a window"):
        Inputs().material(noise(1.0), CONFIG)


def test_a_clip_of_a_window_is_the_same_by_every_policy(weights: Any) -> None:
    policies = [Inputs(), Inputs(short="repeat"), Inputs(short="pad")]
    plain, *others = (rows(weights, one, noise(2.0))[0] for one in policies)
    assert plain.shape == (2, 1 + CONFIG.classes)
    assert all(np.array_equal(plain, other) for other in others)


def test_a_padded_clip_is_one_that_ends_in_black_and_silence(weights: Any) -> None:
    short = noise(1.0)
    spec = replace(short.spec, frames=11)
    video = np.concatenate([short.video, np.zeros((3, 32, 32, 3), np.uint8)])
    sound = np.append(short.audio, np.zeros(spec.samples - short.audio.size, np.float32))
    (padded,) = rows(weights, Inputs(short="pad"), short)
    (longer,) = rows(weights, Inputs(cut=CONFIG.least_seconds), Clip(video, sound, spec))
    np.testing.assert_allclose(padded, longer, atol=1e-6)


def test_what_is_cut_off_changes_nothing(weights: Any) -> None:
    whole = noise(3.0)
    spec = replace(whole.spec, frames=16)
    first = Clip(whole.video[:16], whole.audio[: spec.samples], spec)
    (of_whole,) = rows(weights, Inputs("all", cut=2.0, fill=2.0), whole)
    (of_first,) = rows(weights, Inputs("all", cut=2.0, fill=2.0), first)
    np.testing.assert_array_equal(of_whole, of_first)


def test_rows_do_not_depend_on_the_clips_beside(weights: Any) -> None:
    one, two = noise(2.0, 1), noise(3.0, 2)
    together = rows(weights, Inputs("all"), one, two)
    apart = [rows(weights, Inputs("all"), clip)[0] for clip in (one, two)]
    assert all(np.array_equal(a, b) for a, b in zip(together, apart, strict=True))
    assert together[1][:, 0].tolist() == pytest.approx([0.0, 0.96, 1.6])


def test_picture_and_sound_both_decide(weights: Any) -> None:
    one, two = noise(2.0, 1), noise(2.0, 2)
    (own,) = rows(weights, Inputs(), one)
    (other_sound,) = rows(weights, Inputs(), Clip(one.video, two.audio, one.spec))
    (other_picture,) = rows(weights, Inputs(), Clip(two.video, one.audio, one.spec))
    assert not np.array_equal(own, other_sound)
    assert not np.array_equal(own, other_picture)


# --- scores ------------------------------------------------------------------------------------


def features(*clips: list[Any]) -> Features:
    """Return clips of windows, each given by the class that is likeliest or by its logits."""
    blocks = [
        [[0.32 * i, *(10 * np.eye(21)[w] if np.isscalar(w) else w)] for i, w in enumerate(windows)]
        for windows in clips
    ]
    owner = np.repeat(np.arange(len(clips)), [len(block) for block in blocks])
    values = np.array([row for block in blocks for row in block], np.float32)
    return Features("offsets", values, owner, tuple(f"{i}/0" for i in range(len(clips))))


def metric(name: str, weights: Any) -> DeSync:
    return desync(PROTOCOLS[name], weights)


def test_a_late_sound_has_a_positive_lag_and_its_absolute_value_counts(weights: Any) -> None:
    judged = metric("av-benchmark", weights).score(features([5, 20], [10, 10], [15]))
    assert [clip.value for clip in judged.clips] == pytest.approx([1.5, 0.0, 1.0])
    assert judged.score.value == pytest.approx(2.5 / 3)
    assert [clip.detail["lag"] for clip in judged.clips] == pytest.approx([-0.5, 0.0, -1.0])
    assert judged.clips[0].detail["lags"] == pytest.approx((1.0, -2.0))
    assert judged.clips[0].detail["starts"] == pytest.approx((0.0, 0.32))


def test_the_expectation_is_of_the_first_window_alone(weights: Any) -> None:
    even = np.zeros(21)
    two = np.full(21, -1e9)
    two[[0, 5]] = np.log([1.0, 3.0])  # -2 s with 1/4, -1 s with 3/4
    judged = metric("expected", weights).score(features([even, 20], [two]))
    assert [clip.value for clip in judged.clips] == pytest.approx([0.0, 1.25], abs=1e-6)
    assert judged.clips[1].detail["lag"] == pytest.approx(1.25)


def test_decisions_of_logits() -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]))
    offsets = np.array([-1.0, 0.0, 1.0])
    assert decided(logits, offsets).tolist() == [-1.0, 1.0]
    np.testing.assert_allclose(expected(logits, offsets), [-0.3, 0.7])
    np.testing.assert_allclose(expected(logits + 1000, offsets), [-0.3, 0.7])


def test_values_stay_within_their_bounds(weights: Any) -> None:
    judged = metric("av-benchmark", weights).score(features([0, 20], [20]))
    assert judged.score.value == 2.0
    assert metric("av-benchmark", weights).settings["bounds"] == [0.0, 2.0]


def test_no_clip_and_foreign_rows_are_refused(weights: Any) -> None:
    foreign = Features("x", np.zeros((1, 5), np.float32), np.zeros(1, np.int64), ("a/0",))
    with pytest.raises(ScoreError, match="found rows of 5, expected 22"):
        metric("av-benchmark", weights).score(foreign)
    nothing = Features("x", np.zeros((0, 22), np.float32), np.zeros(0, np.int64), ())
    with pytest.raises(ScoreError, match="at least one clip"):
        metric("av-benchmark", weights).score(nothing)


# --- the record --------------------------------------------------------------------------------


def test_names_say_what_decides_the_number(weights: Any) -> None:
    found = {name: metric(name, weights) for name in PROTOCOLS}
    assert [one.name for one in found.values()] == [f"desync@{name}" for name in PROTOCOLS]
    assert len({one.title for one in found.values()}) == len(PROTOCOLS)
    assert all(one.better == "lower" and not one.needs_reference for one in found.values())


def test_policies_and_decoder_are_on_record(weights: Any) -> None:
    caveats = {name: metric(name, weights).settings["caveat"] for name in PROTOCOLS}
    unit = "s by which sound is taken to be early or late, at most 2"
    assert caveats["av-benchmark"] == caveats["expected"] == unit
    assert caveats["javisbench"] == (
        f"{unit}; clips of less than 8 s are filled with black and silence"
    )
    assert "4.8 s are repeated" in caveats["javisbench+repeat"]
    assert caveats["javisbench-4s"] == (
        f"{unit}; clips of less than 4 s are filled with black and silence, then clips of less "
        "than 4.8 s are repeated from their start"
    )
    assert "4.8 s are filled" in caveats["av-benchmark+pad"]
    assert "PyAV" in metric("expected", weights).settings["decoder"]


def test_protocols_that_read_alike_share_features_and_no_others(weights: Any) -> None:
    keys = {name: metric(name, weights).extractor.key for name in PROTOCOLS}
    assert keys["av-benchmark"] == keys["expected"]
    assert keys["av-benchmark+pad"] == keys["expected+pad"]
    assert len(set(keys.values())) == 6
    other = [
        OffsetLogits(replace(weights, sha256="0"), AV.inputs),
        OffsetLogits(weights, AV.inputs, CONFIG),
        OffsetLogits(weights, AV.inputs, view="conformed"),
    ]
    assert not {one.key for one in other} & set(keys.values())


def test_a_network_is_loaded_from_the_file_that_was_checked(weights: Any, tmp_path: Path) -> None:
    from svbench.errors import DataError

    path = tmp_path / "changed.safetensors"
    path.write_bytes(weights.path.read_bytes())
    changed = replace(weights, path=path, sha256="0" * 64)
    with pytest.raises(DataError, match="as when the work began"):
        rows(changed, Inputs(), noise(2.0))
