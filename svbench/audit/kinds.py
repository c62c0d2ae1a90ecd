"""The kinds of findings, by stable keys, and the bounds by which they are told apart.

A *fault* makes a table wrong or a run fail: it decides the exit code. A *note* is what a reader of
the table may want to know.

Times are seconds, sound -1..1, grey 0..255.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Severity = Literal["fault", "note"]

SHORT: Final = 0.1  # s that may be missing at the end: what decoding fills up (media.TOLERANCE)
CUT: Final = 0.2  # s by which a header may exceed its stream: muxers round up
APART: Final = 0.5  # s by which the ends of picture and sound may differ
LATE: Final = 0.1  # s by which their starts may differ
BEYOND: Final = 0.1  # s by which an annotated hit may lie behind the recording: a grid of 1/15 s
SILENT: Final = 1e-3  # peak, -60 dB
CLIPPED: Final = 1e-3  # share of the samples
FROZEN: Final = 3  # grey levels: drift of a codec on a still
BLACK: Final = 24  # grey level: 16 is black in limited range
SAME_RATE: Final = 5e-4  # share that two rates may differ by; 23.976 and 24 differ by twice that
USUAL: Final = 0.5  # share of the files beyond which a rate or size is the usual one
CLIP_TOKENS: Final = 77  # that CLIP's and ImageBind's text encoders read, with start and end
CLAP_TOKENS: Final = 512


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of findings."""

    severity: Severity
    about: str  # one line
    decoded: bool = False  # found with --decode only


KINDS: Final[Mapping[str, Kind]] = {
    "bad-list": Kind("fault", "a list, or a line of it, cannot be read"),
    "listed-twice": Kind("fault", "a list names a clip more than once"),
    "several-files": Kind("fault", "several files could be a listed clip"),
    "missing": Kind("fault", "a listed clip is not there"),
    "unlisted": Kind("note", "a video or sound in the folder belongs to no listed clip"),
    "unreadable": Kind("fault", "a file cannot be opened"),
    "no-video": Kind("fault", "a file has no video stream"),
    "no-sound": Kind("fault", "a clip has no audio stream, and no file of its sound"),
    "truncated": Kind("fault", f"a stream ends more than {CUT:g} s before its header says"),
    "corrupt": Kind("fault", "decoding stops, or the decoder marks frames as damaged", True),
    "short": Kind("fault", f"picture or sound ends more than {SHORT:g} s before the clip"),
    "frozen": Kind("fault", "the picture stands still, where no annotation says why", True),
    "black": Kind("fault", "the picture is black all the time", True),
    "silent": Kind("fault", "the sound stays below -60 dB, where no annotation says why", True),
    "not-finite": Kind("fault", "the sound holds NaN or infinity", True),
    "clipped": Kind("note", f"more than {CLIPPED:.1%} of the sound is at full scale", True),
    "lengths-differ": Kind("note", f"picture and sound end more than {APART:g} s apart"),
    "late-start": Kind("note", f"picture or sound begins {LATE:g} s later than the other"),
    "odd-frame-rate": Kind("note", "another frame rate than most files have"),
    "variable-rate": Kind("note", "frames last differently long"),
    "odd-size": Kind("note", "another frame size than most files have"),
    "odd-sample-rate": Kind("note", "another sample rate than most files have"),
    "duplicate": Kind("fault", "another clip of the split has the same bytes"),
    "same-picture": Kind("fault", "another clip of the split has the same decoded picture", True),
    "same-sound": Kind("fault", "another clip of the split has the same decoded sound", True),
    "wrong-split": Kind("fault", "its id, recording or content is in another split as well"),
    "bad-annotations": Kind("fault", "annotated hits cannot be read"),
    "no-annotations": Kind("note", "a recording lacks the annotated hits that others have"),
    "late-hit": Kind("fault", "an annotated hit lies behind the end of its recording"),
    "no-caption": Kind("fault", "a clip has no caption"),
    "same-caption": Kind("note", "another clip has the same caption, where captions are of clips"),
    "long-caption": Kind("note", "text encoders read the beginning of a caption only"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a data set."""

    kind: str  # of KINDS
    split: str  # "": of none
    clip: str  # its id; "": of none
    file: Path
    found: str
    expected: str

    @property
    def severity(self) -> Severity:
        """Return whether it is a fault or a note."""
        return KINDS[self.kind].severity
