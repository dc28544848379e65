"""Thumbnails: a CCD as a small picture of 8 bits."""

__all__ = ["make"]

import math
import operator

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import statistics
from cfhtisr.isr.binning import bin_image

_TOP = 255.0
_LINEAR = 0.1  # up to this part of the range the stretch is nearly linear
_LEAST_Q, _MOST_Q = 2.0**-23, 1e10


def make(
    masked_image: MaskedImage,
    binning: int = 4,
    n_sigma: float = 3.0,
    stretch: float = 5.0,
    q: float = 20.0,
    sat_border: int = 2,
) -> NDArray[np.uint8]:
    """Return a picture of an image: binned, stretched by asinh, grey.

    Parameters
    ----------
    masked_image : MaskedImage, shape (rows, columns)
        The image; it is not changed.
    binning : int, optional
        Rows and columns of pixels that become one.
    n_sigma : float, optional
        Black lies this many clipped standard deviations below the median.
    stretch : float, optional
        Range of the stretch, in the unit of the image.
    q : float, optional
        Softening: the larger, the more of the bright end is squeezed.
    sat_border : int, optional
        Width of the border [binned pixel] that decides on a saturated area: it becomes as
        bright as the brightest pixel, or 0 if its surroundings are not above 0. With a width
        of 0 saturated areas are left as they are.

    Returns
    -------
    picture : ndarray of uint8, shape (rows // binning, columns // binning, 3)
        Red, green and blue, all the same. Its first row is that of the image. NaN is black.

    Raises
    ------
    ValueError
        If the binning leaves no pixel, ``stretch`` is not a positive number, ``q`` no number,
        or the border negative.

    Notes
    -----
    With ``d`` the distance from black, a pixel becomes
    ``asinh(d * q / stretch) * 25.5 / asinh(0.1 * q)``, cut at 0 and 255 and truncated.

    Examples
    --------
    >>> image = MaskedImage(np.float32([[100, 100, 101, 109]]))
    >>> make(image, binning=1)[..., 0]
    array([[40, 40, 50, 77]], dtype=uint8)
    """
    if not (math.isfinite(stretch) and stretch > 0):
        raise ValueError(f"stretch is {stretch}, wanted a positive number")
    if math.isnan(q):
        raise ValueError("q is NaN, wanted a number")
    border = operator.index(sat_border)
    if border < 0:
        raise ValueError(f"sat_border is {border}, wanted 0 or more")
    small = bin_image(masked_image, binning)
    if not small.image.array.size:
        raise ValueError(
            f"binning is {binning}, which leaves nothing of "
            f"{masked_image.width} x {masked_image.height} pixels"
        )
    image, mask, _ = small.getArrays()
    reject = Mask.bitmask(["SAT", "BAD", "INTRP"])
    median, sigma, most = statistics.compute(
        image, ("MEDIAN", "STDEVCLIP", "MAX"), mask=mask, and_mask=reject
    )
    if border and math.isfinite(most):
        _fill_saturated(image, (mask & np.int32(Mask.bitmask("SAT"))) != 0, border, most)
    sigma = sigma if math.isfinite(sigma) else 0.0  # of a single pixel there is none
    grey = _stretched(image, median - n_sigma * sigma, stretch, q)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _stretched(
    image: NDArray[np.float32], black: float, stretch: float, q: float
) -> NDArray[np.uint8]:
    q = 0.1 if abs(q) < _LEAST_Q else min(q, _MOST_Q)
    slope = _LINEAR * _TOP / math.asinh(_LINEAR * q)
    above = image.astype(np.float64) - black
    with np.errstate(invalid="ignore", over="ignore"):
        value = np.arcsinh(above * (q / stretch)) * slope
    value = np.where(above > 0, value, 0.0)  # NaN is not above
    return np.clip(value, 0.0, _TOP).astype(np.uint8)


def _fill_saturated(
    image: NDArray[np.float32], saturated: NDArray[np.bool_], border: int, most: float
) -> None:
    """Give each saturated area one value, in place, that its surroundings decide on."""
    for rows, columns in _areas(saturated):
        y0, x0 = max(0, rows.min() - border), max(0, columns.min() - border)
        window = slice(y0, rows.max() + border + 1), slice(x0, columns.max() + border + 1)
        area = np.zeros(image[window].shape, bool)
        area[rows - y0, columns - x0] = True
        around = image[window][_dilated(area, border) & ~saturated[window]]
        total = around[np.isfinite(around)].sum(dtype=np.float64)
        image[rows, columns] = most if total > 0 else 0.0


def _areas(flags: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return rows and columns of each group of flagged pixels; corners connect."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(flags)), strict=True))
    areas = []
    while left:
        waiting = [left.pop()]
        found = []
        while waiting:
            y, x = waiting.pop()
            found.append((y, x))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    waiting.append(near)
        rows, columns = np.array(found, np.intp).T
        areas.append((rows, columns))
    return areas


def _dilated(area: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return the area grown by a disc."""
    grown = np.zeros_like(area)
    high, wide = area.shape
    for dy in range(-radius, radius + 1):
        reach = math.isqrt(radius * radius - dy * dy)
        for dx in range(-reach, reach + 1):
            if abs(dy) < high and abs(dx) < wide:
                to = slice(max(0, dy), high + min(0, dy)), slice(max(0, dx), wide + min(0, dx))
                of = slice(max(0, -dy), high - max(0, dy)), slice(max(0, -dx), wide - max(0, dx))
                grown[to] |= area[of]
    return grown
