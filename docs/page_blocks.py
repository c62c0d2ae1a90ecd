"""Data and tables of the pages in docs/, for the commands that write them.

Measurements are in `docs/data/NAME.json`, with the version of svbench and the command. Tables are
between `<!-- begin BLOCK -->` and `<!-- end BLOCK -->` of a page and are rendered from these data
alone; `tests/house/test_docs.py` renders them again and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from svbench._version import __version__

DOCS: Final = Path(__file__).parent
DATA: Final = DOCS / "data"
DIGITS: Final = 6  # significant digits of stored measurements


def save(name: str, command: str, blocks: Mapping[str, Any]) -> None:
    """Write measurements; blocks that were not measured this time are kept."""
    file = DATA / f"{name}.json"
    found = load(name) if file.exists() else {}
    merged = {**found, **_rounded({name: _dated(command, of) for name, of in blocks.items()})}
    file.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """Load measurements, by block."""
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


def block(page: Path, name: str) -> str:
    """Return a block of a page, without surrounding blank lines."""
    return _between(page, name)[1].strip("\n")


def put(page: Path, name: str, text: str) -> None:
    """Write a block of a page."""
    before, _, after = _between(page, name)
    page.write_text(f"{before}\n{text}\n\n{after}", encoding="utf-8")


def line(*cells: object) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: object) -> list[str]:
    """Return the first two lines of a Markdown table."""
    return [line(*cells), line(*["---"] * len(cells))]


def _dated(command: str, of: Any) -> dict[str, Any]:
    return {"svbench": __version__, "command": command, "measured": of}


def _between(page: Path, name: str) -> tuple[str, str, str]:
    marks = re.compile(f"(.*<!-- begin {name} -->\n)(.*)(<!-- end {name} -->.*)", re.DOTALL)
    found = marks.fullmatch(page.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{page}: found no block {name!r}")
    return found[1], found[2], found[3]


def _rounded(value: Any) -> Any:
    """Return a value with every number rounded to `DIGITS`."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
