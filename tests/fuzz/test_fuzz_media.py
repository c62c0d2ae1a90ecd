"""Damaged media files: each variant is decoded, or refused in one line.

The variants are read in a process of their own, so that one which ends the interpreter is a failure
of this test and not its end. The long version is `SVBENCH_FUZZ=2000 pytest tests/fuzz`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.types import ClipSpec, Recording
from tests.factories import movies
from tests.fuzz.mutations import count, mutants

USUAL = 25  # variants of each specimen
MOST_MEMORY = 1.5e9  # bytes a process may have taken at the end of its variants
SPEC = ClipSpec(8, 8.0, (24, 32), 16000)
SECONDS = 1.0

X264 = {"codec": "libx264", "options": {"x264-params": "keyint=12:bframes=2:threads=1"}}
MPEG4 = {"codec": "mpeg4", "options": {"bf": "2", "q": "3"}}
FILMS: Mapping[str, Mapping[str, Any]] = {
    "a.mp4": {**X264, "sound_codec": "aac"},
    "a.mkv": {},
    "a.ts": {**X264, "sound_codec": "aac"},
    "a.avi": {**MPEG4, "sound_codec": "mp2"},
    "a.mpg": {"codec": "mpeg2video", "sound_codec": "mp2"},
    "a.flv": {**X264, "sound_codec": "aac", "rate": 44100},
    "a.wmv": {"codec": "wmv2", "sound_codec": "mp2"},
    "a.nut": {**MPEG4},
}
SOUNDS: Mapping[str, Mapping[str, Any]] = {
    "s.wav": {},
    "s.flac": {"codec": "flac", "layout": "7.1"},
    "s.m4a": {"codec": "aac", "layout": "7.1"},
    "s.mp2": {"codec": "mp2"},
    "s.ogg": {"codec": "flac"},
    "s.aac": {"codec": "aac", "form": "adts"},
    "s.ac3": {"codec": "ac3", "layout": "5.1"},
}


def write_specimen(folder: Path, name: str) -> Path:
    """Write an intact video or audio file of one second."""
    if name in SOUNDS:
        return movies.write_sound(folder / name, movies.sound(SECONDS), **SOUNDS[name])
    how = dict(FILMS[name])
    rate = how.get("rate", movies.RATE)
    audio = [(0.0, movies.sound(SECONDS, [0.2, 0.6], rate))]
    return movies.write(folder / name, movies.frames(24, (24, 32)), audio=audio, **how)


def read_as(name: str, film: Path, damaged: Path) -> list[Callable[[], object]]:
    """Return the decoders to run on a damaged file."""
    one = Recording(film, 0.0, damaged) if name in SOUNDS else Recording(damaged)
    return [
        lambda: media.check(one),
        lambda: media.read(one, SPEC),
        lambda: media.read(Recording(one.path, 0.4, one.sound), SPEC, pad=True),
        lambda: media.read_native(one),
        lambda: media.duration(one.path),
        lambda: media.read_comment(one.path),
    ]


def read_variants(folder: Path, name: str, number: int) -> dict[str, Any]:
    """Run every decoder on every variant; return the counts of outcomes."""
    specimen = (folder / name).read_bytes()
    film, damaged = folder / "film.mkv", folder / f"damaged{Path(name).suffix}"
    outcomes: Counter[str] = Counter()
    foreign = []
    for variant, data in enumerate(mutants(specimen, number, name)):
        damaged.write_bytes(data)
        for way in read_as(name, film, damaged):
            try:
                way()
                outcomes["read"] += 1
            except DataError as error:
                outcomes["refused"] += 1
                if len(str(error).splitlines()) != 1:
                    foreign.append(f"variant {variant}: {error}")
            except Exception:
                foreign.append(f"variant {variant}: {traceback.format_exc()}")
    return {"outcomes": outcomes, "foreign": foreign, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the peak memory of this process, in bytes; 0 without /proc."""
    status = Path("/proc/self/status")
    text = status.read_text() if status.exists() else "VmHWM: 0"
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("name", [*FILMS, *SOUNDS])
def test_damaged_media_are_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    write_specimen(tmp_path, name)
    movies.write(tmp_path / "film.mkv", movies.frames(24, (24, 32)))
    number = count(USUAL)
    command = [sys.executable, "-m", __name__, str(tmp_path), name, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["foreign"], found["foreign"][0]
    assert sum(found["outcomes"].values()) == number * len(read_as(name, tmp_path, tmp_path))
    assert found["outcomes"].get("refused"), "no variant was damaged enough to be refused"
    assert found["peak"] < MOST_MEMORY


def test_the_specimens_are_read(tmp_path: Path) -> None:
    movies.write(tmp_path / "film.mkv", movies.frames(24, (24, 32)))
    for name in (*FILMS, *SOUNDS):
        path = write_specimen(tmp_path, name)
        film = tmp_path / "film.mkv" if name in SOUNDS else path
        clip = media.read(Recording(film, 0.0, path if name in SOUNDS else None), SPEC)
        shown = np.subtract(movies.numbers(clip.video), range(0, 24, 3))
        assert np.abs(shown).max() <= 1, name  # AAC in a transport stream begins 21 ms early
        assert np.abs(clip.audio).max() > 0.3 or name in SOUNDS, name


if __name__ == "__main__":
    print(json.dumps(read_variants(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
