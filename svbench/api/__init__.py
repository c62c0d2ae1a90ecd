"""The functions of `import svbench`: what the commands of the same names do, for Python.

A command line builds the settings from its options and calls these functions, so both do the same
work and write the same run folder. Keywords are called as the flags are: `--allow-missing` is
`allow_missing`. Nothing is printed, and whatever is wrong is a `svbench.errors.SvbenchError`.

Every import that costs time stands inside the function that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from svbench.api.keywords import (
    Folder,
    RunKeywords,
    SamplingKeywords,
    ScoreKeywords,
    ValidateKeywords,
)
from svbench.api.planned import (
    Planned,
    listed,
    planned_run,
    planned_score,
    planned_sweep,
    planned_validation,
)
from svbench.api.results import Results, load_results
from svbench.engines.choice import EngineChoice
from svbench.errors import ConfigError
from svbench.files.destinations import check_folder
from svbench.files.locking import LOCK
from svbench.limits import GAMMAS
from svbench.pace import Progress, silent

if TYPE_CHECKING:
    from svbench.files.validity import Validity
    from svbench.reports.compare.run_comparison import Comparison
    from svbench.reports.compare.shared_requests import Run
    from svbench.walk.plan import Columns

GAMMA_CURVE = "gamma.svg"  # of the run folder of a sweep
Notify = Callable[[str], None]


def run(
    dataset: str,
    *,
    out: Folder | None = None,
    engine: str = "local",
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    cpus_per_worker: float | None = None,
    ray_address: str | None = None,
    progress: Progress = silent,
    notify: Notify = lambda _line: None,
    **keywords: Unpack[RunKeywords],
) -> Results:
    """Generate and score the systems of a table on a data set; the same call resumes.

    Parameters
    ----------
    dataset : str
        A data set of `svbench list datasets`.
    out : str or Path, optional
        The run folder (Default value = runs/DATASET-SCALE).
    engine : str
        "local", or "ray" for many GPUs and machines (extra `ray`); it never changes the result.
    workers : int, optional
        Threads or processes, or actors of Ray (Default value = the cores of this process, or as
        many as the cluster has room for).
    gpus_per_worker, cpus_per_worker : float, optional
        Of Ray: what each worker has, GPUs perhaps in part (Default value = one GPU if there are
        any, and its share of the processors).
    ray_address : str, optional
        Of Ray: the running cluster (Default value = one is started on this machine).
    progress : callable
        Called with a label and a number of steps, returns a context manager whose value is called
        with steps that are done (Default value = silent).
    notify : callable
        Called with one line for each column that will be absent, before the work begins.
    **keywords
        As the flags of `svbench run`; see `RunKeywords`.

    Returns
    -------
    Results
        The table, as `load_results` loads it from the run folder.

    Raises
    ------
    ConfigError
        A setting is unknown or out of range, or the folder holds a run of other settings.
    DataError
        A clip, caption or weight file is absent or malformed.
    """
    choice = EngineChoice(
        engine=engine,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        cpus_per_worker=cpus_per_worker,
        ray_address=ray_address,
    )
    return _walk(planned_run(dataset, out=out, **keywords), choice, progress, notify)


def sweep_gamma(
    dataset: str,
    *,
    gammas: Sequence[float] = GAMMAS,
    systems: Sequence[str] = (),
    out: Folder | None = None,
    engine: str = "local",
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    cpus_per_worker: float | None = None,
    ray_address: str | None = None,
    progress: Progress = silent,
    notify: Notify = lambda _line: None,
    **keywords: Unpack[SamplingKeywords],
) -> Results:
    """Sample the same requests at several gammas, for a table and a curve over gamma.

    Real and shuffled clips frame the curve, which is written to `gamma.svg` of the run folder.

    Parameters
    ----------
    dataset : str
        A data set of `svbench list datasets`.
    gammas : Sequence[float]
        Of Eq. 8 (Default value = those of the paper's Table 1).
    systems : Sequence[str]
        Joint models (Default value = those with adjusted time steps: cmc-pe).
    out : str or Path, optional
        The run folder (Default value = runs/DATASET-SCALE-gamma).
    engine, workers, gpus_per_worker, cpus_per_worker, ray_address, progress, notify
        As of `run`.
    **keywords
        As the flags of `svbench sweep-gamma`; see `SamplingKeywords`.

    Returns
    -------
    Results
        The table.

    Raises
    ------
    ConfigError, DataError
        As of `run`.
    """
    from svbench.reports.figures.gamma_curve import draw

    choice = EngineChoice(
        engine=engine,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        cpus_per_worker=cpus_per_worker,
        ray_address=ray_address,
    )
    planned = planned_sweep(dataset, gammas=gammas, systems=systems, out=out, **keywords)
    found = _walk(planned, choice, progress, notify)
    draw(found.table, found.path / GAMMA_CURVE)
    return found


def score(
    *generated: Folder,
    reference: Folder | None = None,
    out: Folder | None = None,
    engine: str = "local",
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    cpus_per_worker: float | None = None,
    ray_address: str | None = None,
    progress: Progress = silent,
    notify: Notify = lambda _line: None,
    **keywords: Unpack[ScoreKeywords],
) -> Results:
    """Score clips made elsewhere; each folder (or `system` in a list) becomes a row.

    Parameters
    ----------
    *generated : str or Path
        Folders or lists of clips, of any form of `svbench.datasets.list_forms`.
    reference : str or Path, optional
        Folder or list of real clips; without it, columns that compare with real clips are absent
        and there is no row of real clips (Default value = None).
    out : str or Path, optional
        The run folder (Default value = runs/score-NAME, called after the first of `generated`).
    engine, workers, gpus_per_worker, cpus_per_worker, ray_address, progress, notify
        As of `run`.
    **keywords
        As the flags of `svbench score`; see `ScoreKeywords`.

    Returns
    -------
    Results
        The table.

    Raises
    ------
    ConfigError, DataError
        As of `run`.
    """
    choice = EngineChoice(
        engine=engine,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        cpus_per_worker=cpus_per_worker,
        ray_address=ray_address,
    )
    planned = planned_score(*generated, reference=reference, out=out, **keywords)
    return _walk(planned, choice, progress, notify)


def validate(
    *clips: Folder,
    out: Folder | None = None,
    engine: str = "local",
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    cpus_per_worker: float | None = None,
    ray_address: str | None = None,
    progress: Progress = silent,
    notify: Notify = lambda _line: None,
    **keywords: Unpack[ValidateKeywords],
) -> Validity:
    """Distort real clips in known ways, and find whether metrics follow people's ratings of that.

    Tables, figures and a page are written into the folder; the same call resumes.

    Parameters
    ----------
    *clips : str or Path
        Folders or lists of real clips (Default value = the real clips of a miniature).
    out : str or Path, optional
        The folder of the findings (Default value = runs/validate-NAME, called after the first of
        `clips`).
    engine, workers, gpus_per_worker, cpus_per_worker, ray_address, progress, notify
        As of `run`.
    **keywords
        As the flags of `svbench validate`; see `ValidateKeywords`.

    Returns
    -------
    Validity
        What `out`/validity.json holds.

    Raises
    ------
    ConfigError, DataError
        As of `run`.
    """
    from svbench.reports.validity.write import write_validity
    from svbench.validation.validate import validate as walk_through

    choice = EngineChoice(
        engine=engine,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        cpus_per_worker=cpus_per_worker,
        ray_address=ray_address,
    )
    _check_called(progress, notify)
    plan, folder = planned_validation(*clips, out=out, **keywords)
    _announce(plan.columns, notify)
    proof = folder.absolute() / LOCK
    with closing(choice.start(device=plan.config.device, proof=proof)) as started:
        return walk_through(plan, folder, started, progress, write_validity)


def compare(
    *runs: Results | Folder,
    metrics: Sequence[str] = (),
    against: str | None = None,
    training_seeds: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Put the rows of several runs into one table, where they were judged alike.

    Parameters
    ----------
    *runs : Results or str or Path
        Two runs or more (with `training_seeds`, one will do): results, run folders, or files of
        results.
    metrics : Sequence[str]
        Columns to keep (Default value = (): all).
    against : str, optional
        The row that others are compared with, NAME or RUN:NAME (Default value = the first model).
    training_seeds : Mapping[str, Sequence[str]], optional
        Models that were trained with several seeds: name -> its rows, each NAME or RUN:NAME; no
        rows: all rows that runs call by that name.

    Returns
    -------
    Comparison
        The merged table, the paired differences and, as `seeds`, those over training seeds; prints
        as a text, and has `to_pandas()` and `differences_to_pandas()`.

    Raises
    ------
    ConfigError
        There is no such row or metric, only one run, or rows are no trainings of several seeds.
    DataError
        A file is malformed, or fewer than two runs were judged alike.
    """
    from svbench.reports.compare.run_comparison import compare as merge_and_pair

    found = [run if isinstance(run, Results) else load_results(run) for run in runs]
    if len(found) < (1 if training_seeds else 2):
        alone = f"{found[0].path}: found one run folder" if found else "runs: found none"
        raise ConfigError(f"{alone}, expected two or more")
    return merge_and_pair(
        _named(found), listed("--metrics", metrics), against, _rows(training_seeds)
    )


def _rows(training_seeds: Mapping[str, Sequence[str]] | None) -> Mapping[str, tuple[str, ...]]:
    """Return the rows of each model, as they were checked."""
    given = {} if training_seeds is None else training_seeds
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ConfigError(f"training_seeds: found {given!r:.80}, expected a dict of lists of rows")
    return {name: listed("training_seeds", rows) for name, rows in given.items()}


def _named(runs: Sequence[Results]) -> list[Run]:
    """Return runs by the names of their folders, or by whole paths where names are alike."""
    from svbench.reports.compare.shared_requests import Run

    stems = [Path(os.path.realpath(run.path)).name for run in runs]
    apart = len(set(stems)) == len(stems)
    names = stems if apart else [str(run.path) for run in runs]
    return [
        Run(name, run.table, run.scores, run.requests)
        for name, run in zip(names, runs, strict=True)
    ]


def _walk(planned: Planned, choice: EngineChoice, progress: Progress, notify: Notify) -> Results:
    from svbench.walk.run import RECORD, walk

    _check_called(progress, notify)
    check_folder(planned.folder)
    plan = planned.build()  # before the folder is made: a refused run leaves none
    _announce(plan.columns, notify)
    for row in plan.absent:
        notify(f"{row.title} will be absent: {row.reason}")
    proof = planned.folder.absolute() / RECORD
    with closing(choice.start(device=planned.config.device, proof=proof)) as engine:
        return Results(walk(plan, planned.folder, engine, progress), planned.folder)


def _check_called(progress: Progress, notify: Notify) -> None:
    """Raise ConfigError for what cannot be called."""
    for name, called in (("progress", progress), ("notify", notify)):
        if not callable(called):
            raise ConfigError(f"{name}: found {called!r:.80}, expected a function")


def _announce(columns: Columns, notify: Notify) -> None:
    """Name the columns that will be absent, before hours of work."""
    from svbench.walk.plan import Unavailable

    for column in columns:
        if isinstance(column, Unavailable):
            notify(f"{column.title} will be absent: {column.reason}")
