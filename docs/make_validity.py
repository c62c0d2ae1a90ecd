"""Write docs/validity.md and the findings that tables state, from what svbench validate found.

    svbench validate CLIPS --out OUT
    python docs/make_validity.py OUT [--show METRIC ...]
    python docs/make_validity.py OUT --miniature

OUT holds validity.json. Tables of the page are rendered from docs/data/validity.json, which keeps
all of it but the scores at single levels; these are in the figures. --show names the metrics whose
response curves stand on the page. metrics/validity/findings.json is written from the same file: it
is what tables of results state below their columns. --miniature writes the section on drawn clips
alone, from docs/data/validity-miniature.json, and metrics/validity/findings-miniature.json, what
tables of drawn clips state of the small networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from page_blocks import DATA, DOCS, load, put, save
from pydantic import TypeAdapter

from svbench.errors import DataError
from svbench.files.validity import Response, Validity, load_validity
from svbench.files.writing import write_text
from svbench.metrics.validity.findings import DRAWN, FINDINGS, dump_findings
from svbench.reports.analysis.following import following
from svbench.reports.tables.markdown import escape, markdown
from svbench.reports.validity import overview_figure, response_curves
from svbench.reports.validity.notes import absences, subject
from svbench.reports.validity.tables import comparisons, levels_noticed
from svbench.reports.validity.write import figure_names
from svbench.types import HumanAgreement

NAME: Final = "validity"
BLOCK: Final = "validity"  # of docs/data/validity.json
COMMAND: Final = "python docs/make_validity.py OUT, of svbench validate"
PAGE: Final = DOCS / "validity.md"
FOLDER: Final = DOCS.parent / "metrics" / "validity"
BLOCKS: Final = ("clips", "findings", "overview", "noticed", "curves", "absent")
MINIATURE: Final = "miniature"  # block of the page, on drawn clips
NOT_YET: Final = "Not measured yet."
SHOWN: Final = (
    "av-align-corrected@published",
    "av-align-adjusted-corrected@published",
    "synchrony@impacts",
    "ib-av@published+miniature",
)


def main() -> None:
    """Write data, findings, figures and the blocks of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of svbench validate")
    parser.add_argument("--show", nargs="*", default=SHOWN, metavar="METRIC")
    parser.add_argument("--miniature", action="store_true", help="of drawn clips")
    options = parser.parse_args()
    try:
        found = load_validity(options.out)
        make_miniature(found) if options.miniature else make(found, options.show)
    except DataError as error:
        raise SystemExit(str(error)) from None


def make(found: Validity, show: Sequence[str]) -> None:
    """Write all that rests on one validation."""
    findings = dump_findings(found)  # refuses what cannot be told apart, before anything changes
    shown = [one.metric for one in found.metrics if one.metric in show]
    save(NAME, COMMAND, {BLOCK: asdict(kept(found)), "shown": shown})
    write_text(FOLDER / FINDINGS, findings)
    if any(one.agreement for one in found.metrics):
        overview_figure.draw(found, picture("overview"))
    for metric in shown:
        if response_curves.responses_of(found, metric):
            response_curves.draw(found, metric, picture(figure_names(found)[metric]))
    for name in BLOCKS:
        put(PAGE, name, rendered(name))


def make_miniature(found: Validity) -> None:
    """Write the section on drawn clips, and what tables of such clips state of small networks."""
    findings = dump_findings(found, drawn=True)
    save(f"{NAME}-{MINIATURE}", f"{COMMAND}, --miniature", {BLOCK: asdict(kept(found))})
    write_text(FOLDER / DRAWN, findings)
    put(PAGE, MINIATURE, rendered_miniature())


def rendered_miniature() -> str:
    """Return the block on drawn clips, from the kept data; `NOT_YET` if there are none."""
    if not (DATA / f"{NAME}-{MINIATURE}.json").exists():
        return NOT_YET
    return markdown(comparisons(_read(f"{NAME}-{MINIATURE}"))).strip("\n")


def kept(found: Validity) -> Validity:
    """Return findings without what tables do not show: the scores at single levels."""
    return replace(found, responses=tuple(map(_without_levels, found.responses)))


def _without_levels(one: Response) -> Response:
    return replace(
        one, levels=(), values=(), intervals=(), people=None if one.people is None else ()
    )


def picture(name: str) -> Path:
    """Return the file of a figure of the page."""
    return PAGE.parent / f"validity-{name}.svg"


def rendered(name: str) -> str:
    """Return a block of the page, from the kept data; `NOT_YET` if there are none."""
    if not (DATA / f"{NAME}.json").exists():
        return NOT_YET
    found = _read(NAME)
    shown = load(NAME)["shown"]["measured"]
    blocks = {
        "clips": f"{escape(subject(found))}; svbench {load(NAME)[BLOCK]['svbench']}.",
        "findings": "\n".join(f"- {escape(line)}" for line in _findings(found)),
        "overview": markdown(comparisons(found)),
        "noticed": markdown(levels_noticed(found)),
        "curves": "\n\n".join(_pictures(found, shown)),
        "absent": "\n".join(f"- {escape(line)}" for line in absences(found)),
    }
    return blocks[name].strip("\n") or "None."


def _read(name: str) -> Validity:
    return TypeAdapter(Validity).validate_python(load(name)[BLOCK]["measured"])


def _findings(found: Validity) -> Iterator[str]:
    """Yield for each metric whether it follows people, as tables state it."""
    for one in found.metrics:
        agreement = one.agreement
        if agreement is not None:
            known = HumanAgreement(
                *(agreement.value, agreement.interval, agreement.conditions),
                *(one.count, found.clips),
                fitted_on=one.fitted_on,
            )
            yield f"{one.title}: {following(known)}"


def _pictures(found: Validity, shown: Sequence[str]) -> Iterator[str]:
    if any(one.agreement for one in found.metrics):
        yield f"![Correlations with people]({picture('overview').name})"
        yield overview_figure.CAPTION
    for one in found.metrics:
        if one.metric in shown and any(of.metric == one.metric for of in found.responses):
            name = picture(figure_names(found)[one.metric]).name
            yield f"![Response curves of {escape(one.title)}]({name})"
    if shown:
        yield response_curves.CAPTION


if __name__ == "__main__":
    main()
