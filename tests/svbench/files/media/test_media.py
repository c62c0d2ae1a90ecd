"""The media path: each of its definitions, on files made for the purpose, then on real clips."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import DataError
from svbench.files import media
from svbench.types import Clip, ClipSpec, Recording
from tests.factories.clips import SPEC, make_clip, write_clip

GOLDEN = Path(os.environ.get("SVBENCH_GOLDEN", "../shared/golden"))


def write_video(path: Path, video: np.ndarray, fps: Fraction, first_pts: int = 0) -> Path:
    """Write FFV1, so that each frame comes back bit for bit."""
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("ffv1", rate=fps)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "bgr0"
        for number, array in enumerate(video):
            frame = av.VideoFrame.from_ndarray(array, "rgb24")
            frame.pts, frame.time_base = first_pts + number, 1 / fps
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def grey_frames(count: int, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    """Make frame i of the grey level i, so that the number of a chosen frame is known."""
    return np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *size, 3)
    ).copy()


def silent_wav(path: Path, seconds: float, rate: int = 16000) -> Path:
    media.write_wav(path, np.zeros(round(seconds * rate), np.float32), rate)
    return path


def chosen(tmp_path: Path, count: int, fps: int, spec: ClipSpec, start: float = 0.0) -> list[int]:
    video = write_video(tmp_path / "v.mkv", grey_frames(count), Fraction(fps))
    sound = silent_wav(tmp_path / "v.wav", count / fps)
    clip = media.read(Recording(video, start, sound), spec)
    return [int(level) for level in clip.video[:, 0, 0, 0]]


# --- frames ------------------------------------------------------------------------------------


def test_a_clip_at_the_wanted_rate_keeps_every_frame(tmp_path: Path) -> None:
    assert chosen(tmp_path, 8, 8, ClipSpec(8, 8.0, (16, 16), 16000)) == list(range(8))


def test_the_nearest_frame_is_chosen_and_of_two_equally_near_the_earlier(tmp_path: Path) -> None:
    # 15 frames/s judged at 8: times 0, .125, .25, .375, .5 s lie at frames 0, 1.875, 3.75,
    # 5.625 and 7.5; the last is a tie between frames 7 and 8.
    assert chosen(tmp_path, 15, 15, ClipSpec(5, 8.0, (16, 16), 16000)) == [0, 2, 4, 6, 7]


def test_a_start_moves_the_window(tmp_path: Path) -> None:
    # From 1.0 s at 10 frames/s: frames 10, 12.5 (tie, earlier), 15, 17.5 (tie, earlier).
    assert chosen(tmp_path, 30, 10, ClipSpec(4, 4.0, (16, 16), 16000), 1.0) == [10, 12, 15, 17]


def test_a_slower_video_repeats_frames(tmp_path: Path) -> None:
    assert chosen(tmp_path, 4, 4, ClipSpec(8, 8.0, (16, 16), 16000)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_seek_gives_the_same_frames_as_decoding_from_the_front(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    video = rng.integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    media.write_mp4(tmp_path / "v.mp4", video, 8.0)
    sound = silent_wav(tmp_path / "s.wav", 8)
    whole = media.read(
        Recording(tmp_path / "v.mp4", 0.0, sound), ClipSpec(64, 8.0, (32, 32), 16000)
    )
    late = media.read(Recording(tmp_path / "v.mp4", 4.0, sound), ClipSpec(32, 8.0, (32, 32), 16000))
    np.testing.assert_array_equal(late.video, whole.video[32:])


# --- size --------------------------------------------------------------------------------------


def test_a_frame_of_the_wanted_size_is_untouched() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    assert media.cover(frame, (24, 24)) is frame


def test_shrinking_averages_pixels_and_cuts_the_centre() -> None:
    frame = np.zeros((4, 8, 3), np.uint8)
    frame[:, 2:4] = 100  # columns 2..5 survive the cut of 4 x 4 and shrink to two columns
    frame[:, 4:6] = 200
    frame[0::2, 2:6] += 20
    # Each output pixel is the mean of 2 x 2: (100 + 120) / 2 and (200 + 220) / 2.
    expected = np.broadcast_to(np.array([110, 210], np.uint8)[None, :, None], (2, 2, 3))
    np.testing.assert_array_equal(media.cover(frame, (2, 2)), expected)


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_any_size_is_covered(source: tuple[int, int], target: tuple[int, int]) -> None:
    frame = np.full((*source, 3), 77, np.uint8)
    result = media.cover(frame, target)
    assert result.shape == (*target, 3)
    assert (result == 77).all()


def test_a_rotated_file_is_turned_upright(tmp_path: Path) -> None:
    video = np.zeros((8, 32, 48, 3), np.uint8)
    video[:, :, :24] = 255  # left half white
    path = tmp_path / "phone.mp4"
    media.write_mp4(path, video, 8.0)
    upright = (0x10000).to_bytes(4, "big") + bytes(12) + (0x10000).to_bytes(4, "big")
    # A matrix for "turn by 90 degrees clockwise": x' = -y, y' = x.
    turned = bytes(4) + (0x10000).to_bytes(4, "big") + bytes(4)
    turned += (0xFFFF0000).to_bytes(4, "big") + bytes(4)
    raw = path.read_bytes()
    place = raw.index(upright, raw.index(b"tkhd"))
    path.write_bytes(raw[:place] + turned + raw[place + len(turned) :])
    silent_wav(tmp_path / "s.wav", 1)
    spec = ClipSpec(8, 8.0, (48, 32), 16000)
    clip = media.read(Recording(path, sound=tmp_path / "s.wav"), spec)
    # Clockwise, what was left is now on top.
    assert clip.video[:, :20].mean() > 250
    assert clip.video[:, 28:].mean() < 5


# --- sound -------------------------------------------------------------------------------------


def test_sound_at_the_wanted_rate_is_untouched(tmp_path: Path) -> None:
    sound = (np.random.default_rng(0).integers(-32768, 32768, 16000) / 32768).astype(np.float32)
    media.write_wav(tmp_path / "s.wav", sound, 16000)
    video = write_video(tmp_path / "v.mkv", grey_frames(8), Fraction(8))
    clip = media.read(Recording(video, sound=tmp_path / "s.wav"), ClipSpec(8, 8.0, (16, 16), 16000))
    np.testing.assert_array_equal(clip.audio, sound)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_resampling_keeps_a_tone_in_place(tmp_path: Path, rate: int) -> None:
    times = np.arange(2 * rate) / rate
    media.write_wav(
        tmp_path / "s.wav", (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32), rate
    )
    video = write_video(tmp_path / "v.mkv", grey_frames(16), Fraction(8))
    spec = ClipSpec(8, 8.0, (16, 16), 16000)
    clip = media.read(Recording(video, 0.5, tmp_path / "s.wav"), spec)
    expected = 0.5 * np.sin(2 * np.pi * 440 * (0.5 + np.arange(16000) / 16000))
    np.testing.assert_allclose(clip.audio, expected, atol=1e-3)


def test_several_channels_become_their_mean(tmp_path: Path) -> None:
    left = np.full(8000, 0.5, np.float32)
    with av.open(str(tmp_path / "s.wav"), "w") as out:
        stream = out.add_stream("pcm_f32le", rate=8000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, -left / 2]), "fltp", "stereo")
        frame.sample_rate, frame.pts = 8000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    video = write_video(tmp_path / "v.mkv", grey_frames(8), Fraction(8))
    recording = Recording(video, sound=tmp_path / "s.wav")
    spec = ClipSpec(8, 8.0, (16, 16), 8000)
    clip = media.read(recording, spec)
    np.testing.assert_array_equal(clip.audio, np.full(8000, 0.125, np.float32))
    first = media.read(recording, replace(spec, channels="first"))
    np.testing.assert_array_equal(first.audio, left)
    np.testing.assert_array_equal(media.read_native(recording, channels="first").audio, left)
    np.testing.assert_array_equal(media.read_native(recording).audio, clip.audio)


def test_a_sound_that_starts_late_in_its_file_stays_late(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        picture = out.add_stream("ffv1", rate=Fraction(8))
        picture.height = picture.width = 16
        picture.pix_fmt = "bgr0"
        sound = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        for array in grey_frames(8):
            out.mux(picture.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        out.mux(picture.encode(None))
        ones = np.full((1, 6000), 16384, np.int16)
        frame = av.AudioFrame.from_ndarray(ones, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 2000, Fraction(1, 8000)
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    clip = media.read(Recording(path), ClipSpec(8, 8.0, (16, 16), 8000))
    assert not clip.audio[:2000].any()
    np.testing.assert_array_equal(clip.audio[2000:], np.full(6000, 0.5, np.float32))


# --- length ------------------------------------------------------------------------------------


def read_short(tmp_path: Path, frames: int, seconds: float, *, pad: bool = False) -> Clip:
    video = write_video(tmp_path / "v.mkv", grey_frames(frames), Fraction(20))
    sound = tmp_path / "s.wav"
    media.write_wav(sound, np.full(round(seconds * 16000), 0.25, np.float32), 16000)
    return media.read(Recording(video, sound=sound), ClipSpec(8, 8.0, (16, 16), 16000), pad=pad)


def test_what_containers_round_off_is_filled_up(tmp_path: Path) -> None:
    clip = read_short(tmp_path, frames=18, seconds=0.95)  # 0.9 s and 0.95 s of 1 s
    assert clip.video[-1, 0, 0, 0] == 17
    assert np.count_nonzero(clip.audio) == 15200


def test_short_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v\.mkv: video ends at 0\.850 s, expected 1\.000 s"):
        read_short(tmp_path, frames=17, seconds=1)


def test_short_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"s\.wav: audio ends at 0\.500 s, expected 1\.000 s"):
        read_short(tmp_path, frames=20, seconds=0.5)


def test_short_clips_are_filled_up_when_asked_for(tmp_path: Path) -> None:
    clip = read_short(tmp_path, frames=5, seconds=0.5, pad=True)
    assert [int(x) for x in clip.video[:, 0, 0, 0]] == [0, 2, 4, 4, 4, 4, 4, 4]
    assert np.count_nonzero(clip.audio) == 8000


# --- native ------------------------------------------------------------------------------------


def test_native_gives_every_frame_and_the_own_rates(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mkv", grey_frames(30, (16, 24)), Fraction(25))
    sound = silent_wav(tmp_path / "v.wav", 1.2, 22050)
    clip = media.read_native(Recording(video, sound=sound))
    assert clip.spec == ClipSpec(30, 25.0, (16, 24), 22050)
    assert [int(x) for x in clip.video[:, 0, 0, 0]] == list(range(30))


# --- lossless ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [SPEC, ClipSpec(5, 30.0, (17, 33), 44100)])
def test_what_the_store_writes_comes_back_bit_for_bit(tmp_path: Path, spec: ClipSpec) -> None:
    rng = np.random.default_rng(1)
    video = rng.integers(0, 256, (spec.frames, *spec.size, 3), dtype=np.uint8)
    sound = media.quantise(np.clip(rng.normal(0, 0.5, spec.samples), -1, 1).astype(np.float32))
    clip = Clip(video, sound, spec)
    media.write_lossless(tmp_path / "a.mkv", clip, "a comment")
    media.write_lossless(tmp_path / "b.mkv", clip, "a comment")
    back = media.read_lossless(tmp_path / "a.mkv", spec)
    np.testing.assert_array_equal(back.video, clip.video)
    np.testing.assert_array_equal(back.audio, clip.audio)
    assert media.read_comment(tmp_path / "a.mkv") == "a comment"
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_quantising_moves_no_sample_by_more_than_half_a_step_and_is_idempotent() -> None:
    sound = np.random.default_rng(2).uniform(-1, 1, 10_000).astype(np.float32)
    once = media.quantise(sound)
    assert np.abs(once.astype(np.float64) - sound).max() <= 0.5 / 2**23
    np.testing.assert_array_equal(media.quantise(once), once)
    assert media.quantise(np.array([1.0, -1.0], np.float32)).tolist() == [1 - 2**-23, -1.0]


def test_a_stored_clip_of_another_format_is_refused(tmp_path: Path) -> None:
    media.write_lossless(tmp_path / "a.mkv", make_clip(), "")
    with pytest.raises(DataError, match=r"a\.mkv: video is uint8\(8, 32, 32, 3\), expected"):
        media.read_lossless(tmp_path / "a.mkv", ClipSpec(9, 8.0, (32, 32), 16000))


# --- identity ----------------------------------------------------------------------------------


def test_the_fingerprint_changes_with_bytes_start_and_view(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    base = media.fingerprint(Recording(path), "x")
    assert base == media.fingerprint(Recording(path), "x")
    others = {
        media.fingerprint(Recording(path, 0.5), "x"),
        media.fingerprint(Recording(path), "y"),
        media.fingerprint(Recording(path), "x", pad=True),
    }
    path.write_bytes(path.read_bytes() + b"\0")
    others.add(media.fingerprint(Recording(path), "x"))
    assert base not in others
    assert len(others) == 4


def test_duration_is_that_of_the_header(tmp_path: Path) -> None:
    assert media.duration(write_clip(tmp_path / "a.mp4")) == pytest.approx(1.0)


# --- goldens -----------------------------------------------------------------------------------


def golden_clips() -> list[dict]:
    results = GOLDEN / "metrics/avalign/results_8fps.json"
    return json.loads(results.read_text())["clips"] if results.exists() else []


@pytest.mark.skipif(not golden_clips(), reason="no metrics/avalign in the golden folder")
def test_frames_equal_opencvs_on_real_clips() -> None:
    folder = GOLDEN / "metrics/avalign/clips8"
    compared = 0
    for entry in golden_clips():
        path = folder / f"{entry['clip']}.mp4"
        if not path.exists() or not path.with_suffix(".wav").exists():
            continue
        height, width = entry.get("size", (256, 256))
        spec = ClipSpec(entry["n_frames"], entry["fps"], (height, width), 16000)
        clip = media.read(Recording(path, sound=path.with_suffix(".wav")), spec, pad=True)
        capture = cv2.VideoCapture(str(path))
        frames = []
        while (answer := capture.read())[0]:
            frames.append(answer[1][..., ::-1])
        np.testing.assert_array_equal(clip.video, np.stack(frames))
        compared += 1
    assert compared


def test_the_same_frames_give_the_same_mp4(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    video = np.stack([cv2.resize(frame, (64, 64)) for frame in rough])
    sound = rng.uniform(-0.5, 0.5, 64000).astype(np.float32)
    files = set()
    for number in range(8):
        _other_memory = bytes(number * 50_000)  # a used heap is what made x264 differ
        media.write_mp4(tmp_path / "a.mp4", video, 8.0, sound)
        files.add((tmp_path / "a.mp4").read_bytes())
    assert len(files) == 1


def test_quantised_sound_holds_no_negative_zero() -> None:
    """A tiny negative sample comes back from the file as 0, and its digest must not change."""
    rounded = media.quantise(np.array([-1e-9, -0.0, 0.5], np.float32))
    assert not np.signbit(rounded[:2]).any()
