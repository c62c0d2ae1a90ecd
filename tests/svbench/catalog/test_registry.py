"""Tables of entries by name: looked up late, refused by name, open to later entries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from svbench.catalog.registry import Registry, known
from svbench.errors import ConfigError


def no_entry() -> int:
    raise AssertionError("an entry was built that nobody looked up")


def test_names_are_listed_without_building_entries() -> None:
    table = Registry("metrics", {"a": no_entry, "b": no_entry})
    assert list(table) == ["a", "b"]
    assert len(table) == 2
    assert "a" in table
    assert "c" not in table


def test_a_registered_entry_is_found_behind_the_others() -> None:
    table = Registry("systems", {"a": lambda: 1})
    table.register("b", lambda: 2)
    assert dict(table) == {"a": 1, "b": 2}
    assert table.known("b") == 2


def test_no_entry_takes_the_name_of_another() -> None:
    table = Registry("systems", {"a": lambda: 1})
    with pytest.raises(ConfigError, match="--systems a: registered twice"):
        table.register("a", lambda: 2)
    assert table["a"] == 1


def test_tables_are_independent_of_what_they_were_made_from() -> None:
    loaders = {"a": lambda: 1}
    Registry("systems", loaders).register("b", lambda: 2)
    assert list(loaders) == ["a"]


@pytest.mark.parametrize(
    ("flag", "list_name"), [("metrics", "metrics"), ("systems", "systems"), ("dataset", "datasets")]
)
def test_an_unknown_name_is_answered_with_those_of_the_table(flag: str, list_name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Registry(flag, {"a": no_entry, "b": no_entry}).known("c")
    assert str(refused.value) == (
        f"--{flag}: found 'c', expected one of a, b (see svbench list {list_name})"
    )


def test_a_table_without_a_list_names_none() -> None:
    with pytest.raises(ConfigError, match=r"--preset: found 'c', expected one of a$"):
        known({"a": 1}, "c", "preset")


def test_importing_the_tables_imports_no_torch() -> None:
    tables = ("datasets", "systems", "metrics", "plans", "listing", "checks", "registry")
    code = "".join(f"import svbench.catalog.{name}\n" for name in tables)
    code += "import sys; print(*{'torch', 'cv2', 'av', 'scipy', 'librosa'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
