"""Levels on a mesh the slow way: lists of pixels."""

from oracle import statistics


def mesh_levels(image, mask, starts, size, clipping, clip):
    """Return the level of each cell, as lists of rows."""
    reject, n_sigma, n_iter = clipping
    what = "MEANCLIP" if clip else "MEAN"
    levels = []
    for y in starts[0]:
        levels.append([])
        for x in starts[1]:
            cell = slice(y, y + size[0]), slice(x, x + size[1])
            pixels, flags = (
                [value for row in plane[cell[0]] for value in row[cell[1]]]
                for plane in (image, mask)
            )
            found = statistics.compute(pixels, flags, reject, n_sigma, n_iter)
            levels[-1].append(found[what])
    return levels
