"""Crosstalk the slow way. Planes are lists of rows; an amplifier is (x0, y0, flip_x, flip_y)."""

from oracle.float32 import f32


def where(amplifier, size, row, column):
    """Return row and column on the frame of the pixel of some rank in the readout."""
    x0, y0, flip_x, flip_y = amplifier
    rows, columns = size
    y = y0 + (rows - 1 - row if flip_y else row)
    x = x0 + (columns - 1 - column if flip_x else column)
    return y, x


def subtract(planes, amplifiers, size, coefficients, backgrounds, level, flag):
    image, mask, variance = planes
    bright = [
        [bool(m & flag) or p >= level for p, m in zip(*rows, strict=True)]
        for rows in zip(image, mask, strict=True)
    ]
    new_image = [list(row) for row in image]
    new_mask = [[flags & ~flag for flags in row] for row in mask]
    new_variance = [list(row) for row in variance]
    for target, row_of_c in zip(amplifiers, coefficients, strict=True):
        for row in range(size[0]):
            for column in range(size[1]):
                lost, spread = 0.0, 0.0
                y, x = where(target, size, row, column)
                for source, c, background in zip(amplifiers, row_of_c, backgrounds, strict=True):
                    if c == 0:
                        continue
                    v, u = where(source, size, row, column)
                    lost = f32(lost + f32(c * f32(image[v][u] - f32(background))))
                    spread = f32(spread + f32(c * c * variance[v][u]))
                    if bright[v][u]:
                        new_mask[y][x] |= flag
                new_image[y][x] = f32(image[y][x] - lost)
                new_variance[y][x] = f32(variance[y][x] + spread)
    return new_image, new_mask, new_variance
