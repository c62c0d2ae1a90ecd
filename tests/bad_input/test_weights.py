"""Files that are not the weights they are imported as: one line each, and nothing changes."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from svbench.files.weights import folder as weights
from tests.factories.commands import Command
from tests.factories.weights import MOST, make_state, placed, write_state

pytestmark = pytest.mark.usefixtures("published")


class Trap:
    """Creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trapped",)


class Waking(torch.nn.Module):
    """Runs code of its own when TorchScript loads it."""

    def __init__(self) -> None:
        super().__init__()
        self.training = False

    @torch.jit.export
    def __getstate__(self) -> int:
        return 1

    @torch.jit.export
    def __setstate__(self, state: int) -> None:
        self.training = state > 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def changed(**tensors: object) -> bytes:
    return saved({**make_state(), **tensors})


def nested(depth: int) -> bytes:
    state: dict[str, Any] = make_state()
    for _ in range(depth):
        state = {"model": state}
    return saved(state)


def script(module: torch.nn.Module) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), file)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"net/{name}.pkl", content)
    return file.getvalue()


def headed(header: object, numbers: int = 96) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(numbers)


def torch_bytes() -> bytes:
    return saved(make_state())


STEM = {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}
NETWORKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "found an empty file of 0 bytes, expected net"),
    "text": (lambda: b"some words\n" * 90, "found a text of 990 bytes, expected net"),
    "page": (lambda: b"\n<!DOCTYPE html><html>no" * 90, "found an HTML page of"),
    "page, plain": (lambda: b"<HTML><body>Sign in</body>" * 9, "found an HTML page of"),
    "XML": (lambda: b"<?xml version='1.0'?><Error/>" * 9, "found an XML text of"),
    "JSON": (lambda: b'{"error": "rate limit"}' * 9, "found a JSON text of"),
    "pointer": (lambda: b"version https://git-lfs\noid 1\n" * 9, "found a Git LFS pointer of"),
    "too small": (
        lambda: b"\x80\x02}.",
        "found 4 bytes, expected about 3,000 (net; 100 to 200,000",
    ),
    "too large": (lambda: b"\x80" * (MOST + 1), "found 200,001 bytes, expected about 3,000"),
    "noise": (lambda: bytes(range(256)) * 9, "found an unknown kind of file, expected weights"),
    "cut zip": (lambda: torch_bytes()[:1500], "found a cut or damaged zip file, expected"),
    "cut old": (
        lambda: saved(make_state(), _use_new_zipfile_serialization=False)[:-40],
        "found a pickle that cannot be read",
    ),
    "some zip": (lambda: zipped(words=b"x" * 200), "found a zip file, expected weights"),
    "zip bomb": (lambda: zipped(data=bytes(65 << 20)), "would unpack to more than 67,108,864"),
    "code": (
        lambda: pickle.dumps({"a": Trap(), "b": "x" * 200}),
        "found a pickle that cannot be read (it holds more than numbers by name",
    ),
    "code in zip": (
        lambda: saved({**make_state(), "x": Trap()}),
        "found a torch archive that cannot be read (it holds more than numbers by name",
    ),
    "code in TorchScript": (lambda: script(Waking()), "it runs code while it is loaded"),
    "whole module": (lambda: saved(torch.nn.Linear(9, 9)), "it holds more than numbers by name"),
    "a list": (lambda: saved([torch.zeros(99)]), "found list, expected a dict of tensors"),
    "not all tensors": (lambda: changed(epoch=3), "found int under 'epoch', expected tensors"),
    "numbered": (lambda: saved({0: torch.zeros(99)}), "found Tensor under 0, expected tensors"),
    "too deep": (lambda: nested(4), "found dict under 'model', expected tensors by name"),
    "far too deep": (lambda: nested(200), "found dict under 'model', expected tensors by name"),
    "another network": (
        lambda: saved({f"layer{i}": torch.zeros(9) for i in range(4)}),
        "found 4 tensors, unknown 'layer0', expected the 4 that begin with 'stem.weight'",
    ),
    "another in TorchScript": (
        lambda: script(torch.nn.Linear(9, 9)),
        "found 2 tensors, unknown 'weight', expected",
    ),
    "one too few": (
        lambda: saved({n: t for n, t in make_state().items() if n != "head.weight"}),
        "found 2 tensors, no 'head.weight', expected the 4",
    ),
    "one too many": (lambda: changed(tail=torch.zeros(1)), "found 4 tensors, unknown 'tail'"),
    "evil name": (lambda: changed(**{"a\nb" * 99: torch.zeros(1)}), r"unknown 'a\nba\nba"),
    "another shape": (
        lambda: changed(**{"head.weight": torch.zeros(4, 2)}),
        "found 'head.weight' of shape (4, 2), expected (2, 4)",
    ),
    "whole numbers": (
        lambda: changed(**{"stem.bias": torch.zeros(4, dtype=torch.int64)}),
        "found 'stem.bias' of type int64, expected floating numbers",
    ),
    "complex numbers": (
        lambda: changed(**{"stem.bias": torch.zeros(4, dtype=torch.complex64)}),
        "found 'stem.bias' of type complex64, expected floating numbers",
    ),
    "sparse": (
        lambda: changed(**{"stem.weight": torch.zeros(4, 3).to_sparse()}),
        "found 'stem.weight' stored sparsely",
    ),
    "arrays": (
        lambda: saved({"stem.weight": np.zeros((4, 3))}),
        "found ndarray under 'stem.weight', expected tensors by name",
    ),
    "safetensors, false offsets": (
        lambda: headed({"stem.weight": {**STEM, "data_offsets": [0, 480]}}),
        "found a safetensors file that cannot be read",
    ),
    "safetensors, false length": (
        lambda: struct.pack("<Q", 1 << 31) + b'{"' + bytes(200),
        "found a safetensors file that cannot be read",
    ),
    "safetensors, no JSON": (
        lambda: headed(b"{" * 300),
        "found a safetensors file that cannot be read",
    ),
    "safetensors, cut": (
        lambda: save(make_state())[:-8],
        "found a safetensors file that cannot be read",
    ),
    "safetensors, whole numbers": (
        lambda: save({**make_state(), "stem.bias": torch.zeros(4, dtype=torch.int32)}),
        "found 'stem.bias' of type int32",
    ),
    "gzip": (lambda: gzip.compress(os.urandom(300)), "found a gzip file, expected weights"),
}

