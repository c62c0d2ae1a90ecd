"""What is known of each column, from docs/data, docs/parity.md and published figures, in words.

Nothing here measures: docs/data/metrics.json holds the parity with published code ("parity") and
the scatter of scores per clip ("scatter") that docs/make_metrics.py measured, validity.json and
distances.json what the commands of their pages did. What none of them holds is "not measured".
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from distances_of_clips import COUNTS, needed
from metric_families import Family
from page_blocks import DATA, DOCS, head, line, load

from svbench.catalog.columns.entry import NATIVE
from svbench.catalog.derived_metrics import shown_name
from svbench.catalog.metrics import METRICS
from svbench.catalog.protocols import PROTOCOLS
from svbench.reports.analysis.following import correlation, counted, verdict
from svbench.reports.published.benchmarks import PublishedFigure, figures_of
from svbench.reports.tables.markdown import escape
from svbench.reports.tables.numbers import number

NAME: Final = "metrics"  # of the data
PLANNED: Final = 40  # clips for which a detectable difference is stated
NOT_MEASURED: Final = "not measured"
# data -> on which clips, where those are not real ones
ON: Final = {"validity": "", "validity-miniature": "drawn clips only: "}
VALIDATIONS: Final = tuple(ON)
GOLDEN_CLIP: Final = "the golden clip"  # in the name of a system of published figures


def _measured(name: str, block: str) -> Any:
    """Return kept measurements, or an empty list where there are none."""
    if not (DATA / f"{name}.json").exists():
        return []
    return load(name).get(block, {}).get("measured", [])


def bounds(family: Family) -> str:
    """Return the range of a value."""
    module, colon, name = family.bounds.partition(":")
    if not colon:
        return family.bounds
    low, high = getattr(importlib.import_module(f"svbench.metrics.{module}"), name)
    return f"{low:g} to {high:g} {family.unit}".strip()


# --- whether it follows people -----------------------------------------------------------------


def _validated(column: str, name: str = "validity") -> list[Mapping[str, Any]]:
    """Return what `svbench validate` found of the presets of a column."""
    found = _measured(name, "validity")
    every = found["metrics"] if found else []
    return [of for of in every if of["metric"].partition("@")[0] == column and of["agreement"]]


def verdict_of(column: str, usual: str) -> str:
    """Return in words whether a column follows people: its usual preset, or those measured.

    On real clips; what was measured on drawn ones alone says so.
    """
    for name in VALIDATIONS:
        found = {of["metric"].partition("@")[2]: _verdict(of) for of in _validated(column, name)}
        said = "; ".join(f"{word} (`{preset}`)" for preset, word in found.items())
        if said:
            return f"{ON[name]}{found.get(usual, said)}"
    return NOT_MEASURED


def _verdict(of: Mapping[str, Any]) -> str:
    return verdict(of["agreement"]["value"], of["agreement"]["interval"])


def responses(columns: Sequence[str]) -> str:
    """Return how columns respond to distortions that people rated."""
    found = {n: [of for column in columns for of in _validated(column, n)] for n in VALIDATIONS}
    lines = [row for name, of in found.items() if of for row in (*_agreements(of, name), "")]
    absent = [c for c in columns if not any(_validated(c, name) for name in VALIDATIONS)]
    if absent:
        named = ", ".join(f"`{column}`" for column in absent) if lines else "All of it"
        lines.append(f"{named}: {NOT_MEASURED}.")
    return "\n".join(lines).strip("\n")


def _agreements(found: Sequence[Mapping[str, Any]], name: str) -> Iterator[str]:
    every = _measured(name, "validity")
    yield from head(
        "column", "follows people", "Spearman", "conditions", "clips", "notices late sound"
    )
    for of in found:
        agreement = of["agreement"]
        yield line(
            f"`{of['metric']}`",
            _verdict(of),
            escape(correlation(agreement["value"], agreement["interval"])),
            agreement["conditions"],
            f"{of['count']} ({every['clips']})",
            _late(every["responses"], of["metric"]),
        )
    yield (
        f"\nNoticed by {counted(every['planned'], 'clip')} with power {every['power']:g}; see "
        "[Do metrics follow people?](validity.md)."
    )


def _late(every: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Return from which lag of the sound on a metric notices it, and from which people do."""
    arms = [
        arm
        for of in every
        if (of["metric"], of["distortion"]) == (metric, "audio_shift")
        for arm in of["arms"]
        if arm["name"] == "late"
    ]
    if not arms:
        return NOT_MEASURED
    (arm,) = arms
    if arm["unaffected"]:
        return "does not read it"
    return f"{_level(arm['noticed'])} (people: {_level(arm['people_notice'])})"


def _level(level: float | None) -> str:
    return "never" if level is None else f"from {abs(level):g} s"


# --- how many clips it needs -------------------------------------------------------------------


def clips_needed(columns: Sequence[str]) -> str:
    """Return what few clips do to columns: the bias of distances, the scatter of others."""
    parts = [*_distances(columns), *_scatters(columns)]
    return "\n".join(parts) if parts else f"{NOT_MEASURED.capitalize()}."


