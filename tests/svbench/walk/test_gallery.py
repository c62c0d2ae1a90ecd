"""Copies of clips for a report: what they hold, where they come from, and when they are made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from svbench.catalog.gallery import find_elsewhere, gallery_of
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files import media
from svbench.files.clip_view import Gallery, Motion, dump_view, load_view
from svbench.files.results import load_table
from svbench.files.set_manifest import Kept
from svbench.files.store import Store
from svbench.types import Clip, ClipSpec, Recording, Request, ResultTable, Row, SampleSet
from svbench.walk import gallery as module
from svbench.walk.views import envelope, even, thumbnails
from tests.factories.clips import SPEC, make_clip, write_folder
from tests.factories.commands import Command
from tests.factories.pages import CAPTIONS, EVENTS, MODEL, MOTION, OTHER, make_table, write_page_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_page_run(tmp_path / "run")


def find_sets(run: Path, table: ResultTable) -> dict[str, SampleSet]:
    return module.find_sets(run, table, Local(2), find_elsewhere(run))


def make(run: Path, requests: Sequence[str], table: ResultTable | None = None) -> Gallery:
    return gallery_of(run, table or make_table(), requests, run / "report", Local(2))


def test_a_view_holds_media_and_curves(run: Path) -> None:
    gallery = make(run, ["c2/0", "c0/0"])
    assert [(v.request_id, v.system) for v in gallery.views][:4] == [
        ("c2/0", "real"),
        ("c2/0", MODEL),
        ("c2/0", OTHER),
        ("c0/0", "real"),
    ]
    assert gallery.captions == CAPTIONS  # of all requests, not of those shown alone
    assert gallery.problems == {}
    view = gallery.views[0]
    assert view.motion == {EVENTS: Motion(8.0, MOTION)}
    assert (view.duration, view.thumbnails, len(view.envelope)) == (1.0, 8, 240)
    back = media.read(Recording(run / "report" / view.video), SPEC)
    clip = make_clip(2)
    assert np.abs(back.video.astype(int) - clip.video).mean() < 12  # colours at half resolution
    assert np.corrcoef(back.audio, clip.audio)[0, 1] > 0.9
    poster, strip = (cv2.imread(str(run / "report" / f)) for f in (view.poster, view.strip))
    assert poster is not None
    assert strip is not None
    assert (poster.shape, strip.shape) == ((32, 32, 3), (32, 8 * 32, 3))


def test_copies_are_h264_and_aac(run: Path) -> None:
    import av

    view = make(run, ["c0/0"]).views[0]
    with av.open(str(run / "report" / view.video)) as container:
        names = [stream.codec_context.name for stream in container.streams]
        assert (names, container.streams.video[0].pix_fmt) == (["h264", "aac"], "yuv420p")


def test_a_view_is_made_once_and_again_when_its_clip_changes(run: Path) -> None:
    first = make(run, ["c0/0"])
    times = {p: p.stat().st_mtime_ns for p in (run / "report").rglob("*") if p.is_file()}
    assert make(run, ["c0/0"]) == first
    assert {p: p.stat().st_mtime_ns for p in (run / "report").rglob("*") if p.is_file()} == times
    video = run / "report" / first.views[0].video
    before = video.read_bytes()
    video.unlink()
    assert make(run, ["c0/0"]) == first
    assert video.read_bytes() == before
    record = video.with_suffix(".json")
    record.write_text(dump_view(replace(first.views[0], digest="of another clip")))
    assert make(run, ["c0/0"]) == first


def test_a_clip_that_cannot_be_read_is_named_and_stops_no_other(run: Path) -> None:
    samples = find_sets(run, make_table())[MODEL].samples
    samples[0].recording.path.write_bytes(b"")
    gallery = make(run, ["c0/0"])
    assert [view.system for view in gallery.views] == ["real", OTHER]
    assert list(gallery.problems) == [(MODEL, "c0/0")]
    assert "found an empty file" in gallery.problems[MODEL, "c0/0"]


def test_motion_is_that_of_the_clip_or_is_not_kept(run: Path) -> None:
    kept = sorted((run / "features" / EVENTS).rglob("*.npz"))
    assert len(kept) == len(CAPTIONS)  # all three systems were given the same clips
    assert all(view.motion == {EVENTS: Motion(8.0, MOTION)} for view in make(run, ["c0/0"]).views)
    for file in kept:
        file.unlink()
    gallery = make(run, ["c0/0"])
    assert [view.motion for view in gallery.views] == [{}, {}, {}]
    assert gallery.problems == {}  # the clip itself is there all the same


def test_a_request_that_a_row_was_not_asked_for_has_no_view_there(run: Path) -> None:
    store, table = Store(run), make_table()
    samples = find_sets(run, table)[MODEL].samples
    fewer = store.seal(MODEL, SPEC, [Kept(sample, 0, "") for sample in samples[1:]])
    row = replace(table.rows[1], settings={"set": fewer.digest})
    gallery = make(run, ["c0/0"], replace(table, rows=(table.rows[0], row, table.rows[2])))
    assert [view.system for view in gallery.views] == ["real", OTHER]
    assert gallery.problems == {}


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def empty(path: Path) -> None:
    path.write_bytes(b"")


def turn_a_bit(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


def put_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [empty, turn_a_bit, put_a_pipe])
@pytest.mark.parametrize("ending", [".mp4", ".jpg", "-strip.jpg", ".json"])
def test_a_file_of_a_view_that_is_not_as_it_was_made_is_made_again(
    ending: str, damage: Callable[[Path], None], run: Path
) -> None:
    first = make(run, ["c0/0"])
    before = everything(run / "report")
    video = run / "report" / first.views[0].video
    damage(video.with_name(f"{video.stem}{ending}"))
    assert make(run, ["c0/0"]) == first
    assert everything(run / "report") == before


@pytest.mark.parametrize(
    "text", ["[" * 99_999, "{}", "[]", "null", "\xe9", '{"envelope": [[0, 0]]}']
)
def test_a_record_of_a_view_that_was_edited_is_made_again(text: str, run: Path) -> None:
    first = make(run, ["c0/0"])
    record = (run / "report" / first.views[0].video).with_suffix(".json")
    before = record.read_bytes()
    edited = text
    if text.startswith('{"'):
        edited = json.dumps({**json.loads(before), **json.loads(text)})
    record.write_text(edited, encoding="latin-1")
    assert make(run, ["c0/0"]) == first
    assert record.read_bytes() == before


def test_a_record_of_another_view_is_not_taken(run: Path) -> None:
    first = make(run, ["c0/0"])
    real, other = ((run / "report" / v.video).with_suffix(".json") for v in first.views[:2])
    other.write_bytes(real.read_bytes())  # the clips are equal
    assert make(run, ["c0/0"]) == first


Lines = list[dict[str, Any]]


def exchange_of(*keys: str) -> Callable[[Lines], Lines]:
    """Exchange the values of some keys in the first two lines."""

    def exchange(lines: Lines) -> Lines:
        one, other = ({key: line[key] for key in keys} for line in lines[:2])
        return [{**lines[0], **other}, {**lines[1], **one}, *lines[2:]]

    return exchange


MANIFESTS: dict[str, Callable[[Lines], Lines]] = {
    "a line lost": lambda lines: lines[1:],
    "no seal": lambda lines: lines[:-1],
    "two seals": lambda lines: [*lines, lines[-1]],
    "nothing": lambda _: [],
    "a caption edited": lambda lines: [{**lines[0], "caption": "not so"}, *lines[1:]],
    "ids exchanged": exchange_of("id"),
    "clips exchanged": exchange_of("file", "digest"),
    "another number": lambda lines: [*lines[:-1], {**lines[-1], "count": 3}],
    "another digest": lambda lines: [*lines[:-1], {**lines[-1], "sealed": "5e7"}],
}


@pytest.mark.parametrize("edit", MANIFESTS.values(), ids=list(MANIFESTS))
def test_an_edited_manifest_is_refused(edit: Callable[[Lines], Lines], run: Path) -> None:
    listed = run / "samples" / MODEL / "manifest.jsonl"
    lines = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    listed.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert len(find_sets(run, make_table())) == 3
    listed.write_text("".join(json.dumps(line) + "\n" for line in edit(lines)), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        find_sets(run, make_table())
    assert str(caught.value) == f"{listed}: changed since the run; run the same command again"


def test_a_whole_set_that_a_row_was_not_computed_from_is_refused(run: Path) -> None:
    store = Store(run)
    kept = store.put(MODEL, "by-hand", Request("c0/0", "another clip", 9), make_clip(9))
    store.seal(MODEL, SPEC, [kept])
    with pytest.raises(DataError, match=r"manifest\.jsonl: changed since the run; run the same"):
        make(run, ["c0/0"])


SCORE = ("--frames", 8, "--size", 32, "--metrics", "av-align-corrected@published")


def scored(svbench: Command, folder: Path, *flags: str) -> Path:
    """Score clips of a folder against those of another, and return the run's folder."""
    words = (folder / "mine", "--reference", folder / "real", "--out", folder / "run")
    done = svbench("score", *words, *SCORE, *flags)
    assert done.code == 0, done.err
    return folder / "run"


