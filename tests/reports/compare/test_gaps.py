"""Gaps between rows that were judged unlike name the settings that differ, ranked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from svbench.errors import DataError
from svbench.reports.compare.comparability import Difference
from svbench.reports.compare.gaps import (
    EXPLANATION,
    gap_record,
    gap_sheet,
    gaps,
    kind_of,
    note,
    ranked,
)
from svbench.reports.compare.run_comparison import FORMATS, compare
from svbench.reports.compare.shared_requests import Run
from svbench.types import ClipSpec, Column, ResultTable
from tests.factories.results import ALIGN, FVD, SPEC, clip_values, make_table

FIRST = Run("first", make_table(), clip_values())


def second(table: ResultTable) -> Run:
    return Run("second", table, clip_values())


def renamed(metric: str, name: str, **settings: object) -> ResultTable:
    """Return the table with one column of another preset and settings."""
    table, names = make_table(), {metric: name}
    columns = tuple(
        Column(name, c.title, c.better, {**c.settings, **settings}) if c.metric == metric else c
        for c in table.columns
    )
    rows = tuple(
        replace(
            row,
            scores={
                names.get(key, key): replace(score, metric=names.get(key, key))
                for key, score in row.scores.items()
            },
        )
        for row in table.rows
    )
    return replace(table, columns=columns, rows=rows)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("decoder", "decoder"),
        ("inputs.decoder", "decoder"),
        ("clip.size", "crop"),
        ("protocol.resize", "crop"),
        ("clip.seconds", "seconds"),
        ("protocol.frames", "seconds"),
        ("inputs.cut", "seconds"),
        ("clip.frames/s", "frames/s"),
        ("fps", "frames/s"),
        ("clip.frame choice", "frame choice"),
        ("clip.padding", "padding"),
        ("inputs.short", "padding"),
        ("clip.sample rate", "resampling"),
        ("resampler", "resampling"),
        ("weights_sha256", "checkpoint"),
        ("network.width", "checkpoint"),
        ("extractor", "checkpoint"),
        ("data set", "data"),
        ("detectors.onsets.delta", "definition"),
        ("protocol.ddof", "definition"),
    ],
)
def test_settings_have_kinds(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def test_settings_are_ranked_by_kind() -> None:
    paths = ["window", "weights", "pad", "resampler", "fps", "seconds", "crop", "decoder"]
    found = ranked([Difference(path, "a", "b") for path in paths[1:]])
    assert [kind for kind, _ in found] == [
        *("decoder", "crop", "seconds", "frames/s", "padding", "resampling", "checkpoint"),
    ]


def test_runs_that_were_judged_alike_have_no_gap() -> None:
    assert not list(gaps(FIRST, second(make_table())))
    seeds = replace(
        make_table(),
        columns=tuple(replace(c, settings={**c.settings, "seed": 3}) for c in make_table().columns),
    )
    assert not list(gaps(FIRST, second(seeds)))
    assert gap_sheet(FIRST, second(seeds), []) is None


def test_a_gap_between_two_presets_names_what_differs() -> None:
    other = "fvd@first-16+miniature"
    table = renamed(FVD, other, ddof=1, decoder="decord")
    found = [gap for gap in gaps(FIRST, second(table)) if gap.columns[1].metric == other]
    assert [gap.rows[0].system for gap in found] == [
        row.system for row in make_table().rows if FVD in row.scores
    ]
    kinds = [kind for kind, _ in found[0].explained_by]
    assert kinds == ["decoder", "definition"]
    assert str(found[0].explained_by[0][1]) == "decoder was absent, is decord"
    sheet = gap_sheet(FIRST, second(table), found)
    assert sheet is not None
    assert sheet.footnotes[0] == EXPLANATION
    assert sheet.footnotes[1].startswith(
        f"{FVD} and {other}: (decoder) decoder: absent in first and decord in second; "
        "(definition) ddof: 0 in first and 1 in second"
    )
    assert {line.cells[3].value for line in sheet.lines} == {"decoder, definition"}
    assert {line.cells[2].value for line in sheet.lines} == {"0.000"}


def test_a_metric_depends_on_its_own_modalities_alone() -> None:
    spec = ClipSpec(16, 4.0, (64, 64), 48000, channels="first")
    found = {gap.columns[0].metric: gap.kinds for gap in gaps(FIRST, second(make_table(spec=spec)))}
    assert found[FVD] == ("frames/s",)
    assert found[ALIGN] == ("frames/s", "resampling")
    native = [replace(c, settings={**c.settings, "view": "native"}) for c in make_table().columns]
    whole = Run("first", make_table(columns=tuple(native)), clip_values())
    assert not list(gaps(whole, second(make_table(columns=tuple(native), spec=spec))))


def test_variants_of_av_align_are_one_metric_and_native_clips_have_no_format() -> None:
    other = "av-align-tempotokens-2025@published+native"
    table = renamed(ALIGN, other, variant="tempotokens-2025", view="native")
    found = [gap for gap in gaps(FIRST, second(table)) if gap.columns[1].metric == other]
    assert found[0].columns[0].metric == ALIGN
    assert found[0].kinds == (
        *("crop", "seconds", "frames/s", "frame choice", "padding", "resampling", "definition"),
    )
    line = note(found[0])
    assert "(seconds) clip.seconds: 4 in first and as made in second; " in line
    assert line.endswith("; and 3 more (--format json lists all)")
    every = [one.between(found[0].runs) for _, one in found[0].explained_by]
    assert note(found[0], most=None).count(" in second") == len(every) == 9
    assert {one["path"] for one in gap_record(found[0])["settings"]} >= {"clip.size", "variant"}
    adjusted = renamed(ALIGN, "av-align-adjusted-corrected@published")
    names = [gap.columns[1].metric for gap in gaps(FIRST, second(adjusted))]
    assert "av-align-adjusted-corrected@published" not in names


def test_padding_is_told_from_refusal() -> None:
    record = {**make_table().record, "padding": "the last frame stays, silence"}
    found = next(gaps(FIRST, second(make_table(record=record))))
    assert found.kinds == ("padding",)


def test_rows_of_other_names_are_the_first_models() -> None:
    rows = tuple(
        replace(row, system=f"my-{row.system}", title=f"my {row.title}")
        for row in make_table().rows
    )
    spec = replace(SPEC, fps=16.0)
    found = list(gaps(FIRST, second(make_table(rows=rows, spec=spec))))
    assert {tuple(row.system for row in gap.rows) for gap in found} == {
        ("cross-attention-gamma1", "my-cross-attention-gamma1")
    }


def test_a_comparison_shows_gaps_below_and_an_error_names_them() -> None:
    table = renamed(FVD, "fvd@first-16+miniature", ddof=1)
    compared = compare([FIRST, second(table)])
    titles = [sheet.title for sheet in compared.sheets]
    assert "Gaps between first and second, and the settings that may explain them" in titles
    gap = json.loads(FORMATS["json"](compared))["gaps"]["second"][0]
    assert gap["metrics"] == [FVD, "fvd@first-16+miniature"]
    assert gap["settings"] == [{"kind": "definition", "path": "ddof", "was": "0", "now": "1"}]
    with pytest.raises(DataError) as caught:
        compare([FIRST, second(make_table(spec=replace(SPEC, fps=4.0)))])
    first, *others = str(caught.value).split("\n")
    assert first.startswith("second left out: clip format: 32 frames at 8 frames/s")
    assert others == [
        f"{metric}: (seconds) clip.seconds: 4 in first and 8 in second; "
        "(frames/s) clip.frames/s: 8 in first and 4 in second"
        for metric in (FVD, ALIGN)
    ]
