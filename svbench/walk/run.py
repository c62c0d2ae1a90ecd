"""The walk: examples -> clips -> features -> scores -> table.

Each stage reads only what the one before wrote, and asks the store what is missing. To resume
is therefore to run the same command again, and to grow is to ask the same folder for more:
nothing else knows that there was a stop, or a smaller run. `svbench.walk.record` holds what a
folder may be asked for, `svbench.walk.judging` how rows are scored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from svbench.config import RunConfig, ScoreConfig
from svbench.engines.local import Engine
from svbench.files.feature_store import shared_cache
from svbench.files.locking import locked, remove_partial_files
from svbench.files.results import (
    REQUESTS,
    REQUESTS_FILE,
    SCORES,
    digest_requests,
    dump_scores,
    dump_table,
)
from svbench.files.store import Originals, Store
from svbench.files.writing import write_text
from svbench.pace import Progress, silent
from svbench.protocols import Metric, System
from svbench.types import ClipSpec, Column, Example, ResultTable, SampleSet
from svbench.walk.generate import already_at_rate, generate, recorded, requests_for
from svbench.walk.judging import Entrant, Judge, refuse, with_halves
from svbench.walk.plan import Plan, Unavailable
from svbench.walk.record import open_record
from svbench.walk.request_list import dump_requests, identify_requests

OUR_FOLDERS = ("samples", "features", "report")  # of a run; `data` is written in one go
WRITTEN = ("run.json", "results.json", "scores.csv", REQUESTS_FILE, "data", *OUR_FOLDERS)


def walk(
    config: RunConfig | ScoreConfig,
    out: Path,
    build: Callable[[], Plan],
    engine: Engine,
    progress: Progress = silent,
) -> ResultTable:
    """Walk to the table and write the run folder; `build` is called once the folder is held."""
    cache = shared_cache()
    with locked(out, WRITTEN, proof="run.json") as ours:
        record = open_record(config, out)
        if ours:
            remove_partial_files(out, OUR_FOLDERS)
        store = Store(out, cache)
        plan = build()
        found = _recorded(plan, config, engine)
        usable = [example for example in plan.real if f"{example.id}/0" not in found.problems]
        systems = [build_system(_originals(found)) for build_system in plan.systems]
        record.check(systems, usable, store)
        record.write(systems)
        entrants = [
            *_made(config, plan.spec, systems, usable, store, engine, progress),
            *(Entrant(samples.name, samples.name, samples) for samples in found.given),
        ]
        if plan.folders:
            entrants.append(Entrant("real", "real clips", found.real, made_of_real_clips=True))
        plan = with_halves(plan, entrants, config.seed)
        judge = Judge(config, plan, found.reference, store, engine, progress)
        judge.extract(entrants)
        judged = [row for entrant in entrants for row in judge.rows(entrant)]
        scores = dump_scores([line for _, lines in judged for line in lines])
        asked = identify_requests(usable, engine)
        table = ResultTable(
            title=plan.title,
            dataset=plan.dataset,
            scale=plan.scale,
            spec=plan.spec,
            columns=tuple(map(_column, plan.columns)),
            rows=tuple(row for row, _ in judged),
            notes=(
                *plan.notes,
                *_left_out(found.problems, len(plan.real)),
                *_frame_notes(plan, found.real, engine),
            ),
            record={
                "seed": config.seed,
                "real clips": len(usable),
                "real set": found.real.digest,
                **({"reference set": found.reference.digest} if plan.reference else {}),
                SCORES: hashlib.sha256(scores.encode()).hexdigest(),
                REQUESTS: digest_requests(asked),
            },
        )
        write_text(out / REQUESTS_FILE, dump_requests(usable, asked, out))
        write_text(out / "scores.csv", scores)
        write_text(out / "results.json", dump_table(table))
        return table


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The clips that lie on disk."""

    real: SampleSet
    problems: Mapping[str, str]  # of the real ones: request -> one line
    reference: SampleSet  # what sets are compared with: the real ones, or others kept apart
    given: Sequence[SampleSet]  # made elsewhere


def _originals(found: _Recorded) -> Originals:
    samples = found.real.samples
    usable = tuple(sample for sample in samples if sample.request_id not in found.problems)
    return Originals(replace(found.real, samples=usable))


def _column(column: Metric | Unavailable) -> Column:
    settings = {} if isinstance(column, Unavailable) else dict(column.settings)
    return Column(column.name, column.title, column.better, settings)


def _made(
    config: RunConfig | ScoreConfig,
    spec: ClipSpec,
    systems: Sequence[System],
    examples: Sequence[Example],
    store: Store,
    engine: Engine,
    progress: Progress,
) -> Iterator[Entrant]:
    """Let the systems make what the store does not hold yet."""
    for system in systems:
        once = system.made_of_real_clips  # the same however often it is asked
        repeats = config.repeats if isinstance(config, RunConfig) and not once else 1
        wanted = requests_for(examples, repeats, config.seed)
        with progress(f"{system.name}: making clips", len(wanted)) as advance:
            made = generate(system, wanted, spec, config.seed, store, engine, advance)
        yield Entrant(system.name, system.title, made, system.settings, system.made_of_real_clips)


def _recorded(plan: Plan, config: RunConfig | ScoreConfig, engine: Engine) -> _Recorded:
    """Look at all clips on disk: the real set, what is compared with, and those made elsewhere.

    Unless clips may be missing, all that cannot be opened are raised together.
    """
    pad = isinstance(config, ScoreConfig) and config.pad
    real = {"real": plan.real, "reference": plan.reference} if plan.reference else {}
    named = {**(real or {"reference": plan.real}), **plan.folders}
    found = [recorded(n, e, plan.spec, engine, pad=pad) for n, e in named.items()]
    if not config.allow_missing:
        refuse(found)
    (first, problems), *rest = found
    reference = rest.pop(0)[0] if plan.reference else first
    return _Recorded(first, problems, reference, [samples for samples, _ in rest])


def _left_out(problems: Mapping[str, str], asked: int) -> list[str]:
    first = next(iter(problems.values()), None)
    return [] if first is None else [f"{len(problems)} of {asked} real clips left out; {first}"]


def _frame_notes(plan: Plan, real: SampleSet, engine: Engine) -> Iterator[str]:
    """Return what a reader must know of the frame times: late by choice, or decided elsewhere."""
    cut = f"ffmpeg -r {plan.spec.fps:g}, as the paper's script does"
    if plan.spec.frame_choice == "official":
        yield (
            f"frame choice official: recorded clips show what {cut}, would: some 0.15 s late from "
            "24 or 30 frames/s, the sound in place; compare with tables of the same choice only"
        )
    if plan.scale == "mini":
        return
    alike, files = already_at_rate(real, engine)
    if alike:
        yield (
            f"{alike} of {files} files of real clips are at {plan.spec.fps:g} frames/s already, so "
            f"whoever cut them chose their frames, and no --frame-choice moves them: segments by "
            f"{cut}, are some 0.15 s late, the sound in place"
        )
