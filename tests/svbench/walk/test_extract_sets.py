"""Each clip is decoded once, in each view, and measured once, whichever sets it lies in."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.catalog.plans import settings_of
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.files.store import Store
from svbench.pace import silent
from svbench.types import (
    Clip,
    ClipScore,
    ClipSpec,
    Example,
    Features,
    Judgement,
    SampleSet,
    Score,
    Values,
    View,
)
from svbench.walk import extract_shard
from svbench.walk.extract import Wanted, extract_sets
from svbench.walk.plan import Data, Plan
from svbench.walk.recorded import recorded
from svbench.walk.run import walk
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.whole_walk.test_walk import Toy

FINER = ClipSpec(16, 8.0, (32, 32), 16000)  # of the files, so that both views differ


@dataclass(frozen=True)
class Grey:
    """Measures the mean grey, and counts how often it measured what."""

    key: str
    view: View = "conformed"
    measured: Counter[float] = field(default_factory=Counter)

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        del captions
        means = [float(clip.video.mean()) for clip in clips]
        self.measured.update(means)
        return [np.array([[mean]]) for mean in means]


@dataclass(frozen=True)
class MeanGrey:
    """The mean grey of a set, or its distance from that of the reference."""

    extractor: Grey
    needs_reference: bool = False
    title: str = "Grey"
    better: str = "higher"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.extractor.key}-{self.needs_reference}"

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        value = generated.values.mean() - (reference.values.mean() if reference else 0.0)
        clips = [ClipScore(request, 1.0) for request in generated.requests]
        return Judgement(Score(self.name, float(value), "higher", len(clips)), tuple(clips))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Count how often each clip is decoded for extraction, in which view."""
    counts: Counter[tuple[str, str]] = Counter()
    read, show = extract_shard.read_sample, extract_shard.showing_frames

    def count(sample: Any, view: str) -> None:
        path = sample.recording.path
        counts[f"{path.parent.name}/{path.stem}", view] += 1

    def reading(sample: Any, samples: SampleSet, view: str, *rest: Any) -> Clip:
        count(sample, view)
        return read(sample, samples, view, *rest)

    def showing(sample: Any, *rest: Any) -> Any:
        count(sample, "native")
        return show(sample, *rest)

    monkeypatch.setattr(extract_shard, "read_sample", reading)
    monkeypatch.setattr(extract_shard, "showing_frames", showing)
    return counts


def write_finer(folder: Path, count: int, *, first_seed: int = 0) -> None:
    for number in range(count):
        write_clip(folder / f"c{number}.mp4", make_clip(first_seed + number, FINER))


def examples_of(folder: Path, caption: str = "") -> tuple[Example, ...]:
    (examples,) = manifest.load(folder).values()
    return tuple(replace(example, caption=caption) for example in examples)


def columns() -> tuple[MeanGrey, ...]:
    return (
        MeanGrey(Grey("grey-1")),
        MeanGrey(Grey("grey-1"), needs_reference=True),
        MeanGrey(Grey("grey-of-all-frames-1", "native")),
        MeanGrey(Grey("grey-of-pairs-1", "native"), needs_reference=True),
    )


