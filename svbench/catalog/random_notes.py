"""The notes of a table that rests on random weights: which rows, and which columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from svbench.catalog.columns.entries import MINIATURE
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

    `names` are those of the columns as on the command line; `small` is as in `MetricSettings`.
    """
    from svbench.walk.plan import Unavailable

    titles = [
        column.title
        for name, column in zip(names, columns, strict=True)
        if not small and not isinstance(column, Unavailable) and _random(name, plugins)
    ]
    if titles:
        yield f"{RANDOM_WEIGHTS}: {' and '.join(titles)}: {OF_METRICS}"


def _random(name: str, plugins: Sequence[str]) -> bool:
    """Return whether a file of weights that a metric reads is random."""
    from svbench.files.weights.folder import find
    from svbench.files.weights.published import PUBLISHED

    base, option = split_name(name)
    if option.endswith(MINIATURE):
        return False
    entry = METRICS.known(base, plugins)
    needed = entry.presets.get(option or entry.usual, ())
    files = [find(weights) for weights in needed if weights in PUBLISHED]
    return any(file.random for file in files if file is not None)
