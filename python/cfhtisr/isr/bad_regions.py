"""Bad regions: pixels that are bad and that nothing has repaired, whole amplifiers for one."""

__all__ = ["fill", "needed"]

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.mask import Mask
from cfhtisr.images.plane import Image
from cfhtisr.isr import masking, statistics
from cfhtisr.isr._arrays import readable, writable


def needed(mask: ArrayLike | Mask) -> bool:
    """Return whether some pixel is BAD and not INTRP, so that `fill` has something to do.

    Parameters
    ----------
    mask : array_like of int32, shape (rows, columns), or Mask
        Flags.

    Examples
    --------
    >>> needed([[0, 5]]), needed([[1, 5]])
    (False, True)
    """
    return masking.any_without(mask, "BAD", "INTRP")


def fill(
    image: NDArray[np.float32] | Image, mask: ArrayLike | Mask, statistic: str = "MEDIAN"
) -> tuple[int, float]:
    """Write the level of the good pixels where a pixel is BAD and not INTRP.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns), or Image
        Pixel values [ADU], changed in place.
    mask : array_like of int32, same shape, or Mask
        Flags of the same pixels; they stay as they are.
    statistic : {"MEDIAN", "MEANCLIP"}, optional
        What the level is, of the finite pixels that are not BAD.

    Returns
    -------
    count : int
        Number of pixels that were filled.
    value : float
        The level [ADU], also if no pixel needed it; NaN if no pixel is good, and then the
        bad ones are NaN too.

    Raises
    ------
    TypeError
        If ``image`` is not an array of float32, which it must be to be changed in place.
    UnknownChoiceError
        If ``statistic`` is neither MEDIAN nor MEANCLIP.
    ValueError
        If ``mask`` and ``image`` differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[1, 2, 3, 99]], np.float32)
    >>> fill(image, [[0, 0, 0, 1]])
    (1, 2.0)
    >>> image
    array([[1., 2., 3., 2.]], dtype=float32)
    """
    if statistic not in ("MEDIAN", "MEANCLIP"):
        raise UnknownChoiceError(f"statistic is {statistic!r}, wanted 'MEDIAN' or 'MEANCLIP'")
    pixels = writable("image", image, np.float32)
    flags = readable("mask", mask, np.int32)
    if flags.shape != pixels.shape:
        raise ValueError(f"mask has shape {flags.shape}, wanted {pixels.shape} as the image")
    if pixels.size == 0:  # statistics want a pixel
        return 0, float("nan")
    bad, repaired = Mask.bitmask("BAD"), Mask.bitmask("INTRP")
    value = float(statistics.compute(pixels, statistic, mask=flags, and_mask=bad))
    return _kernels.fill_bad_regions(pixels, flags, bad, repaired, value), value
