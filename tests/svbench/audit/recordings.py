"""Recordings for audits: clean ones that differ from each other, and one of each fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.factories import movies
from tests.factories.movies import Audio, Video

FPS: Final = 8
RATE: Final = 16000
SECONDS: Final = 4.0


def pictures(number: int, count: int = 32, size: tuple[int, int] = (48, 64)) -> list[Video]:
    """Return frames in which a bright square walks over noise that belongs to the number."""
    ground = np.random.default_rng(number).integers(40, 120, (*size, 3), np.uint8)
    found = []
    for k in range(count):
        frame = ground.copy()
        left = 2 + (k * (size[1] - 20)) // max(1, count)
        frame[10:30, left : left + 16] = 230
        found.append(frame)
    return found


def tone(number: int, seconds: float = SECONDS, rate: int = RATE) -> Audio:
    """Return a tone whose height belongs to the number."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * (200 + 37 * number) * time)).astype(np.float32)


def write(
    path: Path,
    number: int,
    *,
    frames: Sequence[Video] | None = None,
    audio: Audio | None = None,
    start: float = 0.0,
    **settings: Any,
) -> Path:
    """Write a recording of 4 s at 8 frames/s with a tone, H.264 and AAC, header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    usual: dict[str, Any] = {
        "codec": "libx264",
        "options": {"threads": "1"},
        "container_options": {"movflags": "faststart"},
        "sound_codec": "aac",
        "rate": RATE,
        "fps": FPS,
    }
    given = usual | settings
    sound = tone(number, rate=given["rate"]) if audio is None else audio
    shown = pictures(number) if frames is None else frames
    return movies.write(path, shown, audio=[(start, sound)], **given)


def _silent(path: Path, number: int) -> None:
    movies.write(path, pictures(number), codec="libx264", fps=FPS)


def _cut(path: Path, number: int) -> None:
    data = write(path, number).read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def _damaged(path: Path, number: int) -> None:
    """Write a recording and overwrite half of its content, but for the header and its first."""
    data = bytearray(write(path, number).read_bytes())
    begin = data.index(b"mdat")
    middle = begin + (len(data) - begin) // 4
    data[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    path.write_bytes(bytes(data))


UNEVEN: Final = [k / FPS for k in range(16)] + [2 + k / FPS for k in range(4, 16)]
LOUD: Final = np.sign(tone(0)).astype(np.float32)

# Writes a clip with the fault of a kind: path and number of the clip.
FAULTS: Final[dict[str, Callable[[Path, int], object]]] = {
    "missing": lambda path, _: path.unlink(missing_ok=True),
    "unreadable": lambda path, _: path.write_bytes(b""),
    "no-video": lambda path, n: movies.write_sound(path, tone(n), codec="aac", rate=RATE),
    "no-sound": _silent,
    "truncated": _cut,
    "corrupt": _damaged,
    "short": lambda path, n: write(path, n, frames=pictures(n, 16), audio=tone(n, 2.0)),
    "frozen": lambda path, n: write(path, n, frames=pictures(n)[:1] * 32),
    "black": lambda path, n: write(path, n, frames=[np.zeros((48, 64, 3), np.uint8)] * 32),
    "silent": lambda path, n: write(path, n, audio=1e-5 * tone(n)),
    "clipped": lambda path, n: write(path, n, audio=LOUD, sound_codec="pcm_s16le"),
    "lengths-differ": lambda path, n: write(path, n, audio=tone(n, 6.0)),
    "late-start": lambda path, n: write(path, n, start=0.3),
    "odd-frame-rate": lambda path, n: write(path, n, frames=pictures(n, 40), fps=10),
    "variable-rate": lambda path, n: write(path, n, frames=pictures(n, 28), times=UNEVEN),
    "odd-size": lambda path, n: write(path, n, frames=pictures(n, size=(64, 64))),
    "odd-sample-rate": lambda path, n: write(path, n, rate=24000),
}
