"""Overscan strips that cannot be taken as they are: odd edges, odd rows; and what is left."""

__all__ = ["Residual", "flag_outlier_rows", "odd_edges", "residual_of"]

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.isr import statistics

_LEAST = (32, 8)  # rows and columns without which an edge cannot be told from noise
_SAMPLE = 1024  # rows that are enough to tell an edge
_CLIP = 4.0  # samples beyond are no noise [standard deviations]
_NOTABLE = 0.25  # an offset that matters, in units of the noise of a pixel
_SCATTER = 2.0  # how much more than usual the samples of an odd row scatter
_WINDOW = 5  # rows on each side that a row is compared with
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


@np.errstate(over="ignore", invalid="ignore")  # values near the end of float32 tell nothing
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
    rest = _usable(overscan, and_mask)[::stride]
    rest = rest - _row_levels(overscan, and_mask)[::stride, np.newaxis]
    inner = rest[:, 1:-1]
    noise = _scatter(inner[::3])
    if not noise > 0:  # without noise, or without a usable pixel
        return 0.0, 0.0, False, False
    means, counts = _column_means(rest, noise)
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


@np.errstate(over="ignore", invalid="ignore")
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
    if rows <= 2 * _WINDOW or columns < _LEAST[1]:
        return 0
    level = _row_levels(overscan, and_mask)
    rest = _usable(overscan, and_mask) - level[:, np.newaxis]
    usable = np.isfinite(level)
    if not usable.any():
        return 0
    with np.errstate(invalid="ignore"):
        scatter = np.nansum(np.abs(rest), axis=1) / np.maximum(1, np.isfinite(rest).sum(axis=1))
    wide = scatter > _SCATTER * float(np.median(scatter[usable]))
    suspects = np.flatnonzero(usable & wide)
    if not suspects.size:
        return 0
    padded = np.pad(level, _WINDOW, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1)
    around = np.delete(around, _WINDOW, axis=1)
    off = level - _quiet_median(around)
    odd = suspects[np.abs(off[suspects]) > n_sigma * _scatter(off)]
    overscan.mask.array[odd] |= np.int32(Mask.bitmask("SAT"))
    return int(odd.size)


@np.errstate(over="ignore", invalid="ignore")
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
    pixels, flags = overscan.image.array, overscan.mask.array
    out = ((flags & np.int32(and_mask)) != 0) | ~np.isfinite(pixels)
    rejected = int(np.count_nonzero(out))
    if rejected == out.size:
        return Residual(math.nan, math.nan, math.nan, rejected)
    level, noise = statistics.compute(
        np.ascontiguousarray(pixels), ("MEANCLIP", "STDEVCLIP"), flags, and_mask
    )
    counts = (~out).sum(axis=1)
    sums = np.where(out, np.float32(0), pixels).sum(axis=1, dtype=np.float64)
    means = (sums[counts > 0] / counts[counts > 0]).astype(np.float32)
    scatter = float(statistics.compute(means[:, np.newaxis], "STDEVCLIP"))
    return Residual(float(level), float(noise), scatter, rejected)


def _usable(overscan: MaskedImage, and_mask: int) -> NDArray[np.float32]:
    """Return the pixels, NaN where they are excluded."""
    pixels = overscan.image.array.astype(np.float32)
    pixels[((overscan.mask.array & np.int32(and_mask)) != 0) | ~np.isfinite(pixels)] = np.nan
    return pixels


def _row_levels(overscan: MaskedImage, and_mask: int) -> NDArray[np.float32]:
    from cfhtisr.isr.overscan import row_median

    return row_median(overscan.image.array, overscan.mask.array, and_mask)


def _scatter(values: NDArray[np.float32]) -> float:
    """Return the robust standard deviation about 0 of what is finite; NaN of nothing."""
    finite = values[np.isfinite(values)]
    return _TO_SIGMA * float(np.median(np.abs(finite))) if finite.size else math.nan


def _column_means(
    rest: NDArray[np.float32], noise: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the clipped mean of each column, and of how many samples."""
    # about the column's own middle: a column that is off as a whole is not clipped away
    middle = np.zeros(rest.shape[1], np.float32)
    for column in (0, -1):
        samples = rest[:, column][np.isfinite(rest[:, column])]
        middle[column] = np.median(samples) if samples.size else 0.0
    with np.errstate(invalid="ignore"):
        good = np.abs(rest - middle) <= np.float32(_CLIP * noise)
    counts = good.sum(axis=0)
    sums = np.where(good, rest, np.float32(0)).sum(axis=0, dtype=np.float64)
    return sums / np.maximum(1, counts), counts


def _quiet_median(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each row of what is finite in it; NaN of none."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(windows, axis=1)
