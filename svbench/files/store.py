"""The store: what a run has made so far, in one folder.

    <run>/run.json                              what was asked for (see `svbench.walk.run`)
    <run>/samples/<system>/<ab>/<name>.mkv      lossless clips
    <run>/samples/<system>/manifest.jsonl       written when the set is complete: it is sealed
    <run>/features/<extractor>/<ab>/<clip>.npz  what extractors measured: see `feature_store`

Every file appears whole or not at all (see `svbench.files.writing`), so a run that is killed
at any moment leaves a store that the same command completes. Each clip carries its request,
its digest and the digest of how it was made in its header; the manifest of a sealed set carries
the digests of the files. Nothing is trusted because of its name alone. A clip is looked for by its
system and request, so a set may grow at any place; clips that are not asked for stay.

Clips recorded elsewhere may change while a run goes on. Their digest is that of the bytes that
are decoded: a file is looked at before and after it is hashed or decoded, and one that changed
stops the run, before anything is kept under a digest that is not its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.files import media
from svbench.files.feature_store import FeatureStore
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

MANIFEST = "manifest.jsonl"
NAME_LENGTH = 80  # characters of a request id that a file name shows
NAME_BYTES = 200  # of them at most: file systems allow 255, and temporary names are longer


def digest_clip(clip: Clip) -> str:
    """Hash the decoded arrays of a clip."""
    whole = hashlib.sha256(repr(clip.spec).encode())
    whole.update(np.ascontiguousarray(clip.video).data)
    whole.update(np.ascontiguousarray(clip.audio).data)
    return whole.hexdigest()


def digest_set(spec: ClipSpec, samples: Sequence[Sample]) -> str:
    """Hash a set: its format, and the requests and digests of its samples, in order."""
    whole = hashlib.sha256(repr(spec).encode())
    for sample in samples:
        whole.update(f"{sample.request_id}\n{sample.caption}\n{sample.digest}\n".encode())
    return whole.hexdigest()


def file_name(identifier: str) -> str:
    """Turn any id into a file name that is readable, unique and stays inside its folder."""
    plain = re.sub(r"[^\w.-]+", "_", identifier).strip(".")[:NAME_LENGTH]
    short = plain.encode()[:NAME_BYTES].decode(errors="ignore")
    return f"{short}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip that the store holds: the sample, and the bytes of its file."""

    sample: Sample
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Store:
    """The samples and features of one run folder."""

    root: Path
    cache: FeatureStore | None = None  # of features, shared with other runs

    # --- samples -----------------------------------------------------------------------------

    def put(self, system: str, made_by: str, request: Request, clip: Clip) -> Kept:
        """Keep a clip, losslessly; `made_by` is the digest of how it was made."""
        clip = Clip(clip.video, media.quantise(clip.audio), clip.spec)
        digest = digest_clip(clip)
        header = {"request": request.id, "made_by": made_by, "digest": digest}
        path = self._clip_path(system, request.id)
        with replacing(path) as temporary:
            media.write_lossless(temporary, clip, json.dumps(header))
            size, sha256 = temporary.stat().st_size, digest_file(temporary)
        return Kept(Sample(request.id, request.caption, Recording(path), digest), size, sha256)

    def find(
        self,
        system: str,
        made_by: str,
        request: Request,
        spec: ClipSpec,
        sealed: Mapping[str, tuple[int, str]],
    ) -> Kept | None:
        """Return the sample of a request if the store holds it whole, made in just this way.

        A file is whole if its bytes are those that a manifest names (`sealed`, of this system),
        or else if it decodes to the digest in its header.
        """
        path = self._clip_path(system, request.id)
        if not path.exists():
            return None
        try:
            header = json.loads(media.read_comment(path))
            if (header["request"], header["made_by"]) != (request.id, made_by):
                return None
            size, sha256 = path.stat().st_size, digest_file(path)
            known = sealed.get(self._listed(system, path)) == (size, sha256)
            if not known and digest_clip(media.read_lossless(path, spec)) != header["digest"]:
                return None
        except (DataError, OSError, ValueError, KeyError, TypeError):
            return None  # damaged: made again
        sample = Sample(request.id, request.caption, Recording(path), header["digest"])
        return Kept(sample, size, sha256)

    def sealed(self, system: str) -> dict[str, tuple[int, str]]:
        """Return size and digest of the files that a set's manifest names; {} without one."""
        try:
            return {e["file"]: (e["size"], e["sha256"]) for e in self._manifest(system)}
        except (KeyError, TypeError):
            return {}  # of an older form or damaged: clips are decoded instead

    def captions(self, system: str) -> dict[str, str]:
        """Return the captions by request of a set's manifest; {} without one."""
        try:
            return {e["id"]: e["caption"] for e in self._manifest(system)}
        except (KeyError, TypeError):
            return {}

    def _manifest(self, system: str) -> list[dict[str, Any]]:
        """Read the lines of a manifest that is whole; [] if there is none."""
        listed = self.root / "samples" / system / MANIFEST
        try:
            if not listed.is_file():
                return []
            *lines, last = (entry for _, entry in read_jsonl(listed, "a manifest of samples"))
            return lines if last["count"] == len(lines) else []
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def seal(self, name: str, spec: ClipSpec, kept: Sequence[Kept]) -> SampleSet:
        """Close a complete set: write its manifest and return it with its digest."""
        samples = tuple(one.sample for one in kept)
        digest = digest_set(spec, samples)
        lines = [
            json.dumps(
                {
                    "id": one.sample.request_id,
                    "caption": one.sample.caption,
                    "file": self._listed(name, one.sample.recording.path),
                    "digest": one.sample.digest,
                    "size": one.size,
                    "sha256": one.sha256,
                },
                ensure_ascii=False,
            )
            for one in kept
        ]
        lines.append(json.dumps({"sealed": digest, "count": len(samples)}))
        write_text(self.root / "samples" / name / MANIFEST, "\n".join(lines) + "\n")
        return SampleSet(name, spec, samples, digest, stored=True)

    def _listed(self, system: str, path: Path) -> str:
        return path.relative_to(self.root / "samples" / system).as_posix()

    def _clip_path(self, system: str, request_id: str) -> Path:
        name = file_name(request_id)
        return self.root / "samples" / system / name[-2:] / f"{name}.mkv"

    # --- features ----------------------------------------------------------------------------

    def load_features(self, extractor: str, clip: str) -> Values | None:
        """Return the features (k, D) of a clip, from the run or from the shared cache; or None."""
        found = self._features.load(extractor, clip)
        if found is not None or self.cache is None:
            return found
        found = self.cache.load(extractor, clip)
        if found is not None:
            self._features.save(extractor, clip, found)
        return found

    def save_features(self, extractor: str, clip: str, values: Values) -> None:
        """Keep the features of a clip, in the run and in the shared cache."""
        for place in filter(None, (self._features, self.cache)):
            place.save(extractor, clip, values)

    @property
    def _features(self) -> FeatureStore:
        return FeatureStore(self.root / "features")


