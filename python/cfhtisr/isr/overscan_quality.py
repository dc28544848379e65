"""Overscan strips that cannot be taken as they are: odd edges, odd rows; and what is left."""

__all__ = ["Residual", "flag_outlier_rows", "odd_edges", "residual_of"]

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.isr._arrays import readable

_LEAST = (32, 8)  # rows and columns without which an edge cannot be told from noise
_SAMPLE = 1024  # rows that are enough to tell an edge
_NOTABLE = 0.25  # an offset that matters, in units of the noise of a pixel
_LEAST_ROWS = 11  # five on each side of a row that is compared with them
_TO_SIGMA = 1.4826  # of a median absolute deviation


class Residual(NamedTuple):
    """What is left in an overscan strip after its level was subtracted.

    Attributes
    ----------
    level : float
        Clipped mean [ADU]; near 0.
    noise : float
        Clipped standard deviation of the pixels [ADU]: the read noise.
    row_scatter : float
        Clipped standard deviation of the means of the rows [ADU].
    n_rejected : int
        Pixels that were left out: flagged, or no number.
    """

    level: float
    noise: float
    row_scatter: float
    n_rejected: int


def odd_edges(
    overscan: MaskedImage, and_mask: int = 0, n_sigma: float = 5.0
) -> tuple[float, float, bool, bool]:
    """Return how far the first and the last column lie off the others, and whether that is odd.

    Parameters
    ----------
    overscan : MaskedImage, shape (rows, columns)
        Overscan columns of one amplifier [ADU].
    and_mask : int, optional
        Bits of the mask that exclude a pixel.
    n_sigma : float, optional
        From which distance on a column is odd [standard errors].

    Returns
    -------
    first, last : float
        Distance of the column from the mean of the inner ones [ADU]; 0 of a strip that is too
        small to tell.
    skip_first, skip_last : bool
        Whether the column is odd: off by more than ``n_sigma`` times its standard error and the
        scatter of the inner columns, and by more than a quarter of the noise of a pixel.

    Notes
    -----
    The median of each row is subtracted first, so that a drift along the rows does not matter.
    A strip of less than 32 rows or 8 columns is too small. Of 2048 rows and more, only some 1024
    to 2047 evenly spaced ones are looked at.

    Examples
    --------
    >>> strip = np.random.default_rng(1).normal(1000, 3, (350, 32)).astype(np.float32)
    >>> strip[:, 0] -= 7
    >>> odd_edges(MaskedImage(strip))[2:]
    (True, False)
    """
    if overscan.shape[0] < _LEAST[0] or overscan.shape[1] < _LEAST[1]:
        return 0.0, 0.0, False, False
    stride = max(1, overscan.shape[0] // _SAMPLE)
    noise, means, counts = _kernels.overscan_columns(*_planes(overscan), and_mask, stride)
    if not noise > 0:  # without noise, or without a usable pixel
        return 0.0, 0.0, False, False
    usual = means[1:-1][counts[1:-1] > 0]
    if usual.size < _LEAST[1] - 2:
        return 0.0, 0.0, False, False
    middle = float(np.median(usual))
    spread = _TO_SIGMA * float(np.median(np.abs(usual - middle)))
    found: list[float] = []
    odd: list[bool] = []
    for column in (0, -1):
        count = int(counts[column])
        off = float(means[column]) - middle if count else 0.0
        error = math.hypot(noise / math.sqrt(max(1, count)), spread)
        found.append(off)
        odd.append(abs(off) > max(n_sigma * error, _NOTABLE * noise))
    return found[0], found[1], odd[0], odd[1]


def flag_outlier_rows(overscan: MaskedImage, n_sigma: float = 5.0, and_mask: int = 0) -> int:
    """Flag as SAT the rows of an overscan strip that something other than the bias has shifted.

    Such a row lies more than ``n_sigma`` robust standard deviations off the median of the ten
    rows around it, and its samples scatter twice as much as is usual. A row that the bias itself
    has shifted has no more scatter than others: it stays.

    Parameters
    ----------
    overscan : MaskedImage, shape (rows, columns)
        Overscan columns of one amplifier [ADU]; the mask is changed in place.
    n_sigma : float, optional
        Distance of a row's median from those around it [standard deviations].
    and_mask : int, optional
        Bits of the mask that exclude a pixel.

    Returns
    -------
    count : int
        Number of rows that were flagged.

    Examples
    --------
    >>> strip = np.random.default_rng(1).normal(1000, 3, (50, 32)).astype(np.float32)
    >>> strip[20] += np.linspace(400, 0, 32)  # charge that was left behind
    >>> strip[30] += 400
    >>> flag_outlier_rows(MaskedImage(strip))
    1
    """
    rows, columns = overscan.shape
    if rows < _LEAST_ROWS or columns < _LEAST[1]:
        return 0
    odd = _kernels.overscan_outlier_rows(*_planes(overscan), and_mask, n_sigma)
    overscan.mask.array[odd] |= np.int32(Mask.bitmask("SAT"))
    return len(odd)


def residual_of(overscan: MaskedImage, and_mask: int = 0) -> Residual:
    """Return what is left in an overscan strip after its level was subtracted.

    Parameters
    ----------
    overscan : MaskedImage of float32, shape (rows, columns)
        Corrected overscan [ADU].
    and_mask : int, optional
        Bits of the mask that exclude a pixel.

    Examples
    --------
    >>> strip = MaskedImage(np.float32([[-1, 1, 50], [2, -2, 0]]), [[0, 0, 2], [0, 0, 0]])
    >>> residual_of(strip, and_mask=2).n_rejected
    1
    """
    return Residual(*_kernels.overscan_residual(*_planes(overscan), and_mask))


def _planes(overscan: MaskedImage) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    return readable("overscan", overscan.image, np.float32), overscan.mask.array
