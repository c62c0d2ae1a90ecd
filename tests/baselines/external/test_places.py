"""Where systems lie, and what of them is missing, each with the command that brings it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.external.places import own_place, shipped, shipped_place, systems_folder
from svbench.errors import ConfigError, DataError
from tests.factories.external_systems import commit, write_system

URL = "https://example.org/system.git"


def lacks(path: Path, mode: str = "faithful") -> list[str]:
    return [str(lack) for lack in own_place(path).lacks(mode)]


def at_commit(folder: Path, **changes: Any) -> Path:
    """Write a system whose checkout is a repository at the described commit."""
    write_system(folder)
    found = commit(folder / "checkout")
    return write_system(folder, repository={"url": URL, "commit": found}, **changes)


def test_a_whole_system_lacks_nothing(tmp_path: Path) -> None:
    assert lacks(write_system(tmp_path / "own")) == []
    assert lacks(at_commit(tmp_path / "cloned")) == []


def test_what_is_absent_comes_with_the_command_that_brings_it(tmp_path: Path) -> None:
    root = tmp_path / "a system"
    path = write_system(
        root,
        checkout="code",
        repository={"url": URL, "commit": "0123abcd"},
        environment={"python": "venv/bin/python", "make": ["uv venv venv", "uv pip install x"]},
        weights=[
            {"file": "a.pt", "licence": "CC BY", "url": "https://example.org/a.pt"},
            {"file": "b.pt", "licence": "MIT", "get": "gdown 1pRW -O {file}"},
            {"file": "c.pt", "licence": "MIT"},
        ],
    )
    (root / "driver.py").unlink()
    there = f"'{root}/code'"
    assert lacks(path) == [
        f"{root}/driver.py: found no driver, expected the script that runs the system",
        f"{root}/code: found nothing there, expected the system's repository; get it by: "
        f"git clone {URL} {there} && git -C {there} checkout --detach 0123abcd",
        f"{root}/venv/bin/python: found no such program, expected the system's Python; get it by: "
        f"cd '{root}' && uv venv venv && uv pip install x",
        f"{root}/weights/a.pt: found nothing there, expected weights (licence: CC BY); get it by: "
        f"curl -L --create-dirs -o '{root}/weights/a.pt' https://example.org/a.pt",
        f"{root}/weights/b.pt: found nothing there, expected weights (licence: MIT); get it by: "
        f"gdown 1pRW -O '{root}/weights/b.pt'",
        f"{root}/weights/c.pt: found nothing there, expected weights (licence: MIT)",
    ]


def test_another_commit_is_named(tmp_path: Path) -> None:
    path = at_commit(tmp_path)
    path = write_system(tmp_path, repository={"url": URL, "commit": "0123abcd" * 5})
    (line,) = lacks(path)
    assert "checkout: found commit " in line
    assert line.endswith(f"checkout --detach {'0123abcd' * 5}")


def test_changed_files_of_a_checkout_are_named(tmp_path: Path) -> None:
    path = at_commit(tmp_path)
    (tmp_path / "checkout" / "__pycache__").mkdir()
    (tmp_path / "checkout" / "__pycache__" / "x.pyc").touch()  # what running it leaves is not
    assert lacks(path) == []
    (tmp_path / "checkout" / "upstream.py").write_text("# mended\n")
    (line,) = lacks(path)
    assert "found changed files, expected those of commit" in line


def test_a_folder_inside_another_repository_is_no_checkout(tmp_path: Path) -> None:
    write_system(tmp_path)
    found = commit(tmp_path)
    (line,) = lacks(write_system(tmp_path, repository={"url": URL, "commit": found}))
    assert "checkout: found no commit, expected" in line


def test_weights_of_another_size_are_named(tmp_path: Path) -> None:
    weights = [{"file": "a.pt", "licence": "MIT", "url": URL, "size": 3, "modes": ["faithful"]}]
    modes = {"faithful": "x", "fixed": "y"}
    path = write_system(tmp_path, weights=weights, modes=modes)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.pt").write_bytes(b"12")
    (line,) = lacks(path)
    assert "a.pt: found 2 bytes, expected 3; get it by: curl" in line
    assert lacks(path, "fixed") == []  # which does not need them
    (tmp_path / "weights" / "a.pt").write_bytes(b"123")
    assert lacks(path) == []


def test_where_systems_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SVBENCH_SYSTEMS", raising=False)
    assert systems_folder() == Path.home() / ".cache" / "svbench" / "systems"
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(tmp_path / "systems"))
    assert systems_folder() == tmp_path / "systems"
    path = write_system(tmp_path / "own")
    assert own_place(path).root == tmp_path / "own"
    (tmp_path / "systems" / "stub").mkdir(parents=True)
    assert own_place(path).root == tmp_path / "systems" / "stub"
    assert own_place(path).driver == tmp_path / "own" / "driver.py"


@pytest.mark.parametrize("value", [" ", "a\nb"])
def test_a_folder_of_systems_must_be_one(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_SYSTEMS", value)
    with pytest.raises(ConfigError, match="SVBENCH_SYSTEMS: found"):
        systems_folder()


def test_a_file_is_no_folder_of_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="found a file, expected a folder"):
        systems_folder()


def test_a_folder_is_no_description(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found a folder, expected the description of a system"):
        own_place(tmp_path)


def test_relative_paths_are_counted_from_where_svbench_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_system(tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    place = own_place(path.relative_to(tmp_path))
    assert place.driver.is_absolute()
    assert subprocess.run([place.python, "-c", ""], cwd=os.sep, check=True).returncode == 0


@pytest.mark.parametrize("name", shipped())
def test_commands_bring_weights_to_folders_with_a_space(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "of a lab"
    monkeypatch.setenv("SVBENCH_SYSTEMS", str(root))
    place = shipped_place(name)
    found = [lack for mode in place.description.modes for lack in place.lacks(mode)]
    for command in {lack.command for lack in found if "/weights/" in lack.command}:
        line = ["sh", "-c", f"printf '%s\\n' {command}"]
        words = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split("\n")
        places = [word for word in words if word.startswith(str(tmp_path))]
        assert places
        assert all(word.startswith(f"{root}/{name}/weights") for word in places)
