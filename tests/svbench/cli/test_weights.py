"""The commands of `svbench weights`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.files.weights import folder as weights
from svbench.files.weights import published
from tests.factories.commands import Command
from tests.factories.weight_server import Server
from tests.factories.weights import write_state


def test_names_stay_whole_in_a_narrow_terminal(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path))
    lines = svbench("weights", "list").out.splitlines()
    assert all(len(line) <= 80 for line in lines[1:])
    for name, entry in published.PUBLISHED.items():
        assert name in lines
        assert any(entry.file in line and entry.licence in line for line in lines)
    assert lines.count("  here: no") == len(published.PUBLISHED)


def test_fetch_prints_what_it_brings_and_what_it_rests_on(
    svbench: Command, weight_server: type[Server]
) -> None:
    offline = svbench("weights", "fetch", "net", "--offline")
    assert "svbench weights fetch net" in offline.problem(3)
    assert svbench("weights", "fetch", "net", "nat").problem(2).startswith("weights: found 'nat'")
    assert weight_server.asked == []
    fetched = svbench("weights", "fetch", "net")
    assert fetched.code == 0
    assert fetched.out.startswith("net: a net; licence: MIT; from http://127.0.0.1:")
    path = weights.weights_folder() / "net.pt"
    assert f"net: {path}: structure right, digest first seen here (sha256 " in fetched.out
    assert svbench("weights", "fetch", "net", "--offline").out == f"net: {path}\n"
    assert "  here: yes, sha256 " in svbench("weights", "list").out


@pytest.mark.usefixtures("published")
def test_verify_checks_every_file_before_it_fails(svbench: Command, tmp_path: Path) -> None:
    assert svbench("weights", "verify").out == "net: absent\nother: absent\nwords: absent\n"
    write_state(tmp_path / "mine.pt")
    imported = svbench("weights", "import", "other", tmp_path / "mine.pt")
    assert "other.pt: structure right, digest first seen here (sha256 " in imported.out
    for name in ("net.pt", "words.txt.gz"):
        (weights.weights_folder() / name).write_bytes(b"<!DOCTYPE html>" * 20)
    done = svbench("weights", "verify")
    net, other, words = done.out.splitlines()
    assert (net, words) == ("net: wrong", "words: wrong")
    assert other.startswith("other: right (digest as at its first use on 20")
    assert done.code == 3
    assert [problem.split(": ")[0] for problem in done.problems] == [
        str(weights.weights_folder() / "net.pt"),
        str(weights.weights_folder() / "words.txt.gz"),
    ]
    assert all("found an HTML page of 300 bytes" in problem for problem in done.problems)


# what SVBENCH_WEIGHTS says -> what is said of it
BAD_FOLDERS = {
    "{file}": "SVBENCH_WEIGHTS {file}: found no folder at {file}, expected a folder",
    "{file}/deeper": "SVBENCH_WEIGHTS {file}/deeper: found no folder at {file}, expected a folder",
    "/dev/null": "SVBENCH_WEIGHTS /dev/null: found no folder at /dev/null, expected a folder",
    "{link}": "SVBENCH_WEIGHTS {link}: found a link to nothing at {link}, expected a folder",
    " ": "SVBENCH_WEIGHTS: found ' ', expected the path of a folder",
    "a\nb": "SVBENCH_WEIGHTS: found 'a\\nb', expected the path of a folder",
    "\x01": "SVBENCH_WEIGHTS: found '\\x01', expected the path of a folder",
}
COMMANDS = ("list", "verify", "fetch net", "fetch net --offline", "import net {state}")


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("named", BAD_FOLDERS)
def test_a_wrong_folder_is_a_wrong_setting_of_every_command(
    named: str, svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: tmp_path / name for name in ("file", "link", "state")}
    paths["file"].touch()
    paths["link"].symlink_to(tmp_path / "gone")
    write_state(paths["state"])
    monkeypatch.setenv("SVBENCH_WEIGHTS", named.format(**paths))
    for words in COMMANDS:
        done = svbench("weights", *words.format(**paths).split())
        assert done.problem(2) == BAD_FOLDERS[named].format(**paths), words


def test_a_wrong_folder_is_a_wrong_setting_of_a_run(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", "/dev/null")
    run = svbench("run", "--dataset", "greatesthits", "--scale", "paper", "--data-root", tmp_path)
    assert run.problem(2) == BAD_FOLDERS["/dev/null"]


@pytest.mark.usefixtures("published")
def test_a_folder_that_may_not_be_made_is_a_wrong_setting(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", "/proc/nope")
    path = write_state(tmp_path / "state")
    problem = svbench("weights", "import", "net", path).problem(2)
    assert problem.startswith("/proc/nope/net.pt: cannot be written (")


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_no_file_to_import(path: str, svbench: Command) -> None:
    done = svbench("weights", "import", "i3d", path)
    assert done.problem(2).startswith(f"file: found {path!r}, expected a path")


@pytest.mark.parametrize("words", [(), ("weights",)])
def test_no_words_are_answered_by_help_alone(words: tuple[str, ...], svbench: Command) -> None:
    done = svbench(*words)
    assert (done.code, done.err) == (2, "")
    assert "Usage: svbench" in done.out
