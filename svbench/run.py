"""The walk: examples -> clips -> features -> scores -> table.

Each stage reads only what the one before wrote, and asks the store what is missing. To resume
is therefore to run the same command again; nothing else knows that there was a stop.

Reference rows (made of real clips) are scored like all others by metrics that look at each clip
alone. Metrics that compare with the real clips see them differently: the row's clips from one
half of the data set against the real clips of the other half, both drawn by the run's seed.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from svbench.config import RunConfig, ScoreConfig
from svbench.engine import Engine
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.extract import Extraction, extract
from svbench.files.holding import clear_left_overs, locked
from svbench.files.text import shown
from svbench.files.writing import write_text
from svbench.generate import already_at_rate, generate, recorded, requests_for
from svbench.protocols import Metric, RealClips, System
from svbench.request_list import dump_requests, identify_requests
from svbench.results import (
    REQUESTS,
    REQUESTS_FILE,
    SCORES,
    digest_requests,
    dump_scores,
    dump_table,
    load_settings,
)
from svbench.store import Originals, Store
from svbench.types import (
    Better,
    ClipScore,
    ClipSpec,
    Column,
    Example,
    Features,
    Judgement,
    ResultTable,
    Row,
    SampleSet,
)

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

OUR_FOLDERS = ("samples", "features", "report")  # of a run; `data` is written in one go
WRITTEN = ("run.json", "results.json", "scores.csv", REQUESTS_FILE, "data", *OUR_FOLDERS)
MAY_CHANGE = {"allow_missing", "strict"}  # one may learn on the way what is missing
LEAST_COMPARED = 2  # clips of a set that is held against another
LEAST_HALVED = 4  # real clips, if a half of them is held against the other half
RECORDED_VERSIONS = (
    "svbench",
    "numpy",
    "scipy",
    "librosa",
    "opencv-python-headless",
    "av",
    "torch",
)


def silent(_label: str, _total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show no progress."""
    return nullcontext(lambda _count: None)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A column that cannot be filled here, and why: its network's weights are absent, say."""

    name: str
    title: str
    better: Better
    reason: str  # one line, with the command that would mend it


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be judged, by what, and how the table is called."""

    title: str
    dataset: str
    scale: str
    spec: ClipSpec
    real: tuple[Example, ...]
    columns: tuple[Metric | Unavailable, ...]
    systems: tuple[Callable[[RealClips], System], ...] = ()  # built on the usable real clips
    folders: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)  # made elsewhere
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Give the columns that can be filled."""
        return tuple(c for c in self.columns if not isinstance(c, Unavailable))

    @property
    def unavailable(self) -> dict[str, str]:
        """Give the reasons why the others cannot."""
        return {c.name: c.reason for c in self.columns if isinstance(c, Unavailable)}


@dataclass(frozen=True, slots=True)
class Entrant:
    """A row to be: a set of samples, and who made it."""

    name: str
    title: str
    samples: SampleSet
    settings: Mapping[str, str] = field(default_factory=dict)
    made_of_real_clips: bool = False


def walk(
    config: RunConfig | ScoreConfig,
    out: Path,
    build: Callable[[], Plan],
    engine: Engine,
    progress: Progress = silent,
) -> ResultTable:
    """Walk to the table and write the run folder; `build` is called once the folder is held."""
    with locked(out, WRITTEN, proof="run.json") as ours:
        record = _claimed(config, out)
        if ours:
            clear_left_overs(out, OUR_FOLDERS)
        store = Store(out)
        plan = build()
        real, given, problems = _recorded(plan, config, engine)
        usable = [example for example in plan.real if f"{example.id}/0" not in problems]
        systems = [build_system(_originals(real, problems)) for build_system in plan.systems]
        write_text(out / "run.json", json.dumps(record, indent=2) + "\n")
        entrants = [
            *_made(config, plan.spec, systems, usable, store, engine, progress),
            *(Entrant(samples.name, samples.name, samples) for samples in given),
        ]
        if plan.folders:
            entrants.append(Entrant("real", "real clips", real, made_of_real_clips=True))
        judge = _Judge(config, plan, real, store, engine, progress)
        judge.describe(entrants)
        judged = [judge.row(entrant) for entrant in entrants]
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
                *_left_out(problems, len(plan.real)),
                *_frame_notes(plan, real, engine),
            ),
            record={
                "seed": config.seed,
                "real clips": len(usable),
                "real set": real.digest,
                SCORES: hashlib.sha256(scores.encode()).hexdigest(),
                REQUESTS: digest_requests(asked),
            },
        )
        write_text(out / REQUESTS_FILE, dump_requests(usable, asked, out))
        write_text(out / "scores.csv", scores)
        write_text(out / "results.json", dump_table(table))
        return table


def _originals(real: SampleSet, problems: Mapping[str, str]) -> Originals:
    usable = tuple(sample for sample in real.samples if sample.request_id not in problems)
    return Originals(replace(real, samples=usable))


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


def _recorded(
    plan: Plan, config: RunConfig | ScoreConfig, engine: Engine
) -> tuple[SampleSet, list[SampleSet], dict[str, str]]:
    """Look at all clips on disk: the real set, those made elsewhere, and problems of the real.

    Unless clips may be missing, all that cannot be opened are raised together.
    """
    pad = isinstance(config, ScoreConfig) and config.pad
    named = {"reference": plan.real, **plan.folders}
    found = [recorded(n, e, plan.spec, engine, pad=pad) for n, e in named.items()]
    if not config.allow_missing:
        _refuse(found)
    (real, problems), *given = found
    return real, [samples for samples, _ in given], problems


