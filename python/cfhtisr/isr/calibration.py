"""Bias, dark and flat: arithmetic of masked images, in place.

The calibration frames are masked images of the size of the target. Their flags are joined to
its flags, their variances propagate into its variance. Every operation rounds to float32 in a
fixed order, so that results are equal bit for bit everywhere.
"""

__all__ = [
    "divide_flat",
    "divide_illumination",
    "flat_scale",
    "subtract_bias",
    "subtract_dark",
    "trim_to_match",
]

import numpy as np

from cfhtisr import _kernels
from cfhtisr.errors import ShapeMismatchError, UnknownChoiceError
from cfhtisr.images import Box2I, Mask, MaskedImage
from cfhtisr.isr import parity as _parity
from cfhtisr.isr import statistics
from cfhtisr.isr._planes import check_size, source
from cfhtisr.isr._planes import target as target_planes
from cfhtisr.isr.parity import Parity


def subtract_bias(target: MaskedImage, bias: MaskedImage) -> None:
    """Subtract a bias frame.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The image to correct [ADU], changed in place.
    bias : MaskedImage, same shape
        The bias frame [ADU].

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    TypeError
        If ``target`` is not a masked image of float32.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[1100, 1200]]), variance=[[700, 760]])
    >>> subtract_bias(target, MaskedImage([[100, 100]], [[0, 1]], [[4, 4]]))
    >>> target.image.array, target.mask.array, target.variance.array
    (array([[1000., 1100.]], dtype=float32), array([[0, 1]], dtype=int32), \
array([[704., 764.]], dtype=float32))
    """
    changed, read = target_planes("target", target), source("bias", bias)
    check_size("bias", bias, target)
    _kernels.subtract_bias(changed, read)


def subtract_dark(
    target: MaskedImage, dark: MaskedImage, scale: float, invert: bool = False
) -> None:
    """Subtract a dark frame that is scaled to the exposure, or add it back.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The image to correct [ADU], changed in place.
    dark : MaskedImage, same shape
        The dark frame [ADU].
    scale : float
        Dark time of the exposure in units of that of the dark frame.
    invert : bool, optional
        Whether to undo the subtraction: the image returns up to rounding, its variance grows
        once more and the flags stay.

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    TypeError
        If ``target`` is not a masked image of float32.
    ValueError
        If ``scale`` is not a finite number.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[1000]]), variance=[[700]])
    >>> subtract_dark(target, MaskedImage([[30]], variance=[[4]]), scale=0.5)
    >>> float(target.image.array[0, 0]), float(target.variance.array[0, 0])
    (985.0, 701.0)
    """
    changed, read = target_planes("target", target), source("dark", dark)
    check_size("dark", dark, target)
    _kernels.subtract_scaled(changed, read, float(scale), bool(invert))


def divide_flat(
    target: MaskedImage, flat: MaskedImage, scale: float = 1.0, invert: bool = False
) -> None:
    """Divide by a flat field of the level ``scale``, or multiply with it.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The image to correct [ADU], changed in place.
    flat : MaskedImage, same shape
        The flat field, in any unit. Pixels of zero give infinity or NaN, which is masked and
        repaired later.
    scale : float, optional
        Level that counts as no change, in the flat's unit; see `flat_scale`.
    invert : bool, optional
        Whether to undo the division: the image returns up to rounding, its variance grows
        once more and the flags stay.

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    TypeError
        If ``target`` is not a masked image of float32.
    ValueError
        If ``scale`` is zero or not a finite number.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[1000]]), variance=[[800]])
    >>> divide_flat(target, MaskedImage([[2]]), scale=4.0)
    >>> float(target.image.array[0, 0]), float(target.variance.array[0, 0])
    (2000.0, 3200.0)
    """
    changed, read = target_planes("target", target), source("flat", flat)
    check_size("flat", flat, target)
    _kernels.divide_flat(changed, read, float(scale), bool(invert))


