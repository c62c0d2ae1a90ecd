"""The store: what a run has made so far, in one folder.

    <run>/run.json                              what was asked for (see `svbench.run`)
    <run>/samples/<system>/<ab>/<name>.mkv      lossless clips
    <run>/samples/<system>/manifest.jsonl       written when the set is complete: it is sealed
    <run>/features/<extractor>/<set>-<n>.npz    what extractors said of the clips

Every file appears whole or not at all (temporary name, flush, rename), so a run that is killed
at any moment leaves a store that the same command completes. Each clip carries its request,
its digest and the digest of how it was made in its header; features carry the digests of the
clips they describe. Nothing is trusted because of its name alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from svbench import media
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.types import Clip, ClipSpec, Recording, Request, Sample, SampleSet, Values

NAME_LENGTH = 80  # characters of a request id that a file name shows; file systems allow 255


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
    short = re.sub(r"[^\w.-]+", "_", identifier).strip(".")[:NAME_LENGTH]
    return f"{short}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all: give a temporary path, then rename it to `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoppedError(
            f"{path}: could not be written ({error.strerror or error}); "
            "mend that (free some space?), then run the same command again to go on"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a run folder; a second process that wants it is refused.

    The lock is the kernel's (flock), so it goes with the process, however that ends.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / ".lock").open("ab+", buffering=0)
    except OSError as error:
        raise ConfigError(f"--out {root}: cannot be written to ({error.strerror})") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigError(
                f"--out {root}: another svbench is at work there ({file.read().decode().strip()}), "
                "expected a folder of its own; wait for it or choose another --out"
            ) from error
        except OSError as error:
            raise ConfigError(
                f"--out {root}: cannot be locked ({error.strerror}), expected a file system "
                "with locks; choose another --out"
            ) from error
        with suppress(OSError):  # a full disk is told by the first file that matters
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        for left_over in root.rglob(".*.tmp"):  # of a process that was killed while it wrote
            left_over.unlink(missing_ok=True)
        yield


@dataclass(frozen=True, slots=True)
class Store:
    """The samples and features of one run folder."""

    root: Path

    # --- samples -----------------------------------------------------------------------------

    def put(self, system: str, made_by: str, request: Request, clip: Clip) -> None:
        """Keep a clip, losslessly; `made_by` is the digest of how it was made."""
        clip = Clip(clip.video, media.quantise(clip.audio), clip.spec)
        header = {"request": request.id, "made_by": made_by, "digest": digest_clip(clip)}
        with replacing(self._clip_path(system, request.id)) as temporary:
            media.write_lossless(temporary, clip, json.dumps(header))

    def find(self, system: str, made_by: str, request: Request) -> Sample | None:
        """Give the sample of a request if the store holds it, made in just this way."""
        path = self._clip_path(system, request.id)
        if not path.exists():
            return None
        try:
            header = json.loads(media.read_comment(path))
            if (header["request"], header["made_by"]) != (request.id, made_by):
                return None
        except (DataError, ValueError, KeyError, TypeError):
            return None  # damaged: made again
        return Sample(request.id, request.caption, Recording(path), header["digest"])

    def seal(self, name: str, spec: ClipSpec, samples: Sequence[Sample]) -> SampleSet:
        """Close a complete set: write its manifest, give it its digest."""
        digest = digest_set(spec, samples)
        lines = [
            json.dumps(
                {
                    "id": s.request_id,
                    "caption": s.caption,
                    "file": str(s.recording.path.relative_to(self.root / "samples" / name)),
                    "digest": s.digest,
                },
                ensure_ascii=False,
            )
            for s in samples
        ]
        lines.append(json.dumps({"sealed": digest, "count": len(samples)}))
        write_text(self.root / "samples" / name / "manifest.jsonl", "\n".join(lines) + "\n")
        return SampleSet(name, spec, tuple(samples), digest, stored=True)

    def _clip_path(self, system: str, request_id: str) -> Path:
        name = file_name(request_id)
        return self.root / "samples" / system / name[-2:] / f"{name}.mkv"

    # --- features ----------------------------------------------------------------------------

    def load_features(self, extractor: str, set_name: str, shard: int) -> dict[str, Values]:
        """Give what an extractor said of the clips of a shard, by clip digest."""
        path = self._features_path(extractor, set_name, shard)
        if not path.exists():
            return {}
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                digests, counts, values = arrays["digests"], arrays["counts"], arrays["values"]
            blocks = np.split(values, np.cumsum(counts)[:-1])
            return dict(zip((str(d) for d in digests), blocks, strict=True))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return {}  # damaged: extracted again

    def save_features(
        self, extractor: str, set_name: str, shard: int, blocks: Mapping[str, Values]
    ) -> None:
        """Keep what an extractor said of the clips of a shard, by clip digest."""
        path = self._features_path(extractor, set_name, shard)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                digests=np.array(list(blocks)),
                counts=np.array([len(b) for b in blocks.values()]),
                values=np.concatenate(list(blocks.values())),
            )

    def _features_path(self, extractor: str, set_name: str, shard: int) -> Path:
        return self.root / "features" / extractor / f"{file_name(set_name)}-{shard:05d}.npz"


def read_sample(sample: Sample, samples: SampleSet, view: str) -> Clip:
    """Read a sample as an extractor wants to see it ("conformed" or "native")."""
    if samples.stored:
        clip = media.read_lossless(sample.recording.path, samples.spec)
        if digest_clip(clip) != sample.digest:
            raise DataError(
                f"{sample.recording.path}: found other content than was put there, "
                f"expected digest {sample.digest[:12]}; delete the file to have it made again"
            )
        return clip
    if view == "native":
        return media.read_native(sample.recording)
    return media.read(sample.recording, samples.spec, pad=samples.pad)
