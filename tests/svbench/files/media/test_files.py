"""Opening files: any name is a local file, and whatever is raised inside becomes one line."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media import picture
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
