"""Columns judged by the small networks that come with svbench, wherever a table has some.

At the scale mini the whole table is not comparable with published figures, and has a note of its
own; elsewhere (`svbench score`, `--scale paper`) single columns are not: those with `+miniature`
behind a preset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from svbench.types import ResultTable

MINIATURE: Final = "+miniature"  # of a metric's name: by the small networks that come with svbench
SMALL: Final = "small networks that come with svbench, not the published ones"


def small_networks(table: ResultTable) -> Iterator[str]:
    """Yield a note on the columns of small networks, where the scale does not say it of all."""
    titles = [column.title for column in table.columns if MINIATURE in column.metric]
    if titles and table.scale != "mini":
        yield f"{' and '.join(titles)}: {SMALL}; not comparable with published figures"


def beside_published(metrics: Mapping[str, str]) -> Iterator[str]:
    """Yield a note below published figures, from the heading of each column -> our metric."""
    names = [name for name, metric in metrics.items() if MINIATURE in metric]
    if names:
        yield f"{' and '.join(names)}, here: {SMALL}; not comparable with the figures of this table"