PAIRS = b"#version: 0.2\na b\nab c</w>\nd e\n"
WORDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "page": (lambda: b"<html><body>not found</body></html>", "found an HTML page of 35 bytes"),
    "no header": (
        lambda: b"a b\nab c</w>\nd e\nf g\n",
        "found 'a b' in line 1, expected '#version",
    ),
    "too few": (lambda: b"#version: 0.2\na b\nab c</w>\n", "found no pair in line 4, expected 3"),
    "no pair": (lambda: b"#version: 0.2\na b\nabc</w>\nd e", "found no pair in line 3, expected 3"),
    "twice": (lambda: b"#version: 0.2\na b\na b\nd e</w>", "the pairs of another tokenizer"),
    "of another": (lambda: b"#version: 0.2\na b\nab c\nd e\n", "the pairs of another tokenizer"),
    "cut": (lambda: gzip.compress(PAIRS)[:-12], "found a gzip file that cannot be read"),
    "damaged": (
        lambda: gzip.compress(PAIRS)[:-8] + bytes(8),
        "found a gzip file that cannot be read (CRC check failed",
    ),
    "bomb": (
        lambda: gzip.compress(bytes(65 << 20)),
        "found a gzip file of more than 67,108,864 bytes when unpacked",
    ),
    "not UTF-8": (lambda: gzip.compress(b"#version\n\xff\xfe a\n"), "codec can't decode"),
}
CASES = [("net", key) for key in NETWORKS] + [("words", key) for key in WORDS]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_what_is_something_else_is_one_line_and_the_old_file_stays(
    name: str, case: str, svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = write_state(tmp_path / "good.pt") if name == "net" else tmp_path / "good.txt"
    if name == "words":
        good.write_bytes(PAIRS)
    weights.put(name, good)
    before, record = weights.find(name), (weights.weights_folder() / "digests.json").read_bytes()
    make, message = {"net": NETWORKS, "words": WORDS}[name][case]
    (tmp_path / "bad.bin").write_bytes(make())

    problem = svbench("weights", "import", name, "bad.bin").problem(3)
    assert problem.startswith("bad.bin: found ")
    assert message in problem
    assert len(problem) < 400
    assert not (tmp_path / "trapped").exists()
    assert weights.find(name) == before
    assert before is not None
    assert before.path.read_bytes() == good.read_bytes()
    assert (weights.weights_folder() / "digests.json").read_bytes() == record
    assert placed() == {before.path.name, "digests.json"}


@pytest.mark.parametrize("case", ["text", "one too few", "cut zip"])
def test_what_was_put_into_the_folder_by_hand_is_checked_as_well(
    case: str, svbench: Command
) -> None:
    path = weights.weights_folder() / "net.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(NETWORKS[case][0]())
    for words in (("verify",), ("fetch", "net"), ("fetch", "net", "--offline"), ("list",)):
        problem = svbench("weights", *words).problem(3)
        assert problem.startswith(f"{path}: found ")
        assert NETWORKS[case][1] in problem
    assert placed() == {"net.pt"}


def test_sources_that_are_no_file(svbench: Command, tmp_path: Path) -> None:
    weights.put("net", write_state(tmp_path / "good.pt"))
    (tmp_path / "link.pt").symlink_to(weights.weights_folder() / "net.pt")
    os.mkfifo(tmp_path / "pipe")
    for source, message in {
        "gone.pt": "found nothing there, expected a net",
        ".": "found a folder, expected a net",
        "pipe": "found no regular file, expected a net",
        "link.pt": "found the file that is in place already, expected one from elsewhere",
    }.items():
        problem = svbench("weights", "import", "net", tmp_path / source).problem(3)
        assert message in problem
    assert weights.find("net") is not None
    (weights.weights_folder() / "other.pt").mkdir()
    assert "other.pt: found a folder" in svbench("weights", "verify").problem(3)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        '"text"',
        '{"net.pt": 3}',
        '{"net.pt": {}}',
        '{"net.pt": {"sha256": 3, "stamp": [1, 2]}}',
        '{"net.pt": {"sha256": "../../x", "stamp": [1, 2]}}',
        '{"net.pt": {"sha256": "%s", "stamp": "now"}}' % ("0" * 64),
        '{"net.pt": {"sha256": "%s", "stamp": [1, true]}}' % ("0" * 64),
        '{"net.pt": {"sha256": "%s", "stamp": [1, 2], "passed": "yes"}}' % ("0" * 64),
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_damaged_record_is_one_line_and_stays(
    content: str, svbench: Command, tmp_path: Path
) -> None:
    weights.put("net", write_state(tmp_path / "good.pt"))
    record = weights.weights_folder() / "digests.json"
    record.write_bytes(content.encode("utf-8", "surrogateescape"))
    problem = svbench("weights", "fetch", "net", "--offline").problem(3)
    assert problem.startswith(f"{record}: found no record of digests (")
    assert len(problem) < 500
    assert record.read_bytes() == content.encode("utf-8", "surrogateescape")
