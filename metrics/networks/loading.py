"""What the networks of this room share: checkpoints read strictly, and one thread at a time.

A network is large and slow to load, so an extractor holds one that is made at its first use.
Threads of an engine then share it: each waits for its turn, and computes on as many cores as the
engine gives a worker (`svbench.engines.local`). Sent to another process, what is not yet made is
made there.

What is said of a clip must not depend on the company it is read in, but a batch of another size
makes the library choose kernels that round otherwise (I3D: 5e-5 in a logit). So a batch always
has the same size: one clip's own examples, or `in_full_batches`, where the last is filled up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import torch
from torch import Tensor, nn

from svbench.errors import ConfigError, DataError

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_COUNTER: Final = "num_batches_tracked"  # absent in files older than PyTorch 0.4.1; never read

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)


class Once(Generic[T]):
    """Something costly: made at its first use, then used by one thread at a time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = Lock()

    @contextmanager
    def use(self) -> Iterator[T]:
        """Lend it; others wait until it is given back."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            yield self._made[0]

    def __reduce__(self) -> tuple[type[Once[T]], tuple[Callable[[], T]]]:
        """Travel as the recipe alone."""
        return type(self), (self._make,)


@contextmanager
def inference(device: str) -> Iterator[None]:
    """Compute without gradients, and on a GPU in true float32: TF32 keeps three digits only."""
    with torch.inference_mode():
        if torch.device(device).type != "cuda":
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield


def in_full_batches(
    describe: Callable[[Tensor], Tensor], inputs: Iterable[Tensor], size: int
) -> list[Tensor]:
    """Give one answer per input, always asking for `size` of them at once."""
    answers: list[Tensor] = []
    waiting = iter(inputs)
    while some := list(islice(waiting, size)):
        filled = [*some, *[some[-1]] * (size - len(some))]
        answers.extend(describe(torch.stack(filled))[: len(some)])
    return answers


def dtype_of(name: str) -> torch.dtype:
    """Look a data type up by its name."""
    if name not in DTYPES:
        raise ConfigError(f"dtype: found {name!r}, expected one of {', '.join(DTYPES)}")
    return DTYPES[name]


def loaded(build: Callable[[], N], state: Mapping[str, Tensor], source: Path) -> N:
    """Build a network and give it exactly these weights, in float32, for inference."""
    with torch.device("meta"):  # no time for random weights that are not kept
        network = build()
    wanted = network.state_dict()
    _check_names(wanted, state, source)
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            raise DataError(
                f"{source}: {name} has shape {tuple(tensor.shape)}, "
                f"expected {tuple(wanted[name].shape)}"
            )
    network.load_state_dict(dict(state), assign=True)
    return network.float().eval().requires_grad_(False)


def _check_names(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], source: Path) -> None:
    """Name the first parameter too many, or the first one missing."""
    for name in found:
        if name not in wanted:
            raise DataError(
                f"{source}: found weights called {name!r}, expected names like "
                f"{next(iter(wanted))!r}; is it a checkpoint of another network?"
            )
    for name in wanted:
        if name not in found and not name.endswith(_COUNTER):
            raise DataError(
                f"{source}: found {len(found)} weights without {name!r}, expected all {len(wanted)}"
            )


def digest(decides: Mapping[str, Any]) -> str:
    """Shorten everything that decides an extractor's numbers to ten letters."""
    text = json.dumps({**decides, "torch": _minor(torch.__version__)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _minor(release: str) -> str:
    """Give "2.13" of "2.13.0+cpu"."""
    return ".".join(release.split(".")[:2])
