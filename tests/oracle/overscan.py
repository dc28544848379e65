"""Overscan the slow way: lists, loops and the standard library only."""

import math
from fractions import Fraction
from statistics import median

from oracle.statistics import as_float32, quantile


def row_median(image, mask, reject):
    levels = []
    for pixels, flags in zip(image, mask, strict=True):
        pairs = zip(pixels, flags, strict=True)
        usable = [p for p, f in pairs if math.isfinite(p) and not f & reject]
        levels.append(median(usable) if usable else math.nan)
    return levels


def whole(pixel):
    """Return a pixel as a whole number of 32 bits: sum in an f32, then truncation."""
    number = as_float32(pixel + 0.5)
    if not math.isfinite(number):
        return 2**31 - 1 if pixel > 0 else -(2**31)
    return max(-(2**31), min(2**31 - 1, math.trunc(number)))


def line(pixels, flags, reject, n_sigma, reference):
    """Level of a line, and whether all of its samples were rejected."""
    masked = [bool(flag & reject) for flag in flags]
    pairs = [(p, m) for p, m in zip(pixels, masked, strict=True) if math.isfinite(p)]
    values = sorted(p for p, m in pairs if reference or not m)
    rough = sum(p for p, _ in pairs) / len(pairs) if pairs else math.nan
    if reference:
        last = len(pixels) - 1
        for fraction in (0.25, 0.5, 0.75):
            place = math.floor(fraction * last)
            if masked[place] or masked[min(place + 1, last)]:
                return rough, True
    if not values:
        return rough, True
    low, middle, high = (quantile(values, fraction) for fraction in (0.25, 0.5, 0.75))
    half = n_sigma * (0.74 * (high - low))
    kept = [p for p, m in pairs if not m and not abs(p - middle) > half]
    return (sum(kept) / len(kept), False) if kept else (rough, True)


def filled(levels, lost):
    """Lost lines take the median of the five others on each side."""
    good = [at for at, gone in enumerate(lost) if not gone]
    result = []
    for at, level in enumerate(levels):
        before = [levels[other] for other in good if other < at][-5:]
        after = [levels[other] for other in good if other > at][:5]
        result.append(median(before + after) if lost[at] else level)
    return result


def abscissae(count):
    return [2 * at / count - 1 for at in range(count)]


