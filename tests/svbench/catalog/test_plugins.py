"""Plug-ins: found by entry points or by module, guarded, named by their errors and on record."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from svbench.api.results import load_results
from svbench.catalog.columns.entries import MetricSettings
from svbench.catalog.datasets import DATASETS
from svbench.catalog.metrics import METRICS, build_metrics
from svbench.catalog.plugins import blaming, installed, of_modules
from svbench.errors import ConfigError, DataError, ScoreError, StoppedError, SvbenchError
from svbench.protocols import EventMetric, PairedExtractor
from svbench.types import Clip, Detection, Features
from svbench.walk.plan import Unavailable, metrics_of
from tests.factories.clips import make_clip, write_folder
from tests.factories.commands import Command
from tests.factories.plugins import (
    BOOM,
    Black,
    BlackBatches,
    Brightness,
    add_module,
    add_toys,
    fail,
    install,
    means,
    metric_entry,
)


@pytest.fixture
def run(svbench: Command, tmp_path: Path) -> Command:
    """Run all that the module `toybox` offers: `run(*more)`."""
    write_folder(tmp_path / "clips", 3)
    words = ("run", "--dataset", "toys", "--scale", "paper", "--data-root", tmp_path / "clips")
    named = ("--systems", "real,black", "--plugin", "toybox", "--out", tmp_path / "run")
    return lambda *more: svbench(*words, *named, *more)


# --- finding -----------------------------------------------------------------------------------


def test_packages_are_found_by_entry_points_and_imported_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"metrics": "brightness = toybox:METRIC", "datasets": "lost = nowhere:ENTRY"}
    install(monkeypatch, tmp_path, "toy-box", "1.2", **points)
    (offer,) = installed("metrics")
    assert (offer.name, offer.origin) == ("brightness", "toy-box 1.2")
    assert not list(installed("systems"))
    add_module(monkeypatch, "toybox", METRIC=metric_entry(Brightness()))
    found = METRICS.find("brightness")
    assert found.origin == "toy-box 1.2"
    assert METRICS.find("fvd").origin == ""
    with pytest.raises(
        ConfigError, match=r"^plug-in toy-box 1\.2: ModuleNotFoundError: No module named 'nowhere'"
    ):
        DATASETS.find("lost")


def test_a_package_with_a_name_of_svbench_is_refused_where_names_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, "toy-box", "1.2", metrics="fvd = toybox:METRIC")
    assert METRICS.find("fvd").origin == ""
    with pytest.raises(ConfigError, match=r"--metrics fvd: found it in svbench and toy-box 1\.2"):
        METRICS.every()


def test_no_package_is_searched_for_names_of_svbench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", fail)
    assert METRICS.known("synchrony").usual
    with pytest.raises(ZeroDivisionError):
        METRICS.known("brightness")


def test_a_module_without_a_version_is_known_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "toybox_of_a_file.py").write_text("METRICS = {'one': 1}\n")
    (offer,) = of_modules("metrics", ["toybox_of_a_file", "toybox_of_a_file"])
    name, digest = offer.origin.split(" sha256:")
    assert (name, len(digest)) == ("toybox_of_a_file", 12)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, r"--plugin toybox: found none of METRICS, SYSTEMS, DATASETS in it"),
        ({"METRICS": 1}, r"plug-in toybox 0\.1: found int METRICS, expected a mapping"),
        (
            {"METRICS": {"one": 1}},
            r"plug-in toybox 0\.1: --metrics one: found int, expected MetricEntry, or a function",
        ),
        ({"METRICS": {"one": fail}}, r"^plug-in toybox 0\.1: ZeroDivisionError: division by zero$"),
    ],
)
def test_a_module_that_offers_no_entries_is_refused(
    attributes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(monkeypatch, "toybox", **attributes)
    with pytest.raises(ConfigError, match=message):
        METRICS.find("one", ["toybox"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module", "plug-in no_such_module: ModuleNotFoundError: No module named 'no_suc"),
        ("", "plug-in : ValueError: Empty module name"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(
    name: str, message: str, svbench: Command
) -> None:
    problem = svbench("list", "metrics", "--plugin", name).problem(2)
    assert problem.startswith(message)


# --- using -------------------------------------------------------------------------------------


def test_a_run_of_a_plug_in_is_on_record(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toys(monkeypatch)
    done = run()
    assert done.code == 0, done.err
    origins = dict.fromkeys(("brightness", "black", "toys"), "toybox 0.1")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["record"]["plugins"] == origins
    assert [row["system"] for row in results["rows"]] == ["real", "black"]
    assert [row["settings"].get("plug-in") for row in results["rows"]] == [None, "toybox 0.1"]
    assert results["columns"][0]["settings"] == {"plug-in": "toybox 0.1"}
    real, black = (row["scores"]["brightness"]["value"] for row in results["rows"])
    assert real > black == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["plugins"] == origins
    assert "toys of toybox 0.1" in " ".join(done.out.split())
    frame = load_results(tmp_path / "run").clips_to_pandas()
    assert list(frame["toy"])[:3] == ["toys of c0", "toys of c1", "toys of c2"]
    monkeypatch.delitem(sys.modules, "toybox")
    frame = load_results(tmp_path / "run").clips_to_pandas()  # the plug-in is not here
    assert "toy" not in frame


def test_another_version_generates_and_extracts_anew(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def extract(clips: Sequence[Clip], captions: Sequence[str]) -> list[Any]:
        calls.extend(["extract"] * len(clips))
        return means(clips, captions)

    def make(clip: Clip) -> Clip:
        calls.append("generate")
        return clip

    for version, count in (("0.1", 3), ("0.1", 0), ("0.2", 3)):
        calls.clear()
        add_toys(monkeypatch, Brightness(extract), Black(make=make), version=version)
        assert run().code == 0
        assert calls.count("generate") == count
        # The real clips, and one of the black ones, which are all equal.
        assert calls.count("extract") == (count + 1 if count else 0)
        record = json.loads((tmp_path / "run" / "results.json").read_text())["record"]
        assert set(record["plugins"].values()) == {f"toybox {version}"}


def test_results_without_plug_ins_do_not_name_them(svbench: Command, tmp_path: Path) -> None:
    clips = write_folder(tmp_path / "clips", 2)[0].parent
    words = ("--frames", 8, "--size", 32, "--metrics", "av-align-corrected")
    done = svbench("score", clips, "--reference", clips, *words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "plugins" not in json.loads((tmp_path / "run" / "results.json").read_text())["record"]
    assert "plugins" not in json.loads((tmp_path / "run" / "run.json").read_text())


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (BOOM, DataError, "^plug-in a 1: ZeroDivisionError: division by zero$"),
        (ScoreError("x\ny"), ScoreError, "^plug-in a 1: x\nplug-in a 1: y$"),
        (SystemExit(3), DataError, "^plug-in a 1: SystemExit: 3$"),
        (torch.OutOfMemoryError("full"), torch.OutOfMemoryError, "^full$"),  # for a smaller batch
    ],
)
def test_one_boundary_names_the_plug_in(
    error: BaseException, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message), blaming("a 1", DataError):
        raise error


@pytest.mark.parametrize(
    ("parts", "code", "message"),
    [
        ({"load": fail}, 3, "plug-in toybox 0.1: ZeroDivisionError: division by zero"),
        ({"load": lambda *_: ([1], ())}, 3, "plug-in toybox 0.1: TypeError: toys: loaded int"),
        ({"load": lambda *_: ((), ())}, 3, "plug-in toybox 0.1: toys: found no clips"),
        ({"system": Black(make=fail)}, 3, "plug-in toybox 0.1: ZeroDivisionError: division by"),
        ({"system": Black(make=str)}, 3, "plug-in toybox 0.1: TypeError: black: generate retu"),
        ({"system": BlackBatches(release=fail)}, 3, "plug-in toybox 0.1: ZeroDivisionError: div"),
        ({"system": BlackBatches(batch=0)}, 2, "plug-in toybox 0.1: ValueError: black: found ba"),
        ({"system": Black(name="real")}, 2, "plug-in toybox 0.1: --systems black: found a row"),
        ({"system": SimpleNamespace(name="black")}, 2, "plug-in toybox 0.1: AttributeError: "),
        ({"metric": SimpleNamespace(name="brightness")}, 2, "plug-in toybox 0.1: AttributeError"),
        ({"metric": Brightness(name="fvd")}, 2, "plug-in toybox 0.1: --metrics brightness: fou"),
        ({"metric": Brightness(key="../up")}, 3, "plug-in toybox 0.1: ../up: found the extract"),
    ],
)
def test_an_error_of_a_plug_in_is_one_line_that_names_it(
    parts: dict[str, Any],
    code: int,
    message: str,
    run: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_toys(monkeypatch, **parts)
    assert run().problem(code).startswith(message)


@pytest.mark.parametrize(
    ("extract", "message"),
    [
        (fail, "plug-in toybox 0.1: ZeroDivisionError: division by zero"),
        (lambda clips, _: [np.full((1, 1), np.nan)] * len(clips), "plug-in toybox 0.1: found feat"),
        (lambda *_: [], "plug-in toybox 0.1: ValueError: extracted 0 features, expected 1"),
    ],
)
def test_a_clip_without_features_is_one_line_and_one_clip_less(
    extract: Callable[..., Any], message: str, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(clips: Sequence[Clip], captions: Sequence[str]) -> Any:
        bright = any(np.array_equal(clip.audio, first.audio) for clip in clips)
        return extract(clips, captions) if bright else means(clips, captions)

    first = make_clip(0)
    first = replace(first, audio=np.zeros_like(first.audio))  # as the generated clips are
    add_toys(monkeypatch, Brightness(some))
    done = run()
    assert done.code == 3
    *lines, _hint = done.problems
    assert len(lines) == 3
    assert all(f".mkv: {message}" in line for line in lines)
    done = run("--allow-missing")
    assert done.code == 0
    assert "no features could be extracted from any of its clips" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (fail, "plug-in toybox 0.1: ZeroDivisionError: division by zero"),
        (str, "plug-in toybox 0.1: TypeError: brightness: score returned str, expected Judgement"),
    ],
)
def test_a_score_that_fails_is_a_dash_with_its_reason(
    judge: Callable[..., Any], message: str, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_toys(monkeypatch, Brightness(judge=judge))
    done = run()
    assert done.code == 0, done.err
    assert message in " ".join(done.out.split())
    assert run("--strict").problem(4).startswith(message)


def test_what_svbench_raises_keeps_its_kind(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_clip: Clip) -> Clip:
        raise StoppedError("the device is gone")

    add_toys(monkeypatch, system=Black(make=stop))
    assert run().problem(75) == "plug-in toybox 0.1: the device is gone"


# --- guards ------------------------------------------------------------------------------------


def test_a_guard_has_the_members_of_what_it_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    class Paired:
        key, view, joins_any_length = "paired-1", "native", True

        def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Any]:
            return means(clips, captions)

        def joined(self, picture: Any, sound: Any) -> Any:
            return picture + sound

    class OfPairs(Brightness):
        @property
        def extractor(self) -> Any:
            return Paired()

    add_toys(monkeypatch, OfPairs())
    build = {"settings": MetricSettings(), "plugins": ["toybox"]}
    (metric,) = metrics_of(build_metrics(["brightness"], **build))
    extractor = metric.extractor
    assert isinstance(extractor, PairedExtractor)
    assert (extractor.key, extractor.view) == ("paired-1-toybox-0.1", "native")
    assert extractor.joins_any_length
    assert extractor.joined(np.ones((1, 1)), np.ones((1, 1))) == 2
    assert not hasattr(extractor, "machine")
    add_toys(monkeypatch)
    (metric,) = metrics_of(build_metrics(["brightness"], **build))
    assert not isinstance(metric.extractor, PairedExtractor)


def test_a_metric_of_events_keeps_what_it_detects(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Detection("flashes", 1, 2, 3, clips=1, tolerance=0.1)

    class OfFlashes(Brightness):
        found: Any = (kind,)

        def detection(self, _features: object, _annotated: object) -> Any:
            return self.found

    add_toys(monkeypatch, OfFlashes())
    build = {"settings": MetricSettings(), "plugins": ["toybox"]}
    (metric,) = metrics_of(build_metrics(["brightness"], **build))
    assert isinstance(metric, EventMetric)
    features = Features("means-1", np.ones((1, 1)), np.zeros(1, np.int64), ("a/0",))
    assert metric.detection(features, {"a/0": [0.5]}) == (kind,)
    OfFlashes.found = (3,)
    with pytest.raises(SvbenchError, match="brightness: detection returned int"):
        metric.detection(features, {"a/0": [0.5]})
    add_toys(monkeypatch)
    (metric,) = metrics_of(build_metrics(["brightness"], **build))
    assert not isinstance(metric, EventMetric)


def test_a_column_that_is_not_available_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Unavailable("brightness", "Brightness", "higher", "no weights")
    add_toys(monkeypatch, absent)
    assert build_metrics(["brightness"], MetricSettings(), plugins=["toybox"]) == (absent,)
    with pytest.raises(SvbenchError, match="--strict: Brightness cannot be computed: no weights"):
        build_metrics(["brightness"], MetricSettings(), strict=True, plugins=["toybox"])
