"""Interpolation along rows over bad pixels.

A run of bad pixels in a row is predicted from up to two good pixels on each side. The weights
``w`` of the pixels at ``x_i`` for the bad one at ``x`` solve::

    [ C  1 ] [w]   [c]        C_ij = exp(-(x_i - x_j)^2 / 4)
    [ 1' 0 ] [m] = [1]        c_i  = exp(-(x_i - x)^2 / 4)

the best linear prediction, with weights that add up to 1, of light that went through a Gaussian
of sigma = 1 pixel. The variance is predicted with the same weights.

What ``parity="none"`` does beyond the formula:

* A pixel that is not finite, or whose variance is not, is never predicted from: it counts as one
  more pixel of the run beside it, but is itself neither changed nor flagged.
* A variance is never below the least of the neighbours that it was predicted from, nor negative.
* Away from an edge a run may be of any width, to within one column of the edge too; the formula
  is used as it stands, with the good pixels that there are.
* In a run that touches an edge and is wider than 6 pixels the 6 next to the good side are
  predicted as if two pixels that hold the fallback lay beyond them, and the others hold the
  fallback. Without ``use_edge`` all are predicted from the good side.
* A row without a usable pixel copies the nearest row that has one, as repaired; the lower of two
  that are equally near. If no row has one its bad pixels hold the fallback.
* The fallback of the variance plane is a level of the variance plane.

Only usable pixels outside of the runs are read, so that the order of boxes means nothing, and a
mirrored frame gives the mirrored result.

With ``parity="lsst-v17"`` the reference's results come out to the last bit: weights rounded to
4 decimals, the fallback also in the variance plane, rows without a good pixel hold the fallback,
and quirks N1 to N5: variances may turn negative; a repaired pixel is read at the right edge and
one not yet repaired near the left one; two bad pixels between single good ones are not negative;
-1 stands in where a neighbour lies beyond the frame; a wide run from the second column to the
right edge ignores the first column.
"""

__all__ = ["interpolate_boxes", "interpolate_mask"]

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import Mask
from cfhtisr.images.plane import Image, Plane
from cfhtisr.isr import masking
from cfhtisr.isr._arrays import writable
from cfhtisr.isr.parity import Parity, check


def interpolate_boxes(
    image: NDArray[np.float32] | Image,
    mask: NDArray[np.int32] | Mask,
    variance: NDArray[np.float32] | Image,
    boxes: Box2I | Iterable[Box2I] | ArrayLike,
    fallback: float | None = None,
    use_edge: bool = True,
    parity: Parity = "none",
) -> int:
    """Interpolate along rows over the pixels of boxes.

    Parameters
    ----------
    image, variance : ndarray of float32, shape (rows, columns), or Image
        Pixel values [ADU] and their variance [ADU^2], changed in place.
    mask : ndarray of int32, same shape, or Mask
        Flags of the same pixels; INTRP is set in place. What is flagged is not looked at.
    boxes : Box2I, iterable of Box2I, or array_like of int, shape (n, 4)
        Bad pixels, in the frame of the image, which begins at its ``xy0``; rows of an array
        are ``x0, y0, x1, y1``, inclusive. What lies outside of the image is left out.
    fallback : float, optional
        Value where nothing near is known [ADU]. By default the clipped mean of the image plane,
        computed only if it is used.
    use_edge : bool, optional
        Whether wide runs at an edge approach the fallback.
    parity : {"none", "lsst-v17"}, optional
        The closed form, or the reference's results.

    Returns
    -------
    count : int
        Number of interpolated pixels.

    Raises
    ------
    TypeError
        If a plane is not an array of the type it must have to be changed in place.
    ValueError
        If the planes differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[8, 8, 0, 8, 8]], np.float32)
    >>> mask, variance = np.zeros((1, 5), np.int32), np.ones((1, 5), np.float32)
    >>> interpolate_boxes(image, mask, variance, [Box2I(2, 0, 1, 1)])
    1
    >>> image
    array([[8., 8., 8., 8., 8.]], dtype=float32)
    >>> mask
    array([[0, 0, 4, 0, 0]], dtype=int32)
    """
    reference = check(parity)
    corners = masking.local_corners(boxes, image)
    i, m, v = _planes(image, mask, variance)
    flag = Mask.bitmask("INTRP")
    return _with_fallback(
        lambda values: _kernels.interpolate_boxes(
            i, m, v, corners, flag, values, bool(use_edge), reference
        ),
        i,
        v,
        fallback,
        reference,
    )


