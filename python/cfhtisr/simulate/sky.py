"""The sky: how bright it is in each filter, and how it fringes."""

__all__ = ["SKY", "SkyLight", "sky_light", "sky_plane"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.smooth import spline_field


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

    It is up to 4 % off the mean of its filter and varies smoothly by 2 % over the CCD, as
    scattered light makes it do.
    """
    rng = stream(settings.seed, "sky", ccd)
    level = sky_light(settings.filter).rate * settings.exposure_time
    if settings.kind in "fl":
        level = 15000.0
    level *= 1 + rng.uniform(-0.04, 0.04)
    knots = np.float32(level) * (1 + 0.01 * rng.uniform(-1, 1, (7, 5))).astype(np.float32)
    return spline_field(knots, settings.rows, settings.columns)
