"""AV-Align against the published implementations: same onsets, flow, peaks and scores."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.formulas import (
    TEMPOTOKENS_2025_FLOOR,
    Variant,
    match,
    precision_recall,
)
from svbench.metrics.avalign.motion import PeakSettings, peak_indices, raw_curve
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import AVAlign
from svbench.types import Clip, ClipSpec, Features
from tests.alternatives.av_align_loop import av_align as reference_av_align
from tests.factories.av_align import av_align
from tests.goldens.places import golden, real_clips

FLOW_TOLERANCE = 1e-6  # relative, of OpenCV's flow; its releases differ by 5e-10
CLOSE = 1e-5  # of svbench's own flow: px, and relative
# Where there is little texture, or two frames have little in common, the iterations of flow amplify
# how single sums are rounded.
UNSTABLE = 0.1  # share of a clip's steps, at most
AT_UNSTABLE = 0.02  # relative
PIXELS_PER_CLIP = 8_000_000  # of whole clips, 1 to 2 s each; every step would take minutes
VARIANTS: dict[str, Variant] = {
    "tt2023": "tempotokens-2023",
    "tt2025": "tempotokens-2025",
    "svg": "corrected",
}
FLOORS = {
    "video_peaks": PeakSettings(),
    "video_peaks_tt2025": PeakSettings(min_magnitude=TEMPOTOKENS_2025_FLOOR),
}


def read(name: str) -> Any:
    """Read a json file of the AV-Align golden data."""
    return json.loads(golden(f"metrics/avalign/{name}").read_text())


def rgb_frames(path: Path) -> NDArray[np.uint8]:
    """Read all frames of a video file."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames).astype(np.uint8)


