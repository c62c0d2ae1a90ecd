"""Findings on clips beside others: the same content twice, and the same clip in two splits.

Content is compared by digests: of the files' bytes and the clip's start in them, and of what was
decoded. The same clip encoded anew has other digests, and is not found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from svbench.audit.clips import Examined, is_silent
from svbench.audit.kinds import BLACK, Finding
from svbench.datasets.survey import Survey
from svbench.files.results import RequestIdentity
from svbench.files.suffixes import is_sound, is_video

Key = Callable[[Examined], str]
UNIQUE: Final = "each clip once"


def duplicates(
    clips: Sequence[Examined], requests: Mapping[str, RequestIdentity]
) -> Iterator[Finding]:
    """Yield clips of one split whose content is that of an earlier one.

    `requests` identifies those that can be opened, by id.
    """
    sources: dict[str, str] = {}
    pictures: dict[str, str] = {}
    sounds: dict[str, str] = {}
    for clip in clips:
        name = clip.example.id
        if name not in requests:
            continue
        first = sources.setdefault(requests[name].source, name)
        if first != name:
            yield clip.finding("duplicate", f"the bytes of {first}", UNIQUE)
            continue
        if (digest := _picture(clip)) and (first := pictures.setdefault(digest, name)) != name:
            yield clip.finding("same-picture", f"the picture of {first}", UNIQUE)
        if (digest := _sound(clip)) and (first := sounds.setdefault(digest, name)) != name:
            yield clip.finding("same-sound", f"the sound of {first}", UNIQUE, sound=True)


def _picture(clip: Examined) -> str:
    """Return the digest of a decoded picture; "" of none, or a black one."""
    if not clip.facts.pictures:
        return ""
    levels = clip.facts.pictures[clip.number]
    return levels.digest if levels.frames and levels.brightest > BLACK else ""


def _sound(clip: Examined) -> str:
    """Return the digest of a decoded sound; "" of none, or a silent one."""
    if not clip.facts.sounds or is_silent(clip):
        return ""
    return clip.facts.sounds[clip.number].digest


def contaminated(
    surveys: Sequence[Survey],
    clips: Mapping[str, Sequence[Examined]],
    requests: Mapping[str, Mapping[str, RequestIdentity]],
    recording_of: Callable[[str], str],
) -> Iterator[Finding]:
    """Yield clips whose id, recording or content is in an earlier split as well.

    Parameters
    ----------
    surveys : sequence of Survey
        the splits
    clips : mapping
        by split, those that are there
    requests : mapping
        by split and id, those that can be opened
    recording_of : callable
        id of a clip -> that of the recording that it was cut from
    """
    ids: dict[str, str] = {}  # id or recording -> split
    content: dict[str, tuple[str, str]] = {}  # digest -> split and id
    for survey in surveys:
        split, there = survey.split, {c.example.id: c for c in clips[survey.split]}
        named = requests[split]
        for example in survey.examples:
            name, whole = example.id, recording_of(example.id)
            clip = there.get(name)
            digests = _digests(clip, named.get(name))
            of = ids.get(name) or ids.get(whole)
            twins = [content[digest] for digest in digests if digest in content]
            if of is not None:
                what = "its id" if name in ids else f"its recording {whole}"
                yield _also(split, name, example.recording.path, f"{what} in {of} as well")
            elif twins:
                found = f"the content of {twins[0][1]} in {twins[0][0]}"
                yield _also(split, name, example.recording.path, found)
        for example in survey.examples:
            ids.setdefault(example.id, split)
            ids.setdefault(recording_of(example.id), split)
            for digest in _digests(there.get(example.id), named.get(example.id)):
                content.setdefault(digest, (split, example.id))


def _digests(clip: Examined | None, request: RequestIdentity | None) -> tuple[str, ...]:
    if clip is None or request is None:
        return ()
    return tuple(filter(None, (request.source, _picture(clip), _sound(clip))))


def _also(split: str, clip: str, file: Path, found: str) -> Finding:
    return Finding("wrong-split", split, clip, file, found, "each clip in one split")


def unlisted(files: Sequence[Path], surveys: Sequence[Survey]) -> list[Path]:
    """Return the videos and sounds of a folder that belong to no listed clip.

    A file belongs to a clip if a list names it, or if it lies beside one of the clip's files and
    has its stem: a sound, say.
    """
    folders = _Folders()
    listed = {folders.place(file) for survey in surveys for file in _files(survey)}
    media = (file for file in files if is_video(file) or is_sound(file))
    return [file for file in media if folders.place(file) not in listed]


class _Folders(dict[Path, str]):
    """The real path of each folder, looked up once: several may lead to the same files."""

    def __missing__(self, folder: Path) -> str:
        self[folder] = os.path.realpath(folder)
        return self[folder]

    def place(self, file: Path) -> tuple[str, str]:
        """Return the folder and the stem of a file."""
        return self[file.parent], file.stem


def _files(survey: Survey) -> Iterator[Path]:
    yield from survey.files
    for example in survey.examples:
        yield example.recording.path
        if example.recording.sound is not None:
            yield example.recording.sound
