"""Binning: blocks of pixels become one."""

__all__ = ["bin_image"]

import operator

import numpy as np

from cfhtisr import _kernels
from cfhtisr.images import MaskedImage
from cfhtisr.isr._planes import source, target


def bin_image(masked_image: MaskedImage, x: int, y: int | None = None) -> MaskedImage:
    """Return an image whose pixels are the means of blocks of pixels.

    Parameters
    ----------
    masked_image : MaskedImage, shape (rows, columns)
        The image; it is not changed.
    x : int
        Columns of a block.
    y : int, optional
        Rows of a block; ``x`` by default.

    Returns
    -------
    binned : MaskedImage of float32, shape (rows // y, columns // x)
        Mean of each block, the flags of any of its pixels, and the variance of the mean.
        Flagged pixels count as all others do, and NaN gives NaN. What is left over at the
        high ends is left out. Its first pixel is (0, 0).

    Raises
    ------
    ValueError
        If a block has no rows or columns.

    Notes
    -----
    Sums are taken in double precision and rounded once.

    Examples
    --------
    >>> binned = bin_image(MaskedImage([[1, 3, 9]], [[0, 2, 1]], [[4, 4, 4]]), 2, 1)
    >>> binned.image.array, binned.mask.array, binned.variance.array
    (array([[2.]], dtype=float32), array([[2]], dtype=int32), array([[2.]], dtype=float32))
    """
    image, mask, variance = source("masked_image", masked_image)
    columns, rows = operator.index(x), operator.index(x if y is None else y)
    for name, size in (("x", columns), ("y", rows)):
        if size < 1:
            raise ValueError(f"{name} is {size}, wanted at least 1 pixel")
    shape = image.shape[0] // rows, image.shape[1] // columns
    binned = MaskedImage(
        np.empty(shape, np.float32), np.empty(shape, np.int32), np.empty(shape, np.float32)
    )
    _kernels.bin_planes(target("binned", binned), (image, mask, variance), rows, columns)
    return binned
