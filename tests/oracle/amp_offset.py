"""The step along a border the slow way: lists, loops and the standard library only."""

import math
from statistics import mean, median, stdev


def measure(image, border, half, n_sigma):
    """Return step, error and number of bands; ``image`` has None where a pixel is excluded."""
    rows = [row[border - 2 * half : border + 2 * half] for row in image]
    bands = [rows[first : first + 32] for first in range(0, len(rows) - 31, 32)]
    windows = [(band, 32 * n, w) for n, band in enumerate(bands) for w in range(4)]
    grid = [list(row) for band in bands for row in band]
    for _ in range(2):
        odd, core = set(), set()
        for _, y0, w in windows:
            places = [(y, x) for y in range(y0, y0 + 32) for x in range(w * half, (w + 1) * half)]
            values = [grid[y][x] for y, x in places if grid[y][x] is not None]
            if not values:
                continue
            level = median(values)
            limit = n_sigma * 1.4826 * median(abs(value - level) for value in values)
            for y, x in places:
                if grid[y][x] is not None and abs(grid[y][x] - level) > limit:
                    odd.add((y, x))
                if grid[y][x] is not None and grid[y][x] - level > 2 * limit:
                    core.add((y, x))
        reach = range(-2, 3)
        grown = {(y + dy, x + dx) for y, x in core for dy in reach for dx in reach}
        for y, x in odd | grown:
            if 0 <= y < len(grid) and 0 <= x < 4 * half:
                grid[y][x] = None
    steps = []
    for n in range(len(bands)):
        means = []
        for w in range(4):
            block = [row[w * half : (w + 1) * half] for row in grid[32 * n : 32 * n + 32]]
            values = [value for row in block for value in row if value is not None]
            means.append(mean(values) if len(values) >= 0.25 * 32 * half else math.nan)
        step = 1.5 * means[2] - 0.5 * means[3] - (1.5 * means[1] - 0.5 * means[0])
        if math.isfinite(step):
            steps.append(step)
    for _ in range(3):
        if len(steps) < 5:
            break
        middle = median(steps)
        spread = 1.4826 * median(abs(step - middle) for step in steps)
        steps = [step for step in steps if abs(step - middle) <= n_sigma * spread]
    if len(steps) < 5:
        return math.nan, math.nan, len(steps)
    return mean(steps), stdev(steps) / math.sqrt(len(steps)), len(steps)
