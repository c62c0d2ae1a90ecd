"""Motion: known shifts, black frames, and every case in which a peak could be doubted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.avalign.motion import (
    CurveSettings,
    FlowSettings,
    PeakSettings,
    peak_indices,
    raw_curve,
    raw_curves,
    shaped_curve,
)


def moving(shifts: list[int], seed: int = 0) -> NDArray[np.uint8]:
    """Return a coloured texture, shifted to the right by `shifts` pixels."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, size=(16, 16, 3), dtype=np.uint8)
    smooth = cv2.resize(rough, (128, 128), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(smooth, shift, axis=1)[32:96, 32:96] for shift in shifts])


def test_measures_a_known_shift() -> None:
    curve = raw_curve(moving([0, 2, 3, 3, 1]))
    # |2|, |1|, |0|, |-2| pixels; entry 0 repeats entry 1
    np.testing.assert_allclose(curve, [2, 2, 1, 0, 2], atol=0.1)
    assert curve[0] == curve[1]
    assert curve.dtype == np.float64


def test_black_frames_do_not_move_at_all() -> None:
    curve = raw_curve(np.zeros((4, 32, 48, 3), dtype=np.uint8))
    np.testing.assert_array_equal(curve, np.zeros(4))


def test_two_frames_give_a_curve_without_peak() -> None:
    curve = raw_curve(moving([0, 3]))
    assert curve.shape == (2,)
    assert peak_indices(curve).size == 0


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 8, 8, 3), (4, 8, 8), (4, 8, 8, 4)])
def test_refuses_what_cannot_move(shape: tuple[int, ...]) -> None:
    with pytest.raises(ScoreError, match="at least 2 frames, got"):
        raw_curve(np.zeros(shape, dtype=np.uint8))


def test_reads_frames_as_rgb() -> None:
    video = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    video[0, 8:16, 8:16, 0] = 255  # red on black is darker than ...
    video[1, 8:16, 10:18, 0] = 255
    as_bgr = np.ascontiguousarray(video[..., ::-1])  # ... blue read as red
    red = raw_curve(video)[0]
    grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video]
    flow = cv2.calcOpticalFlowFarneback(*grays, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
    assert red == pytest.approx(np.hypot(flow[..., 0], flow[..., 1]).mean(), rel=1e-6)
    assert red != pytest.approx(raw_curve(as_bgr)[0], rel=1e-3)


@pytest.mark.parametrize("side", [32, 40, 64])
def test_the_same_frames_always_give_the_same_bits(side: int) -> None:
    video = np.ascontiguousarray(moving([0, 2, 3])[:, :side, :side])
    ballast, curves = [], set()
    for i in range(20):  # move what is allocated next to other addresses
        ballast.append(np.empty(1 + 997 * i, dtype=np.uint8))
        curves.add(raw_curve(video.copy()).tobytes())
    assert len(curves) == 1


def test_settings_reach_the_estimator() -> None:
    video = moving([0, 1, 3, 2])
    assert not np.allclose(raw_curve(video), raw_curve(video, FlowSettings(winsize=5)))


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        pytest.param([0, 1, 0], [1], id="one peak"),
        pytest.param([0, 1, 1, 0, 2, 0], [4], id="a plateau is no peak"),
        pytest.param([5, 1, 2, 1, 5], [2], id="ends are no peaks"),
        pytest.param([1, 1, 1, 1], [], id="constant"),
        pytest.param([1, 2], [], id="two entries"),
        pytest.param([1], [], id="one entry"),
        pytest.param([], [], id="empty"),
        pytest.param([0, np.nan, 0, 1, 0], [3], id="NaN is no peak"),
        pytest.param([0, 2, np.nan, 2, 0], [], id="NaN is no neighbour to rise above"),
        pytest.param([np.nan] * 4, [], id="nothing but NaN"),
    ],
)
def test_peaks(curve: list[float], expected: list[int]) -> None:
    assert peak_indices(np.array(curve, dtype=np.float64)).tolist() == expected


@given(st.lists(st.integers(0, 5), max_size=40))
def test_peaks_are_what_the_definition_says(curve: list[int]) -> None:
    inner = range(1, len(curve) - 1)
    expected = [i for i in inner if curve[i - 1] < curve[i] and curve[i] > curve[i + 1]]
    assert peak_indices(np.array(curve, dtype=np.float64)).tolist() == expected