def rgb_pairs(path: Path, wanted: set[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield frames i - 1 and i of a video file for each wanted i: a whole one may not fit."""
    capture = cv2.VideoCapture(str(path))
    before, i = capture.read()[1], 1
    while (got := capture.read())[0]:
        if i in wanted:
            pair = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in (before, got[1])]
            yield i, np.stack(pair).astype(np.uint8)
        before, i = got[1], i + 1
    capture.release()


def sound_of(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a sound file as mono."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return sound.mean(axis=1, dtype=np.float32), rate


def check_scores(clip: dict[str, Any]) -> int:
    """Compare every score of a clip, from its golden onsets and peaks; give how many."""
    names = [name for name in VARIANTS if clip.get(f"score_{name}") is not None]
    for name in names:
        peaks = clip["video_peaks_tt2025" if name == "tt2025" else "video_peaks"]
        ours = av_align(VARIANTS[name], clip["onset_times"], peaks, clip["fps"])
        assert ours == clip[f"score_{name}"], (clip["clip"], name)
    if "precision" in clip:
        ours_both = precision_recall(match(clip["onset_times"], clip["video_peaks"], clip["fps"]))
        assert ours_both == (clip["precision"], clip["recall"]), clip["clip"]
    return len(names)


@pytest.fixture(params=["numba", "opencv"])
def flow_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let svbench's own flow be computed, or OpenCV's."""
    if request.param == "opencv":
        monkeypatch.setattr("svbench.metrics.avalign.farneback.compiles", lambda: False)
    return str(request.param)


def check_curve(ours: NDArray[np.float64], expected: list[float], flow_by: str, name: str) -> None:
    """Compare a motion curve with a golden one."""
    if flow_by == "opencv":
        np.testing.assert_allclose(ours, expected, rtol=FLOW_TOLERANCE, atol=1e-9, err_msg=name)
        return
    np.testing.assert_allclose(ours, expected, rtol=AT_UNSTABLE, atol=CLOSE, err_msg=name)
    close = np.isclose(ours, expected, rtol=CLOSE, atol=CLOSE)
    assert (~close).mean() <= UNSTABLE, (name, np.abs(ours / expected - 1)[~close])


def check_peaks(clip: dict[str, Any], curve: NDArray[np.float64]) -> None:
    """Compare the peaks of a curve with a clip's golden ones, with and without floor."""
    for name, settings in FLOORS.items():
        ours = (peak_indices(curve, settings) / clip["fps"]).tolist()
        assert ours == clip[name], (clip["clip"], name)


# Explicit cases


def test_scores_of_explicit_lists() -> None:
    cases = read("edge_cases.json")["score_cases"]
    assert cases
    for case in cases:
        for name, expected in case["scores"].items():
            lists = case["audio"], case["video"], case["fps"]
            if isinstance(expected, str) and case["fps"] == 0:
                with pytest.raises(ScoreError, match="frame rate above 0"):
                    av_align(VARIANTS[name], *lists)
            elif isinstance(expected, str):  # ZeroDivisionError: nothing to compare
                assert lists[:2] == ([], []), case["name"]
                assert av_align(VARIANTS[name], *lists) == 0.0
            else:
                assert av_align(VARIANTS[name], *lists) == expected, (case["name"], name)


def test_peaks_of_explicit_curves() -> None:
    cases = read("edge_cases.json")["peak_cases"]
    assert cases
    for case in cases:
        curve = np.array([np.nan if x is None else x for x in case["arr"]], dtype=np.float64)
        for name, settings in (
            ("svg", FLOORS["video_peaks"]),
            ("tt2025", FLOORS["video_peaks_tt2025"]),
        ):
            ours = (peak_indices(curve, settings) / 8.0).tolist()
            assert ours == case["peaks"][name], (case["name"], name)


def frames_of(case: dict[str, Any], base: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make the frames of a video case (BGR) as its recipe says."""
    if isinstance(case["frames"], str):
        assert "all-zero" in case["frames"], case["frames"]
        return np.zeros((case["n"], 64, 64, 3), dtype=np.uint8)
    side = 8 if "[:8,:8]" in case["frames"]["recipe"] else 64
    shifted = [np.roll(base, k, axis=1)[:side, :side] for k in case["frames"]["shifts"]]
    return np.array(shifted, dtype=np.uint8).reshape(case["n"], side, side, 3)


def test_motion_of_explicit_frames(flow_by: str) -> None:
    cases = read("edge_cases.json")["video_cases"]
    base = np.load(golden("metrics/avalign/edge_video_base.npy"))
    assert cases
    for case in cases:
        video = np.ascontiguousarray(frames_of(case, base)[..., ::-1])
        for name, settings in (
            ("svg", FLOORS["video_peaks"]),
            ("tt2025", FLOORS["video_peaks_tt2025"]),
        ):
            expected = case["result"][name]
            if isinstance(expected, str):
                with pytest.raises(ScoreError, match="at least 2 frames"):
                    raw_curve(video)
                continue
            curve = raw_curve(video)
            check_curve(curve, expected["flow"], flow_by, case["name"])
            ours = (peak_indices(curve, settings) / 8.0).tolist()
            assert ours == expected["peaks"], (case["name"], name)


def test_onsets_of_explicit_sounds() -> None:
    cases = read("edge_cases.json")["audio_cases"]
    folder = golden("metrics/avalign/edge_wavs")
    assert cases
    for case in cases:
        sound, rate = sound_of(folder / f"{case['name'].replace(' ', '_')}.wav")
        assert onset_times(sound, rate)[0].tolist() == case["onsets"], case["name"]


# Clips of 4 s at 8 frames/s


def clips_at_8() -> list[dict[str, Any]]:
    """Read the clips whose files are there."""
    folder = golden("metrics/avalign/clips8")
    clips = read("results_8fps.json")["clips"]
    there = [clip for clip in clips if (folder / f"{clip['clip']}.mp4").exists()]
    if not there:
        pytest.skip(f"no clip of results_8fps.json lies in {folder}")
    return there


def test_detections_of_short_clips(flow_by: str) -> None:
    folder = golden("metrics/avalign/clips8")
    with_sound = 0
    for clip in clips_at_8():
        curve = raw_curve(rgb_frames(folder / f"{clip['clip']}.mp4"))
        check_curve(curve, clip["flow"], flow_by, clip["clip"])
        assert len(curve) == clip["n_frames"]
        check_peaks(clip, curve)
        sound = folder / f"{clip['clip']}.wav"
        if sound.exists():
            assert onset_times(*sound_of(sound))[0].tolist() == clip["onset_times"], clip["clip"]
            with_sound += 1
    assert with_sound > 0


@pytest.mark.parametrize("name", ["results_8fps.json", "results_native.json"])
def test_scores_of_real_clips(name: str) -> None:
    assert sum(check_scores(clip) for clip in read(name)["clips"]) > 0


def test_a_real_segment_scores_above_one_in_the_first_code_only() -> None:
    segments = read("segments_score_gt1.json")
    assert sum(check_scores(clip) for clip in segments) > 0
    for clip in segments:
        for variant in ("corrected", "tempotokens-2025"):
            score = av_align(variant, clip["onset_times"], clip["video_peaks"], clip["fps"])
            assert 0 <= score <= 1


@pytest.mark.parametrize("name", ["8fps", "native"])
def test_summaries(name: str) -> None:
    clips = {clip["clip"]: clip for clip in read(f"results_{name}.json")["clips"]}
    compared = 0
    with golden(f"metrics/avalign/summary_{name}.csv").open() as file:
        for row in csv.DictReader(file):
            clip = clips[row["clip"]]
            if not row["score_svg"]:
                continue
            lists = clip["onset_times"], clip["video_peaks"], clip["fps"]
            assert av_align("corrected", *lists) == pytest.approx(
                float(row["score_svg"]), abs=1e-15
            )
            precision, _ = precision_recall(match(*lists))
            assert precision == pytest.approx(float(row["precision"]), abs=1e-15)
            compared += 1
    assert compared > 0


def test_the_metric_from_files_to_mean() -> None:
    """The extractor and the metric, over whole clips, give the mean of the golden scores."""
    folder = golden("metrics/avalign/clips8")
    known = [clip for clip in clips_at_8() if clip.get("score_svg") is not None][:6]
    if not known:
        pytest.skip("no golden clip has sound")
    extract = AVEvents(DETECTORS["published"])
    blocks = []
    for clip in known:
        video = rgb_frames(folder / f"{clip['clip']}.mp4")
        sound, rate = sound_of(folder / f"{clip['clip']}.wav")
        spec = ClipSpec(len(video), clip["fps"], (video.shape[1], video.shape[2]), rate)
        assert abs(len(sound) - spec.samples) <= 1, clip["clip"]
        sound = np.pad(sound, (0, max(0, spec.samples - len(sound))))[: spec.samples]
        blocks += extract([Clip(video, sound, spec)], [""])
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    features = Features(
        extract.key, np.concatenate(blocks), owner, tuple(clip["clip"] for clip in known)
    )
    for name, variant in VARIANTS.items():
        judged = AVAlign(variant, DETECTORS["published"]).score(features, None)
        expected = [clip[f"score_{name}"] for clip in known]
        assert [clip.value for clip in judged.clips] == expected, variant
        assert judged.score.value == pytest.approx(float(np.mean(expected)), abs=1e-15)


def test_the_reference_loop_of_the_benchmarks_is_the_published_one() -> None:
    folder = golden("metrics/avalign/clips8")
    clip = next(clip for clip in clips_at_8() if clip.get("score_svg") is not None)
    video, sound = (folder / f"{clip['clip']}{suffix}" for suffix in (".mp4", ".wav"))
    assert reference_av_align(video, sound) == clip["score_svg"]


# Whole clips, at their own size and frame rate


def native_clips() -> list[tuple[dict[str, Any], Path]]:
    """Read the native clips whose files are there."""
    folder = real_clips()
    clips = [
        (clip, folder / f"{clip['clip']}.mp4") for clip in read("results_native.json")["clips"]
    ]
    there = [(clip, path) for clip, path in clips if path.exists()]
    if not there:
        pytest.skip(f"no clip of results_native.json lies in {folder}")
    return there


def decoded_wav(path: Path) -> bytes:
    """Decode a file's sound to 16-bit WAV at its own rate and channels, as the golden data did."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout=stream.layout, rate=stream.rate)
        pieces = []
        for frame in [*file.decode(stream), None]:
            if frame is not None:
                frame.pts = None
            pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
        channels, rate = len(stream.layout.channels), stream.rate
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.concatenate(pieces, axis=1).tobytes())
    return target.getvalue()


def test_onsets_of_whole_clips() -> None:
    compared = 0
    for clip, path in native_clips():
        if clip.get("wav_sha256") is None:
            continue
        sound = decoded_wav(path)
        if hashlib.sha256(sound).hexdigest() != clip["wav_sha256"]:
            continue  # another FFmpeg decodes lossy sound to other samples
        mono, rate = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
        ours = onset_times(mono.mean(axis=1, dtype=np.float32), rate)[0]
        assert ours.tolist() == clip["onset_times"], clip["clip"]
        compared += 1
    if not compared:
        pytest.skip("no sound decodes to the golden samples with this FFmpeg")


def native_steps(clip: dict[str, Any], path: Path) -> dict[int, float]:
    """Measure steps of a whole clip, evenly spread, as many as its size allows."""
    width, height = clip["size"]
    last = clip["n_frames"] - 1
    count = min(last, max(8, PIXELS_PER_CLIP // (width * height)))
    wanted = {round(i) for i in np.linspace(1, last, count)}
    return {i: float(raw_curve(pair)[1]) for i, pair in rgb_pairs(path, wanted)}


def test_motion_of_whole_clips() -> None:
    """Steps all over every clip; OpenCV lets two threads work at a time."""
    clips = native_clips()
    with ThreadPoolExecutor(max_workers=2) as pool:
        measured = list(pool.map(lambda one: native_steps(*one), clips))
    for (clip, _), steps in zip(clips, measured, strict=True):
        assert len(steps) >= min(8, clip["n_frames"] - 1), clip["clip"]
        expected = [clip["flow"][i] for i in steps]
        check_curve(np.array(list(steps.values())), expected, "numba", clip["clip"])


def test_peaks_of_whole_clips() -> None:
    for clip in read("results_native.json")["clips"]:
        check_peaks(clip, np.array(clip["flow"]))
