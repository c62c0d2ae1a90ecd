"""The Greatest Hits: a drumstick strikes and scratches objects; 977 videos, 733 train, 244 test.

`load` turns a folder into Examples of 4 s. It never writes into the folder.

Forms on disk
-------------
raw         `vis-data-256` (or `vis-data`): one flat folder. Of a recording it reads
            `<id>_denoised_thumb.mp4`, else `<id>_denoised.mp4`, else `<id>_mic.mp4`; the sound
            is `<id>_denoised.wav`, else `<id>_mic.wav`, else the video's own. `train.txt` and
            `test.txt` hold one id a line.
segmented   `<id>_denoised_thumb-KKK.mp4`, cut beforehand (by Ishii et al., or by `svbench data
            prepare`), with their own sound. They are found through the caption list.

Conventions
-----------
Segment K of a recording is [4 K, 4 K + 4) s; its id is `<id>-KKK`. Only whole segments count.
A caption list is a CSV file without header: path of a segment, caption. Its segments, in its
order, are then the data set. A listed path is resolved from the working directory, then
from the list's own folder, then by its name in the data folder, and last as segment K of the raw
recording. The default list is `flist_<split>.csv` in the data folder; without any list every whole
segment is taken, and the caption is "hitting with a stick", as in the protocol of ASVA.

Onsets are the annotated times of `<id>_times.txt` (see `svbench.datasets.hits`) within the segment,
counted from its start; None where they are not known: without that file, and in segments that begin
after its last event. Annotation often ends long before the recording does: of the segments of all
977 recordings 14 % begin after the last event, 942 of these 1,155 in 161 recordings that have
three of them or more, and of the segments without an event they are 94 %. To count what is detected
there as false alarms would be wrong. The categories of a segment are the most frequent `material`
and `action` annotated in it (`svbench.datasets.hits.categories_between`).

References
----------
- A. Owens et al.: Visually indicated sounds. CVPR 2016, arXiv:1512.08512.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550.
- L. Zhang et al.: Audio-synchronized visual animation (ASVA). ECCV 2024, arXiv:2403.05659.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from svbench.datasets.hits import (
    ACTIONS,
    Event,
    categories_between,
    events_between,
    onsets_between,
    read_events,
)
from svbench.datasets.lists import (
    check_folder,
    check_settings,
    is_there,
    names,
    reached,
    read_rows,
)
from svbench.datasets.prepared import prepared_settings
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.text import read_lines, shown
from svbench.types import ClipSpec, Example, Recording

SPEC: Final = ClipSpec(32, 8.0, (256, 256), 16000)
CAPTION: Final = "hitting with a stick"
CAPTIONS: Final = f"of flist_SPLIT.csv or of --captions; without a list {CAPTION!r}"

FORM: Final = "lists train.txt and test.txt of ids, or flist_train.csv and flist_test.csv"
VIDEOS: Final = ("_denoised_thumb.mp4", "_denoised.mp4", "_mic.mp4")  # the best first
SOUNDS: Final = ("_denoised.wav", "_mic.wav")
SEGMENT: Final = re.compile(r"(?P<id>[\w-]+?)_(?:denoised|mic)(?:_thumb)?-(?P<k>\d{3,6})\.mp4")
SAFE_ID: Final = re.compile(r"[\w-]+")  # no separators and no dots: ids become file names


@dataclass(frozen=True, slots=True)
class Segment:
    """Four seconds of a recording, and the files that hold them."""

    video: str  # id of the recording
    number: int
    caption: str
    recording: Recording


def load(
    root: Path,
    *,
    split: str = "test",
    captions: Path | None = None,
    actions: Collection[str] = ACTIONS,
    limit: int | None = None,
    allow_missing: bool = False,
) -> tuple[Example, ...]:
    """Load the examples of a split, in list order.

    Parameters
    ----------
    root : Path
        data folder; only read
    split : str
        "train" or "test": the list of ids `<split>.txt`
    captions : Path, optional
        caption list (Default value = `flist_<split>.csv` in `root`, if it is there)
    actions : collection of str
        actions that count as onsets (Default value = all: hit, scratch and None)
    limit : int, optional
        take the first so many (Default value = all)
    allow_missing : bool
        keep listed recordings that are absent or cannot be read, for a run that leaves them out;
        otherwise they are an error (Default value = False)

    Raises
    ------
    ConfigError
        for an impossible split, action or limit
    DataError
        where the folder, a list or recordings are missing, or a line is malformed
    """
    _check_settings(split, actions, limit)
    check_folder(root, "Greatest Hits")
    with reached(captions or root):
        prepared_settings(root)  # refuses a folder whose preparation was stopped
        found = islice(_segments(root, split, captions, allow_missing), limit)
        examples = tuple(_annotated(root, found, actions))
    if not examples:
        raise DataError(f"{root}: found no whole segment of {SPEC.duration:g} s in split {split}")
    return examples


def notes(root: Path, split: str = "test", captions: Path | None = None) -> tuple[str, ...]:
    """Return notes on captions that no list has, and on how segments were prepared."""
    settings = prepared_settings(root)
    found = () if settings is None else (_preparation_note(settings),)
    listed = caption_list(root, split)
    if captions is not None or is_there(listed):
        return found
    return (
        *found,
        f"no caption list (--captions, or {listed.name} in the data folder): every "
        f'clip has the caption "{CAPTION}", as in the protocol of ASVA; the paper\'s are '
        "descriptions of each clip",
    )


def listed_name(example: Example) -> str:
    """Return what a caption list calls a segment: its file, or the one that it would be cut to."""
    name = example.recording.path.name
    if SEGMENT.fullmatch(name):
        return name
    video, _, number = example.id.rpartition("-")
    return f"{video}{Path(VIDEOS[0]).stem}-{number}.mp4"


def _preparation_note(settings: Mapping[str, Any]) -> str:
    timing = str(settings.get("timing"))
    late = ", whose frames are some 0.145 s late" if timing == "official" else ""
    counted = ", counted as the paper's authors do" if settings.get("official") is True else ""
    return (
        f"segments as svbench data prepare cut them: timing {shown(timing)}{late}{counted}; "
        "--frame-choice and --channels change nothing about them"
    )


def caption_list(root: Path, split: str) -> Path:
    """Return where a data folder has the caption list of a split, if it has one."""
    return root / f"flist_{split}.csv"


def events_of(
    root: Path, example: str, actions: Collection[str] = ACTIONS
) -> tuple[Event, ...] | None:
    """Return the events of an example, s from its start; None without `<id>_times.txt`."""
    video, _, number = example.rpartition("-")
    events, begin = read_events(_annotation(root, video)), int(number) * SPEC.duration
    return None if events is None else events_between(events, begin, begin + SPEC.duration, actions)


def _annotation(root: Path, video: str) -> Path:
    return root / f"{video}_times.txt"


def _segments(
    root: Path, split: str, captions: Path | None, allow_missing: bool
) -> Iterator[Segment]:
    listed = captions or caption_list(root, split)
    if captions is not None or is_there(listed):
        return iter(_listed_segments(root, split, listed, allow_missing))
    if prepared_settings(root) is not None:  # it holds segments, which only lists name
        raise DataError(
            f"{listed}: found no such list, expected it, or --captions: when the folder was "
            "prepared, no segment of the split had a caption"
        )
    return _whole_segments(root, read_ids(root, split), allow_missing)


def _annotated(
    root: Path, segments: Iterable[Segment], actions: Collection[str]
) -> Iterator[Example]:
    events: dict[str, list[Event] | None] = {}
    for segment in segments:
        if segment.video not in events:
            events[segment.video] = read_events(_annotation(root, segment.video))
        yield example_of(segment, events[segment.video], actions)


def example_of(
    segment: Segment, events: Sequence[Event] | None, actions: Collection[str] = ACTIONS
) -> Example:
    """Return the example of a segment, from the events of its recording (None: not annotated)."""
    events = events or ()
    name = f"{segment.video}-{segment.number:03d}"
    begin = segment.number * SPEC.duration
    end = begin + SPEC.duration
    known = any(event.time >= begin for event in events)
    onsets = onsets_between(events, begin, end, actions) if known else None
    categories = categories_between(events, begin, end)
    return Example(name, segment.caption, segment.recording, onsets, categories)


def _check_settings(split: str, actions: Collection[str], limit: int | None) -> None:
    check_settings(split, limit)
    unknown = sorted(set(actions) - ACTIONS)
    if unknown or not actions:
        raise ConfigError(f"actions: got {unknown or 'none'}, expected some of {sorted(ACTIONS)}")


# --- the lists ---------------------------------------------------------------------------------


def read_ids(root: Path, split: str) -> list[str]:
    """Return the ids of `<split>.txt`, one a line."""
    path = root / f"{split}.txt"
    if not is_there(path):
        found = ", ".join(sorted(p.name for p in root.glob("*.txt") if SAFE_ID.fullmatch(p.stem)))
        found = found if len(found) < 100 else f"{found[:100]} .."
        raise DataError(f"{path}: found no such list (text files here: {found or 'none'})")
    lines = read_lines(path, "a list of recording ids")
    ids = [line.strip() for _, line in lines if line.strip()]
    if not ids:
        raise DataError(f"{path}: found an empty list, expected one recording id a line")
    unsafe = [name for name in ids if not SAFE_ID.fullmatch(name)]
    if unsafe:
        raise DataError(
            f"{path}: found {names(unsafe)}, expected bare ids such as 2015-02-16-16-49-06"
        )
    _refuse_duplicates(path, ids)
    return ids


def read_captions(path: Path) -> list[tuple[str, str]]:
    """Return the paths and captions of a caption list."""
    rows = read_rows(path)
    bad = [str(number) for number, row in rows if not _is_caption_row(row)]
    if bad:
        raise DataError(
            f"{path}: line {names(bad)} cannot be read, expected "
            "<id>_denoised_thumb-KKK.mp4,caption (no header; a caption with commas in quotes)"
        )
    pairs = [(row[0].strip(), row[1].strip()) for _, row in rows]
    if not pairs:
        raise DataError(f"{path}: found an empty list, expected one segment and caption a line")
    matches = (SEGMENT.fullmatch(Path(name).name) for name, _ in pairs)
    _refuse_duplicates(path, [f"{m['id']}-{int(m['k']):03d}" for m in matches if m])
    return pairs


def _is_caption_row(row: Sequence[str]) -> bool:
    return len(row) == 2 and bool(SEGMENT.fullmatch(Path(row[0].strip()).name) and row[1].strip())


def _refuse_duplicates(path: Path, listed: Sequence[str]) -> None:
    twice = [name for name, count in Counter(listed).items() if count > 1]
    if twice:
        raise DataError(f"{path}: found {names(twice)} more than once, expected each one once")


# --- from lists to files -----------------------------------------------------------------------


def _whole_segments(root: Path, ids: Sequence[str], allow_missing: bool) -> Iterator[Segment]:
    """Yield the whole segments of every listed recording; durations are read one by one.

    Where some may be missing, what cannot be opened is one segment, for a run that leaves it out.
    """
    raws = {name: raw_recording(root, name) for name in ids}
    missing = [name for name, raw in raws.items() if raw is None]
    if missing and not allow_missing:
        raise DataError(
            f"{root}: {len(missing)} of {len(ids)} listed recordings have no video: "
            f"{names(missing)}, expected <id>{VIDEOS[0]} (or {', '.join(VIDEOS[1:])})"
        )
    for name, raw in raws.items():
        place = raw or _absent(root, name)
        try:
            count = SPEC.whole_clips(media.duration(place.path))
        except DataError:
            if not allow_missing:
                raise
            count = 1
        for number in range(count):
            yield Segment(name, number, CAPTION, segment_of(place, number))


def _absent(root: Path, name: str) -> Recording:
    """Return where a recording that is not there would lie."""
    return Recording(root / f"{name}{VIDEOS[0]}")


def _listed_segments(root: Path, split: str, captions: Path, allow_missing: bool) -> list[Segment]:
    """Return every segment of a caption list with its files."""
    segments, missing = [], []
    for path, caption in read_captions(captions):
        match = SEGMENT.fullmatch(Path(path).name)
        assert match is not None  # checked by read_captions
        video, number = match["id"], int(match["k"])
        recording = find_segment(root, captions, path, video, number)
        if recording is None:
            missing.append(path)
            recording = Recording(root / Path(path).name)
        segments.append(Segment(video, number, caption, recording))
    if missing and not allow_missing:
        raise DataError(
            f"{captions}: {len(missing)} listed segments have no video: {names(missing)}, "
            f"expected them there, beside the list, or in {root} (whole recordings will do)"
        )
    _refuse_other_split(root, split, captions, segments)
    return segments


def find_segment(
    root: Path, captions: Path, path: str, video: str, number: int
) -> Recording | None:
    """Return the files of a listed segment, cut beforehand or not; None without a video."""
    for place in (Path(path), captions.parent / path, root / Path(path).name):
        if place.is_file():
            return Recording(place)
    raw = raw_recording(root, video)
    return None if raw is None else segment_of(raw, number)


def _refuse_other_split(
    root: Path, split: str, captions: Path, segments: Sequence[Segment]
) -> None:
    """Raise DataError for a caption list of recordings that are not in the split."""
    if not is_there(root / f"{split}.txt"):
        return
    listed = set(read_ids(root, split))
    others = sorted({segment.video for segment in segments} - listed)
    if others:
        raise DataError(
            f"{captions}: {len(others)} listed recordings are not in {split}.txt: "
            f"{names(others)}; is it the list of another split?"
        )


def raw_recording(root: Path, name: str) -> Recording | None:
    """Return the files of a whole recording, or None without a video."""
    video = next((p for end in VIDEOS if is_there(p := root / f"{name}{end}")), None)
    sound = next((p for end in SOUNDS if is_there(p := root / f"{name}{end}")), None)
    return None if video is None else Recording(video, sound=sound)


def segment_of(raw: Recording, number: int) -> Recording:
    """Return the place of a segment in a whole recording."""
    return Recording(raw.path, number * SPEC.duration, raw.sound)
