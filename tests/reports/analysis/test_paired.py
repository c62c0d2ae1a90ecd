"""Two rows on the same requests: paired by id, never by order, and refused where nothing pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.files.results import dump_scores, dump_table
from svbench.intervals import mean_interval
from svbench.reports.analysis.paired import Paired, bounds_of, paired, paired_runs
from svbench.types import ClipScore, Column
from tests.factories.results import make_table

A = {"x/0": 0.5, "y/0": 0.25, "z/0": 1.0}
B = {"z/0": 0.5, "x/0": 0.25, "y/0": 0.5}  # another order: what pairs is the id
SCORES = {("a", "align"): A, ("b", "align"): B, ("lone", "align"): {"w/0": 0.5}}


def test_requests_are_paired_by_their_id() -> None:
    found = paired(SCORES, "align", "a", "b")
    # 0.25 at x, -0.25 at y, 0.5 at z
    assert found.value == pytest.approx(0.5 / 3)
    assert found.interval == mean_interval([0.25, -0.25, 0.5])
    assert (found.count, found.first_alone, found.second_alone) == (3, 0, 0)
    assert not found.excludes_zero


def test_the_other_way_round_the_sign_turns() -> None:
    there, back = paired(SCORES, "align", "a", "b"), paired(SCORES, "align", "b", "a")
    assert there.value == -back.value
    assert there.interval is not None
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))


def test_the_order_of_lines_decides_nothing() -> None:
    turned = {key: dict(reversed(values.items())) for key, values in SCORES.items()}
    assert paired(turned, "align", "a", "b") == paired(SCORES, "align", "a", "b")


def test_a_constant_difference_is_bounded_by_the_range_of_the_scores() -> None:
    """Three clips of equal difference are weak evidence; without a known range, none."""
    shifted = {request: value + 0.125 for request, value in A.items()}
    scores = {("a", "align"): shifted, ("b", "align"): A}
    assert paired(scores, "align", "a", "b").interval is None
    found = paired(scores, "align", "a", "b", bounds=(0, 1))
    hidden = 1 - 0.05 ** (1 / 3)
    assert found.value == 0.125
    assert found.interval == pytest.approx((0.125 - 1.125 * hidden, 0.125 + 0.875 * hidden))
    assert not found.excludes_zero


def test_rows_that_share_a_part_are_paired_on_that_part() -> None:
    scores = {("a", "m"): {"x/0": 1.0, "y/0": 2.0}, ("b", "m"): {"y/0": 0.5, "v/0": 9, "w/0": 9}}
    found = paired(scores, "m", "a", "b")
    assert (found.value, found.count, found.first_alone, found.second_alone) == (1.5, 1, 1, 2)
    assert found.interval is None
    assert not found.excludes_zero
    assert str(found) == (
        "m: a - b = +1.5000 (no interval, 1 request paired, 3 scored in one row only)"
    )


def test_an_interval_that_touches_zero_does_not_exclude_it() -> None:
    assert not Paired("m", "a", "b", 0.1, (0.0, 0.2), 9).excludes_zero
    assert Paired("m", "a", "b", 0.1, (0.01, 0.2), 9).excludes_zero
    assert Paired("m", "a", "b", -0.1, (-0.2, -0.01), 9).excludes_zero


def test_several_samples_of_a_caption_are_no_pairs_of_their_own() -> None:
    """Of values without a known range 40 pairs are relied on: 40 captions, not 20 twice."""

    def gains(captions: int, samples: int) -> Paired:
        better = {f"{i}/{k}": 1.0 + i % 2 for i in range(captions) for k in range(samples)}
        return paired({("a", "m"): better, ("b", "m"): dict.fromkeys(better, 0.0)}, "m", "a", "b")

    assert gains(40, 1).stands
    assert gains(40, 2).stands
    assert (gains(20, 2).count, gains(20, 2).captions) == (40, 20)
    assert gains(20, 2).excludes_zero
    assert not gains(20, 2).stands


def test_two_run_folders_are_paired_as_one(tmp_path: Path) -> None:
    for name, system, values in (("one", "a", A), ("two", "b", B)):
        (tmp_path / name).mkdir()
        lines = [(system, "align", ClipScore(request, v)) for request, v in values.items()]
        (tmp_path / name / "scores.csv").write_text(dump_scores(lines), encoding="utf-8")
        column = Column("align", "AV-Align", "higher", {"bounds": [0.0, 1.0]})
        table = make_table(columns=(column,), rows=())
        (tmp_path / name / "results.json").write_text(dump_table(table), encoding="utf-8")
    one, two = tmp_path / "one", tmp_path / "two"
    assert paired_runs(one, "align", "a", "b", other=two) == paired(
        SCORES, "align", "a", "b", bounds=(0, 1)
    )
    assert paired_runs(one, "align", "a", "a").value == 0


@pytest.mark.parametrize(
    ("metric", "first", "second", "message"),
    [
        ("align", "a", "lone", "found no request scored in both 'a' .3 requests, e.g. 'x/0'"),
        ("fvd", "a", "b", "found no scores per clip of 'a', so no paired difference exists"),
        ("align", "a", "nobody", "found no row 'nobody' .* only a, b, lone"),
    ],
)
def test_what_cannot_be_paired_is_one_line(
    metric: str, first: str, second: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        paired(SCORES, metric, first, second)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "bounds"),
    [
        ({"bounds": [0.0, 1.0]}, (0.0, 1.0)),
        ({"bounds": (-1, 1)}, (-1.0, 1.0)),
        ({}, None),  # of a run that did not record them
        ({"bounds": [1.0, 0.0]}, None),
        ({"bounds": "0..1"}, None),
    ],
)
def test_bounds_are_read_from_the_column(
    settings: dict[str, object], bounds: tuple[float, float] | None
) -> None:
    assert bounds_of(Column("m", "M", "higher", settings)) == bounds
