"""The published distortions equal those of PEAVS's own code, frame by frame and sample by sample.

Left out, as the README of the golden data says: runs of one sample, which are sums of both sides
of a seam. Sample indices may differ by one, and seams may lie one sample apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.metrics.validity.distortions_peavs import EDITS, Edited
from svbench.metrics.validity.timeline import (
    Edit,
    Map,
    Piece,
    length,
    maps,
    picture_length,
    sound_length,
)
from svbench.types import Clip, ClipSpec
from tests.goldens.places import golden

UNKNOWN = -9  # of a sample that no run holds
STEP = 53  # samples between entries of the stored maps
# Of stored runs: exact ones, and those whose own indices are rounded up or down by one.
KINDS = {"audio_runs": 1, "audio_runs_within_1": 2}
TIMES = 1e-9  # s, of sums in another order
RATED = [name for name, one in DISTORTIONS.items() if one.rated]

Case = Mapping[str, Any]


def _facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/peavs.json").read_text(encoding="utf-8"))
    return found


def _cases(name: str) -> list[tuple[Case, Case]]:
    """Return every source with each of its cases of one distortion."""
    pairs = ((source, case) for source in _facts()["sources"] for case in source["cases"])
    return [(source, case) for source, case in pairs if case["distortion"] == name]


def _clip(source: Case) -> Clip:
    frames, fps = source["frames"], source["fps"]
    spec = ClipSpec(frames, fps, (1, 1), source["sample_rate"])
    sound = np.zeros(source["samples"], np.float32)
    return Clip(np.zeros((frames, 1, 1, 3), np.uint8), sound, spec, np.arange(frames) / fps)


def _maps(source: Case, case: Case) -> tuple[Map, Map]:
    """Return both maps; what is not edited shows and sounds as it is."""
    edited, clip = Edited(case["distortion"], EDITS[case["distortion"]]), _clip(source)
    picture, sound = edited.maps(clip, case["value"], case["seed"])
    frames, samples = np.arange(source["frames"]), np.arange(source["samples"])
    return frames if picture is None else picture, samples if sound is None else sound


def _unrolled(runs: list[tuple[int, int, int]], count: int) -> Map:
    found = np.full(count, UNKNOWN)
    for first, size, source in runs:
        if size > 1:
            found[first : first + size] = source + np.arange(size) if source >= 0 else -1
    return found


def _differing(ours: Map, theirs: Map, most: int = 1) -> int:
    """Return how many samples are not ours up to `most`; beside a seam, one of both sides."""
    same = _near(ours, theirs, most)
    breaks = np.flatnonzero(np.diff(ours) != np.diff(theirs))
    for side, step in ((breaks, 1), (breaks + 1, -1)):
        same[side] |= _near(ours[side + step], theirs[side], most)
    return int((~same & (theirs != UNKNOWN)).sum())


def _near(ours: Map, theirs: Map, most: int) -> NDArray[np.bool_]:
    return (abs(ours - theirs) <= most) & ((ours < 0) == (theirs < 0))


@pytest.mark.parametrize("name", RATED)
def test_levels_stand_as_published(name: str) -> None:
    facts = _facts()
    assert facts["order"] == RATED
    assert list(DISTORTIONS[name].levels) == facts["levels"][name]
    for source, case in _cases(name):
        assert RATED[case["number"] - 1] == name, source["name"]
        assert DISTORTIONS[name].levels[case["level"]] == case["value"], source["name"]


def test_a_clip_that_is_not_edited_stays_as_it_is() -> None:
    for source in _facts()["sources"]:
        clip, where = _clip(source), source["name"]
        assert picture_length(clip) == pytest.approx(source["seconds"], abs=TIMES), where
        assert picture_length(clip) == pytest.approx(source["moviepy_duration"], abs=TIMES), where
        assert sound_length(clip) == pytest.approx(source["moviepy_audio_duration"], abs=TIMES)
        assert clip.spec.fps == source["moviepy_fps"], where
        shown, _ = maps(Edit(picture=[Piece(picture_length(clip), 0)]), clip)
        assert shown is not None
        first = source["undistorted_frames"]
        assert shown[: len(first)].tolist() == first, where


@pytest.mark.parametrize("name", RATED)
def test_picture_and_sound_last_as_long(name: str) -> None:
    for source, case in _cases(name):
        clip, where = _clip(source), (source["name"], case["value"])
        edit = EDITS[name](
            picture_length(clip), sound_length(clip), case["value"], Random(case["seed"])
        )
        assert clip.spec.fps == case["fps"], where
        for pieces, own, key in (
            (edit.picture, picture_length(clip), "duration"),
            (edit.sound, sound_length(clip), "audio_duration"),
        ):
            seconds = own if pieces is None else length(pieces)
            assert seconds == pytest.approx(case[key], abs=TIMES), (where, key)


@pytest.mark.parametrize("name", RATED)
def test_the_picture_shows_the_same_frames(name: str) -> None:
    for source, case in _cases(name):
        assert _maps(source, case)[0].tolist() == case["frames"], (source["name"], case["value"])


@pytest.mark.parametrize("name", RATED)
def test_the_sound_is_made_of_the_same_samples(name: str) -> None:
    with np.load(golden("columns/peavs_audio_maps.npz")) as stored:
        every = {key: stored[key] for key in stored.files}
    for source, case in _cases(name):
        ours, where = _maps(source, case)[1], (source["name"], case["value"])
        assert ours.size == case["audio_samples"], where
        assert {*KINDS, "audio_map_key"} & set(case), where
        for kind, most in KINDS.items():
            if kind in case:
                assert not _differing(ours, _unrolled(case[kind], ours.size), most), where
        if "audio_map_key" in case:
            assert abs(ours[::STEP] - every[case["audio_map_key"]]).max() <= 1, where


def test_the_comparison_tolerates_one_sample_and_no_more() -> None:
    ours = np.r_[np.arange(500), np.full(500, -1)]
    assert not _differing(ours, _unrolled([(0, 500, 1), (500, 500, -1)], 1000))
    assert _differing(ours, _unrolled([(0, 500, 2), (500, 500, -1)], 1000)) >= 498
    assert not _differing(ours, _unrolled([(0, 501, 0), (501, 499, -1)], 1000))
    assert _differing(ours, _unrolled([(0, 502, 0), (502, 498, -1)], 1000)) == 1
