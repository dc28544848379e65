"""Tile-compressed images: what the table of the tiles says."""

__all__ = ["TileTable"]

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_cards import Cards
from cfhtisr.io.hdu import Hdu, number, whole

_ALGORITHMS = ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS")
_DITHERS = ("NO_DITHER", "SUBTRACTIVE_DITHER_1", "SUBTRACTIVE_DITHER_2")
_DATA = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])([LXBIJKAEDCM]?)")
_WIDTHS = dict(zip("LXBIJKAEDCMPQ", (1, 0, 1, 2, 4, 8, 1, 4, 8, 8, 16, 8, 16), strict=True))
_SCALARS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
# Neither deflate nor a sensible Rice block packs tighter.
_TIGHTEST = 1032
_ROOM = 1 << 20


@dataclass(frozen=True)
class _Column:
    place: int
    letter: str
    element: str


@dataclass(frozen=True)
class Tiles:
    """Where some tiles lie in the heap, and what is their own; one value per tile."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    stores: NDArray[np.uint8]
    scales: NDArray[np.float64]
    zeros: NDArray[np.float64]
    blanks: NDArray[np.int64]

    def part(self, first: int, end: int, origin: int) -> tuple[NDArray[Any], ...]:
        """Return some of them, with starts that count from ``origin``."""
        cut = slice(first, end)
        values = (self.stores, self.scales, self.zeros, self.blanks)
        return (self.starts[cut] - origin, self.lengths[cut], *(v[cut] for v in values))


class TileTable:
    """The table behind a compressed image, from its header.

    Parameters
    ----------
    hdu : Hdu
        A compressed image of two axes.

    Raises
    ------
    FileFormatError
        If the header is not that of an image that can be decoded here.
    """

    def __init__(self, hdu: Hdu) -> None:
        cards, self.where = hdu.cards, hdu.where
        self.bitpix, shape = hdu.image[0], hdu.shape
        if shape is None:
            raise FileFormatError(f"{self.where}: holds no image of two axes")
        self.rows, self.columns = shape
        self.scaling = hdu.scaling
        sides = [max(self.columns, 1), max(self.rows, 1)]
        across, down = (
            min(whole(cards, f"ZTILE{axis}", self.where, default, 1), side)
            for axis, default, side in zip((1, 2), (sides[0], 1), sides, strict=True)
        )
        self.tile_columns, self.tile_rows = across, down
        self.across = -(-self.columns // across)
        self.down = -(-self.rows // down)
        if len(hdu.axes) != 2 or hdu.bitpix != 8:
            raise FileFormatError(f"{self.where}: is no binary table (BITPIX 8, NAXIS 2)")
        self.width, count = hdu.axes
        if count != self.across * self.down:
            wanted = f"{self.across * self.down} tiles of {across} x {down} pixels"
            raise FileFormatError(f"{self.where}: NAXIS2 is {count}, wanted {wanted}")
        self.size = self.width * count
        self.heap = whole(cards, "THEAP", self.where, self.size, self.size)
        self.heap_size = hdu.data_size - self.heap
        if self.heap_size < 0:
            raise FileFormatError(f"{self.where}: THEAP {self.heap} is behind the end of the data")
        claim = self.rows * self.columns * abs(self.bitpix) // 8
        if claim > hdu.data_size * _TIGHTEST + _ROOM:
            what = f"claims an image of {claim} bytes in a table of {hdu.data_size}"
            raise FileFormatError(f"{self.where}: ZNAXIS1, ZNAXIS2: {what}")
        self._columns = self._read_columns(cards)
        self.coding = self._read_coding(cards, hdu.compression or "")
        self._constants = tuple(
            number(cards, name, self.where, default)
            for name, default in (("ZSCALE", 1.0), ("ZZERO", 0.0))
        )
        self._blank = cards.get("ZBLANK")
        if type(self._blank) is not int or abs(self._blank) > 2**62:
            if self._blank is not None and self.coding[4] is not None:
                what = f"ZBLANK is {self._blank!r}, wanted a whole number of 32 bits"
                raise FileFormatError(f"{self.where}: {what}")
            self._blank = None

    def _read_columns(self, cards: Cards) -> dict[str, _Column]:
        columns: dict[str, _Column] = {}
        place = 0
        for field in range(1, whole(cards, "TFIELDS", self.where) + 1):
            form = cards.get(f"TFORM{field}")
            match = _FORM.match(form.strip()) if isinstance(form, str) else None
            if match is None:
                wanted = "the format of a table's column"
                raise FileFormatError(f"{self.where}: TFORM{field} is {form!r}, wanted {wanted}")
            repeat, letter, element = int(match[1] or 1), match[2], match[3]
            size = -(-repeat // 8) if letter == "X" else repeat * _WIDTHS[letter]
            name = str(cards.get(f"TTYPE{field}", "")).strip().upper()
            if repeat:
                columns.setdefault(name, _Column(place, letter, element))
            place += size
            if place > self.width:
                what = f"columns are wider than NAXIS1 = {self.width}"
                raise FileFormatError(f"{self.where}: TFORM{field}: {what}")
        for name in _DATA:
            column = columns.get(name)
            if column is not None and (column.letter not in "PQ" or column.element not in _SCALARS):
                what = f"column {name} does not hold arrays of bytes or numbers"
                raise FileFormatError(f"{self.where}: {what}")
        return columns

    def _read_coding(
        self, cards: Cards, algorithm: str
    ) -> tuple[str, int, int, int, str | None, int]:
        if algorithm not in _ALGORITHMS:
            known = ", ".join(_ALGORITHMS)
            what = f"ZCMPTYPE is {algorithm!r}, which cfhtisr does not decode (it does {known})"
            raise FileFormatError(f"{self.where}: {what}; unpack the file with funpack")
        settings = {}
        field = 1
        while f"ZNAME{field}" in cards:
            name = str(cards[f"ZNAME{field}"]).strip()
            if name in ("BLOCKSIZE", "BYTEPIX"):
                settings[name] = whole(cards, f"ZVAL{field}", self.where, None, 1)
            field += 1
        # Without the card a pixel has four bytes, whatever BITPIX: MegaCam's files up to 2008.
        width, block = settings.get("BYTEPIX", 4), settings.get("BLOCKSIZE", 32)
        if algorithm == "RICE_1" and (width not in (1, 2, 4) or block >= 2**31):
            what = f"BYTEPIX {width}, BLOCKSIZE {block}, wanted 1, 2 or 4, and a block below 2**31"
            raise FileFormatError(f"{self.where}: {what}")
        dither = self._read_dither(cards, algorithm)
        seed = 1 if dither is None else whole(cards, "ZDITHER0", self.where, 1, 1)
        if seed > 10_000:
            raise FileFormatError(f"{self.where}: ZDITHER0 is {seed}, wanted 1 to 10000")
        return algorithm, self.bitpix, min(width, 9), min(block, 2**31), dither, seed

    def _read_dither(self, cards: Cards, algorithm: str) -> str | None:
        quantized = "ZSCALE" in self._columns or "ZSCALE" in cards
        dither = str(cards.get("ZQUANTIZ", "NO_DITHER")).strip()
        if self.bitpix > 0:
            if self.bitpix == 64 and algorithm == "RICE_1":
                raise FileFormatError(f"{self.where}: ZBITPIX is 64, which RICE_1 cannot hold")
            return None
        if dither == "NONE" or not quantized:
            if algorithm == "RICE_1":
                what = "RICE_1 holds floats only when they are quantised"
                raise FileFormatError(f"{self.where}: ZQUANTIZ, ZSCALE: {what}")
            return None
        if dither not in _DITHERS:
            wanted = ", ".join(("NONE", *_DITHERS))
            raise FileFormatError(f"{self.where}: ZQUANTIZ is {dither!r}, wanted one of {wanted}")
        return dither

    def tiles(self, table: NDArray[np.uint8], first: int) -> Tiles:
        """Return the tiles in some rows of the table.

        Parameters
        ----------
        table : ndarray of uint8, shape (n * width,)
            The rows.
        first : int
            Number of the first tile, for messages.

        Returns
        -------
        tiles : Tiles
            Starts count from the start of the heap [byte].

        Raises
        ------
        FileFormatError
            If a tile has no bytes, or bytes outside of the heap, or bytes of another.
        """
        rows = table.reshape(-1, self.width)
        starts = np.zeros(len(rows), np.int64)
        lengths = np.zeros(len(rows), np.int64)
        stores = np.zeros(len(rows), np.uint8)
        for store, name in enumerate(_DATA):
            if name not in self._columns:
                continue
            column = self._columns[name]
            kind = ">i4" if column.letter == "P" else ">i8"
            pair = self._view(rows, column.place, kind, 2).astype(np.int64)
            size = np.dtype(_SCALARS[column.element]).itemsize
            count, start = pair[:, 0], pair[:, 1]
            most = self.heap_size // size
            self._check((count < 0) | (count > most), first, f"{name} has a length off the heap")
            length = count * size
            free = (lengths == 0) & (length > 0)
            off = free & ((start < 0) | (start > self.heap_size - length))
            self._check(off, first, f"{name} lies outside of the heap")
            starts[free], lengths[free], stores[free] = start[free], length[free], store
        self._check(lengths == 0, first, "has no bytes")
        if int(lengths.sum()) > self.heap_size:
            what = f"{int(lengths.sum())} bytes in a heap of {self.heap_size} (PCOUNT)"
            raise FileFormatError(f"{self.where}: its tiles claim {what}")
        values = [np.empty(0, np.float64), np.empty(0, np.float64)]
        blanks = np.empty(0, np.int64)
        if self.coding[4] is not None:
            for place, name in enumerate(("ZSCALE", "ZZERO")):
                constant = np.full(len(rows), self._constants[place])
                values[place] = self._scalars(rows, name, constant)
            if "ZBLANK" in self._columns or self._blank is not None:
                constant = np.full(len(rows), self._blank or 0, np.int64)
                blanks = self._scalars(rows, "ZBLANK", constant)
        return Tiles(starts, lengths, stores, values[0], values[1], blanks)

    def _view(self, rows: NDArray[np.uint8], place: int, kind: str, count: int) -> NDArray[Any]:
        size = np.dtype(kind).itemsize * count
        return np.ascontiguousarray(rows[:, place : place + size]).view(kind)

    def _scalars(self, rows: NDArray[np.uint8], name: str, constant: NDArray[Any]) -> NDArray[Any]:
        column = self._columns.get(name)
        if column is None:
            return constant
        if column.letter not in _SCALARS:
            raise FileFormatError(f"{self.where}: column {name} does not hold a number")
        kind = _SCALARS[column.letter]
        return self._view(rows, column.place, kind, 1)[:, 0].astype(constant.dtype)

    def _check(self, bad: NDArray[np.bool_], first: int, what: str) -> None:
        if bad.any():
            tile = first + int(np.argmax(bad))
            raise FileFormatError(f"{self.where}: tile {tile} {what} ({self.heap_size} bytes)")

    def decode(
        self,
        code: NDArray[np.uint8],
        tiles: tuple[NDArray[Any], ...],
        first_row: int,
        out: NDArray[Any],
    ) -> None:
        """Decode tiles that lie in ``code`` into whole rows, from ``first_row`` on."""
        grid = (self.columns, self.rows, self.tile_columns, self.tile_rows, first_row)
        try:
            _kernels.decode_tiles(code, tiles, grid, self.coding, self.scaling, out)  # type: ignore[arg-type]
        except ValueError as error:
            raise FileFormatError(f"{self.where}: {error}") from None

    def read(
        self,
        descriptor: int,
        heap: int,
        tiles: Tiles,
        first_row: int,
        out: NDArray[Any],
        summed: tuple[int, int, int] | None,
    ) -> int:
        """Decode tiles that lie in a file into rows, from ``first_row`` on.

        Parameters
        ----------
        descriptor : int
            The open file.
        heap : int
            Where in the file the heap begins [byte].
        tiles : Tiles
            The tiles of these rows.
        first_row : int
            The first row.
        out : ndarray, shape (rows, columns)
            Where to put them.
        summed : (heap, first, end), optional
            Place of the heap in the data of the HDU, and the bytes of the data to sum.

        Returns
        -------
        sum : int
            Their sum; 0 if it is not wanted.
        """
        grid = (self.columns, self.rows, self.tile_columns, self.tile_rows, first_row)
        columns = tiles.part(0, len(tiles.starts), 0)
        try:
            return _kernels.read_tiles(
                descriptor,
                heap,
                columns,  # type: ignore[arg-type]
                grid,
                self.coding,
                self.scaling,
                out,
                summed,
            )
        except ValueError as error:
            raise FileFormatError(f"{self.where}: {error}") from None
