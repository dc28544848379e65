"""Odd edges, odd rows and what is left of an overscan strip, the slow way."""

import math
from statistics import median

from oracle import overscan, statistics

TO_SIGMA = 1.4826


def finite(values):
    return [value for value in values if math.isfinite(value)]


def row_levels(image, mask, reject):
    return [statistics.as_float32(v) for v in overscan.row_median(image, mask, reject)]


def rest(image, mask, reject):
    """Return the pixels less the median of their row, NaN where they are excluded."""
    levels = row_levels(image, mask, reject)
    return [
        [
            statistics.as_float32(p - level) if math.isfinite(p) and not f & reject else math.nan
            for p, f in zip(pixels, flags, strict=True)
        ]
        for pixels, flags, level in zip(image, mask, levels, strict=True)
    ]


def scatter(values):
    sizes = [abs(value) for value in finite(values)]
    return TO_SIGMA * median(sizes) if sizes else math.nan


def columns(image, mask, reject, stride):
    """Return noise, clipped means of the columns, and how many samples are in each."""
    rows = rest(image[::stride], mask[::stride], reject)
    noise = scatter([value for row in rows[::3] for value in row[1:-1]])
    means, counts = [], []
    for column, samples in enumerate(zip(*rows, strict=True)):
        own = finite(samples) if column in (0, len(rows[0]) - 1) else []
        middle = median(own) if own else 0.0
        kept = [value for value in finite(samples) if abs(value - middle) <= 4.0 * noise]
        means.append(sum(kept) / max(1, len(kept)))
        counts.append(len(kept))
    return noise, means, counts


def outlier_rows(image, mask, reject, n_sigma):
    """Return the numbers of the rows that are odd."""
    levels = row_levels(image, mask, reject)
    sizes = [[abs(v) for v in finite(row)] for row in rest(image, mask, reject)]
    wide = [sum(row) / max(1, len(row)) for row in sizes]
    usable = [row for row, level in enumerate(levels) if math.isfinite(level)]
    if not usable:
        return []
    limit = 2.0 * median(wide[row] for row in usable)
    last = len(levels) - 1
    off = []
    for row, level in enumerate(levels):
        places = [abs(row + step) for step in range(-5, 6) if step]
        near = finite(levels[2 * last - at if at > last else at] for at in places)
        off.append(statistics.as_float32(level - median(near)) if near else math.nan)
    far = n_sigma * scatter(off)
    return [row for row in usable if wide[row] > limit and abs(off[row]) > far]


def residual(image, mask, reject):
    """Return level, noise, scatter of the rows' means, and the number of excluded pixels."""
    pixels = [p for row in image for p in row]
    flags = [f for row in mask for f in row]
    all_of_it = statistics.compute(pixels, flags, reject)
    if not all_of_it["NPOINT"]:
        return math.nan, math.nan, math.nan, len(pixels)
    rows = [statistics.select(p, f, reject) for p, f in zip(image, mask, strict=True)]
    means = [statistics.as_float32(math.fsum(row) / len(row)) for row in rows if row]
    scattered = statistics.compute(means)["STDEVCLIP"]
    return all_of_it["MEANCLIP"], all_of_it["STDEVCLIP"], scattered, all_of_it["NMASKED"]
