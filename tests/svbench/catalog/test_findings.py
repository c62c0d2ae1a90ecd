"""A finding is shown for the column that was measured, as it is built here, and for no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.datasets import drawn
from svbench.catalog.findings import known_validity
from svbench.catalog.metrics import build_metrics
from svbench.catalog.plans import plan_score
from svbench.config import ScoreConfig
from svbench.files.validity import Correlation, Measured, Validity
from svbench.metrics.validity import findings
from svbench.metrics.validity.findings import load_findings
from svbench.types import ClipSpec, HumanAgreement
from svbench.walk.plan import metrics_of
from tests.factories.clips import write_folder
from tests.factories.validity import SPEC, make_validity

NAMES = ("av-align-corrected@published", "synchrony@impacts+native", "ib-av@published+miniature")


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Validity:
    """Ship findings on three columns, measured as they are built here."""
    agreement = Correlation(0.62, (0.4, 0.78), 90)
    measured = tuple(
        Measured(
            m.name, m.title, m.better, 0.4, None, 19, agreement, m.settings,
            extractor=m.extractor.key,
        )
        for m in metrics_of(build_metrics(NAMES, MetricSettings()))
    )  # fmt: skip
    validity = make_validity(metrics=measured, responses=())
    (tmp_path / findings.DRAWN).write_text("{}", encoding="utf-8")
    (tmp_path / findings.FINDINGS).write_text(findings.dump_findings(validity), encoding="utf-8")
    monkeypatch.setattr(findings, "files", lambda _package: tmp_path)
    return validity


def shown(settings: MetricSettings, spec: ClipSpec, *names: str) -> list[float | None]:
    validity = known_validity()
    metrics = metrics_of(build_metrics(names or NAMES, settings))
    return [validity(metric, spec).spearman for metric in metrics]


@pytest.mark.usefixtures("found")
def test_columns_as_they_were_measured_have_their_finding() -> None:
    assert shown(MetricSettings(), SPEC) == [0.62] * 3
    assert shown(MetricSettings(seed=5, resamples=10), SPEC) == [0.62] * 3


@pytest.mark.usefixtures("found")
def test_on_clips_of_another_format_native_columns_alone_have_it() -> None:
    assert shown(MetricSettings(), replace(SPEC, fps=16.0)) == [None, 0.62, None]


@pytest.mark.usefixtures("found")
def test_other_detectors_and_weights_have_none() -> None:
    names = ("av-align-corrected@tuned", "synchrony@impacts")
    assert shown(MetricSettings(), SPEC, *names) == [None, None]
    scenes = MetricSettings(imagebind_weights="scenes")
    assert shown(scenes, SPEC, NAMES[2]) == [None]


def test_findings_on_drawn_clips_hold_for_small_networks_on_drawn_clips() -> None:
    """Of those that ship: DeSync, JavisScore and AVHScore of the miniature, not its detectors."""
    on_drawn = load_findings(drawn=True)
    spec = drawn("greatesthits").spec
    names = (*on_drawn, "synchrony@impacts")
    for metric in metrics_of(build_metrics(names, MetricSettings())):
        found = known_validity(drawn=True)(metric, spec)
        assert found.spearman == (
            on_drawn[metric.name].spearman if metric.name in on_drawn else None
        )
        elsewhere = known_validity()(metric, spec)
        assert "miniature" not in elsewhere.material
    assert {name.partition("@")[0] for name in on_drawn} >= {"desync", "javisscore", "avhscore"}


@pytest.mark.usefixtures("found")
def test_a_plan_looks_up_its_columns(tmp_path: Path) -> None:
    write_folder(tmp_path / "clips", 4)
    clips = tmp_path / "clips"
    plan = plan_score(ScoreConfig(generated=(clips,), reference=clips, metrics=NAMES[1:2]))
    (metric,) = metrics_of(plan.columns)
    known = plan.validity(metric, plan.read().spec)
    assert isinstance(known, HumanAgreement)
    assert known.spearman == 0.62
