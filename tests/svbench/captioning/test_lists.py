"""Lists in the forms of loaders, read back by these."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.captioning.clips import of_dataset
from svbench.captioning.lists import form_of
from svbench.catalog.datasets import DATASETS
from svbench.datasets import greatesthits, landscape, manifest, vggsound
from svbench.errors import ConfigError
from svbench.types import Example, Recording
from tests.factories.clip_lists import listed, touch
from tests.factories.clips import make_clip, write_clip

CAPTION = 'A person, "hitting" wood\u00fc'
RISKY = "=cmd() - a person"  # no spreadsheet reads a list: it stays as it is


@pytest.mark.parametrize("segmented", [True, False])
def test_greatest_hits_reads_its_list(segmented: bool, tmp_path: Path) -> None:
    video = "2015-02-16-16-49-06"
    root = tmp_path / "vis-data-256"
    names = [f"{video}_denoised_thumb-{k:03d}.mp4" for k in (0, 3)]
    touch(root, *(names if segmented else [f"{video}_denoised.mp4"]))
    (root / "of.csv").write_text("".join(f"{name},?\n" for name in names))
    clips = of_dataset("greatesthits", data_root=root, captions=root / "of.csv")
    assert (clips.name, clips.seconds, clips.size) == ("greatesthits test", 4.0, (256, 256))
    out = tmp_path / "flist_test.csv"
    captions = zip(clips.examples, (CAPTION, RISKY), strict=True)
    out.write_text(form_of(out, clips.listed_name)(list(captions), out), encoding="utf-8")
    assert [line.split(",")[0] for line in out.read_text().splitlines()] == names
    again = greatesthits.load(root, captions=out)
    assert [example.caption for example in again] == [CAPTION, RISKY]
    assert [(e.id, e.recording) for e in again] == [(e.id, e.recording) for e in clips.examples]


@pytest.mark.parametrize(
    ("name", "module", "files"),
    [
        ("landscape", landscape, ("test/raining/a.b.mp4", "test/fire_crackling/b, c.webm")),
        ("vggsound", vggsound, ("video/-0abcdefghi_000030.mp4", "video/_1abcdefghi_000100.mp4")),
    ],
)
def test_data_sets_of_scenes_read_their_lists(
    name: str, module: object, files: tuple[str, ...], tmp_path: Path
) -> None:
    root = touch(tmp_path / "data", *files)
    if name == "vggsound":
        rows = [f"{Path(file).stem},a label\n" for file in files]
        (root / "vggsound.csv").write_text("".join(rows))
    clips = of_dataset(name, data_root=root)
    assert len(clips.examples) == 2
    out = tmp_path / "captions.csv"
    captions = [(e, t) for e, t in zip(clips.examples, (CAPTION, RISKY), strict=True)]
    out.write_text(form_of(out, clips.listed_name)(captions, out), encoding="utf-8")
    again = module.load(root, listing=out)  # type: ignore[attr-defined]
    assert {(e.id, e.caption) for e in again} == {(e.id, text) for e, text in captions}


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_clips_of_folders_and_lists_take_captions_by_id(ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    write_clip(folder / "in side" / "a, b.mp4", make_clip(0), apart=True)
    write_clip(folder / "c.mp4", make_clip(1))
    clips = listed(
        folder / "list.jsonl",
        {"file": "in side/a, b.mp4", "id": "x.mp4"},
        {"file": "c.mp4", "start": 0.25},
    )
    (examples,) = manifest.load(clips).values()
    out = tmp_path / f"captions{ending}"
    texts = list(zip(examples, (CAPTION, RISKY), strict=True))
    out.write_text(form_of(out, None)(texts, out), encoding="utf-8")
    assert manifest.read_captions(out) == {e.id: text for e, text in texts}
    if ending == ".jsonl":  # which is a list of these clips as well
        (again,) = manifest.load(out).values()
        assert [(e.id, e.caption) for e in again] == [(e.id, text) for e, text in texts]
        places = [(e.recording.path.resolve(), e.recording.start) for e in again]
        assert places == [(e.recording.path.resolve(), e.recording.start) for e in examples]
        assert again[0].recording.sound is not None


def test_the_ending_of_a_list_names_its_form() -> None:
    def name(example: Example) -> str:
        return example.id

    with pytest.raises(ConfigError, match=r"found the ending '.txt', expected .csv or .jsonl"):
        form_of(Path("list.txt"), None)
    with pytest.raises(ConfigError, match=r"found the ending '.jsonl', expected '?.csv"):
        form_of(Path("list.jsonl"), name)
    odd = Example("of.odd", "", Recording(Path("of.odd.bin")))
    assert form_of(Path("a.csv"), None)([(odd, "x")], Path("a.csv")).endswith("of.odd.mp4,x\n")


def test_every_data_set_says_what_its_lists_call_a_clip() -> None:
    assert all(DATASETS.known(name).listed_name for name in DATASETS)
