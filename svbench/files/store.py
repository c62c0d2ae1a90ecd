"""The store of a run: generated clips and extracted features, in one folder.

    <run>/run.json                              settings (see `svbench.walk.record`)
    <run>/samples/<system>/<ab>/<name>.mkv      lossless clips
    <run>/samples/<system>/manifest.jsonl       written when the set is complete ("sealed")
    <run>/features/<extractor>/<ab>/<clip>.npz  features (see `svbench.files.feature_store`)
    <run>/features/known-files.json             digests of files (see `svbench.files.known_files`)

All files are written atomically (see `svbench.files.writing`), so a run that is killed at any
moment leaves a store that the same command completes. The header of each clip holds its request,
its digest and the digest of the settings that it was made with; the manifest of a sealed set holds
the same, and the digests of the files and of itself, so that a clip whose bytes are those of an
unedited manifest is found without opening it. Names alone are not trusted. Clips are found by
system and request, so a set may grow anywhere; clips that are no longer requested stay.

Clips recorded elsewhere may change during a run. Their digest is that of the decoded bytes: a file
is checked before and after it is hashed or decoded, and a change stops the run before anything is
stored under a digest that is not its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.files import media
from svbench.files.feature_store import FeatureStore
from svbench.files.known_files import KnownFiles, file_stamp
from svbench.files.names import check_name
from svbench.files.set_manifest import (
    MANIFEST,
    SEALED,
    Kept,
    Listed,
    dump_manifest,
    read_listed,
    read_manifest,
)
from svbench.files.text import read_jsonl
from svbench.files.writing import replacing, write_text
from svbench.types import (
    Clip,
    ClipSpec,
    Recording,
    Request,
    Sample,
    SampleSet,
    Stamp,
    Values,
)

NAME_LENGTH = 80  # characters of a request id in a file name
NAME_BYTES = 200  # at most: file systems allow 255, and temporary names are longer


def digest_clip(clip: Clip) -> str:
    """Return the digest of a clip: its format and decoded arrays."""
    whole = hashlib.sha256(repr(clip.spec).encode())
    whole.update(np.ascontiguousarray(clip.video).data)
    whole.update(np.ascontiguousarray(clip.audio).data)
    return whole.hexdigest()


def digest_set(spec: ClipSpec, samples: Sequence[Sample]) -> str:
    """Return the digest of a set: its format, and requests and digests of its samples, in order."""
    whole = hashlib.sha256(repr(spec).encode())
    for sample in samples:
        whole.update(f"{sample.request_id}\n{sample.caption}\n{sample.digest}\n".encode())
    return whole.hexdigest()


def file_name(identifier: str) -> str:
    """Return a file name for any id: readable, unique, and without path separators."""
    plain = re.sub(r"[^\w.-]+", "_", identifier).strip(".")[:NAME_LENGTH]
    short = plain.encode()[:NAME_BYTES].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Store:
    """The samples and features of one run folder."""

    root: Path
    cache: FeatureStore | None = None  # features shared with other runs
    known: KnownFiles = field(default_factory=KnownFiles)  # digests of files that did not change

    # --- samples -----------------------------------------------------------------------------

    def put(self, system: str, made_by: str, request: Request, clip: Clip) -> Kept:
        """Store a clip losslessly; `made_by` is the digest of the settings it was made with."""
        clip = Clip(clip.video, media.quantise(clip.audio), clip.spec)
        digest = digest_clip(clip)
        header = {"request": request.id, "made_by": made_by, "digest": digest}
        path = self._clip_path(system, request.id)
        with replacing(path) as temporary:
            media.write_lossless(temporary, clip, json.dumps(header))
            size, sha256 = temporary.stat().st_size, digest_file(temporary)
        sample = Sample(request.id, request.caption, Recording(path), digest)
        return Kept(sample, size, sha256, made_by)

    def find(
        self,
        system: str,
        made_by: str,
        request: Request,
        spec: ClipSpec,
        sealed: Mapping[str, Listed],
    ) -> Kept | None:
        """Return the stored clip of a request, if it is intact and made with the same settings.

        A file is intact if its size and digest are those of the manifest (`sealed`, of this
        system), or else if it decodes to the digest in its header.

        Parameters
        ----------
        system : str
            the name of the system
        made_by : str
            the digest of the settings that the clip must be made with
        request : Request
            the request
        spec : ClipSpec
            the format of the clip
        sealed : Mapping[str, Listed]
            what the manifest lists, by file, from `sealed`
        """
        path = self._clip_path(system, request.id)
        if not path.is_file():  # reading a pipe would block
            return None
        listed = sealed.get(self._listed(system, path))
        try:
            size, sha256 = path.stat().st_size, self.known.digest(path)
            known = listed is not None and (listed.size, listed.sha256) == (size, sha256)
            if listed is not None and known and listed.answers(request, made_by):
                sample = Sample(request.id, request.caption, Recording(path), listed.digest)
                return Kept(sample, size, sha256, made_by)
            header = json.loads(media.read_comment(path))
            if (header["request"], header["made_by"]) != (request.id, made_by):
                return None
            if not known and digest_clip(media.read_lossless(path, spec)) != header["digest"]:
                return None
        except (DataError, OSError, ValueError, KeyError, TypeError):
            return None  # damaged: it is made again
        sample = Sample(request.id, request.caption, Recording(path), header["digest"])
        return Kept(sample, size, sha256, made_by)

    def sealed(self, system: str) -> dict[str, Listed]:
        """Return what a set's manifest lists, by file; {} if there is none."""
        return read_listed(self.manifest_path(system))

    def captions(self, system: str) -> dict[str, str]:
        """Return the captions by request, from a set's manifest; {} if there is none."""
        try:
            return {e["id"]: e["caption"] for e in read_manifest(self.manifest_path(system))}
        except (KeyError, TypeError):
            return {}

    def seal(self, name: str, spec: ClipSpec, kept: Sequence[Kept]) -> SampleSet:
        """Write the manifest of a complete set, and return the set with its digest."""
        samples = tuple(one.sample for one in kept)
        digest = digest_set(spec, samples)
        entries = [one.entry(self._listed(name, one.sample.recording.path)) for one in kept]
        write_text(self.manifest_path(name), dump_manifest(entries, digest))
        return SampleSet(name, spec, samples, digest, stored=True)

    def load_set(self, name: str, spec: ClipSpec) -> SampleSet:
        """Load a sealed set; its seal is the digest and number of its samples.

        Raises DataError where there is none, or one of other samples than were sealed.
        """
        listed = self.manifest_path(name)
        if not listed.is_file():
            raise DataError(f"{listed}: found no file there, expected the clips of a row")
        samples, seals = [], []
        for number, entry in read_jsonl(listed, "the manifest of a row"):
            if SEALED in entry:
                seals.append((entry[SEALED], entry.get("count")))
            else:
                samples.append(_sample(entry, listed.parent, f"{listed}, line {number}"))
        digest = digest_set(spec, samples)
        if seals != [(digest, len(samples))]:
            raise DataError(f"{listed}: changed since the run; run the same command again")
        return SampleSet(name, spec, tuple(samples), digest, stored=True)

    def manifest_path(self, system: str) -> Path:
        """Return the path of the manifest of a set."""
        return self.root / "samples" / system / MANIFEST

    def _listed(self, system: str, path: Path) -> str:
        return path.relative_to(self.root / "samples" / system).as_posix()

    def _clip_path(self, system: str, request_id: str) -> Path:
        name = file_name(request_id)
        return self.root / "samples" / system / name[-2:] / f"{name}.mkv"

    # --- features ----------------------------------------------------------------------------

    def load_features(self, extractor: str, clip: str) -> Values | None:
        """Load the features of a clip, (k, D), from the run or the shared cache; None if absent."""
        found = self._features.load(extractor, clip)
        if found is not None or self.cache is None:
            return found
        found = self.cache.load(extractor, clip)
        if found is not None:
            self._features.save(extractor, clip, found)
        return found

    def save_features(self, extractor: str, clip: str, values: Values) -> None:
        """Save the features of a clip, (k, D), in the run and in the shared cache."""
        for place in filter(None, (self._features, self.cache)):
            place.save(extractor, clip, values)

    @property
    def _features(self) -> FeatureStore:
        return FeatureStore(self.root / "features")


