"""How much crosstalk there is, measured on exposures with bright pixels."""

__all__ = ["extractCrosstalkRatios", "measureCrosstalkCoefficients"]

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images import Exposure, Mask
from cfhtisr.isr import crosstalk, masking, statistics

F64 = NDArray[np.float64]

_IQ_TO_SIGMA = 0.741


def extractCrosstalkRatios(
    exposure: Exposure,
    threshold: float = 30000.0,
    badPixels: Iterable[str] = ("SAT", "BAD", "INTRP"),
) -> list[list[NDArray[np.float32] | None]]:
    """Return the ratios of pixels to the bright pixels of other amplifiers that they meet.

    Parameters
    ----------
    exposure : Exposure of float32
        An assembled CCD with a detector [ADU]; its bright pixels get the flag DETECTED.
    threshold : float, optional
        Pixels from this level on are bright [ADU].
    badPixels : iterable of str, optional
        Mask planes of bright pixels that do not count.

    Returns
    -------
    ratios : list of lists of ndarray of float32
        For ``[target][source]``: pixel of the target above the median of the exposure, to pixel
        of the source as it is. None of an amplifier and itself.

    Raises
    ------
    RuntimeError
        If the exposure has no detector.
    """
    detector = exposure.detector
    if detector is None:
        raise RuntimeError("the exposure has no detector, whose amplifiers crosstalk needs")
    planes = exposure.masked_image
    masking.threshold(planes.image, planes.mask, threshold, "DETECTED")
    bad, bright = Mask.bitmask(list(badPixels)), Mask.bitmask("DETECTED")
    background = np.float32(statistics.compute(planes, "MEDIAN", and_mask=bad | bright))
    ratios: list[list[NDArray[np.float32] | None]] = [[None] * len(detector) for _ in detector]
    for i, source in enumerate(detector):
        image, mask, _ = planes.subset(source.bbox).getArrays()
        chosen = (mask & bright != 0) & (mask & bad == 0) & np.isfinite(image)
        for j, victim in enumerate(detector):
            if i == j:
                continue
            part = crosstalk.extractAmp(planes, victim, source.readout_corner, isTrimmed=True)
            with np.errstate(all="ignore"):
                ratios[j][i] = (part.image.array[chosen] - background) / image[chosen]
    return ratios


def measureCrosstalkCoefficients(
    ratios: Sequence[Sequence[Any]], rejIter: int = 3, rejSigma: float = 2.0
) -> tuple[F64, F64, NDArray[np.int64]]:
    """Return the coefficients that ratios tell.

    Parameters
    ----------
    ratios : sequence of sequences of array_like, n by n
        As `extractCrosstalkRatios` gives, or those of many exposures joined. Ratios of 1 and
        more, either sign, and NaN are no crosstalk and do not count.
    rejIter : int, optional
        Most rounds of clipping.
    rejSigma : float, optional
        Half width of the clip in standard deviations, which are 0.741 times the distance of
        the quartiles. Where all would be clipped, none is.

    Returns
    -------
    coeff, coeffErr : ndarray of float64, shape (n, n)
        Mean and standard deviation of the ratios; NaN without any, the latter also of one. On
        the diagonal 0 and NaN.
    coeffNum : ndarray of int64, shape (n, n)
        How many count, before clipping; 1 on the diagonal.

    Raises
    ------
    AssertionError
        If the matrix is not square.

    Examples
    --------
    >>> coeff, _, number = measureCrosstalkCoefficients([[None, [1e-3, 3e-3]], [[5], None]])
    >>> coeff
    array([[0.   , 0.002],
           [  nan, 0.   ]])
    >>> number
    array([[1, 2],
           [0, 1]])
    """
    n = len(ratios)
    if any(len(row) != n for row in ratios):
        raise AssertionError(f"ratios have rows of {[len(row) for row in ratios]}, wanted {n}")
    coeff, error = np.zeros((n, n)), np.full((n, n), np.nan)
    number = np.ones((n, n), np.int64)
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            given = ratios[i][j]
            values = np.ravel(np.asarray([] if given is None else given, np.float64))
            values = values[np.abs(values) < 1]
            number[i, j] = values.size
            values = _clipped(values, rejIter, rejSigma)
            coeff[i, j] = values.mean() if values.size else np.nan
            error[i, j] = values.std() if values.size > 1 else np.nan
    return coeff, error, number


def _clipped(values: F64, rounds: int, n_sigma: float) -> F64:
    for _ in range(rounds):
        if values.size == 0:
            break
        low, middle, high = np.percentile(values, [25.0, 50.0, 75.0])
        keep = np.abs(values - middle) < n_sigma * _IQ_TO_SIGMA * (high - low)
        if keep.all() or not keep.any():
            break
        values = values[keep]
    return values
