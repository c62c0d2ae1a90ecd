"""Lists of other people: each form is recognised by what it holds, and read as its owner reads it.

Every list is tried as clips and as captions; each form also with the traps of files that went
through spreadsheets and other systems.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from svbench.datasets.captions import read_captions
from svbench.datasets.list_forms import FORMS, read_list
from svbench.datasets.manifest import find, load
from svbench.errors import ConfigError, DataError
from svbench.types import Example, Recording
from tests.factories.clip_lists import touch

HF = "file_name,text\nsub/a.mp4,a dog\nb.mp4,rain\n"
JAVIS = (
    "path,id,text,audio_path,audio_text,cat0_ind,cat4_ind\n"
    "v/x.mp4,x,a dog,v/x.wav,barking,0,1\n"
    'v/y.mp4,y,rain,,drops,2,"0,1"\n'
)
AVBENCH = "name,caption\na,a dog\n0001,rain\n"
MMAUDIO = "id\tlabel\n---g-f_I2yQ_000001\tpeople marching\n--U7joUcTCo_000000\train, heavy\n"
VGGSOUND = (
    "---g-f_I2yQ,1,people marching,test\n"
    '--U7joUcTCo,30,"rain, heavy",test\n'
    "-0jeONf82dE,21,horse,train\n"
)
VGGTEST = '---g-f_I2yQ_000001.mp4,people marching\n--U7joUcTCo_000030.mp4,"rain, heavy"\n'
FLIST = '"out/a.mp4","out/a.wav","say ""hi"", twice"\n"out/b.mp4","out/b.wav","rain"\n'


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def only(path: Path, clips: Path | None = None) -> tuple[Example, ...]:
    (examples,) = find(path, clips=clips).sets.values()
    return examples


def clips_of(examples: tuple[Example, ...], root: Path) -> Mapping[str, tuple[str, str]]:
    """Return path below a folder and caption of each clip, by id."""
    return {e.id: (e.recording.path.relative_to(root).as_posix(), e.caption) for e in examples}


# --- each form, as clips and as captions -------------------------------------------------------


def test_hugging_faces_table_names_files_in_nested_folders(tmp_path: Path) -> None:
    path = write(tmp_path / "metadata.csv", HF)
    found = {"sub/a": ("sub/a.mp4", "a dog"), "b": ("b.mp4", "rain")}
    assert clips_of(only(path), tmp_path) == found
    assert read_captions(path) == {name: caption for name, (_, caption) in found.items()}


def test_hugging_faces_table_beside_clips_holds_their_captions(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "sub/a.mp4", "b.mp4")
    write(folder / "metadata.csv", HF)
    found = find(folder)
    assert {e.id: e.caption for e in found.sets["m"]} == {"sub/a": "a dog", "b": "rain"}
    assert found.notes == ("m: captions of 2 of 2 clips from metadata.csv",)


def test_a_table_of_sounds_is_about_the_clips_of_their_stems(tmp_path: Path) -> None:
    path = write(tmp_path / "metadata.csv", "file_name,text\na.wav,a dog\n")
    assert read_captions(path) == {"a": "a dog"}


def test_a_table_has_the_columns_of_a_list_of_objects(tmp_path: Path) -> None:
    text = (
        "start,Video,ID,audio,system,caption\n2.5,v/a.mp4,one,s/a.flac,mine,a dog\n,b.mp4,,,mine,\n"
    )
    path = write(tmp_path / "clips.csv", text)
    one = Recording(tmp_path / "v/a.mp4", 2.5, tmp_path / "s/a.flac")
    two = Recording(tmp_path / "b.mp4")
    assert load(path) == {"mine": (Example("one", "a dog", one), Example("b", "", two))}


def test_javisbench_names_real_clips_by_path_and_ids_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "JavisBench.csv", JAVIS)
    examples = only(path)
    assert clips_of(examples, tmp_path) == {
        "sample_0000": ("v/x.mp4", "a dog"),
        "sample_0001": ("v/y.mp4", "rain"),
    }
    assert [e.recording.sound for e in examples] == [tmp_path / "v/x.wav", None]
    assert read_captions(path) == {"sample_0000": "a dog", "sample_0001": "rain"}


def test_javisbench_finds_predictions_by_row_and_reports_it(tmp_path: Path) -> None:
    path = write(tmp_path / "JavisBench.csv", JAVIS)
    made = touch(
        tmp_path / "made", *(f"sample_000{i}.{end}" for i in (0, 1) for end in ("mp4", "wav"))
    )
    found = find(path, clips=made)
    examples = found.sets["made"]
    assert clips_of(examples, made) == {
        "sample_0000": ("sample_0000.mp4", "a dog"),
        "sample_0001": ("sample_0001.mp4", "rain"),
    }
    assert [e.recording.sound for e in examples] == [made / f"sample_000{i}.wav" for i in (0, 1)]
    assert found.notes == (
        "JavisBench.csv: clips found as sample_0000 and so on in made, not by their path",
    )


def test_rows_of_javisbench_are_counted_as_pandas_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path / "j.csv", "path,text,audio_text\na.mp4,a,x\n\n,,\nb.mp4,b,x\n")
    assert list(read_captions(path)) == ["sample_0000", "sample_0002"]


def test_av_benchmark_names_clips_by_stem_of_any_ending(tmp_path: Path) -> None:
    path = write(touch(tmp_path, "a.mkv", "a.wav", "0001.mp4") / "data.csv", AVBENCH)
    assert clips_of(only(path), tmp_path) == {"a": ("a.mkv", "a dog"), "0001": ("0001.mp4", "rain")}
    assert only(path)[0].recording.sound == tmp_path / "a.wav"
    assert read_captions(path) == {"a": "a dog", "0001": "rain"}


def test_mmaudio_names_clips_by_stem_and_separates_by_tabs(tmp_path: Path) -> None:
    path = write(tmp_path / "vgg-test.tsv", MMAUDIO)
    clips = touch(tmp_path / "clips", "---g-f_I2yQ_000001.mp4", "--U7joUcTCo_000000.mp4", "x.mp4")
    captions = {"---g-f_I2yQ_000001": "people marching", "--U7joUcTCo_000000": "rain, heavy"}
    assert clips_of(only(path, clips), clips) == {n: (f"{n}.mp4", c) for n, c in captions.items()}
    assert read_captions(path) == captions


def test_vggsound_is_found_in_both_namings_and_by_its_test_split(tmp_path: Path) -> None:
    path = write(tmp_path / "vggsound.csv", VGGSOUND)
    touch(tmp_path, "---g-f_I2yQ_000001.mp4", "--U7joUcTCo_30000_40000.mp4")
    found = find(path)
    assert clips_of(found.sets[tmp_path.name], tmp_path) == {
        "---g-f_I2yQ_000001": ("---g-f_I2yQ_000001.mp4", "people marching"),
        "--U7joUcTCo_000030": ("--U7joUcTCo_30000_40000.mp4", "rain, heavy"),
    }
    assert found.notes == ("vggsound.csv: passed over 1 clips that are not of test (train)",)
    assert len(read_captions(path)) == 3


@pytest.mark.parametrize("text", ["tempotokens", "mmaudio", "pairs"])
@pytest.mark.parametrize("stem", ["_30", "_30000_40000", ""])
def test_clips_of_youtube_are_found_in_any_spelling(stem: str, text: str, tmp_path: Path) -> None:
    rows = {
        "tempotokens": "ytid,start_time,class,set\n--U7joUcTCo,30,rain,test\n",
        "mmaudio": "id\tlabel\n--U7joUcTCo_000030\train\n",
        "pairs": "--U7joUcTCo_000030.mp4,rain\n",
    }
    path = write(tmp_path / "list.csv", rows[text])
    touch(tmp_path, f"--U7joUcTCo{stem}.webm", f"--U7joUcTCo{stem}.wav")
    assert clips_of(only(path), tmp_path) == {
        "--U7joUcTCo_000030": (f"--U7joUcTCo{stem}.webm", "rain")
    }
    assert only(path)[0].recording.sound == tmp_path / f"--U7joUcTCo{stem}.wav"
    assert read_captions(path) == {"--U7joUcTCo_000030": "rain"}


def test_a_clip_of_youtube_with_files_of_two_other_spellings_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "--U7joUcTCo,30,rain,test\n")
    touch(tmp_path, "--U7joUcTCo_30.mp4", "--U7joUcTCo_30000_40000.mp4")
    with pytest.raises(DataError, match="found 2 files of the clip --U7joUcTCo_000030"):
        load(path)


def test_vggsound_without_a_test_split_is_taken_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", "---g-f_I2yQ,1,a,train\n-0jeONf82dE,21,b,valid\n")
    assert len(only(path)) == 2


@pytest.mark.parametrize("ending", [".mp4", ""])
def test_vggsounds_list_of_two_columns_names_clips_with_or_without_ending(
    ending: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "test.csv", VGGTEST.replace(".mp4", ending))
    captions = {"---g-f_I2yQ_000001": "people marching", "--U7joUcTCo_000030": "rain, heavy"}
    touch(tmp_path, *(f"{name}.mp4" for name in captions))
    assert clips_of(only(path), tmp_path) == {n: (f"{n}.mp4", c) for n, c in captions.items()}
    assert read_captions(path) == captions


def test_the_authors_lists_of_generated_clips_name_sounds(tmp_path: Path) -> None:
    path = write(tmp_path / "gen_flist.txt", FLIST)
    examples = only(path)
    assert clips_of(examples, tmp_path)["out/a"] == ("out/a.mp4", 'say "hi", twice')
    assert [e.recording.sound for e in examples] == [tmp_path / f"out/{n}.wav" for n in "ab"]
    assert read_captions(path) == {"out/a": 'say "hi", twice', "out/b": "rain"}


# --- traps -------------------------------------------------------------------------------------

LISTS = {
    "hf": HF, "javis": JAVIS, "av": AVBENCH, "mmaudio": MMAUDIO, "vgg": VGGSOUND, "test": VGGTEST,
    "flist": FLIST,
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_bytes_that_systems_add_change_nothing(name: str, tmp_path: Path) -> None:
    plain = write(tmp_path / "a" / "x", LISTS[name])
    expected = read_captions(plain)
    dressed = LISTS[name].replace("\n", "\r\n\r\n")
    assert (
        read_captions(write(tmp_path / "b" / "x", f"\r\n{dressed}  \r\n", "utf-8-sig")) == expected
    )


@pytest.mark.parametrize("name", ["hf", "javis", "av", "mmaudio"])
def test_headings_in_another_case_with_further_columns(name: str, tmp_path: Path) -> None:
    heading, _, rows = LISTS[name].partition("\n")
    mark = "\t" if "\t" in heading else ","
    wider = [f"7{mark}{row}" for row in rows.splitlines()]
    text = "\n".join([f" N {mark}{heading.upper()}", *wider])
    plain = read_captions(write(tmp_path / "a.csv", LISTS[name]))
    assert read_captions(write(tmp_path / "b.csv", text)) == plain


def test_a_form_is_known_by_what_a_list_holds_not_by_its_name(tmp_path: Path) -> None:
    for ending in ("csv", "tsv", "txt", "list"):
        for name, text in LISTS.items():
            path = write(tmp_path / f"{name}.{ending}", text)
            assert read_captions(path) == read_captions(write(tmp_path / name, text))
    objects = write(tmp_path / "objects.csv", '\n{"file": "a.mp4", "caption": "rain"}\n')
    assert read_captions(objects) == {"a": "rain"}


def test_tabs_in_captions_make_no_list_of_tabs(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "a.mp4,a dog\tbarks\nb.mp4,rain\n")
    assert read_captions(path) == {"a": "a dog\tbarks", "b": "rain"}
    path = write(tmp_path / "d.csv", 'name,caption\na,"a dog\tbarks, twice"\n')
    assert read_captions(path) == {"a": "a dog\tbarks, twice"}


def test_each_form_knows_its_own_lists_alone() -> None:
    first_rows = {
        "file_name,text": 0, "path,text,audio_text": 1, "name,caption": 2, "id,label": 3,
        "ytid,start_time,class,set": 4, "---g-f_I2yQ,1,x,test": 5, "a.mp4,a.wav,x": 6, "a,x": 7,
    }  # fmt: skip
    for row, place in first_rows.items():
        fields = row.split(",")
        headed = [i for i, form in enumerate(FORMS) if not form.columns and form.fits(fields)]
        bare = [i for i, form in enumerate(FORMS) if form.columns and form.fits(fields)]
        assert (headed or bare)[0] == place
        assert len(headed or bare) == 1


BAD = {
    "no form": ("title,year,score\nx,1,2\n", ", line 1: found 'title,year,score', expected"),
    "a heading nobody has": ("clip,caption\na,b\n", ", line 1: found 'clip,caption', expected one"),
    "two forms": ("id,name,caption\n1,a,x\n", ": found the columns of av-benchmark's CSV"),
    "a column twice": ("name,Name,caption\na,a,x\n", ": found a column twice in its heading"),
    "nothing": ("\n  \n", ": found no line in it, expected one JSON object a line, or CSV of"),
    "a short row": ("file_name,text\na.mp4\n", ", line 2: found 1 fields, expected 2: file_name,"),
    "no start": ("---g-f_I2yQ,1,x,test\n---g-f_I2yQ,soon,x,test\n", ", line 2: found '---g-f_I2y"),
    "a start that is text": ("file,start\na.mp4,soon\n", ", line 2: found 'a.mp4,soon', expected"),
    "a start before": ("file,start\na.mp4,-1\n", ", line 2: found start -1.0, expected seconds"),
    "an id twice": ("name,caption\na,x\na,y\n", " (here): found the id 'a' 2 times, expected once"),
    "a name that leads out": ("name,caption\n../a,x\n", " (here): found the id '../a', expected"),
    "no name": ("name,caption\n,x\n", ", line 2: found no file name, expected"),
    "an open quote": ('name,caption\na,"x\n', ", line 2: found no CSV (a quote"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_list_is_one_line(kind: str, tmp_path: Path) -> None:
    text, message = BAD[kind]
    path = write(tmp_path / "here" / "list.csv", text)
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_a_list_in_latin_1_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "l.csv", "name,caption\na,Gl\u00fcck\n", "latin-1")
    with pytest.raises(DataError, match=r"l\.csv, line 2: found the byte 0xfc where no UTF-8"):
        read_list(path).entries.__next__()


def test_two_videos_of_a_listed_stem_are_an_error(tmp_path: Path) -> None:
    path = write(touch(tmp_path, "a.mkv", "a.mp4") / "l.csv", "name,caption\na,x\n")
    with pytest.raises(
        DataError, match=r"line 2: found a\.mkv and a\.mp4 in .*, expected one video"
    ):
        load(path)


def test_a_listed_clip_that_is_not_there_is_missed_where_clips_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "l.csv", "name,caption\nsub/a,x\n")
    assert clips_of(only(path), tmp_path) == {"sub/a": ("sub/a.mp4", "x")}


def test_a_folder_of_listed_clips_needs_a_list(tmp_path: Path) -> None:
    folder = touch(tmp_path / "m", "a.mp4")
    with pytest.raises(
        ConfigError, match=r"--reference-clips .*m: found it where it has no effect"
    ):
        find(folder, clips=folder)
