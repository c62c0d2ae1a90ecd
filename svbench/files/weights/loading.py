"""State dicts and TorchScript networks from files: safetensors, torch or TorchScript.

Nothing is unpickled but tensors, and no code of a file is run, but by `load_script`, for files
whose digest is on record. Files are mapped while they are read, and each tensor is copied, in the
dtype that is asked for: memory holds the numbers once, and they do not change with the file while a
network runs. `svbench.compute.load_weights` loads a state dict into a network.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.weights import published
from svbench.files.weights.forms import kind, numpy_types, short, unwrapped

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file on disk whose bytes are known."""

    name: str
    path: Path
    sha256: str
    random: bool = False  # of random numbers, for load tests: see `random_files`


def load_checked(
    file: WeightFile, needed: Callable[[str], bool] = lambda _name: True
) -> dict[str, torch.Tensor]:
    """Load a state dict, or those of its tensors that are `needed`, as `load_state` does.

    Raises DataError if the file is no longer the one that was checked: a network is loaded at its
    first use, perhaps long after its digest went into a cache key.
    """
    try:
        found = digest_file(file.path)
    except OSError as error:
        raise DataError(f"{file.path}: found no readable weights ({error.strerror})") from error
    if found != file.sha256:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {file.sha256} as when the work began; "
            "it was replaced meanwhile; run the same command again"
        )
    return load_state(file.path, needed=needed)


def load_state(
    path: Path,
    dtype: torch.dtype | None = None,
    needed: Callable[[str], bool] = lambda _name: True,
) -> dict[str, Tensor]:
    """Load a state dict from safetensors, a torch file or a TorchScript archive, onto the CPU.

    A torch file may wrap the state dict: see `forms.WRAPPERS`.

    Parameters
    ----------
    path : Path
        the file
    dtype : torch.dtype, optional
        of floating-point tensors (Default value = None: that of the file)
    needed : callable
        says by its name whether a tensor is loaded (Default value = all are)

    Raises
    ------
    DataError
        if the file cannot be read, or holds anything but tensors by name
    """
    try:
        return {name: _copied(t, dtype) for name, t in _tensors(path) if needed(name)}
    except DataError:
        raise
    except Exception as error:  # torch and safetensors raise many kinds; all mean the same here
        raise DataError(f"{path}: found no readable weights ({short(error)})") from error


def _copied(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Return a tensor in memory of its own."""
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(wanted, copy=True)


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a file, by its form; they live as long as the loop."""
    import torch

    form = kind(path)
    if path.suffix == ".safetensors" or form == "a safetensors file":
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118  # no dict
                yield name, file.get_tensor(name)
        return
    if form == "a TorchScript archive":
        state: Any = dict(_script(path).state_dict())
    else:
        mapped = form == "a torch archive"  # older files are one pickle
        with torch.serialization.safe_globals(numpy_types()):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
    state = unwrapped(state)
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise DataError(f"{path}: found {type(state).__name__}, expected a dict of tensors")
    yield from state.items()


def load_script(file: WeightFile) -> Any:
    """Load a TorchScript network onto the CPU, for inference; that runs code of the file.

    So only bytes are loaded whose digest is on record for this name, by the makers of the file or
    by others who use it: a digest first seen here is not enough. Raises DataError for any other.
    """
    entry = published.entry(file.name)
    expected = entry.sha256 or entry.others
    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise DataError(f"{file.path}: found no readable weights ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if not expected or found != expected:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {expected or 'one on record'} "
            f"({file.name}): it brings code of its own, which is run of no other file"
        )
    try:
        return _script(io.BytesIO(content)).eval()
    except Exception as error:  # torch raises many kinds; all mean the same here
        raise DataError(f"{file.path}: found no readable network ({short(error)})") from error


def _script(file: Path | io.BytesIO) -> Any:
    import torch

    with warnings.catch_warnings():  # torch deprecates TorchScript
        warnings.simplefilter("ignore", DeprecationWarning)
        source = str(file) if isinstance(file, Path) else file
        return torch.jit.load(source, map_location="cpu")  # type: ignore[no-untyped-call]


def check_is(file: WeightFile, name: str, use: str) -> None:
    """Raise ConfigError unless a file is the published one called `name`.

    Parameters
    ----------
    file : WeightFile
        the file that is to be used
    name : str
        the published file on which the numbers rest
    use : str
        what it is to be used for; the error begins with it
    """
    others = {p.name: p.sha256 or p.others for p in published.PUBLISHED.values() if p.name != name}
    known = [other for other, digest in others.items() if digest and file.sha256 == digest]
    if file.name != name or known:
        raise ConfigError(
            f"{use}: found the weights {known[0] if known else file.name}, expected {name}, on "
            "which its published numbers rest; others give other numbers"
        )
