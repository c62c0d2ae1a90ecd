"""Write the table of `data check` into docs/data.md, from the kinds that it knows.

python docs/make_data.py
"""

from __future__ import annotations

from pathlib import Path

from page_blocks import head, line, put

from svbench.audit.kinds import KINDS

PAGE = Path(__file__).parent / "data.md"
BLOCK = "kinds"


def rendered() -> str:
    """Return the table of kinds."""
    rows = (
        line(f"`{key}`", kind.severity, kind.about, "`--decode`" if kind.decoded else "headers")
        for key, kind in KINDS.items()
    )
    return "\n".join([*head("kind", "", "means", "needs"), *rows])


if __name__ == "__main__":
    put(PAGE, BLOCK, rendered())
