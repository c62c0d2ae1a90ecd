"""Fréchet distance against the numbers of a dozen public implementations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.metrics.frechet import distance, stats
from tests.goldens.places import golden

# Implementations whose covariance is divided by N; the others divide by N - 1.
POPULATION = ("styleganv_FeatureStats", "cdfvd_FeatureStats")
OURS = "ref_"  # float64 cross-checks of the golden data
SINGLE = "f32"  # implementations that compute in float32 throughout


def ddof(implementation: str) -> int:
    """Return the ddof of an implementation's covariance."""
    return 0 if implementation in POPULATION or "ddof0" in implementation else 1


def is_undefined(case: dict[str, Any]) -> bool:
    """Return whether a case has no distance: NaN within, or a single row."""
    return bool(case.get("nan")) or min(case["n1"], case["n2"]) < 2


def recipe(case: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make the two sets of a case as the golden file's "generator" says."""
    if "kind" not in case:  # embeddings that another golden file holds
        with np.load(golden("metrics/vggish/golden.npz")) as arrays:
            return arrays["fad_emb_a"], arrays["fad_emb_b"]
    r = np.random.RandomState(case["seed"])  # the recipe names it
    a = r.standard_normal((case["n1"], case["d"]))
    b = r.standard_normal((case["n2"], case["d"])) * 1.1 + 0.1
    if case["kind"] == "decay":
        a, b = (x * 0.97 ** np.arange(case["d"]) for x in (a, b))
    if case["kind"] == "same":
        b = a.copy()
    if case.get("nan"):
        a[0, 0] = np.nan
    return a.astype(np.float32), b.astype(np.float32)


def results(undefined: bool = False) -> list[dict[str, Any]]:
    """Read the cases that have a distance, or those that have none."""
    everything = json.loads(golden("metrics/frechet/golden.json").read_text())["results"]
    found = [result for result in everything if is_undefined(result["case"]) == undefined]
    if not found:
        pytest.skip("the golden file holds no such case")
    return found


def measured() -> list[tuple[dict[str, Any], tuple[float, float], float]]:
    """Return each case, our values for ddof 0 and 1, and the trace that rounding is relative to."""
    found = []
    for result in results():
        a, b = map(stats, recipe(result["case"]))
        assert (a.count, b.count) == (result["case"]["n1"], result["case"]["n2"])
        trace = float(np.square(a.rows).sum() / (a.count - 1))
        found.append((result, (distance(a, b, ddof=0), distance(a, b, ddof=1)), trace))
    return found


def expected_of(result: dict[str, Any]) -> list[tuple[str, float]]:
    """Return the value of each implementation, where it is a number."""
    return [(k, v) for k, v in result["values"].items() if not isinstance(v, str)]


def test_agrees_with_the_float64_values() -> None:
    compared = 0
    for result, values, trace in measured():
        rounding = 1e-7 * trace if result["case"].get("kind") == "same" else 0.0
        for name, expected in expected_of(result):
            if name.startswith(OURS):
                ours = values[ddof(name)]
                assert ours == pytest.approx(expected, rel=1e-6, abs=rounding), (result, name)
                compared += 1
    assert compared > 0


def test_agrees_with_other_implementations() -> None:
    """Allow for what they lose: 1e-6 to a float32 mean or sqrtm, 1e-3 to float32 throughout."""
    compared = 0
    for result, values, trace in measured():
        for name, expected in expected_of(result):
            if not name.startswith(OURS):
                loss = 1e-3 if SINGLE in name else 1e-6
                ours = values[ddof(name)]
                assert ours == pytest.approx(expected, rel=loss, abs=loss * trace), (result, name)
                compared += 1
    assert compared > 0


def test_refuses_what_others_answer_with_an_exception() -> None:
    for result in results(undefined=True):
        assert len(expected_of(result)) < len(result["values"]), result
        a, b = recipe(result["case"])
        with pytest.raises(ScoreError, match="a Fréchet distance needs"):
            distance(stats(a), stats(b))
