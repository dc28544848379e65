"""Overscan: the bias level that every row was read out with."""

__all__ = ["row_median"]

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels


def row_median(image: ArrayLike, mask: ArrayLike, reject: int = 0) -> NDArray[np.float32]:
    """Return the median level of each overscan row.

    Parameters
    ----------
    image : array_like of float32, shape (rows, columns)
        Overscan pixels [ADU].
    mask : array_like of int32, shape (rows, columns)
        Mask plane of the same pixels.
    reject : int, optional
        Bits of ``mask`` that exclude a pixel.

    Returns
    -------
    level : ndarray of float32, shape (rows,)
        Level of each row [ADU]; NaN where no pixel is usable.

    Raises
    ------
    ValueError
        If ``mask`` and ``image`` differ in shape.

    Examples
    --------
    >>> row_median([[1, 9, 3]], [[0, 2, 0]], reject=2)
    array([2.], dtype=float32)
    """
    return _kernels.row_median(np.asarray(image, np.float32), np.asarray(mask, np.int32), reject)
