"""Clips that lie on disk: real ones, and those that were made elsewhere.

Nothing is copied: a sample is the path of a file and the digest of what it decodes to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files import media
from svbench.files.known_files import KnownFiles
from svbench.files.store import Originals, digest_set, identify, stamp_of
from svbench.types import ClipSpec, Example, Recording, Sample, SampleSet
from svbench.walk.plan import Data, Joined, Plan

SAME_RATE = 5e-4  # share that two frame rates may differ by; 23.976 and 24 differ by twice that
SHOWN = 5  # clips that a message names
FIRST, WHOLE = "/0", ""  # behind the id of an example; of one that has that of its request
UNREADABLE = "unreadable"  # in place of the digest of a clip that cannot be opened


@dataclass(frozen=True)
class Recorded:
    """The sets of clips on disk that a run begins with.

    Parameters
    ----------
    examples : tuple of Example
        the real clips
    real : SampleSet
        the same, as samples
    problems : mapping from request id to str
        of the real clips that cannot be opened: one line each
    reference : SampleSet
        with which sets are compared: `real`, or real clips that are kept apart
    folders : tuple of SampleSet
        made elsewhere
    known : KnownFiles
        what was read of their files, by this run or a former one
    joined : tuple of (Joined, SampleSet)
        made elsewhere, in answer to the requests of a run
    """

    examples: tuple[Example, ...]
    real: SampleSet
    problems: Mapping[str, str]
    reference: SampleSet
    folders: tuple[SampleSet, ...]
    known: KnownFiles = field(default_factory=KnownFiles)
    joined: tuple[tuple[Joined, SampleSet], ...] = ()

    @cached_property
    def usable(self) -> tuple[Example, ...]:
        """Return the real clips that can be opened."""
        return usable(self.examples, self.problems)

    @property
    def annotated(self) -> dict[str, tuple[float, ...]]:
        """Return the annotated events of the real clips by request id, s from the clip's start."""
        return {f"{e.id}/0": e.onsets for e in self.examples if e.onsets is not None}

    @property
    def originals(self) -> Originals:
        """Return the usable real clips, as systems that are made of them read them."""
        samples = tuple(s for s in self.real.samples if s.request_id not in self.problems)
        return Originals(replace(self.real, samples=samples))


def read_recorded(
    plan: Plan, data: Data, engine: Engine, known: KnownFiles | None = None
) -> Recorded:
    """Return the sets of clips on disk; they are opened and hashed, but not decoded.

    Those that are `known` and did not change are not even opened. Unless the plan allows missing
    clips, all that cannot be opened are raised as one DataError.
    """
    kept_apart = {"real": data.real, "reference": data.reference} if data.reference else {}
    named = {**(kept_apart or {"reference": data.real}), **data.folders}
    known = known or KnownFiles()
    found = [recorded(n, e, data.spec, engine, pad=plan.pad, known=known) for n, e in named.items()]
    real, problems = found[0]
    joined = plan.join(usable(data.real, problems))
    answers = [_answers(one, data.spec, engine, known) for one in joined]
    if not plan.allow_missing:
        raise_problems([*found, *answers])
    others = [samples for samples, _ in found[1:]]
    reference = others.pop(0) if data.reference else real
    rows = tuple(zip(joined, (samples for samples, _ in answers), strict=True))
    return Recorded(data.real, real, problems, reference, tuple(others), known, rows)


def usable(examples: Sequence[Example], problems: Mapping[str, str]) -> tuple[Example, ...]:
    """Return the real clips that can be opened; `problems` are by request."""
    return tuple(e for e in examples if f"{e.id}{FIRST}" not in problems)


def _answers(
    joined: Joined, spec: ClipSpec, engine: Engine, known: KnownFiles
) -> tuple[SampleSet, dict[str, str]]:
    """Return a joined row as `recorded` does, with the requests that it does not answer."""
    samples, problems = recorded(joined.name, joined.clips, spec, engine, known=known, repeat=WHOLE)
    return replace(samples, not_made=dict(joined.absent)), problems


