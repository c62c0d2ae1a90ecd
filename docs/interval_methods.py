"""Methods that form confidence intervals of means, for comparison with svbench's own.

Conventions
-----------
`samples` (R, N) are R samples of N values; `bounds` is the range of a value, or None. Returned are
the lower and upper ends, (R, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from svbench.intervals import LEVEL, Interval, mean_intervals

Array = NDArray[np.float64]
Method = Callable[[Array, Interval | None], Array]

DRAWS: Final = 1000  # of methods that resample


def student(samples: Array, bounds: Interval | None) -> Array:
    """Form the t-interval, cut at the bounds."""
    count = samples.shape[1]
    half = stats.t.ppf((1 + LEVEL) / 2, count - 1) * samples.std(axis=1, ddof=1) / count**0.5
    mean = samples.mean(axis=1)
    return np.clip(np.stack([mean - half, mean + half], axis=1), *(bounds or (-np.inf, np.inf)))


def _draws(count: int) -> Array:
    """Return how much each clip weighs in each bootstrap draw (DRAWS, N)."""
    equal = np.full(count, 1 / count)
    return np.random.default_rng(0).multinomial(count, equal, size=DRAWS) / count


def percentile(samples: Array, bounds: Interval | None) -> Array:
    """Form the percentile bootstrap, as svbench did before."""
    del bounds
    means = samples @ _draws(samples.shape[1]).T
    return np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1).T


def accelerated(samples: Array, bounds: Interval | None) -> Array:
    """Form the BCa bootstrap (Efron 1987)."""
    del bounds
    mean = samples.mean(axis=1, keepdims=True)
    means = np.sort(samples @ _draws(samples.shape[1]).T, axis=1)
    below = (means < mean).mean(axis=1) + (means == mean).mean(axis=1) / 2
    bias = special.ndtri(np.clip(below, 1 / DRAWS, 1 - 1 / DRAWS))
    apart = samples - mean
    scale = np.maximum((apart**2).sum(axis=1) ** 1.5, 1e-300)
    lean = (apart**3).sum(axis=1) / scale / 6
    ends = []
    for z in special.ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2]):
        place = special.ndtr(bias + (bias + z) / (1 - lean * (bias + z)))
        index = np.clip((place * DRAWS).astype(int), 0, DRAWS - 1)
        ends.append(means[np.arange(len(means)), index])
    return np.stack(ends, axis=1)


def studentised(samples: Array, bounds: Interval | None) -> Array:
    """Form the bootstrap-t, cut at the bounds."""
    count = samples.shape[1]
    weights = _draws(count)
    mean, deviation = samples.mean(axis=1, keepdims=True), samples.std(axis=1, keepdims=True)
    apart = samples - mean
    means = apart @ weights.T
    spread = np.sqrt(np.maximum(apart**2 @ weights.T - means**2, 1e-24))
    ratios = np.quantile(means / spread, [(1 + LEVEL) / 2, (1 - LEVEL) / 2], axis=1).T
    return np.clip(mean - ratios * deviation, *(bounds or (-np.inf, np.inf)))


def gaffke(samples: Array, bounds: Interval | None) -> Array:
    """Form Gaffke's bounds (2005): Dirichlet weights, one more clip at the far end of the range."""
    low, high = bounds or (samples.min(), samples.max())
    weights = np.random.default_rng(0).dirichlet(np.ones(samples.shape[1] + 1), DRAWS)
    inner = samples @ weights[:, 1:].T
    lower = np.quantile(inner + low * weights[:, 0], (1 - LEVEL) / 2, axis=1)
    upper = np.quantile(inner + high * weights[:, 0], (1 + LEVEL) / 2, axis=1)
    return np.stack([lower, upper], axis=1)


OURS: Final = "svbench"
BEFORE: Final = "percentile bootstrap"
METHODS: Final[Mapping[str, Method]] = {
    BEFORE: percentile,
    "BCa bootstrap": accelerated,
    "bootstrap-t": studentised,
    "Student's t": student,
    "Gaffke": gaffke,
    OURS: mean_intervals,
}
RESAMPLING: Final = (BEFORE, "BCa bootstrap", "bootstrap-t", "Gaffke")