def _distances(columns: Sequence[str]) -> Iterator[str]:
    """Yield the distances of real clips from as many other real ones, whose population's is 0."""
    every: Mapping[str, Any] = _measured("distances", "clips") or {}
    found = {
        title: of
        for column in columns
        for title, of in every.items()
        if title.startswith(f"{shown_name(column)} (")
    }
    if not found:
        return
    yield from head(
        "real clips from as many other real ones",
        *(f"n = {n}" for n in COUNTS),
        "n that tells two models of the miniature apart",
    )
    for title, of in found.items():
        cells = [of["real"][str(n)] for n in COUNTS]
        apart = needed(of["CMC-PE less cross-attention"])
        shown = ("refused" if cell is None else f"{cell[0]:.3g} ± {cell[1]:.2g}" for cell in cells)
        yield line(title, *shown, NOT_MEASURED if apart is None else f"{apart:,}")
    yield (
        "\nThe distance of the populations is 0, so the mean is the bias (± the deviation over "
        "choices of clips); see [distances](distances.md)."
    )


def _scatters(columns: Sequence[str]) -> Iterator[str]:
    """Yield the differences that `PLANNED` clips tell, where scores per clip were measured."""
    kept = _measured(NAME, "scatter")
    found = {
        metric: of
        for metric, of in (kept["columns"].items() if kept else ())
        if metric.partition("@")[0] in columns
    }
    if not found:
        return
    yield from head(
        *("column", "clips measured", "deviation of paired differences"),
        f"difference detected at n = {PLANNED}",
    )
    for metric, of in found.items():
        cells = number(of["deviation"]), number(of["detectable"])
        yield line(f"`{metric}`", of["n"], *cells)
    yield (
        f"\nPaired differences of two models of the miniature ({'; '.join(kept['rows'])}), 5 %, "
        "power .8. Other models scatter otherwise: `svbench doctor --power RUN` plans by a run of "
        "yours."
    )


# --- parity, cost, published values ------------------------------------------------------------


def parity(family: Family) -> str:
    """Return how far numbers are from those of other implementations."""
    rows = [*_of_packages(family.parity), *_of_peers(family.parity), *_of_goldens(family.columns)]
    if not rows and family.own:
        return "The definition is svbench's own: nobody else computes it."
    if not rows:
        return f"{NOT_MEASURED.capitalize()} against another implementation."
    return "\n".join([*head("quantity", "against", "largest deviation", "allowed"), *rows])


def _of_packages(quantities: Sequence[str]) -> Iterator[str]:
    """Yield rows of docs/parity.md whose quantity begins with one of some names."""
    begins = tuple(f"| {quantity}" for quantity in quantities)
    if begins:
        text = (DOCS / "parity.md").read_text(encoding="utf-8")
        yield from (row for row in text.splitlines() if row.startswith(begins))


def _of_peers(works: Sequence[str]) -> Iterator[str]:
    """Yield what was compared beside its speed, by docs/performance.md; once for any threads."""
    measured = _measured("performance", "performance")
    found: dict[tuple[str, str], float] = {}
    for of in measured["tables"]["peers"] if measured else ():
        if of["deviation"] is not None and of["what"].startswith(tuple(works)):
            named = of["what"], of["against"]
            found[named] = max(found.get(named, 0.0), of["deviation"])
    yield from (line(*named, f"{deviation:.1e}", "–") for named, deviation in found.items())


def _of_goldens(columns: Sequence[str]) -> Iterator[str]:
    for of in _measured(NAME, "parity"):
        if set(of["columns"]) & set(columns):
            deviation, allowed = f"{of['deviation']:.1e}", f"{of['allowed']:.0e}"
            yield line(of["quantity"], of["against"], deviation, allowed)


def cost(columns: Sequence[str]) -> str:
    """Return the CPU time of forward passes of the published networks."""
    found = {
        of["quantity"]: of["seconds"]
        for of in _measured(NAME, "parity")
        if of["seconds"] is not None and set(of["columns"]) & set(columns)
    }
    shown = [f"{quantity}: {seconds:.2g} s" for quantity, seconds in found.items()]
    if not shown:
        return "Not measured here; see [performance](performance.md)."
    return f"CPU time of a forward pass at true size, one thread: {'; '.join(shown)}."


def printed_by(columns: Sequence[str], preset: str) -> Iterator[str]:
    """Yield the benchmarks that print a preset of one of some columns, and as what.

    A preset with +native stands in the row of its own name, or, where +native goes behind any
    preset, in that of the name before it.
    """
    listed = {name for column in columns for name in METRICS[column].presets}
    for name, protocol in PROTOCOLS.items():
        shown: dict[str, list[str]] = {}
        for one in protocol.columns:
            column, _, full = one.metric.partition("@")
            own = full or METRICS[column].usual
            base = own if own in listed else own.removesuffix(NATIVE)
            if column in columns and base == preset:
                shown.setdefault(own.removeprefix(base), []).append(one.printed)
        for added, printed in shown.items():
            yield f"`{name}`{f' (`{added}`)' if added else ''}: {', '.join(printed)}"


def published(columns: Sequence[str]) -> str:
    """Return published scores of one clip, by which an installation can be checked."""
    figures = [of for of in figures_of() if GOLDEN_CLIP in of.system and _column(of) in columns]
    if not figures:
        return ""
    rows = (
        line(f"`{_answering(of)}`", of.column, of.value, of.system, of.source) for of in figures
    )
    note = "To check an installation with real weights by; not run here."
    return "\n".join([*head("column", "printed as", "value", "clip", "source"), *rows, "", note])


def _column(of: PublishedFigure) -> str:
    return of.metric.partition("@")[0]


def _answering(of: PublishedFigure) -> str:
    """Return the column of the protocol that answers a figure."""
    every = PROTOCOLS[of.protocol].columns
    return next((one.metric for one in every if one.printed == of.column), _column(of))
