"""The category of an example, of data sets that have categories."""

from __future__ import annotations

from collections.abc import Callable

Category = Callable[[str, str], str | None]


def category_of(dataset: str) -> Category:
    """Return what finds the category of an example of a data set, from its id and caption."""
    from svbench.datasets import landscape, vggsound

    categories: dict[str, Category] = {
        "landscape": landscape.category,
        "vggsound": vggsound.category,
    }
    return categories.get(dataset, lambda _example, _caption: None)
