"""FD, KL and IS against av-benchmark, on arrays and as its whole evaluation prints them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.files.weights.loading import WeightFile
from svbench.metrics.audio_kl import divergences
from svbench.metrics.desync import DeSync, OffsetLogits
from svbench.metrics.desync_protocols import PROTOCOLS
from svbench.metrics.frechet import distance, stats
from svbench.metrics.imagebind_scores import cosine
from svbench.metrics.inception_score import PERMUTATION_SEED, inception_score
from svbench.metrics.networks.synchformer_config import PUBLISHED
from svbench.types import Features, Values
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
        javisbench = numbers["mmd"][case]["javis_frechet"]
        for theirs in (expected["compute_fd_gen_ref"], expected["compute_fd_float64"], javisbench):
            assert found == pytest.approx(theirs, rel=SINGULAR if singular else SINGLE), case


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


def test_the_parts_of_inception_scores(numbers: dict[str, Any], arrays: dict[str, Values]) -> None:
    """The score of a set is the mean over the parts that torch-fidelity cuts it into."""
    for case, expected in numbers["fd_isc_kid_kl"].items():
        values, first = 2 * arrays[f"{case}_gen"], expected["isc_permutation_first10"]
        order = np.random.RandomState(PERMUTATION_SEED).permutation(len(values))
        assert order[: len(first)].tolist() == first, case
        parts = np.split(values[order], np.cumsum(expected["isc_split_sizes"]))
        assert not len(parts.pop()), case
        scores = [inception_score(part, 1, None)[0] for part in parts]
        found = inception_score(values, len(parts))
        assert found == pytest.approx((np.mean(scores), np.std(scores)), rel=DOUBLE), case


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


def test_the_frechet_distance_of_several_rows_a_clip(
    numbers: dict[str, Any], arrays: dict[str, Values]
) -> None:
    made, real = (
        rows.reshape(-1, rows.shape[-1])
        for rows in (arrays["eval_pred_vggish"], arrays["eval_gt_vggish"])
    )
    dims = numbers["evaluate_dims"]
    assert len(made) == len(real) == dims["n"] * dims["vggish_examples_per_clip"]
    expected = numbers["evaluate"]["FD-VGG"]
    assert distance(stats(made), stats(real)) == pytest.approx(expected, rel=SINGLE)


@pytest.mark.parametrize(
    ("score", "first", "second"),
    [
        ("IB-Score", "ib_video", "ib_audio"),
        ("LAION-CLAP-Score", "clap_text", "clap_audio"),
        ("MS-CLAP-Score", "clap_text", "clap_audio"),
    ],
)
def test_cosines_of_the_whole_evaluation(
    score: str, first: str, second: str, numbers: dict[str, Any], arrays: dict[str, Values]
) -> None:
    pairs = zip(arrays[f"eval_{first}"], arrays[f"eval_{second}"], strict=True)
    found = float(np.mean([cosine(a, b) for a, b in pairs]))
    assert found == pytest.approx(numbers["evaluate"][score], rel=SINGLE, abs=1e-7)


def test_desync_of_the_whole_evaluation(numbers: dict[str, Any], arrays: dict[str, Values]) -> None:
    """The reference averages windows of all clips, which is the mean over clips: each has two."""
    inputs = PROTOCOLS["av-benchmark"].inputs
    windows = inputs.places(numbers["evaluate_dims"]["segments"], PUBLISHED)
    assert len(windows) == 2
    sides = arrays["eval_sync_video"], arrays["eval_sync_audio"]
    rows = np.stack(
        [
            np.hstack([side[:, window].mean(axis=1) for side in sides]) @ arrays["eval_head"]
            for window in windows
        ],
        axis=1,
    )
    starts = np.broadcast_to([[[window[0]] for window in windows]], (*rows.shape[:2], 1))
    values = np.concatenate([starts, rows], axis=2).reshape(-1, 1 + rows.shape[2])
    owners = np.arange(len(rows)).repeat(len(windows))
    names = tuple(f"{i}/0" for i in range(len(rows)))
    metric = DeSync(PROTOCOLS["av-benchmark"], OffsetLogits(WeightFile("", Path(), ""), inputs))
    found = metric.score(Features("logits", values.astype(np.float32), owners, names))
    assert found.score.value == pytest.approx(numbers["evaluate"]["DeSync"], rel=SINGLE)