def solve(matrix, right):
    """Gauss and Jordan, in fractions."""
    rows = [
        [Fraction(v) for v in row] + [Fraction(r)] for row, r in zip(matrix, right, strict=True)
    ]
    for at in range(len(rows)):
        pivot = next(other for other in range(at, len(rows)) if rows[other][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [v / rows[at][at] for v in rows[at]]
        for other in range(len(rows)):
            if other != at:
                factor = rows[other][at]
                rows[other] = [v - factor * p for v, p in zip(rows[other], rows[at], strict=True)]
    return [row[-1] for row in rows]


def polynomial(levels, say, degree):
    """Least squares by the normal equations, which lose nothing in fractions."""
    x = [Fraction(v) for v in abscissae(len(levels))]
    use = [at for at, yes in enumerate(say) if yes]
    powers = range(degree + 1)
    matrix = [[sum(x[at] ** (i + j) for at in use) for j in powers] for i in powers]
    right = [sum(x[at] ** i * Fraction(levels[at]) for at in use) for i in powers]
    weights = solve(matrix, right)
    return [float(sum(w * v**i for i, w in enumerate(weights))) for v in x]


def knots(levels, say, bins):
    x = abscissae(len(levels))
    step = (x[-1] - x[0]) / bins
    edges = [k * step + x[0] for k in range(bins)] + [x[-1]]
    found = []
    for k in range(bins):
        last = k == bins - 1
        inside = [
            at
            for at, yes in enumerate(say)
            if yes and edges[k] <= x[at] and (x[at] < edges[k + 1] or last)
        ]
        if inside:
            place = sum(x[at] for at in inside) / len(inside)
            found.append((place, sum(levels[at] for at in inside) / len(inside)))
    return found


def natural(points):
    """Slopes and curvatures of the natural spline at its knots, from all equations at once."""
    n = len(points)
    h = [points[i + 1][0] - points[i][0] for i in range(n - 1)]
    m = [(points[i + 1][1] - points[i][1]) / h[i] for i in range(n - 1)]
    matrix = [[0] * n for _ in range(n)]
    right = [0] * n
    matrix[0][0] = matrix[-1][-1] = 1
    for i in range(1, n - 1):
        matrix[i][i - 1 : i + 2] = [h[i - 1], 2 * (h[i - 1] + h[i]), h[i]]
        right[i] = 6 * (m[i] - m[i - 1])
    bend = [float(v) for v in solve(matrix, right)]
    return [
        (
            m[i] - h[i] * (2 * bend[i] + bend[i + 1]) / 6,
            bend[i] / 2,
            (bend[i + 1] - bend[i]) / 6 / h[i],
        )
        for i in range(n - 1)
    ]


def akima(points):
    n = len(points)
    h = [points[i + 1][0] - points[i][0] for i in range(n - 1)]
    m = [(points[i + 1][1] - points[i][1]) / h[i] for i in range(n - 1)]
    wide = [3 * m[0] - 2 * m[1], 2 * m[0] - m[1], *m]
    wide += [2 * m[-1] - m[-2], 3 * m[-1] - 2 * m[-2]]

    def slope(i, straight):
        left = abs(wide[i + 1] - wide[i])
        both = abs(wide[i + 3] - wide[i + 2]) + left
        if both == 0:
            return straight
        return (1 - left / both) * wide[i + 1] + left / both * wide[i + 2]

    pieces = []
    for i in range(n - 1):
        b = slope(i, None)
        if b is None:
            pieces.append((m[i], 0.0, 0.0))
            continue
        t = slope(i + 1, m[i])
        pieces.append((b, (3 * m[i] - 2 * b - t) / h[i], (b + t - 2 * m[i]) / h[i] ** 2))
    return pieces


def spline(levels, say, bins, kind):
    points = knots(levels, say, bins)
    if len(points) < (5 if kind == "AKIMA_SPLINE" else 3):
        return None
    pieces = akima(points) if kind == "AKIMA_SPLINE" else natural(points)
    values = []
    for x in abscissae(len(levels)):
        piece = max([i for i, point in enumerate(points[:-1]) if point[0] <= x], default=0)
        (start, y), (b, c, d) = points[piece], pieces[piece]
        u = x - start
        if x < points[0][0]:
            values.append(y + u * b + u * u * c)
        elif x >= points[-1][0]:
            u = x - points[-1][0]
            h = points[-1][0] - start
            second = 2 * c + 6 * d * h if kind == "AKIMA_SPLINE" else 0
            values.append(points[-1][1] + u * (b + 2 * c * h + 3 * d * h * h) + u * u / 2 * second)
        else:
            values.append(y + u * (b + u * (c + u * d)))
    return values


def fit(image, mask, reject, n_sigma, kind, order, reference):
    """Level of each row, before it is rounded, and which rows are lost; None if impossible."""
    if kind == "MEDIAN_PER_ROW":
        levels = row_median(image, mask, reject)
        lines = [(level, math.isnan(level)) for level in levels]
    else:
        rows = zip(image, mask, strict=True)
        lines = [line(pixels, flags, reject, n_sigma, reference) for pixels, flags in rows]
    levels, lost = [level for level, _ in lines], [gone for _, gone in lines]
    curve = kind in ("POLY", "CHEB", "LEG")
    say = [math.isfinite(v) and ((curve and reference) or not gone) for v, gone in lines]
    if kind.endswith("PER_ROW"):
        return (None if all(lost) else filled(levels, lost)), lost
    if curve:
        if reference and any(say):  # a degree too high passes through all lines
            order = min(order, sum(say) - 1)
        return (polynomial(levels, say, order) if order < sum(say) else None), lost
    return spline(levels, say, order, kind), lost