def plan(read: Data, metrics: Sequence[Any], *systems: Any) -> Plan:
    return Plan(
        dataset="toys",
        scale="mini",
        columns=tuple(metrics),
        read=lambda: read,
        settings=settings_of(RunConfig(dataset="toys")),
        systems=tuple(lambda _clips, s=s: s for s in systems),
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_real_clips_that_are_a_row_and_the_reference_are_measured_once(
    tmp_path: Path, decoded: Counter[tuple[str, str]], workers: int
) -> None:
    """As `svbench score` has them, beside two rows of which one is a copy of the other."""
    write_finer(tmp_path / "real", 5)
    write_finer(tmp_path / "made", 5, first_seed=7)
    shutil.copytree(tmp_path / "made", tmp_path / "copy")
    folders = {name: examples_of(tmp_path / name) for name in ("made", "copy")}
    read = Data("Toys", SPEC, examples_of(tmp_path / "real"), folders=folders)
    metrics = columns()
    table = walk(plan(read, metrics), tmp_path / "run", Local(workers))
    names = [f"{folder}/c{n}" for folder in ("made", "real") for n in range(5)]
    assert decoded == {(name, view): 1 for name in names for view in ("conformed", "native")}
    for key in {metric.extractor.key for metric in metrics}:
        counts = [m.extractor.measured for m in metrics if m.extractor.key == key]
        assert sorted(sum(counts, Counter()).values()) == [1] * 10
    made, copy = (next(r for r in table.rows if r.system == name) for name in folders)
    assert made.scores == copy.scores
    walk(plan(read, metrics), tmp_path / "run", Local(workers))
    assert set(decoded.values()) == {1}


def test_a_reference_that_is_kept_apart_is_measured_by_what_compares_with_it(
    tmp_path: Path, decoded: Counter[tuple[str, str]]
) -> None:
    write_finer(tmp_path / "real", 3)
    write_finer(tmp_path / "apart", 4, first_seed=20)
    apart = examples_of(tmp_path / "apart")
    read = Data("Toys", SPEC, examples_of(tmp_path / "real"), reference=apart)
    metrics = (MeanGrey(Grey("a-1")), MeanGrey(Grey("b-1", "native"), needs_reference=True))
    walk(plan(read, metrics, Toy()), tmp_path / "run", Local(2))
    of_reference = {view for name, view in decoded if name.startswith("apart")}
    assert of_reference == {"native"}
    assert set(decoded.values()) == {1}
    assert len(decoded) == 4 + 3  # a clip of the store is in both views the same
    assert [len(metric.extractor.measured) for metric in metrics] == [3, 7]


def test_a_caption_of_its_own_is_another_clip(tmp_path: Path) -> None:
    write_finer(tmp_path / "real", 2)
    sets = [
        recorded(name, examples_of(tmp_path / "real", caption), SPEC, Local(1))[0]
        for name, caption in (("one", "a hit"), ("two", "a scratch"), ("three", "a hit"))
    ]
    grey = Grey("grey-1")
    steps: list[tuple[str, int]] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Any]:
        steps.append((label, total))
        yield lambda done, kept=0: done_of.append((done, kept))

    done_of: list[tuple[int, int]] = []
    wanted = [Wanted(samples, [grey]) for samples in sets]
    found = extract_sets(wanted, Store(tmp_path / "run"), Local(1), progress)
    assert steps == [("extracting features", 4)]
    assert sum(done for done, _ in done_of) == 4
    assert set(grey.measured.values()) == {2}
    assert [list(one.features["grey-1"].requests) for one in found] == [["c0/0", "c1/0"]] * 3


def test_a_clip_that_cannot_be_decoded_is_read_where_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place of equal clips has a line of its own, unless one of them is whole."""
    write_finer(tmp_path / "one", 2)
    for name in ("two", "three"):
        shutil.copytree(tmp_path / "one", tmp_path / name)
    bad = {"one/c0", "one/c1", "two/c1", "three/c1"}
    read = extract_shard.read_sample

    def reading(sample: Any, *rest: Any) -> Clip:
        path = sample.recording.path
        if f"{path.parent.name}/{path.stem}" in bad:
            raise OSError("Input/output error")
        return read(sample, *rest)

    monkeypatch.setattr(extract_shard, "read_sample", reading)
    names = ("one", "two", "three")
    sets = [recorded(n, examples_of(tmp_path / n), SPEC, Local(1))[0] for n in names]
    wanted = [Wanted(samples, [Grey("grey-1")]) for samples in sets]
    found = extract_sets(wanted, Store(tmp_path / "run"), Local(1), silent)
    for name, one in zip(names, found, strict=True):
        assert one.features["grey-1"].requests == ("c0/0",)
        (line,) = one.problems.values()
        assert line.startswith(f"{tmp_path / name / 'c1.mp4'}: found OSError")
