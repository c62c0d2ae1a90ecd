"""Clips in folders and lists: links, endings, names, and notes on what is passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from svbench.datasets.captions import read_captions
from svbench.datasets.manifest import find, load
from svbench.errors import ConfigError, DataError
from tests.factories.clip_lists import listed, touch

# --- what is passed over -----------------------------------------------------------------------


def test_a_folder_of_videos_alone_has_no_notes(tmp_path: Path) -> None:
    assert find(touch(tmp_path / "m", "a.mp4", "a.wav", "b.ts", ".hidden", ".x/c.mp4")).notes == ()


def test_what_is_not_judged_is_counted_and_named_once(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "b.wav", "sub/c.mp3", "notes.txt", "made", "new\nline")
    touch(folder, *(f"x{i}.json" for i in range(4)))
    (folder / "self").symlink_to(".")
    assert find(folder).notes == (
        "m: passed over 7 of other endings (made, new\\nline, notes.txt, x0.json, x1.json, and 2 "
        "more), 2 sounds without a video (b.wav, sub/c.mp3), "
        "1 links to folders above or walked before (self)",
    )


def test_captions_that_lie_among_the_clips_are_used_and_not_passed_over(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    (folder / "captions.csv").write_text("a,rain\n")
    assert find(folder, folder / "captions.csv").notes == ()
    assert len(find(folder).notes) == 1


def write_run(folder: Path, *files: str) -> Path:
    touch(folder, *files)
    (folder / "run.json").write_text('{"command": "score", "config": {}}')
    return folder


def test_runs_among_the_clips_are_not_judged(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "sub/b.mp4", "theirs/c.mp4")
    (folder / "theirs" / "run.json").write_text('{"command": "mine"}')
    write_run(folder / "runs/score-m", "report/media/a.mp4", "samples/x/ab/b.mkv")
    assert [e.id for e in load(folder)["m"]] == ["a", "sub/b", "theirs/c"]
    note = "m: 1 run folder of svbench is not judged: runs/score-m"
    assert find(folder).notes[1:] == (note,)
    write_run(tmp_path / "away", "d.mp4")
    (folder / "sub" / "link").symlink_to(tmp_path / "away")
    assert find(folder).notes[1:] == (
        "m: 2 run folders of svbench are not judged: runs/score-m, sub/link",
    )


def test_this_run_holds_no_clips_before_and_after_it_exists(tmp_path: Path) -> None:
    folder, out = touch(tmp_path / "m", "a.mp4"), tmp_path / "m" / "runs" / "one"
    before = find(folder, out=out)
    assert before.notes == ("m: 1 run folder of svbench is not judged: runs/one",)
    touch(out, ".lock", "samples/x/a.mkv")  # and then it was killed
    assert find(folder, out=out) == before
    write_run(out)
    assert find(folder, out=out) == find(folder) == before
    assert find(folder, out=tmp_path / "elsewhere").notes == before.notes
    assert find(touch(tmp_path / "n", "a.mp4"), out=out).notes == ()
    assert find(tmp_path / "n", out=tmp_path / "n" / ".runs").notes == ()


def test_a_run_is_no_set_of_clips_but_its_samples_are(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "report/media/a.mp4")
    with pytest.raises(DataError) as caught:
        load(run)
    found = f"{run}: found a run of svbench, expected a folder of clips; name "
    assert str(caught.value) == f"{found}the folder of clips that it judged"
    touch(run, "samples/x/a.mkv", "samples/y/a.mkv")
    with pytest.raises(DataError) as caught:
        load(run)
    assert str(caught.value) == f"{found}one of the sets in it: samples/x, samples/y"
    assert [e.id for e in load(run / "samples" / "x")["x"]] == ["a"]


def test_a_run_is_not_written_among_what_it_judges(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    with pytest.raises(ConfigError, match=r"--out .*m: found the clips that are judged in it"):
        find(folder, out=tmp_path / "m")


# --- links -------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [".", "..", "../..", "sub", "../m"])
def test_a_link_that_leads_round_counts_no_clip_twice(target: str, tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "sub/b.mp4")
    (folder / "again").symlink_to(target, target_is_directory=True)
    found = find(folder)
    assert [e.id for e in found.sets["m"]] == ["a", "sub/b"]
    assert found.notes == ("m: passed over 1 links to folders above or walked before (again)",)


def test_folders_that_link_to_each_other_are_walked_once(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "x/a.mp4", "y/b.mp4")
    (folder / "x" / "to-y").symlink_to("../y")
    (folder / "y" / "to-x").symlink_to("../x")
    assert [e.id for e in load(folder)["m"]] == ["x/a", "y/b"]


def test_links_to_folders_elsewhere_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "far", "a.mp4", "a.wav", "deep/b.mp4")
    (tmp_path / "far" / "back").symlink_to("../m")
    (tmp_path / "far" / "round").symlink_to("deep")
    folder = touch(tmp_path / "m", "c.mp4")
    for name in ("near", "twice"):
        (folder / name).symlink_to("../far")
    found = find(folder)
    assert [e.id for e in found.sets["m"]] == ["c", "near/a", "near/deep/b"]
    assert found.sets["m"][1].recording.sound == folder / "near/a.wav"
    assert (
        "3 links to folders above or walked before (near/back, near/round, twice)"
        in (found.notes[0])
    )


def test_a_real_folder_comes_before_a_link_to_it(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "z/a.mp4")
    (folder / "a-link").symlink_to("z")
    assert [e.id for e in load(folder)["m"]] == ["z/a"]


def test_a_clip_that_is_a_link_is_a_clip_even_if_it_leads_nowhere(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    (folder / "b.mp4").symlink_to("a.mp4")
    (folder / "c.mp4").symlink_to("gone.mp4")  # reading it is an error, passing it over a lie
    assert [e.id for e in load(folder)["m"]] == ["a", "b", "c"]


def test_a_folder_that_is_given_as_a_link_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "m", "a.mp4")
    (tmp_path / "link").symlink_to("m")
    assert [e.id for e in load(tmp_path / "link")["m"]] == ["a"]


# --- endings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".mp4", ".TS", ".mpg", ".Gif", ".flv", ".3gp", ".ogv", ".MXF"])
def test_videos_of_many_endings_in_any_case(ending: str, tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", f"a{ending}")
    found = find(folder)
    assert ([e.id for e in found.sets["m"]], found.notes) == (["a"], ())
    table = tmp_path / "captions.csv"
    table.write_text(f"a{ending},rain\n")
    assert read_captions(table) == {"a": "rain"}


@pytest.mark.parametrize("ending", [".WAV", ".Flac", ".mp3", ".m4a", ".opus", ".AIFF"])
def test_the_sound_beside_a_video_in_any_case(ending: str, tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", f"a{ending}")
    path = listed(tmp_path / "c.jsonl", {"file": "m/a.mp4"})
    for found in (load(folder), load(path), load(folder / "a.mp4")):
        assert [e.recording.sound for (e,) in found.values()] == [folder / f"a{ending}"]


def test_two_sounds_of_a_clip_are_an_error(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "a.wav", "a.FLAC")
    path = listed(tmp_path / "c.jsonl", {"file": "m/a.mp4"})
    for source in (folder, path, folder / "a.mp4"):
        with pytest.raises(DataError, match=r"a\.mp4: found a\.FLAC and a\.wav beside it"):
            load(source)
    listed(path, {"file": "m/a.mp4", "audio": "m/a.wav"})
    ((example,),) = load(path).values()
    assert example.recording.sound == folder / "a.wav"


def test_a_folder_called_like_a_sound_is_no_sound(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "a.wav/notes.txt")
    path = listed(tmp_path / "c.jsonl", {"file": "m/a.mp4"})
    assert [e.recording.sound for (e,) in (*load(folder).values(), *load(path).values())] == [
        None
    ] * 2


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gamma:1.5/a.mkv", "12:30:05.mkv", "http:/a.mkv"])
def test_a_colon_is_a_sign_like_others(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(Path(), name)
    path = listed(Path("c.jsonl"), {"file": name, "system": "m"})
    here = {str(e.recording.path) for e in (*load(path)["m"], *load(Path())[tmp_path.name])}
    assert here == {name}


@pytest.mark.parametrize("system", ["", " ", "..", "../x", "/x", "a\nb", "a\u2028b", "x" * 1001])
def test_a_system_is_named_as_an_id_is(system: str, tmp_path: Path) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4"}, {"file": "b.mp4", "system": system})
    with pytest.raises(DataError, match=r"line 2: found the system '.*expected a name that stays"):
        load(path)


def test_names_of_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", os.fsdecode(b"x\xff.txt"))
    (note,) = find(folder).notes
    assert note.isprintable()
    touch(folder, os.fsdecode(b"b\xff.mp4"))
    with pytest.raises(
        DataError, match=r"m: found the file name 'b\\udcff\.mp4', expected printable UTF-8"
    ):
        load(folder)
    (tmp_path / "m").rename(tmp_path / os.fsdecode(b"m\xff"))
    (tmp_path / os.fsdecode(b"m\xff") / os.fsdecode(b"b\xff.mp4")).unlink()
    with pytest.raises(DataError, match=r"m\\udcff': found a name that cannot be printed"):
        load(tmp_path / os.fsdecode(b"m\xff"))


def test_two_videos_of_one_id_are_named(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "sub/a.mp4", "sub/a.mov")
    with pytest.raises(DataError, match=r"found sub/a\.mov and sub/a\.mp4, which share the id"):
        load(folder)


@pytest.mark.parametrize("file", [".", "/", "..", "a/.."])
def test_a_file_in_a_list_has_a_name(file: str, tmp_path: Path) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": file})
    with pytest.raises(DataError, match=r"c\.jsonl"):
        load(path)


# --- captions of several lines -----------------------------------------------------------------

LINE_ENDS = "\u2028\u2029\u0085\x0b\x0c\x1c"


def test_captions_keep_what_other_programs_take_for_line_ends(tmp_path: Path) -> None:
    caption = f"a dog{LINE_ENDS}barks"
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"id": "a", "caption": caption}, ensure_ascii=False) + "\r\n")
    assert read_captions(path) == {"a": caption}
    path.write_text(json.dumps({"file": "a.mp4", "caption": caption}, ensure_ascii=False) + "\n")
    assert load(path)[tmp_path.name][0].caption == caption


def test_captions_of_csv_may_hold_line_breaks_in_quotes(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(f'a.mp4,"two\nlines\r\n{LINE_ENDS}"\n\nb,\'tis =1\n'.encode())
    assert read_captions(path) == {"a": f"two\nlines\r\n{LINE_ENDS}", "b": "'tis =1"}


def test_a_caption_row_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('a,"two\nlines"\nb\n')
    with pytest.raises(DataError, match="line 3: found 1 fields, expected 2: clip,caption"):
        read_captions(path)
