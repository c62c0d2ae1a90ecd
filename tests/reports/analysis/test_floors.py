"""Floors made from the judged clips: what stands clear of them, and where they are printed."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import ConfigError
from svbench.files.results import ClipValues
from svbench.reports.analysis.clip_scores import read_clip_scores
from svbench.reports.analysis.floors import clearances, floor_of, verdict, verdicts
from svbench.reports.analysis.pairwise import LEAST
from svbench.reports.analysis.ranking import marked_places, standings
from svbench.reports.compare.comparability import tables_differ
from svbench.reports.compare.differences import baseline_row
from svbench.reports.compare.merge import Run, merge
from svbench.reports.figures import distributions, precision_recall
from svbench.reports.figures.clip_figure import select_rows
from svbench.reports.page.clip_choice import headline_column, ranked_rows
from svbench.reports.page.data import in_order
from svbench.reports.page.html import write_page
from svbench.reports.page.summary import summarise
from svbench.reports.tables.exports import model_index, table_csv, table_json
from svbench.reports.tables.latex import latex
from svbench.reports.tables.markdown import markdown
from svbench.reports.tables.sheet import arrange
from svbench.reports.tables.text import text
from svbench.types import FLOOR_OF, Column, ResultTable, Row, Score
from tests.factories.results import ALIGN, FVD, SPEC, make_table, with_score, write_run

ADJUSTED = "av-align-adjusted-corrected@published"
CAVEAT = "shared activity scores above 0"
COLUMNS = (
    Column(FVD, "FVD", "lower", {"extractor": "i3d-1"}),
    Column(ALIGN, "AV-Align (corrected)", "higher", {"bounds": [0.0, 1.0]}),
    Column(ADJUSTED, "AV-Align (adjusted)", "higher", {"bounds": [-1, 1], "caveat": CAVEAT}),
)
GAINS = {"high": 0.3, "low": 0.0}  # of each set over its floor, in both AV-Aligns


def values(count: int = 12) -> dict[tuple[str, str], dict[str, float]]:
    """Return scores of clips: a floor of 0.2 on average, and sets that gain on it as `GAINS`."""
    noise = np.linspace(-0.1, 0.1, count)
    found = {}
    for metric in (ALIGN, ADJUSTED):
        for system, gain in GAINS.items():
            requests = [f"c{i}/0" for i in range(count)]
            turn = 1 if gain else -1  # so that no difference is the same for every clip
            own, floor = 0.2 + gain + turn * noise, 0.2 - turn * noise / 2
            found[system, metric] = dict(zip(requests, own.tolist(), strict=True))
            found[f"{system}-shuffled", metric] = dict(zip(requests, floor.tolist(), strict=True))
    return found


def scored(scores: ClipValues, *systems: str) -> ResultTable:
    """Return the table of `svbench score` that these scores belong to."""
    names = systems or tuple(GAINS)
    rows = [row for name in names for row in (_row(name, scores), _row(name, scores, floor=True))]
    rows.append(Row("real", "real clips", 20, True, {"set": "r"}, absent={FVD: "no weights"}))
    return ResultTable("Clips against real", "real", "elsewhere", SPEC, COLUMNS, tuple(rows))


def _row(name: str, scores: ClipValues, *, floor: bool = False) -> Row:
    system = f"{name}-shuffled" if floor else name
    title = f"{name}, shuffled (floor)" if floor else name
    settings = {FLOOR_OF: name, "set": name} if floor else {"set": name}
    found = {}
    for metric in (ALIGN, ADJUSTED):
        clips = list(scores[system, metric].values())
        mean = float(np.mean(clips))
        interval = (mean - 0.05, mean + 0.05)
        found[metric] = Score(metric, mean, "higher", len(clips), interval, "events")
    absent = {FVD: "no weights"}
    return Row(system, title, len(clips), settings=settings, scores=found, absent=absent)


# --- what stands clear -------------------------------------------------------------------------


def test_a_row_is_compared_with_the_floor_made_from_it() -> None:
    scores = values()
    table = scored(scores)
    high, low = clearances(table, COLUMNS[2], scores)
    assert (high.row.system, high.floor.system, high.clear) == ("high", "high-shuffled", True)
    assert high.gain.value == pytest.approx(0.3)
    assert (low.floor.system, low.clear, low.gain.count) == ("low-shuffled", False, 12)
    assert clearances(table, COLUMNS[0], scores) == ()
    assert clearances(table, replace(COLUMNS[2], better="lower"), scores)[0].clear is False


def test_the_control_is_the_floor_of_rows_without_one_of_their_own() -> None:
    table = make_table()
    assert [getattr(floor_of(table, row), "system", None) for row in table.rows][2:] == [
        "shuffled"
    ] * 3
    assert floor_of(scored(values()), scored(values()).rows[-1]) is None


def test_the_verdict_names_what_stands_clear_by_how_much() -> None:
    scores = values()
    sentence = verdict(scored(scores, "high"), COLUMNS[2], scores)
    assert sentence.startswith(
        "high stands clear of its shuffled floor in AV-Align (adjusted): +0.300 [+0."
    )
    assert sentence.endswith("] over 12 clips")
    both = verdict(scored(scores), COLUMNS[2], scores)
    assert both == f"{sentence}; not clear: {clearances(scored(scores), COLUMNS[2], scores)[1]}"
    none = verdict(scored(scores, "low"), COLUMNS[2], scores)
    assert none.startswith("No row stands clear of its floor in AV-Align (adjusted): low ")
    assert "−0." in none
    assert verdict(scored(scores), COLUMNS[0], scores) == ""


@pytest.mark.parametrize("count", [2, 3])
def test_a_handful_of_clips_stands_clear_of_nothing(count: int) -> None:
    scores = values(count)
    table = scored(scores)
    assert verdicts(table, scores)
    assert all(sentence.startswith("No row stands clear") for sentence in verdicts(table, scores))
    assert marked_places(standings(table, scores)) == {}


def test_a_table_without_floors_of_its_own_has_no_verdict_below_it() -> None:
    table = make_table()
    assert verdicts(table, {}) == []
    scores = values()
    notes = arrange(scored(scores), scores).footnotes
    assert sum("its shuffled floor" in note for note in notes) == 2  # one for each AV-Align


# --- no competitor -----------------------------------------------------------------------------


def test_floors_do_not_compete() -> None:
    scores = values()
    table = scored(scores)
    assert marked_places(standings(table, scores)) == {
        ("high", ALIGN): "best",
        ("high", ADJUSTED): "best",
    }
    assert marked_places(standings(scored(scores, "high"), scores)) == {}
    assert [row.system for row in ranked_rows(table.rows)] == ["high", "low"]
    floors_first = replace(table, rows=table.rows[1:])
    assert baseline_row(floors_first, None).system == "low"
    assert "shuffled" not in model_index(table)
    assert f"caveat: {CAVEAT}" in model_index(table)


def test_whole_sets_of_few_clips_carry_no_place() -> None:
    best = "cmc-pe-gamma1.5"
    for count, marked in ((LEAST, True), (LEAST - 1, False)):
        table = make_table()
        for system in (best, "cross-attention-gamma1", "cmc-pe-gamma1"):
            table = with_score(table, system, FVD, count=count, reference_count=40)
        assert ((best, FVD) in marked_places(standings(table, {}))) is marked
        for system in (best, "cross-attention-gamma1", "cmc-pe-gamma1"):
            table = with_score(table, system, FVD, count=40, reference_count=count)
        assert ((best, FVD) in marked_places(standings(table, {}))) is marked


def test_the_rule_of_bold_needs_two_competitors() -> None:
    scores = values()
    assert not any("bold" in n for n in arrange(scored(scores, "high"), scores).footnotes)
    assert any("bold" in n for n in arrange(scored(scores), scores).footnotes)


# --- every medium ------------------------------------------------------------------------------

ORDER = ["high", "high, shuffled (floor)", "low", "low, shuffled (floor)", "real clips"]


def test_a_floor_is_printed_below_its_set_in_every_medium() -> None:
    scores = values()
    table = scored(scores)
    sheet = arrange(table, scores)
    assert [line.title for line in sheet.lines] == ORDER
    assert [row.title for row in in_order(table)] == ORDER
    for printed in (text([sheet], 100), markdown([sheet]), latex([sheet])):
        begins = re.compile(r"^[| ]*(high|low|real)\b(, shuffled)?", re.MULTILINE)
        assert ["".join(found) for found in begins.findall(printed)] == [
            *("high", "high, shuffled", "low", "low, shuffled", "real")
        ]
    lines = list(csv.DictReader(io.StringIO(table_csv(table, scores))))
    found = dict.fromkeys((line["kind"], line["title"]) for line in lines)
    kinds = ["model", "floor", "model", "floor", "control"]
    assert list(found) == list(zip(kinds, ORDER, strict=True))
    assert not [line for line in lines if line["kind"] == "floor" and line["place"]]
    assert '"shuffled"' not in table_json(table, scores)


def test_the_caveat_stands_with_the_number() -> None:
    scores = values()
    sheet = arrange(scored(scores), scores)
    assert f"AV-Align (adjusted): {CAVEAT}" in sheet.footnotes
    for printed in (text([sheet], 200), markdown([sheet]), latex([sheet])):
        assert CAVEAT in printed


def test_a_page_marks_floors_and_ranks_none(tmp_path: Path) -> None:
    scores = values()
    table = scored(scores)
    run = write_run(tmp_path / "run", table, scores)
    (run / "run.json").write_text('{"command": "score", "config": {}}', encoding="utf-8")
    html = write_page(run, tmp_path / "page").read_text(encoding="utf-8")
    assert html.count('<tr class="floor">') == 2
    assert html.count('<span class="tag">floor</span>') == 2
    assert '"floor": true, "reference": false, "system": "high-shuffled"' in html
    assert "clips made elsewhere" in html
    assert "high stands clear of its shuffled floor in AV-Align (adjusted): +0.300" in html


def test_figures_take_floors_for_no_model(tmp_path: Path) -> None:
    scores = values()
    table = scored(scores)
    clips = read_clip_scores(write_run(tmp_path, table, scores))
    distributions.draw(table, clips, tmp_path / "spread.svg")
    assert (tmp_path / "spread.svg").stat().st_size > 0
    numbers = {
        key: of if "shuffled" in key[0] else {**of, "precision": of["value"], "recall": of["value"]}
        for key, of in clips.numbers.items()
    }
    pairs = replace(clips, numbers=numbers)
    precision_recall.draw(table, pairs, ALIGN, tmp_path / "pairs.svg")
    assert (tmp_path / "pairs.svg").stat().st_size > 0


def test_a_clip_figure_draws_no_floor() -> None:
    table = scored(values())
    assert [row.system for row in select_rows(table, ()).rows] == ["high", "low", "real"]
    with pytest.raises(ConfigError, match="found 'high-shuffled', expected some of high, low"):
        select_rows(table, ("high-shuffled",))


def test_runs_of_equal_names_keep_each_floor_with_its_set() -> None:
    one, other = values(), values(11)
    runs = [Run("a", scored(one, "high"), one), Run("b", scored(other, "high"), other)]
    merged = merge(runs).table
    floors = {row.system: row.floor_of for row in merged.rows if row.floor_of}
    assert floors == {"high-shuffled (a)": "high (a)", "high-shuffled (b)": "high (b)"}
    assert all(floor_of(merged, row) for row in merged.rows if row.competes)


# --- scale -------------------------------------------------------------------------------------


def test_clips_made_elsewhere_have_no_scale_but_compare_as_before() -> None:
    table = scored(values())
    assert arrange(table).protocol.startswith("clips made elsewhere; judged by ")
    assert arrange(replace(table, scale="paper")).protocol.startswith("scale: paper; ")
    assert tables_differ(replace(table, scale="paper"), table) == ()
    assert tables_differ(replace(table, scale="mini"), table)
    assert "scale: clips made elsewhere" in model_index(table)


# --- headline ----------------------------------------------------------------------------------


def test_the_headline_is_adjusted_and_names_the_caveat(tmp_path: Path) -> None:
    scores = values()
    table = scored(scores, "high")
    clips = read_clip_scores(write_run(tmp_path, table, scores))
    found = headline_column(table, clips)
    assert found is not None
    assert found.metric == ADJUSTED
    summary = summarise(table, clips)
    assert summary.judged.startswith(
        "1 model, 1 floor made from its clips and 1 control made of real clips, "
    )
    assert summary.headline[0] == (
        "AV-Align (adjusted), higher is better: high, 0.500 [0.450, 0.550]."
    )
    assert summary.headline[1].startswith("high stands clear of its shuffled floor in ")
    assert summary.headline[2] == "Shared activity scores above 0."
    assert "best" not in " ".join(summary.headline)


def test_the_headline_of_two_clips_names_no_winner(tmp_path: Path) -> None:
    scores = values(2)
    table = scored(scores)
    summary = summarise(table, read_clip_scores(write_run(tmp_path, table, scores))).headline
    assert summary[0].startswith("AV-Align (adjusted), higher is better: no model is clearly the ")
    assert summary[0].endswith("over 2 clips in both: no significant difference in this run.")
    assert summary[1].startswith(
        "No row stands clear of its floor in AV-Align (adjusted): high +0.3"
    )


def test_one_clip_has_no_floor_and_the_headline_explains_why(tmp_path: Path) -> None:
    scores = {key: of for key, of in values(2).items() if "shuffled" not in key[0]}
    scores = {key: dict(list(of.items())[:1]) for key, of in scores.items()}
    reason = "one clip alone cannot be shuffled"
    row = scored(values(), "high").rows[0]
    alone = {m: Score(m, 0.4, "higher", 1) for m in (ALIGN, ADJUSTED)}
    floor = Row("high-shuffled", "f", 1, settings={FLOOR_OF: "high"}, absent={ADJUSTED: reason})
    table = replace(scored(values(), "high"), rows=(replace(row, scores=alone), floor))
    summary = summarise(table, read_clip_scores(write_run(tmp_path, table, scores))).headline
    assert summary[1] == f"No row has a floor in AV-Align (adjusted): {reason}."
