"""From sets of clips to rows: features are extracted, and every metric scores them.

Metrics that look at each clip alone score all rows alike. A distance between sets depends on how
many clips both have, so rows may be compared at equal counts only:

- Where real clips are kept apart (`Plan.reference`), as in the miniatures, every row meets all of
  these.
- Else a row made of real clips can meet only the real clips that it is not made of. Beside the
  distance of all clips there is then a second column (`Halves`), in which each row's clips of one
  half of the requests meet the real clips of the other half; in the first column the rows made of
  real clips have a dash. The halves are drawn by the run's seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from svbench.config import RunConfig, ScoreConfig
from svbench.engines.local import Engine
from svbench.errors import DataError, ScoreError
from svbench.files.store import Store
from svbench.pace import Progress
from svbench.protocols import Extractor, Metric
from svbench.types import Better, Features, Judgement, Row, SampleSet
from svbench.walk.extract import Extraction, extract
from svbench.walk.plan import Plan, Unavailable
from svbench.walk.shuffled_floor import ClipLine, floor_row

LEAST_COMPARED: Final = 2  # clips of a set that is held against another
LEAST_HALVED: Final = 4  # real clips, if a half of them is held against the other half
TOO_FEW: Final = "a distance between sets needs at least {} clips here"
HALVES: Final = "+halves"  # behind the name of a metric
HALVES_NOTE: Final = (
    "halves: a row's clips of one half of the requests against the real clips of the other half, "
    "so that models and rows made of real clips are compared at equal counts"
)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A row to be: a set of samples, and who made it."""

    name: str
    title: str
    samples: SampleSet
    settings: Mapping[str, str] = field(default_factory=dict)
    made_of_real_clips: bool = False


@dataclass(frozen=True, slots=True)
class Halves:
    """A metric that compares sets, of half of the clips against the other half."""

    metric: Metric
    seed: int
    needs_reference: bool = True

    @property
    def name(self) -> str:
        """Return the name of its column."""
        return self.metric.name + HALVES

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return f"{self.metric.title}, halves"

    @property
    def better(self) -> Better:
        """Return which direction is better."""
        return self.metric.better

    @property
    def extractor(self) -> Extractor:
        """Return the extractor whose features it scores."""
        return self.metric.extractor

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return how it judges, for the record."""
        return {**self.metric.settings, "halves": f"drawn by seed {self.seed}"}

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Score two halves, as the metric scores two sets."""
        judgement = self.metric.score(generated, reference)
        return replace(judgement, score=replace(judgement.score, metric=self.name))


def with_halves(plan: Plan, entrants: Sequence[Entrant], seed: int) -> Plan:
    """Add what rows made of real clips need where no real clips are kept apart for them.

    Where all rows are made of real clips, halves take the place of the whole.
    """
    controls = [entrant.made_of_real_clips for entrant in entrants]
    asked = any(m.needs_reference for m in plan.metrics)
    if plan.reference or not asked or not any(controls):
        return plan
    columns: list[Metric | Unavailable] = []
    for column in plan.columns:
        halved = not isinstance(column, Unavailable) and column.needs_reference
        if not (halved and all(controls)):
            columns.append(column)
        if not isinstance(column, Unavailable) and column.needs_reference:
            columns.append(Halves(column, seed))
    return replace(plan, columns=tuple(columns), notes=(*plan.notes, HALVES_NOTE))


