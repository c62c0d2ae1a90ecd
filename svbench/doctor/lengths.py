"""Clips made elsewhere that are too short for a column of a planned run, by their headers."""

from __future__ import annotations

from collections.abc import Iterator

from svbench.doctor.clips import Survey
from svbench.doctor.estimate import SUBJECT
from svbench.doctor.findings import Finding, State
from svbench.engines.local import Local
from svbench.files.known_files import KnownFiles
from svbench.types import Sample, SampleSet
from svbench.walk.plan import metrics_of
from svbench.walk.short_clips import too_short


def short_clips(found: Survey, workers: int) -> Iterator[Finding]:
    """Yield a finding for each column and set of clips of which some are too short for it.

    Where no clip is long enough its cell will be absent; where some are, the run is refused unless
    it allows missing clips.
    """
    metrics, known = metrics_of(found.plan.columns), KnownFiles()
    for name, examples in found.folders.items():
        clips = tuple(Sample(e.id, e.caption, e.recording, "") for e in examples)
        samples = SampleSet(name, found.spec, clips, "", pad=found.plan.pad)
        lacking = too_short(samples, [m.extractor for m in metrics], Local(workers), known)
        for metric in metrics:
            short = lacking.get(metric.extractor.key)
            if short is None:
                continue
            refused = not (short.every or found.plan.allow_missing)
            facts = {"set": name, "clips": len(short.clips), "of": short.of}
            mend = "choose other --metrics, or add --allow-missing" if refused else ""
            state: State = "missing" if refused else "note"
            yield Finding(SUBJECT, metric.name, state, f"{name}: {short.reason}", mend, facts)
