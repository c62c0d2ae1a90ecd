"""Clips as they were made: from their start to their end, and refused if that is missing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media import native
from svbench.files.media.sound import TimeLine, read_time_line
from svbench.metrics.avalign.events import DETECTORS, AVEvents, read_events
from svbench.types import Clip, ClipSpec, Features, Recording
from tests.factories import movies
from tests.factories.clips import make_clip, write_clip

SPEC = ClipSpec(16, 8.0, (32, 32), 16000)  # 2 s


def test_a_start_cuts_picture_and_sound_at_the_same_moment(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))  # its only key frame is the first
    whole = media.read_native(Recording(path))
    late = media.read_native(Recording(path, start=0.75))
    assert (whole.spec.frames, late.spec.frames) == (16, 10)
    np.testing.assert_array_equal(late.video, whole.video[6:])
    np.testing.assert_array_equal(late.audio, whole.audio[12000:])


@pytest.mark.parametrize(("start", "frames"), [(0.0, 16), (0.06, 16), (0.07, 15), (1.875, 1)])
def test_the_first_frame_is_the_one_nearest_to_the_start(
    tmp_path: Path, start: float, frames: int
) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))
    assert media.read_native(Recording(path, start)).spec.frames == frames


def test_a_start_behind_the_end_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, SPEC))
    with pytest.raises(DataError, match=r"a\.mp4: found no video frames"):
        media.read_native(Recording(path, start=2.5))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_file_shorter_than_its_header_states_is_refused(tmp_path: Path, share: float) -> None:
    clip = make_clip(1, SPEC)
    path = tmp_path / "a.mkv"
    media.write_lossless(path, Clip(clip.video, media.quantise(clip.audio), SPEC), "")
    assert media.read_native(Recording(path)).spec.frames == 16
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    with pytest.raises(DataError, match=r"expected the 2\.000 s that its header states"):
        media.read_native(Recording(path))


def apart_and_inside(tmp_path: Path, seconds: float) -> list[Recording]:
    """Write two seconds of picture with a sound of another length, in three ways."""
    clip = make_clip(1, SPEC)
    sound = np.resize(clip.audio, round(seconds * SPEC.sample_rate))
    media.write_mp4(tmp_path / "inside.mp4", clip.video, SPEC.fps, sound)
    media.write_mp4(tmp_path / "apart.mp4", clip.video, SPEC.fps)
    media.write_wav(tmp_path / "apart.wav", sound, SPEC.sample_rate)
    return [
        Recording(tmp_path / "inside.mp4"),
        Recording(tmp_path / "apart.mp4", 0.0, tmp_path / "apart.wav"),
        Recording(tmp_path / "inside.mp4", 0.0, tmp_path / "apart.wav"),
    ]


def test_a_sound_that_outlasts_the_picture_is_kept_whole(tmp_path: Path) -> None:
    for recording in apart_and_inside(tmp_path, 3.0):
        native = media.read_native(recording)
        assert native.spec.frames == 16
        assert native.duration == pytest.approx(3.0, abs=0.07)
        assert len(native.audio) == pytest.approx(48000, abs=1100)  # AAC comes in packets of 1024


def test_a_sound_that_ends_before_the_picture_is_refused_or_filled_up(tmp_path: Path) -> None:
    for recording in apart_and_inside(tmp_path, 0.5):
        with pytest.raises(
            DataError, match=r"audio ends at 0\.5\d\d s, expected 2\.000 s as the pic"
        ):
            media.read_native(recording)
        native = media.read_native(recording, pad=True)
        assert native.audio.shape == (32000,)
        assert not native.audio[10000:].any()


# --- time stamps -------------------------------------------------------------------------------


def test_a_clip_begins_with_its_first_frame(tmp_path: Path) -> None:
    """The picture starts half a second after the sound; the bursts belong to frames 0, 12, 30."""
    times = [0.5 + k / 24 for k in range(48)]
    sound = movies.sound(2.5, [0.2, *(times[k] for k in (0, 12, 30))])
    path = movies.write(tmp_path / "a.mkv", movies.frames(48), times=times, audio=[(0.0, sound)])
    clip = media.read_native(Recording(path))
    assert movies.numbers(clip.video) == list(range(48))
    np.testing.assert_allclose(
        movies.burst_times(clip.audio, clip.spec.sample_rate), [0, 0.5, 1.25], atol=1e-3
    )


def test_frames_that_an_encoder_left_out_are_held(tmp_path: Path) -> None:
    kept = [k for k in range(144) if not 25 <= k < 60]
    sound = [(0.0, movies.sound())]
    path = movies.write(
        tmp_path / "a.mkv",
        [movies.frame(k) for k in kept],
        times=[k / 24 for k in kept],
        audio=sound,
    )
    clip = media.read_native(Recording(path))
    held = [k if k in kept else 24 for k in range(144)]
    assert movies.numbers(clip.video) == held
    np.testing.assert_allclose(clip.frame_times, np.arange(144) / 24, atol=1e-9)


def test_frames_at_uneven_times_keep_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.05, 100)).round(3)
    path = movies.write(
        tmp_path / "a.mkv", movies.frames(100), times=times.tolist(), audio=[(0.0, movies.sound())]
    )
    clip = media.read_native(Recording(path))
    assert movies.numbers(clip.video) == list(range(100))
    np.testing.assert_allclose(clip.frame_times, times - times[0], atol=1.1e-3)
    assert clip.spec.fps == pytest.approx(99 / (times[-1] - times[0]), rel=1e-3)


def test_peaks_come_at_the_time_stamps_of_their_frames(tmp_path: Path) -> None:
    """One jump of a square between still frames at uneven times."""
    times = [0.0, 0.1, 0.13, 0.3, 0.34, 0.5, 0.61, 0.7, 0.83, 0.9]
    pictures = [np.full((64, 64, 3), 30, np.uint8) for _ in times]
    rng = np.random.default_rng(0)
    for k, picture in enumerate(pictures):
        left = 10 + 6 * (k >= 6)
        picture[20:44, left : left + 24] = rng.integers(100, 255, (24, 24, 1)) if k == 0 else 0
        picture[20:44, left : left + 24] = pictures[0][20:44, 10:34]
    path = movies.write(
        tmp_path / "a.mkv", pictures, times=times, audio=[(0.0, movies.sound(1.0, [0.5]))]
    )
    clip = media.read_native(Recording(path))
    (block,) = AVEvents(DETECTORS["published"], "native")([clip], [""])
    (events,) = read_events(Features("x", block, np.zeros(len(block), np.int64), ("a",)))
    strongest = events.peaks[np.argmax(events.peaks[:, 1]), 0]
    assert strongest == pytest.approx(0.61, abs=1.1e-3)
    np.testing.assert_allclose(events.motion[:, 0], times, atol=1.1e-3)


# --- what a header promises --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.flv", "a.nut", "a.wmv", "a.ts", "a.mkv"])
def test_a_sound_that_outlasts_the_picture_is_no_truncation(name: str, tmp_path: Path) -> None:
    codec = "wmv2" if name == "a.wmv" else "mpeg4" if name == "a.nut" else "libx264"
    sound_codec = "aac" if name == "a.flv" else "mp2"
    audio = [(0.0, movies.sound(2.6, [0.5], 44100))]
    how = {"codec": codec, "sound_codec": sound_codec, "rate": 44100}
    path = movies.write(tmp_path / name, movies.frames(48), audio=audio, **how)
    clip = media.read_native(Recording(path))
    assert clip.spec.frames in (48, 49)
    assert clip.duration == pytest.approx(2.6, abs=0.06)


def test_an_avi_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = movies.write(tmp_path / "a.avi", movies.frames(96), audio=[(0.0, movies.sound(4.0))])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(DataError, match=r"a\.avi: .*truncated"):
        media.read_native(
            Recording(path, sound=movies.write_sound(tmp_path / "s.wav", movies.sound(4.0)))
        )


def test_subtitles_that_outlast_the_picture_are_no_truncation(tmp_path: Path) -> None:
    path = movies.write(tmp_path / "a.mkv", movies.frames(48), audio=[(0.0, movies.sound(2.0))])
    (tmp_path / "a.srt").write_text("1\n00:00:30,000 --> 00:00:35,000\nlong after the end\n")
    with_words = tmp_path / "words.mkv"
    with (
        av.open(str(path)) as source,
        av.open(str(tmp_path / "a.srt")) as words,
        av.open(str(with_words), "w") as out,
    ):
        wanted = (*source.streams, *words.streams)
        tracks = {stream: out.add_stream_from_template(stream) for stream in wanted}
        for packet in (*source.demux(), *words.demux()):
            if packet.size:
                packet.stream = tracks[packet.stream]
                out.mux(packet)
    with av.open(str(with_words)) as found:
        assert found.duration == pytest.approx(35e6)
    assert media.read_native(Recording(with_words)).spec.frames == 48


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4"])
def test_time_stamps_that_do_not_start_at_zero_are_no_truncation(name: str, tmp_path: Path) -> None:
    times = [10 + k / 24 for k in range(48)]
    path = movies.write(
        tmp_path / name,
        movies.frames(48),
        times=times,
        audio=[(10.0, movies.sound(2.0, [0.5, 1.5]))],
        codec="libx264",
        sound_codec="aac",
    )
    clip = media.read_native(Recording(path))
    assert clip.spec.frames == 48
    found = movies.burst_times(clip.audio, clip.spec.sample_rate)
    np.testing.assert_allclose(found, [0.5, 1.5], atol=0.045)


# --- bounds ------------------------------------------------------------------------------------


def test_a_size_that_changes_midway_is_refused_and_conformed_views_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    parts = []
    for number, size in enumerate(((48, 64), (96, 128))):
        part = movies.write(
            tmp_path / f"{number}.h264",
            [movies.frame(24 * number + k, size) for k in range(24)],
            codec="libx264",
            form="h264",
            options={"x264-params": "bframes=0:threads=1"},
        )
        parts.append(part.read_bytes())
    (tmp_path / "both.h264").write_bytes(b"".join(parts))
    with (
        av.open(str(tmp_path / "both.h264"), format="h264") as source,
        av.open(str(path), "w", format="mpegts") as out,
    ):
        track = out.add_stream_from_template(source.streams.video[0])
        for order, packet in enumerate(p for p in source.demux() if p.size):
            packet.stream, packet.time_base = track, Fraction(1, 24)
            packet.pts = packet.dts = order
            out.mux(packet)
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(2.0, [0.5]))
    recording = Recording(path, 0.0, sound)
    with pytest.raises(DataError, match=r"64 x 48 px and, from 1\.0\d\d s on, of 128 x 96 px"):
        media.read_native(recording)
    clip = media.read(recording, ClipSpec(8, 4.0, (48, 64), 16000))
    assert movies.numbers(clip.video) == [0, 6, 12, 18, 24, 30, 36, 42]


def test_a_clip_larger_than_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = [(0.0, movies.sound(3.0, [0.5], 16000))]
    path = movies.write(tmp_path / "a.mkv", movies.frames(48), audio=audio, rate=16000)
    frame = 48 * 64 * 3
    monkeypatch.setattr(native, "MOST_BYTES", 47 * frame)
    with pytest.raises(DataError, match=r"a\.mkv: found 48 frames of 64 x 48 px, more than"):
        media.read_native(Recording(path))
    monkeypatch.setattr(native, "MOST_BYTES", 20 * frame)
    with pytest.raises(DataError, match=r"a\.mkv: found more than \d+ samples of sound"):
        media.read_native(Recording(path))


@pytest.mark.parametrize("later", [30.0, 30 * 3600.0])
def test_sound_far_behind_the_picture_is_refused_and_takes_no_memory(
    later: float, tmp_path: Path
) -> None:
    audio = [(0.0, movies.sound(2.0)), (later + 32.5, movies.sound(1.0))]
    path = movies.write(tmp_path / "a.mkv", movies.frames(48), audio=audio)
    with pytest.raises(DataError, match=r"expected none more than 60 s behind the picture"):
        media.read_native(Recording(path))


def test_an_hour_of_sound_beside_a_short_picture_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = movies.write(tmp_path / "a.mkv", movies.frames(48))
    path = movies.write_sound(tmp_path / "a.wav", movies.sound(200, [0.5], 8000), rate=8000)
    lines = []

    def reading(*words: object) -> TimeLine:
        lines.append(read_time_line(*words))  # type: ignore[arg-type]
        return lines[-1]

    monkeypatch.setattr(native, "read_time_line", reading)
    with pytest.raises(DataError, match=r"a\.wav: found audio at \d+\.\d+ s, expected none more"):
        media.read_native(Recording(picture, 0.0, path))
    assert sum(len(piece) for run in lines[0].runs for piece in run.blocks) < 8000 * 64
