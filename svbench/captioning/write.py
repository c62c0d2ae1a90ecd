"""From clips to a list of captions: caption what is not there yet, and write the list.

The same command resumes what was interrupted, does nothing where the list is whole, and extends a
list by further clips. What it would write is the same list, byte for byte, however often the work
was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.captioning import journal as journals
from svbench.captioning.caption import Answer, Captioner, Shard, captioned
from svbench.captioning.clips import Clips
from svbench.captioning.journal import Journal
from svbench.captioning.lists import Form, form_of
from svbench.captioning.model import FoundModel, find_model
from svbench.captioning.record import check_settings, digest_list, read_finished, write_record
from svbench.captioning.settings import CaptionSettings
from svbench.compute import installed
from svbench.engines.protocol import Engine, cut
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.text import shown as printed
from svbench.files.writing import write_text
from svbench.pace import Progress, silent
from svbench.types import ClipSpec, Example

DECIDING: Final = ("torch", "transformers", "tokenizers", "pillow")  # packages
VERSION: Final = 1  # raised where the same model, prompt and clip give another caption
NAMED: Final = 10  # problems


@dataclass(frozen=True, slots=True)
class Written:
    """What was done: clips in the list, those captioned now, and those left out."""

    listed: int
    captioned: int
    left_out: tuple[str, ...] = ()


def write_captions(
    clips: Clips,
    settings: CaptionSettings,
    out: Path,
    engine: Engine,
    *,
    allow_missing: bool = False,
    progress: Progress = silent,
) -> Written:
    """Caption clips, and write the list and its record.

    Parameters
    ----------
    clips : Clips
        what is captioned
    settings : CaptionSettings
        how captions are made
    out : Path
        the list; its ending names the form
    engine : Engine
        decodes, or with workers of its own also captions
    allow_missing : bool
        leave clips out that cannot be read (Default value = False)
    progress : Progress
        gets a step that counts clips (Default value = silent)

    Raises
    ------
    ConfigError
        where a list is there that was made otherwise
    DataError
        where the model or clips cannot be read, or an answer is empty; all other captions are kept
        for the next time
    """
    form = form_of(out, clips.listed_name)
    found = find_model(settings.model)
    shown = settings.shown(clips.seconds, clips.size)
    digests = found.digests()
    decided = _decided(found, settings, shown, digests)
    digested = _digests(clips, shown, settings, engine)
    with journals.opened(out) as journal:
        work = _Work(clips, out, form, decided, journal, digested)
        work.begin()
        new, problems = work.caption(
            Captioner(found, digests, settings, shown, settings.machine.kind),
            settings.batch,
            engine,
            progress,
        )
        left_out = _left_out(problems, allow_missing=allow_missing)
        return work.finish(found, new, left_out)


def _decided(
    found: FoundModel, settings: CaptionSettings, shown: ClipSpec, digests: dict[str, str]
) -> dict[str, Any]:
    """Return all that decides a caption beside its clip, as plain JSON."""
    return {
        "model weights": digests["weights"],
        "model files": digests["files"],
        "version": VERSION,
        "prompt": settings.prompt,
        "frames": settings.frames,
        "frame times": f"i / {settings.frames} of {shown.duration:g} s, nearest by time stamp",
        "frame size": list(shown.size),
        "frames given as": found.frames_given(),
        "short clips": "last frame repeated" if settings.pad else "refused",
        "decoding": "greedy",
        "max_new_tokens": settings.max_new_tokens,
        "batch": settings.batch,
        "device": settings.machine.kind,
        "dtype": settings.machine.dtype,
        **{package: installed(package) for package in DECIDING},
    }


def _digests(
    clips: Clips, shown: ClipSpec, settings: CaptionSettings, engine: Engine
) -> dict[str, str]:
    """Return the digest of each clip's files and view by its id; "" if it cannot be read."""

    def digest(example: Example) -> str:
        try:
            return media.fingerprint(example.recording, repr(shown), pad=settings.pad)
        except DataError:
            return ""

    found = engine.map(digest, clips.examples)
    return {example.id: one for example, one in zip(clips.examples, found, strict=True)}


