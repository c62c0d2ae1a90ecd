"""Modules, files and pages cited in prose exist: in README, docs and every docstring or comment.

A citation is a path below one of our folders (`metrics/frechet.py`), a dotted name
(`svbench.types.Clip`) or a link of a Markdown page. Names are looked up in the code without
importing it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("svbench", "metrics", "baselines", "reports", "tests", "docs", "examples")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w\.(?:py|md|j2|js|css)\b")
DOTTED = re.compile(r"(?<![\w./-])svbench(?:\.[A-Za-z_]\w*)+(?![\w/])")
LINK = re.compile(r"\]\(([^)#\s]+)")
NO_MODULES = {
    "svbench.put": "a function of the scripts of a page",
    "svbench.meta": "a variable of the scripts of a page",
    "svbench.systems": "a group of entry points",
    "svbench.egg": "a name of setuptools",
}


def prose(file: Path) -> str:
    """Return a Markdown page, or the strings and comments of a Python file."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, documented))
    docstrings = (ast.get_docstring(node) or "" for node in nodes)
    return "\n".join([*docstrings, *(t.string for t in tokens if t.type == tokenize.COMMENT)])


@cache
def files() -> list[Path]:
    """Return every page and module that may cite others."""
    modules = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    pages = [*ROOT.glob("README.md"), *ROOT.glob("CONTRIBUTING.md"), *(ROOT / "docs").glob("*.md")]
    return sorted({*pages, *modules})


@cache
def defined(module: Path) -> dict[str, ast.stmt]:
    """Return the names that a module defines or imports, with their statements."""
    found: dict[str, ast.stmt] = {}
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(node.name, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {t.id: node for t in targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0]: node for alias in node.names}
    return found


def exists(name: str) -> bool:
    """Return whether a dotted name is a package, a module, or a name in a module."""
    if name in NO_MODULES:
        return True
    place = ROOT
    parts = name.split(".")
    for number, part in enumerate(parts):
        if (place / part).is_dir():
            place = place / part
        elif (place / f"{part}.py").is_file():
            rest = parts[number + 1 :]
            return not rest or rest[0] in defined(place / f"{part}.py")
        else:
            return (place / "__init__.py").is_file() and part in defined(place / "__init__.py")
    return True


def missing(file: Path) -> Iterator[str]:
    """Yield every citation of a file that leads nowhere."""
    text = prose(file)
    yield from (path for path in PATH.findall(text) if not (ROOT / path).exists())
    yield from (name for name in DOTTED.findall(text) if not exists(name))
    if file.suffix == ".md":
        links = (link for link in LINK.findall(text) if not re.match(r"\w+:", link))
        yield from (link for link in links if not (file.parent / link).exists())


def test_citations_are_recognised(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`metrics/frechet.py`, `metrics/none.py`, `svbench.types.Clip`, `svbench.types.None_`,\n"
        "svbench.files.store, svbench.nowhere.store; [a](page.md) [b](none.md) [c](https://x.org)\n"
    )
    assert list(missing(page)) == [
        *("metrics/none.py", "svbench.types.None_", "svbench.nowhere.store", "none.md"),
    ]


@pytest.mark.parametrize("file", [str(file.relative_to(ROOT)) for file in files()])
def test_what_prose_cites_exists(file: str) -> None:
    assert not sorted(set(missing(ROOT / file)))
