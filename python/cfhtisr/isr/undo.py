"""Calibrations taken back: what was subtracted is added, what divided is multiplied.

The image returns within the rounding of float32. With ``u = 2**-24``, half a unit in the last
place of 1, and as long as nothing over- or underflows:

- A scaled frame, dark or fringe. Let ``a`` be the pixel, ``b`` the corrected one and ``c`` what
  comes back. The product ``p = float32(scale * frame)`` is the same number both times, so that
  only the difference and the sum round: ``b = a - p + e1`` with ``|e1| <= u |b|``, and
  ``c = b + p + e2`` with ``|e2| <= u |c|``. Hence

      |c - a| <= u (|b| + |c|)

  Several frames taken back in reverse order add such a term for each.

- A flat. The divisor ``g = float32(flat / level)`` is the same both times:
  ``b = (a / g)(1 + d1)`` and ``c = b g (1 + d2)`` with ``|d1|, |d2| <= u``. Hence

      |c - a| <= (2 u + u^2) |a|

  which is at most one unit in the last place of ``a``.

- A dark and then a flat, taken back in reverse. Let ``b`` be the pixel without the dark. The flat
  returns ``b'`` with ``|b' - b| <= (2 u + u^2) |b|``, and the dark adds a rounding on either
  side, so that ``|c - a| <= (3 u + u^2) |b| + u |c|``.

The variance returns too, unlike with ``invert=True`` of `calibration`, which adds the frame's
variance a second time as the reference does. It is computed in float64 and never below 0; where
the frame's share dominates, few digits are left of the rest. Flags stay: nothing tells which
of them came with the frame. Pixels that were interpolated between correction and undo come back
as what the interpolation makes of them, and carry INTRP.
"""

__all__ = ["dark", "flat"]

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from cfhtisr.images import MaskedImage
from cfhtisr.isr._planes import check_size, source
from cfhtisr.isr._planes import target as target_planes

_BAND = 128  # rows at a time, so that no temporary is as large as a frame


def dark(target: MaskedImage, frame: MaskedImage, scale: float) -> None:
    """Add back a scaled frame, such as a dark or fringe frame, that was subtracted.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The corrected image [ADU], changed in place.
    frame : MaskedImage, same shape
        The frame that `calibration.subtract_dark` subtracted [ADU].
    scale : float
        The scale with which it did.

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    ValueError
        If ``scale`` is not a finite number.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[985]]), variance=[[701]])
    >>> dark(target, MaskedImage([[30]], variance=[[4]]), scale=0.5)
    >>> float(target.image.array[0, 0]), float(target.variance.array[0, 0])
    (1000.0, 700.0)
    """
    if not math.isfinite(scale):
        raise ValueError(f"scale is {scale}, wanted a finite number")
    image, _, variance = target_planes("target", target)
    other, _, extra = source("frame", frame)
    check_size("the frame", frame, target)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in _bands(image.shape[0]):
            image[rows] += (float(scale) * other[rows].astype(np.float64)).astype(np.float32)
            share = float(scale) ** 2 * extra[rows].astype(np.float64)
            variance[rows] = np.maximum(variance[rows].astype(np.float64) - share, 0)


def flat(target: MaskedImage, frame: MaskedImage, level: float = 1.0) -> None:
    """Multiply by a flat field that was divided out.

    Parameters
    ----------
    target : MaskedImage of float32, shape (rows, columns)
        The corrected image [ADU], changed in place.
    frame : MaskedImage, same shape
        The flat field by which `calibration.divide_flat` divided. Where it is zero nothing can
        be restored: such pixels become NaN.
    level : float, optional
        The ``scale`` with which it did.

    Raises
    ------
    ShapeMismatchError
        If the sizes differ.
    ValueError
        If ``level`` is zero or not a finite number.

    Examples
    --------
    >>> target = MaskedImage(np.float32([[2000]]), variance=[[3200]])
    >>> flat(target, MaskedImage([[2]]), level=4.0)
    >>> float(target.image.array[0, 0]), float(target.variance.array[0, 0])
    (1000.0, 800.0)
    """
    if not math.isfinite(level) or level == 0:
        raise ValueError(f"level is {level}, wanted a finite number other than 0")
    image, _, variance = target_planes("target", target)
    other, _, extra = source("frame", frame)
    check_size("the flat", frame, target)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for rows in _bands(image.shape[0]):
            divisor = 1.0 / float(level) * other[rows].astype(np.float64)
            image[rows] *= divisor.astype(np.float32)
            # of the quotient: variance / g^2 + (image / (flat g))^2 * that of the flat
            pixel, noise = image[rows].astype(np.float64), extra[rows].astype(np.float64)
            share = np.where(noise == 0, 0.0, (pixel / other[rows]) ** 2 * noise)
            whole = variance[rows].astype(np.float64) * divisor * divisor
            variance[rows] = np.maximum(whole - share, 0)


def _bands(rows: int) -> Iterator[slice]:
    edges = [*range(0, rows, _BAND), rows]
    return (slice(first, last) for first, last in pairwise(edges))