# --- reading clips -------------------------------------------------------------------------------


def identify(recording: Recording, spec: ClipSpec, *, pad: bool) -> tuple[str, Stamp]:
    """Return the digest of a clip recorded elsewhere, and the stamp of the files it is of."""
    stamp = stamp_of(recording)
    try:
        media.check(recording)
        digest = media.fingerprint(recording, repr(spec), pad=pad)
    finally:  # what is wrong with a file that changes meanwhile says nothing
        _confirm(recording, stamp)
    return digest, stamp


def stamp_of(recording: Recording) -> Stamp:
    """Return what the file system says of a clip's files; it changes whenever they do."""
    return tuple(map(_file_stamp, filter(None, (recording.path, recording.sound))))


def _file_stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()  # absent, or out of reach
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _confirm(recording: Recording, stamp: Stamp) -> None:
    """Raise StoppedError if a clip is not what it was when it was stamped."""
    now = stamp_of(recording)
    if now != stamp:
        raise _changed(recording, stamp, now)


def _changed(recording: Recording, before: Stamp, now: Stamp) -> StoppedError:
    alone = recording.sound is not None and before[:1] == now[:1]
    return StoppedError(
        f"{recording.sound if alone else recording.path}: changed while the run was going on; "
        "run the same command again"
    )


def _same_bytes(sample: Sample, samples: SampleSet) -> Stamp:
    """Return the stamp of a clip whose bytes are those of its digest; raise if they are not."""
    now = stamp_of(sample.recording)
    if now == sample.stamp:
        return now
    try:  # touched, moved and moved back, or another clip
        digest, now = identify(sample.recording, samples.spec, pad=samples.pad)
    except DataError as error:
        if not sample.stamp:  # it was no clip when the run began, either
            raise
        raise _changed(sample.recording, sample.stamp, now) from error
    if digest != sample.digest:
        raise _changed(sample.recording, sample.stamp, now)
    return now


def read_sample(sample: Sample, samples: SampleSet, view: str) -> Clip:
    """Read a sample as an extractor wants to see it ("conformed" or "native")."""
    if samples.stored:
        clip = media.read_lossless(sample.recording.path, samples.spec)
        if digest_clip(clip) != sample.digest:
            raise DataError(
                f"{sample.recording.path}: found other content than was put there, "
                f"expected digest {sample.digest[:12]}; run the same command again to have it "
                "made again"
            )
        return clip
    stamp = _same_bytes(sample, samples)
    try:
        if view == "native":
            channels = samples.spec.channels
            return media.read_native(sample.recording, pad=samples.pad, channels=channels)
        return media.read(sample.recording, samples.spec, pad=samples.pad)
    finally:  # whatever came of it
        _confirm(sample.recording, stamp)


class Originals:
    """The real clips as rows made of them read them: by the id of their example."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples
        self._by_example = {sample.example: sample for sample in samples.samples}

    @property
    def examples(self) -> tuple[str, ...]:
        """Return the ids of all examples, in order."""
        return tuple(self._by_example)

    def read(self, example: str, spec: ClipSpec) -> Clip:
        """Return a real clip; one that changed since it got its digest stops the run."""
        if spec != self._samples.spec:
            raise ConfigError(f"real clips: asked for {spec}, expected {self._samples.spec}")
        return read_sample(self._by_example[example], self._samples, "conformed")

    def digest(self, example: str) -> str:
        """Return the digest of a real clip."""
        return self._by_example[example].digest
