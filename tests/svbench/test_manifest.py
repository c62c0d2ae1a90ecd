"""Clips in folders, lists and single files: which are found, and what they are called."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from svbench.datasets.manifest import check_ids, find, load, read_captions
from svbench.errors import DataError
from svbench.types import Example, Recording


def touch(folder: Path, *names: str) -> Path:
    """Make empty files: nothing here opens them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def listed(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_gives_every_video_below_it_sorted_by_name(tmp_path: Path) -> None:
    folder = touch(tmp_path / "model", "b.mp4", "a.MKV", "sub/deep/a.webm", "notes.txt", "x.wav")
    assert load(folder) == {
        "model": (
            Example("a", "", Recording(folder / "a.MKV")),
            Example("b", "", Recording(folder / "b.mp4")),
            Example("sub/deep/a", "", Recording(folder / "sub/deep/a.webm")),
        )
    }


def test_a_name_may_hold_points_and_blanks_and_any_letters(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "v1.0 take 2.mp4", "Glück.mp4")
    assert [e.id for e in load(folder)["m"]] == ["Glück", "v1.0 take 2"]


def test_a_folder_is_called_by_its_own_name_however_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "model", "a.mp4")
    monkeypatch.chdir(tmp_path / "model")
    assert list(load(Path())) == ["model"]


def test_a_sound_file_of_the_same_stem_is_the_sound(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "a.wav", "b.mp4", "b.flac", "c.mp4", "c.txt")
    sounds = {e.id: e.recording.sound for e in load(folder)["m"]}
    assert sounds == {"a": folder / "a.wav", "b": folder / "b.flac", "c": None}


def test_two_videos_of_one_stem_would_share_an_id(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "a.mkv")
    with pytest.raises(DataError, match=r"m: found a\.mkv and a\.mp4, which share the id 'a'"):
        load(folder)


def test_hidden_litter_of_other_systems_is_no_clip(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "._a.mp4", ".cache/b.mp4")
    assert [e.id for e in load(folder)["m"]] == ["a"]


def test_a_folder_called_like_a_video_is_no_clip(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "takes.mp4/b.mp4")
    assert [e.id for e in load(folder)["m"]] == ["a", "takes.mp4/b"]


def test_a_single_video_is_a_set_of_one(tmp_path: Path) -> None:
    folder = touch(tmp_path, "a.mp4", "a.wav")
    one = Example("a", "", Recording(folder / "a.mp4", 0.0, folder / "a.wav"))
    assert load(folder / "a.mp4") == {"a": (one,)}


# --- lists -------------------------------------------------------------------------------------


def test_a_list_says_all_there_is_to_say_of_a_clip(tmp_path: Path) -> None:
    path = listed(
        tmp_path / "clips.jsonl",
        {
            "file": "v/a.mp4",
            "id": "first",
            "caption": "a dog",
            "audio": "s/a.flac",
            "start": 2.5,
            "system": "mine",
        },
    )
    recording = Recording(tmp_path / "v/a.mp4", 2.5, tmp_path / "s/a.flac")
    assert load(path) == {"mine": (Example("first", "a dog", recording),)}


