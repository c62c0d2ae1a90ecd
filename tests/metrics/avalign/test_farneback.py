"""Farnebäck's flow: known translations, OpenCV's numbers, and what happens without numba."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import cv2
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.metrics.avalign import farneback, farneback_kernels
from svbench.metrics.avalign.farneback import flows, make_filters, pyramid
from svbench.metrics.avalign.motion import raw_curve

NAMES = ("pyr_scale", "levels", "winsize", "iterations", "poly_n", "poly_sigma")
PUBLISHED = (0.5, 3, 15, 3, 5, 1.2)
SETTINGS = [
    PUBLISHED,
    (0.5, 1, 15, 1, 7, 1.5),
    (0.8, 5, 12, 2, 7, 1.5),
    (0.6, 3, 70, 2, 5, 1.2),  # a window wider than the picture
    (0.3, 2, 9, 4, 3, 0.9),
]
SIZES = [(10, 10), (11, 65), (64, 64), (87, 131), (129, 64)]


def named(settings: tuple[float, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, settings, strict=True))


def drawn(height: int, width: int, shifts: list[tuple[int, int]]) -> list[NDArray[np.uint8]]:
    """Return a texture that is moved right and down by each shift, gray."""
    rng = np.random.default_rng(height * width)
    rough = rng.integers(0, 256, ((height + 40) // 6, (width + 40) // 6), np.uint8)
    scene = cv2.resize(rough, (width + 40, height + 40), interpolation=cv2.INTER_CUBIC)
    return [
        np.ascontiguousarray(scene[20 - y : 20 - y + height, 20 - x : 20 - x + width], np.uint8)
        for x, y in shifts
    ]


def by_opencv(pictures: list[NDArray[np.uint8]], settings: tuple[float, ...]) -> list[Any]:
    found = [
        cv2.calcOpticalFlowFarneback(a, b, None, **named(settings), flags=0)  # type: ignore[call-overload]
        for a, b in pairwise(pictures)
    ]
    return [np.moveaxis(flow, -1, 0) for flow in found]


@pytest.mark.parametrize(("x", "y"), [(2, 0), (0, 3), (-1, 2), (-4, -4)])
def test_a_translation_is_found(x: int, y: int) -> None:
    (flow,) = flows(drawn(96, 128, [(0, 0), (x, y)]), **named(PUBLISHED))
    assert flow.shape == (2, 96, 128)
    inner = flow[:, 16:-16, 16:-16]
    np.testing.assert_allclose(inner[0], x, atol=0.1)
    np.testing.assert_allclose(inner[1], y, atol=0.1)


def test_a_flat_picture_does_not_move() -> None:
    for gray in (0, 77):
        flat = np.full((40, 50), gray, np.uint8)
        (flow,) = flows([flat, flat], **named(PUBLISHED))
        np.testing.assert_allclose(flow, 0, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (45, 61)])
def test_a_still_video_has_an_exactly_constant_curve(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    curve = raw_curve(np.repeat(noise, 6, axis=0))
    assert len(set(curve.tolist())) == 1


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("size", SIZES)
def test_the_flow_is_opencvs(size: tuple[int, int], settings: tuple[float, ...]) -> None:
    pictures = drawn(*size, [(0, 0), (1, 0), (1, 2), (4, 1)])
    found = [flow.copy() for flow in flows(pictures, **named(settings))]
    for ours, theirs in zip(found, by_opencv(pictures, settings), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
        means = [np.sqrt((f**2).sum(axis=0)).mean(dtype=np.float64) for f in (ours, theirs)]
        assert means[0] == pytest.approx(means[1], abs=1e-5)


@pytest.mark.parametrize("levels", [1, 3, 9])
@pytest.mark.parametrize("size", [(63, 300), (64, 64), (257, 129)])
def test_levels_end_where_a_side_would_be_short(size: tuple[int, int], levels: int) -> None:
    shapes = [p.shape for p in pyramid(np.zeros(size, np.uint8), 0.5, levels)]
    assert shapes[0] == size
    assert len(shapes) <= levels + 1
    assert all(min(shape) >= farneback.COARSEST for shape in shapes[1:])
    assert len(shapes) == levels + 1 or min(size) * 0.5 ** len(shapes) < farneback.COARSEST


def test_a_quadratic_picture_has_its_own_coefficients() -> None:
    y, x = np.mgrid[:31, :31].astype(np.float32) - 15
    picture = (3 + 0.5 * x - 0.25 * y + 0.125 * x * x + 0.0625 * y * y - 0.25 * x * y) * np.float32(
        1
    )
    filters = make_filters(5, 1.2)
    out = np.empty((31, 5, 31), np.float32)
    farneback.compiled().expand(picture, filters.vertical, filters.horizontal, filters.mix, out)
    np.testing.assert_allclose(out[15, :, 15], [-0.25, 0.5, 0.0625, 0.125, -0.25], atol=1e-4)


def test_kernels_compute_the_same_uncompiled() -> None:
    compiled = farneback.compiled()
    plain = farneback.Kernels(
        farneback_kernels.expand, farneback_kernels.products, farneback_kernels.solve
    )
    before, now = drawn(13, 17, [(0, 0), (1, 1)])
    found = []
    for kernels in (compiled, plain):
        level = farneback.Level(13, 17)
        for picture in (before, now):
            level.expand(picture.astype(np.float32), make_filters(3, 0.9), kernels)
        level.refine(5, kernels)
        found.append(level.flow)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_threads_do_not_share_what_they_write() -> None:
    pictures = drawn(64, 64, [(0, 0), (1, 0), (3, 1), (2, 5)])

    def work(_: int) -> bytes:
        return b"".join(flow.tobytes() for flow in flows(pictures, **named(PUBLISHED)))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(12)))) == 1


def moving(side: int) -> NDArray[np.uint8]:
    grays = drawn(side, side, [(0, 0), (1, 0), (3, 1)])
    return np.stack([np.repeat(gray[..., None], 3, axis=-1) for gray in grays])


def test_tiny_pictures_are_left_to_opencv() -> None:
    video = moving(farneback.SMALLEST - 2)
    flow = by_opencv([frame[..., 0].copy() for frame in video], PUBLISHED)
    means = [float(np.sqrt(f[0] * f[0] + f[1] * f[1]).mean(dtype=np.float64)) for f in flow]
    assert raw_curve(video)[1:].tolist() == means


def test_without_numba_opencv_computes_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    video = moving(64)
    ours = raw_curve(video)
    monkeypatch.setattr(farneback, "find_spec", lambda _: None)
    monkeypatch.setattr(farneback, "compiled", None)  # is not called
    np.testing.assert_allclose(raw_curve(video), ours, atol=1e-5)


def test_where_nothing_can_be_kept_kernels_are_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def njit(*_: object, cache: bool = False, **__: object) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda kernel: kernel

    monkeypatch.setattr(numba, "njit", njit)
    kernel = farneback_kernels.solve
    assert farneback._compile(kernel, farneback.SIGNATURES[kernel]) is kernel
    assert asked == [True, False]
