"""How many threads each worker computes on: one.

Sums are rounded by how many threads share them. So the limit has to hold whatever the caller did
before: a call of `torch.set_num_threads` also sets the threads of MKL for the whole process, which
no limit of OpenMP overrides.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from threadpoolctl import threadpool_limits

from svbench.compute import Held


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Have the calling thread, and those that call `on_one_thread`, compute on one thread each."""
    with threadpool_limits(1), _TORCH.entered():
        yield


def on_one_thread() -> threadpool_limits:
    """Limit what the calling thread computes to one thread, from now on."""
    torch = sys.modules.get("torch")
    if torch is not None:
        # A thread's first call of torch takes the number of threads that was set for the process,
        # whatever limit there is: that call has to be made before the limit is set.
        torch.get_num_threads()
    return threadpool_limits(1)


@contextmanager
def _torch_on_one_thread() -> Iterator[None]:
    """Limit torch to one thread for the whole process, if it is loaded."""
    torch = sys.modules.get("torch")
    if torch is None:  # nobody has set its threads, so that limits hold
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_TORCH: Final = Held(_torch_on_one_thread)
