"""From sets of clips to rows: features are extracted, and every metric scores them.

Metrics that score each clip by itself score all rows alike. A distance between sets depends on how
many clips both have, so rows may be compared at equal counts only: where real clips are kept apart
for reference, as in the miniatures, every row is compared with all of these; else see
`svbench.walk.halves`. Paired metrics compare each clip with the real clip of its own example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from svbench.engines.protocol import Engine
from svbench.errors import DataError, ScoreError
from svbench.files.store import Store
from svbench.pace import Progress
from svbench.protocols import EventMetric, Metric
from svbench.types import (
    Detection,
    Features,
    Judgement,
    Row,
    SampleSet,
    Setting,
    settings_as_text,
)
from svbench.walk.extract import Extraction, Wanted, extract_sets
from svbench.walk.halves import HALVES, LEAST_COMPARED, TOO_FEW, Halves, score_halves
from svbench.walk.plan import AbsentRow, Columns, Plan, is_paired, metrics_of, reasons_of
from svbench.walk.recorded import raise_problems
from svbench.walk.short_clips import raise_short, too_short
from svbench.walk.shuffled_floor import ClipLine, floor_row, floor_steps

NO_FEATURES = "no features could be extracted from any of its clips"
NO_REFERENCE = "{}: no features could be extracted from any of the real clips"
UNCONDITIONAL = "unconditional: no caption decides its clips"
OWN_CLIPS = "made of the real clips that it would be compared with: see the column of halves"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A row to be: a set of samples, and what made it."""

    name: str
    title: str
    samples: SampleSet
    settings: Mapping[str, Setting] = field(default_factory=dict)
    made_of_real_clips: bool = False
    unconditional: bool = False  # metrics that read captions do not score it
    made_elsewhere: bool = False  # a row of its floor stands below it
    # Of real clips, unchanged: annotated events by request, s from the clip's start.
    annotated: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Judge:
    """Scores entrants, once the features of all sets are extracted.

    Parameters
    ----------
    plan : Plan
        its seed, and its policy on missing clips and absent cells
    columns : tuple of Metric or Unavailable
        those of the plan, and of halves where they are needed
    reference : SampleSet
        the real clips with which sets are compared
    real : SampleSet
        the real clips that the requests are of, with which paired metrics compare clip by clip
    kept_apart : bool
        whether no row is made of the reference
    store, engine, progress
        where features are kept, what works, and what shows how far it is
    """

    plan: Plan
    columns: Columns
    reference: SampleSet
    real: SampleSet
    kept_apart: bool
    store: Store
    engine: Engine
    progress: Progress
    # By name and digest of the set: why no clip of it is long enough, by key of the extractor.
    _short: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    # By name and digest of the set, and keys of the extractors:
    _extractions: dict[tuple[str, str, frozenset[str]], Extraction] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return the columns that can be filled."""
        return metrics_of(self.columns)

    def comparing(self, reference: SampleSet) -> tuple[Metric, ...]:
        """Return the metrics that compare with a set of real clips."""
        return tuple(
            metric
            for metric in self.metrics
            if metric.needs_reference and self._compared_with(metric) is reference
        )

    def _compared_with(self, metric: Metric) -> SampleSet:
        """Return the real clips that a metric compares with."""
        return self.real if is_paired(metric) else self.reference

    def extract(self, entrants: Sequence[Entrant]) -> None:
        """Extract all features that will be scored.

        Unless the plan allows missing clips, all clips without features are raised as one
        DataError. What no clip of a set is long enough for is left out, and its cell absent.
        """
        self._find_short([entrant.samples for entrant in entrants])
        wanted = [self._wanted(entrant.samples, self.metrics) for entrant in entrants]
        for real in (self.reference, *([self.real] if self.real is not self.reference else [])):
            if comparing := self.comparing(real):
                wanted.append(self._wanted(real, comparing))
        extractions = extract_sets(wanted, self.store, self.engine, self.progress)
        found: dict[str, tuple[SampleSet, dict[str, str]]] = {}
        for one, extraction in zip(wanted, extractions, strict=True):
            _, problems = found.setdefault(one.samples.name, (one.samples, {}))
            problems |= extraction.problems
            self._extractions[one.samples.name, one.samples.digest, one.keys] = extraction
        if not self.plan.allow_missing:
            raise_problems(list(found.values()))

    def _find_short(self, sets: Sequence[SampleSet]) -> None:
        """Note which extractors no clip of a set is long enough for; see `short_clips`."""
        known, metrics = self.store.known, self.metrics
        if not self.plan.allow_missing:
            raise_short(sets, metrics, self.engine, known)
        for samples in sets:
            found = too_short(samples, [m.extractor for m in metrics], self.engine, known)
            reasons = {key: short.reason for key, short in found.items() if short.every}
            if reasons and self.plan.strict:
                raise DataError.of([f"{samples.name}: {reason}" for reason in reasons.values()])
            self._short[samples.name, samples.digest] = reasons

    def rows(self, entrants: Sequence[Entrant]) -> Iterator[tuple[Row, list[ClipLine]]]:
        """Yield the row of each entrant, and for clips made elsewhere the floor made from them."""
        scored = list(self.engine.map(self.row, entrants))  # side by side: scores are functions
        for entrant, judged in zip(entrants, scored, strict=True):
            yield judged
            if entrant.made_elsewhere:
                yield self._floor(entrant, judged[0])

    def _floor(self, entrant: Entrant, row: Row) -> tuple[Row, list[ClipLine]]:
        """Return the row of a set's clips with each other's sound."""
        features = self._extracted(entrant.samples, self.metrics).features
        label = f"{entrant.name}: scoring shuffled sounds"
        with self.progress(label, floor_steps(self.metrics)) as advance:
            return floor_row(row, self.metrics, features, self.plan.seed, advance)

    def row(self, entrant: Entrant) -> tuple[Row, list[ClipLine]]:
        """Return the row, and a line per clip and metric."""
        extracted = self._extracted(entrant.samples, self.metrics)
        scores, absent, lines = {}, reasons_of(self.columns), list[ClipLine]()
        short = self._short.get((entrant.samples.name, entrant.samples.digest), {})
        for metric in self.metrics:
            features = extracted.features.get(metric.extractor.key)
            if features is None:
                absent[metric.name] = short.get(metric.extractor.key, NO_FEATURES)
                continue
            try:
                judgement = self._judgement(metric, entrant, features)
            except ScoreError as error:
                if self.plan.strict:
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
            asked=len(entrant.samples.samples) + len(entrant.samples.not_made),
            made_of_real_clips=entrant.made_of_real_clips,
            settings={**settings_as_text(entrant.settings), "set": entrant.samples.digest},
            scores=scores,
            absent=absent,
            left_out={**entrant.samples.not_made, **extracted.problems},
        )
        return row, lines

    def absent_row(self, absent: AbsentRow) -> Row:
        """Return a row without clips, each of whose cells is absent for the same reason."""
        reasons = dict.fromkeys((column.name for column in self.columns), absent.reason)
        return Row(absent.system, absent.title, asked=0, absent=reasons)

    def detection(self, entrants: Sequence[Entrant]) -> dict[str, tuple[Detection, ...]]:
        """Return by metric how well its events find those that are annotated, where any are.

        They come from the features of the first entrant that is annotated.
        """
        annotated = next((entrant for entrant in entrants if entrant.annotated), None)
        if annotated is None:
            return {}
        features = self._extracted(annotated.samples, self.metrics).features
        return {
            metric.name: metric.detection(features[key], annotated.annotated)
            for metric in self.metrics
            if isinstance(metric, EventMetric) and (key := metric.extractor.key) in features
        }

    def _judgement(self, metric: Metric, entrant: Entrant, features: Features) -> Judgement | str:
        """Return a judgement, or the reason why there is none."""
        if entrant.unconditional and metric.name.removesuffix(HALVES) in self.plan.captioned:
            return UNCONDITIONAL
        if not metric.needs_reference:
            return metric.score(features, None)
        real = self._compared_with(metric)
        extracted = self._extracted(real, self.comparing(real))
        reference = extracted.features.get(metric.extractor.key)
        if reference is None:
            raise ScoreError(NO_REFERENCE.format(metric.title))
        if is_paired(metric):
            return metric.score(features, reference)
        if isinstance(metric, Halves):
            return score_halves(
                metric, features, reference, made_of_real_clips=entrant.made_of_real_clips
            )
        if min(features.count, reference.count) < LEAST_COMPARED:
            return TOO_FEW.format(LEAST_COMPARED)
        if entrant.made_of_real_clips and not self.kept_apart:
            return OWN_CLIPS
        return metric.score(features, reference)

    def _extracted(self, samples: SampleSet, metrics: Sequence[Metric]) -> Extraction:
        """Return what `extract` found of a set for some metrics."""
        keys = self._wanted(samples, metrics).keys
        return self._extractions[samples.name, samples.digest, keys]

    def _wanted(self, samples: SampleSet, metrics: Sequence[Metric]) -> Wanted:
        short = self._short.get((samples.name, samples.digest), {})
        extractors = [metric.extractor for metric in metrics]
        return Wanted(samples, [one for one in extractors if one.key not in short])
