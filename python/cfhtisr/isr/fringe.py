"""Fringes: the pattern that night-sky lines leave, measured and taken out.

A fringe frame is a picture of the pattern. `measure` finds its amplitude at many positions, in
the frame and in the science image alike; `solve` finds how much of the frame the image holds,
and `subtract` takes that much away. Several frames are fitted together. `restore` puts back what
`subtract` took.
"""

__all__ = [
    "Solution",
    "fit",
    "measure",
    "positions",
    "remove_pedestal",
    "restore",
    "solve",
    "subtract",
]

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.errors import ShapeMismatchError, UnknownChoiceError
from cfhtisr.images import MaskedImage
from cfhtisr.isr import calibration, statistics, undo
from cfhtisr.isr import parity as _parity
from cfhtisr.isr._arrays import readable, writable
from cfhtisr.isr._planes import check_size, source
from cfhtisr.isr.parity import Parity

F64 = NDArray[np.float64]

_CHUNK = 4096  # positions of one call: Ctrl-C is heard between calls
_BAND = 32  # rows
_SINGULAR = 1e12  # of the condition of a normal matrix: no digit of its inverse is sure
_log = logging.getLogger(__name__)


def positions(
    shape: tuple[int, int], num: int, large: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return random positions whose large windows lie inside the frame.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the frame.
    num : int
        How many positions.
    large : int
        Half size of the large window [pixel].
    seed : int
        From 0 to 2**32 - 1; the same seed gives the same positions always.

    Returns
    -------
    x, y : ndarray of int64, shape (num,)
        Columns and rows, ``large <= x < columns - large`` and so for ``y``.

    Raises
    ------
    ValueError
        If the frame does not hold one window, or a number is out of range.

    Notes
    -----
    The stream is that of `numpy.random.RandomState`, all columns before all rows, as the
    reference drew them.

    Examples
    --------
    >>> x, y = positions((4612, 2048), num=3, large=50, seed=1)
    >>> x
    array([1111,  285, 1982])
    """
    rows, columns = shape
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, wanted 0 to {2**32 - 1}")
    if num < 0 or large < 1:
        raise ValueError(f"num is {num} and large {large}, wanted num >= 0 and large >= 1")
    if min(rows, columns) <= 2 * large:
        raise ValueError(
            f"a frame of {columns} x {rows} pixels is too small for windows of half size {large}"
        )
    random = np.random.RandomState(seed)
    # The type is named so that the stream is the same on every system.
    x = random.randint(large, columns - large, num, dtype=np.int64)
    y = random.randint(large, rows - large, num, dtype=np.int64)
    return np.asarray(x), np.asarray(y)


def remove_pedestal(fringe: MaskedImage, parity: Parity = "none") -> float:
    """Subtract the median of a fringe frame from it.

    Parameters
    ----------
    fringe : MaskedImage of float32, shape (rows, columns)
        The frame [ADU]; its image is changed in place, so hand in a copy of what is needed
        again.
    parity : {"none", "lsst-v17"}, optional
        Both modes do the same.

    Returns
    -------
    pedestal : float
        Median of all finite pixels, flagged or not, rounded to float32; NaN, and nothing is
        changed, if there are none.

    Examples
    --------
    >>> fringe = MaskedImage(np.float32([[101, 99, 100]]))
    >>> remove_pedestal(fringe), fringe.image.array
    (100.0, array([[ 1., -1.,  0.]], dtype=float32))
    """
    _parity.check(parity)
    if not isinstance(fringe, MaskedImage):
        raise TypeError(f"fringe is a {type(fringe).__name__}, wanted a MaskedImage")
    image = writable("fringe.image", fringe.image, np.float32)
    pedestal = np.float32(statistics.compute(image, "MEDIAN") if image.size else math.nan)
    if np.isfinite(pedestal):
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(image, pedestal, out=image)
    return float(pedestal)


def measure(
    planes: MaskedImage,
    x: ArrayLike,
    y: ArrayLike,
    small: int,
    large: int,
    and_mask: int = 0,
    statistic: str = "MEDIAN",
    n_sigma: float = 3.0,
    n_iter: int = 3,
) -> F64:
    """Return the fringe amplitude at each position.

    Parameters
    ----------
    planes : MaskedImage of float32, shape (rows, columns)
        A fringe frame or the science image [ADU].
    x, y : array_like of int, shape (num,)
        Columns and rows of the positions.
    small, large : int
        Half sizes of the two windows [pixel]; half size ``h`` spans ``x - h`` to ``x + h - 1``.
    and_mask : int, optional
        Bits of the mask that exclude a pixel.
    statistic : {"MEDIAN", "MEAN", "MEANCLIP"}, optional
        What stands for a window.
    n_sigma, n_iter : float, int, optional
        How ``MEANCLIP`` clips.

    Returns
    -------
    amplitude : ndarray of float64, shape (num,)
        Statistic of the small window less that of the large one [ADU]; NaN where one has no
        usable pixel.

    Raises
    ------
    UnknownChoiceError
        If there is no such statistic.
    ValueError
        If a window reaches outside of the image, or ``x`` and ``y`` differ in length.

    Notes
    -----
    Medians are exact. Of all corrections this one visits most pixels, so Ctrl-C is heard on
    the way.

    Examples
    --------
    >>> image = np.zeros((8, 8), np.float32)
    >>> image[3:5, 3:5] = 6
    >>> measure(MaskedImage(image), [4], [4], small=1, large=4)
    array([6.])
    """
    if statistic not in ("MEDIAN", "MEAN", "MEANCLIP"):
        raise UnknownChoiceError(f"statistic is {statistic!r}, wanted MEDIAN, MEAN or MEANCLIP")
    image, mask, _ = source("planes", planes)
    x = readable("x", x, np.int64, ndim=1)
    y = readable("y", y, np.int64, ndim=1)
    if x.shape != y.shape:
        raise ShapeMismatchError(f"y has {y.size} positions, wanted {x.size} as x")
    # Neighbours share most of their pixels: in this order they are found in the cache.
    order = np.lexsort((x, y // _BAND))
    amplitude = np.empty(x.size)
    for start in range(0, x.size, _CHUNK):
        part = order[start : start + _CHUNK]
        amplitude[part] = _kernels.measure_fringe(
            image,
            mask,
            int(and_mask),
            x[part],
            y[part],
            int(small),
            int(large),
            statistic,
            float(n_sigma),
            int(n_iter),
        )
    return amplitude


@dataclass(frozen=True, slots=True)
class Solution:
    """How much of each fringe frame an image holds, and how well that is known.

    Attributes
    ----------
    amount : ndarray of float64, shape (frames,)
        Least squares solution of ``amount @ fringes = science``; zeros if no position is left.
    sigma : ndarray of float64, shape (frames,)
        Standard deviations of the amounts; NaN where the positions do not tell.
    count : int
        Positions that the last least squares used.
    spread : float
        Robust standard deviation of what it left [ADU]; NaN without positions.
    """

    amount: F64
    sigma: F64
    count: int
    spread: float


def fit(
    science: ArrayLike,
    fringes: ArrayLike | Sequence[ArrayLike],
    iterations: int = 20,
    clip: float = 3.0,
    parity: Parity = "none",
) -> Solution:
    """Return how much of each fringe frame the science image holds, with uncertainties.

    Parameters
    ----------
    science : array_like of float, shape (num,)
        Amplitudes of the science image.
    fringes : array_like of float, shape (num,) or (frames, num)
        Amplitudes of the fringe frames at the same positions.
    iterations : int, optional
        Most rounds of rejection.
    clip : float, optional
        Residuals beyond this many robust standard deviations are rejected.
    parity : {"none", "lsst-v17"}, optional
        The reference used a position when any of several frames was finite there, and rejected
        amplitudes beyond 3 sigma at first whatever ``clip`` was.

    Returns
    -------
    solution : Solution
        Amounts, their uncertainties, and what they rest on.

    Raises
    ------
    ValueError
        If the lengths differ.

    Notes
    -----
    With ``n`` positions, ``m`` frames, amplitudes ``F`` of shape (m, n) and residuals ``r``
    of the last least squares, the covariance of the amounts is
    ``C = sum(r^2) / (n - m) * inverse(F F^T)`` and ``sigma_k = sqrt(C_kk)``. It takes positions
    as independent. Where apertures overlap they are not, and the truth is somewhat larger.
    Frames that are multiples of each other, or ``n <= m``, give NaN.

    Examples
    --------
    >>> found = fit([2.0, -4.0, 6.0, 2.5, -1.0], [1.0, -2.0, 3.0, 1.25, -0.5])
    >>> found.amount, found.sigma, found.count
    (array([2.]), array([0.]), 5)
    """
    v17 = _parity.check(parity)
    target = readable("science", science, np.float64, ndim=1)
    columns: F64 = np.atleast_2d(np.asarray(fringes, np.float64))
    if columns.ndim != 2 or columns.shape[1] != target.size:
        raise ShapeMismatchError(
            f"fringes have shape {columns.shape}, wanted (frames, {target.size}) as science"
        )
    finite = np.isfinite(columns)
    good = np.isfinite(target) & (finite.any(axis=0) if v17 else finite.all(axis=0))
    if len(columns) == 0 or not good.any():
        return _nothing(len(columns), "no position is usable")
    target, columns = target[good], columns[:, good]
    limit = 3.0 if v17 else clip
    near = [_near(values, limit) for values in (target, *columns)]
    good = np.logical_and.reduce(near)
    if not good.any():
        return _nothing(len(columns), "no amplitude is near the median")
    target, columns = target[good], columns[:, good]
    amount, rest = _fit(target, columns)
    for _ in range(iterations):
        good = ~(np.abs(rest) > clip * _spread(rest))
        kept = int(np.count_nonzero(good))
        if kept == 0:
            return _nothing(len(columns), "every residual was rejected")
        if kept == target.size:
            break
        target, columns = target[good], columns[:, good]
        amount, rest = _fit(target, columns)
    found = Solution(amount, _sigma(columns, rest), target.size, _spread(rest))
    _log.info(
        "fringes: amount %s +- %s from %d positions, residual %.4g ADU",
        np.array2string(found.amount, precision=5),
        np.array2string(found.sigma, precision=2),
        found.count,
        found.spread,
    )
    return found


def solve(
    science: ArrayLike,
    fringes: ArrayLike | Sequence[ArrayLike],
    iterations: int = 20,
    clip: float = 3.0,
    parity: Parity = "none",
) -> F64:
    """Return how much of each fringe frame the science image holds.

    Parameters
    ----------
    science, fringes, iterations, clip, parity
        As for `fit`, which tells uncertainties as well.

    Returns
    -------
    amount : ndarray of float64, shape (frames,)
        Least squares solution of ``amount @ fringes = science``; zeros if no position is left.

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> solve([2.0, -4.0, 6.0, 2.5, -1.0], [1.0, -2.0, 3.0, 1.25, -0.5])
    array([2.])
    """
    return fit(science, fringes, iterations, clip, parity).amount


def subtract(
    target: MaskedImage, fringes: MaskedImage | Sequence[MaskedImage], scales: ArrayLike
) -> None:
    """Subtract each fringe frame times its amount, one after the other.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The image to correct [ADU], changed in place; variances and flags propagate as in
        `calibration.subtract_dark`.
    fringes : MaskedImage or sequence of MaskedImage, same shape
        The fringe frames [ADU].
    scales : array_like of float, shape (frames,)
        The amounts, as `solve` returns them.

    Raises
    ------
    ShapeMismatchError
        If there is not one number for each frame, or a size differs.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[10, 20]]))
    >>> subtract(target, MaskedImage([[2, 4]]), [0.5])
    >>> target.image.array
    array([[ 9., 18.]], dtype=float32)
    """
    frames, amounts = _checked(target, fringes, scales)
    for frame, amount in zip(frames, amounts, strict=True):
        calibration.subtract_dark(target, frame, amount)


def restore(
    target: MaskedImage, fringes: MaskedImage | Sequence[MaskedImage], scales: ArrayLike
) -> None:
    """Add back what `subtract` took, in the reverse order.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The corrected image [ADU], changed in place.
    fringes : MaskedImage or sequence of MaskedImage, same shape
        The fringe frames that were subtracted [ADU].
    scales : array_like of float, shape (frames,)
        The amounts that were subtracted.

    Raises
    ------
    ShapeMismatchError
        If there is not one number for each frame, or a size differs.

    Notes
    -----
    Each frame is taken back by `undo.dark`: how near image and variance come to what they were
    is stated there. Flags stay.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[10, 20]]), variance=[[5, 5]])
    >>> fringe = MaskedImage([[2, 4]], variance=[[4, 4]])
    >>> subtract(target, fringe, [0.5])
    >>> target.variance.array
    array([[6., 6.]], dtype=float32)
    >>> restore(target, fringe, [0.5])
    >>> target.image.array, target.variance.array
    (array([[10., 20.]], dtype=float32), array([[5., 5.]], dtype=float32))
    """
    frames, amounts = _checked(target, fringes, scales)
    for frame, amount in reversed(list(zip(frames, amounts, strict=True))):
        undo.dark(target, frame, amount)


def _checked(
    target: MaskedImage, fringes: MaskedImage | Sequence[MaskedImage], scales: ArrayLike
) -> tuple[list[MaskedImage], list[float]]:
    """Return frames and amounts, so that nothing is changed if anything is wrong."""
    frames = [fringes] if isinstance(fringes, MaskedImage) else list(fringes)
    amounts: Any = np.atleast_1d(np.asarray(scales, np.float64))
    if amounts.shape != (len(frames),):
        raise ShapeMismatchError(f"scales have shape {amounts.shape}, wanted ({len(frames)},)")
    for number, frame in enumerate(frames):
        check_size(f"fringe frame {number}", frame, target)
    if not np.isfinite(amounts).all():
        raise ValueError(f"scales are {amounts}, wanted finite numbers")
    return frames, amounts.tolist()


def _nothing(frames: int, why: str) -> Solution:
    _log.warning("fringes: %s, nothing is subtracted", why)
    return Solution(np.zeros(frames), np.full(frames, math.nan), 0, math.nan)


def _spread(values: F64) -> float:
    low, high = np.percentile(values, (25, 75))
    return float(0.74 * (high - low))


def _near(values: F64, limit: float) -> NDArray[np.bool_]:
    """Whether values lie near their median; none does if one is NaN."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return np.asarray(np.abs(values - middle) < limit * 0.74 * (high - low))


