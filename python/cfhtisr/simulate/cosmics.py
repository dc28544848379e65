"""Cosmic rays: short straight tracks of charge."""

__all__ = ["add_cosmics"]

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings

_FULL = 4612 * 2048
_RATE = 60.0  # hits of a whole CCD and minute at 4200 m


def add_cosmics(
    charge: NDArray[np.float32], settings: Settings, ccd: int, seconds: float
) -> NDArray[np.bool_]:
    """Add tracks in place and return which pixels they hit.

    Some 4000 electrons over six pixels each, as on real frames.

    Parameters
    ----------
    charge : ndarray of float32, shape (rows, columns)
        Charge [electron].
    settings : Settings
        What is simulated.
    ccd : int
        Number of the CCD.
    seconds : float
        How long the CCD gathered charge [s].
    """
    rng = stream(settings.seed, "cosmics", ccd, settings.frame)
    rows, columns = charge.shape
    hit = np.zeros(charge.shape, np.bool_)
    n = int(rng.poisson(_RATE * seconds / 60 * rows * columns / _FULL))
    for _ in range(n):
        length = 1 + rng.exponential(5.0)
        angle = rng.uniform(0, 2 * np.pi)
        along = np.linspace(0, length, int(np.ceil(length)) + 1)
        x = np.rint(rng.uniform(0, columns) + along * np.cos(angle)).astype(int)
        y = np.rint(rng.uniform(0, rows) + along * np.sin(angle)).astype(int)
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        total = 4000 * np.exp(rng.normal(0, 0.7))
        share = rng.dirichlet(np.full(len(along), 2.0)) * total
        np.add.at(charge, (y[inside], x[inside]), share[inside].astype(np.float32))
        hit[y[inside], x[inside]] = True
    return hit
