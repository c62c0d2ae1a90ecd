"""From a run folder to clips that a browser plays: copies, pictures and curves for a report.

A report shows a bounded number of clips. For each there come, below one folder,

    media/<system>/<request>.mp4        H.264 and AAC, for people's ears and eyes
    media/<system>/<request>.jpg        the first frame
    media/<system>/<request>-strip.jpg  frames side by side, each from the middle of its stretch
    media/<system>/<request>.json       a `ClipView`: sound envelope, motion curves, digest

The clips are those that were judged, in the format they were judged in: from `samples/` where
a run made them, from the user's own files where `svbench score` read them. A set that is not the
one that its row was computed from is refused: numbers never stand beside other clips. What is
there already, made of the same clip and as it was made, is not made again. A clip that cannot be
read becomes a line in `Gallery.problems`, which the report prints in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.config import ScoreConfig
from svbench.datasets.ids import check_name
from svbench.datasets.scored import load_scored
from svbench.engines.local import Engine
from svbench.errors import DataError
from svbench.files import media
from svbench.files.clip_view import ClipView, Gallery, Motion, dump_view, load_view
from svbench.files.feature_store import clip_key
from svbench.files.results import load_settings
from svbench.files.store import Store, digest_set, file_name, read_sample
from svbench.files.text import read_jsonl
from svbench.files.writing import replacing, write_bytes, write_text
from svbench.metrics.avalign.events import read_events
from svbench.types import (
    Clip,
    ClipSpec,
    Example,
    Features,
    Recording,
    ResultTable,
    Row,
    Sample,
    SampleSet,
)
from svbench.walk.generate import recorded

THUMBNAILS = 8  # frames of a strip
THUMBNAIL_HEIGHT = 96  # px at most; smaller clips keep their size
ENVELOPE = 240  # stretches that the sound is drawn in
JPEG_QUALITY = 88
EVENTS = "av-align"  # metrics whose extractor leaves a motion curve
CLIP_KEYS = ("id", "caption", "file", "digest")  # of a line in a manifest of samples
REAL, REFERENCE = "real", "reference"  # of `svbench score`: the row, and the name of its set


def make_gallery(
    run: Path,
    table: ResultTable,
    requests: Sequence[str],
    out: Path,
    engine: Engine,
    advance: Callable[[int], None] = lambda _count: None,
) -> Gallery:
    """Make the views of `requests` in every row below `out`, and read the captions of all."""
    sets = find_sets(run, table, engine)
    captions = {s.request_id: s.caption for one in sets.values() for s in one.samples if s.caption}
    places = {name: {s.request_id: i for i, s in enumerate(o.samples)} for name, o in sets.items()}
    wanted = [
        _Wanted(row.system, sets[row.system], places[row.system][request], _extractors(row))
        for request in requests
        for row in table.rows
        if request in places.get(row.system, ())
    ]
    store = Store(run)

    def make(one: _Wanted) -> ClipView | str:
        try:
            return _view(one, store, out)
        except DataError as error:
            return str(error)

    views: list[ClipView] = []
    problems = {}
    for one, found in zip(wanted, engine.map(make, wanted), strict=True):
        if isinstance(found, ClipView):
            views.append(found)
        else:
            problems[one.system, one.sample.request_id] = found
        advance(1)
    return Gallery(captions, tuple(views), problems)


def find_sets(run: Path, table: ResultTable, engine: Engine) -> dict[str, SampleSet]:
    """Return the clips of every row, from manifests of the run or from where `score` read them.

    A floor made from the clips of another row has none, and no set.
    Clips that are not those that the numbers of the row were computed from are a DataError.
    """
    elsewhere: Mapping[str, tuple[Path, tuple[Example, ...]]] = {}
    pad = False
    asked = load_settings(run)
    if asked.get("command") == "score":
        config = ScoreConfig.of(**asked["config"])
        elsewhere, pad = _scored(config), config.pad
    sets = {}
    for row in (row for row in table.rows if row.floor_of is None):
        check_name(row.system, "system", str(run))
        listed = run / "samples" / row.system / "manifest.jsonl"
        if row.system in elsewhere:
            where, examples = elsewhere[row.system]
            name = REFERENCE if row.system == REAL else row.system
            found, _ = recorded(name, examples, table.spec, engine, pad=pad)
        elif listed.is_file():
            where, found = listed, _made(listed, row.system, table.spec)
        else:
            raise DataError(f"{listed}: found no file there, expected the clips of a row")
        if found.digest != row.settings.get("set"):
            raise _changed(where)
        sets[row.system] = found
    return sets


def _changed(where: Path) -> DataError:
    return DataError(f"{where}: changed since the run; run the same command again")


def _scored(config: ScoreConfig) -> dict[str, tuple[Path, tuple[Example, ...]]]:
    """Read the folders and lists of `svbench score` again, as its plan does; by row, with where."""
    found = load_scored(config.generated, config.reference, config.captions)
    made = {name: (found.places[name], examples) for name, examples in found.folders.items()}
    return {REAL: (config.reference, found.real), **made}


def _made(listed: Path, system: str, spec: ClipSpec) -> SampleSet:
    """Read the set that a run made; its seal is the digest and number of its samples."""
    samples, seals = [], []
    for number, entry in read_jsonl(listed, "the manifest of a row"):
        where = f"{listed}, line {number}"
        if "sealed" in entry:
            seals.append((entry["sealed"], entry.get("count")))
            continue
        name, caption, file, made = (_text(entry, key, where) for key in CLIP_KEYS)
        check_name(file, "file", where)
        samples.append(Sample(name, caption, Recording(listed.parent / file), made))
    digest = digest_set(spec, samples)
    if seals != [(digest, len(samples))]:
        raise _changed(listed)
    return SampleSet(system, spec, tuple(samples), digest, stored=True)


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(entry.get(key), str):
        raise DataError(f"{where}: found {key} {entry.get(key)!r:.60}, expected text")
    return str(entry[key])


def _extractors(row: Row) -> tuple[str, ...]:
    """Name the extractors that measured the motion of a row's clips."""
    keys = (s.extractor for s in row.scores.values() if s.metric.startswith(EVENTS))
    return tuple(dict.fromkeys(keys))


