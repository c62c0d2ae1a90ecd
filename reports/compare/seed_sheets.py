"""Models over several training seeds: which rows they are, and their tables.

`svbench compare` prints a line per model, the mean over its trainings, and the differences of
models; see `svbench.reports.analysis.training_seeds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from svbench.errors import ConfigError
from svbench.files.results import ClipValues
from svbench.reports.analysis.training_seeds import OverSeeds, Trainings, family
from svbench.reports.compare.differences import RunNames
from svbench.reports.tables.numbers import number, signed
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet
from svbench.types import Column, ResultTable, Row

FLAG: Final = "--training-seeds"
WEIGHTS: Final = "weights"  # of a row's settings: the digest of its weights
EXPLANATION: Final = (
    "{title}: the mean over a model's trainings; an interval covers {covered} (var = s_seed^2 / k "
    "+ s_caption^2 / n, Satterthwaite)"
)
OF_SETS: Final = (
    "{titles}: a value per training and none per clip, so the interval covers training seeds alone"
)
ONCE: Final = "{names}: trained once, so no interval covers another training of it"
DIFFERS: Final = (
    "bold: models that differ, at 5 % for all models of a column together (Holm), not for all "
    "columns together; intervals are at 95 % each"
)


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """Models over their training seeds: means, and differences from a baseline."""

    means: tuple[OverSeeds, ...]
    differences: tuple[OverSeeds, ...]
    sheets: tuple[Sheet, ...]


def trainings_of(
    named: Mapping[str, Sequence[str]], table: ResultTable, run_names: RunNames
) -> tuple[Trainings, ...]:
    """Return the models that are named, with their rows.

    Parameters
    ----------
    named : mapping of str to sequence of str
        name of a model -> its rows, each as in the table or RUN:NAME; no rows: all that their runs
        call by this name
    table : ResultTable
        the merged table
    run_names : mapping
        run and original name of each system

    Raises
    ------
    ConfigError
        if a row does not exist or is named twice, or rows have the same weights
    """
    found = tuple(
        Trainings(name, _rows_of(name, words, table, run_names)) for name, words in named.items()
    )
    used: dict[str, str] = {}
    for model in found:
        for system in model.systems:
            if system in used:
                raise ConfigError(f"{FLAG}: found {system!r} twice, expected each row once")
            used[system] = model.name
        _check_weights(model, table)
    return found


def _rows_of(
    name: str, words: Sequence[str], table: ResultTable, run_names: RunNames
) -> tuple[str, ...]:
    if words:
        return tuple(_row_of(word, table, run_names) for word in words)
    systems = [row.system for row in table.rows]
    called = tuple(s for s in systems if run_names.get(s, ("", s))[1] == name)
    if len(called) < 2:
        raise ConfigError(
            f"{FLAG}: found {len(called)} row called {name!r}, expected two or more (each run of "
            f"another training), or {name}=ROW,ROW of {', '.join(systems)}"
        )
    return called


def _row_of(word: str, table: ResultTable, run_names: RunNames) -> str:
    for row in table.rows:
        if word in (row.system, ":".join(run_names.get(row.system, ()))):
            return row.system
    known = ", ".join(row.system for row in table.rows)
    raise ConfigError(f"{FLAG}: found {word!r}, expected one of {known}")


def _check_weights(model: Trainings, table: ResultTable) -> None:
    """Refuse rows of the same weights, which differ in their sampling but not in their training."""
    of: dict[str, str] = {}
    for row in table.rows:
        if row.system in model.systems and (weights := row.settings.get(WEIGHTS)):
            if weights in of:
                raise ConfigError(
                    f"{FLAG}: {model.name}: found the same weights in {of[weights]!r} and "
                    f"{row.system!r}, expected those of several trainings"
                )
            of[weights] = row.system


def baseline_of(models: Sequence[Trainings], against: str | None, row: Row) -> Trainings:
    """Return the model that others are compared with: the first, unless another one is named.

    Parameters
    ----------
    models : sequence of Trainings
        as named
    against : str or None
        the name of a model, or of one row, which then counts as a model that was trained once
    row : Row
        which `against` names, where it names no model
    """
    if against is None:
        return models[0]
    named = [m for m in models if against == m.name or row.system in m.systems]
    return named[0] if named else Trainings(row.title, (row.system,))


def compare_seeds(
    table: ResultTable, scores: ClipValues, models: Sequence[Trainings], against: Trainings
) -> SeedComparison:
    """Return means over training seeds, and the differences of all models from one of them.

    A cell in which a training has no score is absent.
    """
    others = [model for model in models if model.name != against.name]
    means, differences = list[OverSeeds](), list[OverSeeds]()
    for column in table.columns:
        means += family(table, scores, column, [(model, None) for model in models])
        differences += family(table, scores, column, [(model, against) for model in others])
    sheets = [_sheet("Models over training seeds", table, models, means, "each cell")]
    if differences:
        title = f"Differences over training seeds from {against.name}"
        sheets.append(_sheet(title, table, others, differences, "each cell less that model's"))
    return SeedComparison(tuple(means), tuple(differences), tuple(sheets))


def _sheet(
    title: str,
    table: ResultTable,
    models: Sequence[Trainings],
    found: Sequence[OverSeeds],
    what: str,
) -> Sheet:
    of = {(one.first, one.metric): one for one in found}
    columns = [c for c in table.columns if any(one.metric == c.metric for one in found)]
    return Sheet(
        title=title,
        headings=tuple(f"{column.title} {ARROWS[column.better]}" for column in columns),
        lines=tuple(
            Line(m.name, False, tuple(_cell(of.get((m.name, c.metric))) for c in columns))
            for m in models
        ),
        footnotes=tuple(_notes(columns, found, what)),
    )


def _cell(found: OverSeeds | None) -> Cell:
    if found is None:
        return Cell(ABSENT)
    written = number if found.second is None else signed
    interval = "" if found.interval is None else f"[{', '.join(map(written, found.interval))}]"
    seeds = (
        f"{' and '.join(map(str, found.trainings))} seed{'' if found.trainings == (1,) else 's'}"
    )
    count = seeds if found.captions is None else f"{seeds}, n = {found.captions}"
    return Cell(written(found.value), interval, count, "best" if found.differs else None)


def _notes(
    columns: Sequence[Column],
    found: Sequence[OverSeeds],
    what: str,
) -> Iterable[str]:
    yield EXPLANATION.format(title=what, covered=_covered(found))
    sets = {one.metric for one in found if one.captions is None}
    if titles := [column.title for column in columns if column.metric in sets]:
        yield OF_SETS.format(titles=" and ".join(titles))
    if once := [name for name, count in _counts(found).items() if count == 1]:
        yield ONCE.format(names=" and ".join(once))
    if any(one.second is not None for one in found):
        yield DIFFERS


def _counts(found: Iterable[OverSeeds]) -> dict[str, int]:
    """Return the number of trainings of each model."""
    pairs = (zip((one.first, one.second), one.trainings, strict=False) for one in found)
    return {str(name): count for of in pairs for name, count in of}


def _covered(found: Sequence[OverSeeds]) -> str:
    """Return what intervals cover: "3 training seeds and 40 clips"."""
    seeds = sorted({count for one in found for count in one.trainings})
    clips = sorted({one.captions for one in found if one.captions is not None})
    parts = [f"{_range(seeds)} training seed{'' if seeds == [1] else 's'}"]
    return " and ".join([*parts, *([f"{_range(clips)} clips"] if clips else [])])


def _range(counts: Sequence[int]) -> str:
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
