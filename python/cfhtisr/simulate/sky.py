"""The sky: how bright it is in each filter, and how it fringes."""

__all__ = ["SKY", "SkyLight", "sky_light", "sky_plane"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.mosaic import facts
from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.smooth import spline_field

_WIDTH, _HEIGHT, _CORNER = 27.65, 62.26, 190.0  # of a CCD, and to the corner of the mosaic [mm]


@dataclass(frozen=True, slots=True)
class SkyLight:
    """Sky of one filter.

    Attributes
    ----------
    rate : float
        Brightness [ADU/s] after the flat field.
    fringes : float
        Peak-to-peak amplitude of the fringes, as a fraction of the sky.
    """

    rate: float
    fringes: float


# Levels as measured on real frames, new Moon; the fringes of the thinned chips in the red only.
SKY = {
    "u": SkyLight(0.4, 0.0),
    "g": SkyLight(1.8, 0.0),
    "r": SkyLight(3.5, 0.0),
    "i": SkyLight(11.0, 0.06),
    "z": SkyLight(4.0, 0.14),
    "gri": SkyLight(15.2, 0.015),
    "CaHK": SkyLight(0.08, 0.0),
    "Ha": SkyLight(0.5, 0.0),
    "HaOFF": SkyLight(0.5, 0.0),
    "OIII": SkyLight(0.2, 0.0),
    "OIIIOFF": SkyLight(0.2, 0.0),
}


def sky_light(filter_name: str) -> SkyLight:
    """Return the sky of a filter, by its name in headers.

    Examples
    --------
    >>> sky_light("i.MP9703").fringes
    0.06
    """
    return SKY.get(filter_name.split(".")[0], SKY["r"])


def sky_plane(settings: Settings, ccd: int) -> NDArray[np.float32]:
    """Return the sky of a CCD without its fringes [ADU], shape (rows, columns).

    Light scattered in the telescope makes it 8 % brighter in the centre of the mosaic than in
    its corners; it varies by another 1 % over a CCD.
    """
    rng = stream(settings.seed, "sky", ccd)
    level = sky_light(settings.filter).rate * settings.exposure_time
    if settings.kind in "fl":
        level = 15000.0
    known = facts(ccd)
    sign = -1 if known.yaw_deg == 180.0 else 1
    up, across = np.linspace(-0.625, 0.625, 7), np.linspace(-0.75, 0.75, 5)
    x = known.offset_mm[0] + sign * _WIDTH * across
    y = known.offset_mm[1] + sign * _HEIGHT * up
    radius2 = (x**2 + y[:, None] ** 2) / _CORNER**2
    knots = level * (1.03 - 0.08 * radius2 + 0.005 * rng.uniform(-1, 1, (7, 5)))
    return spline_field(knots.astype(np.float32), settings.rows, settings.columns)
