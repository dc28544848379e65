"""Bleed trails: columns along which charge of saturated stars has run, below saturation."""

__all__ = ["mask_bleeds"]

import math

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.isr._arrays import readable

_STRETCH = 8  # rows that are looked at together
_NEAR = 256  # rows beyond the saturated ones in which most trails end
_SIDE = 4  # columns on each side that a trail is compared with
_GAP = 2  # columns between a trail and those
_SEARCH = 16  # how far those may be
_ELONGATION = 2  # how much longer than wide a trail's saturated pixels are
_MEDIAN_NOISE = 1.57  # variance of a median, in units of that of a mean


def mask_bleeds(
    planes: MaskedImage,
    saturated: str = "SAT",
    plane: str = "SAT",
    min_length: int = 20,
    n_sigma: float = 3.0,
) -> int:
    """Flag the trails that lead on from saturated columns, below the saturation level.

    Parameters
    ----------
    planes : MaskedImage, shape (rows, columns)
        An assembled CCD, columns along y; the mask is changed in place. Where the variance is no
        positive number, the noise comes from the columns beside a trail.
    saturated : str, optional
        Name of the plane of saturated pixels.
    plane : str, optional
        Name of the plane that is set.
    min_length : int, optional
        How many pixels of a column have to be saturated for a trail to be looked for [pixel].
    n_sigma : float, optional
        A trail goes on while eight rows of it together exceed the columns beside it by this
        [standard deviations].

    Returns
    -------
    count : int
        Number of pixels that got the plane and did not have it.

    Raises
    ------
    KeyError
        If there is no such plane.
    ValueError
        If ``min_length`` is not positive, or ``n_sigma`` negative or no number.

    Notes
    -----
    Looked at are runs of saturated pixels in a column that are twice as long as the run in the
    row through their middle: discs of saturated stars are round, and no trails. A pixel is
    compared with the median of four columns on each side that hold no such run. A star's own
    light, which is brightest in its middle column, may lengthen a trail near the star.

    Examples
    --------
    >>> image = np.full((60, 20), 10, np.float32)
    >>> image[20:40, 9], image[40:50, 9] = 60000, 500
    >>> mask = np.where(image > 50000, 2, 0).astype(np.int32)
    >>> mask_bleeds(MaskedImage(image, mask, np.ones_like(image)))
    10
    """
    bits = np.int32(Mask.bitmask(plane))
    bright = Mask.bitmask(saturated)
    if min_length < 1:
        raise ValueError(f"min_length is {min_length}, wanted 1 pixel or more")
    if not n_sigma >= 0:
        raise ValueError(f"n_sigma is {n_sigma}, wanted 0 or more")
    image, mask, variance = planes.getArrays()
    # A run of more rows than there are is as impossible as any longer one.
    least = min(min_length, image.shape[0] + 1)
    runs = _kernels.bleed_trails(readable("mask", mask, np.int32), bright, least, _ELONGATION)
    if not runs:
        return 0
    busy = np.zeros(image.shape[1], np.bool_)
    busy[[x for x, _, _ in runs]] = True
    count = 0
    for x, first, end in runs:
        sides = _sides(busy, x)
        if not sides:
            continue
        below = image[:first, sides][::-1], image[:first, x][::-1], variance[:first, x][::-1]
        above = image[end:, sides], image[end:, x], variance[end:, x]
        down, up = (_reach(*part, n_sigma) for part in (below, above))
        for rows in (slice(first - down, first), slice(end, end + up)):
            flags = mask[rows, x]
            count += int(np.count_nonzero((flags & bits) != bits))
            flags |= bits
    return count


def _sides(busy: NDArray[np.bool_], x: int) -> list[int]:
    """Return the nearest columns on both sides that hold no trail."""
    found = []
    for step in (-1, 1):
        columns = range(x + step * (_GAP + 1), x + step * (_SEARCH + 1), step)
        free = [c for c in columns if 0 <= c < len(busy) and not busy[c]]
        found += free[:_SIDE]
    return found


def _reach(
    sides: NDArray[np.float32],
    column: NDArray[np.float32],
    variance: NDArray[np.float32],
    n_sigma: float,
) -> int:
    """Return how many rows, from the first on, a trail reaches."""
    length = len(column)
    if not length:
        return 0
    # Most trails end soon: only where one does not, the rest of the column is looked at.
    for rows in (min(_NEAR, length), length):
        going = _going(sides, column, variance, n_sigma, rows)
        for stop in np.flatnonzero(~going).tolist():
            if rows < length and stop + _STRETCH + 2 > rows:
                break  # what lies beyond has a say
            # one row may be lost in the noise
            if not going[stop + 1 : stop + 3].any():
                return int(stop)
    return length if math.isfinite(n_sigma) else 0


def _going(
    sides: NDArray[np.float32],
    column: NDArray[np.float32],
    variance: NDArray[np.float32],
    n_sigma: float,
    rows: int,
) -> NDArray[np.bool_]:
    """Return whether a trail goes on, of so many rows."""
    own = variance[:rows].astype(np.float64)
    known = np.isfinite(own) & (own > 0)
    if not known.all():
        own = np.where(known, own, _typical(sides))
    beside = np.median(sides[:rows].astype(np.float64), axis=1)
    off = column[:rows].astype(np.float64) - beside
    noise = np.sqrt(own * (1.0 + _MEDIAN_NOISE / sides.shape[1]))
    usable = np.isfinite(off) & (noise > 0)
    pull = np.where(usable, off, 0.0) / np.where(usable, noise, 1.0)
    sums = np.cumsum(np.concatenate([[0.0], pull]))
    counts = np.cumsum(np.concatenate([[0], usable]))
    starts = np.arange(rows)
    ends = np.minimum(starts + _STRETCH, rows)
    total = sums[ends] - sums[starts]
    number = np.maximum(1, counts[ends] - counts[starts])
    # A stretch that a single pixel makes bright, a cosmic ray say, is no part of a trail.
    return np.asarray((total / np.sqrt(number) > n_sigma) & (pull > 0))


def _typical(sides: NDArray[np.float32]) -> float:
    """Return the variance of the columns beside a trail; 0 without a number."""
    beside = np.median(sides.astype(np.float64), axis=1)
    spread = np.abs(sides - beside[:, np.newaxis])
    finite = spread[np.isfinite(spread)]
    return float((1.4826 * np.median(finite)) ** 2) if finite.size else 0.0
