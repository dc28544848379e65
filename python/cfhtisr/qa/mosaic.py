"""The mosaic: binned CCDs in their places on the sky."""

__all__ = ["bin_image", "paste"]

import numpy as np
from numpy.typing import ArrayLike, NDArray


def bin_image(image: ArrayLike, factor: int) -> NDArray[np.float32]:
    """Return the means of blocks of pixels, those that are finite.

    Parameters
    ----------
    image : array_like, shape (rows, columns)
        Any numbers.
    factor : int
        Side of a block; rows and columns left over are dropped.

    Returns
    -------
    binned : ndarray of float32, shape (rows // factor, columns // factor)
        NaN where no pixel of a block is finite.

    Examples
    --------
    >>> bin_image([[1, 3, 9], [5, 7, 9]], 2)
    array([[4.]], dtype=float32)
    """
    values = np.asarray(image)
    rows, columns = (size // factor for size in values.shape)
    blocks = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    # Rows are added up first: that runs along memory.
    exact = np.int64 if values.dtype.kind in "iu" else np.float64
    total = blocks.sum(axis=1, dtype=exact).sum(axis=2).astype(np.float64)
    count = np.full(total.shape, factor**2)
    for row, column in np.argwhere(~np.isfinite(total)):
        block = blocks[row, :, column]
        finite = np.isfinite(block)
        count[row, column] = finite.sum()
        total[row, column] = block[finite].sum(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        binned: NDArray[np.float32] = (total / count).astype(np.float32)
    return binned


def paste(
    canvas: NDArray[np.float32] | None, binned: NDArray[np.float32], detsec: str, factor: int
) -> NDArray[np.float32]:
    """Put a binned CCD in its place in the mosaic.

    Parameters
    ----------
    canvas : ndarray of float32 or None
        The mosaic so far; None to begin. It grows as needed.
    binned : ndarray of float32
        What `bin_image` returned.
    detsec : str
        The card DETSEC, such as ``[4160:2113,19351:14740]``; an axis that runs backwards turns
        the CCD around.
    factor : int
        Side of a block.

    Returns
    -------
    canvas : ndarray of float32
        North up, East to the left; NaN where there is no CCD.

    Raises
    ------
    ValueError
        If ``detsec`` is no section.

    Examples
    --------
    >>> paste(None, np.array([[1, 2]], np.float32), "[4:1,1:2]", 2)
    array([[2., 1.]], dtype=float32)
    """
    try:
        (x0, x1), (y0, y1) = (map(int, axis.split(":")) for axis in detsec.strip("[]").split(","))
    except ValueError:
        raise ValueError(f"detsec is {detsec!r}, wanted a section [x0:x1,y0:y1]") from None
    if x1 < x0:
        binned = binned[:, ::-1]
    if y1 < y0:
        binned = binned[::-1]
    left, bottom = (min(x0, x1) - 1) // factor, (min(y0, y1) - 1) // factor
    rows, columns = binned.shape
    need = (bottom + rows, left + columns)
    old = np.empty((0, 0), np.float32) if canvas is None else canvas
    shape = (max(need[0], old.shape[0]), max(need[1], old.shape[1]))
    if shape != old.shape:
        canvas = np.full(shape, np.nan, np.float32)
        canvas[: old.shape[0], : old.shape[1]] = old
    else:
        canvas = old
    canvas[bottom : need[0], left : need[1]] = binned
    return canvas
