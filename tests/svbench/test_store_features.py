"""Features in the store: only what was saved, whole and for these clips, is read back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.store import Store


def test_features_come_back_by_clip_digest(tmp_path: Path) -> None:
    blocks = {"d1": np.arange(6.0).reshape(3, 2), "d2": np.ones((1, 2))}
    Store(tmp_path).save_features("pixels-1", "real", 7, blocks)
    back = Store(tmp_path).load_features("pixels-1", "real", 7)
    assert back.keys() == blocks.keys()
    for digest, block in blocks.items():
        np.testing.assert_array_equal(back[digest], block)
    assert Store(tmp_path).load_features("pixels-2", "real", 7) == {}
    assert Store(tmp_path).load_features("pixels-1", "real", 8) == {}


BLOCKS = {"d1": np.arange(6.0).reshape(3, 2), "d2": np.ones((1, 2))}
Arrays = dict[str, Any]


@pytest.fixture
def kept_features(tmp_path: Path) -> Path:
    """Keep features of two clips, and return their file."""
    Store(tmp_path).save_features("pixels-1", "real", 0, BLOCKS)
    (file,) = (tmp_path / "features/pixels-1").iterdir()
    return file


def test_damaged_features_count_as_missing(kept_features: Path, tmp_path: Path) -> None:
    whole = kept_features.read_bytes()
    for content in (b"", b"PK\x03\x04 cut", whole[:-40], b"\x80\x04]\x94."):
        kept_features.write_bytes(content)
        assert Store(tmp_path).load_features("pixels-1", "real", 0) == {}


EDITS: dict[str, Callable[[Arrays], Arrays]] = {
    "digests permuted": lambda a: {"digests": a["digests"][::-1]},
    "a digest doubled": lambda a: {"digests": a["digests"][[0, 0]]},
    "a digest lost": lambda a: {"digests": a["digests"][:1]},
    "digests without dimension": lambda _: {"digests": np.array("d1")},
    "counts doubled": lambda a: {"counts": 2 * a["counts"]},
    "counts shifted": lambda a: {"counts": a["counts"][::-1]},
    "counts of floats": lambda a: {"counts": 1.0 * a["counts"]},
    "negative counts": lambda a: {"counts": -a["counts"]},
    "values edited": lambda a: {"values": a["values"] + 1},
    "values that are no numbers": lambda a: {"values": np.nan * a["values"]},
    "values of text": lambda a: {"values": a["values"].astype(str)},
    "values of another type": lambda a: {"values": a["values"].astype(np.float32)},
    "values of another shape": lambda a: {"values": a["values"].reshape(2, 4)},
    "values of one dimension": lambda a: {"values": a["values"][:, 0]},
    "values without dimension": lambda _: {"values": np.float64(1)},
    "values cut": lambda a: {"values": a["values"][:-1]},
    "no seal, as of older versions": lambda _: {"seal": None},
    "another seal": lambda _: {"seal": np.array("0" * 64)},
    "a seal of numbers": lambda _: {"seal": np.zeros(3)},
}


def write_arrays(file: Path, arrays: Arrays) -> None:
    with file.open("wb") as stream:
        np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
def test_edited_features_count_as_missing(
    edit: Callable[[Arrays], Arrays], kept_features: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    with np.load(kept_features) as found:
        arrays = dict(found)
    write_arrays(kept_features, arrays)
    assert store.load_features("pixels-1", "real", 0).keys() == BLOCKS.keys()
    write_arrays(kept_features, {**arrays, **edit(arrays)})
    assert store.load_features("pixels-1", "real", 0) == {}
    store.save_features("pixels-1", "real", 0, BLOCKS)
    assert store.load_features("pixels-1", "real", 0).keys() == BLOCKS.keys()


@pytest.mark.parametrize("whose", [("pixels-2", "real", 0), ("pixels-1", "made", 0)])
def test_features_under_the_name_of_others_count_as_missing(
    whose: tuple[str, str, int], kept_features: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.save_features(*whose, BLOCKS)
    store._features_path(*whose).write_bytes(kept_features.read_bytes())
    assert store.load_features(*whose) == {}


def single_array(file: Path) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.zeros(3))


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def broken_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("change", [single_array, pipe, broken_link, folder])
def test_what_is_no_file_of_features_counts_as_missing(
    change: Callable[[Path], None], kept_features: Path, tmp_path: Path
) -> None:
    change(kept_features)
    assert Store(tmp_path).load_features("pixels-1", "real", 0) == {}
