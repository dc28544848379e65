"""Statistics the slow way: sorted lists and exact fractions."""

import math
import struct
from collections import Counter
from fractions import Fraction


def as_float32(value):
    """Return what an f32 makes of a number: infinity where it is too large."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def select(image, mask, and_mask):
    pairs = zip(image, mask, strict=True)
    return [v for v, flag in pairs if math.isfinite(as_float32(v)) and not flag & and_mask]


def quantile(values, fraction):
    """Linear between neighbours."""
    if not values:
        return math.nan
    ordered = sorted(values)
    index = fraction * (len(ordered) - 1)
    q = math.floor(index)
    if q + 1 == len(ordered):
        return float(ordered[q])
    return (q + 1 - index) * ordered[q] + (index - q) * ordered[q + 1]


def integer_median(values):
    """Every whole number is a bin of unit width, its pixels are spread evenly over it."""
    if len(values) < 2:
        return float(values[0]) if values else math.nan
    n = len(values)
    t = sorted(values)[math.floor(0.5 * (n - 1))]
    below = sum(v < t for v in values)
    return t - 0.5 + (0.5 * n - below) / values.count(t)


def moments(values):
    """Mean and unbiased variance, exact up to their last rounding."""
    n = len(values)
    counts = [(Fraction(v), count) for v, count in Counter(values).items()]
    if not n:
        return math.nan, math.nan
    centre = sum(v * count for v, count in counts) / n
    if n == 1:
        return float(centre), math.nan
    return float(centre), float(sum((v - centre) ** 2 * count for v, count in counts) / (n - 1))


def clip(values, n_sigma, n_iter):
    """Mean, variance and number of the values that are left."""
    centre = quantile(values, 0.5)
    width = quantile(values, 0.75) - quantile(values, 0.25)
    half = n_sigma * 0.741301109252802 * width
    for _ in range(n_iter):
        keep = [v for v in values if abs(v - centre) <= half]
        centre, spread = moments(keep)
        if len(values) > 1:
            half = n_sigma * math.sqrt(spread)
    return centre, spread, len(keep)


def compute(image, mask=None, and_mask=0, n_sigma=3.0, n_iter=3, integer=False):
    """Return every statistic of a flat list of pixels, by name."""
    mask = [0] * len(image) if mask is None else mask
    values = select(image, mask, and_mask)
    n = len(values)
    centre, spread = moments(values)
    clipped, clipped_spread, kept = clip(values, n_sigma, n_iter)
    bits = 0
    for v, flag in zip(image, mask, strict=True):
        if math.isfinite(as_float32(v)) and not flag & and_mask:
            bits |= flag
    return {
        "NPOINT": n,
        "NMASKED": len(image) - n,
        "SUM": math.fsum(values),
        "MEAN": centre,
        "VARIANCE": spread,
        "STDEV": math.sqrt(spread),
        "MEANSQUARE": (n - 1) / n * spread + centre**2 if n else math.nan,
        "MIN": min(values, default=math.nan),
        "MAX": max(values, default=math.nan),
        "MEDIAN": integer_median(values) if integer else quantile(values, 0.5),
        "IQRANGE": quantile(values, 0.75) - quantile(values, 0.25),
        "MEANCLIP": clipped,
        "VARIANCECLIP": clipped_spread,
        "STDEVCLIP": math.sqrt(clipped_spread),
        "NCLIPPED": n - kept,
        "ORMASK": bits,
    }
