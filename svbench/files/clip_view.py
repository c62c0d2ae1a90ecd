"""A clip as a reader sees it: files that a browser plays, and the curves to draw under it.

`svbench.walk.gallery` makes views; reports draw them. The two rooms meet in these nouns and in
plain files, so that drawing needs no media library.

Conventions
-----------
Times are seconds from the first judged frame. Paths are relative to the folder of the report,
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
    """How much each frame moves, as one set of detectors measured it."""

    fps: float  # frames / s
    values: tuple[float, ...]  # px per frame


@dataclass(frozen=True, slots=True)
class ClipView:
    """What there is to see and hear of one clip."""

    system: str
    request_id: str
    digest: str  # of the clip, so that a copy is made again when the clip changes
    video: str  # MP4 (H.264 and AAC)
    poster: str  # JPEG, the first frame
    strip: str  # JPEG, `thumbnails` frames side by side
    thumbnails: int
    duration: float  # s
    envelope: tuple[tuple[float, float], ...]  # lowest and highest sample of equal stretches
    motion: Mapping[str, Motion] = field(default_factory=dict)  # by extractor key, where kept
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # bytes and sha256, by path


@dataclass(frozen=True, slots=True)
class Gallery:
    """The views of a report, and the words that every clip of the run was asked for by."""

    captions: Mapping[str, str] = field(default_factory=dict)  # by request
    views: tuple[ClipView, ...] = ()
    problems: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (system, request)
    # -> why there is no view of a clip that was asked for: one line


def dump_view(view: ClipView) -> str:
    """Return the text of the file that stands beside the media files of a view, sealed."""
    record = TypeAdapter(ClipView).dump_python(view, mode="json")
    return json.dumps(sealed(record), ensure_ascii=False) + "\n"


def load_view(path: Path) -> ClipView:
    """Load the view from that file; one that is not as it was written is a DataError."""
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
