"""Smooth random fields: cubic B-splines over a coarse grid of knots."""

__all__ = ["spline_field"]

import numpy as np
from numpy.typing import NDArray


def spline_field(knots: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Blow a grid of knots up to a smooth image.

    Sums are taken in a fixed order without a linear algebra library, so that the number of
    threads of such a library cannot change a bit.

    Parameters
    ----------
    knots : ndarray of float32, shape (m, n)
        Values, both sides at least 4.
    rows, columns : int
        Shape of the image; the knots 1 to m - 2 span it.

    Returns
    -------
    field : ndarray of float32, shape (rows, columns)
        The blend; never beyond the range of the knots.
    """
    index, weights = _taps(columns, knots.shape[1])
    across = sum(
        (knots[:, index + tap] * weights[tap] for tap in range(4)),
        start=np.zeros((len(knots), columns), np.float32),
    )
    index, weights = _taps(rows, len(knots))
    field = np.empty((rows, columns), np.float32)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    for first, last in zip(starts, [*starts[1:], rows], strict=True):
        band = field[first:last]
        k = index[first]
        np.multiply(weights[0, first:last, None], across[k], out=band)
        for tap in range(1, 4):
            band += weights[tap, first:last, None] * across[k + tap]
    return field


def _taps(size: int, knots: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the first of the four knots of every pixel, and the weights of the four."""
    place = np.linspace(0, knots - 3, size, endpoint=False)
    index = place.astype(np.intp)
    t = place - index
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    return index, (weights / 6).astype(np.float32)
