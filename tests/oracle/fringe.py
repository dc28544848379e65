"""Fringe amplitudes the slow way: lists, loops and the standard library only."""

import math
from statistics import variance

from oracle.float32 import f32


def quantile(ordered, fraction):
    """Return the linear percentile of ordered values."""
    index = fraction * (len(ordered) - 1)
    low = math.floor(index)
    high = min(low + 1, len(ordered) - 1)
    return (low + 1 - index) * ordered[low] + (index - low) * ordered[high]


def statistic(values, what, n_sigma=3.0, n_iter=3):
    values = sorted(values)
    if not values:
        return math.nan
    if what == "MEDIAN":
        return quantile(values, 0.5)
    if what == "MEAN":
        return math.fsum(values) / len(values)
    centre, mean = quantile(values, 0.5), math.nan
    half = n_sigma * 0.741301109252802 * (quantile(values, 0.75) - quantile(values, 0.25))
    for _ in range(n_iter):
        keep = [v for v in values if abs(v - centre) <= half]
        mean = math.fsum(keep) / len(keep) if keep else math.nan
        centre = mean
        if len(values) > 1:
            half = n_sigma * math.sqrt(variance(keep, mean)) if len(keep) > 1 else math.nan
    return mean


def window(image, mask, x, y, size, and_mask):
    return [
        image[j][i]
        for j in range(y - size, y + size)
        for i in range(x - size, x + size)
        if math.isfinite(image[j][i]) and not mask[j][i] & and_mask
    ]


def measure(image, mask, x, y, small, large, and_mask, what="MEDIAN", n_sigma=3.0, n_iter=3):
    amplitudes = []
    for column, row in zip(x, y, strict=True):
        inner, outer = (
            statistic(window(image, mask, column, row, size, and_mask), what, n_sigma, n_iter)
            for size in (small, large)
        )
        amplitudes.append(inner - outer)
    return amplitudes


def remove_pedestal(image):
    level = f32(statistic([v for row in image for v in row if math.isfinite(v)], "MEDIAN"))
    return [[f32(v - level) for v in row] for row in image]


def solve_one(science, fringe, iterations=20, clip=3.0):
    """Return the amount of a single fringe frame."""

    def spread(values):
        ordered = sorted(values)
        return 0.74 * (quantile(ordered, 0.75) - quantile(ordered, 0.25))

    def close(values):
        centre, limit = quantile(sorted(values), 0.5), 3.0 * spread(values)
        return [abs(v - centre) < limit for v in values]

    def fit(pairs):
        power = math.fsum(f * f for _, f in pairs)
        return math.fsum(s * f for s, f in pairs) / power if power else 0.0

    pairs = zip(science, fringe, strict=True)
    pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if not pairs:
        return 0.0
    good = zip(pairs, close([s for s, _ in pairs]), close([f for _, f in pairs]), strict=True)
    pairs = [pair for pair, a, b in good if a and b]
    if not pairs:
        return 0.0
    for _ in range(iterations):
        amount = fit(pairs)
        rest = [s - amount * f for s, f in pairs]
        limit = clip * spread(rest)
        kept = [pair for pair, r in zip(pairs, rest, strict=True) if not abs(r) > limit]
        if not kept:
            return 0.0
        if len(kept) == len(pairs):
            break
        pairs = kept
    return fit(pairs)
