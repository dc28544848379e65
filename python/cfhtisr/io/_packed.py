"""Tile-compressed images on their way into a file: one tile for each row."""

__all__ = ["MODES", "QUANTIZE", "Mode", "Packing", "write_hdu"]

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.io import _hdu, checksum
from cfhtisr.io._cards import card
from cfhtisr.io._checksum import BLOCK
from cfhtisr.io._hdu import Pixels, header_of, summed_header
from cfhtisr.io.atomic import AtomicFile

Mode = Literal["lossless", "rice"]
MODES = ("lossless", "rice")
QUANTIZE = 16.0
"""Steps in the noise of a row, unless somebody wants others."""

_BAND = 1 << 22  # bytes of pixels that are in memory twice: as they are and as their code
_LONGEST = 2**31 - 1  # bytes that a descriptor of 32 bits reaches
_BLANK = -(2**31) + 1
_SEEDS = 10_000
_RICE = {"u1": 1, "i2": 2, "u2": 2, "i4": 4}
_BITS = {"u1": 8, "i2": 16, "u2": 16, "i4": 32, "f4": -32, "f8": -64}
_IMAGE = ("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT")
_DITHER = "SUBTRACTIVE_DITHER_1"


@dataclass(frozen=True)
class Packing:
    """How planes are compressed.

    Parameters
    ----------
    mode : {"lossless", "rice"}
        Every bit is kept, or float32 pixels are rounded.
    quantize : float
        The noise of a row in steps of its rounded pixels.

    Raises
    ------
    UnknownChoiceError
        If there is no such mode.
    ValueError
        If the number of steps is not finite and above 0.
    """

    mode: str
    quantize: float = QUANTIZE

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            wanted = ", ".join(MODES)
            raise UnknownChoiceError(f"compress is {self.mode!r}, wanted None or one of {wanted}")
        if not (self.quantize > 0 and math.isfinite(self.quantize)):
            raise ValueError(f"quantize is {self.quantize}, wanted a number above 0")

    @classmethod
    def of(cls, mode: str | None, quantize: float) -> "Packing | None":
        """Return the packing of a mode, none for none."""
        return None if mode is None else cls(mode, quantize)

    def algorithm(self, pixels: Pixels) -> str | None:
        """Return what FITS calls the compression of such pixels; none if they stay as they are."""
        kind = pixels.dtype.str[1:]
        if pixels.ndim != 2 or not pixels.size or kind not in _BITS:
            return None
        return "RICE_1" if kind in _RICE or self.quantizes(pixels) else "GZIP_2"

    def quantizes(self, pixels: Pixels) -> bool:
        """Whether such pixels are rounded."""
        return self.mode == "rice" and pixels.dtype == np.float32


@dataclass
class _Table:
    """The table of the tiles, while they are written."""

    columns: tuple[str, ...]
    longest: list[int]
    wide: bool
    rows: NDArray[Any]

    def cards(self, heap: int) -> list[str]:
        """Return the structural cards; their number does not depend on what is known yet."""
        cards = [
            card("XTENSION", "BINTABLE", "tiles of a compressed image"),
            card("BITPIX", 8, ""),
            card("NAXIS", 2, ""),
            card("NAXIS1", self.rows.dtype.itemsize, "bytes of a row"),
            card("NAXIS2", len(self.rows), "number of tiles"),
            card("PCOUNT", heap, "bytes of all tiles"),
            card("GCOUNT", 1, ""),
            card("TFIELDS", len(self.columns), "number of columns"),
        ]
        letter = "Q" if self.wide else "P"
        for index, name in enumerate(self.columns, 1):
            form = f"1{letter}B({self.longest[index - 1]})" if index <= len(self.longest) else "1D"
            cards += [card(f"TTYPE{index}", name), card(f"TFORM{index}", form)]
        return cards


def _table_of(pixels: Pixels, quantized: bool) -> _Table:
    # A code that is no shorter than its pixels is longer by some bytes for each tile.
    wide = pixels.nbytes * 1.1 + 64 * pixels.shape[0] > _LONGEST
    place = (">i8" if wide else ">i4", (2,))
    fields: list[tuple[Any, ...]] = [("COMPRESSED_DATA", *place)]
    if quantized:
        fields += [("GZIP_COMPRESSED_DATA", *place), ("ZSCALE", ">f8"), ("ZZERO", ">f8")]
    names = tuple(field[0] for field in fields)
    rows = np.zeros(pixels.shape[0], np.dtype(fields))
    return _Table(names, [0, 0] if quantized else [0], wide, rows)


