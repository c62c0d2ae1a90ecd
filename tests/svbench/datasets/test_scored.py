"""What `svbench score` judges: captions wherever they are, and ids where paths give none."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog.checks import usual_of_captions
from svbench.datasets.manifest import find
from svbench.datasets.scored import Scored, load_scored, missing_captions
from svbench.errors import ConfigError, DataError
from svbench.walk.plan import Unavailable
from tests.factories.clip_lists import listed, touch

# --- captions beside the clips -----------------------------------------------------------------


def captions_in(folder: Path) -> dict[str, str]:
    ((name, examples),) = find(folder).sets.items()
    assert name == folder.name
    return {example.id: example.caption for example in examples}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", 'a.mp4,"a dog, barking"\nsub/b,rain\n'),
        ("captions.csv", 'file_name,text\na.mp4,"a dog, barking"\nsub/b.mp4,rain\n'),
        ("captions.jsonl", '{"id": "a", "caption": "a dog, barking"}\n'
         '{"file": "sub/b.mp4", "prompt": "rain"}\n'),
        ("metadata.jsonl", '{"file_name": "a.mp4", "text": "a dog, barking", "split": "test"}\n'
         '{"file_name": "sub/b.mp4", "text": "rain"}\n{"file_name": "c.mp4"}\n'),
    ],
)  # fmt: skip
def test_a_list_at_the_top_of_a_folder_is_read(tmp_path: Path, name: str, text: str) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "sub/b.mp4", "c.mp4")
    (folder / name).write_text(text)
    assert captions_in(folder) == {"a": "a dog, barking", "sub/b": "rain", "c": ""}
    assert find(folder).notes == (f"m: captions of 2 of 3 clips from {name}",)


def test_captions_of_clips_that_are_not_there_are_counted(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    (folder / "captions.csv").write_text("a,rain\nb,snow\n")
    assert find(folder).notes == (
        "m: captions of 1 of 1 clips from captions.csv, which has captions of 1 clips that are "
        "not there",
    )


def test_a_text_file_of_a_clips_stem_is_its_caption(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "sub/b.mp4", "b.txt", "c.mp4", "c.txt")
    (folder / "a.txt").write_text("\ufeffa dog\r\n  that barks\n", encoding="utf-8")
    (folder / "sub/b.txt").write_text("rain")
    assert captions_in(folder) == {"a": "a dog that barks", "c": "", "sub/b": "rain"}
    assert find(folder).notes == (
        "m: captions of 2 of 3 clips from .txt beside them",
        "m: passed over 1 of other endings (b.txt)",  # which has no clip beside it
    )


def test_a_list_comes_before_text_files(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "b.mp4")
    for name in "ab":
        (folder / f"{name}.txt").write_text("of a file")
    (folder / "captions.csv").write_text("a,of a list\n")
    assert captions_in(folder) == {"a": "of a list", "b": "of a file"}


def test_captions_that_are_named_come_alone(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    (folder / "a.txt").write_text("beside")
    table = tmp_path / "named.csv"
    table.write_text("a,named\n")
    ((example,),) = find(folder, table).sets.values()
    assert example.caption == "named"
    assert find(folder, table).notes == ("m: passed over 1 of other endings (a.txt)",)


def test_two_lists_of_captions_are_an_error(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4", "captions.csv", "metadata.jsonl")
    with pytest.raises(DataError, match=r"m: found captions\.csv and metadata\.jsonl in it"):
        find(folder)


def test_a_caption_that_is_no_text_is_named(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    (folder / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"a\.txt: found UTF-16"):
        find(folder)


# --- captions of other sets --------------------------------------------------------------------


def entries(folder: str, *captions: str, **more: object) -> list[dict[str, object]]:
    return [
        {"file": f"{folder}/{i}.mp4", "caption": caption, **more}
        for i, caption in enumerate(captions)
    ]


def scored(real: Path, *made: Path) -> Scored:
    return load_scored(made, real, None)


def test_a_caption_is_that_of_the_clip_of_the_same_id(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "0.mp4", "1.mp4", "2.mp4")
    made = touch(tmp_path / "made", "0.mp4", "1.mp4", "x.mp4")
    other = listed(
        tmp_path / "other.jsonl",
        {"file": "t/0.mp4", "id": "0", "caption": "a dog", "system": "other"},
        {"file": "t/1.mp4", "id": "1", "caption": "rain", "system": "other"},
    )
    found = scored(real, made, other)
    assert [e.caption for e in found.real] == ["a dog", "rain", ""]
    assert [e.caption for e in found.folders["made"]] == ["a dog", "rain", ""]


def test_a_real_clip_has_the_categories_of_its_list_then_of_the_other_sets(
    tmp_path: Path,
) -> None:
    wood, hit = {"material": "wood", "action": "hit"}, {"category": "hit", "categories": None}
    lists = {
        "real": [*entries("real", "a", id="x", categories={"material": "metal"})],
        "one": [*entries("one", "a", id="x", categories=wood)],
        "two": [*entries("two", "a", id="x", **hit), *entries("two", "b", id="y", category="z")],
    }
    for name in lists:
        (tmp_path / name).mkdir()
    found = scored(*(listed(tmp_path / of / "a.jsonl", *lines) for of, lines in lists.items()))
    (real,) = found.real
    assert real.categories == {"category": "hit", "material": "metal", "action": "hit"}


def test_captions_that_disagree_are_not_shared_and_noted(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "0.mp4")
    lists = [
        listed(tmp_path / f"{name}.jsonl", {
            "file": f"{name}/0.mp4", "id": "0", "caption": name, "system": name,
        })
        for name in ("one", "two")
    ]  # fmt: skip
    found = scored(real, *lists)
    assert found.real[0].caption == ""
    assert found.notes == (
        "two: 1 clips have other captions than clips of the same ids in another set (0); they are "
        "paired by id all the same",
    )


def test_clips_without_caption_are_counted_and_the_first_few_named(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", *(f"{i}.mp4" for i in range(8)))
    (folder / "captions.csv").write_text("0,rain\n")
    ((_, examples),) = find(folder).sets.items()
    assert missing_captions({"m": examples, "real": examples[:1]}) == (
        "no caption of 7 of 8 clips of m (1, 2, 3, 4, 5, and 2 more)"
    )
    assert missing_captions({"m": examples[:1]}) == ""


def test_a_set_with_captions_is_judged_by_them_whatever_the_others_lack(tmp_path: Path) -> None:
    whole = touch(tmp_path / "whole", "a.mp4")
    (whole / "captions.csv").write_text("a,rain\n")
    bare = touch(tmp_path / "bare", "b.mp4")
    columns = (Unavailable("ib-ta@published", "IB-TA", "higher", "no weights"),)

    def kept(*folders: Path, strict: bool = False) -> tuple[str, ...]:
        found = load_scored(folders, bare, None, None)
        named, notes = usual_of_captions(columns, found, strict)
        return (*(c.reason for c in named if isinstance(c, Unavailable)), *notes)

    assert kept(whole) == ("no weights",)
    with pytest.raises(DataError, match="--strict: IB-TA cannot be computed: no caption of 1 of 1"):
        kept(whole, strict=True)
    other = touch(tmp_path / "other", "c.mp4")
    assert kept(other) == ("no clip has a caption (see --captions), so IB-TA are not judged",)


# --- ids ---------------------------------------------------------------------------------------


def test_two_lists_of_equal_prompts_are_paired_by_caption_and_place(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "r.mp4")
    one = listed(tmp_path / "one.jsonl", *entries("a", "dog", "rain", "dog", system="one"))
    two = listed(tmp_path / "two.jsonl", *entries("b", "rain", "dog", "dog", "snow", system="two"))
    found = scored(real, one, two)
    assert [e.id for e in found.folders["one"]] == ["a/0", "a/1", "a/2"]
    assert [(e.id, e.recording.path.name) for e in found.folders["two"]] == [
        ("a/1", "0.mp4"),  # the first of "rain"
        ("a/0", "1.mp4"),
        ("a/2", "2.mp4"),  # the second of "dog"
        ("b/3", "3.mp4"),
    ]
    assert found.notes == (
        "two: 3 of 4 clips paired with those of one by caption and place (the k-th clip of a "
        "caption), as their ids are paths alone",
    )


def test_equal_paths_of_other_prompts_are_no_pairs(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "r.mp4")
    for name, captions in (("one", ("dog", "rain")), ("two", ("rain", "dog"))):
        (tmp_path / name).mkdir()
        listed(tmp_path / name / "clips.jsonl", *entries("v", *captions))
    paths = [tmp_path / name / "clips.jsonl" for name in ("one", "two")]
    found = scored(real, *paths)
    assert [e.id for e in found.folders["two"]] == ["v/1", "v/0"]


def test_a_list_is_paired_with_the_reference_where_that_has_captions(tmp_path: Path) -> None:
    real = listed(tmp_path / "real.jsonl", {"file": "r.mp4", "id": "test-1", "caption": "dog"})
    one = listed(tmp_path / "one.jsonl", *entries("a", "dog", system="one"))
    found = scored(real, one)
    assert [e.id for e in found.folders["one"]] == ["test-1"]


def test_ids_that_are_given_or_that_meet_stay(tmp_path: Path) -> None:
    real = listed(tmp_path / "real.jsonl", {"file": "0.mp4", "id": "0", "caption": "dog"})
    named = listed(
        tmp_path / "named.jsonl",
        {"file": "x.mp4", "id": "x", "caption": "dog", "system": "named"},
    )
    folder = touch(tmp_path / "folder", "0.mp4")
    (folder / "0.txt").write_text("dog")
    found = scored(real, named, folder)
    assert [e.id for e in found.folders["named"]] == ["x"]
    assert [e.id for e in found.folders["folder"]] == ["0"]
    assert not any("paired" in note for note in found.notes)


def test_a_note_explains_why_sets_are_not_paired(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "r.mp4")
    one, two = touch(tmp_path / "one", "a.mp4"), touch(tmp_path / "two", "b.mp4")
    assert scored(real, one).notes == ()
    assert scored(real, one, two).notes == (
        "two: no clip has an id or a caption of another set, so nothing of it is paired; give each "
        "clip an `id` in a list",
    )


def test_two_clips_never_get_one_id(tmp_path: Path) -> None:
    real = touch(tmp_path / "real", "r.mp4")
    one = listed(tmp_path / "one.jsonl", *entries("v", "dog", "rain", system="one"))
    two = listed(
        tmp_path / "two.jsonl",
        {"file": "v/1.mp4", "caption": "snow", "system": "two"},
        {"file": "v/2.mp4", "caption": "rain", "system": "two"},
    )
    found = scored(real, one, two)
    assert [e.id for e in found.folders["two"]] == ["v/1", "v/2"]
    assert "not paired with one by caption, as its other clips have ids" in found.notes[0]


# --- names of sets -----------------------------------------------------------------------------


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    real = touch(tmp_path / "test", "r.mp4")
    twice = [touch(tmp_path / where / "m", "a.mp4") for where in ("x", "y")]
    with pytest.raises(ConfigError, match="found a second set of clips called 'm'"):
        scored(real, *twice)
    with pytest.raises(ConfigError, match="called 'reference', expected distinct names"):
        scored(real, touch(tmp_path / "reference", "a.mp4"))


def test_a_reference_is_one_set(tmp_path: Path) -> None:
    real = listed(
        tmp_path / "real.jsonl", {"file": "0.mp4", "system": "x"}, {"file": "1.mp4", "system": "y"}
    )
    with pytest.raises(ConfigError, match=r"--reference .*: found 2 systems in it, expected one"):
        scored(real, touch(tmp_path / "m", "a.mp4"))