def _sample(entry: Mapping[str, Any], folder: Path, where: str) -> Sample:
    """Return the sample that a line of a manifest stands for."""
    for key in ("id", "caption", "file", "digest"):
        if not isinstance(entry.get(key), str):
            raise DataError(f"{where}: found {key} {entry.get(key)!r:.60}, expected text")
    check_name(entry["file"], "file", where)
    return Sample(entry["id"], entry["caption"], Recording(folder / entry["file"]), entry["digest"])


# --- reading clips -------------------------------------------------------------------------------


def identify(recording: Recording, spec: ClipSpec, *, pad: bool) -> tuple[str, Stamp]:
    """Return the digest of a clip recorded elsewhere, and the stamp of its files."""
    stamp = stamp_of(recording)
    try:
        media.check(recording)
        digest = media.fingerprint(recording, repr(spec), pad=pad)
    finally:  # an error of a file that changed meanwhile is not reported, but the change
        _confirm(recording, stamp)
    return digest, stamp


def stamp_of(recording: Recording) -> Stamp:
    """Return the stamp of a clip's files (inode, size, times), which changes whenever they do."""
    return tuple(map(file_stamp, filter(None, (recording.path, recording.sound))))


def _confirm(recording: Recording, stamp: Stamp) -> None:
    """Raise StoppedError if a clip's files have changed since the stamp."""
    now = stamp_of(recording)
    if now != stamp:
        raise _changed(recording, stamp, now)


