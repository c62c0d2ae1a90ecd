"""Features on disk: only what was saved, whole and for this clip, is read back; shared too."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.errors import ConfigError
from svbench.files import feature_store
from svbench.files.feature_store import CACHE, FeatureStore, shared_cache
from svbench.files.store import Store
from svbench.files.writing import MARK

VALUES = np.arange(6.0).reshape(3, 2)
WHOSE = ("pixels-1", "d1")
Arrays = dict[str, Any]


def test_features_come_back_by_extractor_and_clip(tmp_path: Path) -> None:
    FeatureStore(tmp_path).save(*WHOSE, VALUES)
    back = FeatureStore(tmp_path).load(*WHOSE)
    np.testing.assert_array_equal(back, VALUES)
    assert FeatureStore(tmp_path).load("pixels-2", "d1") is None
    assert FeatureStore(tmp_path).load("pixels-1", "d2") is None


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Keep features of a clip, and return their file."""
    FeatureStore(tmp_path).save(*WHOSE, VALUES)
    (file,) = tmp_path.rglob("*.npz")
    return file


def test_damaged_features_count_as_missing(kept: Path, tmp_path: Path) -> None:
    whole = kept.read_bytes()
    for content in (b"", b"PK\x03\x04 cut", whole[:-40], b"\x80\x04]\x94."):
        kept.write_bytes(content)
        assert FeatureStore(tmp_path).load(*WHOSE) is None


EDITS: dict[str, Callable[[Arrays], Arrays]] = {
    "values edited": lambda a: {"values": a["values"] + 1},
    "values that are no numbers": lambda a: {"values": np.nan * a["values"]},
    "values of text": lambda a: {"values": a["values"].astype(str)},
    "values of another type": lambda a: {"values": a["values"].astype(np.float32)},
    "values of another shape": lambda a: {"values": a["values"].reshape(2, 3)},
    "values of one dimension": lambda a: {"values": a["values"].ravel()},
    "values without dimension": lambda _: {"values": np.float64(1)},
    "values cut": lambda a: {"values": a["values"][:-1]},
    "no seal": lambda _: {"seal": None},
    "another seal": lambda _: {"seal": np.array("0" * 64)},
    "a seal of numbers": lambda _: {"seal": np.zeros(3)},
}


def write_arrays(file: Path, arrays: Arrays) -> None:
    with file.open("wb") as stream:
        np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
def test_edited_features_count_as_missing(
    edit: Callable[[Arrays], Arrays], kept: Path, tmp_path: Path
) -> None:
    store = FeatureStore(tmp_path)
    with np.load(kept) as found:
        arrays = dict(found)
    write_arrays(kept, arrays)
    assert store.load(*WHOSE) is not None
    write_arrays(kept, {**arrays, **edit(arrays)})
    assert store.load(*WHOSE) is None
    store.save(*WHOSE, VALUES)
    assert store.load(*WHOSE) is not None


@pytest.mark.parametrize("whose", [("pixels-2", "d1"), ("pixels-1", "d2")])
def test_features_under_the_name_of_others_count_as_missing(
    whose: tuple[str, str], kept: Path, tmp_path: Path
) -> None:
    store = FeatureStore(tmp_path)
    store.save(*whose, VALUES)
    store._path(*whose).write_bytes(kept.read_bytes())
    assert store.load(*whose) is None


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
    change: Callable[[Path], None], kept: Path, tmp_path: Path
) -> None:
    change(kept)
    assert FeatureStore(tmp_path).load(*WHOSE) is None


# --- the shared cache ----------------------------------------------------------------------------


def cache_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    monkeypatch.setenv(CACHE, str(root))
    found = shared_cache()
    assert found is not None
    return found


def test_without_the_variable_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    assert shared_cache() is None
    monkeypatch.setenv(CACHE, "")
    assert shared_cache() is None


def test_what_one_run_measured_another_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_at(tmp_path / "cache", monkeypatch)
    Store(tmp_path / "one", cache).save_features(*WHOSE, VALUES)
    two = Store(tmp_path / "two", cache)
    np.testing.assert_array_equal(two.load_features(*WHOSE), VALUES)
    alone = Store(tmp_path / "two")  # it keeps its own copy, should the cache go
    np.testing.assert_array_equal(alone.load_features(*WHOSE), VALUES)
    assert Store(tmp_path / "three").load_features(*WHOSE) is None


def test_features_of_other_libraries_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_at(tmp_path, monkeypatch).save(*WHOSE, VALUES)
    monkeypatch.setattr(feature_store, "version", lambda name: f"{name} of another day")
    assert cache_at(tmp_path, monkeypatch).load(*WHOSE) is None


def save_often(root: Path) -> int:
    """Save and load the same few clips; return how often one was absent or another's."""
    store, wrong = FeatureStore(root), 0
    for turn in range(40):
        values = np.full((2, 500), float(turn % 4))
        store.save("pixels-1", f"d{turn % 4}", values)
        found = store.load("pixels-1", f"d{turn % 4}")
        wrong += found is None or not np.array_equal(found, values)
    return wrong


def test_many_processes_may_write_the_same_clips_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3) as pool:
        assert list(pool.map(save_often, [tmp_path] * 3)) == [0, 0, 0]
    assert not list(tmp_path.rglob(f"*{MARK}"))


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path, problem in {
        file: "found a file, expected a folder",
        file / "in": "cannot be written (Not a directory)",
    }.items():
        with pytest.raises(ConfigError) as caught:
            cache_at(path, monkeypatch)
        assert str(caught.value) == f"{CACHE} {path}: {problem}"
    monkeypatch.setenv(CACHE, "a\nb")
    with pytest.raises(ConfigError, match=rf"{CACHE}: found 'a.*', expected the path of a folder"):
        shared_cache()
