"""Where and how networks compute: device and precision, state dicts, inference, digests.

Every network of svbench, of metrics as of models, is given a `Machine`, is loaded by
`load_weights` and is called inside `inference`. Nothing here knows which network it is.

Conventions
-----------
- A *dtype* is a name of `DTYPES`; the network's floating-point weights and inputs have it.
- *Settings* are JSON values; a digest of settings does not depend on the order of keys. Digests
  are kept in run folders and caches, so their form must not change.

torch is imported where it is used: files of results are read and hashed without it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from svbench.errors import ConfigError, DataError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    N = TypeVar("N", bound=nn.Module)

Dtype = Literal["float32", "bfloat16", "float16"]
DTYPES: Final[tuple[Dtype, ...]] = get_args(Dtype)
CPU_BUILD: Final = "+cpu"  # ends the version of a torch that was built for no GPU


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and how a network computes; each field may change how sums are rounded.

    Parameters
    ----------
    device : str
        "cpu", "cuda:1" or another name of torch; "auto" is a GPU if there is one, else the CPU
    dtype : str
        a name of `DTYPES`; ConfigError for any other
    threads : int or None
        CPU threads of one forward pass, which has this process to itself meanwhile; None: as many
        as the calling thread may use, one where an engine maps work over workers
    batch : int or None
        inputs in one forward pass; None: as many as the network's caller finds best
    """

    device: str = "auto"
    dtype: Dtype = "float32"
    threads: int | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"dtype: found {self.dtype!r}, expected one of {', '.join(DTYPES)}")

    @property
    def place(self) -> torch.device:
        """Return the device; raise ConfigError if there is none of that name here."""
        import torch

        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(0, device=self.device)
            return torch.device(self.device)
        except (RuntimeError, AssertionError) as error:  # an unknown name, or no such device here
            reason = str(error).splitlines()[0].partition(". ")[0]
            raise ConfigError(
                f"--device: found {self.device!r} ({reason}), expected auto, cpu, cuda or the like"
            ) from error

    @property
    def kind(self) -> str:
        """Return the type of the device ("cpu", "cuda" or the like); raises as `place`.

        torch is asked only where its name and its build leave it open: a run that computes nothing
        does not wait for it.
        """
        without_gpu = self.device == "auto" and installed("torch").endswith(CPU_BUILD)
        return "cpu" if without_gpu or self.device == "cpu" else self.place.type

    @property
    def torch_dtype(self) -> torch.dtype:
        """Return the data type of weights and inputs."""
        import torch

        found: torch.dtype = getattr(torch, self.dtype)
        return found

    @property
    def settings(self) -> dict[str, str | int]:
        """Return what may change a number: kind of device, dtype, and batch and threads if set."""
        chosen = {"batch": self.batch, "threads": self.threads}
        given = {name: value for name, value in chosen.items() if value is not None}
        return {"device": self.kind, "dtype": self.dtype, **given}

    @property
    def identity(self) -> list[str]:
        """Return the same for the key of a cache: ["cuda", "float32", "batch 8"] or the like."""
        device, dtype, *others = self.settings.items()
        return [str(device[1]), str(dtype[1]), *(f"{name} {value}" for name, value in others)]

    @property
    def suffix(self) -> str:
        """Return "-cuda-bfloat16" or the like for a name; "" for float32 on a CPU."""
        found = self.kind, self.dtype
        return "" if found == ("cpu", "float32") else f"-{'-'.join(found)}"


CPU: Final = Machine("cpu")


# --- state dicts -------------------------------------------------------------------------------


def load_weights(
    network: N,
    state: Mapping[str, Tensor],
    source: Path | str,
    *,
    may_lack: Sequence[str] = (),
    machine: Machine = CPU,
) -> N:
    """Load a state dict into a network, strictly, and return the network ready for inference.

    The tensors become the network's own (`assign`), so it may have been built on the meta device;
    where the network has them in another memory format, they are brought to it.
    Files may be of any precision: tensors that are floating-point in the network become
    `machine.dtype`, the others keep the network's type.

    Parameters
    ----------
    network : nn.Module
        its `state_dict` decides which names and shapes are expected
    state : Mapping[str, Tensor]
        the weights
    source : Path or str
        the file that they come from; errors name it
    may_lack : Sequence[str]
        patterns (as of `fnmatch`) of names that may be absent (Default value = ())
    machine : Machine
        device and dtype of the network that is returned (Default value = float32 on the CPU)

    Raises
    ------
    DataError
        for unknown or missing names, and for other shapes
    """
    import torch

    expected = network.state_dict()
    check_weights(expected, state, source, may_lack=may_lack)
    place, dtype = machine.place, machine.torch_dtype
    weights = {}
    for name, tensor in state.items():
        like = expected[name]
        kept = tensor.to(place, dtype if like.is_floating_point() else like.dtype)
        weights[name] = _laid_out(kept, like)
    network.load_state_dict(weights, strict=False, assign=True)
    # Not by the method of diffusers and transformers, which warn of parts kept in float32.
    torch.nn.Module.to(network, place, dtype)
    return network.eval().requires_grad_(False)


