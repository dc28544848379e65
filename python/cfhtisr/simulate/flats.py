"""The flat field: response of every pixel relative to the others."""

__all__ = ["Flat", "flat_field"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.smooth import spline_field

_FULL = 4612 * 2048


@dataclass(frozen=True, slots=True)
class Flat:
    """A flat field and its dead pixels.

    Attributes
    ----------
    response : ndarray of float32, shape (rows, columns)
        Mean near 1; 0 for a dead pixel.
    dead : ndarray of int, shape (n, 2)
        Column and row of the dead pixels, NaN in the master.
    """

    response: NDArray[np.float32]
    dead: NDArray[np.intp]


def flat_field(settings: Settings, ccd: int, bad: NDArray[np.bool_]) -> Flat:
    """Return the response of a CCD.

    Pixel-to-pixel differences of 0.9 % rms, a slope of a few per cent, rings of dust, a step
    between the amplifiers, the response of the whole CCD, and some dead pixels.

    Parameters
    ----------
    settings : Settings
        What is simulated.
    ccd : int
        Number of the CCD.
    bad : ndarray of bool, shape (rows, columns)
        Pixels of the table of defects, where no dead pixel is put.
    """
    rng = stream(settings.seed, "flat", ccd)
    rows, columns = settings.rows, settings.columns
    knots = rng.uniform(-0.02, 0.02, (8, 6)).astype(np.float32)
    knots += np.float32(rng.uniform(0.97, 1.13))
    response = spline_field(knots, rows, columns)
    step = np.float32(rng.normal(0, 0.0125))
    response[:, : columns // 2] *= 1 + step
    response[:, columns // 2 :] *= 1 - step
    for _ in range(max(1, round(8 * rows * columns / _FULL))):
        _dust(response, rng)
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    noise *= np.float32(0.009)
    noise += 1
    response *= noise
    n_dead = max(4, round(24 * rows * columns / _FULL))
    y, x = rng.integers(1, rows - 1, n_dead), rng.integers(1, columns - 1, n_dead)
    fine = ~bad[y, x]
    dead = np.unique(np.stack([x[fine], y[fine]], axis=1), axis=0)
    response[dead[:, 1], dead[:, 0]] = 0
    return Flat(response, dead)


def _dust(response: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Darken a ring: the shadow of a grain on the filter."""
    rows, columns = response.shape
    x, y = rng.uniform(0, columns), rng.uniform(0, rows)
    radius, width = rng.uniform(20, 70), rng.uniform(4, 12)
    depth = rng.uniform(0.01, 0.03)
    reach = radius + 4 * width
    x0, x1 = max(0, int(x - reach)), min(columns, int(x + reach) + 1)
    y0, y1 = max(0, int(y - reach)), min(rows, int(y + reach) + 1)
    dx = np.arange(x0, x1) - x
    dy = np.arange(y0, y1) - y
    r = np.hypot(dx, dy[:, None])
    ring = 1 - depth * np.exp(-0.5 * ((r - radius) / width) ** 2)
    response[y0:y1, x0:x1] *= ring.astype(np.float32)
