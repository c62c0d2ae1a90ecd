"""Forty recordings that cannot be decoded, in one folder with two that can.

Each is generated here, gets one line that names it and what was found, and affects no other clip.
That the process survives is part of the test: some of these once crashed the interpreter.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from svbench.datasets import manifest
from svbench.errors import DataError
from svbench.files import media
from tests.factories import movies
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.commands import Command

Make = Callable[[Path], object]
SIZE = (24, 32)


def text(content: str) -> Make:
    return lambda path: path.write_text(content)


def content(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def movie(
    *, frames: int = 24, seconds: float | None = 1.0, start: float = 0.0, late: float = 0.0
) -> Make:
    """Write a recording of so many frames and seconds of audio, each with its own start."""

    def make(path: Path) -> None:
        times = [start + k / 24 for k in range(frames)]
        audio = None if seconds is None else [(late, movies.sound(seconds, [0.2]))]
        pictures = movies.frames(frames, SIZE)
        movies.write(path, pictures, times=times, audio=audio, form="matroska")

    return make


def damaged(find: bytes, put: bytes, make: Make = movie()) -> Make:  # noqa: B008
    """Write a recording and overwrite the first occurrence of `find` in it."""

    def spoil(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        assert find in data
        path.write_bytes(data.replace(find, put, 1))

    return spoil


def cut(share: float, make: Make) -> Make:
    def shorten(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: round(share * len(data))])

    return shorten


def mp4(path: Path) -> None:
    media.write_mp4(path, make_clip(1).video, 8.0, make_clip(1).audio)


def wav(
    channels: int = 1, rate: int = 16000, bits: int = 16, form: int = 1, data: bytes = bytes(32000)
) -> bytes:
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", form, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(body) + len(data)) + body + data


def silent_film_and(sound: bytes, ending: str = ".wav") -> Make:
    """Write a recording without audio, and an audio file beside it."""

    def make(path: Path) -> None:
        movie(seconds=None)(path)
        path.with_suffix(ending).write_bytes(sound)

    return make


def png(size: int = 16) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = b"".join(b"\0" + bytes([200, 30, 30]) * size for _ in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def twice(path: Path) -> None:
    """Concatenate a transport stream with itself: its time stamps jump back."""
    movies.write(path, movies.frames(12, SIZE), codec="libx264", form="mpegts")
    path.write_bytes(2 * path.read_bytes())
    path.with_suffix(".wav").write_bytes(wav())


def oblique(path: Path) -> None:
    """Set a rotation that is no multiple of 90 degrees in the track header of an MP4."""
    mp4(path)
    data, one = path.read_bytes(), struct.pack(">i", 1 << 16)
    place = data.index(one + bytes(12) + one, data.index(b"tkhd"))
    turn = struct.pack(">iiiii", 52429, 39322, 0, -39322, 52429)
    path.write_bytes(data[:place] + turn + data[place + 20 :])


def deaf(path: Path) -> None:
    """Write a recording without audio in place of the audio file."""
    movie(seconds=None)(path)
    movie(seconds=None)(path.with_suffix(".flac"))


def not_a_number() -> bytes:
    samples = np.zeros(16000, "<f4")
    samples[5000] = np.nan
    return wav(bits=32, form=3, data=samples.tobytes())


KINDS: dict[str, tuple[Make, str]] = {
    # what lies at <kind>.mkv -> the message
    "empty": (content(b""), "found an empty file (0 bytes)"),
    "text": (text("no video\n" * 50), "found no readable media"),
    "a page": (text("<!DOCTYPE html><html><body>404</body></html>"), "found no readable media"),
    "a script of ffconcat": (text("ffconcat version 1.0\nfile good.mkv\n"), "no readable media"),
    "a play list": (text("#EXTM3U\n#EXTINF:1,\ngood.mkv\n#EXT-X-ENDLIST\n"), "no readable media"),
    "a session": (text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n"), "no read"),
    "subtitles": (text("1\n00:00:00,000 --> 00:00:01,000\nwords\n\n" * 9), "no readable media"),
    "a picture": (content(png()), "found no readable media"),
    "an archive": (content(b"PK\x03\x04" + bytes(200)), "found no readable media"),
    "a document": (content(b"%PDF-1.7\n" + bytes(200)), "found no readable media"),
    "noise": (content(np.random.default_rng(0).bytes(9000)), "found no readable media"),
    "a box without end": (content(b"\xff\xff\xff\xffftypisom" + bytes(64)), "found no readable"),
    "half an MP4": (cut(0.5, mp4), "found no readable media"),
    "half a Matroska": (cut(0.5, movie()), "video ends at"),
    "a header alone": (cut(0.006, movie()), "found no "),
    "no sound": (movie(seconds=None), "found no audio stream"),
    "no picture": (content(wav()), "found no video stream"),
    "one frame": (movie(frames=1), "video ends at 0.042 s"),
    "few frames": (movie(frames=12), "video ends at 0.500 s, expected 1.000 s"),
    "half the sound": (movie(seconds=0.5), "audio ends at 0.500 s, expected 1.000 s"),
    "a late picture": (movie(start=2.0, seconds=3.0), "video begins at 2.000 s"),
    "a late sound": (movie(frames=48, late=1.5), "audio begins at 1.500 s"),
    "a very late sound": (movie(frames=48, late=360_000.0), "audio begins at 360000.000 s"),
    "times that jump back": (twice, "time stamps of the picture jump back"),
    "an unknown codec": (damaged(b"V_FFV1", b"V_XXXX"), "unknown codec"),
    "an unknown sound": (damaged(b"A_PCM/INT/LIT", b"A_XXX/INT/LIT"), "codec"),
    "an oblique picture": (oblique, "found a display matrix that is no quarter turn"),
    "a film without sound as sound": (deaf, "found no audio stream"),
    "an empty sound": (silent_film_and(b""), "found an empty file (0 bytes)"),
    "a sound of text": (silent_film_and(b"no sound\n" * 20), "found no readable media"),
    "not a number": (silent_film_and(not_a_number()), "found NaN or infinity in the sound"),
    "no channel": (silent_film_and(wav(channels=0)), "decoding stopped"),
    "no rate": (silent_film_and(wav(rate=0)), "found no readable media"),
    "no samples": (silent_film_and(wav(data=b"")), "without sound"),
    "half a header": (silent_film_and(wav()[:20]), "found no readable media"),
    "a short sound": (silent_film_and(wav(data=bytes(3200))), "audio ends at 0.100 s"),
    "a film as sound": (silent_film_and(png(), ".flac"), "found no readable media"),
    "a link to nothing": (lambda path: path.symlink_to("gone.mkv"), "found nothing there"),
    "a pipe": (lambda path: os.mkfifo(path), "found a device or pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "found a device or pipe"),
}


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spoilt")
    for number in range(2):
        write_clip(folder / f"good{number}.mp4", seed=number)
    for kind, (make, _) in KINDS.items():
        make(folder / f"{kind}.mkv")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_one_line(kind: str, spoilt: Path) -> None:
    (example,) = (e for e in manifest.load(spoilt)[spoilt.name] if e.id == kind)
    with pytest.raises(DataError) as caught:
        media.read(example.recording, SPEC)
    line = str(caught.value)
    found = KINDS[kind][1]
    assert line.startswith(f"{spoilt / kind}.")
    assert found in line
    assert "expected" in line
    assert len(line.splitlines()) == 1


def test_with_allow_missing_the_others_are_judged(spoilt: Path, score: Command) -> None:
    outcome = score(spoilt, "--allow-missing")
    assert outcome.code == 0, outcome.err
    assert f"n = 2 of {len(KINDS) + 2}" in outcome.out
    assert score(spoilt).code == 3
