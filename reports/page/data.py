"""The data files of a page: scores, event times and views of clips, loaded by scripts on demand.

A page opened from disk cannot fetch files, but it can load scripts; so every file below `data/` is
a script of one call, `svbench.put(name, value)`.

    requests.js          ids, captions and categories of all requests, and which of them have views
    row-<r>.js           all numbers per clip of one row, by field
    events-<g>-<c>.js    onsets and peaks of a block of requests, in all rows, as detected for one
                         group of metrics
    view-<i>.js          views of one request: paths of media, waveform envelope, motion curves

Conventions
-----------
Arrays are over requests, null where a row has no score. A field is named "<column>" (the value of a
metric) or "<column>.<name>" (a number behind it). Categories are places in the list of their kind
in `svbench.meta`, -1 for a request without. Metrics of equal extractor and floor use the same
events; such a group is stored once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svbench.files.clip_view import ClipView, Gallery
from svbench.files.writing import write_text
from svbench.reports.analysis.categories import Requests
from svbench.reports.analysis.clip_scores import ONSETS, PEAKS, VALUE, ClipScores, Numbers
from svbench.reports.page.categories import filters, places
from svbench.reports.page.clip_choice import Choice, headline_column
from svbench.types import Column, ResultTable, Row

BLOCK = 250  # requests in a file of events
FIGURES = 5  # significant ones of a number that is printed with three decimals


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Metrics that use the same onsets and peaks."""

    columns: tuple[int, ...]
    metric: str  # the one whose times are stored
    extractor: str
    fps: float | None  # frames / s; None: each clip has its own


def write_data(
    out: Path,
    table: ResultTable,
    scores: ClipScores,
    choice: Choice,
    gallery: Gallery,
    requests: Requests,
) -> dict[str, Any]:
    """Write the data files of a page.

    Parameters
    ----------
    out : Path
        the folder of the files
    table : ResultTable
        rows and columns of the page
    scores : ClipScores
        scores and event times per clip
    choice : Choice
        the requests with views
    gallery : Gallery
        the views, and the captions of all requests
    requests : mapping of str to RequestIdentity
        the categories of each example

    Returns
    -------
    dict
        what the page itself holds: rows, columns, groups of events and sizes, for `svbench.meta`
    """
    rows = in_order(table)
    groups = event_groups(table, scores)
    shown = {request: place for place, request in enumerate(scores.requests)}
    chosen = [shown[request] for request in choice.why]
    _put(
        out,
        "requests",
        {
            "ids": scores.requests,
            "captions": [gallery.captions.get(request, "") for request in scores.requests],
            "categories": places(requests, scores.requests),
            "views": {shown[request]: why for request, why in choice.why.items()},
        },
    )
    for place, row in enumerate(rows):
        _put_text(out, f"row-{place}", _row_text(table, scores, row))
    for number, group in enumerate(groups):
        for block, first in enumerate(range(0, len(scores.requests), BLOCK)):
            events = [_events(scores, row, group, first) for row in rows]
            _put(out, f"events-{number}-{block}", events)
    views = {(view.system, view.request_id): view for view in gallery.views}
    for place in chosen:
        request = scores.requests[place]
        _put(out, f"view-{place}", [_view(views, gallery, row, request, groups) for row in rows])
    return {**_meta(table, scores, rows, groups, choice), "kinds": filters(requests)}


def in_order(table: ResultTable) -> tuple[Row, ...]:
    """Return the rows in the order of the page: models first."""
    return tuple(sorted(table.rows, key=lambda row: row.made_of_real_clips))


