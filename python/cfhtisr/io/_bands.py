"""What reading an HDU piece by piece takes: bands of tiles, the sum, the caller's memory."""

__all__ = ["BAND", "Summed", "bands", "check_target", "filled"]

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.io.byte_source import ByteSource, descriptor_of
from cfhtisr.io.checksum import datasum
from cfhtisr.io.hdu import Hdu

BAND = 1 << 21
"""What is read and converted at a time [byte]: it stays in the cache on its way."""


class Summed:
    """The sum of an HDU, added up while it is read.

    Parameters
    ----------
    source : ByteSource
        Where its bytes come from.
    hdu : Hdu
        The HDU.

    Attributes
    ----------
    hdu : Hdu
        The HDU.
    done : int
        How many bytes of the data were added [byte].
    """

    def __init__(self, source: ByteSource, hdu: Hdu) -> None:
        self._source = source
        self.hdu = hdu
        self._sum = 0
        self.done = 0

    def add(self, offset: int, data: NDArray[np.uint8]) -> None:
        """Add bytes that were read, from ``offset`` in the data on."""
        self._sum = datasum(data, self._sum, offset)
        self.done = offset + len(data)

    def put(self, total: int, done: int) -> None:
        """Add the sum of all bytes up to ``done`` that were not added before."""
        self._sum += total
        self._sum = (self._sum & 0xFFFFFFFF) + (self._sum >> 32)
        self.done = done

    def up_to(self, offset: int) -> None:
        """Add the bytes that nobody reads, from the last that were added on.

        What a file lacks behind its last pixel counts as zeros.
        """
        descriptor = descriptor_of(self._source)
        if descriptor is not None and self.done < offset:
            start = self.hdu.data_start
            self.put(_kernels.sum_file(descriptor, start, self.done, offset), offset)
        buffer = np.empty(max(min(BAND, offset - self.done), 0), np.uint8)
        while self.done < offset:
            data = buffer[: min(BAND, offset - self.done)]
            count = self._source.read_into(self.hdu.data_start + self.done, data.data)
            if count == 0:
                self.done = offset
                return
            data[count:] = 0
            self.add(self.done, data)

    def total(self) -> int:
        """Return the sum of all data of the HDU."""
        self.up_to(self.hdu.end - self.hdu.data_start)
        return self._sum

    def problem(self) -> str | None:
        """Return how the sum differs from what the header states, if it does."""
        hdu, found = self.hdu, self.total()
        problems = []
        stated = str(hdu.cards.get("DATASUM", "")).strip()
        if stated and stated != str(found):
            problems.append(f"DATASUM is {stated!r}, the data add up to {found}")
        stated = str(hdu.cards.get("CHECKSUM", "")).strip()
        whole = datasum(hdu.raw, found)
        if stated and whole not in (0, 0xFFFFFFFF):
            problems.append(f"CHECKSUM is {stated!r}, but the HDU adds up to {whole}, not to -0")
        return f"{hdu.where}: {'; '.join(problems)}" if problems else None


def bands(
    starts: NDArray[np.int64], ends: NDArray[np.int64], across: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield tiles to decode together: the first, the one behind the last, their bytes' ends.

    A band holds whole rows of tiles, no more bytes than needed to keep in a cache. Tiles that
    do not lie in order make one band.
    """
    count = len(starts)
    if (ends[:-1] > starts[1:]).any():
        yield 0, count, int(starts.min()), int(ends.max())
        return
    first = 0
    while first < count:
        low = int(starts[first])
        fit = int(np.searchsorted(ends, low + BAND, side="right"))
        end = max(first + across, fit // across * across)
        yield first, end, low, int(ends[end - 1])
        first = end


def check_target(
    out: NDArray[Any], shape: tuple[int, int], dtype: np.dtype[Any], where: str
) -> None:
    """Raise `ValueError` unless pixels of this shape and type can be put into an array."""
    if not isinstance(out, np.ndarray):
        raise ValueError(f"{where}: out is {type(out).__name__}, wanted an ndarray")
    if out.dtype != dtype:
        raise ValueError(f"{where}: out has type {out.dtype}, wanted {dtype}")
    if out.shape != shape:
        raise ValueError(f"{where}: out has shape {out.shape}, wanted {shape}")
    if not out.flags.writeable:
        raise ValueError(f"{where}: out is read-only")
    size = dtype.itemsize
    if not out.flags.aligned or any(stride % size for stride in out.strides):
        raise ValueError(f"{where}: out has pixels that are not aligned")
    # Threads write into it side by side.
    reach = size
    for stride, count in sorted(zip(map(abs, out.strides), shape, strict=True)):
        if count > 1 and stride < reach:
            raise ValueError(f"{where}: out has pixels that share memory")
        reach += stride * max(count - 1, 0)


@contextmanager
def filled(target: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Give a flat array to fill, and have ``target`` hold its values afterwards."""
    if target.flags.c_contiguous:
        yield target.reshape(-1)
        return
    flat = np.empty(target.size, target.dtype)
    yield flat
    target[...] = flat.reshape(target.shape)
