"""Scores computed elsewhere join the results of a run: `--import-scores`, `svbench.import_scores`.

Files are read and checked before a run begins, and joined to its rows when these are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.api.keywords import Folder
from svbench.api.results import Results, load_results
from svbench.errors import ConfigError
from svbench.files.destinations import read_path

if TYPE_CHECKING:
    from svbench.files.score_forms import ForeignScores
    from svbench.types import Better, Row

SIGN: Final = "="  # between the row and its file


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    """A file of scores, and the row that it is of."""

    system: str  # "": the only model of the table
    scores: ForeignScores


def read_imports(files: Sequence[Folder], better: Mapping[str, str]) -> tuple[Import, ...]:
    """Load files of scores that were computed elsewhere.

    Parameters
    ----------
    files : sequence of str or Path
        FILE, or SYSTEM=FILE where a table has several models
    better : mapping of str to str
        column -> "lower" or "higher", of those whose direction is not known

    Raises
    ------
    ConfigError
        for a direction that is unknown, or given for a column of no file
    DataError
        for a file of another form
    """
    from svbench.files.score_forms import read_foreign_scores

    directions = {name: _direction(name, of) for name, of in better.items()}
    found = []
    for word in files:
        system, path = _split(word)
        found.append(Import(system, read_foreign_scores(path, directions)))
    known = {column.name for one in found for column in one.scores.columns}
    if strange := [name for name in better if name not in known]:
        raise ConfigError(
            f"--import-better: found {strange[0]!r:.80}, expected a column of the imported files: "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return tuple(found)


def import_scores(
    run: Folder,
    files: Sequence[Folder],
    better: Mapping[str, str] | None = None,
) -> Results:
    """Join scores that were computed elsewhere to the results of a run, as columns marked so.

    Parameters
    ----------
    run : str or Path
        The run folder.
    files : sequence of str or Path
        Scores per clip of VBench, DOVER or AVGen-Bench, or {id: value}: FILE, or SYSTEM=FILE where
        the table has several models.
    better : mapping of str to str, optional
        Column -> "lower" or "higher", of those whose direction is not known (Default value = None).

    Returns
    -------
    Results
        The table with the imported columns.

    Raises
    ------
    ConfigError
        There is no such row, or no direction is known.
    DataError
        A file has another form, or names clips that the row has not.
    """
    return join_imports(read_path(run, "run"), read_imports(files, better or {}))


def join_imports(run: Path, imports: Sequence[Import]) -> Results:
    """Join files that were read to the results of a run; see `import_scores`."""
    from svbench.files.imported import IMPORTED_FILE, dump_imported, imported, load_imported
    from svbench.files.results import load_requests, load_scores, load_table
    from svbench.files.writing import write_text

    folder = run if run.is_dir() else run.parent
    table = load_table(run)
    requests = load_requests(run) or {}
    scores = load_scores(run) if (folder / "scores.csv").exists() else {}
    columns = load_imported(folder)
    for one in imports:
        row = _row(one, table.rows)
        own = {r for (system, _), of in scores.items() if system == row.system for r in of}
        columns = imported(columns, one.scores, row, _clips_of(row, own, requests))
    write_text(folder / IMPORTED_FILE, dump_imported(columns))
    return load_results(run)


def _clips_of(row: Row, own: Set[str], examples: Iterable[str]) -> Set[str]:
    """Return the requests of a row: every repeat of every example, where these are all it has.

    `own` are those with a score; no metric need have one of a clip without motion and sound.
    """
    repeats = {request.rpartition("/")[2] for request in own} or {"0"}
    every = {f"{name}/{repeat}" for name in examples for repeat in repeats}
    return every | own if len(every) == row.asked or not own else own


def _row(one: Import, rows: Sequence[Row]) -> Row:
    """Return the row that a file is of."""
    models = [row for row in rows if row.competes]
    found = [row for row in rows if row.system == one.system] if one.system else models
    if len(found) == 1:
        return found[0]
    names = ", ".join(row.system for row in (rows if one.system else models)) or "none"
    what = f"the row {one.system!r:.80}" if one.system else f"{len(models)} models"
    raise ConfigError(
        f"--import-scores {one.scores.file}: found {what}, expected SYSTEM{SIGN}FILE with one of "
        f"{names}"
    )


def _split(word: Folder) -> tuple[str, Path]:
    """Return system and path of FILE or SYSTEM=FILE; a file of that whole name is one."""
    system, sign, place = str(word).partition(SIGN)
    if not sign or Path(word).exists():
        return "", read_path(word, "--import-scores")
    if not system or not place:
        raise ConfigError(f"--import-scores: found {str(word)!r:.80}, expected SYSTEM{SIGN}FILE")
    return system, read_path(place, "--import-scores")


def _direction(name: str, given: str) -> Better:
    if given == "lower":
        return "lower"
    if given == "higher":
        return "higher"
    raise ConfigError(f"--import-better: found {name}={given!r:.80}, expected higher or lower")