# --- one view -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One clip to show."""

    system: str
    samples: SampleSet
    place: int  # in the set
    extractors: tuple[str, ...]

    @property
    def sample(self) -> Sample:
        """Return the clip as the run knows it."""
        return self.samples.samples[self.place]


def _view(wanted: _Wanted, store: Store, out: Path) -> ClipView:
    """Make the files of a view, or take those that are there as they were made."""
    sample = wanted.sample
    name = file_name(sample.request_id)
    base = f"media/{file_name(wanted.system)}/{name}"
    files = (f"{base}.mp4", f"{base}.jpg", f"{base}-strip.jpg")
    record = out / f"{base}.json"
    found = {key: _motion(sample, key, store) for key in wanted.extractors}
    motion = {key: curve for key, curve in found.items() if curve is not None}
    before = _kept(record, out)
    whose = (wanted.system, sample.request_id, sample.digest, motion)
    if before and (before.system, before.request_id, before.digest, before.motion) == whose:
        return before
    clip = read_sample(sample, wanted.samples, "conformed")
    video = _even(clip.video)
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
    """Give the lowest and highest sample of each of `stretches` equal stretches of the sound."""
    edges = np.linspace(0, len(clip.audio), min(stretches, len(clip.audio)) + 1).astype(np.int64)
    low = np.minimum.reduceat(clip.audio, edges[:-1])
    high = np.maximum.reduceat(clip.audio, edges[:-1])
    return tuple((round(float(a), 4), round(float(b), 4)) for a, b in zip(low, high, strict=True))


def thumbnails(video: NDArray[np.uint8], count: int = THUMBNAILS) -> NDArray[np.uint8]:
    """Give frames side by side; thumbnail i is the middle of the i-th of `count` stretches."""
    count = min(count, len(video))
    chosen = video[((np.arange(count) + 0.5) * len(video) / count).astype(np.int64)]
    height, width = video.shape[1:3]
    scale = min(1.0, THUMBNAIL_HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in chosen]
    return np.concatenate(small, axis=1).astype(np.uint8)


def _motion(sample: Sample, extractor: str, store: Store) -> Motion | None:
    """Read a motion curve from the features of the run; None if it is not kept there."""
    block = store.load_features(extractor, clip_key(sample))
    if block is None:
        return None
    owner = np.zeros(len(block), np.int64)
    (events,) = read_events(Features(extractor, block, owner, (sample.request_id,)))
    curve = tuple(float(f"{value:.4g}") for value in events.motion[:, 1])
    return Motion(events.fps, curve)


def _even(video: NDArray[np.uint8]) -> NDArray[np.uint8]:
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
