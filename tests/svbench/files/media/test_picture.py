"""Pictures: their times, seeking, display matrices, pixels that are not square."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media import picture
from svbench.types import ClipSpec, Recording
from tests.factories import movies

OPEN = "keyint=24:open-gop=1:bframes=3:b-adapt=0:scenecut=0:threads=1"
X264 = {"codec": "libx264", "options": {"x264-params": "keyint=24:bframes=3:threads=1"}}
X264_OPEN = {"codec": "libx264", "options": {"x264-params": OPEN}}
X264_ONE_KEY = {"codec": "libx264", "options": {"x264-params": "keyint=9999:threads=1"}}
REFRESH = "keyint=24:intra-refresh=1:bframes=0:threads=1"
MPEG2 = {"codec": "mpeg2video", "options": {"bf": "2", "g": "12", "q": "3"}}
FRAGMENTS = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}

FORMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "closed groups": ("a.mp4", X264),
    "open groups": ("a.mp4", X264_OPEN),
    "open groups, Matroska": ("a.mkv", X264_OPEN),
    "open groups, transport stream": ("a.ts", X264_OPEN),
    "one key frame": ("a.mkv", X264_ONE_KEY),
    "intra refresh": ("a.mp4", {"codec": "libx264", "options": {"x264-params": REFRESH}}),
    "fragments": ("a.mp4", {**X264, "container_options": FRAGMENTS}),
    "AVI, B-frames": ("a.avi", X264),
    "AVI, MPEG-4": ("a.avi", {"codec": "mpeg4", "options": {"bf": "2", "g": "24", "q": "3"}}),
    "programme stream": ("a.mpg", MPEG2),
    "MPEG-2, transport stream": ("a.ts", MPEG2),
    "Flash": ("a.flv", X264),
    "Windows Media": ("a.wmv", {"codec": "wmv2", "options": {"g": "24", "q": "3"}}),
}


@pytest.fixture(scope="module")
def ten_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return movies.write_sound(tmp_path_factory.mktemp("sound") / "s.wav", movies.sound(10))


@pytest.mark.parametrize("kind", FORMS)
def test_a_late_start_gives_the_frames_that_decoding_from_the_front_gives(
    kind: str, ten_seconds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, how = FORMS[kind]
    path = movies.write(tmp_path / name, movies.frames(240), **how)
    spec = ClipSpec(12, 24.0, (48, 64), 16000)
    for start in (2.5, 5.0, 6.99, 9.25):
        recording = Recording(path, start, ten_seconds)
        sought = media.read(recording, spec)
        with monkeypatch.context() as patch:
            patch.setattr(picture, "SEEK_FROM", np.inf)
            whole = media.read(recording, spec)
        np.testing.assert_array_equal(sought.video, whole.video)
        first = round(start * 24)
        assert movies.numbers(sought.video) == list(range(first, first + 12))


AVI = {
    "one by one": {},
    "MPEG-4": {"codec": "mpeg4", "options": {"bf": "0", "q": "3"}},
    "MPEG-4, B-frames": {"codec": "mpeg4", "options": {"bf": "2", "q": "3"}},
    "H.264, B-frames": {"codec": "libx264", "options": {"x264-params": "bframes=2:threads=1"}},
}


@pytest.mark.parametrize("kind", AVI)
def test_frames_left_out_of_an_avi_leave_the_others_in_place(
    kind: str, ten_seconds: Path, tmp_path: Path
) -> None:
    kept = [k for k in range(144) if k % 7 not in (3, 4)]
    pictures = [movies.frame(k) for k in kept]
    path = movies.write(tmp_path / "a.avi", pictures, times=[k / 24 for k in kept], **AVI[kind])
    clip = media.read(Recording(path, 0.0, ten_seconds), ClipSpec(96, 24.0, (48, 64), 16000))
    shown = np.subtract(movies.numbers(clip.video), range(96))
    assert np.abs(shown).max() == 1  # of two frames left out each is next to one that is there


def test_a_packet_without_picture_delays_no_other(ten_seconds: Path, tmp_path: Path) -> None:
    """What XviD writes for a frame that repeats the last one: a picture that is not coded."""
    kept = [k for k in range(96) if k % 5 != 3]
    how = {"codec": "mpeg4", "options": {"bf": "0", "g": "300", "q": "3"}}
    pictures = [movies.frame(k) for k in kept]
    film = movies.write(tmp_path / "a.avi", pictures, times=[k / 24 for k in kept], **how)
    path = tmp_path / "b.avi"
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        coded = iter([bytes(packet) for packet in source.demux() if packet.size])
        for k in range(96):
            # VOP start code, type P, time of a frame, not coded: 14496-2, 6.2.5
            bits = f"0101{k % 24 * 1000:015b}10" + "011"
            absent = b"\0\0\1\xb6" + int(bits, 2).to_bytes(3, "big")
            packet = av.Packet(next(coded) if k in kept else absent)
            packet.stream, packet.time_base = track, Fraction(1, 24)
            packet.pts = packet.dts = k
            packet.is_keyframe = k == 0
            out.mux(packet)
    clip = media.read(Recording(path, 0.0, ten_seconds), ClipSpec(90, 24.0, (48, 64), 16000))
    shown = np.subtract(movies.numbers(clip.video), range(90))
    assert set(shown) <= {-1, 0}
    assert [k for k in range(90) if shown[k]] == [k for k in range(90) if k % 5 == 3]


def test_frames_are_let_go_as_they_are_read(tmp_path: Path) -> None:
    """Reading a display matrix once tied each frame into a cycle that only a collection ends."""
    path = movies.write(tmp_path / "a.mkv", movies.frames(24))
    upright = picture.Upright(path)
    gc.collect()
    gc.disable()
    try:
        others = frames_alive()  # of tests that ran before in this process
        for one in picture.decode_frames(path):
            upright.square(one)
        alive = frames_alive() - others
    finally:
        gc.enable()
    assert alive <= 2


def frames_alive() -> int:
    return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())


def test_the_cover_is_not_the_video_and_the_default_track_is(tmp_path: Path) -> None:
    """A small default track beside a larger one, in Matroska, which marks defaults."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        tracks = []
        for size, default in (((96, 128), False), ((48, 64), True)):
            stream = out.add_stream("ffv1", rate=24)
            stream.height, stream.width = size
            stream.pix_fmt = "bgr0"
            stream.disposition = av.stream.Disposition.default if default else 0
            tracks.append((stream, size, default))
        for k in range(48):
            for stream, size, default in tracks:
                array = movies.frame(k if default else 255 - k, size)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        for stream, *_ in tracks:
            out.mux(stream.encode(None))
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(2))
    clip = media.read(Recording(path, 0.0, sound), ClipSpec(4, 4.0, (48, 64), 16000))
    assert movies.numbers(clip.video) == [0, 6, 12, 18]


