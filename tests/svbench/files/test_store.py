"""The store: nothing trusted for its name, nothing kept under a digest that is not its own."""

from __future__ import annotations

import hashlib
import json
import os
import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import ConfigError, DataError, StoppedError
from svbench.files import store as store_module
from svbench.files.seals import seal_of
from svbench.files.set_manifest import Kept
from svbench.files.store import (
    Originals,
    Store,
    digest_clip,
    file_name,
    identify,
    read_sample,
)
from svbench.types import Clip, Recording, Request, Sample, SampleSet
from tests.factories.clips import SPEC, make_clip, write_clip

REQUEST = Request("a/0", "a square", seed=1)


def keep(store: Store, request: Request = REQUEST, seed: int = 0) -> Kept:
    kept = store.put("toy", "recipe", request, make_clip(seed))
    assert find(store, request) == kept
    return kept


def find(store: Store, request: Request = REQUEST, how: str = "recipe") -> Kept | None:
    return store.find("toy", how, request, SPEC, store.sealed("toy"))


# --- names -------------------------------------------------------------------------------------


@given(st.text(min_size=1))
def test_a_file_name_stays_inside_its_folder(identifier: str) -> None:
    name = file_name(identifier)
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith("..")
    assert len(name.encode()) < 220  # endings and marks of temporary names come to it
    assert (Path("/run") / name).resolve().parent == Path("/run")


@given(st.lists(st.text(string.ascii_letters + "./_", min_size=1), unique=True, max_size=20))
def test_different_ids_get_different_names(identifiers: list[str]) -> None:
    assert len({file_name(i) for i in identifiers}) == len(identifiers)


# --- samples -----------------------------------------------------------------------------------


def test_a_clip_comes_back_as_it_was_put(tmp_path: Path) -> None:
    sample = keep(Store(tmp_path)).sample
    clip = make_clip(0)
    read = read_sample(sample, SampleSet("toy", SPEC, (sample,), "", stored=True), "conformed")
    np.testing.assert_array_equal(read.video, clip.video)
    np.testing.assert_allclose(read.audio, clip.audio, atol=0.5 / 2**23)
    assert sample.digest == digest_clip(read)


def test_only_what_was_made_in_just_this_way_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert find(store) is None
    keep(store)
    assert find(store, how="another recipe") is None
    assert find(store, Request("b/0", "", seed=1)) is None
    assert store.find("other", "recipe", REQUEST, SPEC, {}) is None


