"""The brighter-fatter correction the slow way, on lists of rows."""

import math

from oracle.float32 import f32


def margins(size, parity):
    """Return how many rows at the low and at the high end the derivatives cannot use."""
    if parity == "lsst-v17":
        return size // 2, -((-size) // 2)
    return (size - 1) // 2, size // 2


def convolve(image, kernel, low, high):
    """Correlate; only where the stencil fits, which is where it is looked at."""
    size, centre = len(kernel), (len(kernel) - 1) // 2
    out = {}
    for y in range(low, len(image) - high):
        for x in range(low, len(image[0]) - high):
            total = 0.0
            for j in range(size):
                for i in range(size):
                    total += kernel[j][i] * image[y - centre + j][x - centre + i]
            out[y, x] = f32(total)
    return out


def half(value):
    return f32(value / 2)


def correct(image, kernel, max_iter=10, threshold=1000.0, parity="none"):
    """Return the corrected image and the number of iterations."""
    v17 = parity == "lsst-v17"
    low, high = margins(len(kernel), parity)
    rows, columns = len(image), len(image[0])
    clean = [[0.0 if math.isnan(value) else value for value in row] for row in image]
    work, previous, corr = clean, clean, {}
    if v17:
        previous = [[0.0] * columns for _ in range(rows)]
    iterations = 0
    for iteration in range(max_iter):
        iterations += 1
        o = convolve(work, kernel, low, high)
        corr = {}
        for y in range(low + 1, rows - high - 1):
            for x in range(low + 1, columns - high - 1):
                ty = half(f32(work[y + 1][x] - work[y - 1][x]))
                tx = half(f32(work[y][x + 1] - work[y][x - 1]))
                oy = half(f32(o[y + 1, x] - o[y - 1, x]))
                ox = half(f32(o[y, x + 1] - o[y, x - 1]))
                first = f32(f32(ty * oy) + f32(tx * ox))
                here = o[y, x]
                yy = f32(f32(o[y + 1, x] - here) - f32(here - o[y - 1, x]))
                xx = f32(f32(o[y, x + 1] - here) - f32(here - o[y, x - 1]))
                second = f32(work[y][x] * f32(yy + xx))
                corr[y, x] = f32(0.5 * f32(first + second))
        work = [
            [f32(clean[y][x] + corr[y, x]) if (y, x) in corr else clean[y][x]
             for x in range(columns)]
            for y in range(rows)
        ]  # fmt: skip
        if v17 and iteration == 0:
            continue  # and the image is still compared with zeros the next time
        change = 0.0
        for before, after in zip(previous, work, strict=True):
            row = 0.0
            for a, b in zip(before, after, strict=True):
                row += abs(f32(a - b))
            change += row
        if change < threshold:
            break
        previous = work
    result = [list(row) for row in image]
    for (y, x), value in corr.items():
        result[y][x] = f32(image[y][x] + value)
    return result, iterations
