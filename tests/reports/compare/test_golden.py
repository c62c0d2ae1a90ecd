"""Golden files: tolerances, history, and the messages for malformed ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.errors import ConfigError, DataError
from svbench.reports.compare.golden import (
    REFERENCE,
    USUAL,
    Entry,
    Golden,
    Tolerance,
    dump_golden,
    load_golden,
    parse_tolerances,
    updated,
)
from svbench.types import Score
from tests.factories.results import ALIGN, FVD, make_table, with_score

FIRST = Entry("2026-01-02", "0.1.0", "the first")
CELL = Score("m", 0.5, "higher", 16, (0.25, 0.625))


@pytest.mark.parametrize(
    ("tolerance", "value", "allowed"),
    [
        (Tolerance(absolute=0.125), 0.625, True),  # a bound belongs to what it allows
        (Tolerance(absolute=0.125), 0.6251, False),
        (Tolerance(absolute=0.125), 0.375, True),
        (Tolerance(relative=0.25), 0.375, True),  # 0.25 of 0.5
        (Tolerance(relative=0.25), 0.374, False),
        (Tolerance(absolute=0.0), 0.5, True),
        (Tolerance(interval=True), 0.25, True),
        (Tolerance(interval=True), 0.24, False),
        (Tolerance(interval=True), 0.63, False),
        (Tolerance(absolute=0.01, interval=True), 0.3, True),  # one bound is enough
        (Tolerance(absolute=0.01, relative=0.5), 0.74, True),
    ],
)
def test_a_tolerance_allows_values_within_its_bounds(
    tolerance: Tolerance, value: float, allowed: bool
) -> None:
    assert tolerance.allows(CELL, value) is allowed


def test_without_a_golden_interval_nothing_lies_within_it() -> None:
    assert not Tolerance(interval=True).allows(Score("m", 0.5, "higher", 1), 0.5001)


def test_relative_bounds_of_negative_values_are_bounds_too() -> None:
    below = Score("m", -0.5, "higher", 16)
    assert Tolerance(relative=0.25).allows(below, -0.625)
    assert not Tolerance(relative=0.25).allows(below, -0.626)


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (Tolerance(absolute=0.01), "±0.01"),
        (Tolerance(relative=0.05), "±5 %"),
        (Tolerance(0.01, 0.05), "±0.01 or ±5 %"),
        (Tolerance(0.01, interval=True), "±0.01 or golden interval"),
    ],
)
def test_a_tolerance_is_printed(tolerance: Tolerance, message: str) -> None:
    assert str(tolerance) == message


@pytest.mark.parametrize("bounds", [{}, {"absolute": -0.1}, {"relative": float("nan")}])
def test_a_tolerance_without_a_bound_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a tolerance"):
        Tolerance(**bounds)  # type: ignore[arg-type]


def test_tolerances_are_read_from_the_command_line() -> None:
    assert parse_tolerances(
        ["all=interval", f"{FVD}=relative:0.05,absolute:2", "a=b=absolute:1e-3"]
    ) == {
        "all": Tolerance(interval=True),
        FVD: Tolerance(absolute=2, relative=0.05),
        "a=b": Tolerance(absolute=1e-3),
    }


@pytest.mark.parametrize(
    "text",
    ["", "fvd", "fvd=", "=interval", "fvd=0.1", "fvd=absolute", "fvd=absolute:x", "f=near:1"],
)
def test_malformed_tolerances_are_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--tolerance: found .*, expected METRIC=absolute:0.01"):
        parse_tolerances([text])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["f=absolute:-1"], "found 'f=absolute:-1', expected finite bounds, 0 or more"),
        (["f=relative:nan"], "found 'f=relative:nan', expected finite bounds, 0 or more"),
        (["f=interval,absolute:inf"], "found 'f=interval,absolute:inf', expected finite bounds"),
        (["f=absolute:1", "g=interval", "f=relative:1"], "found 'f' twice, expected each once"),
        (["all=interval", "all=interval"], "found 'all' twice, expected each once"),
        (["f=absolute:1,absolute:2"], "found 'f=absolute:1,absolute:2', expected each bound once"),
    ],
)
def test_tolerances_that_bound_nothing_or_too_often(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^--tolerance: {message}"):
        parse_tolerances(texts)


def test_a_golden_file_comes_back_as_it_was(tmp_path: Path) -> None:
    tolerances = {FVD: Tolerance(interval=True), ALIGN: Tolerance(0.01, 0.05)}
    golden = Golden(make_table(), tolerances, (FIRST,), ("set",))
    text = dump_golden(golden)
    (tmp_path / "golden.json").write_text(text, encoding="utf-8")
    assert load_golden(tmp_path / "golden.json") == golden
    assert dump_golden(load_golden(tmp_path / "golden.json")) == text
    assert json.loads(text)["tolerances"] == {
        FVD: {"interval": True},
        ALIGN: {"absolute": 0.01, "relative": 0.05},
    }


def test_a_first_golden_names_a_tolerance_for_every_column() -> None:
    golden = updated(None, make_table(), {FVD: Tolerance(interval=True)}, FIRST)
    assert golden.tolerances == {FVD: Tolerance(interval=True), ALIGN: USUAL}
    assert golden.history == (FIRST,)


def test_an_update_keeps_tolerances_and_history() -> None:
    old = updated(None, make_table(), {FVD: Tolerance(interval=True)}, FIRST)
    table = with_score(make_table(), "real", ALIGN, value=0.5)
    second = Entry("2026-02-03", "0.2.0", "another", ("real moved",))
    new = updated(old, table, {"all": Tolerance(0.5), ALIGN: Tolerance(0.25)}, second)
    assert new.results == table
    assert new.tolerances == {FVD: Tolerance(0.5), ALIGN: Tolerance(0.25)}
    assert updated(old, table, {}, second).tolerances == old.tolerances
    assert new.history == (FIRST, second)


def test_real_clips_kept_apart_may_differ_once_the_table_has_some() -> None:
    """As the real clips may: an encoder of another version draws other bytes."""
    before = replace(updated(None, make_table(), {}, FIRST), may_differ=("torch",))
    assert updated(before, make_table(), {}, FIRST).may_differ == ("torch",)
    table = replace(make_table(), record={**make_table().record, REFERENCE: "c0ffee"})
    after = updated(before, table, {}, FIRST)
    assert after.may_differ == ("torch", REFERENCE)
    chosen = replace(after, may_differ=("torch",))
    assert updated(chosen, table, {}, FIRST).may_differ == ("torch",)


def test_a_tolerance_of_no_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="--tolerance: found 'fad', expected all or one of fvd"):
        updated(None, make_table(), {"fad": USUAL}, FIRST)


def spoiled(**changed: object) -> str:
    record = json.loads(dump_golden(Golden(make_table(), {}, (FIRST,))))
    return json.dumps({**record, **changed})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "found no JSON"),
        ("[]", "found golden schema None, expected 1"),
        (spoiled(golden=2), "found golden schema 2, expected 1"),
        (spoiled(results=3), "found schema None, expected 1"),
        (spoiled(tolerances={"m": {"absolute": "wide"}}), "tolerances.m.absolute"),
        (spoiled(tolerances={"m": {}}), "tolerances.m: .*a tolerance needs a bound"),
        (spoiled(history=[{"date": "2026"}]), "history.0.svbench: Field required"),
    ],
)
def test_a_malformed_golden_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "golden.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_golden(tmp_path / "golden.json")
    assert "\n" not in str(caught.value)
    assert "golden.json" in str(caught.value)


def test_the_error_of_an_absent_golden_file_explains_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found nothing there, .* make one by --update --reason"):
        load_golden(tmp_path / "golden.json")
