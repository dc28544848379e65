"""Linearity the slow way. `exact` rounds to the precision of the image."""

import math
from bisect import bisect_right

from oracle.float32 import pixelwise


def squared(image, c, exact):
    c = exact(c)
    return pixelwise(lambda x: exact(x * exact(1 + exact(c * x))), image)


def polynomial(image, coefficients, exact):
    def one(x):
        total = 0.0
        for c in reversed(coefficients):
            total = total * x + c
        return exact(x + x * x * total)

    return pixelwise(one, image)


def natural(knots, x):
    """Return the natural cubic spline at x, by Gauss's elimination of the whole system."""
    n = len(knots)
    xs, ys = zip(*knots, strict=True)
    rows = [[0.0] * (n + 1) for _ in range(n)]
    rows[0][0] = rows[-1][n - 1] = 1.0
    for k in range(1, n - 1):
        left, right = xs[k] - xs[k - 1], xs[k + 1] - xs[k]
        rows[k][k - 1], rows[k][k], rows[k][k + 1] = left, 2 * (left + right), right
        rows[k][n] = 6 * ((ys[k + 1] - ys[k]) / right - (ys[k] - ys[k - 1]) / left)
    for k in range(n):
        pivot = rows[k][k]
        rows[k] = [v / pivot for v in rows[k]]
        for other in range(n):
            if other != k:
                factor = rows[other][k]
                rows[other] = [v - factor * u for v, u in zip(rows[other], rows[k], strict=True)]
    bend = [row[n] for row in rows]
    k = min(max(bisect_right(xs, x) - 1, 0), n - 2)
    h, a, b = xs[k + 1] - xs[k], xs[k + 1] - x, x - xs[k]
    cubic = (bend[k] * a**3 + bend[k + 1] * b**3) / (6 * h)
    linear = (ys[k] / h - bend[k] * h / 6) * a + (ys[k + 1] / h - bend[k + 1] * h / 6) * b
    return cubic + linear


def spline(image, knots):
    first, last = knots[0][0], knots[-1][0]
    return pixelwise(lambda x: x - natural(knots, min(max(x, first), last)), image)


def apply_lookup_table(image, table, offset, exact):
    missed = 0
    result = []
    for pixels in image:
        result.append([])
        for x in pixels:
            place = exact(exact(offset) + x)
            if math.isnan(place):
                index, outside = 0, True
            else:
                within = min(max(place, -1.0), float(len(table)))  # for int() of infinity
                index = int(within)
                outside = int(within) < 0 or int(within) >= len(table)
                index = min(max(index, 0), len(table) - 1)
            missed += outside
            result[-1].append(exact(x + table[index]))
    return result, missed
