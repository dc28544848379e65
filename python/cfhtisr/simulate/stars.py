"""Stars: Moffat images with a power law of fluxes."""

__all__ = ["add_stars"]

import math

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings

_FULL = 4612 * 2048
_FWHM = 3.8  # 0.7 arcsec [pixel]
_BETA = 3.0
_ALPHA = _FWHM / (2 * math.sqrt(2 ** (1 / _BETA) - 1))
_FAINTEST, _BRIGHTEST, _SLOPE = 3e3, 3e7, 0.6


def add_stars(image: NDArray[np.float32], settings: Settings, ccd: int) -> int:
    """Add stars to an image in place and return how many.

    Some 500 on a CCD of full size; a dozen of them saturate. One always bleeds.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Light [ADU].
    settings : Settings
        What is simulated.
    ccd : int
        Number of the CCD.
    """
    rng = stream(settings.seed, "stars", ccd)
    rows, columns = image.shape
    n = max(3, round(500 * rows * columns / _FULL))
    low, high = _FAINTEST**-_SLOPE, _BRIGHTEST**-_SLOPE
    fluxes = (low + rng.random(n) * (high - low)) ** (-1 / _SLOPE)
    fluxes[0] = 5e6
    xs, ys = rng.uniform(0, columns, n), rng.uniform(0, rows, n)
    # The one that always bleeds keeps its trail away from the amplifiers' border.
    xs[0], ys[0] = columns * rng.uniform(0.1, 0.4), rows * rng.uniform(0.3, 0.7)
    for x, y, flux in zip(xs, ys, fluxes, strict=True):
        _add_star(image, x, y, flux)
    return int(n)


def _add_star(image: NDArray[np.float32], x: float, y: float, flux: float) -> None:
    peak = flux * (_BETA - 1) / (math.pi * _ALPHA**2)
    reach = _ALPHA * math.sqrt(max((peak / 0.05) ** (1 / _BETA) - 1, 4.0))
    rows, columns = image.shape
    x0, x1 = max(0, math.ceil(x - reach)), min(columns, math.floor(x + reach) + 1)
    y0, y1 = max(0, math.ceil(y - reach)), min(rows, math.floor(y + reach) + 1)
    dx2 = ((np.arange(x0, x1) - x) / _ALPHA) ** 2
    dy2 = ((np.arange(y0, y1) - y) / _ALPHA) ** 2
    shape = 1 + (dx2 + dy2[:, None]).astype(np.float32)
    image[y0:y1, x0:x1] += np.float32(peak) / (shape * shape * shape)
