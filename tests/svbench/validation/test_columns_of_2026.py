"""`svbench validate` by the columns of 2026: paired, of sets without reference, of long clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.config import ValidateConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.files.validity import Measured, Validity
from svbench.protocols import Metric
from svbench.types import ClipSpec
from svbench.validation.conditions import chosen
from svbench.validation.plan import Clips, ValidationPlan
from svbench.validation.validate import HALVES_NOTE, validate
from tests.factories.clips import make_clip, write_clip
from tests.factories.small_columns import small_columns

SPEC = ClipSpec(8, 8.0, (32, 32), 16000)  # 1 s: less than a window
LONG = ClipSpec(12, 8.0, (32, 32), 16000)  # 1.5 s
COLUMNS = ("fd", "kl", "is", "clap", "audiobox-pq", "desync", "jedi")
COUNT = 4  # as many as have halves


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> tuple[Metric, ...]:
    built: dict[str, Metric] = {}
    for metric in small_columns(tmp_path_factory.mktemp("weights")):
        built.setdefault(metric.name.partition("@")[0], metric)
    return tuple(built[name] for name in COLUMNS)


def plan(folder: Path, columns: Sequence[Metric], **config: Any) -> ValidationPlan:
    """Return the plan of a folder of clips with captions, by one distortion of the sound."""
    (examples,) = manifest.load(folder).values()
    captioned = tuple(replace(one, caption=f"sound {one.id}") for one in examples)
    settings = ValidateConfig.of(clips=(folder,), frames=8, size=(32, 32), **config)
    read = Clips("clips", captioned, SPEC)
    distortions = chosen(("audio_shift",), 1)
    return ValidationPlan(settings, tuple(columns), distortions, lambda: read)


def clips(folder: Path, specs: Sequence[ClipSpec]) -> Path:
    for number, spec in enumerate(specs):
        write_clip(folder / f"c{number:02d}.mp4", make_clip(number, spec))
    return folder


def by_name(found: Validity) -> dict[str, Measured]:
    return {one.metric.partition("@")[0]: one for one in found.metrics}


def test_every_column_is_validated_or_named_with_its_reason(
    tmp_path: Path, columns: tuple[Metric, ...]
) -> None:
    folder = clips(tmp_path / "clips", [LONG] * COUNT)
    found = validate(plan(folder, columns), tmp_path / "out", Local(1))
    measured = by_name(found)
    assert {name: one.absent for name, one in measured.items() if one.absent} == {
        "is": "an inception score over 10 parts needs at least 10 clips, got 4"
    }
    assert all(one.count == COUNT for name, one in measured.items() if name != "is")
    assert measured["kl"].undistorted == pytest.approx(0, abs=1e-12)
    assert measured["kl"].agreement is not None
    responses = {one.metric.partition("@")[0]: one for one in found.responses}
    # of 1.5 s, nothing is left of sound that is 1 s early
    heard = [value for value in responses["kl"].values if value is not None]
    assert len(heard) == len(responses["kl"].values) - len(responses["kl"].absent)
    assert min(heard) > 0
    assert all(arm.unaffected for arm in responses["jedi"].arms)  # the picture is as it was
    assert not any(arm.unaffected for name in ("kl", "fd") for arm in responses[name].arms)
    assert HALVES_NOTE in found.notes


def test_a_column_for_which_all_clips_are_too_short_is_absent_from_the_start(
    tmp_path: Path, columns: tuple[Metric, ...]
) -> None:
    folder = clips(tmp_path / "clips", [SPEC] * 2)
    chosen = [one for one in columns if one.name.startswith(("desync", "kl"))]
    found = validate(plan(folder, chosen), tmp_path / "out", Local(1))
    measured = by_name(found)
    assert measured["desync"].absent.startswith("2 of 2 clips are too short: 1.12 s long")
    assert not measured["kl"].absent
    assert found.count == 2
    assert [
        path.name[:5] for path in (tmp_path / "out" / "features").iterdir() if path.is_dir()
    ] == ["panns"]
    with pytest.raises(DataError, match="clips: 2 of 2 clips are too short"):
        validate(plan(folder, chosen, strict=True), tmp_path / "strict", Local(1))


def test_where_some_clips_are_too_short_the_others_are_judged_knowingly_alone(
    tmp_path: Path, columns: tuple[Metric, ...]
) -> None:
    folder = clips(tmp_path / "clips", [SPEC, LONG, LONG])
    chosen = [one for one in columns if one.name.startswith(("desync", "kl"))]
    with pytest.raises(DataError, match="1 of 3 clips are too short for desync@av-benchmark"):
        validate(plan(folder, chosen), tmp_path / "out", Local(1))
    found = validate(plan(folder, chosen, allow_missing=True), tmp_path / "out", Local(1))
    assert {name: one.count for name, one in by_name(found).items()} == {"desync": 2, "kl": 3}
    assert found.count == 3  # the other column judges all of them
