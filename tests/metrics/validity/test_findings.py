"""Findings: stated for exactly what was measured, and for nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.intervals import INTERVAL_ONLY
from svbench.metrics.validity.findings import (
    OTHERWISE,
    dump_findings,
    finding_of,
    load_findings,
    settings_key,
)
from svbench.types import ClipSpec, HumanAgreement
from tests.factories.validity import ALIGN, FVD, SETTINGS, SPEC, WEAK, make_validity

EXTRACTOR = f"events of {ALIGN}"
KEY = settings_key(EXTRACTOR, SETTINGS, SPEC)


def written(folder: Path) -> Path:
    path = folder / "findings.json"
    path.write_text(dump_findings(make_validity()), encoding="utf-8")
    return path


def test_what_was_measured_comes_back_by_the_name_of_its_column(tmp_path: Path) -> None:
    findings = load_findings(written(tmp_path))
    assert set(findings) == {ALIGN, WEAK}  # FVD was not computed
    found = finding_of(findings, ALIGN, KEY)
    assert found == HumanAgreement(
        0.9, (0.7, 0.95), 6, 19, "clips of Greatest Hits", "1.2.3", settings=KEY
    )


def test_a_column_of_other_weights_settings_or_format_is_not_measured(tmp_path: Path) -> None:
    findings = load_findings(written(tmp_path))
    others = (
        settings_key("events of other detectors", SETTINGS, SPEC),
        settings_key(EXTRACTOR, {**SETTINGS, "floor": 0.1}, SPEC),
        settings_key(EXTRACTOR, SETTINGS, replace(SPEC, fps=16.0)),
        settings_key(EXTRACTOR, SETTINGS, replace(SPEC, frame_choice="official")),
    )
    assert len({KEY, *others}) == 5
    for key in others:
        assert finding_of(findings, ALIGN, key) == HumanAgreement(None, reason=OTHERWISE)
    assert finding_of(findings, FVD, KEY) == HumanAgreement(None)


@pytest.mark.parametrize("name", INTERVAL_ONLY)
def test_what_decides_intervals_and_notes_alone_does_not_count(name: str) -> None:
    assert settings_key(EXTRACTOR, {**SETTINGS, name: "another"}, SPEC) == KEY


def test_the_format_does_not_count_where_clips_are_judged_as_they_were_made() -> None:
    native = {**SETTINGS, "view": "native"}
    other = ClipSpec(8, 4.0, (64, 64), 8000)
    assert settings_key(EXTRACTOR, native, SPEC) == settings_key(EXTRACTOR, native, other)


def test_settings_that_went_through_a_file_have_the_same_key() -> None:
    nested = {**SETTINGS, "detectors": {"onsets": (1, 2.5)}}
    loaded = json.loads(json.dumps(nested))
    assert settings_key(EXTRACTOR, nested, SPEC) == settings_key(EXTRACTOR, loaded, SPEC)


def test_a_finding_needs_the_key_of_its_extractor() -> None:
    found = make_validity()
    nameless = replace(found, metrics=(replace(found.metrics[0], extractor=""),))
    with pytest.raises(DataError, match="found no key of its extractor"):
        dump_findings(nameless)


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "findings.json"
    file.write_text('{"fvd": {"spearman": "high"}}')
    with pytest.raises(DataError, match=r"'fvd\.spearman', expected findings on validity"):
        load_findings(file)


@pytest.mark.parametrize("drawn", [False, True])
def test_the_findings_that_ship_can_be_loaded_and_hold_numbers(drawn: bool) -> None:
    findings = load_findings(drawn=drawn)
    assert findings
    for name, found in findings.items():
        assert found.spearman is not None, name
        assert -1 <= found.spearman <= 1, name
        assert min(found.clips, found.conditions) > 1, name
        assert len(found.settings) == 16, name
