"""`svbench tune-avalign`: the table, the folder, real annotated clips, and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.metrics import build_metrics
from svbench.config import RunConfig
from svbench.datasets import greatesthits
from svbench.metrics.avalign import tuning
from svbench.metrics.avalign.events import DETECTORS
from svbench.miniature import greatesthits as miniature
from svbench.training.detectors import WORST, worst_clips
from tests.factories.clips import make_clip
from tests.factories.commands import Command

CONFIG = RunConfig(dataset="greatesthits")
SMALL = ("tune-avalign", "--clips", 2, "--workers", 1)


def test_hard_clips_give_a_table_a_record_and_a_picture(svbench: Command, tmp_path: Path) -> None:
    outcome = svbench(*SMALL, "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "motion peaks tuned" in outcome.out
    assert "onsets       best here" in outcome.out
    record = json.loads((tmp_path / "tuned.json").read_text())
    assert record["clips"] == {"train": 2, "test": 2}
    by = {(line["what"], line["detectors"]): line["f"] for line in record["test"]}
    assert by["motion peaks", "tuned"] >= by["motion peaks", "published"] + 0.15
    assert record["f of the best on train"]["motion"] >= 0.8
    assert (tmp_path / "worst.svg").read_text().startswith("<?xml")
    names = [f"av-align-corrected@{tmp_path}/tuned.json+native"]
    (chosen,) = build_metrics(names, MetricSettings())
    assert f"--metrics av-align-corrected@{tmp_path}/tuned.json" in outcome.out.replace("\n", "")
    detectors = chosen.settings["detectors"]
    assert {**detectors, "name": "best here"} == {**record["best"], "source": detectors["source"]}
    assert chosen.name == f"av-align-corrected@tuned-{detectors['source'][:10]}+native"


def test_annotated_clips_are_read_by_action(svbench: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    miniature.draw(data, seed=1, train=2, test=2)
    outcome = svbench(
        *SMALL, "--data-root", data, "--fps", 8, "--actions", "hit", "--out", tmp_path / "out"
    )
    assert outcome.code == 0, outcome.err
    hits = json.loads((tmp_path / "out" / "tuned.json").read_text())["hits"]
    for split in ("train", "test"):
        examples = greatesthits.load(data, split=split, actions=["hit"])
        assert hits[split] == sum(len(e.onsets or ()) for e in examples)


def test_materials_and_actions_share_out_the_hits(svbench: Command, tmp_path: Path) -> None:
    """Each hit has one label of a kind; the figures of one label are those of its own clips."""
    assert svbench(*SMALL, "--out", tmp_path).code == 0
    record = json.loads((tmp_path / "tuned.json").read_text())
    for kind in ("material", "action"):
        of = [line for line in record["test by label"] if kind in line]
        assert {line["what"] for line in of} == {"motion peaks", "onsets"}
        for what in ("motion peaks", "onsets"):
            lines = [e for e in of if (e["what"], e["detectors"]) == (what, "published")]
            assert sum(line["hits"] for line in lines) == record["hits"]["test"]
            (whole,) = [
                line
                for line in record["test"]
                if (line["what"], line["detectors"]) == (what, "published")
            ]
            matched = sum(line["hits"] * line["recall"] for line in lines)
            assert matched == pytest.approx(record["hits"]["test"] * whole["recall"])


def annotated(root: Path) -> Path:
    """Draw four training and four test recordings of 8 s, whole and without lists of captions."""
    miniature.draw(root, seed=1, train=8, test=8)
    for listed in root.glob("flist_*.csv"):
        listed.unlink()
    return root


def test_a_clip_that_cannot_be_read_is_named_or_left_out(svbench: Command, tmp_path: Path) -> None:
    data = annotated(tmp_path / "data")
    bad = sorted(data.glob("2000-07*.mp4"))[-1]
    bad.write_bytes(b"no video")
    words = ("tune-avalign", "--data-root", data, "--fps", 8, "--workers", 1, "--clips", 8)
    outcome = svbench(*words, "--out", tmp_path / "out")
    assert f"{bad}: found no readable media" in outcome.problem(3)
    outcome = svbench(*words, "--allow-missing", "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("left out: ") == 1
    assert f"left out: {bad}: found no readable media" in outcome.out
    record = json.loads((tmp_path / "out" / "tuned.json").read_text())
    assert record["left out"] == {"train": 0, "test": 1}


def test_clips_after_the_last_annotated_event_are_left_out(
    svbench: Command, tmp_path: Path
) -> None:
    data = annotated(tmp_path / "data")
    for file in data.glob("2000-07*_times.txt"):  # none of a test recording beyond its first clip
        file.write_text("0.5 wood hit static\n")
    words = ("tune-avalign", "--data-root", data, "--fps", 8, "--workers", 1, "--clips", 8)
    outcome = svbench(*words, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "test: 4 clips begin after the last annotated event" in outcome.out
    record = json.loads((tmp_path / "out" / "tuned.json").read_text())
    assert record["clips"]["test"] == record["hits"]["test"] == 4


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_hits_is_refused(svbench: Command, tmp_path: Path, split: str) -> None:
    data = annotated(tmp_path / "data")
    month = {"train": "01", "test": "07"}[split]
    for file in data.glob(f"2000-{month}*_times.txt"):
        file.write_text("7.5 wood scratch static\n")
    words = ("tune-avalign", "--data-root", data, "--fps", 8, "--actions", "hit", "--workers", 1)
    outcome = svbench(*words, "--clips", 4, "--out", tmp_path / "out")
    assert outcome.problem(3) == f"none of the 4 {split} clips has a hit of hit"
    assert not (tmp_path / "out" / "tuned.json").exists()


def test_both_lists_are_read_before_any_clip(svbench: Command, tmp_path: Path) -> None:
    data = annotated(tmp_path / "data")
    (data / "test.txt").unlink()
    outcome = svbench(*SMALL, "--data-root", data, "--out", tmp_path / "out")
    assert "test.txt: found no such list" in outcome.problem(3)
    assert "reading clips" not in outcome.err


def test_the_worst_clips_come_first() -> None:
    """Of a clip whose 20 hits are out of reach, every hit and every motion peak is wrong."""
    clips = [tuning.observe(f"c{i}", make_clip(i), [0.25, 0.75]) for i in range(5)]
    far = replace(clips[0], id="far", hits=tuple(range(100, 120)))
    traces = worst_clips([*clips, far], DETECTORS["tuned"], 1 / 15)
    wrong = [int(trace.title.split()[-2]) for trace in traces]
    assert traces[0].title == f"far, 8 frames/s: {20 + len(traces[0].peaks)} wrong"
    assert wrong == sorted(wrong, reverse=True)
    assert len(traces) == WORST
    for trace in traces:
        assert len(trace.times) == len(trace.motion)
        assert set(trace.peaks) <= set(trace.times)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--actions", "kiss"), "--actions: got ['kiss'], expected some of None, hit, scratch"),
        (
            ("--actions", "hit,hit"),
            "--actions: found 'hit' twice, expected each once (see svbench tune-avalign --help)",
        ),
        (
            ("--fps", 30),
            "--fps: found it where it has no effect, expected it only beside --data-root: drawn "
            "clips have their own rate",
        ),
    ],
)
def test_bad_settings(
    svbench: Command, tmp_path: Path, words: tuple[object, ...], problem: str
) -> None:
    outcome = svbench("tune-avalign", "--out", tmp_path, *words)
    assert outcome.problem(2) == problem


def test_clips_without_annotations_are_refused(svbench: Command, tmp_path: Path) -> None:
    miniature.draw(tmp_path / "data", seed=1, train=2, test=2)
    for file in (tmp_path / "data").glob("*_times.txt"):
        file.unlink()
    outcome = svbench(*SMALL, "--data-root", tmp_path / "data", "--out", tmp_path / "out")
    assert "2 of 2 clips of train have no annotated hits" in outcome.problem(3)
