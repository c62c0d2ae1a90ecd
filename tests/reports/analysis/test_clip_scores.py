"""scores.csv as arrays: every number in its place, NaN where a row was not judged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files.results import dump_scores, load_scores
from svbench.reports.analysis.clip_scores import ONSETS, PEAKS, RECALL, read_clip_scores, times_of
from svbench.types import ClipScore
from tests.factories.pages import ALIGN, IB, MODEL, OTHER, write_page_run

HEADING = "system,request,metric,value,precision\n"


def test_numbers_and_times_come_back(tmp_path: Path) -> None:
    scores = read_clip_scores(write_page_run(tmp_path))
    assert scores.requests == ("c0/0", "c1/0", "c2/0", "c3/0")
    assert scores.numbers[MODEL, ALIGN]["value"].tolist() == [1, 0, 1 / 3, 0]
    assert scores.numbers[MODEL, ALIGN][RECALL].tolist() == [1, 0, 1, 0]
    assert times_of(scores.times[MODEL, ALIGN][ONSETS][2]) == (0.25, 0.5, 0.75)
    assert times_of(scores.times[MODEL, ALIGN][PEAKS][3]) == ()
    assert (MODEL, IB) not in scores.times
    assert scores.metrics() == (ALIGN, IB)
    assert scores.metrics("precision") == (ALIGN,)
    assert scores.values(MODEL, "fvd") is None


def test_a_row_that_lacks_a_request_has_nan_there_and_keeps_the_order(tmp_path: Path) -> None:
    lines = [
        ("a", "m", ClipScore("x", 1.0)),
        ("a", "m", ClipScore("y", 2.0)),
        ("b", "m", ClipScore("z", 5.0)),
        ("b", "m", ClipScore("x", 4.0)),
    ]
    (tmp_path / "scores.csv").write_text(dump_scores(lines))
    scores = read_clip_scores(tmp_path)
    assert scores.requests == ("x", "y", "z")
    values = scores.values("b", "m")
    assert values is not None
    assert (values[0], values[2]) == (4, 5)
    assert math.isnan(values[1])
    np.testing.assert_array_equal(scores.known("b", "m"), [4, 5])
    assert len(scores.known("b", "other")) == 0


def test_scores_of_other_metrics_join_with_their_requests(tmp_path: Path) -> None:
    own = read_clip_scores(write_page_run(tmp_path))
    scores = own.joined({(MODEL, "other"): {"c1/0": 7.0, "new/0": 8.0}})
    assert scores.requests == (*own.requests, "new/0")
    np.testing.assert_array_equal(scores.known(MODEL, "other"), [7, 8])
    assert scores.by_request()[MODEL, "other"] == {"c1/0": 7.0, "new/0": 8.0}
    assert scores.by_request()[MODEL, ALIGN] == own.by_request()[MODEL, ALIGN]
    assert scores.times[MODEL, ALIGN][ONSETS] == (*own.times[MODEL, ALIGN][ONSETS], "")


def test_a_field_of_several_numbers_in_some_clip_is_no_number(tmp_path: Path) -> None:
    lines = [
        ("a", "m", ClipScore("x", 1.0, {"lag": -0.5, "lags": (-1.0, 0.0)})),
        ("a", "m", ClipScore("y", 2.0, {"lag": 0.5, "lags": (0.5,)})),
    ]
    (tmp_path / "scores.csv").write_text(dump_scores(lines))
    scores = read_clip_scores(tmp_path)
    assert scores.numbers["a", "m"].keys() == {"value", "lag"}
    np.testing.assert_array_equal(scores.known("a", "m", "lag"), [-0.5, 0.5])


def test_values_by_request_are_those_of_the_other_reader(tmp_path: Path) -> None:
    run = write_page_run(tmp_path)
    found = read_clip_scores(run).by_request()
    assert {key: dict(found[key]) for key in found} == load_scores(run)
    assert len(found) == 6
    assert (OTHER, "fvd") not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system,metric\n", r"found the columns \['system', 'metric'\], expected"),
        (f"{HEADING}a,x,m,high,\n", "column value: could not convert string to float"),
        (f"{HEADING}a,x,m,1,\na,x,m,2,\n", "found a request of a, m twice"),
        (f"{HEADING}a,x,m,1,\nb,x,m,1,\na,y,m,1,\n", "found lines of m of a in two places"),
        (f"{HEADING}a,x,m,1,1 high\n", "column .*: found '1 high', expected"),
        (f"{HEADING}a,x,m,1\n", "line 2: found 4 fields, expected 5"),
    ],
)
def test_a_malformed_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_clip_scores(tmp_path)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scores\.csv: found nothing there"):
        read_clip_scores(tmp_path)
