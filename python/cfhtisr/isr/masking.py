"""Masking: flags by value, by place and by neighbourhood; and how many there are.

Every function takes the flags as an array of int32 or a `Mask`. Those that set flags do so in
place; bits that are set already stay.
"""

__all__ = [
    "any_without",
    "count_planes",
    "grow",
    "mask_boxes",
    "mask_edges",
    "mask_nans",
    "threshold",
    "widen_saturation_trails",
]

import operator
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Plane
from cfhtisr.isr._arrays import readable, writable


def count_planes(mask: ArrayLike | Mask) -> dict[str, int]:
    """Return how many pixels are in each plane.

    Parameters
    ----------
    mask : array_like of int32, shape (rows, columns), or Mask
        Flags; read once, whatever the number of planes.

    Returns
    -------
    counts : dict of str to int
        For each plane there is.

    Examples
    --------
    >>> counts = count_planes([[0, 3], [1, 128]])
    >>> counts["BAD"], counts["SAT"], counts["SUSPECT"], counts["CR"]
    (2, 1, 1, 0)
    """
    counts = _kernels.count_planes(readable("mask", mask, np.int32))
    return {name: counts[bit] for name, bit in Mask.planes().items()}


def any_without(
    mask: ArrayLike | Mask, some: int | str | Iterable[str], none: int | str | Iterable[str]
) -> bool:
    """Return whether a pixel is in some planes and not in others.

    Parameters
    ----------
    mask : array_like of int32, shape (rows, columns), or Mask
        Flags.
    some : int, str or iterable of str
        Bits or names of planes of which a pixel has at least one.
    none : int, str or iterable of str
        Bits or names of planes of which it has none.

    Examples
    --------
    >>> any_without([[0, 5]], "BAD", "INTRP"), any_without([[1, 5]], "BAD", "INTRP")
    (False, True)
    """
    flags = readable("mask", mask, np.int32)
    return _kernels.any_without(flags, _bits(some), _bits(none))


def mask_boxes(
    mask: NDArray[np.int32] | Mask,
    boxes: Box2I | Iterable[Box2I] | ArrayLike,
    plane: str = "BAD",
) -> None:
    """Flag the pixels of boxes, as far as they lie on the mask.

    Parameters
    ----------
    mask : ndarray of int32, shape (rows, columns), or Mask
        Flags, changed in place.
    boxes : Box2I, iterable of Box2I, or array_like of int, shape (n, 4)
        Boxes in the frame of the mask, which begins at its ``xy0``; rows of an array are
        ``x0, y0, x1, y1``, inclusive.
    plane : str, optional
        Name of the plane that is set.

    Raises
    ------
    KeyError
        If there is no such plane.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((2, 4), np.int32)
    >>> mask_boxes(mask, [Box2I(2, 1, 5, 5)])
    >>> mask
    array([[0, 0, 0, 0],
           [0, 0, 1, 1]], dtype=int32)
    """
    bits = Mask.bitmask(plane)
    _kernels.mask_boxes(writable("mask", mask, np.int32), local_corners(boxes, mask), bits)


def mask_edges(mask: NDArray[np.int32] | Mask, width: int, plane: str = "SUSPECT") -> None:
    """Flag the pixels that are nearer to an edge than a width.

    Parameters
    ----------
    mask : ndarray of int32, shape (rows, columns), or Mask
        Flags, changed in place.
    width : int
        Number of rows and columns at each edge; 0 flags none.
    plane : str, optional
        Name of the plane that is set.

    Raises
    ------
    KeyError
        If there is no such plane.
    ValueError
        If the width is negative.
    """
    bits = Mask.bitmask(plane)
    flags = writable("mask", mask, np.int32)
    width = _whole("width", width)
    height, columns = flags.shape
    width = min(width, height + columns)
    x1, y1 = columns - 1, height - 1
    strips = [
        (0, 0, x1, width - 1),
        (0, height - width, x1, y1),
        (0, 0, width - 1, y1),
        (columns - width, 0, x1, y1),
    ]
    if width and flags.size:
        _kernels.mask_boxes(flags, Box2I.to_array(np.array(strips)), bits)


def threshold(
    image: ArrayLike | Plane, mask: NDArray[np.int32] | Mask, level: float, plane: str
) -> None:
    """Flag the pixels that reach a level.

    Parameters
    ----------
    image : array_like of float32 or uint16, shape (rows, columns), or Plane
        Pixel values [ADU].
    mask : ndarray of int32, same shape, or Mask
        Flags of the same pixels, changed in place.
    level : float
        Least value that is flagged [ADU], compared in double precision; NaN flags none.
    plane : str
        Name of the plane that is set.

    Raises
    ------
    KeyError
        If there is no such plane.
    ValueError
        If ``mask`` and ``image`` differ in shape.

    Notes
    -----
    NaN never reaches a level, infinity always does.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((1, 3), np.int32)
    >>> threshold(np.array([[10, 65535, 60000]], np.uint16), mask, 60000.0, "SAT")
    >>> mask
    array([[0, 2, 2]], dtype=int32)
    """
    bits = Mask.bitmask(plane)
    level = float(level)
    values = image.array if isinstance(image, Plane) else np.asarray(image)
    if values.dtype == np.uint16 or (values.dtype.kind == "f" and values.dtype.itemsize <= 4):
        pixels = readable("image", image, np.uint16 if values.dtype.kind == "u" else np.float32)
    else:
        # Float32 would round such values, maybe across the level.
        pixels = (readable("image", image, np.float64) >= level).astype(np.uint16)
        level = 1.0
    _kernels.threshold(pixels, writable("mask", mask, np.int32), level, bits)


