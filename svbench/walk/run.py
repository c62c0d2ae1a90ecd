"""The walk: examples -> clips -> features -> scores -> table.

Each stage reads only what the one before wrote, and makes what the store lacks. To resume is
therefore to run the same command again, and to grow is to run one that asks for more in the same
folder: no stage depends on whether there was a stop, or a smaller run.

| stage    | module                 | leaves in the run folder               |
|----------|------------------------|----------------------------------------|
| record   | `record`               | run.json                               |
| read     | `recorded`             | (data/, where a miniature is drawn)    |
| generate | `requests`, `generate` | samples/                               |
| extract  | `extract`              | features/                              |
| score    | `judging`, `halves`    |                                        |
| tabulate | `tabulate`             | requests.jsonl scores.csv results.json |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from svbench.engines.protocol import Engine
from svbench.files.feature_store import shared_cache
from svbench.files.known_files import KnownFiles
from svbench.files.locking import locked, remove_partial_files
from svbench.files.results import REQUESTS_FILE
from svbench.files.store import Store
from svbench.limits import check_distinct
from svbench.pace import Progress, silent
from svbench.protocols import RecordedSystem, System, UnconditionalSystem
from svbench.types import Request, ResultTable, SampleSet
from svbench.walk.generate import generate
from svbench.walk.halves import with_halves
from svbench.walk.judging import Entrant, Judge
from svbench.walk.plan import Data, Plan, metrics_of
from svbench.walk.record import open_record
from svbench.walk.recorded import Recorded, raise_not_made, read_recorded
from svbench.walk.relays import parent_of, requests_on, waves, with_parents
from svbench.walk.requests import requests_for
from svbench.walk.short_clips import raise_short
from svbench.walk.tabulate import write_results

OUR_FOLDERS = ("samples", "features", "report")  # of a run; `data` is written in one go
KNOWN = Path("features") / "known-files.json"  # what was read of clips that did not change
RECORD = "run.json"  # by which a folder is known to be ours
WRITTEN = (RECORD, "results.json", "scores.csv", REQUESTS_FILE, "data", *OUR_FOLDERS)


def walk(plan: Plan, out: Path, engine: Engine, progress: Progress = silent) -> ResultTable:
    """Make, judge and tabulate what a plan asks for.

    Parameters
    ----------
    plan : Plan
        what is judged; its data are read once the run folder is held
    out : Path
        the run folder, made if it is not there
    engine : Engine
        maps shards of work over workers; it never changes the result
    progress : Progress
        shows how far each stage is (Default value = silent)

    Returns
    -------
    table : ResultTable
        as in `out`/results.json

    Raises
    ------
    ConfigError
        where the folder holds another run, or is not one of ours
    DataError, ScoreError
        where clips cannot be judged and the plan does not allow that
    StoppedError
        where a clip changed, the disk is full or the memory too small; the same call resumes
    """
    cache = shared_cache()
    with locked(out, WRITTEN, proof=RECORD) as ours:
        record = open_record(plan.settings, out)
        if ours:
            remove_partial_files(out, OUR_FOLDERS)
        known = KnownFiles.load(out / KNOWN)
        store = Store(out, cache, known)
        data = plan.read()
        clips = read_recorded(plan, data, engine, known)
        if not plan.allow_missing:
            made = [*clips.folders, *(samples for _, samples in clips.joined)]
            raise_short(made, metrics_of(plan.columns), engine, known)
        systems = [build(clips.originals) for build in plan.systems]
        rows = [*(system.name for system in systems), *(one.name for one, _ in clips.joined)]
        check_distinct("--systems: rows", rows)
        record.check(systems, clips.usable, store)
        record.write(systems, plan.plugins)
        entrants = [
            *_generated(plan, systems, clips, store, engine, progress),
            *_joined(clips),
            *_made_elsewhere(data, clips),
        ]
        controls = [entrant.made_of_real_clips for entrant in entrants]
        columns = plan.columns
        if not data.reference:
            columns = with_halves(columns, controls, plan.seed)
        judge = Judge(
            plan=plan,
            columns=columns,
            reference=clips.reference,
            real=clips.real,
            kept_apart=bool(data.reference),
            store=store,
            engine=engine,
            progress=progress,
        )
        judge.extract(entrants)
        judged = [*judge.rows(entrants), *((judge.absent_row(row), []) for row in plan.absent)]
        detection = judge.detection(entrants)
        table = write_results(out, plan, data, clips, columns, judged, detection, engine)
        known.save(out / KNOWN)
        return table


def _generated(
    plan: Plan,
    systems: Sequence[System],
    clips: Recorded,
    store: Store,
    engine: Engine,
    progress: Progress,
) -> Iterator[Entrant]:
    """Generate the clips that the store does not hold yet, and yield their rows.

    Raises DataError for clips that could not be made, unless the plan allows that; all others are
    made then.
    """
    spec = clips.real.spec
    made: dict[str, SampleSet] = {}
    for wave in waves(systems):
        asked = [(system, _asked(plan, system, clips, made)) for system in wave]
        found = generate(asked, spec, plan.seed, store, engine, progress)
        for system, samples in zip(wave, found, strict=True):
            made[system.name] = with_parents(samples, made.get(parent_of(system)))
    if not plan.allow_missing:
        named = zip(plan.systems, systems, strict=True)
        raise_not_made([made[s.name] for build, s in named if build not in plan.unnamed])
    for system in systems:
        unchanged = isinstance(system, RecordedSystem) and system.unchanged
        yield Entrant(
            name=system.name,
            title=system.title,
            samples=made[system.name],
            settings=system.settings,
            made_of_real_clips=system.made_of_real_clips,
            unconditional=isinstance(system, UnconditionalSystem) and system.unconditional,
            annotated=clips.annotated if unchanged else {},
        )


def _asked(
    plan: Plan, system: System, clips: Recorded, made: Mapping[str, SampleSet]
) -> Sequence[Request]:
    """Return what is asked of a system: of one that completes clips, those that were made."""
    if parent := parent_of(system):
        return requests_on(made[parent].samples, plan.seed)
    # What is made of real clips would be the same at each repeat.
    repeats = 1 if system.made_of_real_clips else plan.repeats
    return requests_for(clips.usable, repeats, plan.seed)


def _joined(clips: Recorded) -> Iterator[Entrant]:
    """Yield the rows of clips made elsewhere; the control `shuffled` is their floor."""
    for one, samples in clips.joined:
        yield Entrant(one.name, one.name, samples, one.settings)


def _made_elsewhere(data: Data, clips: Recorded) -> Iterator[Entrant]:
    """Yield the rows of clips that were made elsewhere, and of the real clips beside them."""
    for samples in clips.folders:
        yield Entrant(samples.name, samples.name, samples, made_elsewhere=True)
    if data.folders and data.real:
        yield Entrant(
            name="real",
            title="real clips",
            samples=clips.real,
            made_of_real_clips=True,
            annotated=clips.annotated,
        )
