"""Saturation level the slow way: lists, loops and the standard library only."""

import math


def estimate_level(pixels, safe, header_level):
    if any(math.isnan(v) for v in pixels):
        return header_level
    top = max([v for v in pixels if v < math.inf], default=-math.inf)
    if not top > 60000:
        return header_level
    edges = [60000 + k * (top + 1 - 60000) / 100 for k in range(101)]
    counts = []
    for k in range(100):
        last = k == 99
        counts.append(
            sum(edges[k] <= v and (v < edges[k + 1] or last) and v <= top for v in pixels)
        )
    return int(safe * edges[counts.index(max(counts))])
