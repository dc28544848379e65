"""Bleeding: charge beyond the full well runs along the columns."""

__all__ = ["bleed"]

import numpy as np
from numpy.typing import NDArray


def bleed(charge: NDArray[np.float32], full_well: float) -> NDArray[np.bool_]:
    """Spread what exceeds the full well along the columns, in place.

    Half of the excess of each run of full pixels goes up, half goes down, each filling pixel
    after pixel; what reaches the end of the column is lost.

    Parameters
    ----------
    charge : ndarray of float32, shape (rows, columns)
        Charge [electron].
    full_well : float
        What a pixel holds [electron].

    Returns
    -------
    touched : ndarray of bool, shape (rows, columns)
        The pixels that hold charge of others.

    Examples
    --------
    >>> column = np.array([[0], [0], [50], [0], [0]], np.float32)
    >>> bleed(column, 20.0).ravel()
    array([False,  True, False,  True, False])
    >>> column.ravel()
    array([ 0., 15., 20., 15.,  0.], dtype=float32)
    """
    touched = np.zeros(charge.shape, np.bool_)
    for x in np.flatnonzero((charge > full_well).any(axis=0)):
        column = charge[:, x].astype(np.float64)
        full = column > full_well
        edges = np.flatnonzero(np.diff(full, prepend=False, append=False))
        excess = [
            float((column[a:b] - full_well).sum())
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
        column[full] = full_well
        moved = touched[:, x]
        for first, last, much in zip(edges[::2], edges[1::2], excess, strict=True):
            _fill(column[last:], moved[last:], much / 2, full_well)
            _fill(column[:first][::-1], moved[:first][::-1], much / 2, full_well)
        charge[:, x] = column
    return touched


def _fill(
    column: NDArray[np.float64], moved: NDArray[np.bool_], excess: float, full_well: float
) -> None:
    """Pour an excess into the pixels of a column, the first ones first."""
    taken = np.cumsum(full_well - column)
    n = int(np.searchsorted(taken, excess, side="right"))
    before = taken[n - 1] if n else 0.0
    moved[:n] |= column[:n] < full_well
    column[:n] = full_well
    if n < len(column):
        column[n] += excess - before
        moved[n] = True
