"""A small network in place of the published ones, and a folder for its weights."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from svbench.files.weights import folder as weights
from svbench.files.weights import published, structure
from svbench.files.weights.published import Published

SHAPES = {"stem.weight": (4, 3), "stem.bias": (4,), "head.weight": (2, 4)}
LEAST, MOST = 100, 200_000  # bytes of a file


def make_state(seed: int = 0) -> dict[str, Tensor]:
    """Return weights that fit."""
    numbers = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=numbers) for name, shape in SHAPES.items()}


def write_state(path: Path, seed: int = 0) -> Path:
    """Write weights that fit; files of equal numbers are equal whatever they are called."""
    file = io.BytesIO()
    torch.save(make_state(seed), file)
    path.write_bytes(file.getvalue())
    return path


def publish(
    monkeypatch: pytest.MonkeyPatch, folder: Path, address: str = "http://127.0.0.1:1/net.pt"
) -> None:
    """Let `net`, `other` (like it) and `words` (pairs) be all there is; weights lie in `folder`."""
    lists = folder / "lists"
    lists.mkdir(parents=True)
    tensors = {
        "form": "tensors",
        "bytes": [LEAST, MOST],
        "namings": {"ours": {**SHAPES, "count": []}},
        "may_lack": ["count"],
        "counters": ["count"],
    }
    merges = {"form": "merges", "bytes": [20, MOST], "numbers": {"merges": 3}}
    for name, values in {"net": tensors, "other": tensors, "words": merges}.items():
        (lists / f"{name}.json").write_text(json.dumps(values))
    monkeypatch.setattr(structure, "FOLDER", lists)
    structure.structure.cache_clear()
    entries = [
        Published("net", "net.pt", address, 3000, "MIT", "a net"),
        Published("other", "other.pt", address, 3000, "MIT", "another net"),
        Published("words", "words.txt.gz", address, 100, "MIT", "some pairs"),
    ]
    monkeypatch.setattr(published, "PUBLISHED", {entry.name: entry for entry in entries})
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(folder / "weights"))


def placed() -> set[str]:
    """Name what lies in the folder, but the locks."""
    folder = weights.weights_folder()
    files = folder.iterdir() if folder.exists() else ()
    return {file.name for file in files if not file.name.endswith(".lock")}
