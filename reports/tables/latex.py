r"""Tables in LaTeX, for documents that load booktabs (its rules) and graphicx.

A table that is wider than the line is scaled down by graphicx.

Each row of a table takes two lines or more: values, below them intervals, and counts where the
cells of a row differ in them; long names are broken into these lines. The best of a column is bold,
the second best underlined (where `svbench.reports.analysis.ranking` marks them). Title, protocol
and notes form the caption.

Texts are escaped: special characters of LaTeX, characters that would form a ligature, brackets that
`\\` would take for its argument, and characters that pdfTeX's usual fonts lack. The sign of a
number is a minus, not a hyphen. A character that is neither listed here nor Latin is printed by its
code point, as [U+4E2D], rather than dropped.

References
----------
- S. Fear: Publication quality tables in LaTeX (booktabs), section 2.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

from svbench.reports.tables.sheet import Cell, Line, Sheet, counts_of

HEADING_WIDTH: Final = 14  # characters of a line in a heading
NAME_WIDTH: Final = 34  # and in the name of a row
FIT: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"
# The hyphen that is a sign: -0.5, [-0.5, 0.5], 1e-05; in 2-3, gamma-1 and --seed it is none.
_SIGN: Final = re.compile(r"(?<![^\s\[(])(\d+(?:\.\d+)?e)?-(?=\.?\d+)")
_TEXT: Final[Mapping[str, str]] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "-": "-{}",
    "`": "{`}",
    "'": "{'}",
    '"': "{''}",
    "?": "{?}",
    "!": "{!}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "†": r"$\dagger$",
    "∞": r"$\infty$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "σ": r"$\sigma$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "·": r"$\cdot$",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "\u00a0": "~",
}
_LATIN: Final = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽžŁłČčŘřŞşĞğİıŐőŰű"


def latex(sheets: Sequence[Sheet], label: str = "svbench") -> str:
    r"""Return the tables as LaTeX, for \input; `label` is their name for \ref, after `tab:`."""
    needs = "% \\usepackage{booktabs,graphicx}\n"
    label = re.sub(r"[^\w:.-]+", "-", label)  # a data set may be a folder of any name
    labels = [label if not place else f"{label}-{place + 1}" for place in range(len(sheets))]
    return needs + "\n".join(map(_sheet, sheets, labels))


def escape(text: str) -> str:
    """Return a text escaped for LaTeX, in one line, with a minus as the sign of numbers."""
    return "".join(map(_character, _SIGN.sub(r"\1−", " ".join(text.split()))))


def _character(character: str) -> str:
    if character in _TEXT:
        return _TEXT[character]
    if (character.isascii() and character.isprintable()) or character in _LATIN:
        return character
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _sheet(sheet: Sheet, label: str) -> str:
    notes = (sheet.title, sheet.protocol, *sheet.footnotes)
    caption = " ".join(_sentence(note) for note in notes if note)
    headings = "".join(f" & {_heading(heading)}" for heading in sheet.headings)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}}}",
            rf"{FIT}{{\begin{{tabular}}{{l{'r' * len(sheet.headings)}}}",
            r"\toprule",
            rf"{headings} \\",
            r"\midrule",
            *_lines(sheet),
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _heading(heading: str) -> str:
    broken = r"\\".join(map(escape, _broken(heading, HEADING_WIDTH)))
    return rf"\shortstack[r]{{{broken}}}"


def _broken(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _sentence(note: str) -> str:
    """Return a note as a sentence; the first letter is capitalised unless it is part of a name."""
    first = note.split(maxsplit=1)[0].rstrip(":,;")
    begun = note[:1].upper() + note[1:] if first.isalpha() else note
    return f"{escape(begun).rstrip('.')}."


def _lines(sheet: Sheet) -> Iterator[str]:
    for place, line in enumerate(sheet.lines):
        if place and line.reference != sheet.lines[place - 1].reference:
            yield r"\midrule"
        yield from _line(line)


def _line(line: Line) -> Iterator[str]:
    """Yield the lines of a row: the broken name beside values, intervals and counts."""
    shared, counts = counts_of(line.cells)
    left = [*map(escape, _broken(line.title, NAME_WIDTH)), *filter(None, [_small(shared)])]
    right = [list(map(_value, line.cells))]
    right += [list(map(_small, texts)) for texts in ([c.interval for c in line.cells], counts)]
    kept = [texts for texts in right if any(texts)]
    for name, cells in zip_longest(left, kept, fillvalue=None):
        yield _row(name or "", cells or [""] * len(line.cells))


def _row(first: str, cells: Sequence[str]) -> str:
    return rf"{' & '.join([first, *cells])} \\"


def _value(cell: Cell) -> str:
    value = escape(cell.value)
    if cell.place is None:
        return value
    return rf"\textbf{{{value}}}" if cell.place == "best" else rf"\underline{{{value}}}"


def _small(text: str) -> str:
    return rf"{{\scriptsize {escape(text)}}}" if text else ""