@dataclass(slots=True)
class _Work:
    """The captions of one list: those that are there, and those to come."""

    clips: Clips
    out: Path
    form: Form
    decided: dict[str, Any]
    journal: Journal
    digest: Mapping[str, str]  # of each clip by its id; "": it cannot be read

    def begin(self) -> None:
        """Take over what is there: the journal, or else the finished list."""
        if self.journal.head:
            self._check_journal()
            return
        finished = read_finished(self.out, self.decided)
        self._check_growing(finished)
        known = dict(finished.values())
        if list(finished) == [example.id for example in self.clips.examples]:
            self.journal.captions |= known  # nothing to do
            return
        head = {"settings": self.decided, "list": digest_list(self.out)}
        self.journal.begin(head, known)

    def caption(
        self, captioner: Captioner, batch: int, engine: Engine, progress: Progress
    ) -> tuple[int, list[Answer]]:
        """Caption what is missing; return how many clips were, and what is no caption."""
        shards = list(cut(self.clips.examples, batch))
        todo = [shard for shard in shards if any(map(self._is_missing, shard))]
        missing = sum(map(self._is_missing, self.clips.examples))
        problems = list[Answer]()
        with progress("captioning clips", len(self.clips.examples)) as advance:
            kept = len(self.clips.examples) - sum(map(len, todo))
            advance(kept, kept)
            for shard, answers in zip(todo, captioned(captioner, todo, engine), strict=True):
                self._keep(shard, answers)
                problems += (answer for answer in answers if answer.problem)
                advance(len(shard))
        return missing - sum(map(self._is_missing, self.clips.examples)), problems

    def _keep(self, shard: Shard, answers: Sequence[Answer]) -> None:
        """Add the captions of clips that had none."""
        pairs = zip(shard, answers, strict=True)
        self.journal.add(
            {
                self.digest[example.id]: answer.caption
                for example, answer in pairs
                if not answer.problem and self._is_missing(example)
            }
        )

    def finish(self, found: FoundModel, new: int, left_out: tuple[str, ...]) -> Written:
        """Write the list and its record, and delete the journal."""
        listed = [(e, self.journal.captions[self.digest[e.id]]) for e in self._listed()]
        if self.journal.head:
            text = self.form(listed, self.out)
            self._check_list(text)
            write_text(self.out, text, "--out")
            names = {"model": found.name, "data": self.clips.name}
            rows = [(e.id, self.digest[e.id], caption) for e, caption in listed]
            write_record(self.out, self.decided, names, rows)
            self.journal.delete()
        return Written(len(listed), new, left_out)

    def _listed(self) -> list[Example]:
        return [e for e in self.clips.examples if not self._is_missing(e)]

    def _is_missing(self, example: Example) -> bool:
        return self.digest[example.id] not in self.journal.captions

    def _check_journal(self) -> None:
        """Raise ConfigError where captions under way are of other settings or of other clips."""
        where = f"--out {self.out}: {self.out.name}{journals.ENDING} beside it"
        check_settings(self.journal.head.get("settings"), self.decided, where)
        if gone := self.journal.captions.keys() - set(self.digest.values()):
            raise ConfigError(
                f"{where}: found captions under way of {len(gone)} clips that are not captioned "
                "now, expected the same clips and more; or delete it to caption anew"
            )

    def _check_growing(self, finished: dict[str, tuple[str, str]]) -> None:
        """Raise ConfigError where a finished list holds other clips than are captioned now."""
        gone = [name for name in finished if name not in self.digest]
        changed = [n for n, (d, _) in finished.items() if self.digest.get(n, d) != d]
        for names, what in ((gone, "that are not captioned now"), (changed, "of other bytes")):
            if names:
                raise ConfigError(
                    f"--out {self.out}: found captions of {len(names)} clips {what} (first: "
                    f"{printed(names[0])}), expected a new file, or the same clips and more"
                )

    def _check_list(self, text: str) -> None:
        """Raise ConfigError where somebody else wrote the list meanwhile."""
        there = digest_list(self.out)
        ours = ("", self.journal.head.get("list"), hashlib.sha256(text.encode()).hexdigest())
        if there not in ours:
            raise ConfigError(
                f"--out {self.out}: found a list that svbench caption did not write, expected "
                "none; move it away, then run the same command again"
            )


def _left_out(problems: Sequence[Answer], *, allow_missing: bool) -> tuple[str, ...]:
    """Return the lines on clips that are left out; raise DataError for those that may not be."""
    bad = [p for p in problems if not (p.unreadable and allow_missing)]
    if not bad:
        return tuple(problem.problem for problem in problems)
    more = [f"and {len(bad) - NAMED} more"] if len(bad) > NAMED else []
    hints = ("ask by another --prompt", "leave out what cannot be read with --allow-missing")
    raise DataError.of(
        [
            *(problem.problem for problem in bad[:NAMED]),
            *more,
            f"{len(bad)} clips have no caption: mend them, or "
            f"{hints[any(problem.unreadable for problem in bad)]}; the other captions are kept",
        ]
    )
