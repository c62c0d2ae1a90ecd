"""The page of a validation: one HTML file with its style and figures, which needs no network.

Figures are part of the HTML as SVG, whose colours are variables of the style, so that one drawing
serves light and dark. Texts are escaped by Jinja2; in figures they are outlines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.files.text import read_text
from svbench.files.validity import Validity
from svbench.reports.analysis.following import counted, verdict
from svbench.reports.figures.style import DARK
from svbench.reports.page.html import plain
from svbench.reports.tables.sheet import ABSENT
from svbench.reports.validity import overview_figure, response_curves
from svbench.reports.validity.notes import INTERVALS, general_notes, subject
from svbench.reports.validity.tables import sheets

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATE: Final = "page.html.j2"
STYLE: Final = "page.css"  # that of the page of a run
OVERVIEW: Final = ""  # in place of the name of a metric
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_BETWEEN: Final = re.compile(r">\s+<")
_LINES: Final = re.compile(r"\s*\n\s*")
_ID: Final = re.compile(r'(id="|href="#|url\(#)')


def page(found: Validity, figures: Mapping[str, Path]) -> str:
    """Return the page of a validation.

    Parameters
    ----------
    found : Validity
        what svbench validate found
    figures : mapping of str to Path
        SVG of the response curves of each metric by its name, and of the overview by `OVERVIEW`
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(str(files("svbench.reports.validity") / "files")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    overview, *tables = sheets(found)
    drawn = {name: _inline(path, f"f{n}-") for n, (name, path) in enumerate(figures.items())}
    return environment.get_template(TEMPLATE).render(
        styles=Markup(_styles()),
        subject=subject(found),
        cautions=[INTERVALS, *general_notes(found)],
        headline=headline(found),
        overview=overview,
        overview_figure=drawn.get(OVERVIEW),
        overview_caption=overview_figure.CAPTION,
        tables=tables,
        responses=[
            (one.metric, one.title, drawn[one.metric])
            for one in found.metrics
            if one.metric in drawn
        ],
        responses_caption=response_curves.CAPTION,
        metrics=found.metrics,
        people=found.people,
        record={"format": str(found.spec), "seed": found.seed, **found.record},
        absent=ABSENT,
    )


def headline(found: Validity) -> str:
    """Return the main result in a sentence; "" without any metric that was compared."""
    agreements = [one.agreement for one in found.metrics if one.agreement is not None]
    verdicts = Counter(verdict(one.value, one.interval) for one in agreements)
    if not verdicts:
        return ""
    parts = (f"{words}: {count}" for words, count in verdicts.most_common())
    return f"Of {counted(len(agreements), 'metric')} compared with people: {'; '.join(parts)}."


def _styles() -> str:
    """Return the style of pages, and the colours of figures in light and dark."""
    path = Path(str(files("svbench.reports.page"))) / "files" / STYLE
    light = "".join(f"{_variable(colour)}: {colour};" for colour in DARK)
    dark = "".join(f"{_variable(colour)}: {deep};" for colour, deep in DARK.items())
    return "\n".join(
        [
            read_text(path, "the style of pages"),
            f":root {{ {light} }}",
            f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}",
            "figure svg { display: block; width: 100%; height: auto; min-width: 36rem; }",
            "figure svg { max-width: 62rem; }",
        ]
    )


def _variable(colour: str) -> str:
    return f"--figure-{colour.removeprefix('#')}"


def _inline(path: Path, prefix: str) -> Markup:
    """Return a figure as part of a page: with ids of its own, and colours of the page's style."""
    from markupsafe import Markup

    svg = read_text(path, "a figure")
    svg = _COMMENT.sub("", svg[svg.index("<svg") :])
    svg = _LINES.sub(" ", _BETWEEN.sub("><", svg))
    svg = _ID.sub(rf"\g<1>{prefix}", svg)
    for colour in DARK:
        svg = svg.replace(colour, f"var({_variable(colour)})")
    return Markup(svg.replace("<svg", '<svg role="img" aria-hidden="true"', 1).strip())
