"""Names of exported files: distinct whatever the ids, kept where tools take them as they are."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.exports.names import is_kept, names_of

KEPT = ["a", "my-clip", "---g-f_I2yQ_000001", "2015-02-16-16-49-06_denoised_thumb-003", "v1.0.x"]
CHANGED = [
    *("", "0001", "1e5", "1_000", "inf", "NaN", "NA", "n/a", "None", "null", "True", "FALSE"),
    *("sub/a", "a b", "a,b", "é", ".hidden", "a.", "x" * 81, "a\nb", "..", "a-0123456789ab"),
]
IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [*KEPT, *CHANGED]
)


@pytest.mark.parametrize("identifier", KEPT)
def test_an_id_that_tools_take_is_its_name(identifier: str) -> None:
    assert names_of([identifier]) == {identifier: identifier}


@pytest.mark.parametrize("identifier", CHANGED)
def test_an_id_that_a_tool_would_misread_is_none(identifier: str) -> None:
    assert names_of([identifier])[identifier] != identifier
    assert not is_kept(identifier)


@given(st.lists(IDS, max_size=12, unique=True))
def test_names_are_distinct_in_any_case_of_letters_and_safe(ids: list[str]) -> None:
    names = names_of(ids)
    assert list(names) == ids
    assert len({name.lower() for name in names.values()}) == len(ids)
    for name in names.values():
        assert re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII)
        assert len(name) <= 80
        assert not name.endswith(".")


@given(st.lists(IDS, max_size=8, unique=True), st.randoms())
def test_names_do_not_depend_on_the_order_of_ids(ids: list[str], random: object) -> None:
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert names_of(shuffled) == names_of(ids)


@given(st.lists(IDS, min_size=1, max_size=8, unique=True))
def test_pandas_reads_names_as_they_are(ids: list[str]) -> None:
    names = list(names_of(ids).values())
    frame = pd.read_csv(io.StringIO("name,caption\n" + "".join(f"{n},x\n" for n in names)))
    assert [str(row["name"]) for row in frame.to_dict(orient="records")] == names


def test_ids_equal_but_for_case_and_very_long_ones() -> None:
    long = ["x" * 300, "x" * 299 + "y", "X" * 300]
    names = names_of(["Clip", "clip", "other", *long])
    assert names["other"] == "other"
    assert names["Clip"].startswith("Clip-")
    assert names["clip"].startswith("clip-")
    assert len({name.lower() for name in names.values()}) == 6
