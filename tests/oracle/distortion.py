"""The distortion the slow way: bisection instead of Newton's steps."""

import math


def field_angle(radius, coefficients):
    def value(angle):
        return sum(c * angle**power for power, c in enumerate(coefficients))

    low, high = 0.0, 1.0
    while value(high) < radius:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if value(middle) < radius:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def undistorted(x, y, middle, offset, yaw_deg, pixel_mm, coefficients):
    """Pixel to focal plane to field angle, and back by the linear part."""
    cos, sin = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    u, v = (x - middle[0]) * pixel_mm, (y - middle[1]) * pixel_mm
    u, v = offset[0] + cos * u - sin * v, offset[1] + sin * u + cos * v
    radius = math.hypot(u, v)
    if radius:
        ratio = coefficients[1] * field_angle(radius, coefficients) / radius
        u, v = u * ratio, v * ratio
    u, v = (u - offset[0]) / pixel_mm, (v - offset[1]) / pixel_mm
    return middle[0] + cos * u + sin * v, middle[1] - sin * u + cos * v
