"""How many segments the 977 recordings of the Greatest Hits have, by which rule."""

from __future__ import annotations

import csv
import json
import math
import tarfile
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from svbench.files.media.official import LATEST, as_segmented
from svbench.files.media.picture import TimedFrame, Track
from tests.goldens.places import golden, golden_root

GRID = 15  # frames/s at which the annotations count: ffmpeg's filter fps=15 makes round(15 D)
FPS = 8
SEGMENT = 4  # s


class Known(NamedTuple):
    """A recording: its split, frames at 15 frames/s, and the segments that the authors have."""

    video: str
    split: str
    frames: int
    segments: int


@cache
def recordings() -> list[Known]:
    file = golden("official_segments/counts.csv")
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return [
        Known(row["video"], row["split"], int(row["frames_at_15_fps"]), int(row["segments"]))
        for row in rows
    ]


def official(seconds: Fraction) -> int:
    """Return the number of segments of 32 frames that the official choice has of a recording.

    Output frame n is written if seconds >= (n - 1.1) / 8; the last of segment K is n = 32 K + 31.
    """
    return math.floor((seconds + SEGMENT - (31 - LATEST) / FPS) / SEGMENT)


def possible(recording: Known) -> set[int]:
    """Return the numbers of segments by the rule, of all lengths that the annotation allows."""
    half = Fraction(1, 2)
    return {official((recording.frames + off) / GRID) for off in (-half, half)}


def whole(recording: Known) -> int:
    return recording.frames // (GRID * SEGMENT)


def test_the_splits_are_those_of_the_paper() -> None:
    assert Counter(one.split for one in recordings()) == {"train": 733, "test": 244}
    assert len({one.video for one in recordings()}) == 977
    counts: Counter[str] = Counter()
    for one in recordings():
        counts[one.split] += one.segments
    assert counts == {"train": 6177, "test": 2040}


def test_recordings_hold_8197_whole_segments() -> None:
    assert sum(map(whole, recordings())) == 8197


def test_the_official_rule_explains_every_segment_more() -> None:
    more = [one for one in recordings() if one.segments != whole(one)]
    assert len(more) == 20
    for one in recordings():
        assert one.segments in possible(one), one
        assert one.segments - whole(one) == (one in more)
    # The annotations decide all but those whose length lies within 1/30 s of the bound.
    near = [one for one in recordings() if len(possible(one)) > 1]
    assert {one.frames % 60 for one in near} == {56}
    assert Counter(one in more for one in near) == {True: 3, False: 3}
    decided = sum(max(possible(one)) for one in recordings() if one not in near)
    assert decided + sum(one.segments for one in near) == 8217


@pytest.mark.parametrize("rate", [15, 24, 25, Fraction(30000, 1001), 30, 50, 60])
def test_the_rule_is_that_of_the_official_choice_of_frames(rate: Fraction) -> None:
    fps, track = Fraction(rate), Track((Fraction(rate),), 0, Fraction(1))
    written, taken = 0, 0

    def source() -> Iterator[TimedFrame]:
        nonlocal taken
        for taken in range(int(13 * fps)):
            if taken:  # what comes of the frames before this one
                assert written // 32 == official(taken / fps)
            yield TimedFrame(taken / fps, 1 / fps, None, track)  # type: ignore[arg-type]

    for _ in as_segmented(source(), Fraction(FPS)):
        written += 1
    assert written // 32 == 3


def test_the_lengths_are_those_of_the_annotations() -> None:
    archive = golden_root() / "greatest_hits_annotations" / "greatest_hit_meta_info.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no annotations at {archive} (set SVBENCH_GOLDEN)")
    found = {}
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            if member.name.endswith("meta.json") and (file := files.extractfile(member)):
                meta = json.load(file)
                assert meta["frame_rate"] == GRID
                found[Path(member.name).parent.name] = meta["frame_num"]
    assert found == {one.video: one.frames for one in recordings()}
