"""Overscan the slow way: lists, loops and the standard library only."""

import math
from statistics import median


def row_median(image, mask, reject):
    levels = []
    for pixels, flags in zip(image, mask, strict=True):
        pairs = zip(pixels, flags, strict=True)
        usable = [p for p, f in pairs if math.isfinite(p) and not f & reject]
        levels.append(median(usable) if usable else math.nan)
    return levels
