"""The HTML page of a run: a folder that opens from disk, without server or network.

    index.html        the summary, the tables, and the protocol
    assets/           styles and scripts, copied from `files/` beside this module
    figures/          SVG (light and dark) and PDF
    data/             the numbers per clip, as scripts (see `svbench.reports.page.data`)
    media/            clips and pictures, made before by `svbench.walk.gallery`

All that a table prints is in the HTML itself; the scripts sort it, and show clips. Text from a run
(titles, captions, notes) is escaped by Jinja2 here and inserted as text by the scripts, so that a
caption is never taken for markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from svbench.errors import ConfigError
from svbench.files.clip_view import Gallery
from svbench.files.results import load_requests, load_settings, load_table
from svbench.files.writing import write_bytes, write_text
from svbench.reports.analysis.categories import Requests
from svbench.reports.analysis.clip_scores import ClipScores, read_clip_scores
from svbench.reports.figures import distributions, gamma_curve, precision_recall
from svbench.reports.page.categories import long_kinds, page_tables
from svbench.reports.page.clip_choice import Choice, choose
from svbench.reports.page.data import event_groups, in_order, write_data
from svbench.reports.page.summary import summarise
from svbench.reports.tables.benchmark_rows import benchmark_sheet
from svbench.reports.tables.published_rows import published_sheet
from svbench.reports.tables.sheet import ARROWS, Cell, Sheet, arrange, scale_of
from svbench.types import Column, ResultTable, Row

STYLES = ("page.css", "clips.css")
SCRIPTS = (
    *("core.js", "tables.js", "categories.js", "strip.js", "query.js", "lanes.js"),
    "clips.js",
)
TEMPLATE = "page.html.j2"
GENERATOR = b'<meta name="generator" content="svbench'  # near the start of every page we write
START = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the page; its files lie in `figures/`."""

    name: str  # of the files, without suffix
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class PageCell:
    """One cell of the table of results."""

    cell: Cell
    value: float | None  # the key by which the column is sorted
    link: str  # to the clips behind the number
    bar: tuple[float, float, float] | None  # low, value, high, in per cent of the column's range


def write_page(
    run: Path,
    out: Path,
    *,
    gallery: Gallery | None = None,
    choice: Choice | None = None,
    table: ResultTable | None = None,
    scores: ClipScores | None = None,
    requests: Requests | None = None,
) -> Path:
    """Write the page of a run folder.

    Parameters
    ----------
    run : Path
        a run folder, with results.json, scores.csv and run.json
    out : Path
        the folder of the page
    gallery : Gallery or None
        the views that `svbench.walk.gallery` made below `out` (Default value = None: no clips)
    choice : Choice or None
        the requests of these views (Default value = None: none)
    table : ResultTable or None
        the table to show (Default value = None: that of results.json)
    scores : ClipScores or None
        the scores per clip, if loaded before (Default value = None: those of scores.csv)
    requests : mapping of str to RequestIdentity, or None
        the categories of each example (Default value = None: those of requests.jsonl, if any)

    Returns
    -------
    Path
        the HTML file
    """
    table = load_table(run) if table is None else table
    scores = read_clip_scores(run) if scores is None else scores
    settings = load_settings(run)
    choice = choose(table, scores, 0) if choice is None else choice
    requests = (load_requests(run) or {}) if requests is None else requests
    meta = write_data(out / "data", table, scores, choice, gallery or Gallery(), requests)
    figures = _figures(table, scores, out / "figures")
    page = _html(settings, table, scores, meta, figures, requests)
    for name in (*STYLES, *SCRIPTS):
        write_bytes(out / "assets" / name, (_packaged() / name).read_bytes())
    write_text(out / "index.html", page)
    return out / "index.html"


def check_ours(out: Path) -> None:
    """Raise ConfigError if a folder holds the page of another program."""
    index = out / "index.html"
    if not index.is_symlink() and not index.exists():
        return
    try:
        ours = index.is_file() and GENERATOR in _start(index)
    except OSError:
        ours = False
    if not ours:
        raise ConfigError(
            f"--out {out}: found an index.html of another program in it, expected none; "
            "choose another --out"
        )


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(START)


