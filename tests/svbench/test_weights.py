"""Weights: fetched whole, gone on with, checked against what is known, never unpickled."""

from __future__ import annotations

import hashlib
import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from svbench import weights
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.weights import Published, WeightFile, load_state
from tests.commands import Command

CONTENT = bytes(range(256)) * 9000  # 2.3 MB: several chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT, by ranges; `cut_at` ends each answer early, as a lost connection does."""

    cut_at = None
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers["Range"])
        first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if first >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        self.wfile.write(CONTENT[first : self.cut_at])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    handler = type("Handler", (Server,), {"asked": []})
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{http_server.server_port}/net.pt"
        entries = {
            "net": Published("net", "net.pt", address, len(CONTENT), "MIT", "a net", DIGEST[:8]),
            "other": Published("other", "other.pt", address, len(CONTENT), "MIT", "another net"),
        }
        monkeypatch.setattr(weights, "PUBLISHED", entries)
        yield handler
        http_server.shutdown()
        thread.join()


def test_a_file_is_fetched_once(server: type[Server]) -> None:
    assert weights.find("net") is None
    steps = []
    found = weights.fetch("net", lambda done, whole: steps.append((done, whole)))
    assert found.path.read_bytes() == CONTENT
    assert found.sha256 == DIGEST
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert weights.fetch("net") == found == weights.find("net") == weights.require("net")
    assert server.asked == ["bytes=0-"]


def test_an_interrupted_download_is_gone_on_with(server: type[Server]) -> None:
    server.cut_at = 1_500_000
    with pytest.raises(StoppedError, match=f"ended at 1500000 of {len(CONTENT)} bytes"):
        weights.fetch("net")
    assert weights.find("net") is None
    server.cut_at = None
    assert weights.fetch("net").path.read_bytes() == CONTENT
    assert server.asked == ["bytes=0-", "bytes=1500000-"]
    assert not list(weights.folder().glob("*.part"))


@pytest.mark.usefixtures("server")
def test_wrong_bytes_are_refused_and_do_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.PUBLISHED["net"]
    wrong = Published(*[getattr(entry, n) for n in entry.__slots__[:-1]], "0123")
    monkeypatch.setitem(weights.PUBLISHED, "net", wrong)
    with pytest.raises(DataError, match=rf"found sha256 {DIGEST}, expected 0123\.\.\."):
        weights.fetch("net")
    assert not list(weights.folder().glob("net*"))


@pytest.mark.usefixtures("server")
def test_an_unreachable_server_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Published("net", "net.pt", "http://127.0.0.1:1/net.pt", 1, "MIT", "a net")
    monkeypatch.setitem(weights.PUBLISHED, "net", nowhere)
    with pytest.raises(DataError, match=r"cannot be fetched .* svbench weights import net FILE"):
        weights.fetch("net")


@pytest.mark.usefixtures("server")
def test_a_digest_is_recorded_at_the_first_use_and_checked_ever_after() -> None:
    path = weights.folder() / "other.pt"
    path.parent.mkdir()
    path.write_bytes(b"first")
    first = weights.require("other")
    assert first.sha256 == hashlib.sha256(b"first").hexdigest()
    path.write_bytes(b"later")
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="as at its first use"):
        weights.require("other")


@pytest.mark.usefixtures("server")
def test_verify_reads_the_bytes_again_even_if_time_and_size_agree() -> None:
    path = weights.folder() / "other.pt"
    path.parent.mkdir()
    path.write_bytes(b"first")
    weights.require("other")
    stat = path.stat()
    path.write_bytes(b"later")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights.find("other") is not None
    with pytest.raises(DataError, match="as at its first use"):
        weights.verify("other")


@pytest.mark.usefixtures("server")
def test_a_file_from_elsewhere_is_taken_if_it_is_right(tmp_path: Path) -> None:
    (tmp_path / "mine.bin").write_bytes(CONTENT)
    assert weights.put("net", tmp_path / "mine.bin").sha256 == DIGEST
    (tmp_path / "bad.bin").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"bad\.bin: found sha256"):
        weights.put("net", tmp_path / "bad.bin")
    assert weights.require("net").path.read_bytes() == CONTENT


@pytest.mark.usefixtures("server")
def test_an_absent_weight_names_the_command() -> None:
    with pytest.raises(DataError, match="expected a net; get it by: svbench weights fetch net"):
        weights.require("net")
    with pytest.raises(ConfigError, match="found 'nat', expected one of net, other"):
        weights.require("nat")


def test_the_commands(server: type[Server], svbench: Command, tmp_path: Path) -> None:
    assert "MIT" in svbench("weights", "list").out
    offline = svbench("weights", "fetch", "net", "--offline")
    assert offline.code == 3
    assert "svbench weights fetch net" in offline.err
    assert server.asked == []
    fetched = svbench("weights", "fetch", "net")
    assert (fetched.code, DIGEST in fetched.out) == (0, True)
    (tmp_path / "other.bin").write_bytes(b"x")
    assert svbench("weights", "import", "other", tmp_path / "other.bin").code == 0
    assert svbench("weights", "verify").out.count("right") == 2
    (weights.folder() / "net.pt").write_bytes(b"broken")
    assert svbench("weights", "verify").code == 3


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
    known = WeightFile("net", path, weights.sha256(path))
    assert same(weights.load(known))
    save_file({name: tensor + 1 for name, tensor in STATE.items()}, path)
    with pytest.raises(DataError, match="it was replaced meanwhile"):
        weights.load(known)
