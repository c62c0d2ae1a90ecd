"""How long a clip took, from the times at which its files were written.

Clips that are made in a batch are written right behind one another, so the time of one is not that
since the file before. It is the time between two clips that are a batch apart, which holds the
making of one whole batch wherever it begins. Where a run stood still, because it was stopped and
started again, the clips about that pause are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

# A batch of more than ten minutes that took ten times as long as nine in ten is a pause.
PAUSE: Final = 600.0  # s
LONGER: Final = 10.0
MOST: Final = 90.0  # percent


def seconds_each(times: Sequence[float], together: int = 1) -> float | None:
    """Return the mean seconds of a clip, from the times (s) at which clips were done.

    `together` clips are done at once. None where there is no more than one such batch: how long it
    took is then not known.
    """
    if len(times) <= together:
        return None
    ordered = np.sort(np.asarray(times, np.float64))
    batches = ordered[together:] - ordered[:-together]
    longest = max(PAUSE, LONGER * float(np.percentile(batches, MOST)))
    return float(batches[batches <= longest].mean()) / together or None