def test_floors_include_their_own_value() -> None:
    curve = np.array([0, 0.05, 0, 0.09, 0, 0.1, 0, 0.2, 0])
    assert peak_indices(curve, PeakSettings(min_magnitude=0.1)).tolist() == [5, 7]
    assert peak_indices(curve, PeakSettings(relative=0.5)).tolist() == [5, 7]
    assert peak_indices(curve, PeakSettings(min_magnitude=0.15, relative=0.1)).tolist() == [7]


def test_the_relative_floor_knows_the_ends_too() -> None:
    curve = np.array([10.0, 0, 4, 0, 6, 0])
    assert peak_indices(curve, PeakSettings(relative=0.5)).tolist() == [4]


@pytest.mark.parametrize("bad", [{"pyr_scale": 1.0}, {"winsize": 0}, {"levels": 0}])
def test_refuses_impossible_flow_settings(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="flow settings need"):
        FlowSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [{"relative": 1.5}, {"min_magnitude": -1}, {"relative": np.nan}, {"prominence": 2}]
)
def test_refuses_impossible_peak_settings(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="peak settings need"):
        PeakSettings(**bad)


# Beyond the published settings


def falling(shifts: list[int]) -> NDArray[np.uint8]:
    """Return the texture of `moving`, shifted downwards instead."""
    return np.ascontiguousarray(np.swapaxes(moving(shifts), 1, 2))


@pytest.mark.parametrize("estimator", ["farneback", "dis"])
def test_downward_motion_is_told_from_other_motion(estimator: str) -> None:
    flow = FlowSettings(estimator)  # type: ignore[arg-type]
    down = CurveSettings("downward")
    # steps of 2, 1, 0, -2 pixels: up counts as 0
    curve = raw_curve(falling([0, 2, 3, 3, 1]), flow, down)
    np.testing.assert_allclose(curve, [2, 2, 1, 0, 0], atol=0.15)
    np.testing.assert_allclose(raw_curve(moving([0, 2, 3, 3, 1]), flow, down), 0, atol=0.1)


def test_a_steady_curve_does_not_see_the_camera() -> None:
    steady = CurveSettings(steady=True)
    curve = raw_curve(moving([0, 2, 3, 3, 1]), FlowSettings(), steady)
    np.testing.assert_allclose(curve, 0, atol=0.1)


def test_percentiles_lie_on_both_sides_of_the_mean() -> None:
    settings = [CurveSettings("percentile", q) for q in (0.0, 100.0)]
    low, high = raw_curves(moving([0, 1, 3]), FlowSettings(), settings)
    mean = raw_curve(moving([0, 1, 3]))
    assert (low < mean).all()
    assert (mean < high).all()


def test_deceleration_is_how_fast_motion_ends() -> None:
    curve = shaped_curve(np.array([0, 0, 1, 5, 1, 0.0]), 8.0, CurveSettings(deceleration=True))
    assert curve.tolist() == [0, 0, 0, 4, 1, 0]


def test_smoothing_is_in_seconds() -> None:
    raw = np.zeros(21)
    raw[10] = 1
    slow = shaped_curve(raw, 10.0, CurveSettings(smoothing=0.1))  # one frame
    assert slow.sum() == pytest.approx(1)
    assert slow[10] / slow[11] == pytest.approx(np.exp(0.5))
    assert shaped_curve(raw, 10.0, CurveSettings()) is raw


def test_prominence_is_a_share_of_the_largest_motion() -> None:
    curve = np.array([0, 10, 8, 9, 0, 3, 0.0])  # 9 stands 1 above its valley, 3 stands 3
    assert peak_indices(curve, PeakSettings(prominence=0.3)).tolist() == [1, 5]
    assert peak_indices(curve, PeakSettings(prominence=0.31)).tolist() == [1]


def test_within_the_refractory_time_the_higher_peak_stays() -> None:
    curve = np.array([0, 1, 0, 3, 0, 2, 0, 2, 0.0])
    assert peak_indices(curve, PeakSettings(refractory=0.5), fps=4.0).tolist() == [1, 3, 5, 7]
    assert peak_indices(curve, PeakSettings(refractory=0.75), fps=4.0).tolist() == [3, 7]
    assert peak_indices(curve[4:], PeakSettings(refractory=0.75), fps=4.0).tolist() == [1]


@pytest.mark.parametrize(
    "bad", [{"statistic": "median"}, {"percentile": 101.0}, {"smoothing": -1.0}]
)
def test_refuses_impossible_curve_settings(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="curve settings"):
        CurveSettings(**bad)  # type: ignore[arg-type]


def test_refuses_unknown_flow() -> None:
    with pytest.raises(ConfigError, match="farneback or dis"):
        FlowSettings("horn-schunck")  # type: ignore[arg-type]