def _changed(recording: Recording, before: Stamp, now: Stamp) -> StoppedError:
    alone = recording.sound is not None and before[:1] == now[:1]
    return StoppedError(
        f"{recording.sound if alone else recording.path}: changed while the run was going on; "
        "run the same command again"
    )


def _verified(sample: Sample, samples: SampleSet) -> Stamp:
    """Return the current stamp of a clip; raise StoppedError if its digest has changed."""
    now = stamp_of(sample.recording)
    if now == sample.stamp:
        return now
    try:  # touched, moved and moved back, or another clip
        digest, now = identify(sample.recording, samples.spec, pad=samples.pad)
    except DataError as error:
        if not sample.stamp:  # it could not be read when the run began, either
            raise
        raise _changed(sample.recording, sample.stamp, now) from error
    if digest != sample.digest:
        raise _changed(sample.recording, sample.stamp, now)
    return now


def read_sample(
    sample: Sample, samples: SampleSet, view: str, streams: media.Streams | None = None
) -> Clip:
    """Decode a sample in the view that an extractor needs.

    Parameters
    ----------
    sample : Sample
        one of `samples`
    samples : SampleSet
        its set
    view : str
        "conformed" (to the format of the set) or "native" (see `svbench.files.media.native`)
    streams : Streams or None
        of the clip, where several views of it are read (Default value = None)

    Raises
    ------
    DataError
        if the clip cannot be decoded, or a stored one is not as it was stored
    StoppedError
        if a clip recorded elsewhere has changed during the run
    """
    if samples.stored:
        clip = media.read_lossless(sample.recording.path, samples.spec)
        if digest_clip(clip) != sample.digest:
            raise DataError(
                f"{sample.recording.path}: found other content than was put there, "
                f"expected digest {sample.digest[:12]}; run the same command again to have it "
                "made again"
            )
        return clip
    stamp = _verified(sample, samples)
    try:
        if view == "native":
            channels = samples.spec.channels
            return media.read_native(
                sample.recording, pad=samples.pad, channels=channels, streams=streams
            )
        return media.read(sample.recording, samples.spec, pad=samples.pad, streams=streams)
    finally:  # also if decoding failed
        _confirm(sample.recording, stamp)


@contextmanager
def showing_frames(
    sample: Sample,
    samples: SampleSet,
    begin: Callable[[Clip], Callable[[int, NDArray[np.uint8]], None]],
    streams: media.Streams,
) -> Iterator[None]:
    """Show the frames of a recorded clip in its native view: see `media.NativeFrames`.

    They are shown while this lasts, as far as another view is read of `streams`, and the rest at
    its end.

    Raises
    ------
    DataError, StoppedError
        as `read_sample` does
    """
    stamp = _verified(sample, samples)
    try:
        frames = media.NativeFrames(
            sample.recording, begin, streams, pad=samples.pad, channels=samples.spec.channels
        )
        yield
        frames.show()
    finally:
        _confirm(sample.recording, stamp)


class Originals:
    """The real clips by the id of their example, for controls made of them."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples
        self._by_example = {sample.example: sample for sample in samples.samples}

    @property
    def examples(self) -> tuple[str, ...]:
        """Return the ids of all examples, in order."""
        return tuple(self._by_example)

    def read(self, example: str, spec: ClipSpec) -> Clip:
        """Decode a real clip; raise StoppedError if it has changed since it was hashed."""
        if spec != self._samples.spec:
            raise ConfigError(f"real clips: asked for {spec}, expected {self._samples.spec}")
        return read_sample(self._by_example[example], self._samples, "conformed")

    def digest(self, example: str) -> str:
        """Return the digest of a real clip."""
        return self._by_example[example].digest
