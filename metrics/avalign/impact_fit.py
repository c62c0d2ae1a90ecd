"""Fitting the model of impacts to annotated hits, and its cross-validation.

The model (`impacts.ImpactModel`) is a ridge logistic regression of whether a hit falls on a frame.
Frames with a hit and frames without have equal total weight. Its penalty and reach are fixed here;
its threshold maximises the F of hits over the training clips, each evaluated by a model that was
fitted without it. `left_out` nests all of that in another cross-validation, so its models are
independent of the clips they are for, threshold included.

Conventions
-----------
Times are seconds. Cross-validation leaves out one clip at a time, or one of `FOLDS` groups. A clip
may come in several versions (native rate, 8 frames/s); they share an id, are left out together, and
have the total weight of one clip.

References
----------
- C. Raffel et al.: mir_eval. ISMIR 2014 (the matching of hits; see
  `detection`). https://mir-eval.readthedocs.io
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.avalign.detection import EPSILON, TOLERANCE, Counts, counted
from svbench.metrics.avalign.impacts import RATE, ImpactModel, Motion, windows

REACH: Final = 2  # frames of about 1/15 s to either side
RIDGE: Final = 100.0  # penalty on the squared weights of standardised entries
FOLDS: Final = 10  # largest number of groups in cross-validation
REFRACTORY: Final = 0.2  # s; real hits are further apart (`svbench.miniature.drawing.strokes`)
THRESHOLDS: Final = tuple(round(-1 + 0.1 * k, 1) for k in range(31))  # log odds


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """One version of a clip with annotated hits."""

    id: str
    motion: Motion
    hits: tuple[float, ...]  # s, rising
    tolerance: float = TOLERANCE + EPSILON  # s, largest distance of an impact from its hit

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Return which frames a hit falls on, shape (U,): those within half a step of one."""
        if not self.hits:
            return np.zeros(len(self.motion.times), bool)
        away = np.abs(self.motion.times[:, None] - np.array(self.hits)).min(axis=1)
        return np.asarray(away <= 0.5 / self.motion.fps + 1e-3)


def fit(clips: Sequence[Annotated]) -> tuple[ImpactModel, float]:
    """Fit a model, and choose its threshold by cross-validation.

    Returns
    -------
    model : ImpactModel
    f : float
        cross-validated F at this threshold: optimistic by the choice of one number

    Raises
    ------
    ScoreError
        if there are fewer than two clips, or none of those that are left has a hit
    """
    groups = _groups(clips)
    if len(groups) < 2:
        raise ScoreError("a threshold is chosen on clips left out: at least 2 are needed, got 1")
    found: list[tuple[Annotated, NDArray[np.float64]]] = []
    for group in groups:
        without = fit_weights([clip for clip in clips if clip.id not in group])
        found += [(c, without.trajectory(c.motion)) for c in clips if c.id in group]
    model = fit_weights(clips)
    tried = [(_f(found, replace(model, threshold=value)), value) for value in THRESHOLDS]
    best = max(f for f, _ in tried)
    tops = [value for f, value in tried if f >= best - 1e-9]
    return replace(model, threshold=tops[len(tops) // 2]), best


def left_out(clips: Sequence[Annotated]) -> dict[str, ImpactModel]:
    """Return for each clip id the model fitted, threshold included, without its group."""
    return {
        name: model
        for group in _groups(clips)
        for model in [fit([clip for clip in clips if clip.id not in group])[0]]
        for name in group
    }


def _groups(clips: Sequence[Annotated]) -> list[list[str]]:
    """Return the ids in groups that are left out together: of one clip if there are few."""
    names = list(dict.fromkeys(clip.id for clip in clips))
    return [names[k :: min(FOLDS, len(names))] for k in range(min(FOLDS, len(names)))]


def counts(clips: Sequence[Annotated], models: Sequence[ImpactModel]) -> Counts:
    """Count the matches of the impacts of each clip, by its model, with its hits (`detection`)."""
    pairs = zip(clips, models, strict=True)
    found = ((c, _found(c, model, model.trajectory(c.motion))) for c, model in pairs)
    return Counts.of([counted(clip.hits, times, clip.tolerance) for clip, times in found])


def _found(
    clip: Annotated, model: ImpactModel, trajectory: NDArray[np.float64]
) -> NDArray[np.float64]:
    return clip.motion.times[model.impacts(clip.motion.times, trajectory)]


def _f(found: Sequence[tuple[Annotated, NDArray[np.float64]]], model: ImpactModel) -> float:
    times = ((clip, _found(clip, model, trajectory)) for clip, trajectory in found)
    return Counts.of([counted(clip.hits, found, clip.tolerance) for clip, found in times]).f


def fit_weights(clips: Sequence[Annotated]) -> ImpactModel:
    """Fit weights and bias; the threshold is 0."""
    from scipy.optimize import minimize

    versions = Counter(clip.id for clip in clips)
    x = np.concatenate([windows(clip.motion.curves, REACH) for clip in clips])
    hit = np.concatenate([clip.labels for clip in clips])
    weight = np.concatenate([np.full(len(c.motion.times), 1 / versions[c.id]) for c in clips])
    if not hit.any():
        raise ScoreError("impacts are fitted on annotated hits: found none on the training clips")
    weight = np.where(hit, weight * weight[~hit].sum() / weight[hit].sum(), weight)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z, sign = (x - mean) / scale, np.where(hit, 1.0, -1.0)

    # The prior of a frame follows from its duration; the rest is fitted.
    offset = np.concatenate(
        [np.full(len(c.motion.times), -np.log(c.motion.fps / RATE)) for c in clips]
    )

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (z @ values[:-1] + values[-1] + offset)
        slope = -sign * weight / (1 + np.exp(np.clip(margin, -30, 30)))
        gradient = np.append(z.T @ slope + RIDGE * values[:-1], slope.sum())
        value = weight @ np.logaddexp(0, -margin) + RIDGE / 2 * (values[:-1] @ values[:-1])
        return float(value), gradient

    found = minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = found[:-1] / scale
    bias = float(found[-1] - mean @ weights)
    return ImpactModel(REACH, tuple(weights.tolist()), bias, 0.0, REFRACTORY)
