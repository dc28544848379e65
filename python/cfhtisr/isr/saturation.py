"""Saturation: the level that a raw frame itself shows, because headers are unreliable."""

__all__ = ["FLOOR", "estimate_level"]

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cfhtisr import _kernels
from cfhtisr.images.plane import Plane
from cfhtisr.isr import parity as parities
from cfhtisr.isr.parity import Parity
from cfhtisr.isr.statistics import as_pixels

FLOOR = 60000
"""Pixels above this are taken for saturated ones [ADU]."""


def estimate_level(
    image: ArrayLike | Plane,
    safe: float = 0.95,
    header_level: float | None = None,
    parity: Parity = "none",
) -> float:
    """Return the level from which on pixels count as saturated.

    When the brightest pixel exceeds 60000, the range from 60000 to one more than that pixel
    is cut into 100 bins. Saturated pixels pile up in the fullest bin; its lower edge, times
    ``safe`` and cut to a whole number, is the level. Otherwise it is the header's, as it is:
    ``safe`` does not apply to it.

    Parameters
    ----------
    image : array_like or Image, shape (rows, columns)
        The whole raw frame [ADU], overscan included.
    safe : float, optional
        How much below the pile the level lies.
    header_level : float, optional
        The header's SATURATE [ADU].
    parity : {"none", "lsst-v17"}, optional
        Both give the same level.

    Returns
    -------
    level : float
        A whole number [ADU], or the header's.

    Raises
    ------
    ValueError
        If the header's level is needed and was not given, there is no pixel, or ``safe`` is
        no positive number.

    Notes
    -----
    A frame with a pixel that is not a number has no brightest pixel, so that the header's
    level holds; infinite pixels are passed over. Equally full bins: the lowest counts. A few
    bright pixels above 60000 are enough to make a level, be they saturated or not.

    Examples
    --------
    >>> frame = np.full((4, 4), 1000, np.uint16)
    >>> estimate_level(frame, header_level=62000)
    62000.0
    >>> frame[:2] = 65535
    >>> estimate_level(frame)
    62206.0
    """
    parities.check(parity)
    if not (math.isfinite(safe) and safe > 0):
        raise ValueError(f"safe is {safe}, wanted a positive number")
    pixels: np.ndarray[Any, Any] = np.atleast_2d(as_pixels(image))
    edge = _kernels.saturation_edge(pixels)
    if edge is not None:
        return float(int(safe * edge))
    if header_level is None:
        raise ValueError(
            f"header_level is None, wanted the header's SATURATE: no pixel tells, as none "
            f"exceeds {FLOOR} or some is not a number"
        )
    return float(header_level)
