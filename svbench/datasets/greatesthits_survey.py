"""Surveys of the Greatest Hits: what its lists name, there or not, and its annotations.

Lists and files are those of `svbench.datasets.greatesthits`, read by the same rules.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from svbench.datasets.greatesthits import (
    CAPTION,
    SAFE_ID,
    SEGMENT,
    SOUNDS,
    SPEC,
    VIDEOS,
    Segment,
    caption_list,
    example_of,
    find_segment,
    raw_recording,
    segment_of,
)
from svbench.datasets.hits import Event, read_events
from svbench.datasets.lists import check_folder, check_settings, is_there, reached, read_rows
from svbench.datasets.prepared import prepared_settings
from svbench.datasets.survey import Problem, Survey, bad_line, bare, listed_once, problem_of
from svbench.errors import DataError
from svbench.files import media
from svbench.files.text import read_lines
from svbench.types import Recording


def list_of(root: Path, split: str) -> Path | None:
    """Return the list of a split's clips in a folder, of segments or of recordings, or None.

    A prepared folder holds segments, not recordings.
    """
    of_recordings = () if prepared_settings(root) else (root / f"{split}.txt",)
    lists = (caption_list(root, split), *of_recordings)
    return next((listed for listed in lists if is_there(listed)), None)


def recording_of(example: str) -> str:
    """Return the id of the recording that a segment was cut from."""
    return example.rpartition("-")[0]


def survey(root: Path, split: str, captions: Path | None = None) -> Survey | None:
    """Return what a list has of a split, also where recordings are missing; None without one."""
    check_settings(split, None)
    check_folder(root, "Greatest Hits")
    listed = captions or list_of(root, split)
    if listed is None:
        return None
    problems: list[Problem] = []
    of_recordings = captions is None and listed.suffix == ".txt"
    read = _surveyed_recordings if of_recordings else _surveyed_segments
    with reached(listed):
        segments = list(read(root, split, listed, problems))
        events = _surveyed_events(root, segments, problems)
        problems += _late_hits(root, segments, events)
    found = [example_of(segment, events.get(segment.video)) for segment in segments]
    idle = {e.id for e in found if recording_of(e.id) in events and not e.onsets}
    examples = tuple(listed_once(found, listed, problems))
    videos = dict.fromkeys([s.video for s in segments] + [p.clip for p in problems if p.clip])
    raws = {s.recording.path: events.get(s.video, ()) for s in segments if _is_raw(s)}
    files = frozenset(root / f"{v}{end}" for v in videos for end in (*VIDEOS, *SOUNDS))
    hits = {path: tuple(event.time for event in of) for path, of in raws.items()}
    return Survey(split, listed, examples, tuple(problems), hits, files, frozenset(idle))


def _is_raw(segment: Segment) -> bool:
    """Return whether the file of a segment is the whole recording."""
    return not SEGMENT.fullmatch(segment.recording.path.name)


def _late_hits(
    root: Path, segments: Iterable[Segment], events: Mapping[str, Sequence[Event]]
) -> Iterator[Problem]:
    """Yield cut recordings with hits that neither a segment nor the rest behind them can hold.

    What is left behind the last segment is shorter than one. Hits of whole recordings are compared
    with the ends of their files (`Survey.hits`).
    """
    cut = [segment for segment in segments if not _is_raw(segment)]
    folders = dict.fromkeys(segment.recording.path.parent for segment in cut)
    names = chain.from_iterable(os.listdir(f) for f in folders if f.is_dir())  # noqa: PTH208
    on_disk = ((m["id"], int(m["k"])) for m in map(SEGMENT.fullmatch, names) if m)
    last: dict[str, int] = {segment.video: segment.number for segment in cut}
    for video, number in chain(((s.video, s.number) for s in cut), on_disk):
        if video in last:
            last[video] = max(last[video], number)
    for video, number in last.items():
        end = (number + 2) * SPEC.duration
        late = [event.time for event in events.get(video, ()) if event.time >= end]
        if late:
            file, found = (
                root / f"{video}_times.txt",
                f"{len(late)} hits, the last at {late[-1]:.2f} s",
            )
            yield Problem("late-hit", video, file, found, f"none behind {end:g} s")


def _surveyed_events(
    root: Path, segments: Iterable[Segment], problems: list[Problem]
) -> dict[str, list[Event]]:
    """Return the events of recordings; what cannot be read, and gaps, become problems."""
    found: dict[str, list[Event]] = {}
    absent: list[Problem] = []
    for video in dict.fromkeys(segment.video for segment in segments):
        file = root / f"{video}_times.txt"
        try:
            events = read_events(file)
        except DataError as error:
            problems.append(problem_of("bad-annotations", error, file, video))
            continue
        if events is None:
            expected = "annotated hits as of its siblings"
            absent.append(Problem("no-annotations", video, file, "nothing there", expected))
        else:
            found[video] = events
    problems += absent if found else []
    return found


def _surveyed_recordings(
    root: Path, split: str, listed: Path, problems: list[Problem]
) -> Iterator[Segment]:
    """Yield the whole segments of the recordings of a list."""
    del split
    known: set[str] = set()
    for number, line in read_lines(listed, "a list of recording ids"):
        name = line.strip()
        if name and not SAFE_ID.fullmatch(name):
            problems.append(bad_line(listed, number, [line], "a bare id"))
        elif name in known:
            problems.append(Problem("listed-twice", name, listed, "its id again", "each one once"))
        elif name:
            known.add(name)
            yield from _surveyed_recording(root, name, problems)


def _surveyed_recording(root: Path, name: str, problems: list[Problem]) -> Iterator[Segment]:
    raw, usual = raw_recording(root, name), root / f"{name}{VIDEOS[0]}"
    if raw is None:
        expected = f"<id>{VIDEOS[0]} (or {', '.join(VIDEOS[1:])})"
        problems.append(Problem("missing", name, usual, "no video", expected))
        return
    try:
        length = media.duration(raw.path)
    except DataError as error:
        problems.append(problem_of("unreadable", error, raw.path, name))
        return
    if length < SPEC.duration:
        expected = f"a whole segment of {SPEC.duration:g} s"
        problems.append(Problem("short", name, raw.path, f"{length:.3f} s", expected))
    for number in range(SPEC.whole_clips(length)):
        yield Segment(name, number, CAPTION, segment_of(raw, number))


def _surveyed_segments(
    root: Path, split: str, listed: Path, problems: list[Problem]
) -> Iterator[Segment]:
    """Yield the segments of a caption list; those that are not there at their usual place."""
    own = root / f"{split}.txt"
    videos = {line.strip() for _, line in read_lines(own, "ids")} if is_there(own) else None
    for number, row in read_rows(listed):
        fields = [field.strip() for field in row]
        match = SEGMENT.fullmatch(Path(fields[0]).name)
        if match is None or len(fields) != 2:
            expected = "<id>_denoised_thumb-KKK.mp4,caption"
            problems.append(bad_line(listed, number, row, expected))
            continue
        video, place = match["id"], int(match["k"])
        clip = f"{video}-{place:03d}"
        if not fields[1]:
            problems.append(bare(listed, clip))
        if videos is not None and video not in videos:
            expected = f"a recording of {own.name}"
            problems.append(Problem("wrong-split", clip, listed, video, expected))
        usual = Recording(root / Path(fields[0]).name)
        recording = find_segment(root, listed, fields[0], video, place) or usual
        yield Segment(video, place, fields[1], recording)
