"""How many threads each worker computes on: one.

Sums are rounded by how many threads share them. So the limit has to hold whatever the caller did
before: a call of `torch.set_num_threads` also sets the threads of MKL for the whole process, which
no limit of OpenMP overrides.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Have the calling thread, and those that call `on_one_thread`, compute on one thread each."""
    with threadpool_limits(1), _TORCH.limited():
        yield


def on_one_thread() -> threadpool_limits:
    """Limit what the calling thread computes to one thread, from now on."""
    torch = sys.modules.get("torch")
    if torch is not None:
        # A thread's first call of torch takes the number of threads that was set for the process,
        # whatever limit there is: that call has to be made before the limit is set.
        torch.get_num_threads()
    return threadpool_limits(1)


@dataclass(slots=True)
class _Torch:
    """The number of threads that torch has for the whole process: one, while any engine works."""

    _lock: Lock = field(default_factory=Lock)
    _inside: int = 0
    _before: int = 0  # 0: torch was not loaded

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Hold the limit; the last one to leave restores what the first one found."""
        torch = sys.modules.get("torch")
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = torch.get_num_threads() if torch is not None else 0
            if torch is not None:
                torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside and self._before:
                    sys.modules["torch"].set_num_threads(self._before)


_TORCH: Final = _Torch()
