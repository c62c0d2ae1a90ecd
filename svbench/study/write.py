"""Writing of a study: a page to hand out, and a key to keep.

    OUT/key.json                 what the codes stand for; never handed out
    OUT/hand-out/index.html      the page, with its styles, scripts and sheets
    OUT/hand-out/clips/CODE.mp4  the clips, encoded anew: names and metadata say nothing

With `embed` the clips are part of the page, there is one file to hand out, and the clips that it
was made of lie in OUT/clips. A folder holds one study. The same command completes one that was
stopped; another study needs another folder. Bytes depend neither on the engine nor on its workers.
All files have one date, as the order in which they were made tells attention checks.

Clips are shown at their own size and frame rate, as far as they were judged; the page brings all
to one height.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from svbench.engines.protocol import Engine, worth_spreading
from svbench.errors import ConfigError, DataError
from svbench.exports.clips import decode, encode
from svbench.files.destinations import check_apart, check_folder
from svbench.files.locking import locked, remove_partial_files
from svbench.files.writing import replacing, write_text
from svbench.pace import Progress, silent
from svbench.study.key import KEY_FILE, Key, dump_key, load_key
from svbench.study.plan import Material, Planned
from svbench.study.questions import question_of

HAND_OUT: Final = "hand-out"
CLIPS: Final = "clips"
PAGE: Final = "index.html"
TEMPLATE: Final = "study.html.j2"
PLAIN: Final = ("study.css", "study.js")
WHEN: Final = 946_684_800  # s, 2000-01-01 UTC: of all files, as checks are encoded last


@dataclass(frozen=True, slots=True)
class ClipMaker:
    """Makes the file of one code; what is there is kept."""

    folder: Path
    question: str

    def __call__(self, job: tuple[str, Material]) -> str:
        """Write a clip; return a line where that is impossible, else nothing."""
        code, material = job
        path = self.folder / f"{code}.mp4"
        if os.path.lexists(path):
            return ""
        try:
            clip = decode(material.clip)
            if material.damaged:
                other = None if material.other is None else decode(material.other)
                clip = question_of(self.question).damage(clip, other)
        except DataError as error:
            return str(error)
        with replacing(path, "--out") as temporary:
            encode(temporary, clip)
        return ""


def write_study(
    planned: Planned,
    run: Path,
    out: Path,
    engine: Engine,
    *,
    embed: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a study, or what of it is not there yet; return its page.

    Parameters
    ----------
    planned : Planned
        the study
    run : Path
        where its clips come from
    out : Path
        the folder; made if absent
    engine : Engine
        encodes clips
    embed : bool
        put the clips into the page (Default value = False: beside it)
    progress : Progress
        shows the clips written so far (Default value = silent)

    Raises
    ------
    ConfigError
        if the folder holds anything else
    DataError
        if clips cannot be decoded; all others are written
    """
    check_folder(out)
    check_apart(out / KEY_FILE, "--out", [run])
    _check_ours(out, planned.key)
    page = out / HAND_OUT / PAGE
    with locked(out):
        remove_partial_files(out, [HAND_OUT, CLIPS])
        if not (out / KEY_FILE).exists():
            write_text(out / KEY_FILE, dump_key(planned.key, run.absolute()), "--out")
        folder = out / CLIPS if embed else out / HAND_OUT / CLIPS
        _write_clips(planned, folder, engine, progress)
        write_text(page, _html(planned.key, folder, embed=embed), "--out")
        for file in (page, *sorted(folder.iterdir())):
            os.utime(file, (WHEN, WHEN))
    return page


def _check_ours(out: Path, key: Key) -> None:
    """Raise ConfigError where a folder holds anything but this study."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / KEY_FILE).exists():
        raise ConfigError(f"--out {out}: found files but no {KEY_FILE}, expected a new folder")
    found, _ = load_key(out)
    if found.study != key.study:
        raise ConfigError(
            f"--out {out}: found the study {found.study} of other settings or clips there, "
            "expected a new folder, or the same command"
        )


def _write_clips(planned: Planned, folder: Path, engine: Engine, progress: Progress) -> None:
    """Write all clips; raise one DataError for those that cannot be, once all others are there."""
    make, jobs = ClipMaker(folder, planned.key.question), list(planned.files.items())
    spread = worth_spreading(engine, len(jobs), light=True)
    results = engine.spread(make, jobs, named=_named) if spread else engine.map(make, jobs)
    problems = []
    with progress("clips of the study", len(jobs)) as advance:
        for problem in results:
            problems += [problem] if problem else []
            advance(1)
    if problems:
        count = f"{len(problems)} of {len(jobs)} clips could not be read"
        raise DataError.of([*problems, f"{count}; mend them, then run the same command again"])


def _named(job: tuple[str, Material]) -> str:
    return job[1].clip.id


def _html(key: Key, folder: Path, *, embed: bool) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    packaged = Path(str(files("svbench.study"))) / "files"
    env = Environment(loader=FileSystemLoader(packaged), autoescape=True, undefined=StrictUndefined)
    parts = {
        name.replace(".", "_"): (packaged / name).read_text(encoding="utf-8") for name in PLAIN
    }
    data = page_data(key, folder, embed=embed)
    question = question_of(key.question).text
    return env.get_template(TEMPLATE).render(question=question, data=data, **parts)


def page_data(key: Key, folder: Path, *, embed: bool) -> Mapping[str, Any]:
    """Return what the page knows: sheets of trials, each with the codes of its clips.

    A trial that is a check looks like any other.
    """
    captions = {code: clip.caption for code, clip in key.clips.items()}
    captions |= {code: clip.caption for code, clip in key.checks.items()}
    texts = {text: place for place, text in enumerate(dict.fromkeys(captions.values()))}
    return {
        "study": key.study,
        "captions": list(texts),
        "sheets": [
            [[t.id, t.left, t.right, texts[captions[t.left]]] for t in sheet]
            for sheet in key.sheets
        ],
        "embedded": {c: _as_url(folder / f"{c}.mp4") for c in sorted(captions)} if embed else None,
    }


def _as_url(path: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
