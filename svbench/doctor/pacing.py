"""How long a clip took, from the times at which its files were written.

Clips that are made in a batch are written right behind one another, so the time of one is not that
since the file before: time is counted from the end of the first batch to the last clip. Where a run
stood still, because it was stopped and started again, the gap is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

# A gap of more than ten minutes that is ten times as long as nine in ten gaps is a pause.
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
    gaps = np.diff(np.sort(np.asarray(times, np.float64)))[together - 1 :]
    longest = max(PAUSE, LONGER * float(np.percentile(gaps, MOST)))
    return float(gaps[gaps <= longest].mean()) or None
