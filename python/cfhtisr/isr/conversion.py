"""Raw numbers to the float32 that all corrections work on."""

__all__ = ["to_float"]

import numpy as np

from cfhtisr import _kernels
from cfhtisr.errors import PixelTypeError
from cfhtisr.images import Image, MaskedImage

_TYPES = ("uint8", "int16", "uint16", "int32", "uint32", "float64")


def to_float(planes: MaskedImage) -> MaskedImage:
    """Return a masked image of float32.

    Parameters
    ----------
    planes : MaskedImage, shape (rows, columns)
        An image of uint8, int16, uint16, int32, uint32, float64 or float32.

    Returns
    -------
    floats : MaskedImage
        The very same object if its image is float32 already; else one with pixels of its own,
        no flags and a variance of 1.

    Raises
    ------
    PixelTypeError
        If the image holds anything else.

    Examples
    --------
    >>> raw = MaskedImage(np.uint16([[65535]]))
    >>> floats = to_float(raw)
    >>> floats.image.array, floats.variance.array
    (array([[65535.]], dtype=float32), array([[1.]], dtype=float32))
    >>> to_float(floats) is floats
    True
    """
    if not isinstance(planes, MaskedImage):
        raise TypeError(f"planes is a {type(planes).__name__}, wanted a MaskedImage")
    pixels = planes.image.array
    if pixels.dtype == np.float32:
        return planes
    if pixels.dtype.name not in _TYPES:
        raise PixelTypeError(
            f"image holds {pixels.dtype}, wanted one of {', '.join(_TYPES)} or float32"
        )
    if not pixels.flags.aligned or any(stride % pixels.itemsize for stride in pixels.strides):
        pixels = pixels.copy()  # such as a column of packed records, which no kernel can address
    # NumPy's memory comes in large pages, which the kernel fills several times faster.
    image, variance = (np.empty(planes.shape, np.float32) for _ in range(2))
    if pixels.size:
        _kernels.to_float(pixels, image, variance)
    return MaskedImage(Image(image), None, variance, xy0=planes.xy0)
