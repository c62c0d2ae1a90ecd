"""Views of clips for reports: files that a browser plays, and the curves to draw below them.

`svbench.walk.gallery` makes views and reports draw them. They exchange these dataclasses and plain
files, so that drawing needs no media library.

Conventions
-----------
Times are in seconds from the first scored frame. Paths are relative to the folder of the report,
with forward slashes. Motion is in pixels per frame, one value per frame, the first at 0 s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from svbench.errors import DataError
from svbench.files.seals import sealed, unsealed
from svbench.files.text import REASON, read_object, shown


@dataclass(frozen=True, slots=True)
class Motion:
    """The motion of each frame, as measured for one set of detectors."""

    fps: float  # frames / s
    values: tuple[float, ...]  # px per frame


@dataclass(frozen=True, slots=True)
class ClipView:
    """The files and curves of one clip."""

    system: str
    request_id: str
    digest: str  # of the clip: a view is made again when it changes
    video: str  # MP4 (H.264 and AAC)
    poster: str  # JPEG, the first frame
    strip: str  # JPEG, `thumbnails` frames side by side
    thumbnails: int
    duration: float  # s
    envelope: tuple[tuple[float, float], ...]  # lowest and highest sample of equal segments
    motion: Mapping[str, Motion] = field(default_factory=dict)  # by extractor key, if stored
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # bytes and sha256, by path


@dataclass(frozen=True, slots=True)
class Gallery:
    """The views of a report, and the captions of all clips of the run."""

    captions: Mapping[str, str] = field(default_factory=dict)  # by request
    views: tuple[ClipView, ...] = ()
    problems: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # (system, request) -> why a requested clip has no view: one line


def dump_view(view: ClipView) -> str:
    """Return the sealed text of the file that describes a view, beside its media files."""
    record = TypeAdapter(ClipView).dump_python(view, mode="json")
    return json.dumps(sealed(record), ensure_ascii=False) + "\n"


def load_view(path: Path) -> ClipView:
    """Load a view; raise DataError if the file is not as it was written."""
    expected = "the view of a clip"
    record = unsealed(read_object(path, expected))
    if record is None:
        raise DataError(f"{path}: found no seal, or one of other content, expected {expected}")
    try:
        return TypeAdapter(ClipView).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(
            f"{path}: {place}: {shown(first['msg'], REASON)}, expected {expected}"
        ) from error
