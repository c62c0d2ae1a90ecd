"""Findings of a validation that are known by hand: two distortions, metrics good, weak and absent.

`audio shift` is rated and has two arms, `blur` is not rated and has one. Values of the first metric
fall steadily from mild to severe, those of the second rise once on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from svbench.files.validity import Arm, Correlation, Measured, Response, Validity
from svbench.types import ClipSpec

SPEC = ClipSpec(32, 8.0, (256, 256), 16000)
ALIGN, WEAK, FVD = "av-align-corrected@published", "synchrony@impacts", "fvd@stylegan-v-16f"
SHIFTS = (1.0, 0.5, 0.125, -0.125, -0.5, -1.0)
RATED = (1.7, 1.9, 4.1, 4.6, 1.9, 1.6)
LEVELS = (0.5, 1.0, 2.0)
STEADY = (0.1, 0.2, 0.3, 0.35, 0.2, 0.1)
UNSTEADY = (0.3, 0.2, 0.25, 0.35, 0.38, 0.1)
SETTINGS: Mapping[str, Any] = {"view": "conformed", "floor": 0.0, "seed": 0, "bounds": [0.0, 1.0]}


def measured(metric: str, value: float | None, interval: tuple[float, float] | None) -> Measured:
    """Return a metric with its agreement over six conditions of 19 clips."""
    agreement = None if value is None else Correlation(value, interval, 6)
    return Measured(
        metric, f"title of {metric}", "higher", 0.4, (0.3, 0.5), 19, agreement, SETTINGS,
        extractor=f"events of {metric}",
    )  # fmt: skip


def shift(metric: str, values: Sequence[float | None], value: float | None) -> Response:
    """Return a response to shifted sound, late or early."""
    found = tuple(None if v is None else (v - 0.05, v + 0.05) for v in values)
    late = Arm("late", (-0.125, -0.5, -1.0), values is STEADY, -0.5, -0.5)
    early = Arm("early", (0.125, 0.5, 1.0), True, 0.5, 0.5)
    correlation = None if value is None else Correlation(value, (value - 0.1, value + 0.05), 6)
    return Response(
        metric, "audio_shift", "s", SHIFTS, tuple(values), found, RATED, (late, early), correlation
    )


def blur(metric: str, values: Sequence[float | None]) -> Response:
    """Return a response to blurred pictures, which nobody rated."""
    arm = Arm("", LEVELS, True, None, None)
    intervals = tuple(None for _ in values)
    return Response(metric, "blur", "px", LEVELS, tuple(values), intervals, None, (arm,), None)


def make_validity(**changed: Any) -> Validity:
    """Return what svbench validate found; `changed` replaces fields of it."""
    absent = Measured(FVD, "FVD", "lower", None, None, 0, None, absent="no weights of i3d")
    found = Validity(
        clips="clips of Greatest Hits",
        count=19,
        spec=SPEC,
        seed=0,
        power=0.8,
        planned=40,
        metrics=(measured(ALIGN, 0.9, (0.7, 0.95)), measured(WEAK, -0.2, (-0.6, 0.5)), absent),
        responses=(
            shift(ALIGN, STEADY, 0.9),
            blur(ALIGN, (0.4, 0.4, 0.3)),
            shift(WEAK, UNSTEADY, -0.2),
            blur(WEAK, (0.4, None, 0.3)),
        ),
        people={"source": "PEAVS", "ratings": 107000, "split-half": 0.997},
        record={"svbench": "1.2.3"},
    )
    return replace(found, **changed)


def many_metrics(count: int) -> Validity:
    """Return findings of as many metrics, with long names and titles."""
    names = [
        f"a-metric-with-a-long-name-{place}@and-a-long-preset+native" for place in range(count)
    ]
    metrics = tuple(
        replace(
            measured(name, (-1) ** place * 0.02 * place, None),
            title=f"A metric (with a title, of several qualifiers, and number {place})",
        )
        for place, name in enumerate(names)
    )
    responses = tuple(shift(name, STEADY, 0.5) for name in names)
    return make_validity(metrics=metrics, responses=responses)
