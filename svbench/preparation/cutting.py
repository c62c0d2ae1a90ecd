"""Recordings cut into segments of equal length, by all workers of an engine.

A recording is one item of the prepared folder: its segments are cut in one pass. What is there and
whole (of the same bytes of the archive, with the digests on record) is kept. Of a recording that
breaks off, the segments before are kept, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from svbench.compute import digest_file
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files import media
from svbench.files.writing import replacing
from svbench.pace import Progress
from svbench.preparation.folder import Item, PreparedFolder, are_there
from svbench.types import Clip, ClipSpec, Recording


@dataclass(frozen=True, slots=True)
class Source:
    """A recording of the archive, and what there is of it already."""

    id: str
    recording: Recording
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """What became of a recording: its item, and the reason why that is not whole, or absent."""

    id: str
    item: Item | None
    kept: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Cutting:
    """Cuts recordings into segments; computed wherever the engine has workers.

    Parameters
    ----------
    out : Path
        folder of the segments
    name : str
        of a segment's file, a format of `id` and `number`
    spec : ClipSpec
        the format of a segment, but for its sample rate, which is the recording's
    by_frames : bool
        whether every segment counts that has enough frames, where silence fills the sound; else
        those that last as long as a segment (Default value = False)
    count : int or None
        how many segments each recording shall have (Default value = None: as many as there are)
    """

    out: Path
    name: str
    spec: ClipSpec
    by_frames: bool = False
    count: int | None = None

    def __call__(self, source: Source) -> Cut:
        """Return what became of a recording."""
        try:
            read = _digests(source.recording)
            if source.item is not None and self._is_whole(source.item, read):
                return Cut(source.id, source.item, kept=True)
            return self._cut(source, read)
        except DataError as error:
            return Cut(source.id, None, problem=str(error))

    def _is_whole(self, item: Item, read: dict[str, str]) -> bool:
        """Return whether an item is all of a recording with these digests, and still there."""
        same: bool = item["whole"] and item["read"] == read
        return same and are_there(self.out, item["written"])

    def _cut(self, source: Source, read: dict[str, str]) -> Cut:
        """Cut a recording, as far as it goes."""
        written: dict[str, str] = {}
        problem = ""
        clips = media.read_segments(source.recording, self.spec, self._count(source.recording))
        try:
            for number, clip in enumerate(clips):
                name = self.name.format(id=source.id, number=number)
                written[name] = self._write(name, clip)
        except DataError as error:
            if not written:
                raise
            problem = f"from segment {len(written):03d} on: {error}"
        item = {"read": read, "written": written, "whole": not problem}
        return Cut(source.id, item, problem=problem)

    def _write(self, name: str, clip: Clip) -> str:
        """Write a segment; return the digest of its file."""
        with replacing(self.out / name, "--out") as temporary:
            media.write_mp4(
                temporary,
                clip.video,
                self.spec.fps,
                media.quantise(clip.audio),
                clip.spec.sample_rate,
                lossless_sound=True,
            )
            return digest_file(temporary)

    def _count(self, recording: Recording) -> int | None:
        if self.by_frames or self.count is not None:
            return self.count
        return self.spec.whole_clips(media.duration(recording.path))


def cut_recordings(
    folder: PreparedFolder,
    sources: Sequence[Source],
    work: Cutting,
    engine: Engine,
    progress: Progress,
) -> dict[str, Cut]:
    """Cut recordings into a folder; return what became of each, by id."""
    found = {}
    with progress("cutting recordings", len(sources)) as advance:
        cuts: Iterable[Cut] = engine.spread(work, sources, named=lambda source: source.id)
        for cut in cuts:
            found[cut.id] = cut
            if cut.item is not None and not cut.kept:
                folder.add(cut.id, cut.item)
            advance(1, int(cut.kept))
    return found


def _digests(recording: Recording) -> dict[str, str]:
    """Return the digest of each file of a recording, by name."""
    found = {}
    for path in (recording.path, recording.sound):
        if path is not None:
            try:
                found[path.name] = digest_file(path)
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return found