def mask_nans(
    image: ArrayLike | Plane,
    mask: NDArray[np.int32] | Mask,
    variance: ArrayLike | Plane,
    plane: str = "UNMASKEDNAN",
    allow: int | str | Iterable[str] = 0,
) -> int:
    """Flag the pixels whose value or variance is not finite.

    Parameters
    ----------
    image, variance : array_like of float32, shape (rows, columns), or Plane
        Pixel values [ADU] and their variance [ADU^2].
    mask : ndarray of int32, same shape, or Mask
        Flags of the same pixels, changed in place.
    plane : str, optional
        Name of the plane that is set.
    allow : int, str or iterable of str, optional
        Bits, or names of planes, that excuse a pixel: it is neither flagged nor counted.

    Returns
    -------
    count : int
        Number of pixels that are not finite and not excused, those flagged before included.

    Raises
    ------
    KeyError
        If there is no such plane.
    ValueError
        If the planes differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((1, 3), np.int32)
    >>> mask_nans([[1.0, np.nan, 3.0]], mask, [[1.0, 1.0, np.inf]])
    2
    >>> mask
    array([[  0, 512, 512]], dtype=int32)
    """
    bits = Mask.bitmask(plane)
    excused = _bits(allow)
    flags = writable("mask", mask, np.int32)
    return _kernels.mask_nans(
        _finite("image", image), flags, _finite("variance", variance), bits, excused
    )


def grow(
    mask: NDArray[np.int32] | Mask,
    planes: str | Iterable[str],
    radius: int,
    shape: Literal["diamond", "circle"] = "diamond",
) -> None:
    """Flag the neighbours of flagged pixels too.

    Parameters
    ----------
    mask : ndarray of int32, shape (rows, columns), or Mask
        Flags, changed in place.
    planes : str or iterable of str
        Names of the planes that grow, each on its own.
    radius : int
        How far a plane reaches out [pixel]; 0 changes nothing.
    shape : {"diamond", "circle"}, optional
        Neighbours at ``|dx| + |dy| <= radius``, or at ``dx^2 + dy^2 <= radius^2``. Up to a
        radius of 1 they are the same.

    Raises
    ------
    KeyError
        If there is no such plane.
    ValueError
        If the radius is negative or the shape unknown.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0]], np.int32)
    >>> grow(mask, "SAT", 1)
    >>> mask
    array([[0, 2, 0],
           [2, 2, 2],
           [0, 2, 0]], dtype=int32)
    """
    bits = Mask.bitmask(planes)
    if shape not in ("diamond", "circle"):
        raise UnknownChoiceError(f"shape is {shape!r}, wanted 'diamond' or 'circle'")
    flags = writable("mask", mask, np.int32)
    radius = min(_whole("radius", radius), 2 * sum(flags.shape))
    if radius:
        _kernels.grow(flags, bits, radius, shape == "circle")


def widen_saturation_trails(mask: NDArray[np.int32] | Mask, plane: str = "SAT") -> None:
    """Lengthen the runs of saturated pixels along rows, where charge spilled over.

    A run of 6 or 7 pixels grows by 1 pixel on each side, of 8 or 9 by 3, a longer one by 4.

    Parameters
    ----------
    mask : ndarray of int32, shape (rows, columns), or Mask
        Flags, changed in place.
    plane : str, optional
        Name of the plane of saturated pixels.

    Raises
    ------
    KeyError
        If there is no such plane.
    """
    _kernels.widen_saturation_trails(writable("mask", mask, np.int32), Mask.bitmask(plane))


def local_corners(boxes: Box2I | Iterable[Box2I] | ArrayLike, frame: object) -> NDArray[np.int32]:
    """Return boxes as the kernels take them, counted from the first pixel of a frame.

    Parameters
    ----------
    boxes : Box2I, iterable of Box2I, or array_like of int, shape (n, 4)
        Boxes of the parent frame.
    frame : object
        The frame; planes say by their ``xy0`` where they begin, an array begins at (0, 0).

    Returns
    -------
    corners : ndarray of int32, shape (n, 4)
        Rows ``x0, y0, x1, y1``, inclusive.
    """
    corners = Box2I.to_array(boxes)
    if not isinstance(frame, Plane | MaskedImage) or frame.xy0 == (0, 0):
        return corners
    x0, y0 = frame.xy0
    return Box2I.to_array(corners - np.array([x0, y0, x0, y0], np.int64))


def _bits(planes: int | str | Iterable[str]) -> int:
    if isinstance(planes, str) or isinstance(planes, Iterable):
        return Mask.bitmask(planes)
    return operator.index(planes)


def _whole(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, wanted a whole number of pixels") from None
    if number < 0:
        raise ValueError(f"{name} is {number}, wanted 0 or more pixels")
    return number


def _finite(name: str, plane: ArrayLike | Plane) -> NDArray[np.float32]:
    """Return a plane of float32 that is finite where the plane is."""
    values = plane.array if isinstance(plane, Plane) else np.asarray(plane)
    if values.dtype.kind == "f" and values.dtype.itemsize > 4:  # float32 may overflow
        values = np.where(np.isfinite(values), np.float32(0), np.float32(np.nan))
        return readable(name, values, np.float32)
    return readable(name, plane, np.float32)
