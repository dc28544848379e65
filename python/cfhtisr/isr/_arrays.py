"""Arrays on their way to a kernel: never copied where the caller wants them changed."""

__all__ = ["readable", "writable"]

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cfhtisr.images.plane import Plane


def writable(
    name: str, array: NDArray[Any] | Plane, dtype: DTypeLike, ndim: int = 2
) -> NDArray[Any]:
    """Return the pixels of an array or plane that a kernel is to change in place.

    Nothing is converted, because the caller would never see what is written to a copy. Any
    strides are fine as long as no two elements share memory.

    Parameters
    ----------
    name : str
        The argument, as an exception is to call it.
    array : ndarray or Plane
        What came.
    dtype : dtype_like
        The type of an element that is wanted.
    ndim : int, optional
        The number of dimensions that is wanted.

    Returns
    -------
    pixels : ndarray
        The same memory.

    Raises
    ------
    TypeError
        If it is not an array or plane, or holds another type.
    ValueError
        If it has another number of dimensions, is read-only, or overlaps itself.

    Examples
    --------
    >>> import numpy as np
    >>> writable("image", np.zeros((2, 2)), np.float32)
    Traceback (most recent call last):
        ...
    TypeError: image holds float64, wanted float32, because it is changed in place
    """
    wanted = np.dtype(dtype)
    pixels = _pixels(name, array)
    if not isinstance(pixels, np.ndarray):
        raise TypeError(
            f"{name} is a {type(array).__name__}, wanted an array of {wanted}, "
            "because it is changed in place"
        )
    if pixels.dtype != wanted:
        raise TypeError(
            f"{name} holds {_describe(pixels.dtype)}, wanted {wanted}, "
            "because it is changed in place"
        )
    _check_ndim(name, pixels, ndim)
    if not pixels.flags.writeable:
        raise ValueError(f"{name} is read-only, wanted an array that can be changed in place")
    if not _is_plain(pixels) or _overlaps_itself(pixels):
        raise ValueError(
            f"{name} has strides {pixels.strides} for elements of {wanted.itemsize} bytes, "
            "wanted aligned elements that share no memory"
        )
    if pixels.size == 0:
        # NumPy's strides of 0 look to a kernel's debug checks as if rows shared their pixels.
        return np.lib.stride_tricks.as_strided(pixels, strides=(wanted.itemsize,) * ndim)
    return np.asarray(pixels)


def readable(name: str, array: ArrayLike | Plane, dtype: DTypeLike, ndim: int = 2) -> NDArray[Any]:
    """Return the pixels of anything like an array, of the type that a kernel reads.

    Parameters
    ----------
    name : str
        The argument, as an exception is to call it.
    array : array_like or Plane
        What came.
    dtype : dtype_like
        The type of an element that is wanted; values of other types are converted.
    ndim : int, optional
        The number of dimensions that is wanted.

    Returns
    -------
    pixels : ndarray
        The same memory if it has this type already, else a copy.

    Raises
    ------
    TypeError
        If it does not hold real numbers, or fractions where whole numbers are wanted.
    ValueError
        If it has another number of dimensions, or whole numbers beyond the type that is wanted.

    Examples
    --------
    >>> readable("mask", [[0, 2]], "int32")
    array([[0, 2]], dtype=int32)
    """
    wanted = np.dtype(dtype)
    pixels = np.asarray(_pixels(name, array))
    if pixels.dtype.kind not in "biuf" or (pixels.dtype.kind == "f" and wanted.kind in "iu"):
        # An empty list is an array of float64 that holds nothing to lose.
        if pixels.size or pixels.dtype.kind != "f":
            raise TypeError(f"{name} holds {_describe(pixels.dtype)}, wanted {wanted}")
    _check_ndim(name, pixels, ndim)
    if pixels.dtype != wanted:
        if wanted.kind in "iu" and pixels.size and not np.can_cast(pixels.dtype, wanted):
            low, high, limits = int(pixels.min()), int(pixels.max()), np.iinfo(wanted)
            if low < limits.min or high > limits.max:
                raise ValueError(f"{name} holds {low}..{high}, wanted what fits {wanted}")
        with np.errstate(over="ignore"):
            return pixels.astype(wanted)
    return pixels if _is_plain(pixels) else pixels.copy()


def _pixels(name: str, array: Any) -> Any:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, wanted a plain one; flags are an argument of their own"
        )
    return array.array if isinstance(array, Plane) else array


def _check_ndim(name: str, pixels: NDArray[Any], ndim: int) -> None:
    if pixels.ndim != ndim:
        wanted = "(rows, columns)" if ndim == 2 else f"{ndim} dimensions"
        raise ValueError(f"{name} has shape {pixels.shape}, wanted {wanted}")


def _describe(dtype: np.dtype[Any]) -> str:
    return f"{dtype}" if dtype.isnative else f"{dtype.newbyteorder('=')} of the other byte order"


def _is_plain(pixels: NDArray[Any]) -> bool:
    """Whether a kernel can address the elements: a column of packed records, for one, is not so."""
    return pixels.flags.aligned and not any(stride % pixels.itemsize for stride in pixels.strides)


def _overlaps_itself(pixels: NDArray[Any]) -> bool:
    """Whether two elements may share memory, as in a broadcast or sliding view."""
    if pixels.size == 0:
        return False
    axes = zip(pixels.strides, pixels.shape, strict=True)
    reach = pixels.itemsize
    for stride, length in sorted((abs(stride), length) for stride, length in axes if length > 1):
        if stride < reach:
            return True
        reach += stride * (length - 1)
    return False
