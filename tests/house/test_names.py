"""A name of a data set or mixer is a key in one table: its entry owns what depends on it.

Looked for are literals by which code decides: keys, elements of tuples, lists and sets, operands
of comparisons, patterns and subscripts. Defaults, keyword values, docstrings and messages may
name what they mean.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from svbench.baselines.joint.mixers import MIXERS
from svbench.catalog.datasets import DATASETS
from svbench.reports.published import FOLDER
from svbench.reports.published.benchmarks import FILE as BENCHMARKS
from tests.house.test_architecture import modules

HOME = {  # where the entry of each name stands
    **dict.fromkeys(DATASETS, "svbench.catalog.datasets"),
    **dict.fromkeys(MIXERS, "svbench.baselines.joint.mixers"),
}


BY_NAME = ("get", "pop", "setdefault", "startswith", "endswith", "removeprefix")  # methods


def deciding(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions by whose values code decides."""
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys):
                yield from (key for key in keys if key is not None)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                yield from parts
            case ast.Compare(left=left, comparators=others):
                yield from (left, *others)
            case ast.MatchValue(value=value) | ast.Subscript(slice=value):
                yield value
            case ast.Call(func=ast.Name(id="dict"), keywords=given):
                yield from (ast.Constant(one.arg, lineno=node.lineno) for one in given)
            case ast.Call(func=ast.Attribute(attr=method), args=parts) if method in BY_NAME:
                yield from parts


def names_in(text: str) -> Iterator[tuple[str, int]]:
    """Yield the names by which a source text decides, with their lines."""
    for node in deciding(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in HOME:
            yield str(node.value), node.lineno


@pytest.mark.parametrize(
    "line",
    [
        "table = {'landscape': 1}",
        "names = ('landscape', 'another')",
        "names = ['landscape']",
        "if dataset == 'landscape': pass",
        "if dataset in {'landscape'}: pass",
        "table['landscape']",
        "match dataset:\n    case 'landscape': pass",
        "dict(landscape=3)",
        "table.get('landscape')",
        "name.startswith('landscape')",
    ],
)
def test_a_name_that_decides_is_found(line: str) -> None:
    assert {name for name, _ in names_in(line)} == {"landscape"}


def test_a_name_that_decides_nothing_is_passed_over() -> None:
    text = "'''landscape'''\ndef run(dataset='landscape'): help('landscape or another')"
    assert not list(names_in(text))


@pytest.mark.parametrize("module", sorted(modules()))
def test_names_decide_nothing_outside_their_entries(module: str) -> None:
    text = modules()[module].read_text(encoding="utf-8")
    strange = [f"line {line}: {name}" for name, line in names_in(text) if HOME[name] != module]
    assert not strange, f"{module} is to ask the entry: {', '.join(strange)}"


@pytest.mark.parametrize("home", sorted(set(HOME.values())))
def test_each_name_is_a_key_once_where_its_entry_stands(home: str) -> None:
    tree = ast.parse(modules()[home].read_text(encoding="utf-8"))
    keys = [
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and key.value in HOME
    ]
    assert keys == [name for name, where in HOME.items() if where == home]


def test_the_papers_tables_are_named_as_the_data_sets_are() -> None:
    files = {file.stem for file in FOLDER.glob("*.csv")} - {BENCHMARKS.stem}
    assert files == {file.stem for file in FOLDER.glob("*.json")}
    assert files <= set(DATASETS)
