"""The notes of a table that rests on random weights: which rows, and which columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entry import split_miniature
from svbench.catalog.metrics import METRICS, split_name
from svbench.types import RANDOM_WEIGHTS

if TYPE_CHECKING:
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

OF_MODELS: Final = "untrained models, for load tests: their clips and scores show no model"
OF_METRICS: Final = "untrained networks, for load tests: these numbers measure nothing"


def notes_on_models(weights: Sequence[str]) -> Iterator[str]:
    """Yield a note on the joint models of random weights, whole or in part, of `--weights`."""
    from svbench.baselines.checkpoints.find import find_models
    from svbench.baselines.joint.mixers import MIXERS

    titles = [MIXERS[mixer].title for mixer, model in find_models(weights).items() if model.random]
    if titles:
        yield f"{RANDOM_WEIGHTS}: {' and '.join(titles)}: {OF_MODELS}"


def notes_on_metrics(
    names: Sequence[str],
    columns: Sequence[Metric | Unavailable],
    plugins: Sequence[str],
    *,
    small: bool,
) -> Iterator[str]:
    """Yield a note on the columns whose networks are of random weights.

    `names` are those of the columns as on the command line; `small` is as in `MetricSettings`, and
    means nothing to metrics of which no small network comes with svbench.
    """
    from svbench.walk.plan import Unavailable

    titles = [
        column.title
        for name, column in zip(names, columns, strict=True)
        if not isinstance(column, Unavailable) and _random(name, plugins, small=small)
    ]
    if titles:
        yield f"{RANDOM_WEIGHTS}: {' and '.join(titles)}: {OF_METRICS}"


def _random(name: str, plugins: Sequence[str], *, small: bool) -> bool:
    """Return whether a file of weights that a metric reads is random."""
    from svbench.files.weights.folder import find
    from svbench.files.weights.published import PUBLISHED

    base, option = split_name(name)
    entry = METRICS.known(base, plugins)
    if split_miniature(option)[1] or (small and entry.has_miniature):
        return False
    needed = entry.presets.get(option or entry.usual, ())
    files = [find(weights) for weights in needed if weights in PUBLISHED]
    return any(file.random for file in files if file is not None)