def check_weights(
    expected: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    source: Path | str,
    *,
    may_lack: Sequence[str] = (),
) -> None:
    """Raise DataError unless a state dict has the expected names and shapes.

    Names that match a pattern of `may_lack` may be absent; names that are not expected may not
    be there.
    """
    missing = _unmatched(expected.keys() - state.keys(), may_lack)
    unexpected = state.keys() - expected.keys()
    if missing or unexpected:
        raise DataError(
            f"{source}: found {len(state)} weights, expected {len(expected)}; missing "
            f"{_first(missing)}, unexpected {_first(unexpected)}; is it the checkpoint of another "
            "network?"
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise DataError(
                f"{source}: {name} has shape {tuple(tensor.shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor in the memory format of its place, as channels last: it decides the kernels.

    Strides are compared, as of a 1 x 1 convolution every format counts as contiguous.
    """
    import torch

    if like.stride() == torch.empty(like.shape, device="meta").stride():
        return tensor
    whole = torch.empty_strided(like.shape, like.stride(), dtype=tensor.dtype, device=tensor.device)
    return whole.copy_(tensor)


def _unmatched(names: Iterable[str], patterns: Sequence[str]) -> set[str]:
    return {name for name in names if not any(fnmatchcase(name, p) for p in patterns)}


def _first(names: Iterable[str]) -> str:
    return min(names, default="none")


# --- inference ---------------------------------------------------------------------------------


@contextmanager
def inference(machine: Machine) -> Iterator[None]:
    """Compute without gradients, and on a GPU repeatably and in true float32.

    TF32 keeps three digits of a product only, and some algorithms of cuDNN round anew each time.
    Where a machine names its threads, callers take turns.
    """
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if machine.threads is not None:
            stack.enter_context(_on_threads(machine.threads))
        if machine.kind == "cuda":
            stack.enter_context(_EXACT.entered())
        yield


@contextmanager
def _on_threads(count: int) -> Iterator[None]:
    """Have the calling thread compute on so many threads, whatever an engine holds it to.

    A limit of OpenMP does not reach MKL once `torch.set_num_threads` was called, as engines do: so
    it is called again. It sets MKL's threads for the whole process, therefore callers take turns.
    """
    import torch
    from threadpoolctl import threadpool_limits

    with _TURN:
        before = torch.get_num_threads()
        with threadpool_limits(count):
            torch.set_num_threads(count)
            try:
                yield
            finally:
                torch.set_num_threads(before)


_TURN: Final = RLock()  # of computing on several threads


@dataclass(slots=True)
class Held:
    """Settings of the whole process, in force while at least one thread is inside.

    The first thread to enter sets them and the last one to leave restores what it found; were each
    to restore what it found, a thread that leaves would change them for the others.

    Parameters
    ----------
    settings : callable
        returns a context manager that sets them, and restores what was before
    """

    settings: Callable[[], AbstractContextManager[None]]
    _lock: Lock = field(default_factory=Lock)
    _inside: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the settings."""
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._stack.enter_context(self.settings())
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._stack.close()


@contextmanager
def _exact_settings() -> Iterator[None]:
    """Set the precision of matrix products and convolutions for the whole process."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


# No TF32 and deterministic cuDNN, which torch keeps for the whole process.
_EXACT: Final = Held(_exact_settings)


def is_out_of_memory(error: BaseException) -> bool:
    """Check whether an error of torch says that a device, or the CPU, has no memory left."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or _CPU_FULL in str(error)


_CPU_FULL: Final = "DefaultCPUAllocator: can't allocate memory"  # a plain RuntimeError of torch


def return_memory() -> None:
    """Return memory that was freed to the system: glibc keeps what lies between blocks in use.

    Behind parts of a model of true size that were let go, that is 1 GiB.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
        if trim is not None:
            trim(0)


def import_torch() -> None:
    """Import torch; to be called before threads are limited that will compute with it.

    A limit holds for the libraries that are loaded when it is set: torch would compute on all cores
    if a limited thread were the first to import it.
    """
    import torch

    torch.get_num_threads()


# --- digests -----------------------------------------------------------------------------------


def digest_settings(settings: Any, length: int = 64, *, compact: bool = False) -> str:
    """Return the first `length` letters of the SHA-256 of settings as JSON with sorted keys.

    `compact` leaves out the blanks behind commas and colons, which gives another digest.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":") if compact else None)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def digest_file(path: Path, expected: str = "") -> str:
    """Return the SHA-256 of a file's bytes.

    Raises OSError if the file cannot be read; with `expected`, which says in words what the file
    should be, DataError.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if not expected:
            raise
        raise DataError(
            f"{path}: cannot be read ({error.strerror}), expected {expected}"
        ) from error


@cache
def installed(package: str) -> str:
    """Return the installed version of a package; reading its metadata takes a millisecond."""
    return version(package)


def minor_version(release: str) -> str:
    """Return "2.13" of "2.13.0+cpu"."""
    return ".".join(release.split(".")[:2])
