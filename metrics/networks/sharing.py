"""Networks that extractors share: each is loaded once, and equal batches are computed once.

Extractors differ in what they read of a clip, and not always in the network that reads it: presets
of a column, views, several scores on one network. Those of one process whose networks are made by
equal calls share the network.

Lifetime
--------
A network lives as long as an extractor that uses it. Nothing here keeps one: it is freed with the
last of the extractors, as those of a worker process are when that gets other work.

Outputs
-------
Where extractors that read clips differently share a network, the outputs of its last batches are
kept, and found again by the content of a batch: the segments of a clip that two protocols take, a
sound that is the same in both views, a caption. Batches are compared as a whole, for with another
batch beside it an input may round otherwise; so no number depends on which extractors there are.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from svbench.metrics.networks.loading import Once

if TYPE_CHECKING:
    from torch import Tensor

KEPT: Final = 1 << 26  # bytes of outputs of a network: those of some dozen clips of Synchformer


class LastOutputs:
    """The outputs of the last batches of a network, by the batch; may be used by many threads.

    Parameters
    ----------
    most : int
        bytes that are kept; those that were used longest ago are dropped (Default value = KEPT)
    """

    def __init__(self, most: int = KEPT) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._lock = Lock()

    def get(self, batch: Hashable) -> list[Tensor] | None:
        """Return the outputs of a batch, which are not to be written to; None if none are kept."""
        with self._lock:
            if batch not in self._kept:
                return None
            self._kept.move_to_end(batch)
            return list(self._kept[batch])

    def add(self, batch: Hashable, outputs: Sequence[Tensor]) -> None:
        """Keep the outputs of a batch."""
        import torch

        rows = torch.stack(list(outputs))  # without what else lies in their memory
        with self._lock:
            if batch in self._kept:  # by another thread meanwhile
                return
            self._kept[batch] = rows
            self._size += rows.nbytes
            while self._size > self._most:
                self._size -= self._kept.popitem(last=False)[1].nbytes


class SharedNetwork:
    """A network that is made at its first use, for all that use it.

    Parameters
    ----------
    make : callable
        returns the network
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._network = Once(make)
        self._users: WeakKeyDictionary[Any, Hashable] = WeakKeyDictionary()
        self._lock = Lock()  # of the users
        self.turn = Lock()  # of the device
        self.outputs = LastOutputs()

    def get(self) -> Any:
        """Return the network; while one thread makes it, the others wait."""
        return self._network.get()

    def add_user(self, user: object, reads: Hashable) -> None:
        """Count a user in for as long as it lives; `reads` is what decides its inputs."""
        with self._lock:
            self._users[user] = reads

    @property
    def read_differently(self) -> bool:
        """Return whether there are users whose inputs differ, and may yet be equal for a clip."""
        with self._lock:
            return len(set(self._users.values())) > 1


def shared_network(make: Callable[[], Any]) -> SharedNetwork:
    """Return the network of a call, which is that of every equal call while it lives.

    Parameters
    ----------
    make : callable
        makes the network. Partial calls of one function on equal arguments are equal. None of the
        arguments may hold what uses the network: neither would be freed. Other callables, and
        arguments that cannot be hashed, give a network of their own.
    """
    if not isinstance(make, partial):
        return SharedNetwork(make)
    call = make.func, make.args, frozenset(make.keywords.items())
    try:
        hash(call)
    except TypeError:
        return SharedNetwork(make)
    with _LOOKING:
        found = _USED.get(call)
        if found is None:
            found = _USED[call] = SharedNetwork(make)
        return found


# Weak, so that it keeps no network.
_USED: Final[WeakValueDictionary[Hashable, SharedNetwork]] = WeakValueDictionary()
_LOOKING: Final = Lock()


def batch_key(inputs: Sequence[Tensor], size: int, about: Hashable) -> Hashable:
    """Return a key that two batches have only if a network gets the same of both.

    Parameters
    ----------
    inputs : sequence of Tensor
        on the CPU, of one shape
    size : int
        to which the batch is padded
    about : hashable
        what the network is called with beside it
    """
    import torch

    content = hashlib.sha256()
    for one in inputs:
        content.update(one.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return about, size, len(inputs), inputs[0].shape, inputs[0].dtype, content.digest()
