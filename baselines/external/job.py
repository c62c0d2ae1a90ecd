"""A job: what a driver gets, and what it answers.

`svbench` runs `<python> driver.py job.json` in the checkout of a system. `job.json` is one object:

| key                    | value                                                                  |
|------------------------|------------------------------------------------------------------------|
| version                | 1                                                                      |
| system, task, mode     | as described                                                           |
| device                 | "cpu", "cuda" or the like                                              |
| out                    | the folder that files are written to                                   |
| weights                | name of each file of weights -> its path                               |
| settings               | as described                                                           |
| length                 | s that a clip shall last: the native length, or that of the run's      |
| format                 | of the run's clips: frames, fps, size (height, width), sample_rate     |
| replies                | the file that one JSON object a line is written to                     |
| samples                | null: lines come through standard input; or a list, to try by hand     |

Each line of standard input asks for some samples, `{"samples": [{...}]}`, the next one once all
of them are answered; its end is the end of the job. A sample is an object:

| key           | value                                                                           |
|---------------|---------------------------------------------------------------------------------|
| id            | of the request                                                                  |
| stem          | a file name without suffix, unique in the run                                   |
| prompt        | the caption; null unless the task is t2av                                       |
| seed          | 63 bits; the sample may depend on it, and not on others of its batch            |
| video, sound  | the half that is given (a2v: sound; v2a: video): the path of a file; else null  |

A reply is `{"status": "ready"}` once the model is loaded, `{"status": "alive"}` at any time,
`{"id": ..., "status": "ok", "video": FILE, "sound": FILE}` (files below `out`; `sound` may be left
out where the video file holds it) or `{"id": ..., "status": "failed", "error": LINE}`. To end with
exit code 75 is to say that memory was short: fewer samples are then asked for at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from svbench.files.text import SHOWN, shown
from svbench.types import ClipSpec

VERSION: Final = 1
OUT_OF_MEMORY: Final = 75  # EX_TEMPFAIL of sysexits.h
READY, ALIVE, OK, FAILED = "ready", "alive", "ok", "failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sample that a driver is asked for."""

    id: str
    stem: str
    prompt: str | None
    seed: int
    video: str | None = None
    sound: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """All that a driver gets before its first sample."""

    system: str
    task: str
    mode: str
    device: str
    out: Path
    weights: Mapping[str, str]
    settings: Mapping[str, bool | str | int | float]
    length: float
    format: ClipSpec
    replies: str

    def text(self) -> str:
        """Return it as job.json holds it."""
        spec = self.format
        form = {"frames": spec.frames, "fps": spec.fps, "size": spec.size}
        whole = {
            "version": VERSION,
            "system": self.system,
            "task": self.task,
            "mode": self.mode,
            "device": self.device,
            "out": str(self.out),
            "weights": dict(self.weights),
            "settings": dict(self.settings),
            "length": self.length,
            "format": {**form, "sample_rate": spec.sample_rate},
            "replies": self.replies,
            "samples": None,
        }
        return json.dumps(whole, indent=2) + "\n"


def task_line(samples: Sequence[Wanted]) -> str:
    """Return the line that asks for some samples."""
    return json.dumps({"samples": [asdict(sample) for sample in samples]}) + "\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a driver answered; `status` is one of ready, alive, ok and failed."""

    status: str
    id: str = ""
    video: Path | None = None
    sound: Path | None = None
    error: str = ""


class ReplyError(ValueError):
    """A line of a driver is no reply."""


def read_reply(line: bytes, out: Path) -> Reply:
    """Return the reply of one line; raise ReplyError, in words, where it is none.

    Files are those below `out`, whether or not they are there.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        text = shown(line.decode(errors="replace").strip())
        raise ReplyError(f"wrote {text!r} as a reply, expected a JSON object") from error
    if not isinstance(found, dict) or found.get("status") not in (READY, ALIVE, OK, FAILED):
        raise ReplyError(f"wrote {shown(found)} as a reply, expected an object with a status")
    status = str(found["status"])
    if status in (READY, ALIVE):
        return Reply(status)
    if not isinstance(found.get("id"), str):
        raise ReplyError(f"wrote {shown(found)} as a reply, expected the id of a sample")
    if status == FAILED:
        reason = shown(" ".join(str(found.get("error") or "no reason given").split()), 2 * SHOWN)
        return Reply(status, found["id"], error=reason)
    video, sound = (_file(found.get(key), key, out) for key in ("video", "sound"))
    return Reply(status, found["id"], video, sound)


def _file(name: Any, key: str, out: Path) -> Path | None:
    """Return the path of a file that a reply names, relative to `out` or absolute."""
    if name is None:
        return None
    if not isinstance(name, str) or not name or "\0" in name:
        raise ReplyError(f"named {shown(name)} as {key}, expected the name of a file")
    path = (out / name).resolve()
    if not path.is_relative_to(out.resolve()):
        raise ReplyError(f"named {shown(name)} as {key}, expected a file below {out.name}")
    return path
