"""Kernel distances as other toolkits define them, by the names under which they are published.

They share formulas with `kernel_distance` and differ in kernel, pairs and scale. svbench's columns
use none of them: rows of one clip depend on each other, which these definitions pass over. They are
here so that a published number can be computed from the same features.

Conventions
-----------
Features are (N, D), generated first; all arithmetic is float64. kadtk, JEDi and JavisBench compute
in float32, av-benchmark and torch-fidelity in the dtype of the features, so parity is to 1e-4.

Definitions
-----------
| function              | kernel                      | pairs within a set | cross pairs | scale |
|-----------------------|-----------------------------|--------------------|-------------|-------|
| :func:`kadtk`         | Gaussian, median of the real| of different rows  | all         | 100   |
| :func:`javisbench_kvd`| (x.y / D + 1)^3             | of different rows  | all         | 1     |
| :func:`jedi`          | (x.y / D)^2                 | all (biased)       | all         | 100   |
| :func:`kid`           | (x.y / D + 1)^3             | of different rows  | all         | 1     |

KID is the mean over random subsets, as in torch-fidelity and av-benchmark.

Edge cases
----------
Where generated and real rows are the same, the values of kadtk and JavisBench are negative: a row
is compared with itself across the sets but not within. That of JEDi is 0.

References
----------
- https://github.com/YoonjinXD/kadtk (commit 8bda71d)
- https://github.com/JavisVerse/JavisDiT (commit b505b37)
- G. Y. Luo et al.: Beyond FVD: enhanced evaluation metrics for video generation quality (JEDi).
  ICLR 2025, https://arxiv.org/abs/2410.05203; https://github.com/oooolga/JEDi (commit c03d178)
- https://github.com/toshas/torch-fidelity (0.4.0), and its copy in
  https://github.com/hkchengrex/av-benchmark (commit 050a5cd)
"""

from __future__ import annotations

from typing import Final

import numpy as np

from svbench.errors import ScoreError
from svbench.metrics.kernel_distance import squared_mmd
from svbench.metrics.kernels import Kernel, Polynomial, Radial
from svbench.types import Values

CUBIC: Final = Polynomial()
KID_SUBSETS: Final = 100
KID_SIZE: Final = 1000  # rows of a subset, fewer where a set has fewer
KID_SEED: Final = 2020


def kadtk(generated: Values, reference: Values, kernel: Kernel | None = None) -> float:
    """Compute the KAD of kadtk: 100 times MMD^2, by default with its Gaussian kernel."""
    return 100 * squared_mmd(generated, reference, kernel or Radial()).value


def javisbench_kvd(generated: Values, reference: Values) -> float:
    """Compute the KVD of JavisBench: MMD^2 with the cubic polynomial, of all rows at once."""
    return squared_mmd(generated, reference, CUBIC).value


def jedi(generated: Values, reference: Values) -> float:
    """Compute the distance of JEDi: 100 times the biased MMD^2 with (x.y / D)^2, at least 0."""
    kernel = Polynomial(degree=2, coef0=0.0).fitted(np.asarray(reference, np.float64))
    a, b = (np.asarray(side, np.float64) for side in (generated, reference))
    value = kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()
    return 100 * float(value)


def kid(
    generated: Values,
    reference: Values,
    subsets: int = KID_SUBSETS,
    size: int = KID_SIZE,
    seed: int = KID_SEED,
) -> tuple[float, float]:
    """Compute KID: mean and standard deviation of MMD^2 over random subsets of the rows.

    Parameters
    ----------
    generated, reference : np.ndarray, shape=(N, D), (M, D)
    subsets : int
        how many are drawn (Default value = 100)
    size : int
        rows of either set in a subset, without replacement; at most min(N, M)
        (Default value = 1000)
    seed : int
        of numpy's legacy generator, which draws generated rows first (Default value = 2020)

    Returns
    -------
    mean, deviation : float
        the deviation is of the subsets, divided by `subsets`, and no error of the mean

    Raises
    ------
    ScoreError
        if there is no subset or a subset has fewer than two rows
    """
    size = min(size, len(generated), len(reference))
    if subsets < 1 or size < 2:
        raise ScoreError(
            f"KID needs a subset of at least 2 rows, got {subsets} subsets of {size} rows"
        )
    rng = np.random.RandomState(seed)  # the generator of the published values
    found = []
    for _ in range(subsets):
        one = generated[rng.choice(len(generated), size, replace=False)]
        other = reference[rng.choice(len(reference), size, replace=False)]
        found.append(squared_mmd(one, other, CUBIC).value)
    return float(np.mean(found)), float(np.std(found))
