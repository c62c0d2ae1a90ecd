"""Seals: a record is known again as it was written, and no other is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.files.seals import SEAL, seal_of, sealed, unsealed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.text().filter(lambda key: key != SEAL), VALUES, max_size=4)


@given(RECORDS)
def test_a_record_comes_back_through_a_file(record: dict[str, Any]) -> None:
    written = sealed(record)
    assert list(written)[-1] == SEAL
    assert unsealed(json.loads(json.dumps(written))) == record
    assert unsealed(dict(reversed(written.items()))) == record


@pytest.mark.parametrize(
    "other", [{}, {"a": True}, {"a": 1.0}, {"a": "1"}, {"a": 2}, {"b": 1}, {"a": 1, "b": None}]
)
def test_a_seal_fits_no_other_record(other: dict[str, Any]) -> None:
    assert unsealed({**other, SEAL: seal_of({"a": 1})}) is None


@pytest.mark.parametrize("seal", [None, "", 7, [], "0" * 64])
def test_no_seal_or_another_is_none(seal: object) -> None:
    assert unsealed({"a": 1}) is None
    assert unsealed({"a": 1, SEAL: seal}) is None
