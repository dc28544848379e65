"""Interference fringes: a pattern that belongs to the chip."""

__all__ = ["fringe_pattern"]

import numpy as np
from numpy.typing import NDArray

from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.smooth import spline_field

_KNOT = 220  # pixels between knots of the thickness of the chip


def fringe_pattern(settings: Settings, ccd: int) -> NDArray[np.float32]:
    """Return the fringes of a CCD, peak to peak 1 and median 0, shape (rows, columns).

    Thickness varies smoothly over the chip, and light of one night-sky line comes and goes with
    it: the cosine of a smooth phase, 30 to 150 pixels from crest to crest.
    """
    rng = stream(settings.seed, "fringes", ccd)
    rows, columns = settings.rows, settings.columns
    shape = (rows // _KNOT + 5, columns // _KNOT + 5)
    phase = spline_field(rng.normal(0, 14, shape).astype(np.float32), rows, columns)
    slope_x, slope_y = 2 * np.pi / rng.uniform(60, 140, 2) * rng.choice([-1, 1], 2)
    phase += (slope_x * np.arange(columns)).astype(np.float32)
    phase += (slope_y * np.arange(rows)).astype(np.float32)[:, None]
    pattern = np.cos(phase, out=phase)
    pattern *= 0.5
    # A fine sample is enough for the median to 1e-4 of the amplitude.
    pattern -= np.float32(np.median(pattern[::3, ::3]))
    return pattern
