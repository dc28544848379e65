"""Bad regions the slow way: lists, loops and the standard library only."""

import math
from statistics import median


def fill(image, mask, bad, repaired):
    """Fill with the median; return the image, the number of filled pixels and the median."""
    pairs = [(p, f) for row in zip(image, mask, strict=True) for p, f in zip(*row, strict=True)]
    good = [p for p, f in pairs if math.isfinite(p) and not f & bad]
    value = median(good) if good else math.nan
    hit = [[bool(f & bad) and not f & repaired for f in flags] for flags in mask]
    filled = [
        [value if h else p for p, h in zip(pixels, hits, strict=True)]
        for pixels, hits in zip(image, hit, strict=True)
    ]
    return filled, sum(map(sum, hit)), value