def _fit(target: F64, columns: F64) -> tuple[F64, F64]:
    """Return the least squares amounts and what they leave."""
    if len(columns) == 1:
        # Exactly rounded sums are the same on every machine, unlike a matrix library's.
        column = columns[0]
        power = math.fsum(column * column)
        amount = np.array([math.fsum(target * column) / power if power else 0.0])
    else:
        eps = float(np.finfo(np.float64).eps)
        amount = np.linalg.lstsq(columns.T, target, rcond=eps)[0]
    return amount, target - amount @ columns


def _sigma(columns: F64, rest: F64) -> F64:
    """Return the standard deviations of the amounts of a least squares fit."""
    m, n = columns.shape
    nothing: F64 = np.full(m, math.nan)
    if n <= m:
        return nothing
    with np.errstate(over="ignore", invalid="ignore"):
        scatter = math.fsum(rest * rest) / (n - m)
        normal = np.array([[math.fsum(a * b) for b in columns] for a in columns])
    # Frames differ in strength; how near they are to multiples of each other does not.
    size = np.sqrt(np.diag(normal))
    if not (np.isfinite(normal).all() and (size > 0).all()):
        return nothing
    unit = normal / np.outer(size, size)
    if np.linalg.cond(unit) > _SINGULAR:
        return nothing
    return np.asarray(np.sqrt(scatter * np.diag(np.linalg.inv(unit))) / size)
