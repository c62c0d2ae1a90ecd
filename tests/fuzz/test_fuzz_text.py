"""Every reader of text against damaged files: it reads them, or says in one line why not.

Each specimen is a file as it should be. Its variants are read by what reads it in earnest; nothing
but an error of ours may come out. The long version is `SVBENCH_FUZZ=2000 pytest tests/fuzz`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines import miniature as systems
from svbench.baselines.checkpoints import ours as checkpoint
from svbench.catalog.gallery import find_elsewhere
from svbench.datasets import captions, greatesthits, landscape, manifest, vggsound
from svbench.engines.local import Local
from svbench.errors import SvbenchError
from svbench.files.clip_view import ClipView, Motion, dump_view, load_view
from svbench.files.results import dump_scores, dump_table, load_scores, load_settings, load_table
from svbench.files.seals import sealed, unsealed
from svbench.files.store import digest_set
from svbench.files.text import is_plain, read_object
from svbench.metrics import miniature as networks
from svbench.metrics.imagebind_scores import read_small
from svbench.miniature.drawing import folders
from svbench.reports.compare.golden import Entry, Golden, Tolerance, dump_golden, load_golden
from svbench.reports.tables.clip_scores import read_clip_scores
from svbench.training.miniature.systems import loss_curve
from svbench.types import ClipScore, ClipSpec, Recording, ResultTable, Sample
from svbench.walk import gallery
from svbench.walk.recorded import UNREADABLE
from tests.factories.results import make_table
from tests.fuzz.mutations import count, mutants

USUAL = 60  # variants of each specimen
TABLE = make_table()
ADDED = Sample("a/0", "a dog", Recording(Path("a.mkv")), "c0ffee")
MADE = digest_set(TABLE.spec, [ADDED])  # of a set that a run made
LISTED = digest_set(  # of one that `score` was given: its files are empty
    TABLE.spec, [Sample(f"{i}/0", "", Recording(Path(i)), UNREADABLE) for i in "ab"]
)
ONE = hashlib.sha256(b"1\n").hexdigest()
COUNTS = {"train": 1, "test": 1, "reference": 0}
DRAWN = {
    **folders._facts("x", 1, 0),
    **COUNTS,
    "files": {f"{split}.txt": ONE for split in COUNTS},
}
MARKER = json.dumps(sealed(DRAWN), indent=2)
HIT = "2015-02-16-16-49-06"


@dataclass(frozen=True)
class Specimen:
    """A file as it should be, below a folder of its own, and what reads it."""

    file: str
    text: str
    read: Callable[[Path], Any]  # the folder -> whatever
    beside: tuple[str, ...] = ()  # empty files


def real_row(digest: str) -> ResultTable:
    """Return a table with the row of real clips alone."""
    return make_table(rows=(replace(TABLE.rows[0], settings={"set": digest}),))


def scored_run(folder: Path) -> None:
    load_settings(folder)
    gallery.find_sets(folder, real_row(LISTED), Local(), find_elsewhere(folder))


def results(folder: Path) -> None:
    dump_table(load_table(folder)).encode()


def samples(folder: Path) -> None:
    gallery.find_sets(folder, real_row(MADE), Local(), find_elsewhere(folder))


def view_within(folder: Path) -> None:
    """Read a view whose seal fits whatever it says."""
    said = read_object(folder / "v.json", "the view of a clip")
    (folder / "v.json").write_text(json.dumps(sealed(said)), encoding="utf-8")
    load_view(folder / "v.json")


def scores(folder: Path) -> None:
    first = None
    try:
        first = load_scores(folder)
    finally:  # the two readers read one file; what one refuses the other may take
        second = read_clip_scores(folder)
        if first is not None:
            assert dict(first) == {key: dict(of) for key, of in second.by_request().items()}


def clips(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Read a list, and see that what it names can be written."""

    def reading(folder: Path) -> None:
        for examples in read(folder).values():
            for example in examples:
                json.dumps([example.id, example.caption], ensure_ascii=False).encode()

    return reading