def swap(folder: Path) -> None:
    first, second = folder / "c0.mp4", folder / "c1.mp4"
    first.rename(folder / "c")
    second.rename(first)
    (folder / "c").rename(second)


def replace_one(folder: Path) -> None:
    (folder / "c0.mp4").write_bytes((folder / "c1.mp4").read_bytes())


def lose_one(folder: Path) -> None:
    (folder / "c0.mp4").unlink()


def add_one(folder: Path) -> None:
    (folder / "c2.mp4").write_bytes((folder / "c0.mp4").read_bytes())


def spoil_one(folder: Path) -> None:
    (folder / "c0.mp4").write_bytes(b"")


def test_clips_of_score_that_changed_since_the_run_are_refused(
    svbench: Command, tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine", 2, first_seed=5)
    write_folder(tmp_path / "real", 2)
    run = scored(svbench, tmp_path)
    for place in (tmp_path / "mine", tmp_path / "real"):
        before = everything(place)
        for change in (swap, replace_one, lose_one, add_one, spoil_one):
            change(place)
            with pytest.raises(DataError) as caught:
                find_sets(run, load_table(run))
            message = f"{place}: changed since the run; run the same command again"
            assert str(caught.value) == message, change
            for path in place.iterdir():
                path.unlink()
            for path, content in before.items():
                path.write_bytes(content)
            assert find_sets(run, load_table(run)).keys() == {"mine", "real"}


def test_clips_that_were_left_out_knowingly_are_a_problem_of_their_own(
    svbench: Command, tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine", 3, first_seed=5)
    write_folder(tmp_path / "real", 3)
    for name in ("mine", "real"):
        spoil_one(tmp_path / name)
    run = scored(svbench, tmp_path, "--allow-missing")
    gallery = make(run, ["c0/0", "c1/0"], load_table(run))
    assert [(v.system, v.request_id) for v in gallery.views] == [("mine", "c1/0"), ("real", "c1/0")]
    assert gallery.problems.keys() == {("mine", "c0/0"), ("real", "c0/0")}


def test_clips_of_score_are_found_where_they_lie(svbench: Command, tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", 2, first_seed=5)
    write_folder(tmp_path / "real", 2)
    run = scored(svbench, tmp_path)
    gallery = make(run, ["c1/0"], load_table(run))
    assert [view.system for view in gallery.views] == ["mine", "real"]
    assert all(len(m.values) == 8 for view in gallery.views for m in view.motion.values())


def test_a_run_without_settings_or_manifest_is_refused(run: Path) -> None:
    listed = run / "samples" / MODEL / "manifest.jsonl"
    text = listed.read_text()
    listed.write_text("{}\n")
    with pytest.raises(DataError, match=r"manifest\.jsonl, line 1: found id None, expected text"):
        make(run, ["c0/0"])
    listed.unlink()
    with pytest.raises(DataError, match=r"manifest\.jsonl: found no file there"):
        make(run, ["c0/0"])
    listed.write_text(text)
    (run / "run.json").write_text(json.dumps([]))
    with pytest.raises(DataError, match=r"run\.json: found list, expected a JSON object"):
        make(run, ["c0/0"])
    (run / "run.json").unlink()
    with pytest.raises(DataError, match=r"run\.json: found nothing there"):
        make(run, ["c0/0"])


def test_the_envelope_holds_the_lowest_and_highest_samples() -> None:
    spec = ClipSpec(2, 1.0, (4, 4), 4)  # 8 samples
    audio = np.array([0, 0.5, -0.25, 0.125, 0, 0, 1, -1], np.float32)
    clip = Clip(np.zeros((2, 4, 4, 3), np.uint8), audio, spec)
    assert envelope(clip, 4) == ((0, 0.5), (-0.25, 0.125), (0, 0), (-1, 1))
    assert len(envelope(clip)) == 8  # not more stretches than samples


def test_thumbnails_are_the_middles_of_equal_stretches() -> None:
    video = np.zeros((32, 200, 100, 3), np.uint8)
    video += np.arange(32, dtype=np.uint8)[:, None, None, None]
    strip = thumbnails(video)
    assert strip.shape == (96, 8 * 48, 3)
    assert strip[0, ::48, 0].tolist() == [2, 6, 10, 14, 18, 22, 26, 30]
    assert thumbnails(video[:3, :20, :10]).shape == (20, 3 * 10, 3)


def test_odd_sizes_are_filled_up_for_h264(tmp_path: Path) -> None:
    clip = make_clip(0, ClipSpec(8, 8.0, (31, 33), 16000))
    video = even(clip.video)
    assert video.shape == (8, 32, 34, 3)
    np.testing.assert_array_equal(video[:, :31, :33], clip.video)
    media.write_mp4(tmp_path / "a.mp4", video, 8.0, clip.audio, 16000, quick=True)


def test_a_damaged_view_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DataError, match=r"a\.json: .*expected the view of a clip"):
        load_view(tmp_path / "a.json")


def test_a_row_without_clips_has_no_views(run: Path) -> None:
    table = make_table()
    absent = Row("elsewhere", "Elsewhere", asked=0, absent={"fvd": "not here"})
    with_absent = replace(table, rows=(*table.rows, absent))
    assert find_sets(run, with_absent) == find_sets(run, table)
    assert make(run, ["c0/0"], with_absent).views == make(run, ["c0/0"]).views