def _refuse(found: Sequence[tuple[SampleSet, Mapping[str, str]]]) -> None:
    """Raise what is wrong with clips of any set, with one line for all on how to go on."""
    bad = [(samples, problems) for samples, problems in found if problems]
    if bad:
        lines = [line for _, problems in bad for line in problems.values()]
        asked = sum(len(samples.samples) for samples, _ in bad)
        hint = (
            f"{len(lines)} of {asked} clips cannot be judged; mend them, or leave them out "
            "knowingly with --allow-missing"
        )
        raise DataError.of([*lines, hint])


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


@dataclass(slots=True)
class _Judge:
    """Scores entrants; the real set is described once, when first needed."""

    config: RunConfig | ScoreConfig
    plan: Plan
    real: SampleSet
    store: Store
    engine: Engine
    progress: Progress
    known: dict[tuple[str, ...], Extraction] = field(default_factory=dict)

    def describe(self, entrants: Sequence[Entrant]) -> None:
        """Extract all that will be judged; unless clips may be missing, raise all problems."""
        sets = [(entrant.samples, self.plan.metrics) for entrant in entrants]
        if self._comparing:
            sets.append((self.real, self._comparing))
        found: dict[str, tuple[SampleSet, dict[str, str]]] = {}
        for samples, metrics in sets:
            _, problems = found.setdefault(samples.name, (samples, {}))
            problems |= self._describe(samples, metrics).problems
        if not self.config.allow_missing:
            _refuse(list(found.values()))

    @property
    def _comparing(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.plan.metrics if metric.needs_reference)

    def row(self, entrant: Entrant) -> tuple[Row, list[tuple[str, str, ClipScore]]]:
        """Give the row, and a line per clip and metric."""
        described = self._describe(entrant.samples, self.plan.metrics)
        scores, absent, lines = {}, self.plan.unavailable, []
        for metric in self.plan.metrics:
            features = described.features.get(metric.extractor.key)
            if features is None:
                absent[metric.name] = "none of its clips could be described"
                continue
            least = LEAST_HALVED if entrant.made_of_real_clips else LEAST_COMPARED
            if metric.needs_reference and min(features.count, len(self.real.samples)) < least:
                absent[metric.name] = f"a distance between sets needs at least {least} clips here"
                continue
            judgement = self._judge(metric, entrant, features)
            scores[metric.name] = judgement.score
            lines += [(entrant.name, metric.name, clip) for clip in judgement.clips]
        settings = {**entrant.settings, "set": entrant.samples.digest}
        asked = len(entrant.samples.samples)
        row = Row(
            system=entrant.name,
            title=entrant.title,
            asked=asked,
            made_of_real_clips=entrant.made_of_real_clips,
            settings=settings,
            scores=scores,
            absent=absent,
            left_out=described.problems,
        )
        return row, lines

    def _judge(self, metric: Metric, entrant: Entrant, features: Features) -> Judgement:
        if not metric.needs_reference:
            return metric.score(features, None)
        reference = self._describe(self.real, self._comparing).features.get(metric.extractor.key)
        if reference is None:
            raise ScoreError(f"{metric.title}: none of the real clips could be described")
        if entrant.made_of_real_clips:
            one, other = halves(reference.requests, self.config.seed)
            features, reference = features.only(one), reference.only(other)
        return metric.score(features, reference)

    def _describe(self, samples: SampleSet, metrics: Sequence[Metric]) -> Extraction:
        extractors = {m.extractor.key: m.extractor for m in metrics}
        which = (samples.digest, *extractors)
        if which not in self.known:
            with self.progress(f"{samples.name}: describing clips", len(samples.samples)) as step:
                self.known[which] = extract(
                    list(extractors.values()), samples, self.store, self.engine, step
                )
        return self.known[which]


def halves(requests: Sequence[str], seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Split requests into two halves by a seeded draw."""
    if len(requests) < LEAST_HALVED:
        raise ScoreError(
            f"a half against a half needs at least {LEAST_HALVED} real clips, got {len(requests)}"
        )
    order = np.random.default_rng(seed).permutation(len(requests))
    half = len(requests) // 2
    names = [requests[i] for i in order]
    return frozenset(names[:half]), frozenset(names[half:])


def _usual(config: RunConfig | ScoreConfig) -> dict[str, Any]:
    """Return the defaults, as run.json has them, of what an older version did not record."""
    fields = type(config).model_fields
    usual = {name: field.default for name, field in fields.items() if not field.is_required()}
    return dict(json.loads(json.dumps(usual, default=str)))


def _claimed(config: RunConfig | ScoreConfig, out: Path) -> Mapping[str, Any]:
    """Give what run.json shall say, after seeing that the folder holds no other run.

    It is written once the plan stands, so that a mistyped name does not claim the folder.
    """
    asked: dict[str, Any] = {
        "command": "run" if isinstance(config, RunConfig) else "score",
        "config": json.loads(config.model_dump_json()),
    }
    file = out / "run.json"
    if file.exists():
        there = load_settings(out)
        before = {"command": there["command"], **_usual(config), **there["config"]}
        now = {"command": asked["command"], **asked["config"]}
        keys = (before.keys() | now.keys()) - MAY_CHANGE
        changed = sorted(k for k in keys if before.get(k) != now.get(k))
        if changed:
            was = ", ".join(
                f"{shown(k)} was {before.get(k)!r:.80}, is {now.get(k)!r}" for k in changed
            )
            raise ConfigError(f"--out {out}: it holds another run ({was}); choose another --out")
    versions = {name: version(name) for name in RECORDED_VERSIONS}
    return {**asked, "versions": {"python": platform.python_version(), **versions}}
