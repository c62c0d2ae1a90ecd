"""Child processes that end when their parent does."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

from svbench.early_stops import STOPS

POLL_INTERVAL: Final = 1.0  # s between two looks at the parent


def end_with(parent: int) -> None:
    """Make this process end with its parent (a process id), and not before.

    A kill of the parent does not reach its children. What stops a whole group of processes, as
    a terminal or a scheduler does, reaches them as well, and each would print a traceback.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_INTERVAL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
