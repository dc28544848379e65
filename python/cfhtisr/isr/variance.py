"""Variance of the pixels from their signal, the gain and the read noise."""

__all__ = ["read_noise_of", "update"]

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.images import Image, MaskedImage
from cfhtisr.isr import parity as _parity
from cfhtisr.isr import statistics
from cfhtisr.isr._arrays import readable, writable
from cfhtisr.isr._planes import source
from cfhtisr.isr.parity import Parity


def update(
    image: ArrayLike | Image,
    variance: NDArray[np.float32] | Image,
    gain: float,
    read_noise: float,
    bias_variance: ArrayLike | Image | None = None,
    parity: Parity = "none",
) -> None:
    """Write the variance that photon noise and read noise give the pixels.

    Parameters
    ----------
    image : array_like of float32, shape (rows, columns)
        The image [ADU], bias subtracted.
    variance : ndarray of float32, same shape
        Variance [ADU^2], overwritten in place.
    gain : float
        Gain [electron/ADU].
    read_noise : float
        Read noise [electron].
    bias_variance : array_like of float32, same shape, optional
        Variance of the bias frame that was subtracted [ADU^2].
    parity : {"none", "lsst-v17"}, optional
        The reference had no floor at zero, added the square of the read noise in electrons as
        if it were ADU, and let the variance of the bias frame go: ``image / gain +
        read_noise**2``.

    Raises
    ------
    TypeError
        If ``variance`` does not hold float32.
    ValueError
        If shapes differ, ``gain`` is not a positive or ``read_noise`` not a non-negative
        finite number.

    Notes
    -----
    ``max(image, 0) / gain + (read_noise / gain)**2 + bias_variance``, taken in double
    precision and rounded once. NaN gives NaN.

    Examples
    --------
    >>> variance = np.empty((1, 2), np.float32)
    >>> update([[800, -3]], variance, gain=2.0, read_noise=4.0)
    >>> variance
    array([[404.,   4.]], dtype=float32)
    """
    pixels = readable("image", image, np.float32)
    changed = writable("variance", variance, np.float32)
    if _parity.check(parity):
        _kernels.update_variance_v17(pixels, changed, float(gain), float(read_noise))
        return
    bias = None if bias_variance is None else readable("bias_variance", bias_variance, np.float32)
    _kernels.update_variance(pixels, changed, float(gain), float(read_noise), bias)


def read_noise_of(overscan: MaskedImage, reject: int = 0) -> float:
    """Return the noise of corrected overscan pixels: their clipped standard deviation.

    Parameters
    ----------
    overscan : MaskedImage of float32, shape (rows, columns)
        Overscan pixels whose level has been subtracted [ADU].
    reject : int, optional
        Bits of the mask that exclude a pixel, such as those of SAT and SUSPECT.

    Returns
    -------
    noise : float
        [ADU]; times the gain it is the read noise that `update` takes. NaN without pixels.

    Examples
    --------
    >>> read_noise_of(MaskedImage(np.float32([[-1, 1, 50]]), [[0, 0, 2]]), reject=2)
    1.4142135623730951
    """
    image, mask, _ = source("overscan", overscan)
    if image.size == 0:
        return math.nan
    return float(statistics.compute(image, "STDEVCLIP", mask=mask, and_mask=int(reject)))
