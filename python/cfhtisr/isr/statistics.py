"""Statistics of usable pixels, in double precision."""

__all__ = ["STATISTICS", "compute"]

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.masked_image import MaskedImage

STATISTICS = (
    "NPOINT",
    "NMASKED",
    "SUM",
    "MEAN",
    "VARIANCE",
    "STDEV",
    "MEANSQUARE",
    "MIN",
    "MAX",
    "MEDIAN",
    "IQRANGE",
    "MEANCLIP",
    "VARIANCECLIP",
    "STDEVCLIP",
    "NCLIPPED",
    "ORMASK",
)
"""Everything that `compute` knows."""


@overload
def compute(
    image: ArrayLike | MaskedImage,
    what: str,
    mask: ArrayLike | None = None,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    n_iter: int = 3,
) -> float: ...
@overload
def compute(
    image: ArrayLike | MaskedImage,
    what: tuple[str, ...] | list[str],
    mask: ArrayLike | None = None,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    n_iter: int = 3,
) -> tuple[float, ...]: ...
def compute(
    image: ArrayLike | MaskedImage,
    what: str | tuple[str, ...] | list[str],
    mask: ArrayLike | None = None,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    n_iter: int = 3,
) -> float | tuple[float, ...]:
    """Return one statistic of the usable pixels, or several at the price of one.

    A pixel is usable when it is finite and its mask shares no bit with ``and_mask``. Order
    statistics and counts are exact; the result does not depend on the number of threads.

    ============================ ==========================================================
    NPOINT, NMASKED              number of usable pixels; number of the others
    SUM, MEAN                    sum; mean, NaN of no pixel
    VARIANCE, STDEV              unbiased; NaN of fewer than two pixels
    MEANSQUARE                   mean of the squares, NaN of fewer than two pixels
    MIN, MAX                     NaN of no pixel
    MEDIAN                       see the notes
    IQRANGE                      distance of the quartiles, linear between neighbours
    MEANCLIP, STDEVCLIP,         of the pixels within ``n_sigma`` after ``n_iter`` rounds
    VARIANCECLIP, NCLIPPED       of clipping; number of usable pixels that are not within
    ORMASK                       every bit of the mask that some usable pixel has
    ============================ ==========================================================

    Parameters
    ----------
    image : array_like or MaskedImage, shape (rows, columns) or (pixels,)
        Values in any unit. Arrays of float32, float64, uint16 and int32 are read where they
        lie; other whole numbers become int32.
    what : str or sequence of str
        Names of statistics.
    mask : array_like of int32, same shape, optional
        Mask plane; that of a masked image if it is left out.
    and_mask : int, optional
        Bits of the mask that exclude a pixel.
    n_sigma : float, optional
        Half width of the clip in standard deviations.
    n_iter : int, optional
        Rounds of clipping, at least 1.

    Returns
    -------
    value : float or tuple of float
        In the order of ``what``; in the unit of the image or its square.

    Raises
    ------
    UnknownChoiceError
        If there is no statistic of that name.
    TypeError
        If the image holds no real numbers.
    ValueError
        If there is no pixel, the shapes differ, or ``n_sigma`` or ``n_iter`` makes no sense.

    Notes
    -----
    The MEDIAN of floating numbers is linear between neighbours. Each of the whole numbers of
    an integer image stands for a bin of unit width, over which its pixels are spread evenly:
    a raw frame has a fractional median.

    Clipping starts at the linear median, 0.7413 times the interquartile range in place of the
    standard deviation. Every round looks at all usable pixels again; it keeps those within
    the clip, ends included, and measures the next centre and width. It is that of float32
    for whole numbers too.

    Examples
    --------
    >>> compute(np.float32([1, 2, 3, np.nan, 50]), ("NPOINT", "MEDIAN", "MAX"))
    (4.0, 2.5, 50.0)
    >>> compute(np.uint16([7, 7, 7, 8]), "MEDIAN")
    7.166666666666667
    >>> compute(np.float32([[1, 2], [3, 4]]), "MEAN", mask=[[0, 0], [0, 2]], and_mask=2)
    2.0
    """
    names = (what,) if isinstance(what, str) else tuple(what)
    for name in names:
        if name not in STATISTICS:
            known = ", ".join(STATISTICS)
            raise UnknownChoiceError(f"what is {name!r}, wanted one of {known}")
    if isinstance(image, MaskedImage):
        mask = image.mask.array if mask is None else mask
        image = image.image.array
    pixels = as_pixels(image)
    flags = None if mask is None else _flags(mask, pixels.shape)
    if n_iter < 1:
        raise ValueError(f"n_iter is {n_iter}, wanted at least one round of clipping")
    plane, flag_plane = np.atleast_2d(pixels), None if flags is None else np.atleast_2d(flags)
    values = _kernels.statistics_compute(plane, flag_plane, names, and_mask, n_sigma, n_iter)
    return values[0] if isinstance(what, str) else tuple(values)


def as_pixels(image: ArrayLike) -> NDArray[Any]:
    """Return one or two dimensions of a pixel type that the kernel has."""
    pixels = np.asarray(image)
    if pixels.ndim not in (1, 2):
        raise ValueError(f"image has shape {pixels.shape}, wanted (rows, columns) or (pixels,)")
    native = pixels.dtype.newbyteorder("=")
    if native in (np.float32, np.float64, np.uint16, np.int32):
        return pixels.astype(native, copy=False)
    if native == np.float16:
        return pixels.astype(np.float32)
    if native.kind not in "biu":
        raise TypeError(f"image holds {pixels.dtype}, wanted real numbers")
    if native.itemsize >= 4 and pixels.size:
        low, high = int(pixels.min()), int(pixels.max())
        if low < -(2**31) or high >= 2**31:
            raise TypeError(f"image holds {pixels.dtype} {low}..{high}, wanted int32 or float64")
    return pixels.astype(np.int32)


def _flags(mask: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int32]:
    flags = np.asarray(mask)
    if flags.shape != shape:
        raise ValueError(f"mask has shape {flags.shape}, wanted {shape} as the image")
    if flags.dtype.kind not in "biu":
        raise TypeError(f"mask holds {flags.dtype}, wanted whole numbers")
    return flags.astype(np.int32, copy=False)
