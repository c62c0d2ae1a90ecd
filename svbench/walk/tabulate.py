"""From judged rows to the files of a run: requests.jsonl, scores.csv and results.json."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from svbench.engines.protocol import Engine
from svbench.files.results import (
    DATA,
    PADDING,
    PROTOCOL,
    REQUESTS,
    REQUESTS_FILE,
    SCORES,
    RequestIdentity,
    digest_requests,
    dump_scores,
    dump_table,
)
from svbench.files.writing import write_text
from svbench.protocols import Metric
from svbench.types import ClipSpec, Column, Detection, ResultTable, Row
from svbench.walk.halves import HALVES_NOTE, Halves
from svbench.walk.plan import Columns, Data, KnownValidity, Plan, Unavailable
from svbench.walk.recorded import Recorded, already_at_rate
from svbench.walk.requests import dump_requests, identify_requests, identity_of, requests_of_sets
from svbench.walk.shuffled_floor import ClipLine

CUT: Final = "cut"  # of a selection: clips were cut by svbench itself
PADDED: Final = "the last frame stays, silence"


def write_results(
    out: Path,
    plan: Plan,
    data: Data,
    clips: Recorded,
    columns: Columns,
    judged: Sequence[tuple[Row, Sequence[ClipLine]]],
    detection: Mapping[str, tuple[Detection, ...]],
    engine: Engine,
) -> ResultTable:
    """Write the table of a run and what it rests on; results.json, which names the others, last."""
    scores = dump_scores([line for _, lines in judged for line in lines])
    requests = (
        identify_requests(clips.usable, engine, clips.known)
        if data.real
        else requests_of_sets(data.folders.values())
    )
    table = ResultTable(
        title=data.title,
        dataset=plan.dataset,
        scale=plan.scale,
        spec=data.spec,
        columns=tuple(
            _column(column, detection.get(column.name, ()), plan.validity, data.spec)
            for column in columns
        ),
        rows=tuple(row for row, _ in judged),
        notes=tuple(_notes(plan, data, clips, columns, engine)),
        record={
            **_record(plan, data, clips, requests),
            SCORES: hashlib.sha256(scores.encode()).hexdigest(),
            REQUESTS: digest_requests(requests),
        },
    )
    write_text(out / REQUESTS_FILE, dump_requests(clips.usable, requests, out))
    write_text(out / "scores.csv", scores)
    write_text(out / "results.json", dump_table(table))
    return table


def _column(
    column: Metric | Unavailable,
    detection: tuple[Detection, ...],
    validity: KnownValidity,
    spec: ClipSpec,
) -> Column:
    name, title, better = column.name, column.title, column.better
    if isinstance(column, Unavailable):
        return Column(name, title, better)
    known = validity(column, spec)
    return Column(name, title, better, dict(column.settings), detection, known)


def _record(
    plan: Plan, data: Data, clips: Recorded, requests: Mapping[str, RequestIdentity]
) -> Mapping[str, Any]:
    real = {"real clips": len(clips.usable), "real set": clips.real.digest} if data.real else {}
    reference = {"reference set": clips.reference.digest} if data.reference else {}
    plugins = {"plugins": dict(plan.plugins)} if plan.plugins else {}
    return {
        "seed": plan.seed,
        **real,
        **reference,
        **plugins,
        **({PROTOCOL: dict(plan.protocol)} if plan.protocol else {}),
        **({PADDING: PADDED} if plan.pad else {}),
        **({DATA: identity_of(requests, data.selection)} if data.selection else {}),
    }


def _notes(
    plan: Plan, data: Data, clips: Recorded, columns: Columns, engine: Engine
) -> Iterator[str]:
    """Yield the notes that stand below the table."""
    yield from data.notes
    for joined, _ in clips.joined:
        yield from joined.notes
    if any(isinstance(column, Halves) for column in columns):
        yield HALVES_NOTE
    if clips.problems:
        first = next(iter(clips.problems.values()))
        yield f"{len(clips.problems)} of {len(data.real)} real clips left out; {first}"
    yield from _frame_notes(plan, data, clips, engine)


def _frame_notes(plan: Plan, data: Data, clips: Recorded, engine: Engine) -> Iterator[str]:
    """Yield notes on the times of frames: late by choice, or decided elsewhere."""
    real = clips.real
    fps = real.spec.fps
    cut = f"ffmpeg -r {fps:g}, as the paper's script does"
    if real.spec.frame_choice == "official":
        yield (
            f"frame choice official: recorded clips show what {cut}, would: some 0.15 s late from "
            "24 or 30 frames/s, the sound in place; compare with tables of the same choice only"
        )
    if plan.scale == "mini" or CUT in data.selection:  # it is known who chose their frames
        return
    alike, files = already_at_rate(real, engine, clips.known)
    if alike:
        yield (
            f"{alike} of {files} files of real clips are at {fps:g} frames/s already, so "
            f"whoever cut them chose their frames, and no --frame-choice moves them: segments by "
            f"{cut}, are some 0.15 s late, the sound in place"
        )
