"""Masters as the observatory makes them: raw geometry, 16 bits, a scale and a pedestal."""

__all__ = ["DARK_TIME", "FRINGE_SKY", "SCALES", "Scale", "bias_structure", "dark_rate", "to_stored"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.electronics import AmplifierTruth
from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.smooth import spline_field

DARK_TIME = 1800.0
"""DARKTIME of the master dark [s]."""

FRINGE_SKY = 1000.0
"""Sky of the frames that the master fringe was made of [ADU]."""

_BLANK = -32768


@dataclass(frozen=True, slots=True)
class Scale:
    """How a master is stored: value = zero + step * stored."""

    zero: float
    step: float


# Flats are stored as the observatory does. Its other masters have steps of 1 ADU, which alone
# would cost 0.3 ADU; these have finer ones, with the same room of 100 ADU below zero.
SCALES = {
    "bias": Scale(0.05 * 32768 - 100, 0.05),
    "dark": Scale(0.05 * 32768 - 100, 0.05),
    "flat": Scale(3.2, 0.0001),
    "fringe": Scale(0.0, 0.02),
}


def to_stored(
    kind: str, values: NDArray[np.float32], raw_shape: tuple[int, int], left: int
) -> NDArray[np.int16]:
    """Return a master in raw geometry, as stored.

    Parameters
    ----------
    kind : {"bias", "dark", "flat", "fringe"}
        Which scale.
    values : ndarray of float32, shape (rows, columns)
        The light-sensitive pixels; NaN becomes BLANK.
    raw_shape : (int, int)
        Rows and columns of the raw frame; what is not light-sensitive becomes 0.
    left : int
        Overscan columns on the left.
    """
    scale = SCALES[kind]
    rows, columns = values.shape
    stored = np.full(raw_shape, round(-scale.zero / scale.step), np.int16)
    scaled = values - np.float32(scale.zero)
    scaled *= np.float32(1 / scale.step)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32767, 32767, out=scaled)
    lost = np.isnan(scaled)
    if lost.any():
        scaled[lost] = _BLANK
    stored[:rows, left : left + columns] = scaled
    return stored


def bias_structure(settings: Settings, ccd: int) -> NDArray[np.float32]:
    """Return what the bias has beyond its overscan level [ADU], shape (rows, columns).

    About 1 ADU: columns of their own, a smooth tilt, and the start of the readout.
    """
    rng = stream(settings.seed, "bias", ccd)
    rows, columns = settings.rows, settings.columns
    structure = spline_field(rng.normal(0.5, 0.5, (6, 6)).astype(np.float32), rows, columns)
    structure += rng.normal(0, 0.4, columns).astype(np.float32)
    start = rng.uniform(1, 5) * np.exp(-np.arange(rows) / 25)
    structure += start.astype(np.float32)[:, None]
    return structure


def dark_rate(
    settings: Settings, ccd: int, truth: tuple[AmplifierTruth, AmplifierTruth]
) -> NDArray[np.float32]:
    """Return the dark current [electron/s], shape (rows, columns), with its hot pixels."""
    rng = stream(settings.seed, "dark", ccd)
    rows, columns = settings.rows, settings.columns
    rate = spline_field(rng.uniform(0.9, 1.1, (5, 5)).astype(np.float32), rows, columns)
    half = columns // 2
    rate[:, :half] *= np.float32(truth[0].dark_current / 3600)
    rate[:, half:] *= np.float32(truth[1].dark_current / 3600)
    n = max(2, round(1e-5 * rows * columns))
    y, x = rng.integers(0, rows, n), rng.integers(0, columns, n)
    rate[y, x] += np.exp(rng.uniform(np.log(50), np.log(1500), n)).astype(np.float32) / 3600
    return rate
