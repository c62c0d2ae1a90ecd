"""Tables for other programs: CSV, JSON, scores per clip, and model cards on Hugging Face.

Conventions
-----------
Numbers are written at full precision; the field `printed` holds them as tables show them. An absent
value is an empty field with its reason in `note`, never a made-up number. Values of a table that
rests on random weights say so in `note`. The paper's published figures have lines of their own, of
kind "published", and so has how well the detectors of a column find annotated hits of the real
clips, of kind "detection": F, precision and recall, with `count` the clips. Lines of kind
"validity" state whether a column follows people: its rank correlation with ratings, with `count`
the distorted clips.

References
----------
- Hugging Face Hub, model cards, `model-index`: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from svbench.errors import DataError
from svbench.files.results import ClipValues, dump_table, protocol_record
from svbench.files.text import csv_text
from svbench.reports.analysis.categories import UNKNOWN, Requests, category_columns
from svbench.reports.analysis.detectable import detectable
from svbench.reports.analysis.following import following
from svbench.reports.analysis.ranking import compare_places, marked_places, ranks_of, standings
from svbench.reports.published import published
from svbench.reports.tables.footnotes import found_of
from svbench.reports.tables.numbers import number
from svbench.reports.tables.sheet import scale_of
from svbench.reports.tables.small_networks import small_networks
from svbench.types import Column, ResultTable, Row

HEADINGS = (
    *("kind", "system", "title", "metric", "column", "better", "printed", "value", "low", "high"),
    *("count", "asked", "reference_count", "place", "rank_low", "rank_high", "note"),
)
CLIP_HEADINGS = ("system", "title", "request", "caption")
TASK = "text-to-video"  # the nearest of Hugging Face's tasks; none is of audio and video
TASK_NAME = "Sounding video generation"


def table_csv(table: ResultTable, scores: ClipValues | None = None) -> str:
    """Return one line per cell as CSV: models, controls, findings on columns, the paper's cells."""
    findings = (*_detections(table), *_validity(table))
    return csv_text([HEADINGS, *cells(table, scores), *findings, *_published_cells(table)])


