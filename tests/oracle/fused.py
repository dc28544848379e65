"""Point-wise corrections of one frame: the oracles of each, one after the other."""

from oracle import assembly, calibration, conversion, masking, variance
from oracle.interpolation import float32


def correct(planes, steps):
    """Return the planes, lists of rows, after steps of (name, corner, shape, arguments).

    The arguments of "keep" are a list, which becomes the variance as it is then.
    """
    planes = [[list(row) for row in plane] for plane in planes]
    for name, (top, left), (height, width), arguments in steps:
        if name in ("raw", "place"):
            if name == "raw":
                *made, (flip_x, flip_y) = arguments
                other = raw(*made)
            else:
                other, (flip_x, flip_y) = arguments
            box, to = (0, 0, width, height), (left, top)
            for plane, values in zip(planes, other, strict=True):
                assembly.place(plane, values, to, box, flip_x, flip_y)
            continue
        part = [[row[left : left + width] for row in p[top : top + height]] for p in planes]
        if name == "bias":
            part = calibration.subtract_bias(part, arguments)
        elif name == "dark":
            part = calibration.subtract_scaled(part, *arguments)
        elif name == "flat":
            part = calibration.divide_flat(part, *arguments)
        elif name == "variance":
            part[2] = variance.update(part[0], *arguments)
        elif name == "variance_v17":
            part[2] = variance.update(part[0], *arguments, parity="lsst-v17")
        elif name == "keep":
            arguments[:] = [list(row) for row in part[2]]
        else:
            part[1] = masking.widen_saturation_trails(part[1], arguments)
        for plane, changed in zip(planes, part, strict=True):
            for y, row in enumerate(changed):
                plane[top + y][left : left + width] = row
    return planes


def raw(counts, thresholds, flags, levels):
    """Return the planes of raw counts: flags from levels on, and levels subtracted."""
    image, _, spread = conversion.to_float(counts)
    mask = [[flags] * len(row) for row in counts]
    for level, bits in thresholds:
        mask = masking.threshold(image, mask, level, bits)
    for level in levels:
        image = [
            [float32(pixel - level[y if len(level) > 1 else 0]) for pixel in row]
            for y, row in enumerate(image)
        ]
    return image, mask, spread