def test_the_length_of_the_last_frame_is_its_own(tmp_path: Path, ten_seconds: Path) -> None:
    """Not the gap before it: half a second of frames, a hole, one frame, and nothing more."""
    times = [*(k / 24 for k in range(12)), 2.3]
    path = movies.write(tmp_path / "a.mkv", movies.frames(13), times=times)
    with pytest.raises(DataError, match=r"video ends at 2\.3\d\d s, expected 4\.000 s"):
        media.read(Recording(path, 0.0, ten_seconds), ClipSpec(32, 8.0, (48, 64), 16000))


def test_a_last_frame_that_is_held_is_held(tmp_path: Path, ten_seconds: Path) -> None:
    pictures = [Image.fromarray(frame) for frame in movies.frames(10)]
    first, *others = pictures
    delays = [*[100] * 9, 4000]  # ms
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=delays)
    clip = media.read(
        Recording(tmp_path / "a.gif", 0.0, ten_seconds), ClipSpec(16, 4.0, (48, 64), 16000)
    )
    assert movies.numbers(clip.video)[-12:] == [9] * 12


def test_a_picture_that_begins_behind_the_window_is_refused(tmp_path: Path) -> None:
    times = [5 + k / 24 for k in range(48)]
    audio = [(0.0, movies.sound(7))]
    path = movies.write(tmp_path / "late.mkv", movies.frames(48), times=times, audio=audio)
    with pytest.raises(DataError, match=r"video begins at 5\.000 s, expected some between 0\.000"):
        media.read(Recording(path), ClipSpec(8, 8.0, (48, 64), 16000))


def test_time_stamps_that_jump_back_are_refused(tmp_path: Path) -> None:
    """Two transport streams one behind the other: the second begins at the first one's times."""
    first = movies.write(tmp_path / "a.ts", movies.frames(120), **X264)
    (tmp_path / "twice.ts").write_bytes(2 * first.read_bytes())
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(10))
    with pytest.raises(DataError, match=r"twice\.ts: time stamps of the picture jump back"):
        media.read(Recording(tmp_path / "twice.ts", 0.0, sound), ClipSpec(64, 8.0, (8, 8), 16000))


# --- turns and mirrors -------------------------------------------------------------------------