def recorded(
    name: str,
    examples: Sequence[Example],
    spec: ClipSpec,
    engine: Engine,
    *,
    pad: bool = False,
    known: KnownFiles | None = None,
    repeat: str = FIRST,
) -> tuple[SampleSet, dict[str, str]]:
    """Return clips on disk as a set, and by request one line for each that cannot be judged.

    A clip that cannot be opened or lacks a stream is found now, from the headers, and not hours
    later. `repeat` follows the ids of the examples in those of their requests.
    """
    known = known or KnownFiles()

    def sample_of(example: Example) -> tuple[Sample, str | None]:
        sample = Sample(f"{example.id}{repeat}", example.caption, example.recording, UNREADABLE)
        stamp = stamp_of(example.recording)
        try:
            digest = _digest(example.recording, spec, pad, known)
        except DataError as error:
            return sample, str(error)
        return replace(sample, digest=digest, stamp=stamp), None

    found = list(engine.map(sample_of, examples))
    samples = tuple(sample for sample, _ in found)
    problems = {sample.request_id: problem for sample, problem in found if problem is not None}
    return SampleSet(name, spec, samples, digest_set(spec, samples), pad=pad), problems


def _digest(recording: Recording, spec: ClipSpec, pad: bool, known: KnownFiles) -> str:
    """Return the digest of a clip, whose files can be opened."""
    key = media.fingerprint_key(recording, repr(spec), pad=pad)
    files = [file for file in (recording.path, recording.sound) if file is not None]
    return known.read(
        " ".join(["clip", key, *map(str, files)]),
        files,
        lambda: identify(recording, spec, pad=pad)[0],
    )


def raise_problems(found: Sequence[tuple[SampleSet, Mapping[str, str]]]) -> None:
    """Raise DataError where clips of any set cannot be judged, with one hint on how to go on."""
    bad = [(samples, problems) for samples, problems in found if problems]
    if not bad:
        return
    lines = [line for _, problems in bad for line in problems.values()]
    total = sum(len(samples.samples) for samples, _ in bad)
    hint = (
        f"{len(lines)} of {total} clips cannot be judged; mend them, or leave them out "
        "knowingly with --allow-missing"
    )
    raise DataError.of([*lines, hint])


def raise_not_made(sets: Sequence[SampleSet]) -> None:
    """Raise DataError where clips of any set were not made, one line for each reason of a set."""
    lines = []
    for samples in sets:
        requests: dict[str, list[str]] = {}
        for request, reason in samples.not_made.items():
            requests.setdefault(reason, []).append(request)
        for reason, of in requests.items():
            named = ", ".join(of[:SHOWN]) + (", ..." if len(of) > SHOWN else "")
            clips = "clip" if len(of) == 1 else "clips"
            lines.append(f"{samples.name}: {len(of)} {clips} not made ({named}): {reason}")
    if lines:
        lacking = sum(len(samples.not_made) for samples in sets)
        total = lacking + sum(len(samples.samples) for samples in sets)
        hint = (
            f"{lacking} of {total} clips were not made; all others are kept: run the same command "
            "again, or go on knowingly without them by --allow-missing"
        )
        raise DataError.of([*lines, hint])


def _rate(path: Path) -> float:
    """Return the frame rate in a file's header; 0 if it has none."""
    return float(media.frame_rate(path) or 0)


def already_at_rate(
    samples: SampleSet, engine: Engine, known: KnownFiles | None = None
) -> tuple[int, int]:
    """Count the video files of a recorded set whose frame rate is the judged one, and all files.

    Which source frame they show was decided by whoever cut them.
    """
    known = known or KnownFiles()

    def alike(path: Path) -> bool:
        try:
            rate = known.read(f"frames/s {path}", (path,), partial(_rate, path))
        except DataError:  # it is reported where the clip is read
            return False
        return abs(rate / samples.spec.fps - 1) < SAME_RATE

    files = list(dict.fromkeys(sample.recording.path for sample in samples.samples))
    return sum(engine.map(alike, files)), len(files)