def _packaged() -> Path:
    return Path(str(files("svbench.reports.page"))) / "files"


def _html(
    settings: Mapping[str, Any],
    table: ResultTable,
    scores: ClipScores,
    meta: Mapping[str, Any],
    figures: Sequence[Figure],
    requests: Requests,
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(_packaged()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["plain"] = plain
    sheet = arrange(table, scores.by_request())
    rows = in_order(table)
    return env.get_template(TEMPLATE).render(
        table=table,
        summary=summarise(table, scores),
        headings=tuple(zip(sheet.headings, table.columns, strict=True)),
        lines=_lines(table, sheet),
        footnotes=sheet.footnotes,
        paper=published_sheet(table),
        benchmark=benchmark_sheet(table),
        figures=figures,
        by_category=page_tables(table, scores.by_request(), requests),
        long_kinds=long_kinds(requests),
        arrows=ARROWS,
        record={
            "data set": table.dataset,
            "scale": scale_of(table),
            "format": str(table.spec),
            **table.record,
        },
        run_settings=settings,
        rows=rows,
        meta=meta,
        styles=STYLES,
        scripts=SCRIPTS,
    )


def _lines(table: ResultTable, sheet: Sheet) -> list[tuple[Row, list[PageCell]]]:
    """Return the rows in the order of the page, each with its cells."""
    return [
        (
            row,
            [_cell(c, column, row, table) for c, column in zip(cells, table.columns, strict=True)],
        )
        for row, cells in zip(in_order(table), (line.cells for line in sheet.lines), strict=True)
    ]


def _cell(cell: Cell, column: Column, row: Row, table: ResultTable) -> PageCell:
    score = row.scores.get(column.metric)
    link = f"#clips?row={row.system}&by={column.metric}&order=worst"
    if score is None:
        return PageCell(cell, None, "", None)
    return PageCell(cell, score.value, link, _bar(column, row, table))


def _bar(column: Column, row: Row, table: ResultTable) -> tuple[float, float, float] | None:
    """Return interval and score in per cent of the range of their column: low, value, high."""
    known = [r.scores[column.metric] for r in table.rows if column.metric in r.scores]
    ends = [end for s in known for end in (*(s.interval or ()), s.value)]
    low, span = min(ends), max(ends) - min(ends)
    score = row.scores[column.metric]
    if span <= 0:
        return None
    first, last = score.interval or (score.value, score.value)
    at = [round(100 * (end - low) / span, 2) for end in (first, score.value, last)]
    return at[0], at[1], at[2]


def _figures(table: ResultTable, scores: ClipScores, folder: Path) -> list[Figure]:
    """Draw the figures that the run has data for."""
    found: list[Figure] = []

    def add(name: str, title: str, caption: str, draw: Any) -> None:
        draw(folder / f"{name}.svg", dark=True)
        draw(folder / f"{name}.pdf")
        found.append(Figure(name, title, caption))

    if gamma_curve.curves_of(table):
        add("gamma", "Scores over gamma", gamma_curve.CAPTION, partial(gamma_curve.draw, table))
    if distributions.drawn(table, scores):
        caption = (
            "Each row is a histogram of the scores of its clips, all of a panel to one scale; the "
            "black line is the mean. Controls and floors are grey."
        )
        draw = partial(distributions.draw, table, scores)
        add("distributions", "How the scores of single clips are spread", caption, draw)
    for number, group in enumerate(event_groups(table, scores), 1):
        titles = [table.columns[c].title for c in group.columns]
        caption = (
            f"By the events of {' and '.join(titles)}. The area of a disc is the number of clips "
            "there, the cross is the mean, and along a grey line AV-Align (corrected) is equal: "
            "0.2, 0.4, 0.6 and 0.8."
        )
        draw = partial(precision_recall.draw, table, scores, group.metric)
        add(f"precision-recall-{number}", "Precision against recall", caption, draw)
    return found


def plain(value: Any) -> str:
    """Return a setting as text for people."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "–"
    return str(value)