def table_json(table: ResultTable, scores: ClipValues | None = None) -> str:
    """Return results.json, the evidence for its marked places, and the paper's table as JSON."""
    known = published(table.dataset)
    paper = None
    if known is not None:
        rows = [asdict(row) for row in known.rows]
        paper = {"source": known.source, "caption": known.caption, "rows": rows}
    record = {
        "results": json.loads(dump_table(table)),
        "places": None if scores is None else [asdict(c) for c in compare_places(table, scores)],
        "ranks": None if scores is None else list(_ranks(table, scores)),
        "detectable": None if scores is None else list(_detectable(table, scores)),
        "published": paper,
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _ranks(table: ResultTable, scores: ClipValues) -> Iterator[dict[str, Any]]:
    for (system, metric), (low, high) in ranks_of(standings(table, scores)).items():
        yield {"system": system, "metric": metric, "low": low, "high": high}


def _detectable(table: ResultTable, scores: ClipValues) -> Iterator[dict[str, Any]]:
    for column in table.columns:
        if found := detectable(table, column, scores):
            sizes = {"pair": found.pair, "lead": found.lead}
            counted = {"count": found.count, "comparisons": found.comparisons}
            yield {"metric": column.metric, **counted, **sizes}


def clips_csv(table: ResultTable, scores: ClipValues, requests: Requests) -> str:
    """Return one line per row and request as CSV: caption, categories, and a score per metric.

    Metrics without scores per clip have no column.
    """
    known = {metric for _, metric in scores}
    metrics = [column.metric for column in table.columns if column.metric in known]
    columns = category_columns(requests, (*CLIP_HEADINGS, *metrics))
    lines = []
    for row in table.rows:
        values = {metric: scores.get((row.system, metric), {}) for metric in metrics}
        asked = dict.fromkeys(request for of in values.values() for request in of)
        for request in asked:
            labels = requests.get(request.rpartition("/")[0], UNKNOWN)
            named = [labels.caption, *(labels.categories.get(kind, "") for kind in columns)]
            found = [values[metric].get(request) for metric in metrics]
            lines.append([row.system, row.title, request, *named, *found])
    return csv_text([(*CLIP_HEADINGS, *columns.values(), *metrics), *lines])


def model_index(table: ResultTable) -> str:
    """Return YAML for the head of a model card: an entry for each model of the table.

    Raises
    ------
    DataError
        if no model has a score
    """
    from huggingface_hub import CardData, EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    entries: list[dict[str, Any]] = []
    for row in table.rows:
        results = [
            EvalResult(
                task_type=TASK,
                task_name=TASK_NAME,
                dataset_type=table.dataset,
                dataset_name=table.title,
                dataset_args=_protocol(table, row),
                metric_type=column.metric,
                metric_name=column.title,
                metric_value=row.scores[column.metric].value,
                metric_args=_score_details(column, row),
            )
            for column in table.columns
            if row.competes and column.metric in row.scores
        ]
        if results:
            entries += eval_results_to_model_index(row.title, results)
    if not entries:
        raise DataError(
            f"{table.title}: found no model with a score, expected one (rows made of real clips "
            "and floors belong on no model card)"
        )
    card = CardData()
    card["model-index"] = entries
    return card.to_yaml() + "\n"


def _protocol(table: ResultTable, row: Row) -> dict[str, Any]:
    notes = [*small_networks(table), *table.notes]
    judged = {"scale": scale_of(table), "format": str(table.spec), "notes": notes}
    return {**judged, **protocol_record(table.record), "made by": dict(row.settings)}


def _score_details(column: Column, row: Row) -> dict[str, Any]:
    score = row.scores[column.metric]
    details = {
        "better": column.better,
        "count": score.count,
        "reference count": score.reference_count,
        "interval, 95 %": None if score.interval is None else list(score.interval),
        "extractor": score.extractor or None,
        "note": score.note or None,
        "caveat": column.settings.get("caveat"),
        "detectors": found_of(column.detection) if column.detection else None,
        "validity": following(column.validity) if column.validity else None,
    }
    return {name: value for name, value in details.items() if value is not None}


def cells(table: ResultTable, scores: ClipValues | None) -> Iterator[Sequence[object]]:
    """Yield one line per cell, with the columns of `HEADINGS`."""
    found = () if scores is None else standings(table, scores)
    marked, ranks = marked_places(found), ranks_of(found)
    for row in table.rows:
        kind = "control" if row.made_of_real_clips else "model" if row.floor_of is None else "floor"
        for column in table.columns:
            cell = {"kind": kind, "system": row.system, "title": row.title, "asked": row.asked}
            score = row.scores.get(column.metric)
            if score is None:
                yield _line(**cell, **_of(column), note=row.absent.get(column.metric, ""))
                continue
            low, high = score.interval or (None, None)
            rank_low, rank_high = ranks.get((row.system, column.metric), ("", ""))
            yield _line(
                **cell,
                **_of(column),
                printed=number(score.value),
                value=score.value,
                low=low,
                high=high,
                count=score.count,
                reference_count=score.reference_count,
                place=marked.get((row.system, column.metric), ""),
                rank_low=rank_low,
                rank_high=rank_high,
                note="; ".join(filter(None, (*table.random_notes, score.note))),
            )


def _line(**fields: object) -> Sequence[object]:
    """Return the fields of a line in the order of `HEADINGS`; what is not given is empty."""
    line = dict.fromkeys(HEADINGS, "") | fields
    assert len(line) == len(HEADINGS), sorted(fields)
    return tuple(line.values())


def _of(column: Column) -> dict[str, object]:
    return {"metric": column.metric, "column": column.title, "better": column.better}


def _detections(table: ResultTable) -> Iterator[Sequence[object]]:
    for column in table.columns:
        for kind in column.detection:
            shares = {"F": kind.f, "precision": kind.precision, "recall": kind.recall}
            for name, value in shares.items():
                yield _line(
                    kind="detection",
                    title=f"{kind.events}, {name}",
                    metric=column.metric,
                    column=column.title,
                    better="higher",
                    printed="" if value is None else number(value),
                    value=value,
                    count=kind.clips,
                    note=f"{kind.hits} hits, within {kind.tolerance:.3f} s",
                )


def _validity(table: ResultTable) -> Iterator[Sequence[object]]:
    for column in table.columns:
        found = column.validity
        if found is None:
            continue
        low, high = found.interval or (None, None)
        yield _line(
            kind="validity",
            title="Spearman with people",
            metric=column.metric,
            column=column.title,
            better="higher",
            printed="" if found.spearman is None else number(found.spearman),
            value=found.spearman,
            low=low,
            high=high,
            count=found.clips or "",
            note=following(found),
        )


def _published_cells(table: ResultTable) -> Iterator[Sequence[object]]:
    known = published(table.dataset)
    if known is None:
        return
    for row in known.rows:
        for name in known.columns:
            column = known.column_of(name, table)
            ours = {} if column is None else {"metric": column.metric, "better": column.better}
            yield _line(
                kind="published",
                title=row.method,
                column=name,
                printed=row.cells.get(name, ""),
                note=known.source,
                **ours,
            )
