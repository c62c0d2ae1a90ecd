"""One clip as a browser plays it: copies, pictures and curves for a report.

For each clip there come, below one folder,

    media/<system>/<request>.mp4        H.264 and AAC, for people's ears and eyes
    media/<system>/<request>.jpg        the first frame
    media/<system>/<request>-strip.jpg  frames side by side, each from the middle of its stretch
    media/<system>/<request>.json       a `ClipView`: sound envelope, motion, digest

What is there already, made of the same clip and as it was made, is not made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files import media
from svbench.files.clip_view import ClipView, Motion, dump_view, load_view
from svbench.files.feature_store import clip_key
from svbench.files.seals import digest_file
from svbench.files.store import Store, file_name, read_sample
from svbench.files.writing import replacing, write_bytes, write_text
from svbench.protocols import MotionReader
from svbench.types import Clip, Features, Sample, SampleSet

THUMBNAILS = 8  # frames of a strip
THUMBNAIL_HEIGHT = 96  # px at most; smaller clips keep their size
ENVELOPE = 240  # stretches that the sound is drawn in
JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class View:
    """One clip to show."""

    system: str
    samples: SampleSet
    place: int  # in the set
    extractors: tuple[str, ...]  # keys of those that measured its motion

    @property
    def sample(self) -> Sample:
        """Return the clip as a sample of its set."""
        return self.samples.samples[self.place]


def make_view(wanted: View, store: Store, reader: MotionReader, out: Path) -> ClipView:
    """Make the files of a view, unless they are there as they were made.

    Raises DataError where the clip cannot be read.
    """
    sample = wanted.sample
    name = file_name(sample.request_id)
    base = f"media/{file_name(wanted.system)}/{name}"
    files = (f"{base}.mp4", f"{base}.jpg", f"{base}-strip.jpg")
    record = out / f"{base}.json"
    found = {key: _motion(sample, key, store, reader) for key in wanted.extractors}
    motion = {key: curve for key, curve in found.items() if curve is not None}
    before = _kept(record, out)
    whose = (wanted.system, sample.request_id, sample.digest, motion)
    if before and (before.system, before.request_id, before.digest, before.motion) == whose:
        return before
    clip = read_sample(sample, wanted.samples, "conformed")
    video = even(clip.video)
    with replacing(out / files[0]) as temporary:
        rate = clip.spec.sample_rate
        media.write_mp4(temporary, video, clip.spec.fps, clip.audio, rate, quick=True)
    _write_jpeg(out / files[1], clip.video[0])
    strip = thumbnails(clip.video)
    _write_jpeg(out / files[2], strip)
    view = ClipView(
        system=wanted.system,
        request_id=sample.request_id,
        digest=sample.digest,
        video=files[0],
        poster=files[1],
        strip=files[2],
        thumbnails=min(THUMBNAILS, clip.spec.frames),
        duration=clip.spec.duration,
        envelope=envelope(clip),
        motion=motion,
        files={file: _measured(out / file) for file in files},
    )
    write_text(record, dump_view(view))
    return view


def _kept(record: Path, out: Path) -> ClipView | None:
    """Load a view that was made before; None if it or one of its files is not as it was made."""
    try:
        if not record.is_file():
            return None
        view = load_view(record)
        media_files = {out / file: measures for file, measures in view.files.items()}
        whole = all(f.is_file() and _measured(f) == known for f, known in media_files.items())
    except (DataError, OSError):
        return None
    return view if whole else None


def _measured(path: Path) -> tuple[int, str]:
    return path.stat().st_size, digest_file(path)


def envelope(clip: Clip, stretches: int = ENVELOPE) -> tuple[tuple[float, float], ...]:
    """Return the lowest and highest sample of each of `stretches` equal stretches of the sound."""
    edges = np.linspace(0, len(clip.audio), min(stretches, len(clip.audio)) + 1).astype(np.int64)
    low = np.minimum.reduceat(clip.audio, edges[:-1])
    high = np.maximum.reduceat(clip.audio, edges[:-1])
    return tuple((round(float(a), 4), round(float(b), 4)) for a, b in zip(low, high, strict=True))


def thumbnails(video: NDArray[np.uint8], count: int = THUMBNAILS) -> NDArray[np.uint8]:
    """Return frames side by side; thumbnail i is the middle of the i-th of `count` stretches."""
    count = min(count, len(video))
    chosen = video[((np.arange(count) + 0.5) * len(video) / count).astype(np.int64)]
    height, width = video.shape[1:3]
    scale = min(1.0, THUMBNAIL_HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in chosen]
    return np.concatenate(small, axis=1).astype(np.uint8)


def _motion(sample: Sample, extractor: str, store: Store, reader: MotionReader) -> Motion | None:
    """Read the motion of a clip from the features of the run; None if they are not there."""
    block = store.load_features(extractor, clip_key(sample))
    if block is None:
        return None
    owner = np.zeros(len(block), np.int64)
    fps, values = reader.motion(Features(extractor, block, owner, (sample.request_id,)))
    return Motion(fps, tuple(float(f"{value:.4g}") for value in values))


def even(video: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row or column of odd sizes: H.264 halves its colours."""
    _, height, width, _ = video.shape
    return np.pad(video, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _write_jpeg(path: Path, picture: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise DataError(f"{path}: a picture {picture.shape} cannot be written as JPEG")
    write_bytes(path, data.tobytes())