def write_hdu(
    file: AtomicFile, cards: list[str], array: Pixels | None, packing: Packing | None
) -> None:
    """Append an HDU, an image compressed where that is wanted and FITS has a form for it."""
    algorithm = None
    if packing is not None and array is not None:
        algorithm = packing.algorithm(array)
    if packing is None or array is None or algorithm is None:
        _hdu.write_hdu(file, cards, array)
    else:
        _write_packed(file, cards, array, packing, algorithm)


def _write_packed(
    file: AtomicFile, cards: list[str], pixels: Pixels, packing: Packing, algorithm: str
) -> None:
    """Append an image as a table of compressed tiles.

    Header and table go first, and again when they are known, so that no more than a band of
    rows is held in memory.
    """
    quantized = packing.quantizes(pixels)
    table = _table_of(pixels, quantized)
    start = file.tell()
    size = pixels.nbytes // pixels.shape[0]
    # Whole words of the sums, so that the first band has one whatever the width.
    step = max(_BAND // size // 4 * 4, 4)
    coding: tuple[str, str | None, float, int] = (algorithm, None, 0.0, 1)
    seed = 1
    heap = total = 0
    own: list[str] = []
    for begin in range(0, pixels.shape[0], step):
        band = np.ascontiguousarray(pixels[begin : begin + step])
        if begin == 0:
            if quantized:
                # From the pixels, so that planes differ and the same one gives the same bytes.
                seed = 1 + checksum.datasum(band) % _SEEDS
                coding = (algorithm, _DITHER, packing.quantize, seed)
            own = _own_cards(cards, pixels, algorithm, seed if quantized else None)
            file.write(header_of([*table.cards(0), *own], 0))
            file.write(table.rows.tobytes())
        codes = _kernels.encode_rows(band.reshape(-1), pixels.shape[1], begin, coding)
        _enter(table, begin, heap, codes[1:])
        # The words of the sum begin with the table.
        total = checksum.datasum(codes[0], total, table.rows.nbytes + heap)
        file.write(codes[0].data)
        heap += codes[0].size
    file.write(bytes(-(table.rows.nbytes + heap) % BLOCK))
    total = checksum.datasum(table.rows.tobytes(), total)
    whole = [*table.cards(heap), *own]
    header = summed_header(whole, total)
    file.write_at(start, header + table.rows.tobytes())


def _enter(table: _Table, begin: int, heap: int, codes: tuple[NDArray[Any], ...]) -> None:
    """Enter the tiles of a band that lie in the heap from ``heap`` on."""
    lengths, stores, scales, zeros = codes
    rows = table.rows[begin : begin + len(lengths)]
    starts = heap + np.cumsum(lengths) - lengths
    for store, name in enumerate(table.columns[: len(table.longest)]):
        here = stores == store
        rows[name][here] = np.stack([lengths, starts], axis=1)[here]
        longest = int(lengths.max(where=here, initial=0))
        table.longest[store] = max(table.longest[store], longest)
    if "ZSCALE" in table.columns:
        rows["ZSCALE"], rows["ZZERO"] = scales, zeros


def _own_cards(cards: list[str], pixels: Pixels, algorithm: str, seed: int | None) -> list[str]:
    """Return the cards of the image and of its compression."""
    kind = pixels.dtype.str[1:]
    own = [
        card("ZIMAGE", True, "the table holds a compressed image"),
        card("ZTENSION", "IMAGE", "what the image was"),
        card("ZBITPIX", _BITS[kind], "BITPIX of the image"),
        card("ZNAXIS", 2, "number of axes of the image"),
        card("ZNAXIS1", pixels.shape[1], ""),
        card("ZNAXIS2", pixels.shape[0], ""),
        card("ZPCOUNT", 0, ""),
        card("ZGCOUNT", 1, ""),
        card("ZTILE1", pixels.shape[1], "a tile is a row"),
        card("ZTILE2", 1, ""),
        card("ZCMPTYPE", algorithm, "how the tiles are compressed"),
    ]
    if algorithm == "RICE_1":
        width = _RICE.get(kind, 4)
        own += [card("ZNAME1", "BLOCKSIZE", ""), card("ZVAL1", 32, "pixels of a block")]
        own += [card("ZNAME2", "BYTEPIX", ""), card("ZVAL2", width, "bytes of a pixel")]
    if seed is not None:
        own.append(card("ZQUANTIZ", _DITHER, "how floats became integers"))
        own.append(card("ZDITHER0", seed, "where the random numbers begin"))
        own.append(card("ZBLANK", _BLANK, "the integer of a NaN"))
    elif pixels.dtype.kind == "f":
        own.append(card("ZQUANTIZ", "NONE", "every bit is kept"))
    return own + [one for one in cards if one[:8].rstrip().rstrip("0123456789") not in _IMAGE]
