"""Arithmetic that rounds to float32 after every operation, as the kernels do."""

import ctypes
import math


def f32(value):
    """Round to float32; beyond its range lies infinity."""
    return ctypes.c_float(value).value


def div(a, b):
    """Divide without an exception, as the hardware does."""
    if b != 0 or math.isnan(a):
        return a / b if b != 0 else math.nan
    if a == 0 or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def pixelwise(function, *planes):
    """Apply a function to the pixels of planes, which are lists of rows."""
    return [
        [function(*pixels) for pixels in zip(*rows, strict=True)]
        for rows in zip(*planes, strict=True)
    ]