ONE = 0x10000
# a, b, c, d of x' = a x + c y, y' = b x + d y -> where the quarters 1 2 / 3 4 come to lie
MATRICES = {
    (1, 0, 0, 1): "12/34",
    (-1, 0, 0, 1): "21/43",
    (1, 0, 0, -1): "34/12",
    (-1, 0, 0, -1): "43/21",
    (0, 1, 1, 0): "13/24",
    (0, 1, -1, 0): "31/42",
    (0, -1, 1, 0): "24/13",
    (0, -1, -1, 0): "42/31",
}


def write_turned(path: Path, matrix: tuple[float, float, float, float]) -> Path:
    """Write four quarters of grey 50, 100, 150, 200 and put a matrix into the track header."""
    array = np.repeat(np.repeat([[50, 100], [150, 200]], 32, 0), 48, 1).astype(np.uint8)
    movies.write(path, [np.repeat(array[..., None], 3, 2)] * 8, codec="libx264", fps=8)
    raw = path.read_bytes()
    upright = ONE.to_bytes(4, "big") + bytes(12) + ONE.to_bytes(4, "big")
    place = raw.index(upright, raw.index(b"tkhd"))
    a, b, c, d = ((round(x * ONE) & 0xFFFFFFFF).to_bytes(4, "big") for x in matrix)
    path.write_bytes(raw[:place] + a + b + bytes(4) + c + d + raw[place + 20 :])
    return path


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_display_matrix_is_applied(matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    path = write_turned(tmp_path / "a.mp4", matrix)
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(1))
    frame = media.read_native(Recording(path, 0.0, sound)).video[0]
    height, width = frame.shape[:2]
    assert (height, width) == ((64, 96) if matrix[0] else (96, 64))
    quarters = [
        round(float(frame[y, x].mean()) / 50)
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    ]
    assert "{}{}/{}{}".format(*quarters) == MATRICES[matrix]


def test_a_matrix_that_is_no_quarter_turn_is_refused(tmp_path: Path) -> None:
    path = write_turned(tmp_path / "a.mp4", (0.8, 0.6, -0.6, 0.8))
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(1))
    with pytest.raises(DataError, match=r"a\.mp4: found a display matrix that is no quarter turn"):
        media.read_native(Recording(path, 0.0, sound))


# --- pixels that are not square ----------------------------------------------------------------


@pytest.mark.parametrize("pixel", [Fraction(2), Fraction(1, 2), Fraction(16, 15)])
def test_a_circle_stays_a_circle(pixel: Fraction, tmp_path: Path) -> None:
    height = 192
    width = round(height / pixel)
    y, x = np.mgrid[:height, :width]
    across = (x + 0.5) * float(pixel) - height / 2
    disc = np.where(across**2 + (y + 0.5 - height / 2) ** 2 < 60**2, 235, 16).astype(np.uint8)
    pictures = [np.repeat(disc[..., None], 3, 2)] * 8
    path = movies.write(tmp_path / "a.mp4", pictures, codec="libx264", pixel=pixel, fps=8)
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(1))
    recording = Recording(path, 0.0, sound)
    for video in (
        media.read(recording, ClipSpec(8, 8.0, (128, 128), 16000)).video,
        media.read_native(recording).video,
    ):
        lit = video[0, ..., 0] > 128
        assert lit.any(0).sum() / lit.any(1).sum() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("pixel", [Fraction(448, 447), Fraction(447, 448), Fraction(101, 100)])
def test_the_native_view_does_not_interpolate_pixels_that_are_nearly_square(
    pixel: Fraction, tmp_path: Path
) -> None:
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(1))
    noise = np.random.default_rng(0).integers(0, 256, (8, 224, 298, 3), np.uint8)
    found = []
    for name, aspect in (("plain", Fraction(1)), ("nearly", pixel)):
        path = movies.write(tmp_path / f"{name}.mkv", list(noise), pixel=aspect, fps=8)
        found.append(media.read_native(Recording(path, 0.0, sound)).video)
    np.testing.assert_array_equal(*found)


def test_a_picture_too_long_to_be_scaled_is_refused(tmp_path: Path) -> None:
    ribbon = [np.zeros((2, 4096, 3), np.uint8)] * 8
    path = movies.write(tmp_path / "a.mkv", ribbon, fps=8)
    sound = movies.write_sound(tmp_path / "s.wav", movies.sound(1))
    with pytest.raises(DataError, match=r"a picture of 4096 x 2 px, which would be 524288 x 256"):
        media.read(Recording(path, 0.0, sound), ClipSpec(8, 8.0, (256, 256), 16000))
