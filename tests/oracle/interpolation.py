"""Interpolation the slow way: lists, loops and the standard library only.

A row is a list of values, its bad pixels a list of truths of the same length.
"""

import math
import struct
from functools import cache

FLT_MAX = struct.unpack("f", b"\xff\xff\x7f\x7f")[0]


def float32(value):
    """Round to float32, beyond its range to infinity."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


@cache
def weights(sites, x):
    """Return the weights of pixels at `sites` for the one at `x`."""

    def covariance(a, b):
        return math.exp(-((a - b) ** 2) / 4)

    n = len(sites)
    rows = [[covariance(a, b) for b in sites] + [1.0, covariance(a, x)] for a in sites]
    rows.append([1.0] * n + [0.0, 1.0])
    for i in range(n + 1):  # Gauss and Jordan
        best = max(range(i, n + 1), key=lambda j: abs(rows[j][i]))
        rows[i], rows[best] = rows[best], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(n + 1):
            if j != i:
                factor = rows[j][i]
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows[:n]]


def runs_of(bad):
    runs, x = [], 0
    while x < len(bad):
        end = x
        while end < len(bad) and bad[end]:
            end += 1
        if end > x:
            runs.append((x, end - 1))
        x = end + 1
    return runs


# The closed form


def closed_form(image, variance, bad, fallback, use_edge=True):
    """Repair rows; `fallback` is of image and variance. Returns both planes as lists."""
    usable = [
        [not b and math.isfinite(i) and math.isfinite(v) for i, v, b in zip(*rows, strict=True)]
        for rows in zip(image, variance, bad, strict=True)
    ]
    filled = [
        predict_row(i, v, good, fallback, use_edge) if any(good) else None
        for i, v, good in zip(image, variance, usable, strict=True)
    ]
    new_image, new_variance = [], []
    for y, flags in enumerate(bad):
        near = [row for row in range(len(bad)) if filled[row]]
        best = min(near, key=lambda row: (abs(row - y), row), default=None)
        source = [fallback] * len(flags) if best is None else filled[best]
        new_image.append(
            [s[0] if b else i for i, s, b in zip(image[y], source, flags, strict=True)]
        )
        new_variance.append(
            [max(s[1], 0.0) if b else v for v, s, b in zip(variance[y], source, flags, strict=True)]
        )
    return new_image, new_variance


def predict_row(image, variance, good, fallback, use_edge):
    """Return value and variance of all pixels of a row, predicted where they are not good."""
    result = list(zip(image, variance, strict=True))
    width = len(good)
    for first, last in runs_of([not g for g in good]):
        sites = {
            x: (image[x], variance[x])
            for x in (first - 2, first - 1, last + 1, last + 2)
            if 0 <= x < width and good[x]
        }
        predicted = range(first, last + 1)
        if use_edge and last - first + 1 > 6:
            if first == 0:
                predicted = range(last - 5, last + 1)
                sites.update({last - 7: fallback, last - 6: fallback})
            elif last == width - 1:
                predicted = range(first, first + 6)
                sites.update({first + 6: fallback, first + 7: fallback})
        for x in range(first, last + 1):
            result[x] = predict(sites, x) if x in predicted else fallback
    return result


def predict(sites, x):
    places = tuple(sorted(sites))
    # Only distances matter, so that few sets of weights are computed.
    w = weights(tuple(place - places[0] for place in places), x - places[0])
    value, spread = (
        math.fsum(a * sites[place][plane] for a, place in zip(w, places, strict=True))
        for plane in (0, 1)
    )
    least = min(site[1] for site in sites.values())
    return value, max(spread, least, 0.0)


# The reference


def reference(plane, bad, fallback, use_edge=True):
    """Repair the rows of one plane in the reference's way."""
    return [
        reference_row(row, runs_of(flags), float32(fallback), use_edge)
        for row, flags in zip(plane, bad, strict=True)
    ]


def reference_row(row, runs, fallback, use_edge):
    row, width = list(row), len(row)
    for index, (x0, x1) in enumerate(runs):
        n = x1 - x0 + 1
        left_bad = index > 0 and runs[index - 1][1] == x0 - 2
        right_bad = index + 1 < len(runs) and runs[index + 1][0] == x1 + 2
        if x0 == 0:
            place = "left"
        elif x0 == 1:
            place = "near left"
        elif x1 == width - 2:
            place = "near right"
        elif x1 == width - 1:
            place = "right"
        else:
            place = "middle"

        if use_edge and n > 6 and place == "left":
            if x1 == width - 1:
                row = [fallback] * width
                continue
            row[x0 : x1 - 5] = [fallback] * (n - 6)
            left = [-1.0 if n == 7 else fallback, fallback]
            right = [row[x1 + 1]]
            if not right_bad:
                right.append(-1.0 if x1 == width - 2 else row[x1 + 2])
            row[x1 - 5 : x1 + 1] = reference_run(left, right, 6, fallback)
        elif use_edge and n > 6 and place == "right":
            row[x0 + 6 :] = [fallback] * (n - 6)
            right = [fallback, -1.0 if n == 7 else fallback]
            row[x0 : x0 + 6] = reference_run([row[x0 - 2], row[x0 - 1]], right, 6, fallback)
        elif n >= 11 and place in ("left", "near left") and x1 + 2 >= width:
            row[x0 : x1 + 1] = [row[x1 + 1] if x1 == width - 2 else fallback] * n
        else:
            left, right = [], []
            if (place in ("middle", "near right") and not left_bad) or place == "right":
                left.append(row[x0 - 2])
            if place != "left":
                left.append(row[x0 - 1])
            if x1 + 1 < width:
                right.append(row[x1 + 1])
            if x1 + 2 < width and (not right_bad or (place == "near left" and n <= 10)):
                right.append(row[x1 + 2])
            row[x0 : x1 + 1] = reference_run(left, right, n, fallback)
    return row


def reference_run(left, right, n, fallback):
    if not left and not right:
        return [fallback] * n
    values = left + right
    result = []
    for i in range(n):
        size, place = n, i
        if n >= 11:  # 6 pixels at each end of a very wide run, and one far from both
            size = 60
            if right and n - 1 - i < 6:
                place = size - (n - i)
            elif not left or i >= 6:
                place = 30
        sites = (*range(-len(left), 0), *range(size, size + len(right)))
        terms = [round(w, 4) * v for w, v in zip(weights(sites, place), values, strict=True)]
        total = terms[0]
        for term in terms[1:]:
            total += term
        value = float32(total)
        if n == 2 and len(left) == len(right) == 1:
            value = 0.0 if value < 0 else value
        elif value < -FLT_MAX:
            inner = left[-1:] + right[:1]
            value = float32(0.5 * (inner[0] + inner[1]) if len(inner) == 2 else inner[0])
        result.append(value)
    return result
