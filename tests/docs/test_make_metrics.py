"""docs/metrics.md: a section per column, rendered from data, docstrings and the catalog."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import page_blocks
import pytest

from svbench.catalog import metrics as catalog
from svbench.catalog.columns import audio_tagging, audiobox, clap, desync, javisscore, jedi
from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import METRICS
from svbench.files.weights.loading import WeightFile
from svbench.metrics.networks import imagebind_text
from svbench.protocols import Metric
from svbench.walk.plan import Unavailable
from tests.factories.results import ALIGN, clip_values, make_table, write_run
from tests.goldens import column_parity

PAGES: ModuleType = importlib.import_module("make_metrics")
FACTS: ModuleType = importlib.import_module("metric_facts")
FAMILIES: Sequence[Any] = importlib.import_module("metric_families").FAMILIES
SECTIONS: ModuleType = importlib.import_module("docstring_sections")
OF: Mapping[str, Any] = {name: family for family in FAMILIES for name in family.columns}
BUILDERS = (catalog, audio_tagging, audiobox, clap, desync, javisscore, jedi)
PARTS = ["Question", "Definition", "Conventions", "References", "Presets", "Traps"]
PARTS += ["What it responds to", "Clips it needs", "Weights and licence", "Parity", "Cost"]
WORDS = {"video": "picture", "vision": "picture", "audio": "sound", "text": "caption"}


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every column be built as if its weights were there; none is loaded before it is used."""

    def found(*names: str) -> list[WeightFile]:
        return [WeightFile(name, Path(name), "0" * 64) for name in names]

    for module in BUILDERS:
        monkeypatch.setattr(module, "find_weights", found)
    monkeypatch.setattr(imagebind_text, "ClipTokenizer", lambda _file: None)


def built(column: str) -> Metric:
    metric = METRICS[column].build("", MetricSettings())
    assert not isinstance(metric, Unavailable), metric.reason
    return metric


@pytest.mark.parametrize("name", PAGES.BLOCKS)
def test_the_page_is_what_the_command_renders(name: str) -> None:
    assert page_blocks.block(PAGES.PAGE, name) == PAGES.rendered(name)


def test_every_column_has_one_section_and_one_line_of_the_overview() -> None:
    names = [name for family in FAMILIES for name in family.columns]
    assert sorted(names) == sorted(METRICS)
    text = PAGES.PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r'<a id="(.+?)"></a>', text)) == sorted(METRICS)
    overview = page_blocks.block(PAGES.PAGE, "overview")
    assert sorted(re.findall(r"^\| \[`(.+?)`\]", overview, re.MULTILINE)) == sorted(METRICS)


def test_links_within_the_docs_lead_somewhere() -> None:
    anchors = {f"#{name}" for name in METRICS}
    for link in re.findall(r"\]\(([^)]+)\)", PAGES.PAGE.read_text(encoding="utf-8")):
        file, _, _ = link.partition("#")
        assert link in anchors or (PAGES.PAGE.parent / file).is_file(), link


def test_every_section_has_the_parts_that_a_reader_looks_for() -> None:
    text = page_blocks.block(PAGES.PAGE, "columns")
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    parts = text.split("\n## ")[1:]
    assert len(parts) == len(FAMILIES)
    for section in parts:
        labels = re.findall(r"^\*\*(.+?)\.?\*\*", section, re.MULTILINE)
        assert [label for label in labels if label in PARTS] == PARTS, section[:40]


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("column", METRICS)
def test_what_the_table_beside_says_is_what_the_metric_says(column: str) -> None:
    metric, family = built(column), OF[column]
    compares = {WORDS[of] for of in metric.settings.get("compares", ())}
    assert not compares or compares == set(family.compared(column).split(", "))
    assert metric.needs_reference == ("real" in family.of)
    if "bounds" in metric.settings:
        low, high = metric.settings["bounds"]
        assert FACTS.bounds(family) == f"{low:g} to {high:g} {family.unit}".strip()
    else:
        assert not re.match(r"-?\d+ to -?\d", FACTS.bounds(family))


def test_prose_of_the_table_holds_no_result() -> None:
    """Measured numbers come from data; decimals in prose would be typed by hand."""
    for family in FAMILIES:
        for text in (family.question, *family.traps):
            assert not re.search(r"\d\.\d", text.replace("44.1 kHz", "").replace("2602.23958", ""))


# --- parity ------------------------------------------------------------------------------------