def drawn_once(folder: Path) -> None:
    """Take a folder for drawn, mend it, or refuse it; what is not whole is drawn again."""
    folders.draw_once(folder, fill, name="x", version=1, seed=0, train=1, test=1)
    folders.draw_once(folder, refuse, name="x", version=1, seed=0, train=1, test=1)


def fill(folder: Path, split: str, _there: int, clips: int) -> None:
    (folder / f"{split}.txt").write_text(f"{clips}\n")


def refuse(*_: object) -> None:
    raise AssertionError("drew into a folder that was whole")


def jsonl(*entries: dict[str, object]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


DETAIL = {"precision": 0.5, "onset_times": (0.5, 1.25), "motion_peak_times": (0.5,)}
LINES = [("mine", "align", ClipScore(f"c{i}/0", i / 4, DETAIL)) for i in range(4)]
EMPTY = hashlib.sha256(b"").hexdigest()
SCORE = {"command": "score", "config": {"reference": "FOLDER/real", "generated": ["FOLDER/mine"]}}
VIEW = ClipView(
    *("mine", "c/0", "5e7", "c.mp4", "c.jpg", "c-strip.jpg", 8, 1.0, ((-0.5, 0.5), (0.0, 0.25))),
    {"events": Motion(8.0, (0.5, 1.0))},
)
SEALED_VIEW = json.loads(dump_view(VIEW))
GOLDEN = Golden(TABLE, {"a": Tolerance(0.01)}, (Entry("2026-01-02", "0.1", "first"),))
SPEC = ClipSpec(8, 8.0, (32, 32), 16000)
HITS = "".join(f'{HIT}_denoised_thumb-00{k}.mp4,"a stick, hitting"\n' for k in range(3))
HIT_FILES = tuple(f"{HIT}_denoised_thumb-00{k}.mp4" for k in range(3))
LOSSES = "step,loss_audio,loss_video,lr,seconds\n1,0.5,0.25,1e-4,0.1\n2,0.4,0.2,1e-4,0.1\n"
ENTRIES = (
    {"file": "v/a.mp4", "id": "a", "caption": "a dog", "system": "mine", "start": 0.5},
    {"file": "b.mkv", "prompt": "rain", "audio": "b.wav", "system": "mine"},
)


def hits(folder: Path) -> Any:
    return {"": greatesthits.load(folder)}


SPECIMENS = {
    "a list of clips": Specimen(
        "c.jsonl", jsonl(*ENTRIES), clips(lambda folder: manifest.find(folder / "c.jsonl").sets)
    ),
    "captions as JSON": Specimen(
        "c.jsonl",
        jsonl({"id": "a", "caption": "a dog"}, {"file": "b.mp4", "text": "rain"}),
        lambda folder: captions.read_captions(folder / "c.jsonl"),
    ),
    "captions as CSV": Specimen(
        "c.csv",
        'a.mp4,"a dog, barking"\nb,"two\nlines"\n',
        lambda folder: captions.read_captions(folder / "c.csv"),
    ),
    "run.json": Specimen("run.json", json.dumps(SCORE, indent=2), scored_run, ("real/a.mp4",)),
    "results.json": Specimen("results.json", dump_table(TABLE), results),
    "scores.csv": Specimen("scores.csv", dump_scores(LINES), scores),
    "golden.json": Specimen(
        "golden.json", dump_golden(GOLDEN), lambda folder: load_golden(folder / "golden.json")
    ),
    "a manifest of samples": Specimen(
        "samples/real/manifest.jsonl",
        jsonl(
            {"id": "a/0", "caption": "a dog", "file": "ab/a.mkv", "digest": "c0ffee"},
            {"sealed": MADE, "count": 1},
        ),
        samples,
        ("samples/real/ab/a.mkv",),
    ),
    "a view": Specimen("v.json", dump_view(VIEW), lambda folder: load_view(folder / "v.json")),
    "what a view says": Specimen("v.json", json.dumps(unsealed(SEALED_VIEW)), view_within),
    "captions of hits": Specimen("flist_test.csv", HITS, hits, HIT_FILES),
    "ids of hits": Specimen("test.txt", f"{HIT}\n2015-03-28-19-44-24\n", hits, HIT_FILES),
    "times of hits": Specimen(
        f"{HIT}_times.txt",
        "1.25 wood hit static\n2.5 None None None\n5.0 metal scratch deform\n",
        hits,
        HIT_FILES,
    ),
    "a list of landscapes": Specimen(
        "test.txt",
        'rain/a.mp4\nrain/b,"rain, on a roof"\nfire/c.mkv\n',
        lambda folder: landscape.load(folder),
        ("rain/a.mp4", "rain/b.webm", "fire/c.mkv"),
    ),
    "a list of VGGSound": Specimen(
        "vggsound.csv",
        '---g-f_I2yQ,1,people marching,test\n--0PQM4-hqg,30,"a dog, barking",test\n',
        lambda folder: vggsound.load(folder),
        ("video/---g-f_I2yQ_000001.mp4", "--0PQM4-hqg_000030.mp4"),
    ),
    "a mark of drawn data": Specimen("MINIATURE.json", MARKER, drawn_once),
    "a joint model": Specimen(
        "config.json",
        json.dumps(
            {
                "format": checkpoint.FORMAT,
                "mixer": "cmc-pe",
                "condition_channels": 40,
                "multiples": {"audio": [1, 2], "video": [1, 2]},
                "head_size": {"audio": 8, "video": 8},
            }
        ),
        checkpoint.load_config,
    ),
    "a design": Specimen(
        systems.DESIGN,
        (systems.FOLDER / systems.DESIGN).read_text(encoding="utf-8"),
        systems.read_design,
    ),
    "a record of systems": Specimen(
        systems.RECORD,
        json.dumps({"sha256": {systems.WORDS: EMPTY}}),
        lambda folder: systems.verified([systems.WORDS], folder),
        (systems.WORDS,),
    ),
    "words": Specimen(
        systems.WORDS,
        (systems.FOLDER / systems.WORDS).read_text(encoding="utf-8"),
        lambda folder: systems.read_words(folder / systems.WORDS),
    ),
    "a record of networks": Specimen(
        networks.RECORD,
        json.dumps({"sha256": {"imagebind.json": EMPTY}}),
        lambda folder: networks.weight_file("imagebind-sizes", folder),
        ("imagebind.json",),
    ),
    "sizes of an ImageBind": Specimen(
        "imagebind.json",
        (networks.FOLDER / "imagebind.json").read_text(encoding="utf-8"),
        lambda folder: read_small(folder / "imagebind.json"),
    ),
    "losses": Specimen("loss.csv", LOSSES, lambda folder: loss_curve(folder / "loss.csv")),
}


def placed(specimen: Specimen, folder: Path) -> Path:
    """Write a specimen and what lies beside it; give its path."""
    for name in (specimen.file, *specimen.beside):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if specimen.read is scored_run:
        (folder / "mine").mkdir()
        for name in ("real/b.mp4", "mine/a.mp4"):
            (folder / name).touch()
    if specimen.read is samples:
        (folder / "run.json").write_text(json.dumps({"command": "run", "config": {}}))
    if specimen.read is hits and specimen.file != "flist_test.csv":
        (folder / "flist_test.csv").write_text(HITS)
    path = folder / specimen.file
    path.write_text(specimen.text.replace("FOLDER", str(folder)), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_damaged_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    specimen = SPECIMENS[name]
    path = placed(specimen, tmp_path)
    specimen.read(tmp_path)  # as it should be
    for variant in mutants(path.read_bytes(), count(USUAL), name, words=True):
        path.write_bytes(variant)
        said = outcome(specimen, tmp_path, variant)
        assert is_plain(said), f"{said!r} of {variant[:500]!r}"
    shutil.rmtree(tmp_path)


def outcome(specimen: Specimen, folder: Path, variant: bytes) -> str:
    """Return what is said of a variant, nothing if it is read; what else comes out names it."""
    try:
        specimen.read(folder)
    except SvbenchError as error:
        return str(error)
    except Exception as error:
        error.add_note(f"{variant[:500]!r}")
        raise
    return ""
