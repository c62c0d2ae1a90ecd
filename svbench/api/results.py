"""The results of a run as Python has them: a table, the scores of its clips, and data frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svbench.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from svbench.files.results import ClipValues, RequestIdentity
    from svbench.types import ResultTable


@dataclass(frozen=True)
class Results:
    """The table of a run, with the scores of its clips.

    Printed, it is the table that the command line shows.
    """

    table: ResultTable
    path: Path  # the run folder, or its results.json

    @cached_property
    def scores(self) -> ClipValues | None:
        """The score of each clip by (system, metric) and request; None if no file holds any.

        Raises
        ------
        DataError
            The file is malformed, or another than was written with the table.
        """
        from svbench.files.results import load_scores

        file = self._folder / "scores.csv"
        found = load_scores(file) if file.exists() else None
        return {**(found or {}), **self.imported_scores} if self.imported_scores else found

    @cached_property
    def imported_scores(self) -> ClipValues:
        """The scores per clip that were computed elsewhere; empty if none were imported.

        Raises
        ------
        DataError
            The file of imported scores is malformed.
        """
        from svbench.files.imported import imported_scores, load_imported

        return imported_scores(self.table, load_imported(self._folder))

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def requests(self) -> Mapping[str, RequestIdentity] | None:
        """Caption and categories of each example by its id; None without a requests.jsonl.

        Where the file holds no categories, as those of older runs, they come from the data set.
        """
        from svbench.files.categories import read_categories
        from svbench.files.results import load_requests

        found = load_requests(self.path)
        if not found or any(one.categories for one in found.values()):
            return found
        categories = self._categories()
        if categories is None:
            return found

        def of(name: str, one: RequestIdentity) -> Mapping[str, Any]:
            return {"categories": categories(name, one.caption)}

        return {
            name: replace(one, categories=read_categories(of(name, one), self.table.dataset))
            for name, one in found.items()
        }

    def to_pandas(self, by: str | None = None, min_clips: int = 1) -> pd.DataFrame:
        """Return a row per system and metric, or per category, system and metric.

        Parameters
        ----------
        by : str, optional
            A kind of categories of the clips, e.g. "class" or "material"; each value is then the
            mean over the clips of one category (Default value = None: over all clips).
        min_clips : int
            Categories of fewer clips are put together (Default value = 1: none is).

        Returns
        -------
        pandas.DataFrame
            Columns `system`, `title`, `metric`, `value`, `low` and `high` (the 95 % interval),
            `count` (clips), `reference_count` (real clips they were compared with), `better`,
            `absent` (why there is no value, else empty), `note` and `settings` (a dict: detectors,
            protocol, weights of the metric). By a kind, `group` ("category", "other" or "without")
            and `category` come before them.

        Raises
        ------
        ConfigError
            No clip has a category of this kind.
        DataError
            By a kind: there is no scores.csv, or no metric has scores per clip.
        """
        from svbench.reports.analysis.categories import group_tables
        from svbench.reports.tables.frames import groups_frame, table_frame

        if by is None:
            return table_frame(self.table)
        scores, requests = self.scores_of_clips(), self.requests or {}
        return groups_frame(group_tables(self.table, scores, requests, by, min_clips))

    def clips_to_pandas(self) -> pd.DataFrame:
        """Return a row per clip and metric, of metrics that score single clips.

        Returns
        -------
        pandas.DataFrame
            Columns `request`, `system`, `metric`, `value`, `caption` (empty where none is known)
            and one for each kind of categories that the clips have, e.g. `class`, or `material` and
            `action` (missing for a clip without).

        Raises
        ------
        DataError
            There is no scores.csv beside the table, or it is malformed.
        """
        from svbench.reports.tables.frames import clips_frame

        return clips_frame(self.scores_of_clips(), self.requests or {})

    def scores_of_clips(self) -> ClipValues:
        """Return the score of each clip as `scores` has them.

        Raises
        ------
        DataError
            There is no scores.csv beside the table, or it is malformed.
        """
        from svbench.files.results import load_scores

        return load_scores(self.path) if self.scores is None else self.scores  # which refuses

    def _categories(self) -> Callable[[str, str], Mapping[str, str]] | None:
        """Return what names the categories of an example; None where the data set has none.

        None as well if the data set is that of a plug-in which is not installed here.
        """
        from svbench.catalog.datasets import DATASETS

        name, modules = self.table.dataset, tuple[str, ...]()
        if name not in DATASETS:
            if name not in self.table.record.get("plugins", ()):
                return None
            modules = self._plugin_modules()
        try:
            return DATASETS.known(name, modules).categories
        except ConfigError:
            return None

    def _plugin_modules(self) -> tuple[str, ...]:
        from svbench.files.results import load_settings

        folder = self.path if self.path.is_dir() else self.path.parent
        if not (folder / "run.json").exists():
            return ()
        return tuple(map(str, load_settings(folder)["config"].get("plugins", ())))

    def __str__(self) -> str:
        """Return the table as text, 100 characters wide."""
        from svbench.reports.tables.sheet import arrange
        from svbench.reports.tables.text import text

        return text([arrange(self.table, self.scores)])


def load_results(path: str | Path) -> Results:
    """Load the results of a run, with the columns of studies by people and of imported scores.

    Parameters
    ----------
    path : str or Path
        A run folder, or its results.json.

    Returns
    -------
    Results
        The table; scores of clips are read when they are asked for.

    Raises
    ------
    ConfigError
        It is no path.
    DataError
        The file is absent or malformed.
    """
    from svbench.files.destinations import check_names, read_path
    from svbench.files.imported import load_imported, with_imported
    from svbench.files.people import load_people, with_people
    from svbench.files.results import load_table

    place = read_path(path, "path")
    check_names(place, "path")
    folder = place if place.is_dir() else place.parent
    table = with_people(load_table(place), load_people(folder))
    return Results(with_imported(table, load_imported(folder)), place)
