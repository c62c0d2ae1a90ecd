"""Opening files: any name is a local file, and whatever is raised inside becomes one line."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media import containers, picture
from svbench.types import ClipSpec, Recording
from tests.factories import movies
from tests.factories.clips import SPEC, write_clip


@pytest.mark.parametrize(
    "name",
    ["12:30:05.mp4", "http:/a.mp4", "pipe:0/a.mp4", "%03d.mp4", "ü é.mp4", "a|b.mp4", "-.mp4"],
)
def test_a_name_is_a_local_file_whatever_it_looks_like(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_clip(Path(name))
    media.check(Recording(path))
    assert media.read(Recording(path), SPEC).spec == SPEC


def test_a_name_that_is_no_text_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    path.write_bytes(write_clip(tmp_path / "a.mp4").read_bytes())
    assert media.read(Recording(path), SPEC).spec == SPEC


def test_tags_that_are_no_text_decide_nothing(tmp_path: Path) -> None:
    path = movies.write(
        tmp_path / "a.avi",
        movies.frames(24),
        audio=[(0.0, movies.sound(1.0, [0.5]))],
        codec="mpeg4",
    )
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.avi"), "w") as out:
        out.metadata["title"] = "CAFE"
        tracks = {stream: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = tracks[packet.stream]
                out.mux(packet)
    data = (tmp_path / "b.avi").read_bytes()
    assert b"CAFE" in data
    (tmp_path / "b.avi").write_bytes(data.replace(b"CAFE", b"CAF\xc9"))
    spec = ClipSpec(8, 8.0, (48, 64), 16000)
    assert media.read(Recording(tmp_path / "b.avi"), spec).spec == spec


@pytest.mark.parametrize(
    "error", [ValueError("x"), IndexError(), MemoryError(), AttributeError("a"), cv2.error("cv")]
)
def test_whatever_is_raised_becomes_one_line(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_words: object) -> None:
        raise error

    path = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(picture, "cover", failing)
    with pytest.raises(DataError, match=r"^\S+a\.mp4: decoding [^\n]+expected [^\n]+$"):
        media.read(Recording(path), SPEC)


def in_wave(path: Path, samples: bytes) -> Path:
    """Write bytes as the samples of a WAV of 16 bits, stereo."""
    with wave.open(str(path), "wb") as out:
        out.setparams((2, 2, 44100, 0, "NONE", ""))
        out.writeframes(samples)
    return path


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("silence", [0, 20_000])
def test_dts_in_a_wave_is_found_wherever_it_begins(
    tmp_path: Path, order: str, silence: int
) -> None:
    # Sync word, a normal frame of 32 samples per block and 16 blocks, 1006 bytes, stereo, 44.1 kHz.
    fields = [(0x7FFE8001, 32), (0b1_11111_0, 7), (15, 7), (1005, 14), (2, 6), (8, 4), (15, 5)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields).ljust(1006 * 8, "0")
    frame = np.array([int(bits[i : i + 16], 2) for i in range(0, len(bits), 16)], order)
    path = in_wave(tmp_path / "a.wav", bytes(silence) + frame.tobytes() * 150)
    with containers.opened(path) as container:
        assert container.streams.audio[0].codec_context.name == "dca"


def test_samples_of_a_wave_are_samples(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).integers(-(2**15), 2**15, 200_000, np.int16)
    path = in_wave(tmp_path / "a.wav", steps.tobytes())
    with containers.opened(path) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
        assert container.streams.audio[0].duration == 100_000
