"""Kernel distances against kadtk, JEDi, JavisBench, av-benchmark and torch-fidelity."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.metrics.kernel_variants import javisbench_kvd, jedi, kadtk, kid
from svbench.metrics.kernels import Polynomial, Radial, median_distance
from svbench.types import Values
from tests.goldens.places import golden

SINGLE, DOUBLE = 1e-4, 1e-9  # relative, what values in float32 and float64 are told to hold to


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/arrays.json").read_text())
    return found


@pytest.fixture(scope="module")
def sets() -> dict[str, tuple[Values, Values]]:
    """Return generated and real features of each case."""
    with np.load(golden("columns/arrays.npz")) as arrays:
        names = [name.removesuffix("_gen") for name in arrays if name.endswith("_gen")]
        return {name: (arrays[f"{name}_gen"], arrays[f"{name}_ref"]) for name in names}


def test_kadtk(numbers: dict[str, Any], sets: dict[str, tuple[Values, Values]]) -> None:
    for case, expected in numbers["kad"].items():
        generated, reference = sets[case]
        found = {
            "bandwidth_ref": median_distance(reference.astype(np.float64)),
            "bandwidth_gen": median_distance(generated.astype(np.float64)),
            "gaussian_bandwidth_3": kadtk(generated, reference, Radial(bandwidth=3.0)),
            "same_set": kadtk(reference, reference),
        }
        for profile in ("gaussian", "iq", "imq"):
            kernel = Radial(profile)  # type: ignore[arg-type]
            found[profile] = kadtk(generated, reference, kernel)
            found[f"{profile}_float64"] = found[profile]
            found[f"{profile}_swapped"] = kadtk(reference, generated, kernel)
        assert set(found) == set(expected)
        for name, value in found.items():
            # its bandwidth is a float32 number also where its kernel is not
            assert value == pytest.approx(expected[name], rel=SINGLE), (case, name)


def test_kadtk_in_float64(numbers: dict[str, Any], sets: dict[str, tuple[Values, Values]]) -> None:
    for case, expected in numbers["kad"].items():
        kernel = Radial(bandwidth=expected["bandwidth_ref"])
        found = kadtk(*sets[case], kernel)
        assert found == pytest.approx(expected["gaussian_float64"], rel=DOUBLE), case


@pytest.mark.parametrize(("name", "theirs"), [("jedi_x100", jedi), ("javis_kvd", javisbench_kvd)])
def test_polynomials(
    name: str,
    theirs: Callable[[Values, Values], float],
    numbers: dict[str, Any],
    sets: dict[str, tuple[Values, Values]],
) -> None:
    for case, expected in numbers["mmd"].items():
        generated, reference = sets[case]
        found = theirs(generated, reference)
        assert found == pytest.approx(expected["float64"][name], rel=DOUBLE), case
        assert found == pytest.approx(expected[name], rel=SINGLE), case
        assert theirs(reference, generated) == pytest.approx(found, rel=DOUBLE)
        swapped = expected[name if name == "jedi_x100" else "javis_kvd_swapped"]
        assert theirs(reference, generated) == pytest.approx(swapped, rel=SINGLE), case
        same = expected["jedi_same_set_x100" if name == "jedi_x100" else "javis_kvd_same_set"]
        assert theirs(reference, reference) == pytest.approx(same, rel=SINGLE, abs=1e-9), case


def test_other_polynomials_of_jedis_form(
    numbers: dict[str, Any], sets: dict[str, tuple[Values, Values]]
) -> None:
    kernel = Polynomial(degree=3, coef0=1.0)
    for case, expected in numbers["mmd"].items():
        a, b = (side.astype(np.float64) for side in sets[case])
        found = kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()
        assert found == pytest.approx(expected["mmd_poly_degree3_coef1"], rel=SINGLE), case


def test_kid_of_av_benchmark_and_torch_fidelity(
    numbers: dict[str, Any], sets: dict[str, tuple[Values, Values]]
) -> None:
    compared = 0
    for case, expected in numbers["fd_isc_kid_kl"].items():
        for name, theirs in expected.items():
            if name.startswith("kid_subsets100_size"):
                size = int(name.split("size")[1].split("_")[0])
                found = kid(*sets[case], size=size)
                for value, key in zip(found, ("mean", "std"), strict=True):
                    number = theirs[f"kernel_inception_distance_{key}"]
                    assert value == pytest.approx(number, rel=SINGLE), (case, name)
                    if size <= min(map(len, sets[case])):  # torch-fidelity refuses larger ones
                        fidelity = expected["torch_fidelity_kid"]
                        number = fidelity[f"kernel_inception_distance_{key}"]
                        assert value == pytest.approx(number, rel=SINGLE), (case, name)
                compared += 1
    assert compared >= len(sets)


def test_kid_refuses_subsets_without_pairs() -> None:
    with pytest.raises(ScoreError, match="at least 2 rows, got 100 subsets of 1 rows"):
        kid(np.eye(3), np.eye(1, 3))
