"""The inner loops of Farnebäck's optical flow, as plain functions that numba compiles.

`farneback` explains the method and calls these. They compute the same numbers uncompiled, only
thousands of times slower, and import nothing that compiles.

Conventions
-----------
Everything is float32 and C-contiguous except the box sums, which are float64: running sums must
not drift. Coefficients and products of a picture (H, W) have the shape (H, 5, W), so that a row of
one of the five is contiguous; flow is (2, H, W): right, down, in pixels.

Coefficients: the polynomial c + b . p + p' A p around a pixel, p = (x, y), as (b_y, b_x, A_yy,
A_xx, 2 A_xy). Products: of the system G d = h for the displacement d = (d_x, d_y), as (G_yy, G_xy,
G_xx, h_y, h_x); their sums over a window are solved.

How they are fast
-----------------
Each innermost loop runs along a row over few arrays without a branch, so that LLVM makes vectors of
it; a loop that reads and writes more than a few arrays would not be proven free of overlaps. Hence
strips of `STRIP` pixels in scratch memory of constant size, whose rows provably do not overlap, and
whole kernels in one function each: what is handed to another could overlap again. No
option lets the compiler reorder or contract arithmetic: results have the same bits on any machine.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Number: Any = np.float32  # called as a function, numba's loops stay in float32

STRIP: Final = 64  # px; longer ones leave the first-level cache
ZERO: Final = Number(0)
HALF: Final = Number(0.5)
ONE: Final = Number(1)
REGULARISER: Final = 1e-3  # of the determinant, so that a flat picture does not move


def expand(  # noqa: C901
    image: Floats, vertical: Floats, horizontal: Floats, mix: Floats, out: Floats
) -> None:
    """Compute the coefficients of every pixel's polynomial, (H, 5, W), by separable filters.

    `vertical` (3, n + 1) holds the right halves of three filters, the second antisymmetric; the
    five of `horizontal` (5, n + 1) make one coefficient each. The third of them is applied to the
    sum of first and third filtered rows weighted by `mix`. The picture's edges are repeated.
    """
    height, width = image.shape
    n = vertical.shape[1] - 1
    rows = np.empty((3, width + 2 * n), np.float32)
    total = np.empty(width, np.float32)
    for y in range(height):
        even, odd, square = rows[0, n:], rows[1, n:], rows[2, n:]
        middle = image[y]
        for x in range(width):
            even[x] = middle[x] * vertical[0, 0]
        for x in range(width):
            odd[x] = ZERO
        for x in range(width):
            square[x] = ZERO
        for k in range(1, n + 1):
            above, below = image[max(y - k, 0)], image[min(y + k, height - 1)]
            v0, v1, v2 = vertical[0, k], vertical[1, k], vertical[2, k]
            for x in range(width):
                even[x] += v0 * (above[x] + below[x])
            for x in range(width):
                odd[x] += v1 * (below[x] - above[x])
            for x in range(width):
                square[x] += v2 * (above[x] + below[x])
        for x in range(width):
            square[x] = even[x] * mix[0] + square[x] * mix[1]
        for r in range(3):
            for x in range(n):
                rows[r, x] = rows[r, n]
                rows[r, n + width + x] = rows[r, n + width - 1]
        for c in range(5):
            source = rows[1 if c in (0, 4) else 2 if c == 2 else 0]
            middle = source[n:]
            for x in range(width):
                total[x] = middle[x] * horizontal[c, 0]
            for k in range(1, n + 1):
                left, right, weight = source[n - k :], source[n + k :], horizontal[c, k]
                if c in (1, 4):
                    for x in range(width):
                        total[x] += (right[x] - left[x]) * weight
                else:
                    for x in range(width):
                        total[x] += (right[x] + left[x]) * weight
            target = out[y, c]
            for x in range(width):
                target[x] = total[x]


def products(  # noqa: C901
    first: Floats, second: Floats, flow: Floats, trust: Floats, trust_y: Floats, out: Floats
) -> None:
    """Compute the products of every pixel, (H, 5, W), from the coefficients of two frames.

    Those of the second frame are read at the end of the flow, between four pixels; where that lies
    outside the picture the first frame's are used alone. `trust` (W,) and `trust_y` (H,) weight the
    pixels near the picture's edges.
    """
    height, _, width = out.shape
    flat = second.reshape(-1)
    # Unsigned indices are used as they are; signed ones are first compared with 0.
    right, plane, row = np.uint64(1), np.uint64(width), np.uint64(5 * width)
    last_x, last_y = Number(width - 1), Number(height - 1)
    strip = np.empty((12, STRIP), np.float32)
    dx, dy, share = strip[0], strip[1], strip[2]
    w00, w01, w10, w11 = strip[3], strip[4], strip[5], strip[6]
    by, bx, ayy, axx, axy = strip[7], strip[8], strip[9], strip[10], strip[11]
    start = np.empty(STRIP, np.int64)
    for y in range(height):
        top = Number(y)
        for begin in range(0, width, STRIP):
            n = min(STRIP, width - begin)
            source = flow[0, y, begin:]
            for i in range(n):
                dx[i] = source[i]
            source = flow[1, y, begin:]
            for i in range(n):
                dy[i] = source[i]
            for i in range(n):  # where each pixel went: its cell and the weights of the four
                x_end, y_end = Number(begin + i) + dx[i], top + dy[i]
                x, z = Number(np.floor(x_end)), Number(np.floor(y_end))
                inside = (x >= ZERO) & (x < last_x) & (z >= ZERO) & (z < last_y)
                fx, fy = x_end - x, y_end - z
                w00[i] = (ONE - fx) * (ONE - fy) if inside else ZERO
                w01[i] = fx * (ONE - fy) if inside else ZERO
                w10[i] = (ONE - fx) * fy if inside else ZERO
                w11[i] = fx * fy if inside else ZERO
                share[i] = HALF if inside else ONE
                x, z = x if inside else ZERO, z if inside else ZERO
                start[i] = np.int64(z) * (5 * width) + np.int64(x)
            for i in range(n):
                p = np.uint64(start[i])
                q = p + row
                a, b, c, d = w00[i], w01[i], w10[i], w11[i]
                by[i] = a * flat[p] + b * flat[p + right] + c * flat[q] + d * flat[q + right]
                p += plane
                q += plane
                bx[i] = a * flat[p] + b * flat[p + right] + c * flat[q] + d * flat[q + right]
                p += plane
                q += plane
                ayy[i] = a * flat[p] + b * flat[p + right] + c * flat[q] + d * flat[q + right]
                p += plane
                q += plane
                axx[i] = a * flat[p] + b * flat[p + right] + c * flat[q] + d * flat[q + right]
                p += plane
                q += plane
                axy[i] = a * flat[p] + b * flat[p + right] + c * flat[q] + d * flat[q + right]
            source = first[y, 0, begin:]
            for i in range(n):
                by[i] = (source[i] - by[i]) * HALF
            source = first[y, 1, begin:]
            for i in range(n):
                bx[i] = (source[i] - bx[i]) * HALF
            source = first[y, 2, begin:]
            for i in range(n):
                ayy[i] = (source[i] + ayy[i]) * share[i]
            source = first[y, 3, begin:]
            for i in range(n):
                axx[i] = (source[i] + axx[i]) * share[i]
            source = first[y, 4, begin:]
            for i in range(n):
                axy[i] = (source[i] + axy[i]) * (share[i] * HALF)
            source = trust[begin:]
            for i in range(n):
                weight = source[i] * trust_y[y]
                yy, xx, xy = ayy[i], axx[i], axy[i]
                down = (by[i] + (yy * dy[i] + xy * dx[i])) * weight
                across = (bx[i] + (xy * dy[i] + xx * dx[i])) * weight
                yy, xx, xy = yy * weight, xx * weight, xy * weight
                by[i] = yy * yy + xy * xy
                bx[i] = (yy + xx) * xy
                ayy[i] = xx * xx + xy * xy
                axx[i] = yy * down + xy * across
                axy[i] = xy * down + xx * across
            for c in range(5):
                source, target = strip[7 + c], out[y, c, begin:]
                for i in range(n):
                    target[i] = source[i]


def solve(summands: Floats, winsize: int, flow: Floats) -> None:  # noqa: C901
    """Sum the products (H, 5, W) over windows and solve for the flow (2, H, W).

    Both sums, down and along a row, are running ones; the picture's edges are repeated. As in
    OpenCV a window is 2 (winsize // 2) + 1 px wide but divided by winsize, and of a winsize of 1
    two pixels are summed.
    """
    height, _, width = summands.shape
    m = winsize // 2
    scale = 1.0 / (winsize * winsize)
    column, step = np.empty((5, width)), np.empty((5, width))
    strip = np.empty((7, STRIP))
    gyy, gxy, gxx, hy, hx, u, v = (
        *(strip[0], strip[1], strip[2], strip[3]),
        *(strip[4], strip[5], strip[6]),
    )
    for c in range(5):  # the window of the row above the first
        source, target = summands[0, c], column[c]
        for x in range(width):
            target[x] = source[x] * Number(m + 2)
        for y in range(1, m):
            source = summands[min(y, height - 1), c]
            for x in range(width):
                target[x] += source[x]
    for y in range(height):
        for c in range(5):
            total, change = column[c], step[c]
            new, old = summands[min(y + m, height - 1), c], summands[max(y - m - 1, 0), c]
            for x in range(width):
                total[x] += new[x] - old[x]
            for x in range(min(m + 1, width)):
                change[x] = total[min(x + m, width - 1)] - total[0]
            right, middle = total[2 * m + 1 :], change[m + 1 :]
            for x in range(width - 2 * m - 1):
                middle[x] = right[x] - total[x]
            for x in range(max(m + 1, width - m), width):
                change[x] = total[width - 1] - total[x - m - 1]
        s0, s1, s2 = column[0, 0] * (m + 2), column[1, 0] * (m + 2), column[2, 0] * (m + 2)
        s3, s4 = column[3, 0] * (m + 2), column[4, 0] * (m + 2)
        for x in range(1, m):
            k = min(x, width - 1)
            s0, s1, s2 = s0 + column[0, k], s1 + column[1, k], s2 + column[2, k]
            s3, s4 = s3 + column[3, k], s4 + column[4, k]
        for begin in range(0, width, STRIP):
            n = min(STRIP, width - begin)
            c0, c1, c2 = step[0, begin:], step[1, begin:], step[2, begin:]
            c3, c4 = step[3, begin:], step[4, begin:]
            for i in range(n):
                s0, s1, s2, s3, s4 = s0 + c0[i], s1 + c1[i], s2 + c2[i], s3 + c3[i], s4 + c4[i]
                gyy[i], gxy[i], gxx[i], hy[i], hx[i] = s0, s1, s2, s3, s4
            for i in range(n):
                yy, xy, xx = gyy[i] * scale, gxy[i] * scale, gxx[i] * scale
                down, across = hy[i] * scale, hx[i] * scale
                inverse = 1.0 / (yy * xx - xy * xy + REGULARISER)
                u[i] = (yy * across - xy * down) * inverse
                v[i] = (xx * down - xy * across) * inverse
            target = flow[0, y, begin:]
            for i in range(n):
                target[i] = u[i]
            target = flow[1, y, begin:]
            for i in range(n):
                target[i] = v[i]