@dataclass(slots=True)
class Judge:
    """Scores entrants; features of the reference set are extracted once, when first needed."""

    config: RunConfig | ScoreConfig
    plan: Plan
    reference: SampleSet
    store: Store
    engine: Engine
    progress: Progress
    known: dict[tuple[str, ...], Extraction] = field(default_factory=dict)

    def extract(self, entrants: Sequence[Entrant]) -> None:
        """Extract all that will be judged; unless clips may be missing, raise all problems."""
        sets = [(entrant.samples, self.plan.metrics) for entrant in entrants]
        if self._comparing:
            sets.append((self.reference, self._comparing))
        found: dict[str, tuple[SampleSet, dict[str, str]]] = {}
        for samples, metrics in sets:
            _, problems = found.setdefault(samples.name, (samples, {}))
            problems |= self._extracted(samples, metrics).problems
        if not self.config.allow_missing:
            refuse(list(found.values()))

    @property
    def _comparing(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.plan.metrics if metric.needs_reference)

    def rows(self, entrant: Entrant) -> list[tuple[Row, list[ClipLine]]]:
        """Return the row, and for clips made elsewhere the floor made from them."""
        judged = self.row(entrant)
        if entrant.name not in self.plan.folders:
            return [judged]
        features = self._extracted(entrant.samples, self.plan.metrics).features
        return [judged, floor_row(judged[0], self.plan.metrics, features, self.config.seed)]

    def row(self, entrant: Entrant) -> tuple[Row, list[ClipLine]]:
        """Return the row, and a line per clip and metric."""
        extracted = self._extracted(entrant.samples, self.plan.metrics)
        scores, absent, lines = {}, self.plan.unavailable, []
        for metric in self.plan.metrics:
            features = extracted.features.get(metric.extractor.key)
            if features is None:
                absent[metric.name] = "none of its clips could be described"
                continue
            try:
                judgement = self._judged(metric, entrant, features)
            except ScoreError as error:
                if self.config.strict:
                    raise
                judgement = str(error)
            if isinstance(judgement, str):
                absent[metric.name] = judgement
                continue
            scores[metric.name] = judgement.score
            lines += [(entrant.name, metric.name, clip) for clip in judgement.clips]
        row = Row(
            system=entrant.name,
            title=entrant.title,
            asked=len(entrant.samples.samples),
            made_of_real_clips=entrant.made_of_real_clips,
            settings={**entrant.settings, "set": entrant.samples.digest},
            scores=scores,
            absent=absent,
            left_out=extracted.problems,
        )
        return row, lines

    def _judged(self, metric: Metric, entrant: Entrant, features: Features) -> Judgement | str:
        """Return a judgement, or in words why there is none."""
        if not metric.needs_reference:
            return metric.score(features, None)
        key = metric.extractor.key
        reference = self._extracted(self.reference, self._comparing).features.get(key)
        if reference is None:
            raise ScoreError(f"{metric.title}: none of the real clips could be described")
        if isinstance(metric, Halves):
            return _judged_by_halves(metric, entrant, features, reference)
        if min(features.count, reference.count) < LEAST_COMPARED:
            return TOO_FEW.format(LEAST_COMPARED)
        if entrant.made_of_real_clips and not self.plan.reference:
            return "made of the real clips that it would be compared with: see the column of halves"
        return metric.score(features, reference)

    def _extracted(self, samples: SampleSet, metrics: Sequence[Metric]) -> Extraction:
        extractors = {m.extractor.key: m.extractor for m in metrics}
        which = (samples.digest, *extractors)
        if which not in self.known:
            with self.progress(f"{samples.name}: describing clips", len(samples.samples)) as step:
                self.known[which] = extract(
                    list(extractors.values()), samples, self.store, self.engine, step
                )
        return self.known[which]


def _judged_by_halves(
    metric: Halves, entrant: Entrant, features: Features, reference: Features
) -> Judgement | str:
    if min(features.count, reference.count) < LEAST_HALVED:
        return TOO_FEW.format(LEAST_HALVED)
    one, other = halves(reference.requests, metric.seed)
    half = features.only(one)
    if half.count < len(one) and not entrant.made_of_real_clips:
        apart = features.only({r for r in features.requests if r not in other})
        if apart.count < len(one):
            return (
                f"has {apart.count} clips of other requests than those of one half of the real "
                f"clips, fewer than the other half ({len(one)})"
            )
        half = _drawn(apart, len(one), metric.seed)  # some of it answers other requests
    if half.count < LEAST_COMPARED:
        return TOO_FEW.format(LEAST_COMPARED)
    return metric.score(half, reference.only(other))


def _drawn(features: Features, count: int, seed: int) -> Features:
    order = np.random.default_rng(seed).permutation(features.count)[:count]
    return features.only({features.requests[i] for i in order})


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


def refuse(found: Sequence[tuple[SampleSet, Mapping[str, str]]]) -> None:
    """Raise what is wrong with clips of any set, with one line for all on how to go on."""
    bad = [(samples, problems) for samples, problems in found if problems]
    if bad:
        lines = list(_lines(bad))
        asked = sum(len(samples.samples) for samples, _ in bad)
        hint = (
            f"{len(lines)} of {asked} clips cannot be judged; mend them, or leave them out "
            "knowingly with --allow-missing"
        )
        raise DataError.of([*lines, hint])


def _lines(bad: Sequence[tuple[SampleSet, Mapping[str, str]]]) -> Iterator[str]:
    for _, problems in bad:
        yield from problems.values()
