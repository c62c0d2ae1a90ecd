"""The page on validity, its data, figures and findings: all from one validation."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import page_blocks
import pytest

from svbench.errors import DataError
from svbench.files.validity import dump_validity
from svbench.metrics.validity.findings import DRAWN, SMALL, load_findings
from svbench.reports.analysis.following import FOLLOWS
from tests.factories.validity import ALIGN, WEAK, make_validity
from tests.goldens.places import REPOSITORY

VALIDITY: ModuleType = importlib.import_module("make_validity")


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of docs with the page as it stands, and all that is written beside it."""
    page = tmp_path / "validity.md"
    page.write_text(VALIDITY.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    for module in (page_blocks, VALIDITY):
        monkeypatch.setattr(module, "DATA", tmp_path)
    monkeypatch.setattr(VALIDITY, "PAGE", page)
    monkeypatch.setattr(VALIDITY, "FOLDER", tmp_path)
    return tmp_path


def run(out: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(sys, "argv", ["make_validity.py", str(out), *options])
    VALIDITY.main()


def test_the_command_writes_page_data_figures_and_findings(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = docs / "out"
    out.mkdir()
    (out / "validity.json").write_text(dump_validity(make_validity()), encoding="utf-8")
    run(out, monkeypatch)
    findings = load_findings(docs / "findings.json")
    assert {name: found.spearman for name, found in findings.items()} == {ALIGN: 0.9, WEAK: -0.2}
    assert {path.name for path in docs.glob("*.svg")} == {
        *("validity-overview.svg", f"validity-response-{ALIGN}.svg"),
        f"validity-response-{WEAK}.svg",
    }
    page = docs / "validity.md"
    for name in VALIDITY.BLOCKS:
        assert page_blocks.block(page, name) == VALIDITY.rendered(name)
    text = page.read_text(encoding="utf-8")
    assert VALIDITY.NOT_YET not in text
    for part in (f"title of {ALIGN}: {FOLLOWS}", "FVD: no weights of i3d", "0.90<br>"):
        assert part in text, part
    for picture in docs.glob("*.svg"):
        assert f"]({picture.name})" in text
    run(out, monkeypatch, "--show")
    assert f"response-{ALIGN}" not in page.read_text(encoding="utf-8")


def test_the_section_on_drawn_clips_is_written_alone(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = make_validity()
    small = replace(found.metrics[0], metric=f"{WEAK}+miniature")
    found = replace(found, metrics=(*found.metrics, small))
    (docs / "validity.json").write_text(dump_validity(found), encoding="utf-8")
    before = {path: path.read_bytes() for path in docs.iterdir()}
    run(docs / "validity.json", monkeypatch, "--miniature")
    changed = {path.name for path in docs.iterdir() if path.read_bytes() != before.get(path)}
    assert changed == {"validity.md", "validity-miniature.json", DRAWN}
    findings = load_findings(docs / DRAWN)  # of the small networks alone
    assert {name: one.spearman for name, one in findings.items()} == {small.metric: 0.9}
    written = page_blocks.block(docs / "validity.md", VALIDITY.MINIATURE)
    assert written == VALIDITY.rendered_miniature()
    assert f"title of {ALIGN}" in written


def test_the_page_holds_what_is_kept_of_drawn_clips() -> None:
    written = page_blocks.block(VALIDITY.PAGE, VALIDITY.MINIATURE)
    assert written == VALIDITY.rendered_miniature()


def test_weights_that_cannot_be_told_apart_change_nothing(docs: Path) -> None:
    found = make_validity()
    nameless = replace(found, metrics=(replace(found.metrics[0], extractor=""),))
    before = {path: path.read_bytes() for path in docs.iterdir()}
    with pytest.raises(DataError, match="found no key of its extractor"):
        VALIDITY.make(nameless, [])
    assert {path: path.read_bytes() for path in docs.iterdir()} == before


def test_a_folder_without_a_validation_is_one_clear_line(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"expected what svbench validate wrote"):
        run(docs / "nowhere", monkeypatch)


# --- the page as it ships ----------------------------------------------------------------------


@pytest.mark.parametrize("name", VALIDITY.BLOCKS)
def test_the_page_shows_what_was_measured(name: str) -> None:
    assert page_blocks.block(VALIDITY.PAGE, name) == VALIDITY.rendered(name)


@pytest.mark.parametrize(("name", "drawn"), [("validity", False), ("validity-miniature", True)])
def test_the_findings_that_ship_are_those_of_the_page(name: str, drawn: bool) -> None:
    data = page_blocks.DATA / f"{name}.json"
    measured = page_blocks.load(name)[VALIDITY.BLOCK]["measured"] if data.exists() else {}
    shipped = {column: found.spearman for column, found in load_findings(drawn=drawn).items()}
    kept = {
        one["metric"]: one["agreement"]["value"]
        for one in measured.get("metrics", ())
        if one["agreement"] and (SMALL in one["metric"] or not drawn)
    }
    assert shipped == pytest.approx(kept, abs=1e-4)


def test_pictures_of_the_page_are_there() -> None:
    shipped = {path.name for path in (REPOSITORY / "docs").glob("validity-*.svg")}
    text = VALIDITY.PAGE.read_text(encoding="utf-8")
    assert {name for name in shipped if f"]({name})" in text} == shipped
    assert text.count("](validity-") == len(shipped)
