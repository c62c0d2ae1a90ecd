"""Captions under way: a journal beside the list, to which every batch is appended.

`<list>.journal` holds one JSON object a line: how the captions are made and the digest of the list
that is there already, then a caption a line, under the digest of its clip. Each batch is flushed
to the disk; a line that a killed process left half written is cut off. The journal is deleted when
the list is whole. One process at a time holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from svbench.errors import ConfigError, DataError
from svbench.files.text import read_jsonl
from svbench.files.writing import writing_to

ENDING: Final = ".journal"
CONTENT: Final = "captions under way, as svbench caption keeps them"


class Journal:
    """An open journal: the captions that it holds, by the digest of their clips."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self.head: dict[str, Any] = {}
        self.captions: dict[str, str] = {}
        self._read()
        self._holds_new = bool(self.captions)

    def begin(self, head: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """Write the first line of a new journal, and the captions of the list that grows."""
        self.head = dict(head)
        self._append([self.head])
        self._add(known)

    def add(self, captions: Mapping[str, str]) -> None:
        """Append captions by the digest of their clips; they are on the disk afterwards."""
        if captions:
            self._add(captions)
            self._holds_new = True

    def delete(self) -> None:
        """Delete the journal: the list is whole."""
        self._path.unlink(missing_ok=True)

    def delete_unused(self) -> None:
        """Delete a journal that holds nothing but what the list has."""
        if not self._holds_new:
            self.delete()

    def _add(self, captions: Mapping[str, str]) -> None:
        self.captions |= captions
        self._append([{"clip": clip, "caption": text} for clip, text in captions.items()])

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        with writing_to(self._path, "--out"):
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> None:
        whole = self._file.read()
        with writing_to(self._path, "--out"):
            self._file.truncate(whole.rfind(b"\n") + 1)
            self._file.seek(0, os.SEEK_END)
        lines = iter(read_jsonl(self._path, CONTENT))
        self.head = next(lines, (0, {}))[1]
        for number, line in lines:
            clip, caption = line.get("clip"), line.get("caption")
            if not isinstance(clip, str) or not isinstance(caption, str) or not caption:
                raise DataError(
                    f"{self._path}, line {number}: found no caption, expected {CONTENT}"
                )
            self.captions[clip] = caption


@contextmanager
def opened(out: Path) -> Iterator[Journal]:
    """Open the journal of a list, or make one, which is deleted if no caption comes to it.

    Raises
    ------
    ConfigError
        where another process holds it, or its folder cannot be written to
    DataError
        where it is none
    """
    path = out.with_name(out.name + ENDING)
    with writing_to(path, "--out"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"--out {out}: another process is writing it, expected one at a time"
            ) from error
        file.seek(0)
        journal = Journal(path, file)
        try:
            yield journal
        finally:
            journal.delete_unused()
