"""How much of a clip a file may lack at its ends, and what is reported where it lacks more."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

from svbench.errors import DataError
from svbench.files.media.sound import TimeLine
from svbench.types import ClipSpec, Recording

TOLERANCE: Final = Fraction(
    0.1
)  # s; an AAC packet at 16 kHz lasts 0.064 s, and muxers drop the last one


ADVICE: Final = " To judge short clips, add --frames with fewer frames, or --pad"


def check_sound(
    line: TimeLine, path: Path, recording: Recording, spec: ClipSpec, advice: str = ADVICE
) -> None:
    """Raise DataError where the sound of a clip begins behind it, or ends before it."""
    begin = Fraction(recording.start)
    end = begin + spec.frames / Fraction(spec.fps)
    if end - line.end > TOLERANCE:
        raise DataError(too_short(path, "audio", line.end, recording, spec, advice))
    if not line.has_sound_between(begin, end):
        raise DataError(begins_late(path, "audio", line.runs[0].anchor, recording, spec))


def too_short(
    path: Path,
    what: str,
    end: Fraction,
    recording: Recording,
    spec: ClipSpec,
    advice: str = ADVICE,
) -> str:
    """Return the message for video or audio that ends before its clip."""
    return (
        f"{path}: {what} ends at {float(end):.3f} s, "
        f"expected {recording.start + spec.duration:.3f} s "
        f"({spec}); is it truncated?{advice}"
    )


def begins_late(
    path: Path, what: str, begin: Fraction, recording: Recording, spec: ClipSpec
) -> str:
    """Return the message for video or audio that begins behind its clip."""
    return (
        f"{path}: {what} begins at {float(begin):.3f} s, expected some between "
        f"{recording.start:.3f} s and {recording.start + spec.duration:.3f} s ({spec})"
    )