def divide_illumination(target: MaskedImage, illumination: MaskedImage, scale: float = 1.0) -> None:
    """Divide by an illumination correction of the level ``scale``.

    It says how much more light a flat field got in places than the sky gives; the arithmetic
    is that of `divide_flat`.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The image to correct [ADU], changed in place.
    illumination : MaskedImage, same shape
        The correction, in any unit.
    scale : float, optional
        Level that counts as no change, in its unit.

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    TypeError
        If ``target`` is not a masked image of float32.
    ValueError
        If ``scale`` is zero or not a finite number.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[1000]]))
    >>> divide_illumination(target, MaskedImage([[1.25]]))
    >>> float(target.image.array[0, 0])
    800.0
    """
    changed, read = target_planes("target", target), source("illumination", illumination)
    check_size("illumination", illumination, target)
    _kernels.divide_flat(changed, read, float(scale), False)


def flat_scale(flat: MaskedImage, scaling: str, user_scale: float = 1.0) -> float:
    """Return the level of a flat field.

    Parameters
    ----------
    flat : MaskedImage, shape (rows, columns)
        The flat field.
    scaling : {"USER", "MEAN", "MEDIAN"}
        The given number, or a statistic of the finite pixels; flags are not looked at.
    user_scale : float, optional
        The number for ``USER``.

    Returns
    -------
    level : float
        In the flat's unit; NaN if no pixel is finite.

    Raises
    ------
    UnknownChoiceError
        If ``scaling`` is none of these.
    ValueError
        If the flat has no pixels at all.

    Examples
    --------
    >>> flat_scale(MaskedImage(np.float32([[1, 2, 6]])), "MEAN")
    3.0
    """
    if scaling == "USER":
        return float(user_scale)
    if scaling not in ("MEAN", "MEDIAN"):
        raise UnknownChoiceError(f"flat scaling is {scaling!r}, wanted USER, MEAN or MEDIAN")
    image, _, _ = source("flat", flat)
    return float(statistics.compute(image, scaling))


def trim_to_match(target: MaskedImage, calib: MaskedImage, parity: Parity = "none") -> MaskedImage:
    """Return the central part of an image that has the size of a calibration frame.

    Parameters
    ----------
    target : MaskedImage, shape (rows, columns)
        The image. EDGE is set on the border that the result leaves out.
    calib : MaskedImage
        A frame that is smaller by the same even number of rows and columns, or of equal
        size: then nothing is trimmed (the reference failed there, in both modes we do not).
    parity : {"none", "lsst-v17"}, optional
        Both modes do the same.

    Returns
    -------
    inner : MaskedImage
        A view that shares its pixels with ``target``.

    Raises
    ------
    ShapeMismatchError
        If the frame is larger, or the border would not be the same on all sides.

    Examples
    --------
    >>> target = MaskedImage(np.zeros((4, 3), np.float32))
    >>> trim_to_match(target, MaskedImage(np.zeros((2, 1)))).bbox
    Box2I(x0=1, y0=1, width=1, height=2)
    >>> target.mask.count("EDGE")
    10
    """
    _parity.check(parity)
    extra, extra_y = target.width - calib.width, target.height - calib.height
    if extra != extra_y or extra % 2 or extra < 0:
        raise ShapeMismatchError(
            f"calibration has {calib.width} x {calib.height} pixels and the image "
            f"{target.width} x {target.height}, wanted a border of the same width on all sides"
        )
    if extra == 0:
        return target
    edge = extra // 2
    mask, bit = target.mask.array, np.int32(Mask.bitmask("EDGE"))
    for rows in (mask[:edge], mask[-edge:]):
        rows |= bit
    for columns in (mask[edge:-edge, :edge], mask[edge:-edge, -edge:]):
        columns |= bit
    x0, y0 = target.xy0
    return target.subset(Box2I(x0 + edge, y0 + edge, calib.width, calib.height))
