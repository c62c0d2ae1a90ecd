"""Forward passes of a network over many inputs: sizes of batches, turns on a GPU, memory.

The features of a clip must not depend on the clips that are read beside it, but with another batch
size a library chooses kernels that round otherwise (I3D: 5e-5 in a logit). So a batch holds one
clip's own inputs alone, or it is padded to a size that is always the same.

Conventions
-----------
Inputs are one Tensor each, without the batch axis, and all of one shape; they are prepared on the
CPU in float32 (or whole numbers) by the thread that calls. Outputs are float32 on the CPU, one per
input.

Threads
-------
On a CPU every thread that calls computes at the same time, on its own cores, with one copy of the
weights, which extractors share (`sharing`). On other devices one forward pass of a network runs at
a time, so that memory holds one batch of activations; the other threads decode clips and prepare
inputs meanwhile.

Memory
------
Where a batch does not fit into memory, its size is halved, for this batch and all that follow. That
rounds otherwise and is no part of the key of features, so a warning says it, once for each halving.

References
----------
The same rule of halving: `find_executable_batch_size` of https://github.com/huggingface/accelerate,
which begins anew at each call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from svbench.compute import Machine, inference, is_out_of_memory
from svbench.errors import StoppedError
from svbench.metrics.networks.sharing import batch_key, shared_network

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

Network = Callable[..., "Tensor"]  # (*about, batch (n, ...)) -> outputs (n, ...)


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Inputs in one forward pass of a network where a machine names no number.

    Sizes on a CPU are measured: the least of which a thread computes an input nearly as fast as in
    larger batches. Those on a GPU are not: they are as many as four clips have (the walk hands over
    about so many at a time, and the rest of a batch would be padding), which at 50 TFLOP/s is
    milliseconds of arithmetic a pass, far more than a launch of its kernels, and takes less than
    1 GiB of memory beside the weights.
    """

    cpu: int
    gpu: int

    def on(self, machine: Machine) -> int:
        """Return the number of inputs on a machine."""
        return machine.batch or (self.cpu if machine.kind == "cpu" else self.gpu)


class Forward:
    """Runs a network, which is loaded at its first use, over batches of inputs.

    Parameters
    ----------
    name : str
        of the network, for messages
    make : callable
        loads it onto the machine; picklable if the owner is sent to another process. A `partial`
        of a function on what decides the network alone is shared (see `sharing`)
    machine : Machine
        device, dtype, and the size of batches if it names one
    size : BatchSize
        the size of batches otherwise
    padded : bool
        whether the last batch is padded with its last input, as it has to be where a batch may
        hold inputs of several clips
    reads : hashable
        what decides the inputs of a clip (Default value = None): a batch that two of one network
        have in common is computed once if they read differently, and not looked for otherwise
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Network],
        machine: Machine,
        size: BatchSize,
        *,
        padded: bool = False,
        reads: Hashable = None,
    ) -> None:
        self._recipe = name, make, machine, size, padded, reads
        self._name, self._machine, self._usual, self._padded = name, machine, size, padded
        self._shared = shared_network(make)
        self._shared.add_user(self, reads)
        self._halved: int | None = None  # the size of batches since memory was short
        self._lock = Lock()  # of the size

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what makes the network, not the network."""
        return _remade, self._recipe

    @property
    def size(self) -> int:
        """Return the number of inputs in a batch now."""
        return self._halved or self._usual.on(self._machine)

    def __call__(self, inputs: Iterable[Tensor], *about: Any) -> list[Tensor]:
        """Compute one output per input.

        Parameters
        ----------
        inputs : iterable of Tensor
            prepared as they are needed, outside of the turns on a device
        *about
            what the network is called with before the batch; hashable

        Raises
        ------
        StoppedError
            where the network, or a single input of it, does not fit into memory
        """
        held: list[Tensor] = []
        outputs: list[Tensor] = []
        waiting = iter(inputs)
        while True:
            size = self.size
            held += islice(waiting, max(0, size - len(held)))
            if not held:
                return outputs
            if (found := self._tried(held[:size], size, about)) is not None:
                outputs += found
                held = held[size:]

    def _tried(self, some: list[Tensor], size: int, about: tuple[Any, ...]) -> list[Tensor] | None:
        """Compute the outputs of a batch; None where memory was short and the size was halved."""
        key = self._key(some, size, about)
        if key is not None and (kept := self._shared.outputs.get(key)) is not None:
            return kept
        try:
            network = self._shared.get()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large("the network", error) from error
        try:
            with self._turns():
                found = self._outputs(network, some, size, about)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise self._too_large("one input at a time", error) from error
        else:
            if key is not None:
                self._shared.outputs.add(key, found)
            return found
        # Outside the block, where the error no longer holds references to tensors.
        self._halve(size)
        return None

    def _key(self, some: list[Tensor], size: int, about: tuple[Any, ...]) -> Hashable:
        """Return the key of a batch; None where nobody else may have the same one."""
        if not self._shared.read_differently:
            return None
        return batch_key(some, size if self._padded else len(some), about)

    def _turns(self) -> AbstractContextManager[object]:
        return nullcontext() if self._machine.kind == "cpu" else self._shared.turn

    def _outputs(
        self, network: Network, some: list[Tensor], size: int, about: tuple[Any, ...]
    ) -> list[Tensor]:
        import torch

        place, dtype = self._machine.place, self._machine.torch_dtype
        filled = [*some, *[some[-1]] * (size - len(some))] if self._padded else some
        with inference(self._machine):
            batch = torch.stack(filled)
            batch = batch.to(place, dtype if batch.is_floating_point() else batch.dtype)
            # contiguous: a slice would hold the memory of the activations that it was taken from
            found = network(*about, batch).float().cpu().contiguous()
        return list(found[: len(some)])

    def _halve(self, failed: int) -> None:
        """Halve the size of batches, unless another thread has done so since."""
        with self._lock:
            if self.size != failed:
                return
            self._halved = failed // 2
            log.warning(
                "%s: out of memory on %s; going on with batches of %d, which round otherwise",
                self._name,
                self._machine.place,
                self._halved,
            )
        if self._machine.kind == "cuda":
            import torch

            torch.cuda.empty_cache()

    def _too_large(self, what: str, error: Exception) -> StoppedError:
        reason = str(error).splitlines()[0]
        return StoppedError(
            f"{self._name}: {what} does not fit into the memory of {self._machine.place} "
            f"({reason:.200}); free some, then run the same command again to go on"
        )


def _remade(
    name: str,
    make: Callable[[], Network],
    machine: Machine,
    size: BatchSize,
    padded: bool,
    reads: Hashable,
) -> Forward:
    return Forward(name, make, machine, size, padded=padded, reads=reads)
