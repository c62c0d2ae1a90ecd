"""Weights: checked before they are put in place, recorded once, never lost to another process."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.files.weights import folder as weights
from svbench.files.weights import published, structure
from svbench.files.weights import record as weight_record
from svbench.files.weights.loading import WeightFile, load_checked, load_state
from tests.factories.commands import Command
from tests.factories.processes import PATIENCE
from tests.factories.weight_server import Server
from tests.factories.weights import make_state, placed, write_state


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def by_hand(name: str, content: bytes) -> Path:
    path = weights.weights_folder() / published.entry(name).file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- fetch -------------------------------------------------------------------------------------


def test_a_file_is_fetched_once(weight_server: type[Server]) -> None:
    assert weights.find("net") is None
    steps = []
    found = weights.fetch("net", lambda done, whole: steps.append((done, whole))).file
    assert found.path.read_bytes() == weight_server.content
    assert found.sha256 == sha256(weight_server.content)
    assert steps[-1] == (len(weight_server.content), len(weight_server.content))
    assert weights.fetch("net").file == found == weights.find("net") == weights.require("net")
    assert len(weight_server.asked) == 1
    assert placed() == {"net.pt", "digests.json"}


def test_an_interrupted_download_is_gone_on_with(weight_server: type[Server]) -> None:
    weight_server.cut_at = 1000
    with pytest.raises(StoppedError, match=f"ended at 1000 of {len(weight_server.content)} bytes"):
        weights.fetch("net")
    assert weights.find("net") is None
    assert placed() == {"net.pt.part", "net.pt.part.json"}
    weight_server.cut_at = None
    assert weights.fetch("net").file.path.read_bytes() == weight_server.content
    assert [wanted for wanted, _ in weight_server.asked] == [None, "bytes=1000-"]
    assert placed() == {"net.pt", "digests.json"}


@pytest.mark.parametrize("content", [b"<html>" * 40, b"\x80" * 400, b"PK\x03\x04" * 99])
def test_a_whole_download_that_fails_a_check_does_not_stay(
    weight_server: type[Server], content: bytes
) -> None:
    weight_server.content = content
    with pytest.raises(DataError, match=r"found a.*expected.*svbench weights import net FILE"):
        weights.fetch("net")
    assert placed() == set()


def test_another_digest_than_the_makers_is_refused(
    weight_server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(published.PUBLISHED["net"], sha256="0123")
    monkeypatch.setitem(published.PUBLISHED, "net", entry)
    digest = sha256(weight_server.content)
    with pytest.raises(DataError, match=rf"found sha256 {digest}, expected 0123\.\.\. \(net\)"):
        weights.fetch("net")
    assert placed() == set()


@pytest.mark.usefixtures("published")
def test_an_unreachable_server_is_one_line() -> None:
    with pytest.raises(DataError, match=r"cannot be fetched .* svbench weights import net FILE"):
        weights.fetch("net")


@pytest.mark.usefixtures("weight_server")
def test_only_one_process_brings_a_file() -> None:
    folder = weights.weights_folder()
    folder.mkdir(parents=True)
    with (
        weight_record.locked(folder / ".net.pt.lock", wait=False),
        pytest.raises(StoppedError, match=r"another svbench is bringing net\.pt there; wait for"),
    ):
        weights.fetch("net")
    assert placed() == set()
    assert weights.fetch("net").file.path.exists()


# --- the record --------------------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_a_digest_is_recorded_at_the_first_use_and_checked_ever_after(tmp_path: Path) -> None:
    content = write_state(tmp_path / "a.pt").read_bytes()
    path = by_hand("net", content)
    assert weights.require("net").sha256 == sha256(content)
    write_state(path, seed=1)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="as at its first use"):
        weights.require("net")


@pytest.mark.usefixtures("published")
def test_verify_reads_the_bytes_again_even_if_time_and_size_agree(tmp_path: Path) -> None:
    path = by_hand("net", write_state(tmp_path / "a.pt").read_bytes())
    weights.require("net")
    stat = path.stat()
    write_state(path, seed=1)
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights.find("net") is not None
    with pytest.raises(DataError, match="as at its first use"):
        weights.verify("net")


@pytest.mark.usefixtures("published")
def test_what_is_on_record_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    check = structure.check_structure
    monkeypatch.setattr(
        structure,
        "check_structure",
        lambda name, path, shown: (checked.append(name), check(name, path, shown)),
    )
    by_hand("net", write_state(tmp_path / "a.pt").read_bytes())
    assert [weights.find("net") for _ in range(3)] == [weights.require("net")] * 3
    assert checked == ["net"]
    monkeypatch.setattr(structure, "VERSION", 99)  # of the checks
    weights.find("net")
    assert checked == ["net", "net"]


@pytest.mark.usefixtures("published")
def test_an_entry_of_an_older_svbench_is_kept_and_its_file_checked() -> None:
    path = by_hand("net", b"some text\n" * 90)
    old = {"sha256": sha256(path.read_bytes()), "stamp": [900, path.stat().st_mtime_ns]}
    record = weights.weights_folder() / "digests.json"
    record.write_text(json.dumps({"net.pt": old, "gone.pt": old}))
    with pytest.raises(DataError, match="found a text of 900 bytes"):
        weights.find("net")
    write_state(path)
    record.write_text(
        json.dumps({"net.pt": {**old, "sha256": sha256(path.read_bytes())}, "gone.pt": old})
    )
    found = weights.verify("net")
    assert found is not None
    assert found.standing.startswith("right (digest as at its first use; sha256 ")
    assert json.loads(record.read_text()).keys() == {"net.pt", "gone.pt"}


def _record_in_child(folder: Path, number: int) -> None:
    for turn in range(10):
        entry = weight_record.Entry(f"{number:064x}", (1, 2))
        weight_record.add(folder, f"{number}-{turn}.pt", entry)


def test_processes_keep_each_others_entries(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    children = [spawn.Process(target=_record_in_child, args=(tmp_path, n)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    assert [child.exitcode for child in children] == [0] * 4
    assert len(weight_record.read(tmp_path)) == 40
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.usefixtures("published")
def test_a_folder_that_may_only_be_read_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand("net", write_state(tmp_path / "a.pt").read_bytes())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(weight_record.fcntl, "flock", refuse)
    assert weights.find("net") == weights.find("net")
    assert placed() == {"net.pt"}


@pytest.mark.usefixtures("published")
def test_what_trust_rests_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_state(tmp_path / "a.pt").read_bytes()
    digest, entry = sha256(content), published.PUBLISHED["net"]
    by_hand("net", content)

    def standing(**changes: str) -> str:
        monkeypatch.setitem(published.PUBLISHED, "net", replace(entry, **changes))
        found = weights.verify("net")
        assert found is not None
        return found.standing

    assert standing() == f"structure right, digest first seen here (sha256 {digest})"
    since = json.loads((weights.weights_folder() / "digests.json").read_text())["net.pt"]["first"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", since)
    assert standing() == f"right (digest as at its first use on {since}; sha256 {digest})"
    assert standing(others="f" * 64).endswith(f"{digest}; others record ffffffffffff...)")
    assert standing(others=digest) == f"right (digest as others record it; sha256 {digest})"
    assert standing(sha256=digest[:8]) == f"right (published digest; sha256 {digest})"


@pytest.mark.usefixtures("published")
def test_one_file_is_not_two_networks_of_one_structure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_state(tmp_path / "a.pt").read_bytes()
    entry = published.PUBLISHED["net"]
    twin = replace(entry, name="twin", file="twin.pt")
    monkeypatch.setitem(published.PUBLISHED, "twin", twin)
    (lists,) = tmp_path.glob("*/lists")
    (lists / "twin.json").write_text((lists / "net.json").read_text())
    by_hand("net", content)
    assert weights.verify("net") is not None
    by_hand("twin", content)
    with pytest.raises(
        DataError, match="found the file of net, expected other weights of the same"
    ):
        weights.verify("twin")


@pytest.mark.usefixtures("published")
def test_a_digest_that_others_record_needs_no_known_structure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = b"\x80" + bytes(range(200))
    entry = replace(published.PUBLISHED["net"], others=sha256(content))
    monkeypatch.setitem(published.PUBLISHED, "net", entry)
    path = by_hand("net", content)
    assert weights.require("net").sha256 == entry.others
    path.write_bytes(content + b"x")
    with pytest.raises(DataError, match="found a pickle that cannot be read"):
        weights.require("net")


# --- import ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_a_file_from_elsewhere_is_taken_if_it_is_right(tmp_path: Path) -> None:
    mine = write_state(tmp_path / "mine.bin")
    assert weights.put("net", mine).file.sha256 == sha256(mine.read_bytes())
    with pytest.raises(DataError, match=r"later\.bin: found sha256 .* as at its first use"):
        weights.put("net", write_state(tmp_path / "later.bin", seed=1))
    assert weights.require("net").path.read_bytes() == mine.read_bytes()
    assert weights.put("net", mine).standing.startswith("right (digest as at its first use on ")
    save_file(make_state(), tmp_path / "other.bin")
    assert weights.put("other", tmp_path / "other.bin").file.path.name == "other.pt"
    assert load_state(weights.require("other").path).keys() == make_state().keys()
    assert placed() == {"net.pt", "other.pt", "digests.json"}


@pytest.mark.usefixtures("published")
def test_a_full_disk_stops_an_import_and_the_old_file_stays(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = write_state(tmp_path / "mine.bin")
    weights.put("net", mine)

    def fill(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    problem = svbench("weights", "import", "net", mine).problem(75)
    assert "net.pt: could not be written (No space left on device); mend that" in problem
    assert placed() == {"net.pt", "digests.json"}
    assert weights.require("net").path.read_bytes() == mine.read_bytes()


@pytest.mark.usefixtures("published")
def test_a_source_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, svbench: Command
) -> None:
    mine, opened = write_state(tmp_path / "mine.bin"), Path.open

    def refuse(self: Path, *args: object, **options: object) -> object:
        if self == mine:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    problem = svbench("weights", "import", "net", mine).problem(3)
    assert problem == f"{mine}: cannot be read (Permission denied), expected net"
    assert placed() == set()


@pytest.mark.usefixtures("published")
def test_what_a_killed_import_left_is_cleared_away(tmp_path: Path) -> None:
    mine = write_state(tmp_path / "mine.bin")
    weights.weights_folder().mkdir(parents=True)
    (weights.weights_folder() / ".net.pt.4711.tmp").write_bytes(b"half")
    weights.put("net", mine)
    assert placed() == {"net.pt", "digests.json"}


@pytest.mark.usefixtures("published")
def test_an_absent_weight_names_the_command() -> None:
    with pytest.raises(DataError, match="expected a net; get it by: svbench weights fetch net"):
        weights.require("net")
    with pytest.raises(ConfigError, match="found 'nat', expected one of net, other, words"):
        weights.require("nat")
    with pytest.raises(ConfigError, match=r"found '\.\./net'"):
        weights.put("../net", Path("x"))


# --- states ------------------------------------------------------------------------------------

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2)}


def same(state: dict[str, torch.Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[k], STATE[k]) for k in STATE)


def test_states_are_read_from_every_published_form(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "plain.pt")
    torch.save({"state_dict": STATE, "epoch": 3}, tmp_path / "wrapped.pth")
    torch.save(STATE, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(STATE, tmp_path / "safe.safetensors")
    for file in tmp_path.iterdir():
        assert same(load_state(file)), file.name


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"a": Trap()})])
def test_what_is_no_state_is_one_line_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.pt: found no readable weights") as caught:
        load_state(tmp_path / "bad.pt")
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "trapped").exists()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(DataError, match="found list, expected a dict of tensors"):
        load_state(tmp_path / "list.pt")


def test_a_state_does_not_change_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(STATE, path)
    state = load_state(path)
    other = tmp_path / "other.safetensors"
    save_file({name: tensor + 1 for name, tensor in STATE.items()}, other)
    with path.open("r+b") as file:  # in place, as `cp` overwrites
        file.write(other.read_bytes())
    assert same(state)


def test_a_file_that_was_replaced_since_it_was_checked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(STATE, path)
    known = WeightFile("net", path, digest_file(path))
    assert same(load_checked(known))
    save_file({name: tensor + 1 for name, tensor in STATE.items()}, path)
    with pytest.raises(DataError, match="it was replaced meanwhile"):
        load_checked(known)
