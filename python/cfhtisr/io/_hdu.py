"""HDUs on their way into a file: header, pixels by bands of rows, checksums."""

__all__ = [
    "Computed",
    "Hdu",
    "InFile",
    "Pixels",
    "header_of",
    "image_cards",
    "size_of",
    "summed_header",
    "table_cards",
    "write_hdu",
]

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cfhtisr import _kernels
from cfhtisr.io import checksum
from cfhtisr.io._cards import card
from cfhtisr.io._checksum import BLOCK, encoded
from cfhtisr.io.atomic import AtomicFile


class Computed:
    """Pixels that are computed band by band while they are written.

    Parameters
    ----------
    shape : (int, int)
        Number of rows and of columns.
    dtype : dtype_like
        Type of a pixel.
    rows : callable
        Returns the pixels of a slice of rows.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        dtype: DTypeLike,
        rows: Callable[[slice], NDArray[Any]],
    ) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.ndim = len(shape)
        self.size = math.prod(shape)
        self.nbytes = self.size * self.dtype.itemsize
        self._rows = rows

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return self._rows(rows)


class InFile:
    """Pixels that the file holds already.

    Parameters
    ----------
    shape : (int, int)
        Number of rows and of columns.
    dtype : dtype
        Type of a pixel.
    datasum : int
        The sum of their bytes.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any], datasum: int) -> None:
        self.shape, self.dtype, self.datasum = shape, dtype, datasum
        self.ndim = len(shape)
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize


Pixels = NDArray[Any] | Computed
Hdu = tuple[list[str], Any]
"""Cards without the sums, and pixels (`Pixels`, or `InFile`) or records, or None."""

_BAND = 1 << 20  # bytes of a band, so that it stays in cache between swap, sum and write
_NO_SUM = "0" * 16

# type of the pixels: BITPIX and the offset that FITS adds to a signed (8 bits: unsigned) one
_TYPES = {
    "b1": (8, 0), "u1": (8, 0), "i1": (8, -(2**7)),
    "i2": (16, 0), "u2": (16, 2**15),
    "i4": (32, 0), "u4": (32, 2**31),
    "i8": (64, 0), "u8": (64, 2**63),
    "f4": (-32, 0), "f8": (-64, 0),
}  # fmt: skip

_PACKED = (np.float32, np.int32, np.uint16)
"""Pixels that a kernel stores and sums up in one go."""

_FORMS = {"i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}


def header_of(cards: Sequence[str], data: int, whole: str = _NO_SUM) -> bytes:
    """Return a whole header with its two sums."""
    sums = (
        card("CHECKSUM", whole, "HDU checksum"),
        card("DATASUM", str(data), "data unit checksum"),
    )
    text = "".join((*cards, *sums, "END".ljust(80)))
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


def summed_header(cards: Sequence[str], data: int) -> bytes:
    """Return a whole header with the sum of the data and the right sum of the whole HDU."""
    header = header_of(cards, data)
    return header_of(cards, data, encoded(checksum.datasum(header, data)))


def image_cards(array: Pixels | InFile, primary: bool = False) -> list[str]:
    """Return the structural cards of an image extension.

    Raises
    ------
    TypeError
        If FITS has no such pixels.
    """
    kind = array.dtype.str[1:]
    if kind not in _TYPES:
        raise TypeError(f"pixels are {array.dtype}, which FITS does not have")
    bits, zero = _TYPES[kind]
    start = card("XTENSION", "IMAGE", "image extension")
    if primary:
        start = card("SIMPLE", True, "conforms to the FITS standard")
    cards = [
        start,
        card("BITPIX", bits, "bits per pixel; negative: floating point"),
        card("NAXIS", array.ndim, "number of axes"),
        *(card(f"NAXIS{i}", n, "") for i, n in enumerate(reversed(array.shape), 1)),
    ]
    cards += [] if primary else [card("PCOUNT", 0, ""), card("GCOUNT", 1, "")]
    if zero:
        cards += [card("BSCALE", 1, ""), card("BZERO", zero, "offset of unsigned integers")]
    return cards


def table_cards(rows: NDArray[Any]) -> list[str]:
    """Return the structural cards of a binary table, of which each row is a record."""
    cards = [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, ""),
        card("NAXIS", 2, ""),
        card("NAXIS1", rows.dtype.itemsize, "bytes of a row"),
        card("NAXIS2", len(rows), "number of rows"),
        card("PCOUNT", 0, ""),
        card("GCOUNT", 1, ""),
        card("TFIELDS", len(rows.dtype.names or ()), "number of columns"),
    ]
    for index, name in enumerate(rows.dtype.names or (), 1):
        column = rows.dtype[name]
        count = int(np.prod(column.shape, dtype=int))
        if column.base.kind == "S":
            form = f"{column.base.itemsize}A"
        else:
            form = f"{count}{_FORMS[column.base.str[1:]]}"
        cards += [card(f"TTYPE{index}", name), card(f"TFORM{index}", form)]
    return cards


def size_of(cards: Sequence[str], array: Pixels | None) -> int:
    """Return the number of bytes that an HDU takes in the file."""
    data = 0 if array is None else -(-array.nbytes // BLOCK) * BLOCK
    return len(header_of(cards, 0)) + data


def write_hdu(file: AtomicFile, cards: Sequence[str], array: Pixels | None = None) -> None:
    """Append an HDU.

    The header goes first, and again when the sums are known, so that the pixels are
    touched once.
    """
    start = file.tell()
    datasum = 0
    if array is not None and array.size:
        file.write(header_of(cards, 0))
        datasum = _write_data(file, array)
    header = summed_header(cards, datasum)
    if file.tell() == start:
        file.write(header)
    else:
        file.write_at(start, header)


def _write_data(file: AtomicFile, array: Pixels) -> int:
    """Append pixels as FITS wants them, zeros up to the end of the block; return their sum."""
    if isinstance(array, np.ndarray) and array.dtype.names:
        return _write_rows(file, array)
    itemsize = array.dtype.itemsize
    row = array.nbytes // array.shape[0]
    # A multiple of four rows is a whole number of the words that are summed.
    step = max(_BAND // row // 4 * 4, 4)
    packs = array.ndim == 2 and array.dtype in _PACKED
    zero = _TYPES[array.dtype.str[1:]][1]
    buffer = np.empty(min(step, array.shape[0]) * row, np.uint8)
    total = 0
    for begin in range(0, array.shape[0], step):
        band = array[begin : begin + step]
        octets = buffer[: band.nbytes]
        if packs:
            total = checksum.added(total, _kernels.pack_pixels(band, octets))
            file.write(octets.data)
            continue
        if zero:
            # To subtract half the range is to turn the first bit over.
            unsigned = np.dtype(f"u{itemsize}")
            pixels = octets.view(unsigned.newbyteorder(">")).reshape(band.shape)
            flip = unsigned.type(1 << (8 * itemsize - 1))
            np.bitwise_xor(band.view(unsigned), flip, out=pixels)
        else:
            np.copyto(octets.view(array.dtype.newbyteorder(">")).reshape(band.shape), band)
        total = checksum.datasum(octets, total)
        file.write(octets.data)
    file.write(bytes(-array.nbytes % BLOCK))
    return total


def _write_rows(file: AtomicFile, rows: NDArray[Any]) -> int:
    octets = np.frombuffer(rows.astype(rows.dtype.newbyteorder(">")).tobytes(), np.uint8)
    file.write(octets.data)
    file.write(bytes(-len(octets) % BLOCK))
    return checksum.datasum(octets)
