"""Point-wise corrections of one frame: the oracles of each, one after the other."""

from oracle import assembly, calibration, masking, variance


def correct(planes, steps):
    """Return the planes, lists of rows, after steps of (name, corner, shape, planes, numbers)."""
    planes = [[list(row) for row in plane] for plane in planes]
    for name, (top, left), (height, width), other, (first, second) in steps:
        if name == "place":
            box, to = (0, 0, width, height), (left, top)
            for plane, raw in zip(planes, other, strict=True):
                assembly.place(plane, raw, to, box, first, second)
            continue
        part = [[row[left : left + width] for row in p[top : top + height]] for p in planes]
        if name == "bias":
            part = calibration.subtract_bias(part, other)
        elif name == "dark":
            part = calibration.subtract_scaled(part, other, first)
        elif name == "flat":
            part = calibration.divide_flat(part, other, first)
        elif name == "variance":
            bias = None if other is None else other[2]
            part[2] = variance.update(part[0], first, second, bias)
        elif name == "variance_v17":
            part[2] = variance.update(part[0], first, second, parity="lsst-v17")
        else:
            part[1] = masking.widen_saturation_trails(part[1], first)
        for plane, changed in zip(planes, part, strict=True):
            for y, row in enumerate(changed):
                plane[top + y][left : left + width] = row
    return planes
