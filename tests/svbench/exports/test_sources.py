"""Sets of a run that are exported: repeats apart, without what the run left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.exports.layouts import LAYOUTS, place
from svbench.exports.sources import ExportClip, ExportSet, _repeats
from svbench.types import Recording, Row, Sample, SampleSet
from tests.factories.clips import SPEC, make_clip, write_clip


def sample(request: str) -> Sample:
    return Sample(request, "rain", Recording(Path("a.mkv")), f"digest of {request}")


def test_one_sample_of_each_example_is_one_set_called_as_its_row() -> None:
    samples = SampleSet("any", SPEC, (sample("a/0"), sample("sub/b/0")), "", stored=True)
    (one,) = _repeats(samples, Row("mine", "Mine", 2), SPEC)
    assert (one.name, [clip.id for clip in one.clips], one.left_out) == ("mine", ["a", "sub/b"], 0)
    assert [clip.spec for clip in one.clips] == [SPEC, SPEC]


def test_repeats_are_sets_of_their_own_without_what_was_left_out() -> None:
    requests = ("a/0", "a/1", "b/0", "b/1")
    samples = SampleSet("mine", SPEC, tuple(map(sample, requests)), "", stored=True)
    row = Row("mine", "Mine", 4, left_out={"b/1": "broken"})
    found = {one.name: [clip.id for clip in one.clips] for one in _repeats(samples, row, SPEC)}
    assert found == {"mine-repeat0": ["a", "b"], "mine-repeat1": ["a"]}


def test_a_part_of_a_recorded_file_is_as_long_as_it_was_judged(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", make_clip(0))
    starts = {"a/0": 0.0, "b/0": SPEC.duration / 2}
    samples = tuple(Sample(r, "", Recording(tmp_path / "a.mp4", t), r) for r, t in starts.items())
    for spec, seconds in (
        (SPEC, None),
        (replace(SPEC, frames=SPEC.frames // 2), SPEC.duration / 2),
    ):
        (one,) = _repeats(SampleSet("mine", spec, samples, ""), Row("mine", "Mine", 2), spec)
        assert [clip.seconds for clip in one.clips] == [seconds, spec.duration]
        assert [clip.spec for clip in one.clips] == [None, None]


def test_equal_ids_have_equal_names_in_all_sets_and_systems_folders_of_their_own() -> None:
    clips = tuple(ExportClip(i, "", Recording(Path("a.mp4")), "") for i in ("a", "B"))
    other = (ExportClip("b", "", Recording(Path("b.mp4")), ""),)
    sets = (ExportSet("x/y", clips), ExportSet("X", clips), ExportSet("x", clips + other))
    placed = place(sets, LAYOUTS["av-benchmark"])
    assert len({one.folder.lower() for one in placed}) == 3
    assert placed[0].clips["B"][0] == placed[2].clips["B"][0] != "B"
    assert placed[0].clips["a"][0] == placed[1].clips["a"][0] == "a"


def test_a_system_called_as_the_reference_is_refused_beside_it() -> None:
    one = ExportSet("reference", (ExportClip("a", "", Recording(Path("a.mp4")), ""),))
    with pytest.raises(ConfigError, match="reference: found a system of this name"):
        place((one, one), LAYOUTS["fastvideo"])
