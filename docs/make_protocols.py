"""Write the tables of docs/protocols.md from the table of protocols and the published figures.

    python docs/make_protocols.py

Nothing is measured: see `svbench/catalog/protocols.py` and `reports/published/benchmarks.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from page_blocks import head, line, put

from svbench.catalog.protocol_columns import as_typed
from svbench.catalog.protocol_types import KINDS
from svbench.catalog.protocols import PROTOCOLS
from svbench.reports.published.benchmarks import MARKS, PublishedFigure, figures_of

PAGE: Final = Path(__file__).with_name("protocols.md")


def settings() -> Iterator[str]:
    """Yield the table of what each protocol sets."""
    yield from head("protocol", "read in", "options of `svbench score`")
    for name, protocol in PROTOCOLS.items():
        typed = " ".join(as_typed(key, value) for key, value in protocol.settings.items())
        yield line(f"`{name}`", protocol.source, f"`{typed}`")


def columns() -> Iterator[str]:
    """Yield the table of the columns, and of what is not computed."""
    yield from head("protocol", "prints", "column of svbench", "better")
    for name, protocol in PROTOCOLS.items():
        for column in protocol.columns:
            yield line(f"`{name}`", column.printed, f"`{column.metric}`", column.better)
        yield line(f"`{name}`", ", ".join(protocol.not_computed) or "–", "not computed", "")


def handling() -> Iterator[str]:
    """Yield, for each protocol, what the benchmark does with a clip, and where svbench departs."""
    for name, protocol in PROTOCOLS.items():
        yield f"### {name}\n"
        yield from head("setting", f"{protocol.title} itself")
        yield from (line(kind, protocol.handling[kind]) for kind in KINDS)
        yield "\nsvbench departs from it:\n"
        yield from (f"- {departure}" for departure in protocol.departures)
        yield ""


def published() -> Iterator[str]:
    """Yield the tables of published figures, one a protocol."""
    for name in PROTOCOLS:
        if figures := figures_of(name):
            yield f"### {name}\n"
            yield from _systems(figures)
            yield ""


def _systems(figures: Sequence[PublishedFigure]) -> Iterator[str]:
    """Yield a table of systems by columns, each with its source."""
    columns = dict.fromkeys(one.column for one in figures)
    yield from head("system", *columns, "source")
    for system in dict.fromkeys(one.system for one in figures):
        own = {one.column: one for one in figures if one.system == system}
        sources = dict.fromkeys(f"{one.source}, {MARKS[one.mark]}" for one in own.values())
        cells = (own[column].value if column in own else "–" for column in columns)
        yield line(system, *cells, "; ".join(sources))


BLOCKS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "settings": settings,
    "columns": columns,
    "handling": handling,
    "published": published,
}


def rendered(name: str) -> str:
    """Return a block of the page."""
    return "\n".join(BLOCKS[name]()).strip("\n")


if __name__ == "__main__":
    for block in BLOCKS:
        put(PAGE, block, rendered(block))
