"""`svbench tune-avalign`: the table, the folder, real annotated clips, and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.catalog.metrics import MetricSettings, build_metrics
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
    assert "motion peaks  tuned" in outcome.out
    assert "onsets        best here" in outcome.out
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
