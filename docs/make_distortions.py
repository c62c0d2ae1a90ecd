"""Write the table of distortions into docs/distortions.md.

python docs/make_distortions.py
"""

from __future__ import annotations

from pathlib import Path

from page_blocks import head, line, put

from svbench.metrics.validity.distortions import DISTORTIONS, Distortion

PAGE = Path(__file__).parent / "distortions.md"
BLOCK = "distortions"


def rendered() -> str:
    """Return the table of the page."""
    headings = ("name", "what it does", "changes", "unit", "levels, from mild to severe")
    rows = (_row(one) for one in DISTORTIONS.values())
    return "\n".join([*head(*headings, "drawn", "source", "slip as published"), *rows])


def _row(one: Distortion) -> str:
    changes = ", ".join(sorted(one.changes))
    arms = "; ".join(_arm(one, name) for name in one.arms)
    source = f"{one.source}, rated" if one.rated else one.source
    drawn = "yes" if one.draws else "–"
    return line(
        *(f"`{one.name}`", one.does, changes, one.unit, arms, drawn, source, one.remark or "–")
    )


def _arm(one: Distortion, name: str) -> str:
    levels = ", ".join(f"{one.levels[place]:g}" for place in one.arms[name])
    return f"{name}: {levels}" if name else levels


if __name__ == "__main__":
    put(PAGE, BLOCK, rendered())