def interpolate_mask(
    image: NDArray[np.float32] | Image,
    mask: NDArray[np.int32] | Mask,
    variance: NDArray[np.float32] | Image,
    planes: str | Iterable[str],
    grow: int = 0,
    fallback: float | None = None,
    parity: Parity = "none",
) -> int:
    """Interpolate along rows over the pixels that are flagged in some planes.

    Parameters
    ----------
    image, variance : ndarray of float32, shape (rows, columns), or Image
        Pixel values [ADU] and their variance [ADU^2], changed in place.
    mask : ndarray of int32, same shape, or Mask
        Flags of the same pixels; INTRP is set in place.
    planes : str or iterable of str
        Names of the planes that tell which pixels are bad.
    grow : int, optional
        How far each of these planes is grown first, by a diamond [pixel]; the growth stays in
        the mask, so that it tells what was interpolated.
    fallback : float, optional
        Value where nothing near is known [ADU]. By default the clipped mean of the image plane,
        computed only if it is used.
    parity : {"none", "lsst-v17"}, optional
        The closed form, or the reference's results.

    Returns
    -------
    count : int
        Number of interpolated pixels.

    Raises
    ------
    KeyError
        If there is no plane of that name.
    TypeError
        If a plane is not an array of the type it must have to be changed in place.
    ValueError
        If the planes differ in shape, or the growth is negative.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[7, 7, 7, 65535, 65535, 7, 7]], np.float32)
    >>> mask = np.array([[0, 0, 0, 2, 2, 0, 0]], np.int32)
    >>> interpolate_mask(image, mask, np.ones((1, 7), np.float32), "SAT")
    2
    >>> image
    array([[7., 7., 7., 7., 7., 7., 7.]], dtype=float32)
    """
    reference = check(parity)
    names = [planes] if isinstance(planes, str) else list(planes)
    bits, flag = Mask.bitmask(names), Mask.bitmask("INTRP")
    i, m, v = _planes(image, mask, variance)
    masking.grow(m, names, grow)
    return _with_fallback(
        lambda values: _kernels.interpolate_mask(i, m, v, bits, flag, values, reference),
        i,
        v,
        fallback,
        reference,
    )


def _planes(
    image: NDArray[np.float32] | Plane,
    mask: NDArray[np.int32] | Plane,
    variance: NDArray[np.float32] | Plane,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Return the arrays of three planes, all of which fit before the first is changed."""
    i = writable("image", image, np.float32)
    m = writable("mask", mask, np.int32)
    v = writable("variance", variance, np.float32)
    for name, plane in (("mask", m), ("variance", v)):
        if plane.shape != i.shape:
            raise ValueError(f"{name} has shape {plane.shape}, wanted {i.shape} as the image")
    return i, m, v


def _with_fallback(
    repair: Callable[[tuple[float, float] | None], int | None],
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    fallback: float | None,
    reference: bool,
) -> int:
    """Repair with a fallback for image and variance, which costs more than all the rest."""
    value = None if fallback is None else float(fallback)
    count = repair(None if value is None or not reference else (value, value))
    if count is not None:
        return count
    from cfhtisr.isr import statistics

    if value is None:
        value = float(statistics.compute(image, "MEANCLIP"))
    spread = value if reference else float(statistics.compute(variance, "MEANCLIP"))
    if spread < 0 and not reference:
        spread = 0.0
    count = repair((value, spread))
    if count is None:
        raise RuntimeError("a kernel wants a fallback that it has, please report this")
    return count