def spoil(path: Path) -> None:
    path.write_text("no clip any more")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def turn_a_bit(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize("damage", [spoil, cut, turn_a_bit])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_clip_counts_as_missing(
    damage: Callable[[Path], None], sealed: bool, tmp_path: Path
) -> None:
    store, kept = Store(tmp_path), keep(Store(tmp_path))
    if sealed:
        store.seal("toy", SPEC, [kept])
    damage(kept.sample.recording.path)
    assert find(store) is None


def test_a_sealed_clip_is_not_decoded_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, kept = Store(tmp_path), keep(Store(tmp_path))
    store.seal("toy", SPEC, [kept])
    monkeypatch.setattr(store_module.media, "read_lossless", lambda *_: pytest.fail("decoded"))
    assert find(store) == kept


def test_a_clip_that_the_manifest_describes_is_not_opened_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, kept = Store(tmp_path), keep(Store(tmp_path))
    store.seal("toy", SPEC, [kept])
    monkeypatch.setattr(store_module.media, "read_comment", lambda *_: pytest.fail("opened"))
    assert find(store) == kept


def without_seal(lines: list[dict[str, Any]]) -> None:
    del lines[-1]["seal"]


def with_another_digest(lines: list[dict[str, Any]]) -> None:
    lines[0]["digest"] = "0" * 64


def with_another_recipe(lines: list[dict[str, Any]]) -> None:
    lines[0]["made_by"] = "another recipe"


def as_older_versions_wrote_it(lines: list[dict[str, Any]]) -> None:
    del lines[-1]["seal"], lines[0]["made_by"]


@pytest.mark.parametrize(
    "edit",
    [without_seal, with_another_digest, with_another_recipe, as_older_versions_wrote_it],
)
def test_of_an_edited_manifest_only_the_digests_of_files_are_believed(
    edit: Callable[[list[dict[str, Any]]], None], tmp_path: Path
) -> None:
    store, kept = Store(tmp_path), keep(Store(tmp_path))
    store.seal("toy", SPEC, [kept])
    manifest = tmp_path / "samples/toy/manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    edit(lines)
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert find(store) == kept
    assert find(store, how="another recipe") is None


def test_a_pipe_in_place_of_a_clip_is_not_waited_for(tmp_path: Path) -> None:
    store, kept = Store(tmp_path), keep(Store(tmp_path))
    kept.sample.recording.path.unlink()
    os.mkfifo(kept.sample.recording.path)
    assert find(store) is None


def test_a_clip_made_again_after_the_seal_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.seal("toy", SPEC, [keep(store)])
    assert keep(store, seed=3).sample.digest == digest_clip(
        read_sample(keep(store, seed=3).sample, SampleSet("toy", SPEC, (), "", stored=True), "")
    )


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"file": "a"}\n{"count": 1}', '{"count": 1}'])
def test_a_damaged_manifest_names_no_file(text: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.seal("toy", SPEC, [keep(store)])
    (tmp_path / "samples/toy/manifest.jsonl").write_text(text)
    assert store.sealed("toy") == {}


def test_a_manifest_that_nests_too_deep_names_no_file_and_a_pipe_is_not_waited_for(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    listed = tmp_path / "samples/toy/manifest.jsonl"
    store.seal("toy", SPEC, [keep(store)])
    listed.write_text("[" * 99_999)
    assert store.sealed("toy") == {}
    listed.unlink()
    os.mkfifo(listed)
    assert store.sealed("toy") == {}


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\f", "\r\n"])
def test_line_separators_in_a_caption_leave_the_manifest_whole(
    separator: str, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    kept = keep(store, Request("a/0", f"a square{separator}and a circle", seed=1))
    store.seal("toy", SPEC, [kept])
    (listed,) = store.sealed("toy").values()
    assert (listed.size, listed.sha256, listed.digest) == (
        kept.size,
        kept.sha256,
        kept.sample.digest,
    )


def test_a_clip_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = (k.sample for k in (keep(store), keep(store, Request("b/0", "", 2), seed=5)))
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
    assert lines[-1] == {"sealed": whole.digest, "count": 2, "seal": seal_of(lines[:-1])}
    path = tmp_path / "samples/toy" / lines[0]["file"]
    assert path == first.sample.recording.path
    assert (lines[0]["size"], lines[0]["sha256"]) == (first.size, first.sha256)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first.sha256
    assert store.seal("toy", SPEC, [second, first]).digest != whole.digest


def test_the_digest_of_a_clip_sees_picture_sound_and_format() -> None:
    clip = make_clip(0)
    video, audio = clip.video.copy(), clip.audio.copy()
    video[0, 0, 0, 0] ^= 1
    audio[0] += 0.5
    digests = {digest_clip(c) for c in (clip, Clip(video, clip.audio, SPEC))}
    digests.add(digest_clip(Clip(clip.video, audio, SPEC)))
    assert len(digests) == 3


# --- clips recorded elsewhere --------------------------------------------------------------------


def recording(path: Path, *, apart: bool = False) -> Recording:
    write_clip(path, seed=1, apart=apart)
    return Recording(path, 0.0, path.with_suffix(".wav") if apart else None)


def described(found: Recording) -> tuple[Sample, SampleSet]:
    digest, stamp = identify(found, SPEC, pad=False)
    sample = Sample("a/0", "", found, digest, stamp)
    return sample, SampleSet("folder", SPEC, (sample,), "")


def test_how_a_recording_is_read_decides_its_digest(tmp_path: Path) -> None:
    found = recording(tmp_path / "a.mp4")
    specs = [
        SPEC,
        replace(SPEC, frame_choice="official"),
        replace(SPEC, channels="first"),
        replace(SPEC, frame_choice="official", channels="first"),
    ]
    assert len({identify(found, spec, pad=False)[0] for spec in specs}) == 4
    assert len({str(spec) for spec in specs}) == 4
    assert repr(SPEC) == (  # as before there was a choice: digests on disk still hold
        f"ClipSpec(frames={SPEC.frames}, fps={SPEC.fps}, size={SPEC.size}, "
        f"sample_rate={SPEC.sample_rate})"
    )


def test_a_recorded_clip_is_read_in_the_view_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sample, samples = described(recording(tmp_path / "a.mp4"))
    monkeypatch.setattr(
        store_module.media,
        "read_native",
        lambda r, pad, channels, streams: calls.append(("native", r, pad, channels, streams)),
    )
    monkeypatch.setattr(
        store_module.media,
        "read",
        lambda r, s, pad, streams: calls.append(("conformed", r, s, pad, streams)),
    )
    streams = store_module.media.Streams()
    padded = replace(samples, pad=True)
    read_sample(sample, padded, "native")
    read_sample(sample, padded, "conformed", streams)
    assert calls == [
        ("native", sample.recording, True, "mean", None),
        ("conformed", sample.recording, SPEC, True, streams),
    ]


def exchange(path: Path) -> None:
    write_clip(path.with_name("other.mp4"), seed=2).replace(path)


def overwrite(path: Path) -> None:
    """Put other bytes into the same file, as many as before."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


@pytest.mark.parametrize("change", [exchange, overwrite, spoil, Path.unlink])
@pytest.mark.parametrize("view", ["conformed", "native"])
def test_a_clip_that_changed_before_it_is_decoded_stops_the_run(
    change: Callable[[Path], None], view: str, tmp_path: Path
) -> None:
    sample, samples = described(recording(tmp_path / "a.mp4"))
    change(tmp_path / "a.mp4")
    with pytest.raises(StoppedError) as caught:
        read_sample(sample, samples, view)
    assert str(caught.value) == (
        f"{tmp_path / 'a.mp4'}: changed while the run was going on; run the same command again"
    )


@pytest.mark.parametrize("change", [exchange, spoil])
@pytest.mark.parametrize("step", ["fingerprint", "read"])
def test_a_clip_that_changes_while_it_is_hashed_or_decoded_stops_the_run(
    change: Callable[[Path], None],
    step: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = recording(tmp_path / "a.mp4")
    sample, samples = described(found)
    work = getattr(store_module.media, step)

    def changing(*words: Any, **more: Any) -> Any:
        if step == "fingerprint":
            change(found.path)
            return work(*words, **more)
        clip = work(*words, **more)
        change(found.path)
        return clip

    monkeypatch.setattr(store_module.media, step, changing)
    with pytest.raises(StoppedError, match=r"a\.mp4: changed while the run was going on"):
        described(found) if step == "fingerprint" else read_sample(sample, samples, "conformed")


def test_the_sound_beside_a_clip_is_watched_too(tmp_path: Path) -> None:
    sample, samples = described(recording(tmp_path / "a.mp4", apart=True))
    overwrite(tmp_path / "a.wav")
    with pytest.raises(StoppedError, match=r"a\.wav: changed while"):
        read_sample(sample, samples, "conformed")


def test_a_clip_that_was_only_touched_is_read(tmp_path: Path) -> None:
    sample, samples = described(recording(tmp_path / "a.mp4"))
    before = read_sample(sample, samples, "conformed")
    os.utime(tmp_path / "a.mp4", (0, 0))
    np.testing.assert_array_equal(read_sample(sample, samples, "conformed").video, before.video)


def test_a_file_that_was_no_clip_stays_none_until_it_is_one(tmp_path: Path) -> None:
    spoil(tmp_path / "a.mp4")
    sample = Sample("a/0", "", Recording(tmp_path / "a.mp4"), "unreadable")
    samples = SampleSet("folder", SPEC, (sample,), "")
    with pytest.raises(DataError, match="found no readable media"):
        read_sample(sample, samples, "conformed")
    exchange(tmp_path / "a.mp4")
    with pytest.raises(StoppedError, match="changed while"):
        read_sample(sample, samples, "conformed")


def test_originals_are_read_by_example_and_no_other_way(tmp_path: Path) -> None:
    sample, samples = described(recording(tmp_path / "a.mp4"))
    originals = Originals(samples)
    assert (originals.examples, originals.digest("a")) == (("a",), sample.digest)
    wanted = read_sample(sample, samples, "conformed")
    np.testing.assert_array_equal(originals.read("a", SPEC).video, wanted.video)
    with pytest.raises(ConfigError, match="asked for 8 frames at 4 frames/s"):
        originals.read("a", replace(SPEC, fps=4.0))
