"""Plug-ins of tests: modules, and installed packages, that offer entries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from svbench.catalog.columns.entries import MetricEntry, MetricSettings
from svbench.catalog.datasets import Dataset
from svbench.catalog.systems import SystemEntry
from svbench.types import Clip, ClipScore, Features, Judgement, Score
from tests.factories.clips import SPEC


def add_module(
    monkeypatch: pytest.MonkeyPatch, name: str, version: str | None = "0.1", **attributes: Any
) -> ModuleType:
    """Add a module that `--plugin` can name."""
    module = ModuleType(name)
    if version is not None:
        attributes["__version__"] = version
    for attribute, value in attributes.items():
        setattr(module, attribute, value)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def install(
    monkeypatch: pytest.MonkeyPatch, site: Path, name: str, version: str, **groups: str
) -> None:
    """Install a package: its record alone, with entry points `NAME = MODULE:OBJECT` by table."""
    record = site / f"{name.replace('-', '_')}-{version}.dist-info"
    record.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (record / "METADATA").write_text(about, encoding="utf-8")
    text = "".join(f"[svbench.{table}]\n{points}\n" for table, points in groups.items())
    (record / "entry_points.txt").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(site)


BOOM = ZeroDivisionError("division\nby zero")


def fail(*_given: object, **_keywords: object) -> Any:
    raise BOOM


# --- a plug-in that offers an entry of each kind ------------------------------------------------


def means(clips: Sequence[Clip], _captions: Sequence[str]) -> list[Any]:
    return [np.array([[clip.video.mean()]]) for clip in clips]


@dataclass
class Brightness:
    """Scores the mean of all pixels, 0..255."""

    extract: Callable[..., Any] = means
    name: str = "brightness"
    title: str = "Brightness"
    better: Any = "higher"
    needs_reference: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str = "means-1"
    judge: Callable[[Judgement], Any] = lambda found: found

    @property
    def extractor(self) -> Any:
        class Means:
            key, view = self.key, "conformed"
            __call__ = staticmethod(self.extract)

        return Means()

    def score(self, generated: Features, _reference: Features | None) -> Any:
        values = [float(value) for value in generated.values[:, 0]]
        clips = tuple(map(ClipScore, generated.requests, values))
        mean = float(np.mean(values))
        return self.judge(Judgement(Score(self.name, mean, self.better, len(values)), clips))


@dataclass
class Black:
    """Generates black, silent clips."""

    name: str = "black"
    title: str = "black"
    settings: Mapping[str, Any] = field(default_factory=dict)
    made_of_real_clips: bool = False
    make: Callable[[Clip], Any] = lambda clip: clip

    def decided_by(self, _request: object) -> Mapping[str, str]:
        return {}

    def generate(self, requests: Sequence[object], spec: Any) -> Iterator[Any]:
        for _ in requests:
            video = np.zeros((spec.frames, *spec.size, 3), np.uint8)
            yield self.make(Clip(video, np.zeros(spec.samples, np.float32), spec))


@dataclass
class BlackBatches(Black):
    """The same, so many at a time, by a model that it could free."""

    batch: int = 2
    shares_device: bool = False
    release: Callable[[], None] = lambda: None


def metric_entry(metric: object) -> MetricEntry:
    def build(_preset: str, _settings: MetricSettings) -> Any:
        return metric

    return MetricEntry(build, {"": ()}, "")


def system_entry(system: object) -> SystemEntry:
    def build(_clips: object) -> Any:
        return system

    return SystemEntry("black", lambda _config: [build])


def dataset_entry(load: Callable[..., Any]) -> Dataset:
    return Dataset(
        *("Toys", "Toys: some clips", SPEC, "none", load),
        metrics=("brightness",),
        categories=lambda example, _caption: {"toy": f"toys of {example}"},
    )


def load_toys(root: Path, _config: object) -> tuple[list[Any], list[str]]:
    from svbench.datasets.manifest import load

    return list(load(root)["clips"]), []


def add_toys(
    monkeypatch: pytest.MonkeyPatch,
    metric: object = None,
    system: object = None,
    load: Callable[..., Any] = load_toys,
    version: str = "0.1",
) -> None:
    """Add the module `toybox`."""
    add_module(
        monkeypatch,
        "toybox",
        version,
        METRICS={"brightness": metric_entry(metric or Brightness())},
        SYSTEMS={"black": system_entry(system or Black())},
        DATASETS={"toys": dataset_entry(load)},
    )
