"""The sums behind the DATASUM and CHECKSUM cards of FITS."""

__all__ = ["added", "datasum"]

from typing import Any

import numpy as np

from cfhtisr import _kernels


def added(one: int, other: int) -> int:
    """Return the sum of two pieces of a unit, each of which begins with a whole word.

    Examples
    --------
    >>> added(0xFFFFFFFF, 1)
    1
    """
    total = one + other
    return (total & 0xFFFFFFFF) + (total >> 32)


def datasum(buffer: Any, start: int = 0, offset: int = 0) -> int:
    """Return the ones' complement sum of the big-endian 32-bit words of a buffer.

    Parameters
    ----------
    buffer : bytes-like or contiguous array
        Bytes to add up; a word that they do not fill counts as if filled with zeros.
    start : int, optional
        Sum of what was added before.
    offset : int, optional
        Place of the first byte in its unit [byte]. The pieces of a unit may be summed in any
        order, each with its own offset.

    Returns
    -------
    sum : int
        The value that a DATASUM card holds, 0 to 2**32 - 1.

    Examples
    --------
    >>> datasum(b"abcdef")
    3335021412
    >>> datasum(b"abc", datasum(b"def", offset=3))
    3335021412
    """
    if isinstance(buffer, np.ndarray):
        data = buffer.reshape(-1).view(np.uint8)
    else:
        data = np.frombuffer(buffer, np.uint8) if len(buffer) else np.empty(0, np.uint8)
    return _kernels.datasum(data, start, offset % 4)
