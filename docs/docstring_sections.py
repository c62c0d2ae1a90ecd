"""Docstrings of modules as sections of a Markdown page.

A docstring of svbench is a summary line, prose, and sections that are underlined by hyphens
(mir_eval's order). Its lists and tables are Markdown already; roles and definition lists are not.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Final

ROLE: Final = re.compile(r":\w+:`")  # of reStructuredText, before what it names
TERM: Final = re.compile(r"(\S.*?\S|\S) {2,}(\S.*)")  # of a definition list, and its first line
ITEM: Final = ("- ", "|", "    ")  # begin of lines that are no definition


def docstring(module: str) -> str:
    """Return the docstring of a module below svbench.metrics."""
    return inspect.getdoc(importlib.import_module(f"svbench.metrics.{module}")) or ""


def summary(module: str) -> str:
    """Return the first line of a docstring without the name before its colon, as a sentence."""
    line = docstring(module).partition("\n")[0]
    named, _, rest = line.partition(": ")
    said = rest or named
    return f"{said[:1].upper()}{said[1:]}"


def sections(module: str) -> Mapping[str, str]:
    """Return the sections of a docstring by title, as Markdown; that of "" is its prose."""
    lines = docstring(module).splitlines()[1:]
    found: dict[str, list[str]] = {"": []}
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below == "-" * len(line):
            found[line] = []
        elif not (line and set(line) == {"-"}):
            found[list(found)[-1]].append(line)
    return {title: "\n".join(_markdown(text)).strip("\n") for title, text in found.items()}


def _markdown(lines: list[str]) -> Iterator[str]:
    """Yield lines whose roles are plain code and whose definition lists are bullet lists."""
    defining = False
    for line in lines:
        plain = ROLE.sub("`", line)
        found = None if plain.startswith(ITEM) else TERM.fullmatch(plain)
        defining = bool(found) or (defining and plain.startswith(" "))
        if found:
            yield f"- *{found[1]}*: {found[2]}"
        else:
            yield f"  {plain.strip()}" if defining else plain
