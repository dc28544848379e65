"""Saturation level the slow way: lists, loops and the standard library only."""

import math


def fullest_edge(pixels):
    top = max(v for v in pixels if v < math.inf)
    edges = [60000 + k * ((top + 1 - 60000) / 100) for k in range(101)]
    counts = []
    for k in range(100):
        last = k == 99
        counts.append(
            sum(edges[k] <= v and (v < edges[k + 1] or last) and v <= top for v in pixels)
        )
    return edges[counts.index(max(counts))]


def estimate_level(pixels, safe, header_level):
    if any(math.isnan(v) for v in pixels):
        return header_level
    if not any(60000 < v < math.inf for v in pixels):
        return header_level
    return int(safe * fullest_edge(pixels))


def measure_level(pixels, safe):
    """Return level, confidence and number of pixels in the pile."""
    pixels = [pixel for pixel in pixels if math.isfinite(pixel)]
    if not any(pixel > 60000 for pixel in pixels):
        return math.nan, 0.0, 0
    edge = fullest_edge(pixels)
    peak = max(pixels)
    step = max((peak + 1.0 - 60000) / 100, 20.0)
    pile = [pixel for pixel in pixels if edge - step <= pixel < edge + 2 * step]
    below = [pixel for pixel in pixels if edge - step - 5 * step <= pixel < edge - step]
    above = [pixel for pixel in pixels if pixel >= edge + 2 * step]
    smooth = 3.0 * len(below) / 5
    unexplained = max(0.0, len(pile) - smooth - 3.0 * math.sqrt(smooth)) / len(pile)
    same = max(pile.count(pixel) for pixel in pile)
    size = len(pile) / (len(pile) + 10)
    if 2 * same >= len(pile):
        size = max(size, 1 - 2.0 ** (1 - same))
    if peak == 65535 and edge + 2 * step > 65535:
        size = 1
    among = len(pile) / (len(pile) + len(above))
    return float(int(safe * edge)), unexplained * among * size, len(pile)
