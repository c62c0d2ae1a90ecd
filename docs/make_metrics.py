"""Write docs/metrics.md: every column, from docstrings, the catalog, and what is measured.

    python docs/make_metrics.py                   render the page
    python docs/make_metrics.py --goldens         measure parity anew, on SVBENCH_GOLDEN
    python docs/make_metrics.py --run RUN         measure the scatter of scores per clip anew

RUN is of two models of the miniature, and of every column that scores clips without published
weights: svbench run --dataset greatesthits --limit 40 --systems cmc-pe,cross-attention --gamma 1.

Definitions are the docstrings of the metrics' modules (`docstring_sections`); presets, weights and
protocols are read off the tables of svbench; findings come from docs/data (`metric_facts`). What
none of these holds is in `metric_families`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import metric_facts as facts
from docstring_sections import sections, summary
from metric_families import FAMILIES, Family, family_of
from page_blocks import DOCS, head, line, put, save

from svbench.catalog import listing
from svbench.catalog.listing import ListedMetric
from svbench.catalog.metrics import METRICS
from svbench.files.results import load_scores, load_table
from svbench.files.weights.published import PUBLISHED
from svbench.reports.analysis.planning import Question, plan_of

PAGE: Final = DOCS / "metrics.md"
COMMAND: Final = "python docs/make_metrics.py"
LEFT_OUT: Final = ("Computation", "Pixels")  # sections about the code
FIRST: Final = ("", "Definition", "Metrics", "Definitions", "Derivation")  # in this order
LAST: Final = ("Edge cases", "References")
DETAILS: Final = "Details:"  # begins the label of a docstring that is folded


# --- measuring ---------------------------------------------------------------------------------


def measure_parity() -> list[Any]:
    """Measure how far networks and scores are from published code, on the golden folder."""
    sys.path.append(str(DOCS.parent))  # the recipes of the golden numbers are with the tests
    from tests.goldens.column_parity import measured

    return [asdict(one) for one in measured()]


def measure_scatter(run: Path) -> dict[str, Any]:
    """Measure how paired differences of a run's models scatter, and what they can tell."""
    table = load_table(run)
    plan = plan_of(table, load_scores(run), Question(n=facts.PLANNED))
    return {
        "rows": [row.title for row in table.rows if not row.made_of_real_clips],
        "columns": {
            one.metric: {"title": one.title, "n": one.n, "deviation": one.deviation}
            | {"detectable": one.detectable}
            for one in plan.columns
            if one.paired
        },
    }


# --- overview ----------------------------------------------------------------------------------


def overview() -> Iterator[str]:
    """Yield the table of all columns."""
    yield from head(
        *("column", "compares", "value of a", "better", "default of", "weights", "licence"),
        "follows people (real clips)",
    )
    for one in _listed().values():
        family = family_of(one.name)
        files = _files([one])
        yield line(
            f"[`{one.name}`](#{one.name})",
            *(family.compared(one.name), family.of, one.better),
            _defaults(one),
            ", ".join(f"`{name}` {_size(name)}" for name in files) or "none",
            "; ".join(dict.fromkeys(PUBLISHED[name].licence for name in files)) or "–",
            facts.verdict_of(one.name, METRICS[one.name].usual),
        )


def _listed() -> dict[str, ListedMetric]:
    """Return svbench's own metrics in the order of the families."""
    found = {one.name: one for one in listing.metrics() if not one.origin}
    return {name: found[name] for family in FAMILIES for name in family.columns}


def _defaults(one: ListedMetric) -> str:
    """Return in short which commands take a column where no metrics are named."""
    commands = [command for preset in one.presets for command in preset.default_of]
    words = ("mini", "paper", "score", "vggsound")
    return ", ".join(w for w in words if any(w in command for command in commands)) or "–"


def _files(listed: Sequence[ListedMetric]) -> list[str]:
    """Return the names of the files of weights that presets of metrics need."""
    presets = [preset for one in listed for preset in one.presets]
    return list(dict.fromkeys(name for preset in presets for name in preset.weights))


def _size(name: str) -> str:
    size = PUBLISHED[name].size
    return f"({size / 1e9:.1f} GB)" if size >= 1e9 else f"({size / 1e6:.0f} MB)"


# --- sections ----------------------------------------------------------------------------------


def columns() -> Iterator[str]:
    """Yield the section of each family."""
    listed = _listed()
    for family in FAMILIES:
        yield " ".join(f'<a id="{name}"></a>' for name in family.columns) + "\n"
        yield f"## {family.title}\n"
        yield from _facts(family, [listed[name] for name in family.columns])
        for label, text in _parts(family, [listed[name] for name in family.columns]):
            yield f"\n{_labelled(label, text)}"
        yield ""


def _labelled(label: str, text: str) -> str:
    """Return a part of a section; docstrings behind the columns are folded."""
    if label.startswith(DETAILS):
        return f"<details><summary>{label}</summary>\n\n{text}\n\n</details>"
    if text.startswith(("|", "- ", "    ")):  # a table, a list or a formula begins a line
        return f"**{label}**\n\n{text}"
    return f"**{label}.** {text}"


