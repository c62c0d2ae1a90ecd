"""How many threads one worker computes on."""

from __future__ import annotations

import sys

from threadpoolctl import threadpool_limits


def on_one_thread() -> threadpool_limits:
    """Limit what the calling thread computes to one thread, from now on."""
    torch = sys.modules.get("torch")
    if torch is not None:
        # A thread's first call of torch takes the number of threads that was set for the process,
        # whatever limit there is: that call has to be made before the limit is set.
        torch.get_num_threads()
    return threadpool_limits(1)
