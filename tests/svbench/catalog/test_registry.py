"""Tables of entries by name: looked up late, refused by name, open to later entries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from svbench.catalog.registry import Found, Joining, Registry
from svbench.errors import ConfigError
from svbench.limits import known
from tests.factories.plugins import add_module


def no_entry() -> int:
    raise AssertionError("an entry was built that nobody looked up")


def numbers(flag: str, **loaders: Callable[[], int]) -> Registry[int]:
    """Return a table whose entries are numbers; those of plug-ins join with a minus."""
    return Registry(flag, loaders, Joining(int, lambda entry, _offer: -entry))


def test_names_are_listed_without_building_entries() -> None:
    table = numbers("metrics", a=no_entry, b=no_entry)
    assert list(table) == ["a", "b"]
    assert len(table) == 2
    assert "a" in table
    assert "c" not in table


def test_the_entry_of_a_plug_in_is_found_behind_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_module(monkeypatch, "more", SYSTEMS={"b": 2, "c": lambda: 3})
    table = numbers("systems", a=lambda: 1)
    assert table.every(["more"]) == {
        "a": Found(1),
        "b": Found(-2, "more 0.1"),  # guarded
        "c": Found(-3, "more 0.1"),
    }
    assert (table.known("b", ["more"]), table.known("a", ["more"])) == (-2, 1)
    with pytest.raises(ConfigError, match="found 'd', expected one of a, b, c"):
        table.find("d", ["more"])


def test_a_plug_in_of_one_lookup_is_unknown_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    add_module(monkeypatch, "more", SYSTEMS={"b": 2})
    table = numbers("systems", a=lambda: 1)
    assert table.known("b", ["more"]) == -2
    with pytest.raises(ConfigError, match="found 'b', expected one of a "):
        table.known("b")


def test_no_entry_takes_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    add_module(monkeypatch, "more", SYSTEMS={"a": 2, "b": 2})
    add_module(monkeypatch, "most", SYSTEMS={"b": 3})
    table = numbers("systems", a=lambda: 1)
    with pytest.raises(ConfigError, match=r"--systems a: found it in svbench and more 0.1, expec"):
        table.known("a", ["more"])
    with pytest.raises(ConfigError, match=r"--systems a: found it in svbench and more 0.1, expec"):
        table.every(["more"])
    with pytest.raises(ConfigError, match=r"--systems b: found it in more 0.1 and most 0.1, expec"):
        table.known("b", ["more", "most"])
    assert table["a"] == 1


@pytest.mark.parametrize(
    ("flag", "list_name"), [("metrics", "metrics"), ("systems", "systems"), ("dataset", "datasets")]
)
def test_an_unknown_name_is_answered_with_those_of_the_table(flag: str, list_name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        numbers(flag, a=no_entry, b=no_entry).known("c")
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
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
