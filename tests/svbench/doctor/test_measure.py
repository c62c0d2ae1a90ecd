from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from svbench.api.planned import planned_run, planned_score
from svbench.doctor import measure as measuring
from svbench.doctor.clips import survey
from svbench.doctor.estimate import estimate
from svbench.doctor.measure import measure
from tests.factories.clips import write_folder


def test_rows_and_extraction_are_timed_on_drawn_clips(tmp_path: Path) -> None:
    found = survey(
        planned_run(
            "greatesthits",
            systems=("real", "cmc-pe"),
            gamma=(1.0, 1.5),
            metrics=("av-align-corrected@miniature",),
            steps=3,
            batch=1,
            limit=4,
            out=tmp_path / "run",
        )
    )
    measured = measure(found, workers=1)
    assert measured.seconds.keys() == {"real", "cmc-pe-gamma1", "cmc-pe-gamma1.5"}
    assert measured.seconds["cmc-pe-gamma1"] == measured.seconds["cmc-pe-gamma1.5"]
    assert measured.extraction is not None
    assert measured.extraction > 0
    facts = {f.name: f for f in estimate(found, measured)}
    made = sum(4 * seconds for seconds in measured.seconds.values())
    assert facts["time"].facts["making"] == pytest.approx(made)
    assert facts["time"].facts["extraction"] == pytest.approx(12 * measured.extraction)
    assert facts["disk"].facts["bytes"] == pytest.approx(4 * sum(measured.sizes.values()))
    assert measured.peak["process"] > 0
    assert not list(tmp_path.iterdir())


def test_a_step_is_the_difference_of_one_step_and_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that a step moves by 5 s, and the rest by 2 s, 25 steps take 127 s."""

    def made(_bench: Any, system: Any, _requests: Any) -> tuple[float, float]:
        return 2.0 + 5.0 * int(system.settings["steps"]), 1000.0

    monkeypatch.setattr(measuring.Bench, "_made", made)
    planned = planned_run(
        "greatesthits",
        systems=("cmc-pe",),
        gamma=(1.5,),
        metrics=("av-align-corrected@miniature",),
        steps=25,
        batch=1,
        limit=2,
        out=tmp_path / "run",
    )
    measured = measure(survey(planned), workers=2)
    # two workers make a clip each at the same time
    assert measured.seconds["cmc-pe-gamma1.5"] == pytest.approx(127.0 / 2)


def test_clips_made_elsewhere_are_only_extracted_from(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", 2)
    planned = planned_score(
        tmp_path / "mine",
        reference=tmp_path / "mine",
        metrics=("av-align-corrected@miniature", "av-align-corrected@miniature+native"),
        frames=8,
        out=tmp_path / "out",
    )
    measured = measure(survey(planned), workers=2)
    assert not measured.seconds
    assert measured.extraction is not None
    assert not (tmp_path / "out").exists()
