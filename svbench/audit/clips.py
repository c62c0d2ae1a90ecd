"""Findings on single files and clips, from what was read of them.

Of several findings with one cause the first one is kept: a file that cannot be opened lacks no
stream, one that was cut off is not called short, a black picture is not called frozen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.audit import kinds
from svbench.audit.examine import Facts, Failure, Task
from svbench.audit.kinds import Finding
from svbench.files.media.inspection import StreamHeader
from svbench.types import Example

Measure = Callable[[StreamHeader], str | None]


@dataclass(frozen=True, slots=True)
class Examined:
    """A clip that is there, and what was read of its file."""

    split: str
    example: Example
    task: Task
    facts: Facts
    number: int  # of the clip among those of the file
    idle: bool = False  # whether nothing happens in it, as the annotations have it

    def finding(self, kind: str, found: str, expected: str, *, sound: bool = False) -> Finding:
        """Return a finding on the clip; `sound`: on the file of its sound."""
        file = self.task.files[-1] if sound else self.task.path
        return Finding(kind, self.split, self.example.id, file, found, expected)

    @property
    def is_usable(self) -> bool:
        """Return whether a run would open it: both files can be, and have their streams."""
        facts = self.facts
        opened = not facts.failed("unreadable")
        return opened and facts.picture is not None and facts.sound is not None


# --- files -------------------------------------------------------------------------------------


def of_file(clip: Examined) -> Iterator[Finding]:
    """Yield what is wrong in the file of a clip, apart from what other files have."""
    facts, cut = clip.facts, any(truncated(clip))
    failures = {(failure.kind, failure.of_sound): failure for failure in reversed(facts.failures)}
    for failure in reversed(failures.values()):  # the first of each kind in each file
        if not (cut and failure.kind == "corrupt"):  # its last packet is half there
            yield _failed(clip, failure)
    if facts.damaged and not cut and not facts.failed("corrupt"):
        yield clip.finding("corrupt", f"{facts.damaged} damaged frames", "none")
    if facts.picture is None and not _unopened(clip, of_sound=False):
        yield clip.finding("no-video", "no video stream", "one")
    if facts.sound is None and not _unopened(clip, of_sound=clip.task.sound is not None):
        yield clip.finding("no-sound", "no audio stream", "one, or a file beside it", sound=True)
    ends_early = list(truncated(clip))
    yield from ends_early
    if facts.picture is not None and facts.picture.uneven and not ends_early:
        yield clip.finding("variable-rate", "frames of different durations", "equal ones")
    yield from _apart(clip)


def _unopened(clip: Examined, *, of_sound: bool) -> bool:
    failures = clip.facts.failures
    return any(f.kind == "unreadable" and f.of_sound == of_sound for f in failures)


def _failed(clip: Examined, failure: Failure) -> Finding:
    found, _, expected = failure.text.partition(", expected ")
    found = found.removeprefix("found ")
    return clip.finding(failure.kind, found, expected or "a clip", sound=failure.of_sound)


def truncated(clip: Examined) -> Iterator[Finding]:
    """Yield a finding if a stream ends before its header says."""
    facts = clip.facts
    for what, header, decoded in (
        ("picture", facts.picture, facts.picture_end),
        ("sound", facts.sound, facts.sound_end),
    ):
        if header is None or header.stated is None:
            continue
        end = header.end if decoded is None or facts.damaged else min(header.end, decoded)
        if header.stated - end > kinds.CUT:
            stated = f"{header.stated:.2f} s, as its header states"
            yield clip.finding("truncated", f"{what} of {end:.2f} s", stated, sound=what == "sound")
            return


def _apart(clip: Examined) -> Iterator[Finding]:
    picture, sound = clip.facts.picture, clip.facts.sound
    if picture is None or sound is None or any(truncated(clip)):
        return
    if abs(picture.end - sound.end) > kinds.APART and not any(_short(clip)):
        found = f"picture to {picture.end:.2f} s, sound to {sound.end:.2f} s"
        yield clip.finding("lengths-differ", found, f"at most {kinds.APART:g} s apart")
    if abs(picture.start - sound.start) > kinds.LATE:
        found = f"picture from {picture.start:.2f} s, sound from {sound.start:.2f} s"
        yield clip.finding("late-start", found, f"at most {kinds.LATE:g} s apart")


def _rate(header: StreamHeader) -> str | None:
    """Return a rate; None if it is unknown, or the mean of a variable one."""
    known = header.rate and not header.uneven
    return f"{header.rate:.3f}".rstrip("0").rstrip(".") if known else None


def _size(header: StreamHeader) -> str | None:
    return f"{header.size[1]} x {header.size[0]}"


ODD: Final[Sequence[tuple[str, bool, Measure, str]]] = (
    ("odd-frame-rate", False, _rate, "frames/s"),
    ("odd-size", False, _size, "px"),
    ("odd-sample-rate", True, _rate, "Hz"),
)


def odd(files: Sequence[Examined]) -> Iterator[Finding]:
    """Yield files whose rate or size is not that of most files; one clip of each file is given."""
    for kind, of_sound, measure, unit in ODD:
        headers = [clip.facts.sound if of_sound else clip.facts.picture for clip in files]
        found = [None if header is None else measure(header) for header in headers]
        usual = _usual(found)
        for clip, value in zip(files, found, strict=True):
            if usual is not None and value is not None and not _alike(value, usual):
                yield clip.finding(kind, f"{value} {unit}", f"{usual} {unit}", sound=of_sound)


def _usual(found: Sequence[str | None]) -> str | None:
    """Return what more than half of the files have; None if there is no such value."""
    known = Counter(value for value in found if value is not None)
    if not known:
        return None
    value, count = min(known.items(), key=lambda one: (-one[1], one[0]))
    return value if count > kinds.USUAL * known.total() else None


def _alike(value: str, usual: str) -> bool:
    if value == usual or "x" in value:
        return value == usual
    return abs(float(value) - float(usual)) <= kinds.SAME_RATE * float(usual)


# --- clips -------------------------------------------------------------------------------------


def of_clip(clip: Examined) -> Iterator[Finding]:
    """Yield what is wrong in a clip."""
    if not any(truncated(clip)):
        yield from _short(clip)
    if clip.facts.pictures:
        yield from _picture(clip)
    if clip.facts.sounds:
        yield from _sound(clip)


def _short(clip: Examined) -> Iterator[Finding]:
    end = clip.task.clips[clip.number][1]
    for what, header in (("picture", clip.facts.picture), ("sound", clip.facts.sound)):
        if header is not None and end - header.end > kinds.SHORT:
            expected = f"{end:.2f} s"
            found = f"{what} to {header.end:.2f} s"
            yield clip.finding("short", found, expected, sound=what == "sound")
            return


def _picture(clip: Examined) -> Iterator[Finding]:
    levels = clip.facts.pictures[clip.number]
    if levels.frames == 0:
        return  # it is short, or begins late
    if levels.brightest <= kinds.BLACK:
        yield clip.finding("black", f"no pixel above grey {levels.brightest} of 255", "a picture")
    elif levels.change < kinds.FROZEN and levels.frames > 1 and not clip.idle:
        found = f"{levels.frames} frames that differ by {levels.change} grey levels at most"
        yield clip.finding("frozen", found, "a moving picture")


def _sound(clip: Examined) -> Iterator[Finding]:
    levels = clip.facts.sounds[clip.number]
    if is_silent(clip):
        if not clip.idle:
            found = f"a peak of {levels.peak:.2g}"
            yield clip.finding("silent", found, f"{kinds.SILENT:g} or more", sound=True)
    elif levels.clipped > kinds.CLIPPED:
        found = f"{levels.clipped:.1%} of the samples at full scale"
        yield clip.finding("clipped", found, f"at most {kinds.CLIPPED:.1%}", sound=True)


def is_silent(clip: Examined) -> bool:
    """Return whether the decoded sound of a clip is silent."""
    return clip.facts.sounds[clip.number].peak < kinds.SILENT


def late_hits(files: Sequence[Examined], hits: Mapping[Path, Sequence[float]]) -> Iterator[Finding]:
    """Yield recordings with annotated hits behind their ends."""
    for clip in files:
        ends = [h.end for h in (clip.facts.picture, clip.facts.sound) if h is not None]
        late = [t for t in hits.get(clip.task.path, ()) if ends and t > max(ends) + kinds.BEYOND]
        if late:
            found = f"{len(late)} hits, the last at {late[-1]:.2f} s"
            yield clip.finding("late-hit", found, f"none behind {max(ends):.2f} s")
