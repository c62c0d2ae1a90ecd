"""Clips that are too short for an extractor: an empty cell, or a refusal before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.known_files import KnownFiles
from svbench.files.media import inspection
from svbench.types import Clip, ClipSpec, Values
from svbench.walk import short_clips
from svbench.walk.plan import Data
from svbench.walk.recorded import recorded
from svbench.walk.run import walk
from svbench.walk.short_clips import too_short
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.svbench.walk.test_extract_sets import Grey, MeanGrey, examples_of, plan

LONG = ClipSpec(16, 8.0, SPEC.size, 16000)  # 2 s, twice as long as judged


@dataclass(frozen=True)
class LongGrey(Grey):
    """Measures the mean grey of clips of at least 2 s."""

    def too_short(self, seconds: float) -> str:
        return "" if seconds >= 2 else f"{seconds:g} s, expected 2 s"

    def __call__(self, clips: list[Clip], captions: list[str]) -> list[Values]:  # type: ignore[override]
        assert all(clip.duration >= 2 for clip in clips)  # none other is even tried
        return super().__call__(clips, captions)


class CountedGrey(LongGrey):
    """Counts frames, as extractors do that choose their own."""

    def too_short(self, seconds: float) -> str:
        return "" if math.floor(25 * seconds) >= 50 else f"{seconds:g} s, expected 2 s"


def written(folder: Path, *specs: ClipSpec) -> Path:
    for number, spec in enumerate(specs):
        write_clip(folder / f"c{number}.mp4", make_clip(number, spec))
    return folder


def data(tmp_path: Path, *specs: ClipSpec) -> Data:
    mine = written(tmp_path / "mine", *specs)
    real = written(tmp_path / "real", *[LONG] * len(specs))
    return Data("Toys", SPEC, examples_of(real), folders={"mine": examples_of(mine)})


def metrics(view: str = "native") -> tuple[MeanGrey, ...]:
    return MeanGrey(LongGrey("long-grey", view)), MeanGrey(Grey("grey"))  # type: ignore[arg-type]


def test_a_row_without_a_clip_long_enough_has_an_empty_cell_and_no_clip_less(
    tmp_path: Path,
) -> None:
    table = walk(plan(data(tmp_path, SPEC, SPEC), metrics()), tmp_path / "out", Local(1))
    rows = {row.system: row for row in table.rows}
    assert rows["mine"].scores.keys() == {"grey-False"}
    assert rows["mine"].absent["long-grey-False"] == (
        "2 of 2 clips are too short: 1.125 s, expected 2 s"  # a frame is allowed
    )
    assert not rows["mine"].left_out
    assert rows["real"].scores.keys() == {"grey-False", "long-grey-False"}
    assert all("long-grey-False" in row.absent for row in table.rows if row.floor_of == "mine")


def test_a_strict_run_refuses_what_it_leaves_empty(tmp_path: Path) -> None:
    strict = replace(plan(data(tmp_path, SPEC), metrics()), strict=True)
    with pytest.raises(DataError, match="mine: 1 of 1 clips are too short"):
        walk(strict, tmp_path / "out", Local(1))


def test_a_mixed_set_is_refused_before_anything_is_extracted(tmp_path: Path) -> None:
    mixed = plan(data(tmp_path, LONG, SPEC, LONG), metrics())
    with pytest.raises(DataError) as error:
        walk(mixed, tmp_path / "out", Local(1))
    assert str(error.value).split("\n") == [
        "mine: 1 of 3 clips are too short for long-grey-False (c1/0): 1.125 s, expected 2 s",
        "choose other --metrics, or leave these clips out knowingly with --allow-missing",
    ]
    assert not list((tmp_path / "out").rglob("*.npz"))


def test_conformed_clips_are_as_long_as_the_format(tmp_path: Path) -> None:
    table = walk(plan(data(tmp_path, LONG), metrics("conformed")), tmp_path / "out", Local(1))
    assert all("expected 2 s" in row.absent["long-grey-False"] for row in table.rows)


def test_headers_are_read_for_extractors_that_ask_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> inspection.Header:
        read.append(path)
        return inspection.read_header(path)

    monkeypatch.setattr(short_clips, "read_header", reading)
    examples = examples_of(written(tmp_path / "mine", SPEC, LONG))
    samples, _ = recorded("mine", examples, SPEC, Local(1))
    known = KnownFiles()
    assert not too_short(samples, [Grey("grey")], Local(1), known)
    assert not read
    found = too_short(samples, [LongGrey("long", "native")], Local(1), known)
    assert list(found["long"].clips) == ["c0/0"]
    assert len(read) == 2


def test_what_cannot_be_opened_is_reported_elsewhere(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine", SPEC)
    examples = examples_of(folder)
    (folder / "c0.mp4").write_bytes(b"no film")
    samples, problems = recorded("mine", examples, SPEC, Local(1))
    assert problems
    assert not too_short(samples, [CountedGrey("long", "native")], Local(1), KnownFiles())