def test_a_list_needs_no_more_than_file_names(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    path = listed(tmp_path / "model" / "clips.jsonl", {"file": "b.mp4"}, {"file": "sub/a.mp4"})
    assert load(path) == {
        "model": (
            Example("b", "", Recording(tmp_path / "model/b.mp4")),
            Example("sub/a", "", Recording(tmp_path / "model/sub/a.mp4")),
        )
    }


@pytest.mark.parametrize("key", ["file", "file_name", "path", "video"])
@pytest.mark.parametrize("caption", ["caption", "prompt", "text"])
def test_other_names_of_the_fields_are_understood(tmp_path: Path, key: str, caption: str) -> None:
    path = listed(tmp_path / "c.jsonl", {key: "a.mp4", caption: "a dog"})
    ((example,),) = load(path).values()
    assert (example.recording.path, example.caption) == (tmp_path / "a.mp4", "a dog")


def test_lines_of_several_systems_give_several_sets_in_order_of_appearance(tmp_path: Path) -> None:
    path = listed(
        tmp_path / "c.jsonl",
        {"file": "x/a.mp4", "id": "a", "system": "x"},
        {"file": "y/a.mp4", "id": "a", "system": "y"},
        {"file": "x/b.mp4", "id": "b", "system": "x"},
    )
    assert {name: [e.id for e in set_] for name, set_ in load(path).items()} == {
        "x": ["a", "b"],
        "y": ["a"],
    }


def test_several_starts_in_one_file_are_several_clips(tmp_path: Path) -> None:
    path = listed(
        tmp_path / "c.jsonl",
        {"file": "a.mp4", "id": "a-0", "start": 0},
        {"file": "a.mp4", "id": "a-4", "start": 4},
    )
    (examples,) = load(path).values()
    assert [(e.id, e.recording.start) for e in examples] == [("a-0", 0.0), ("a-4", 4.0)]


def test_an_absolute_path_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": str(tmp_path / "far" / "a.mp4"), "id": "a"})
    ((example,),) = load(path).values()
    assert example.recording.path == tmp_path / "far" / "a.mp4"


def test_blank_lines_are_passed_over_but_counted(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('\n{"file": "a.mp4"}\n\n[]\n')
    with pytest.raises(DataError, match="line 4: found list, expected a JSON object"):
        load(path)


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"file": "a.mp4"}\n', encoding="utf-8-sig")
    ((example,),) = load(path).values()
    assert example.id == "a"


@pytest.mark.parametrize("start", [-0.1, "2", True, None, [1], 1e6])
def test_a_start_is_seconds_of_zero_or_more(tmp_path: Path, start: object) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", "start": start})
    with pytest.raises(DataError, match=r"line 1: found start .*, expected seconds, 0 or more"):
        load(path)


@pytest.mark.parametrize("field", ["system", "caption", "id", "audio"])
@pytest.mark.parametrize("value", [True, 1.5, ["a"], {"a": 1}])
def test_a_field_that_shall_hold_text_holds_text(tmp_path: Path, field: str, value: object) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", field: value})
    with pytest.raises(DataError, match=rf"line 1: found {field} .*, expected text"):
        load(path)


def test_null_counts_as_not_given_and_a_whole_number_as_text(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("id", "caption", "audio", "system"))
    path = listed(
        tmp_path / "c.jsonl",
        {"file": "a.mp4", **nothing},
        {"file": "b.mp4", "id": 7, "caption": None, "prompt": "a dog"},
    )
    assert load(path) == {
        tmp_path.name: (
            Example("a", "", Recording(tmp_path / "a.mp4")),
            Example("7", "a dog", Recording(tmp_path / "b.mp4")),
        )
    }


# --- captions ----------------------------------------------------------------------------------


def test_captions_come_from_csv_or_jsonl_by_id(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "sub/a.mp4", "b.mp4")
    table = tmp_path / "captions.csv"
    table.write_text('sub/a.mp4,"a dog, barking"\nb,rain\n')
    lines = listed(
        tmp_path / "captions.jsonl",
        {"id": "sub/a", "caption": "a dog, barking"},
        {"file": "b.mp4", "prompt": "rain"},
    )
    for path in (table, lines):
        captions = {e.id: e.caption for e in load(folder, path)["m"]}
        assert captions == {"sub/a": "a dog, barking", "b": "rain"}


def test_captions_of_a_list_are_replaced(tmp_path: Path) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", "caption": "old"})
    table = tmp_path / "captions.csv"
    table.write_text("a,new\n")
    ((example,),) = load(path, table).values()
    assert example.caption == "new"


def test_an_id_with_a_point_in_it_keeps_what_follows(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "v1.0 take 2.mp4")
    table = tmp_path / "captions.csv"
    table.write_text("v1.0 take 2,a dog\n")
    assert load(folder, table)["m"][0].caption == "a dog"
    assert read_captions(table) == {"v1.0 take 2": "a dog"}


def test_a_caption_line_without_a_caption_is_refused(tmp_path: Path) -> None:
    path = listed(tmp_path / "captions.jsonl", {"id": "a"})
    with pytest.raises(DataError, match=r"captions\.jsonl, line 1: found no caption"):
        read_captions(path)


def test_every_set_of_a_list_shares_the_captions(tmp_path: Path) -> None:
    path = listed(
        tmp_path / "c.jsonl",
        {"file": "x/a.mp4", "id": "a", "system": "x"},
        {"file": "y/a.mp4", "id": "a", "system": "y"},
    )
    table = tmp_path / "captions.csv"
    table.write_text("a,rain\n")
    sets = load(path, table)
    assert [e.caption for examples in sets.values() for e in examples] == ["rain", "rain"]


# --- ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["a", "sub/a", "a..b", "...", "Glück 2", "-rf", "C:a", "at 9.41\u202fAM", "犬\u3000猫"],
)
def test_ids_that_stay_inside(name: str) -> None:
    check_ids([name], "here")


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../b", "/a", "", "  ", "a\nb", "a\x00b", "a/..", ".", "./"]
)
def test_ids_that_would_not(name: str) -> None:
    with pytest.raises(DataError, match=r"here: found the id .*, expected a name that stays"):
        check_ids([name], "here")


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


def test_of_two_sounds_none_is_chosen_in_silence(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "a.wav", "a.FLAC")
    path = listed(tmp_path / "c.jsonl", {"file": "m/a.mp4"})
    for asked in (folder, path, folder / "a.mp4"):
        with pytest.raises(DataError, match=r"a\.mp4: found a\.FLAC and a\.wav beside it"):
            load(asked)
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
    with pytest.raises(DataError, match="line 3: found 1 fields, expected file and caption"):
        read_captions(path)
