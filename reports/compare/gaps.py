"""Gaps between two rows that were judged unlike, and which settings may explain them.

Columns of one metric are set side by side, whichever presets and protocols they have, and rows of
one name (else the first models of both runs). The settings that differ are ranked by kind, in the
order in which a clip meets them: what decodes it, what is cut from it in space and time, how it is
padded and resampled, and which checkpoint judges it. A gap has no interval: it is no difference
between models, and nothing says how much of it comes from which setting.

A setting counts only where a column depends on it: a metric of sound not on crop and frame rate, a
metric of clips as they were made (`+native`) not on the clip format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from svbench.files.results import PADDING
from svbench.reports.compare.comparability import (
    ALL,
    Difference,
    compared_by,
    differing,
    is_native,
    score_settings,
    shortened,
    value_settings,
)
from svbench.reports.compare.shared_requests import Run
from svbench.reports.published import HALVES
from svbench.reports.tables.numbers import number, signed
from svbench.reports.tables.sheet import Cell, Line, Sheet
from svbench.types import ClipSpec, Column, ResultTable, Row

DATA_KIND: Final = "data"
# Kind -> the last word of a setting's path; in the order of the ranking.
KINDS: Final[Mapping[str, str]] = {
    DATA_KIND: r"data set|scale",
    "decoder": r".*(decod|demux).*",
    "crop": r".*(crop|size|square).*|resize|view",
    "seconds": r"seconds|duration|.*length|cut|frames|windows?",
    "frames/s": r"frames/s|.*fps|frame.rate",
    "frame choice": r"frame.choice",
    "padding": r".*pad.*|fill|short|repeat|least",
    "resampling": r".*resampl.*|.*sample.rate|channels|centred",
    "checkpoint": r".*(weights|checkpoint|network|sha256).*|extractor|dtype|device|code",
    "clips": r"clips|real clips compared with",
}
OTHER: Final = "definition"  # of the metric: all other settings
WHOLE: Final = re.compile(r"(network|weights)\..*")  # paths whose last word says nothing
ONLY_OF_PICTURES: Final = ("size", "frames/s", "frame choice")
ONLY_OF_SOUND: Final = ("sample rate", "channels")
VARIED: Final = ("av-align-adjusted", "av-align")  # metrics whose variant is part of their name
AS_MADE: Final = "as made"  # of native clips
MOST: Final = 6  # settings that a note names
REFUSED: Final = "clips that are too short are refused"
EXPLANATION: Final = (
    "rows judged unlike, so a gap is no difference between models; the settings that differ are "
    "ranked by their kind, as how much of a gap comes from which one is not known"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Two cells of one metric that were judged unlike."""

    rows: tuple[Row, Row]
    columns: tuple[Column, Column]
    runs: tuple[str, str]  # their names
    explained_by: tuple[tuple[str, Difference], ...]  # kind of each setting; ranked

    @property
    def values(self) -> tuple[float, float]:
        """Return both scores."""
        one, other = (
            row.scores[column.metric].value
            for row, column in zip(self.rows, self.columns, strict=True)
        )
        return one, other

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of the settings that differ, each once."""
        return tuple(dict.fromkeys(kind for kind, _ in self.explained_by))


def kind_of(path: str) -> str:
    """Return the kind of a setting by its dotted path."""
    if WHOLE.fullmatch(path):
        return "checkpoint"
    last = path.rpartition(".")[2]
    return next((kind for kind, words in KINDS.items() if re.fullmatch(words, last)), OTHER)


def ranked(found: Sequence[Difference]) -> tuple[tuple[str, Difference], ...]:
    """Return settings that differ with their kinds, in the order of `KINDS`, others last."""
    order = [*KINDS, OTHER]
    kinds = [(kind_of(one.path), one) for one in found]
    return tuple(sorted(kinds, key=lambda pair: order.index(pair[0])))


def gaps(one: Run, other: Run) -> Iterator[Gap]:
    """Yield the gaps between two runs, by column; none where both were judged alike."""
    for columns in _columns(one.table, other.table):
        for rows in _rows(one.table, other.table, columns):
            before, now = (
                _settings(run.table, column, row)
                for run, column, row in zip((one, other), columns, rows, strict=True)
            )
            if found := ranked(differing(before, now)):
                yield Gap(rows, columns, (one.name, other.name), found)


def gap_sheet(one: Run, other: Run, found: Sequence[Gap]) -> Sheet | None:
    """Return the gaps between two runs as a table; None without any."""
    if not found:
        return None
    return Sheet(
        title=f"Gaps between {one.name} and {other.name}, and the settings that may explain them",
        headings=(one.name, other.name, "gap", "settings that differ"),
        lines=tuple(_line(gap) for gap in found),
        footnotes=(EXPLANATION, *dict.fromkeys(map(note, found))),
    )


def gap_record(gap: Gap) -> dict[str, Any]:
    """Return a gap as plain JSON: rows, columns, values, and the settings that differ, ranked."""
    return {
        "rows": [row.system for row in gap.rows],
        "metrics": [column.metric for column in gap.columns],
        "values": list(gap.values),
        "settings": [{"kind": kind, **asdict(one)} for kind, one in gap.explained_by],
    }


def note(gap: Gap, most: int | None = MOST) -> str:
    """Return in one line which settings may explain a gap, the first `most`; None: all."""
    before, now = (column.metric for column in gap.columns)
    names = before if before == now else f"{before} and {now}"
    shown = [f"({kind}) {difference.between(gap.runs)}" for kind, difference in gap.explained_by]
    return f"{names}: {shortened(shown, most or len(shown), ALL)}"


# --- what is set side by side ------------------------------------------------------------------


def _columns(one: ResultTable, other: ResultTable) -> Iterator[tuple[Column, Column]]:
    """Yield pairs of columns of one metric: of equal names, else the first of both."""
    before, now = _filled(one), _filled(other)
    for column in now.values():
        if column.metric in before:
            yield before[column.metric], column
    for column in now.values():
        family = [c for c in before.values() if _family(c) == _family(column)]
        unpaired = column.metric not in before and not column.metric.endswith(HALVES)
        if unpaired and family:
            yield family[0], column


def _filled(table: ResultTable) -> Mapping[str, Column]:
    filled = {metric for row in table.rows for metric in row.scores}
    return {c.metric: c for c in table.columns if c.metric in filled}


def _family(column: Column) -> tuple[str, bool]:
    """Return what columns of one metric share: its name without variants, whole or of halves."""
    base = column.metric.partition("@")[0]
    name = next((of for of in VARIED if base.startswith(f"{of}-")), base)
    return name, column.metric.endswith(HALVES)


def _rows(
    one: ResultTable, other: ResultTable, columns: tuple[Column, Column]
) -> Iterator[tuple[Row, Row]]:
    """Yield rows of equal names that have both cells; without any, the first models."""
    before, now = (
        {row.system: row for row in table.rows if column.metric in row.scores}
        for table, column in zip((one, other), columns, strict=True)
    )
    shared = [(before[name], now[name]) for name in now if name in before]
    if shared:
        yield from shared
        return
    models = [next((r for r in rows.values() if r.competes), None) for rows in (before, now)]
    if models[0] is not None and models[1] is not None:
        yield models[0], models[1]


def _settings(table: ResultTable, column: Column, row: Row) -> dict[str, Any]:
    """Return everything that a cell depends on, as far as results say it."""
    score = row.scores[column.metric]
    counts = score_settings(score) if score.reference_count is not None else {}
    counts.pop("extractor", None)  # named by the column
    data = {"data set": table.dataset, "scale": table.scale}
    return {**data, "clip": _clip(table, column), **value_settings(column), **counts}


def _clip(table: ResultTable, column: Column) -> dict[str, str]:
    """Return how clips were brought to the table's format, as far as the column depends on it."""
    modalities = compared_by(column)
    known = {**_format(table.spec), "padding": str(table.record.get(PADDING, REFUSED))}
    if is_native(column):
        known = dict.fromkeys(known, AS_MADE)
    unused = [
        *(() if "vision" in modalities else ONLY_OF_PICTURES),
        *(() if "audio" in modalities else ONLY_OF_SOUND),
    ]
    return {name: value for name, value in known.items() if name not in unused}


def _format(spec: ClipSpec) -> dict[str, str]:
    return {
        "size": f"{spec.size[1]} x {spec.size[0]} px",
        "seconds": f"{spec.duration:g}",
        "frames/s": f"{spec.fps:g}",
        "frame choice": spec.frame_choice,
        "sample rate": f"{spec.sample_rate} Hz",
        "channels": spec.channels,
    }


def _line(gap: Gap) -> Line:
    before, now = gap.values
    titles = tuple(dict.fromkeys(row.title for row in gap.rows))
    return Line(
        f"{gap.columns[1].title}: {' and '.join(titles)}",
        reference=all(row.made_of_real_clips for row in gap.rows),
        cells=(
            Cell(number(before)),
            Cell(number(now)),
            Cell(signed(now - before)),
            Cell(", ".join(gap.kinds)),
        ),
    )
