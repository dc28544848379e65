"""Bias, dark and flat the slow way. A masked image is (image, mask, variance), lists of rows."""

from operator import or_

from oracle.float32 import div, f32, pixelwise


def subtract_bias(target, bias):
    return (
        pixelwise(lambda a, b: f32(a - b), target[0], bias[0]),
        pixelwise(or_, target[1], bias[1]),
        pixelwise(lambda va, vb: f32(va + vb), target[2], bias[2]),
    )


def subtract_scaled(target, other, scale, invert=False):
    sign = 1.0 if invert else -1.0
    return (
        pixelwise(lambda a, b: f32(a + sign * f32(scale * b)), target[0], other[0]),
        pixelwise(or_, target[1], other[1]),
        pixelwise(lambda va, vb: f32(va + f32(scale * scale * vb)), target[2], other[2]),
    )


def divide_flat(target, flat, scale=1.0, invert=False):
    c = 1.0 / scale

    def image(a, f):
        return f32(a * f32(c * f)) if invert else f32(div(a, f32(c * f)))

    def variance(a, va, f, vf):
        f2 = f32(f * f)
        sum_ = f32(f32(f32(a * a) * vf) + f32(f2 * va))
        return f32(c * c * sum_) if invert else f32(div(sum_, c * c * f2 * f2))

    return (
        pixelwise(image, target[0], flat[0]),
        pixelwise(or_, target[1], flat[1]),
        pixelwise(variance, target[0], target[2], flat[0], flat[2]),
    )


def trim_to_match(target, size):
    """Return the inner part of a mask and the mask with EDGE (16) on what is trimmed."""
    rows, columns = len(target), len(target[0])
    edge = (rows - size[0]) // 2

    def inside(y, x):
        return edge <= y < rows - edge and edge <= x < columns - edge

    flagged = [
        [flags if inside(y, x) else flags | 16 for x, flags in enumerate(row)]
        for y, row in enumerate(target)
    ]
    return [row[edge : columns - edge] for row in flagged[edge : rows - edge]], flagged
