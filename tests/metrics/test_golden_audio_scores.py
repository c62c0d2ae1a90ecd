"""FD, KL and IS against av-benchmark, on arrays and as its whole evaluation prints them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from svbench.metrics.audio_kl import divergences
from svbench.metrics.frechet import distance, stats
from svbench.metrics.inception_score import PERMUTATION_SEED, inception_score
from svbench.types import Values
from tests.goldens.places import golden

SINGLE, DOUBLE, SINGULAR = 1e-4, 1e-9, 1e-3  # relative, what their README calls fair


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/arrays.json").read_text())
    return found


@pytest.fixture(scope="module")
def arrays() -> dict[str, Values]:
    with np.load(golden("columns/arrays.npz")) as file:
        return dict(file)


def test_frechet_distances(numbers: dict[str, Any], arrays: dict[str, Values]) -> None:
    for case, expected in numbers["fd_isc_kid_kl"].items():
        generated, reference = arrays[f"{case}_gen"], arrays[f"{case}_ref"]
        singular = min(len(generated), len(reference)) <= generated.shape[1]
        found = distance(stats(generated), stats(reference))
        for name in ("compute_fd_gen_ref", "compute_fd_float64"):
            assert found == pytest.approx(expected[name], rel=SINGULAR if singular else SINGLE)


def test_divergences_in_both_forms_and_directions(
    numbers: dict[str, Any], arrays: dict[str, Values]
) -> None:
    for case, expected in numbers["fd_isc_kid_kl"].items():
        sets = 2 * arrays[f"{case}_gen"], 2 * arrays[f"{case}_ref"]
        ours, real = (values[: min(map(len, sets))] for values in sets)
        for pair, key in (((ours, real), "kl"), ((real, ours), "kl_swapped")):
            for form in ("softmax", "sigmoid"):
                found = divergences(*pair, form).mean()  # type: ignore[arg-type]
                assert found == pytest.approx(expected[key][f"kl_{form}"], rel=SINGLE), case


def test_inception_scores(numbers: dict[str, Any], arrays: dict[str, Values]) -> None:
    for case, expected in numbers["fd_isc_kid_kl"].items():
        values = 2 * arrays[f"{case}_gen"]
        wanted: dict[str, tuple[int, int | None]] = {
            "isc_10_splits": (10, PERMUTATION_SEED),
            "isc_no_shuffle": (10, None),
            "isc_1_split": (1, PERMUTATION_SEED),
        }
        for name, (parts, seed) in wanted.items():
            mean, deviation = inception_score(values, parts, seed)
            theirs = expected[name]
            assert mean == pytest.approx(theirs["inception_score_mean"], rel=DOUBLE), case
            assert deviation == pytest.approx(theirs["inception_score_std"], rel=1e-7, abs=1e-12)


def test_the_whole_evaluation(numbers: dict[str, Any], arrays: dict[str, Values]) -> None:
    expected = numbers["evaluate"]
    for name, features, logits in (
        ("PANN", "pann2048", "pannlogits"),
        ("PASST", "passt_embed", "passt_logits"),
    ):
        made, real = arrays[f"eval_pred_{features}"], arrays[f"eval_gt_{features}"]
        assert distance(stats(made), stats(real)) == pytest.approx(
            expected[f"FD-{name}"], rel=SINGLE
        )
        network = "PANNS" if name == "PANN" else name
        made, real = arrays[f"eval_pred_{logits}"], arrays[f"eval_gt_{logits}"]
        divergence = divergences(made, real).mean()
        assert divergence == pytest.approx(expected[f"KL-{network}-softmax"], rel=SINGLE)
        mean, deviation = inception_score(made)
        assert mean == pytest.approx(expected[f"ISC-{network}-mean"], rel=SINGLE)
        assert deviation == pytest.approx(expected[f"ISC-{network}-std"], rel=SINGLE)
