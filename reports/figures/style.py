"""Style and output of all figures: one palette, light and dark, and reproducible bytes.

A figure is drawn once, in the light palette, and written as SVG (for pages) or PDF (for papers),
depending on the suffix of the path. `darkened` returns an SVG in the dark palette, for pages with a
dark theme: it replaces the few colours of the palette and nothing else.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.errors import ConfigError
from svbench.files.writing import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1c2126"  # text, axes
QUIET: Final = "#68707a"  # controls, labels
RULE: Final = "#d8dce0"  # grids
PAPER: Final = "#ffffff"
# Distinguishable with colour vision deficiency (after Okabe and Ito), and by lightness.
HUES: Final = ("#0b63a5", "#b4530a", "#0a7a5c", "#8c3c83", "#7a6a00", "#a3223f", "#3f6f8f")
PLACES: Final = 6  # of a figure's width and height: a thousandth of a pixel
FLOW: Final = HUES[1]  # motion
SOUND: Final = HUES[0]

DARK: Final[Mapping[str, str]] = {
    INK: "#e7e9ec",
    QUIET: "#9aa3ad",
    RULE: "#3a4149",
    PAPER: "#16191d",
    **dict(
        zip(
            HUES,
            ("#66b2f0", "#f0a05a", "#4fc9a4", "#d795ce", "#d3c252", "#f2849c", "#a5c8de"),
            strict=True,
        )
    ),
}

STYLE: Final = {
    "svg.hashsalt": "svbench",
    "figure.constrained_layout.wspace": 0.06,
    "figure.constrained_layout.hspace": 0.05,
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


def write(
    path: Path, size: tuple[float, float], draw: Callable[[Figure], None], *, dark: bool = False
) -> None:
    """Draw a figure and write it as SVG or PDF; equal drawings give equal bytes.

    Parameters
    ----------
    path : Path
        the file, with suffix .svg or .pdf
    size : (float, float)
        width and height, in inches
    draw : callable
        fills an empty figure
    dark : bool
        write an SVG also in the dark palette, as `<stem>-dark.svg` (Default value = False)
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    form = path.suffix.removeprefix(".").lower()
    if form not in ("svg", "pdf"):
        raise ConfigError(f"{path}: found the ending {path.suffix!r}, expected .svg or .pdf")
    date = {"Date": None} if form == "svg" else {"CreationDate": None}
    data = io.BytesIO()
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # its stubs want their own literals
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        _settle(figure)
        figure.savefig(data, format=form, metadata=date)
    write_bytes(path, data.getvalue())
    if dark and form == "svg":
        text = darkened(data.getvalue().decode("utf-8"))
        write_text(path.with_name(f"{path.stem}-dark.svg"), text)


def _settle(figure: Figure) -> None:
    """Lay out a figure now, and round the positions of its axes.

    The last bits of the layout solver's result vary between runs, and SVG names clip paths by a
    digest of all bits.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        sides = axis.get_position(original=True).bounds
        left, bottom, width, height = (round(side, PLACES) for side in sides)
        axis.set_position((left, bottom, width, height), which="both")


def darkened(svg: str) -> str:
    """Return an SVG of the light palette in the dark palette."""
    for light, deep in DARK.items():
        svg = svg.replace(light, deep)
    return svg


def hue(place: int) -> str:
    """Return the colour of the model at a place; the seven colours repeat."""
    return HUES[place % len(HUES)]


def tidy(axis: Axes, *, grid: str = "y") -> None:
    """Draw a light grid behind the data of an axis."""
    axis.set_axisbelow(True)
    axis.grid(axis=grid)  # type: ignore[arg-type]


def wrapped(text: str, width: int, lines: int = 2) -> str:
    """Return a text in at most `lines` lines of `width` characters; the rest is cut off."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …"))
