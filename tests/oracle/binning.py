"""Binning the slow way: lists, loops and the standard library only."""

from oracle.float32 import f32


def bin_planes(image, mask, variance, rows, columns):
    """Return mean, joined flags and variance of the mean of each block, as lists of rows."""
    height = len(image) // rows
    width = len(image[0]) // columns if image else 0
    count = float(rows * columns)
    binned = [], [], []
    for j in range(height):
        for plane in binned:
            plane.append([])
        for i in range(width):
            places = [
                (y, x)
                for y in range(j * rows, j * rows + rows)
                for x in range(i * columns, i * columns + columns)
            ]
            total, spread, flags = 0.0, 0.0, 0
            for y, x in places:
                total += image[y][x]
                spread += variance[y][x]
                flags |= mask[y][x]
            values = f32(total / count), flags, f32(spread / (count * count))
            for plane, value in zip(binned, values, strict=True):
                plane[-1].append(value)
    return binned
