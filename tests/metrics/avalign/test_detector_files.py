"""Detectors from a file: what is read, how they are named, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import DataError
from svbench.metrics.avalign.detector_files import read_detectors
from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.score import AVAlign

IMPACTS = dict(DETECTORS["tuned-2"].settings["impacts"])


def write(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("name", list(DETECTORS))
def test_what_was_written_comes_back(name: str, wrapped: bool, tmp_path: Path) -> None:
    chosen = DETECTORS[name]
    settings = chosen.settings
    path = write(tmp_path / "my best.json", {"best": settings, "f": 1} if wrapped else settings)
    found = read_detectors(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.name, found.source) == (f"my_best-{digest[:10]}", digest)
    for part in ("onsets", "flow", "peaks", "curve", "impacts"):
        assert getattr(found, part) == getattr(chosen, part)


def test_the_digest_is_on_record_and_in_the_key(tmp_path: Path) -> None:
    path = write(tmp_path / "tuned.json", {"onsets": {"delta": 1}})
    found = read_detectors(path)
    assert found.onsets.delta == 1
    assert found.flow == DETECTORS["published"].flow
    metric = AVAlign("corrected", found)
    assert metric.name == f"av-align-corrected@{found.name}"
    assert metric.settings["detectors"]["source"] == found.source
    before = AVEvents(found).key
    path.write_text(path.read_text() + " ")  # the same values, in other bytes
    assert AVEvents(read_detectors(path)).key != before
    assert "source" not in DETECTORS["tuned"].settings  # the keys of ours stay


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "found none of onsets, flow, peaks, curve, expected the detectors of AV-Align"),
        ({"best": 3}, "found none of onsets, flow, peaks, curve"),
        (
            {"onsets": {}, "peak": {}},
            "found 'peak', expected onsets, flow, peaks, curve, impacts alone",
        ),
        ({"impacts": {"reach": 1}}, "impacts: expected an object of reach, weights, bias"),
        ({"impacts": IMPACTS | {"weights": 1}}, "impacts: expected finite numbers, and a list of"),
        ({"impacts": IMPACTS | {"bias": "a"}}, "impacts: expected finite numbers, and a list of"),
        ({"impacts": IMPACTS | {"reach": 1}}, "an impact model of reach 1 needs 57 finite weights"),
        ({"peaks": 1}, "peaks: found 1, expected an object"),
        ({"onsets": {"detla": 1}}, "onsets: found 'detla', expected some of sample_rate, hop_"),
        ({"onsets": {"n_fft": 1.5}}, "onsets.n_fft: found 1.5, expected a value of type int"),
        ({"onsets": {"delta": True}}, "onsets.delta: found True, expected a value of type float"),
        ({"onsets": {"delta": float("nan")}}, "found NaN, which is no number"),
        ({"curve": {"steady": 1}}, "curve.steady: found 1, expected a value of type bool"),
        ({"flow": {"levels": 0}}, "flow settings need positive numbers"),
        ({"flow": {"estimator": "raft"}}, "flow settings need farneback or dis, got 'raft'"),
    ],
)
def test_other_files_are_refused_in_one_line(values: Any, problem: str, tmp_path: Path) -> None:
    path = write(tmp_path / "d.json", values)
    with pytest.raises(DataError) as caught:
        read_detectors(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json"):
        read_detectors(tmp_path / "none.json")
