"""The reports of a validation, as files of its folder.

    validity.md                 all tables
    validity.csv                every number
    validity.html               tables and figures, self-contained
    figures/overview.svg        (also -dark.svg and .pdf) correlations with people
    figures/response-*.svg      (also -dark.svg) response curves of one metric each

Every file is written under a temporary name and renamed; the page comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from svbench.files.validity import Validity
from svbench.files.writing import write_text
from svbench.reports.validity import overview_figure, response_curves
from svbench.reports.validity.page import OVERVIEW, page
from svbench.reports.validity.tables import FORMATS

FIGURES: Final = "figures"
LONGEST: Final = 80  # characters of a file's name that come from a metric's
_OTHERS: Final = re.compile(r"[^A-Za-z0-9@.+-]+")  # characters that names of files do without


def write_validity(found: Validity, out: Path) -> Path:
    """Write the reports of a validation into a folder.

    Parameters
    ----------
    found : Validity
        what svbench validate found
    out : Path
        the folder, made if it is not there

    Returns
    -------
    Path
        the HTML file

    Raises
    ------
    ConfigError
        if a file cannot be written
    """
    figures = dict(draw_figures(found, out / FIGURES))
    _remove_others(figures.values(), out / FIGURES)
    write_text(out / "validity.md", FORMATS["markdown"](found))
    write_text(out / "validity.csv", FORMATS["csv"](found))
    write_text(out / "validity.html", page(found, figures))
    return out / "validity.html"


def draw_figures(found: Validity, folder: Path) -> Iterator[tuple[str, Path]]:
    """Draw the figures that there are data for; yield the names of metrics and the SVG files."""
    if any(one.agreement for one in found.metrics):
        path = folder / "overview.svg"
        overview_figure.draw(found, path, dark=True)
        overview_figure.draw(found, path.with_suffix(".pdf"))
        yield OVERVIEW, path
    for metric, name in figure_names(found).items():
        if response_curves.responses_of(found, metric):
            path = folder / f"{name}.svg"
            response_curves.draw(found, metric, path, dark=True)
            yield metric, path


def _remove_others(drawn: Iterable[Path], folder: Path) -> None:
    """Remove figures of an earlier command in the same folder: they show other findings."""
    kept = {path.stem for path in drawn}
    for pattern in ("overview*", "response-*"):
        for path in sorted(folder.glob(pattern)):
            stem = path.stem.removesuffix("-dark")
            if path.suffix in (".svg", ".pdf") and kept.isdisjoint((stem, path.stem)):
                path.unlink(missing_ok=True)


def figure_names(found: Validity) -> Mapping[str, str]:
    """Return the names of the files of response curves by metric, each another one."""
    names: dict[str, str] = {}
    for one in found.metrics:
        plain = f"response-{_OTHERS.sub('-', one.metric)[:LONGEST]}"
        name, number = plain, 1
        while name.lower() in {taken.lower() for taken in names.values()}:
            number += 1
            name = f"{plain}-{number}"
        names[one.metric] = name
    return names