def event_groups(table: ResultTable, scores: ClipScores) -> tuple[EventGroup, ...]:
    """Return the groups of columns that use the same events, where the times are known."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, column in enumerate(table.columns):
        extractor = extractor_of(table, column)
        if extractor and "floor" in column.settings:
            found.setdefault((extractor, str(column.settings["floor"])), []).append(place)
    timed = {metric for (_, metric) in scores.times}
    groups = []
    for (extractor, _), columns in found.items():
        metrics = [m for m in (table.columns[c].metric for c in columns) if m in timed]
        if metrics:
            native = table.columns[columns[0]].settings.get("view") == "native"
            fps = None if native else table.spec.fps
            groups.append(EventGroup(tuple(columns), metrics[0], extractor, fps))
    return tuple(groups)


def extractor_of(table: ResultTable, column: Column) -> str:
    """Return the extractor key of a column; "" if no row has a score in it."""
    keys = (r.scores[column.metric].extractor for r in table.rows if column.metric in r.scores)
    return next(keys, "")


def _meta(
    table: ResultTable,
    scores: ClipScores,
    rows: Sequence[Row],
    groups: Sequence[EventGroup],
    choice: Choice,
) -> dict[str, Any]:
    places = {column.metric: place for place, column in enumerate(table.columns)}
    first = headline_column(table, scores)
    return {
        "rows": [
            {
                "system": r.system,
                "title": r.title,
                "reference": r.made_of_real_clips,
                "floor": r.floor_of is not None,  # it has numbers, but no clips
            }
            for r in rows
        ],
        "columns": [
            {
                "metric": column.metric,
                "title": column.title,
                "better": column.better,
                "fields": _fields(scores, column),
            }
            for column in table.columns
        ],
        "headline": None if first is None else places[first.metric],
        "groups": [
            {"columns": g.columns, "column": places[g.metric], "fps": g.fps} for g in groups
        ],
        "stretch": BLOCK,
        "count": len(scores.requests),
        "views": len(choice.why),
        "duration": table.spec.duration,
        "shape": [table.spec.size[1], table.spec.size[0]],
        "ranked": {
            "column": None if choice.metric is None else places[choice.metric],
            "rows": [place for place, row in enumerate(rows) if row.system in choice.rows],
        },
    }


def _fields(scores: ClipScores, column: Column) -> list[str]:
    """Return the names of the numbers per clip of a metric; empty if it has none."""
    found = [fields for (_, metric), fields in scores.numbers.items() if metric == column.metric]
    return list(dict.fromkeys(name for fields in found for name in fields))


def _row_text(table: ResultTable, scores: ClipScores, row: Row) -> str:
    parts = []
    for place, column in enumerate(table.columns):
        for name, values in scores.numbers.get((row.system, column.metric), {}).items():
            key = str(place) if name == VALUE else f"{place}.{name}"
            parts.append(f"{json.dumps(key)}:{_array(values)}")
    return "{" + ",\n".join(parts) + "}"


def _array(values: Numbers) -> str:
    form = f"%.{FIGURES}g"
    texts = ("null" if value != value else form % value for value in values.tolist())
    return f"[{','.join(texts)}]"


def _events(
    scores: ClipScores, row: Row, group: EventGroup, first: int
) -> list[Sequence[str]] | None:
    texts = scores.times.get((row.system, group.metric))
    if texts is None:
        return None
    return [list(texts[name][first : first + BLOCK]) for name in (ONSETS, PEAKS)]


def _view(
    views: Mapping[tuple[str, str], ClipView],
    gallery: Gallery,
    row: Row,
    request: str,
    groups: Sequence[EventGroup],
) -> dict[str, Any] | None:
    """Return the view of one clip for the scripts; None if the row has no clip of the request."""
    if problem := gallery.problems.get((row.system, request)):
        return {"problem": problem}
    view = views.get((row.system, request))
    if view is None:
        return None
    motion = [view.motion.get(group.extractor) for group in groups]
    return {
        "video": view.video,
        "poster": view.poster,
        "strip": view.strip,
        "thumbnails": view.thumbnails,
        "duration": view.duration,
        "envelope": view.envelope,
        "motion": [m and {"fps": m.fps, "values": m.values} for m in motion],
    }


def _put(out: Path, name: str, value: Any) -> None:
    _put_text(out, name, json.dumps(value, separators=(",", ":")))


def _put_text(out: Path, name: str, text: str) -> None:
    call = f"svbench.put({json.dumps(name)},\n{text});\n"
    write_text(out / f"{name}.js", call)
