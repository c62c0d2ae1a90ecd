"""What extractors on networks share: a network loaded once, inputs in batches, the key's digest.

A network is large and slow to load, so an extractor holds one that is loaded at its first use
(`Once`). Threads of an engine then share it: each waits for its turn. An extractor that is sent to
another process loads its network there.

The features of a clip must not depend on the clips that are read beside it, but with another batch
size the library chooses kernels that round otherwise (I3D: 5e-5 in a logit). So a batch holds one
clip's own inputs, or always the same number of inputs (`in_full_batches`).

State dicts are loaded by `svbench.compute.load_weights`; a network is called inside
`svbench.compute.inference`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import torch
from torch import Tensor

from svbench.compute import digest_settings, minor_version

KEY_LETTERS: Final = 10  # of the digest in an extractor's key

T = TypeVar("T")


class Once(Generic[T]):
    """A costly object: made at its first use, then used by one thread at a time.

    Parameters
    ----------
    make : callable
        returns the object; must be picklable if the owner is sent to another process
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = Lock()

    @contextmanager
    def use(self) -> Iterator[T]:
        """Yield the object; other threads wait until the block is left."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            yield self._made[0]

    def __reduce__(self) -> tuple[type[Once[T]], tuple[Callable[[], T]]]:
        """Pickle what makes the object, not the object."""
        return type(self), (self._make,)


def in_full_batches(
    network: Callable[[Tensor], Tensor], inputs: Iterable[Tensor], size: int
) -> list[Tensor]:
    """Return one output per input, from batches that always hold `size` inputs.

    Parameters
    ----------
    network : callable
        maps a batch (size, ...) to outputs (size, ...)
    inputs : iterable of Tensor
        all of one shape; the last one fills up the last batch
    size : int
        inputs in a batch
    """
    outputs: list[Tensor] = []
    waiting = iter(inputs)
    while some := list(islice(waiting, size)):
        filled = [*some, *[some[-1]] * (size - len(some))]
        outputs.extend(network(torch.stack(filled))[: len(some)])
    return outputs


def digest(settings: Mapping[str, Any]) -> str:
    """Return the digest of what decides an extractor's features, torch's minor version included."""
    whole = {**settings, "torch": minor_version(torch.__version__)}
    return digest_settings(whole, KEY_LETTERS)
