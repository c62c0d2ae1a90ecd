"""The store: whole files or none, nothing trusted for its name, one owner at a time."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench import store as store_module
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.store import Store, digest_clip, file_name, locked, read_sample, replacing, write_text
from svbench.types import Clip, Recording, Request, Sample, SampleSet
from tests.factories import SPEC, make_clip

REQUEST = Request("a/0", "a square", seed=1)


def keep(store: Store, request: Request = REQUEST, seed: int = 0) -> Sample:
    store.put("toy", "recipe", request, make_clip(seed))
    sample = store.find("toy", "recipe", request)
    assert sample is not None
    return sample


# --- names -------------------------------------------------------------------------------------


@given(st.text(min_size=1))
def test_a_file_name_stays_inside_its_folder(identifier: str) -> None:
    name = file_name(identifier)
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith("..")
    assert len(name.encode()) < 255
    assert (Path("/run") / name).resolve().parent == Path("/run")


@given(st.lists(st.text(string.ascii_letters + "./_", min_size=1), unique=True, max_size=20))
def test_different_ids_get_different_names(identifiers: list[str]) -> None:
    assert len({file_name(i) for i in identifiers}) == len(identifiers)


# --- atomic files ------------------------------------------------------------------------------


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["x.txt"]


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoppedError, match=r"x\.txt: could not be written \(No space left"):
        write_text(tmp_path / "x.txt", "new")
    assert not list(tmp_path.iterdir())


# --- samples -----------------------------------------------------------------------------------


def test_a_clip_comes_back_as_it_was_put(tmp_path: Path) -> None:
    sample = keep(Store(tmp_path))
    clip = make_clip(0)
    read = read_sample(sample, SampleSet("toy", SPEC, (sample,), "", stored=True), "conformed")
    np.testing.assert_array_equal(read.video, clip.video)
    np.testing.assert_allclose(read.audio, clip.audio, atol=0.5 / 2**23)
    assert sample.digest == digest_clip(read)


def test_only_what_was_made_in_just_this_way_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.find("toy", "recipe", REQUEST) is None
    keep(store)
    assert store.find("toy", "another recipe", REQUEST) is None
    assert store.find("toy", "recipe", Request("b/0", "", seed=1)) is None
    assert store.find("other", "recipe", REQUEST) is None


def test_a_damaged_clip_counts_as_missing(tmp_path: Path) -> None:
    sample = keep(Store(tmp_path))
    sample.recording.path.write_bytes(b"not a film")
    assert Store(tmp_path).find("toy", "recipe", REQUEST) is None


def test_a_clip_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = keep(store), keep(store, Request("b/0", "", 2), seed=5)
    samples = SampleSet("toy", SPEC, (first, second), "", stored=True)
    first.recording.path.write_bytes(second.recording.path.read_bytes())
    with pytest.raises(DataError, match="found other content than was put there"):
        read_sample(first, samples, "conformed")


def test_a_seal_lists_the_samples_and_its_digest_follows_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = keep(store), keep(store, Request("b/0", "", 2), seed=5)
    whole = store.seal("toy", SPEC, [first, second])
    manifest = (tmp_path / "samples/toy/manifest.jsonl").read_text()
    lines = [json.loads(line) for line in manifest.splitlines()]
    assert [line.get("id") for line in lines] == ["a/0", "b/0", None]
    assert lines[-1] == {"sealed": whole.digest, "count": 2}
    assert (tmp_path / "samples/toy" / lines[0]["file"]) == first.recording.path
    assert store.seal("toy", SPEC, [second, first]).digest != whole.digest


def test_the_digest_of_a_clip_sees_picture_sound_and_format() -> None:
    clip = make_clip(0)
    video, audio = clip.video.copy(), clip.audio.copy()
    video[0, 0, 0, 0] ^= 1
    audio[0] += 0.5
    digests = {digest_clip(c) for c in (clip, Clip(video, clip.audio, SPEC))}
    digests.add(digest_clip(Clip(clip.video, audio, SPEC)))
    assert len(digests) == 3


# --- features ----------------------------------------------------------------------------------


def test_features_come_back_by_clip_digest(tmp_path: Path) -> None:
    blocks = {"d1": np.arange(6.0).reshape(3, 2), "d2": np.ones((1, 2))}
    Store(tmp_path).save_features("pixels-1", "real", 7, blocks)
    back = Store(tmp_path).load_features("pixels-1", "real", 7)
    assert back.keys() == blocks.keys()
    for digest, block in blocks.items():
        np.testing.assert_array_equal(back[digest], block)
    assert Store(tmp_path).load_features("pixels-2", "real", 7) == {}
    assert Store(tmp_path).load_features("pixels-1", "real", 8) == {}


def test_damaged_features_count_as_missing(tmp_path: Path) -> None:
    Store(tmp_path).save_features("pixels-1", "real", 0, {"d": np.ones((1, 2))})
    (file,) = (tmp_path / "features/pixels-1").iterdir()
    for content in (b"", b"PK\x03\x04 cut", file.read_bytes()[:-40]):
        file.write_bytes(content)
        assert Store(tmp_path).load_features("pixels-1", "real", 0) == {}


# --- the lock ----------------------------------------------------------------------------------


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match=f"process {os.getpid()} on ")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = pytest.raises(ConfigError, match=r"--out .*file/run: cannot be written to")
    with refused, locked(tmp_path / "file" / "run"):
        pass


def test_a_recorded_clip_is_read_in_the_view_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(store_module.media, "read_native", lambda r: calls.append(("native", r)))
    monkeypatch.setattr(
        store_module.media, "read", lambda r, s, pad: calls.append(("conformed", r, s, pad))
    )
    sample = Sample("a/0", "", Recording(tmp_path / "a.mp4"), "d")
    samples = SampleSet("folder", SPEC, (sample,), "", pad=True)
    read_sample(sample, samples, "native")
    read_sample(sample, samples, "conformed")
    assert calls == [
        ("native", sample.recording),
        ("conformed", sample.recording, SPEC, True),
    ]