def _facts(family: Family, listed: Sequence[ListedMetric]) -> Iterator[str]:
    """Yield the table of a family's columns."""
    yield from head("column", "title, usual preset", "compares", "value of a", "better", "range")
    for one in listed:
        about = family.compared(one.name), family.of, one.better, facts.bounds(family)
        yield line(f"`{one.name}`", one.title, *about)


def _parts(family: Family, listed: Sequence[ListedMetric]) -> Iterator[tuple[str, str]]:
    """Yield label and text of each part of a section, in mir_eval's order."""
    yield "Question", family.question or summary(family.modules[0])
    yield from _definitions(family)
    for module in family.details:
        yield from _details(module)
    yield from _ends(family)
    yield "Presets", "\n".join(_presets(listed))
    yield "Traps", "\n".join(f"- {trap}" for trap in family.traps)
    yield "What it responds to", facts.responses(family.columns)
    yield "Clips it needs", facts.clips_needed(family.columns)
    yield "Weights and licence", "\n".join(_weights(_files(listed))) or "None are needed."
    yield "Parity", facts.parity(family)
    yield "Cost", facts.cost(family.columns)
    if values := facts.published(family.columns):
        yield "Published values", values


def _definitions(family: Family) -> Iterator[tuple[str, str]]:
    """Yield what the docstrings of a family define, then their other sections but the last."""
    every = [sections(module) for module in family.modules]
    yield "Definition", _joined(every, FIRST)
    titles = dict.fromkeys(title for of in every for title in of)
    for title in titles:
        if title not in (*FIRST, *LAST, *LEFT_OUT):
            yield title, _joined(every, (title,))


def _joined(every: Sequence[Mapping[str, str]], titles: Sequence[str]) -> str:
    """Return the sections of some titles, of one docstring after the other."""
    return "\n\n".join(of[title] for of in every for title in titles if of.get(title))


def _details(module: str) -> Iterator[tuple[str, str]]:
    """Yield a docstring on features or a formula behind the columns."""
    kept = {k: v for k, v in sections(module).items() if k not in (*LAST, *LEFT_OUT) and v}
    parts = [_labelled(title, text) if title else text for title, text in kept.items()]
    yield f"{DETAILS} <code>metrics/{module.replace('.', '/')}.py</code>", "\n\n".join(parts)


def _ends(family: Family) -> Iterator[tuple[str, str]]:
    """Yield edge cases, and each reference once."""
    cited = [sections(module) for module in (*family.modules, *family.cited)]
    if cases := _joined(cited[: len(family.modules)], ("Edge cases",)):
        yield "Edge cases", cases
    found: dict[str, str] = {}
    for text in (of.get("References", "") for of in cited):
        for entry in re.split(r"\n(?=- )", text):
            if entry.startswith("- "):  # else it points to another docstring, which is cited
                first = entry.partition("\n")[0]
                found[first] = max(found.get(first, ""), entry, key=len)
    yield "References", "\n".join(found.values())


def _presets(listed: Sequence[ListedMetric]) -> Iterator[str]:
    """Yield the table of presets; those of columns that have the same ones stand once."""
    yield from head("preset", "weights", "default of", "as benchmarks print it")
    seen: dict[str, list[ListedMetric]] = {}
    for one in listed:
        for preset in one.presets:
            seen.setdefault(preset.name, []).append(one)
    for name, of in seen.items():
        presets = [p for one in of for p in one.presets if p.name == name]
        usual = " (usual)" if any(p.usual for p in presets) else ""
        weights = ", ".join(f"`{w}`" for w in dict.fromkeys(w for p in presets for w in p.weights))
        columns_of = "" if len(of) == len(listed) else f", {', '.join(one.name for one in of)} only"
        yield line(
            f"`{name}`{usual}{columns_of}",
            weights or "none",
            ", ".join(_commands(name, of)) or "–",
            "; ".join(facts.printed_by([one.name for one in of], name)) or "–",
        )
    also = dict.fromkeys(f"- `{k}`: {v}" for one in listed for k, v in one.also.items())
    yield from ("", *also) if also else ()


def _commands(preset: str, listed: Sequence[ListedMetric]) -> Iterator[str]:
    """Yield the commands that take a preset by default, and of which columns if not of all."""
    found: dict[str, list[str]] = {}
    for one in listed:
        for command in (d for p in one.presets if p.name == preset for d in p.default_of):
            found.setdefault(command, []).append(one.name)
    for command, names in found.items():
        yield f"`{command}`" + ("" if len(names) == len(listed) else f" ({', '.join(names)})")


def _weights(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        file = PUBLISHED[name]
        yield f"- `{name}`: {file.what}; {_size(name)[1:-1]}; {file.licence}"


# --- page --------------------------------------------------------------------------------------

BLOCKS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "overview": overview,
    "columns": columns,
}


def rendered(name: str) -> str:
    """Return a block of the page."""
    return "\n".join(BLOCKS[name]()).strip("\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goldens", action="store_true")
    parser.add_argument("--run", type=Path, help="a run of two models")
    asked = parser.parse_args(arguments)
    if asked.goldens:
        save(facts.NAME, f"{COMMAND} --goldens", {"parity": measure_parity()})
    if asked.run:
        save(facts.NAME, f"{COMMAND} --run RUN", {"scatter": measure_scatter(asked.run)})
    for name in BLOCKS:
        put(PAGE, name, rendered(name))


if __name__ == "__main__":
    main()
