"""Masking the slow way: lists, loops and the standard library only."""

import math


def threshold(image, mask, level, bits):
    return [
        [f | bits if p >= level else f for p, f in zip(pixels, flags, strict=True)]
        for pixels, flags in zip(image, mask, strict=True)
    ]


def mask_nans(image, mask, variance, bits, allow):
    count, result = 0, [list(flags) for flags in mask]
    for y, flags in enumerate(mask):
        for x, flag in enumerate(flags):
            finite = math.isfinite(image[y][x]) and math.isfinite(variance[y][x])
            if not finite and not flag & allow:
                result[y][x] |= bits
                count += 1
    return result, count


def mask_boxes(mask, boxes, bits):
    result = [list(flags) for flags in mask]
    for x0, y0, x1, y1 in boxes:
        for y, flags in enumerate(result):
            for x in range(len(flags)):
                if x0 <= x <= x1 and y0 <= y <= y1:
                    flags[x] |= bits
    return result


def mask_edges(mask, width, bits):
    result = [list(flags) for flags in mask]
    for y, flags in enumerate(result):
        for x in range(len(flags)):
            if min(x, y, len(flags) - 1 - x, len(mask) - 1 - y) < width:
                flags[x] |= bits
    return result


def grow(mask, bits, radius, shape):
    result = [list(flags) for flags in mask]
    for y, flags in enumerate(mask):
        for x, flag in enumerate(flags):
            for v in range(max(0, y - radius), min(len(mask), y + radius + 1)):
                for u in range(max(0, x - radius), min(len(flags), x + radius + 1)):
                    if shape == "diamond":
                        near = abs(u - x) + abs(v - y) <= radius
                    else:
                        near = (u - x) ** 2 + (v - y) ** 2 <= radius**2
                    if near:
                        result[v][u] |= flag & bits
    return result


def widen_saturation_trails(mask, bits):
    result = [list(flags) for flags in mask]
    for before, after in zip(mask, result, strict=True):
        x = 0
        while x < len(before):
            end = x
            while end < len(before) and before[end] & bits:
                end += 1
            length = end - x
            extra = 0 if length <= 5 else 1 if length <= 7 else 3 if length <= 9 else 4
            if length:
                for u in range(max(0, x - extra), min(len(before), end + extra)):
                    after[u] |= bits
            x = end + 1
    return result
