"""The brighter-fatter effect: the brighter a star, the wider its image on the CCD."""

__all__ = ["correct"]

import contextlib
import math
import operator
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.images import Box2I
from cfhtisr.images.plane import Plane
from cfhtisr.isr import parity as _parity
from cfhtisr.isr._arrays import readable, writable
from cfhtisr.isr.parity import Parity


def correct(
    image: NDArray[np.float32] | Plane,
    kernel: ArrayLike,
    max_iter: int = 10,
    threshold: float = 1000.0,
    gains: Iterable[tuple[Box2I, float]] | None = None,
    parity: Parity = "none",
) -> int:
    """Move charge back to where it would be without the charge that was there before it.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns), or Image
        The image, changed in place: [electron] as the kernel's, or [ADU] with ``gains``.
        NaN stays, and counts as 0 for its neighbours.
    kernel : array_like of float, shape (size, size)
        The kernel; its gradient, seen by the image, deflects the charge. It is applied as it
        lies, centred on row and column ``(size - 1) // 2``, and is not normalised.
    max_iter : int, optional
        The most iterations.
    threshold : float, optional
        Iteration ends when the sum of the absolute changes of all pixels is below this, in
        the unit that the correction works in.
    gains : iterable of (Box2I, float), optional
        The box of each amplifier, in the frame of the image, and its gain [electron/ADU]. The
        pixels are multiplied by it before, and divided after.
    parity : {"none", "lsst-v17"}, optional
        The reference left out one row and column more at the high end when the size of the
        kernel is odd, did not compare the first two iterations, and compared the second with
        an image of zeros.

    Returns
    -------
    iterations : int
        How many iterations were made. Not to converge is no error: then it is ``max_iter``.

    Raises
    ------
    TypeError
        If ``image`` does not hold float32.
    ValueError
        If the kernel is not square, not finite, or larger than the image; if ``max_iter`` is
        negative, ``threshold`` NaN, or a gain not a positive number.

    Notes
    -----
    The image ``F`` becomes ``F + div(F grad(K * F)) / 2``, with ``F`` on the right hand side
    that of the iteration before. Pixels nearer to an edge than the kernel reaches, and one
    more, are left alone. Only the image changes: neither flags nor variance know of it.

    Examples
    --------
    >>> kernel = np.array([[0, -1, 0], [-1, -2, -1], [0, -1, 0]]) * 1e-6
    >>> image = np.full((9, 9), 1000, np.float32)
    >>> correct(image, kernel), float(image.std())
    (1, 0.0)
    >>> image[4, 4] = 5000
    >>> correct(image, kernel, threshold=1e-3)
    4
    >>> image[4, 3:6].round(1)
    array([ 999.9, 5040.8,  999.9], dtype=float32)
    """
    v17 = _parity.check(parity)
    pixels = writable("image", image, np.float32)
    weights = readable("kernel", kernel, np.float64)
    rounds = operator.index(max_iter)
    if rounds < 0:
        raise ValueError(f"max_iter is {rounds}, wanted 0 or more")
    if math.isnan(threshold):
        raise ValueError("threshold is NaN, wanted a number")
    # Refuses what it must before a pixel is scaled: without a round it changes nothing.
    _kernels.correct_brighter_fatter(pixels, weights, 0, float(threshold), v17)
    x0, y0 = image.xy0 if isinstance(image, Plane) else (0, 0)
    parts = []
    for box, gain in () if gains is None else gains:
        if not (math.isfinite(gain) and gain > 0):
            raise ValueError(f"the gain of {box.to_section()} is {gain}, wanted a positive number")
        frame = Box2I(x0, y0, pixels.shape[1], pixels.shape[0])
        part = box.clipped_to(frame).shifted_by(-x0, -y0)
        parts.append((pixels[part.slices], np.float32(gain)))
    with _electrons(parts):
        return _kernels.correct_brighter_fatter(pixels, weights, rounds, float(threshold), v17)


@contextlib.contextmanager
def _electrons(parts: list[tuple[NDArray[np.float32], np.float32]]) -> Iterator[None]:
    """Turn ADU into electrons for a while."""
    for part, gain in parts:
        part *= gain
    try:
        yield
    finally:
        for part, gain in parts:
            part *= np.float32(1) / gain
