"""A planned command as the doctor reports it: what it costs, what it lacks, its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.api.planned import Planned
from svbench.config import RunConfig
from svbench.doctor.clips import Survey, survey
from svbench.doctor.estimate import SUBJECT, Measured, estimate
from svbench.doctor.findings import Finding, gigabytes
from svbench.doctor.lengths import short_clips
from svbench.doctor.measure import measure
from svbench.doctor.memory import memory
from svbench.doctor.needs import absent_columns, as_findings, lacking
from svbench.doctor.places import written
from svbench.doctor.trainings import PlannedTraining, TrainSurvey, survey_training
from svbench.errors import ConfigError, DataError, StoppedError, SvbenchError
from svbench.files.destinations import check_folder
from svbench.pace import Progress, duration, silent

FULL: Final = StoppedError.exit_code  # a full disk stops a run


@dataclass(frozen=True, slots=True)
class Report:
    """What a planned command costs and lacks, and the exit code that this comes to."""

    findings: Sequence[Finding]
    exit_code: int


def report_run(
    planned: Planned, workers: int, *, timed: bool = False, progress: Progress = silent
) -> Report:
    """Return the report of a planned run; `timed` measures what its folder does not show."""
    try:
        check_folder(planned.folder)
        found = survey(planned)
    except SvbenchError as error:
        errors = lacking(planned, error)
        return Report(as_findings(errors), _code(errors))
    absent = [*absent_columns(found.plan.columns)]
    measured = measure(found, workers, progress) if timed else Measured()
    findings = [
        *estimate(found, measured),
        memory(found, measured, workers),
        *_without_models(found),
        *_absent_rows(found),
        *absent,
        *short_clips(found, workers),
    ]
    return Report(findings, _exit_code(findings))


def _exit_code(findings: Sequence[Finding]) -> int:
    missing = [finding.name for finding in findings if finding.state == "missing"]
    if not missing:
        return 0
    return FULL if missing == ["disk"] else DataError.exit_code


def _code(errors: Sequence[SvbenchError]) -> int:
    """Return the exit code of the first error, as the command itself would leave with it."""
    return errors[0].exit_code


def _without_models(found: Survey) -> list[Finding]:
    """Return a note where a run at full size names no joint weights, so that it makes no model."""
    from svbench.baselines.checkpoints.base_models import HOW_TO_GET

    config = found.planned.config
    named = not isinstance(config, RunConfig) or bool(config.weights or config.systems)
    if named or any(not system.made_of_real_clips for system in found.systems):
        return []
    text = "no joint model is made: found no --weights"
    return [Finding(SUBJECT, "models", "note", text, HOW_TO_GET)]


def _absent_rows(found: Survey) -> list[Finding]:
    """Return a note for each row of the paper's table that will be absent."""
    text = "the row will be absent: {}"
    return [
        Finding(SUBJECT, row.system, "note", text.format(row.reason)) for row in found.plan.absent
    ]


def report_training(planned: PlannedTraining) -> Report:
    """Return the report of a planned training."""
    try:
        check_folder(planned.folder)
        found = survey_training(planned)
    except SvbenchError as error:
        return Report([*as_findings([error]), *_bases(planned)], error.exit_code)
    findings = [
        Finding(SUBJECT, "clips", "ok", f"{found.clips}", facts={"clips": found.clips}),
        _steps(found),
        _training_time(found),
        _training_disk(found, planned.folder),
        *_bases(planned),
    ]
    return Report(findings, _exit_code(findings))


def _steps(found: TrainSurvey) -> Finding:
    text = f"{found.steps} of {found.batch} clips: {found.done} done"
    facts = {"steps": found.steps, "batch": found.batch, "done": found.done}
    return Finding(SUBJECT, "steps", "ok", text, facts=facts)


def _training_time(found: TrainSurvey) -> Finding:
    left = found.steps - found.done
    facts = {"seconds_per_step": found.seconds, "steps_left": left}
    if found.seconds is None:
        text = f"not measured: {left} steps"
        mend = "train a few steps first (--steps 20), and plan again: loss.csv holds their seconds"
        return Finding(SUBJECT, "time", "note", text, mend, facts)
    facts["seconds"] = left * found.seconds
    text = f"{duration(left * found.seconds)} for {left} steps of {duration(found.seconds)}"
    return Finding(SUBJECT, "time", "ok", f"{text} (the median of loss.csv)", facts=facts)


def _training_disk(found: TrainSurvey, folder: Path) -> Finding:
    place = written("--out", folder, "name a folder on a larger disk by --out")
    text = f"{found.latents} files of latents there, {gigabytes(found.bytes_there)}; {place.found}"
    return Finding(SUBJECT, "disk", place.state, text, place.mend, place.facts)


def _bases(planned: PlannedTraining) -> list[Finding]:
    """Return the base models that a training at full size reads, if they are not there."""
    from svbench.baselines.checkpoints.base_models import PAPER_BASES, local_folder
    from svbench.training.plans import check_bases

    config = planned.config
    if config.scale == "mini":
        return []
    absent: list[Finding] = []
    try:
        bases = PAPER_BASES | check_bases(config.scale, config.bases)
    except ConfigError:  # which the plan has found already
        return []
    for part, name in bases.items():
        try:
            local_folder(name)
        except DataError as error:
            text, _, mend = str(error).partition("; get it by: ")
            absent.append(Finding(SUBJECT, f"{part} base", "missing", text, mend))
    return absent