def test_kept_parity_is_within_what_is_allowed_and_covers_the_networks() -> None:
    kept = page_blocks.load("metrics")["parity"]["measured"]
    assert all(0 <= of["deviation"] <= of["allowed"] for of in kept)
    covered = {column for of in kept for column in of["columns"]}
    assert covered >= {"desync", "clap", "fd", "kl", "is", "javisscore", "avhscore", "jedi"}
    assert covered >= {name for name in METRICS if name.startswith("audiobox")}
    assert covered <= set(METRICS)


@pytest.mark.parametrize("measure", column_parity.QUICK)
def test_parity_measured_again_is_within_what_is_allowed(measure: Any) -> None:
    found = list(measure())
    assert found
    assert all(of.deviation <= of.allowed for of in found)


def test_a_deviation_is_relative_to_the_largest_value() -> None:
    assert column_parity.deviation([1.0, 2.0], [1.0, 4.0]) == 0.5
    assert column_parity.deviation(3.0, 3.0) == 0
    with pytest.raises(ValueError, match="shape"):
        column_parity.deviation([1.0], [1.0, 2.0])


# --- facts -------------------------------------------------------------------------------------


def test_what_was_not_measured_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (page_blocks, FACTS):
        monkeypatch.setattr(module, "DATA", tmp_path)
    assert FACTS.responses(("desync",)) == "All of it: not measured."
    assert FACTS.clips_needed(("desync",)) == "Not measured."
    assert FACTS.verdict_of("synchrony", "impacts") == "not measured"
    assert FACTS.parity(OF["desync"]) == "Not measured against another implementation."
    assert FACTS.parity(OF["fad"]).count("| VGGish") == 1  # docs/parity.md is no data file


def test_overview_and_sections_agree_on_what_was_measured() -> None:
    found = {name: FACTS.verdict_of(name, METRICS[name].usual) for name in METRICS}
    for name, said in found.items():
        section = FACTS.responses((name,))
        assert (said == FACTS.NOT_MEASURED) == (section == "All of it: not measured."), name
        assert said.startswith("drawn clips only: ") == ("(real)" not in section and "|" in section)
    assert found["desync"] == "drawn clips only: follows people (`av-benchmark+miniature`)"
    assert found["ib-av"] == "runs against people (`published+miniature`)"  # of real clips


def test_the_scatter_of_a_run_is_that_of_its_models(tmp_path: Path) -> None:
    found = PAGES.measure_scatter(write_run(tmp_path, make_table(), clip_values()))
    assert list(found["columns"]) == [ALIGN]  # a distance between sets has no value per clip
    of = found["columns"][ALIGN]
    assert of["n"] == 16
    # of three pairs the widest, which differ by 0.5 on one half of the clips and 0 on the other
    assert of["deviation"] == pytest.approx(0.25 * (16 / 15) ** 0.5)
    assert of["detectable"] > of["deviation"] * 2.8 / FACTS.PLANNED**0.5
    assert len(found["rows"]) == 3


def test_published_values_stand_at_the_column_that_answers_them() -> None:
    text = FACTS.published(("ib-av",))
    assert "`ib-av@published-leaky+native` | ImageBind | 0.33292" in text
    assert "not run here" in text
    assert not FACTS.published(("jedi",))


def test_a_native_preset_stands_in_the_row_that_a_reader_finds_it_in() -> None:
    imagebind = list(FACTS.printed_by(("ib-av",), "published-leaky"))  # +native behind any
    assert "`javisbench` (`+native`): IB-AV" in imagebind
    assert "`av-benchmark`: LAION-CLAP" in FACTS.printed_by(
        ("clap",),
        "music-speech-audioset+native",  # a preset of its own
    )
    assert not list(FACTS.printed_by(("clap",), "music-speech-audioset"))


# --- docstrings --------------------------------------------------------------------------------


def test_sections_of_a_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "X: how far it is.\n\nProse of :class:`X`.\n\n    a  b\n\nConventions\n-----------\n"
        "times    in seconds,\n         rising\nrows     float32\n\nMore.\n"
    )
    monkeypatch.setattr(SECTIONS, "docstring", lambda _module: text)
    assert SECTIONS.summary("any") == "How far it is."
    assert SECTIONS.sections("any") == {
        "": "Prose of `X`.\n\n    a  b",
        "Conventions": "- *times*: in seconds,\n  rising\n- *rows*: float32\n\nMore.",
    }
