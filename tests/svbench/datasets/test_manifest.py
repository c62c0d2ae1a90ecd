"""Clips in folders, lists and single files: which are found, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.datasets.captions import read_captions
from svbench.datasets.ids import check_ids
from svbench.datasets.manifest import load
from svbench.errors import DataError
from svbench.types import Example, Recording
from tests.factories.clip_lists import listed, touch

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
            "hits": [1.5, 0.25, 3],
        },
    )
    recording = Recording(tmp_path / "v/a.mp4", 2.5, tmp_path / "s/a.flac")
    assert load(path) == {"mine": (Example("first", "a dog", recording, (0.25, 1.5, 3.0)),)}


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


@pytest.mark.parametrize("start", [-0.1, "2", True, [1], 1e6])
def test_a_start_is_seconds_of_zero_or_more(tmp_path: Path, start: object) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", "start": start})
    with pytest.raises(DataError, match=r"line 1: found start .*, expected seconds, 0 or more"):
        load(path)


@pytest.mark.parametrize("hits", [0.5, "0.5", [-0.1], ["1"], [True], [1e6], {"time": 1}])
def test_hits_are_a_list_of_seconds(tmp_path: Path, hits: object) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", "hits": hits})
    with pytest.raises(DataError, match=r"line 1: found hits .*, expected a list of seconds"):
        load(path)


def test_no_hit_is_not_the_same_as_unknown_hits(tmp_path: Path) -> None:
    lines = ({"file": "a.mp4", "hits": []}, {"file": "b.mp4", "hits": None}, {"file": "c.mp4"})
    (examples,) = load(listed(tmp_path / "c.jsonl", *lines)).values()
    assert [example.onsets for example in examples] == [(), None, None]


def test_an_id_is_where_a_path_leads_down(tmp_path: Path) -> None:
    files = {"a.mp4": "a", "../real/b.mp4": "real/b", "/far/./v1.0.mp4": "far/v1.0", "../../c": "c"}
    (tmp_path / "m").mkdir()
    path = listed(tmp_path / "m" / "c.jsonl", *({"file": file} for file in files))
    assert {e.id: e.recording.path for e in load(path)["m"]} == {
        name: tmp_path / "m" / file for file, name in files.items()
    }
    captions = ({"file": file, "caption": "rain"} for file in files)
    assert read_captions(listed(tmp_path / "captions.jsonl", *captions)) == dict.fromkeys(
        files.values(), "rain"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["../x/a.mp4", "x/a.mp4"], "found the id 'x/a' 2 times, expected once"),
        (["x/../../a.mp4"], r"found the id 'x/\.\./\.\./a', expected a name that stays inside"),
    ],
)
def test_an_id_that_no_path_gives_is_refused(
    files: list[str], message: str, tmp_path: Path
) -> None:
    path = listed(tmp_path / "c.jsonl", *({"file": file} for file in files))
    with pytest.raises(DataError, match=message):
        load(path)


@pytest.mark.parametrize("field", ["system", "caption", "id", "audio"])
@pytest.mark.parametrize("value", [True, 1.5, ["a"], {"a": 1}])
def test_a_field_that_shall_hold_text_holds_text(tmp_path: Path, field: str, value: object) -> None:
    path = listed(tmp_path / "c.jsonl", {"file": "a.mp4", field: value})
    with pytest.raises(DataError, match=rf"line 1: found {field} .*, expected text"):
        load(path)


def test_null_counts_as_not_given_and_a_whole_number_as_text(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("id", "caption", "audio", "system", "start"))
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
