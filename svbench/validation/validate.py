"""The walk of `svbench validate`: clips -> distorted clips -> features -> scores -> findings.

To resume is to run the same command again: features are kept in the folder as they are computed,
all else is computed anew from them. validity.json is written whole, before its reports.

| stage    | module                  | leaves in the folder                       |
|----------|-------------------------|--------------------------------------------|
| read     | `plan`                  | (data/, where the miniature is drawn)      |
| extract  | `conditions`, `extract` | features/                                  |
| score    | `scores`                | scores.csv                                 |
| compare  | `findings`              | validity.json                              |
| report   | of the caller           | tables, figures, page                      |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from svbench._version import __version__
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.feature_store import COMPUTING, shared_cache
from svbench.files.known_files import KnownFiles
from svbench.files.locking import locked, remove_partial_files
from svbench.files.store import Store
from svbench.files.validity import VALIDITY_FILE, Measured, Response, Validity, dump_validity
from svbench.files.writing import write_text
from svbench.metrics.validity import distortions
from svbench.pace import Progress, silent
from svbench.types import SampleSet
from svbench.validation.conditions import UNDISTORTED, conditions_of
from svbench.validation.extract import extract_conditions
from svbench.validation.findings import People, agreement_of, measured, responses, unavailable
from svbench.validation.plan import Clips, ValidationPlan
from svbench.validation.scores import MetricScores, score_conditions
from svbench.validation.writing import dump_clip_scores
from svbench.walk.extract import Extraction
from svbench.walk.plan import Unavailable, metrics_of
from svbench.walk.recorded import raise_problems, recorded
from svbench.walk.short_clips import raise_short, too_short

SCORES_FILE: Final = "scores.csv"
KNOWN: Final = Path("features") / "known-files.json"
REPORTS: Final = ("validity.md", "validity.csv", "validity.html", "figures")
WRITTEN: Final = (VALIDITY_FILE, SCORES_FILE, *REPORTS, "features", "data")
SCORING: Final = "scoring"
Report = Callable[[Validity, Path], object]
ALONE_NOTE: Final = (
    "what scores a set without real ones is the mean over halves of the clips: where it grows with "
    "the number of clips, as IS does, it is not the score of all of them"
)
HALVES_NOTE: Final = (
    "distances compare one half of the clips, distorted, with the other half, undistorted: also "
    "without distortion, so what stands there is what two halves of real clips differ by"
)


def validate(
    plan: ValidationPlan,
    out: Path,
    engine: Engine,
    progress: Progress = silent,
    report: Report = lambda _found, _out: None,
) -> Validity:
    """Distort, extract, score and compare what a plan asks for.

    Parameters
    ----------
    plan : ValidationPlan
        what is distorted, and by what it is judged
    out : Path
        the folder, made if it is not there
    engine : Engine
        maps clips over workers; it never changes the result
    progress : Progress
        shows how far each stage is (Default value = silent)
    report : callable
        writes tables and figures into the folder while it is held (Default value = none)

    Returns
    -------
    validity : Validity
        as in `out`/validity.json

    Raises
    ------
    ConfigError
        where the folder is not one of ours, or held by another process
    DataError
        where clips cannot be judged and the plan does not allow that
    StoppedError
        where a clip changed, the disk is full or the memory too small; the same call resumes
    """
    cache = shared_cache()
    with locked(out, WRITTEN, proof=VALIDITY_FILE) as ours:
        if ours:
            remove_partial_files(out, ("features",))
        known = KnownFiles.load(out / KNOWN)
        clips = plan.read()
        samples, problems = _samples(plan, clips, engine, known)
        plan = _long_enough(plan, samples, engine, known)
        store = Store(out, cache, known)
        extracted = _extracted(plan, samples, store, engine, progress)
        known.save(out / KNOWN)
        lacking = extracted[UNDISTORTED].problems
        if not plan.config.allow_missing:
            raise_problems([(samples, {**problems, **lacking})])
        measured = _measured(extracted[UNDISTORTED])
        left_out = {**problems, **{r: line for r, line in lacking.items() if r not in measured}}
        scored = _scored(plan, samples, extracted, engine, progress)
        found = _write(plan, clips, samples, scored, left_out, out)
        report(found, out)  # here, or those of another process might stand beside these findings
        return found


def _samples(
    plan: ValidationPlan, clips: Clips, engine: Engine, known: KnownFiles
) -> tuple[SampleSet, dict[str, str]]:
    """Return the clips that can be opened, and one line for each of the others."""
    config = plan.config
    every, problems = recorded(
        clips.title, clips.examples, clips.spec, engine, pad=config.pad, known=known
    )
    if not config.allow_missing:
        raise_problems([(every, problems)])
    usable = tuple(s for s in every.samples if s.request_id not in problems)
    if not usable:
        raise DataError(f"{clips.title}: found no clip that can be judged, expected some")
    return SampleSet(every.name, every.spec, usable, every.digest, pad=every.pad), problems


def _long_enough(
    plan: ValidationPlan, samples: SampleSet, engine: Engine, known: KnownFiles
) -> ValidationPlan:
    """Return a plan whose columns are absent, with the reason, if no clip is long enough for them.

    Raises DataError where some clips are and others are not, unless the plan allows that.
    """
    metrics = metrics_of(plan.columns)
    if not plan.config.allow_missing:
        raise_short([samples], metrics, engine, known)
    found = too_short(samples, [metric.extractor for metric in metrics], engine, known)
    reasons = {key: short.reason for key, short in found.items() if short.every}
    if reasons and plan.config.strict:
        raise DataError.of([f"{samples.name}: {reason}" for reason in reasons.values()])
    columns = tuple(
        one
        if isinstance(one, Unavailable) or one.extractor.key not in reasons
        else Unavailable(one.name, one.title, one.better, reasons[one.extractor.key])
        for one in plan.columns
    )
    return replace(plan, columns=columns)


def _measured(extraction: Extraction) -> set[str]:
    """Return the clips of which some extractor has features."""
    return {request for one in extraction.features.values() for request in one.requests}


def _extracted(
    plan: ValidationPlan, samples: SampleSet, store: Store, engine: Engine, progress: Progress
) -> Mapping[Any, Extraction]:
    conditions = tuple(conditions_of(plan.distortions))
    extractors = [metric.extractor for metric in metrics_of(plan.columns)]
    return extract_conditions(
        samples, conditions, extractors, store, engine, plan.config.seed, progress
    )


def _scored(
    plan: ValidationPlan,
    samples: SampleSet,
    extracted: Mapping[Any, Extraction],
    engine: Engine,
    progress: Progress,
) -> list[MetricScores]:
    """Return the scores of each metric that there is."""
    requests = tuple(sample.request_id for sample in samples.samples)
    score = partial(score_conditions, extracted=extracted, requests=requests, seed=plan.config.seed)
    metrics = metrics_of(plan.columns)
    scored = []
    with progress(SCORING, len(metrics)) as advance:
        for one in engine.map(score, metrics):
            scored.append(one)
            advance(1)
    return scored


def _write(
    plan: ValidationPlan,
    clips: Clips,
    samples: SampleSet,
    scored: Sequence[MetricScores],
    left_out: Mapping[str, str],
    out: Path,
) -> Validity:
    """Write the scores of clips, then the findings."""
    config = plan.config
    people = People.loaded(config.power, config.planned)
    per_clip = dump_clip_scores(scored, [sample.request_id for sample in samples.samples])
    by_name = {one.metric.name: one for one in scored}
    metrics, answers = list[Measured](), list[Response]()
    for column in plan.columns:
        if isinstance(column, Unavailable):
            metrics.append(unavailable(column))
            continue
        scores = by_name[column.name]
        agreement = agreement_of(scores, people, config.seed)
        metrics.append(measured(scores, agreement))
        if scores.values:
            answers += responses(scores, plan.distortions, agreement, people)
    found = Validity(
        clips=clips.title,
        count=sum(s.request_id not in left_out for s in samples.samples),
        spec=clips.spec,
        seed=config.seed,
        power=config.power,
        planned=config.planned,
        metrics=tuple(metrics),
        responses=tuple(answers),
        people=people.facts,
        notes=_notes(plan, clips, scored, left_out),
        record=_record(plan, samples, per_clip),
    )
    write_text(out / SCORES_FILE, per_clip)
    write_text(out / VALIDITY_FILE, dump_validity(found))
    return found


def _notes(
    plan: ValidationPlan,
    clips: Clips,
    scored: Sequence[MetricScores],
    left_out: Mapping[str, str],
) -> tuple[str, ...]:
    lines = [*plan.notes, *clips.notes]
    of_sets = [one.metric for one in scored if one.draws is not None]
    if any(metric.needs_reference for metric in of_sets):
        lines.append(HALVES_NOTE)
    if any(not metric.needs_reference for metric in of_sets):
        lines.append(ALONE_NOTE)
    if left_out:
        first = next(iter(left_out.values()))
        lines.append(f"{len(left_out)} of {len(clips.examples)} clips left out; {first}")
    return tuple(lines)


def _record(plan: ValidationPlan, samples: SampleSet, per_clip: str) -> dict[str, Any]:
    """Return what it takes to repeat the findings, and which files belong to them."""
    return {
        "svbench": __version__,
        "settings": plan.config.record(),
        "real set": samples.digest,
        "distortions": distortions.CODE_VERSION,
        "extractors": {one.name: one.extractor.key for one in metrics_of(plan.columns)},
        "libraries": {name: version(name) for name in COMPUTING},
        "scores": hashlib.sha256(per_clip.encode()).hexdigest(),
    }
