"""FITS files in: any HDU of a plain, gzipped or tile-compressed file, and only that."""

__all__ = ["FitsFile", "Hdu"]

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.errors import FileFormatError
from cfhtisr.io._bands import BAND, Summed, bands, check_target, filled
from cfhtisr.io.byte_source import ByteSource, descriptor_of, open_source
from cfhtisr.io.fits_cards import CARD, Cards
from cfhtisr.io.hdu import BLOCK, Hdu
from cfhtisr.io.tiles import TileTable

_LONGEST_HEADER = 1 << 22
_log = logging.getLogger(__name__)


class _Hdus(Sequence[Hdu]):
    """The HDUs of a file, found when they are asked for."""

    def __init__(self, file: "FitsFile") -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file._scan(None)

    @overload
    def __getitem__(self, index: int) -> Hdu: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hdu]: ...
    def __getitem__(self, index: int | slice) -> Hdu | Sequence[Hdu]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        found = self._file._scan(index)
        if 0 <= index < found:
            return self._file._found[index]
        if self._file._damage is not None:
            raise FileFormatError(str(self._file._damage))
        raise IndexError(f"{self._file.path}: there is no HDU {index}, only {found}")

    def __iter__(self) -> Iterator[Hdu]:
        index = 0
        while index < self._file._scan(index):
            yield self._file._found[index]
            index += 1


class FitsFile:
    """A FITS file, open for reading: plain, gzipped, tile-compressed, or all of it together.

    Headers are read as far as they are asked for; nothing is read of the pixels of an HDU
    that is not asked for, except that a gzipped file has to be inflated up to it. Any number
    of threads may read.

    Parameters
    ----------
    path : path-like
        The file; its first bytes, not its name, say whether it is gzipped.
    checksum : {"error", "warn", "ignore"}
        What to do when an HDU read as a whole does not have the sum that its CHECKSUM or
        DATASUM card states: raise `FileFormatError`, log a warning, or do not even sum.
    wrap : callable, optional
        Makes another byte source of the one found, to watch what is read.

    Raises
    ------
    FileFormatError
        If the file does not begin like FITS.

    Attributes
    ----------
    path : str
        The file.
    hdus : sequence of Hdu
        What is in it. In a damaged file these are the HDUs before the damage; see `damage`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        checksum: Literal["error", "warn", "ignore"] = "error",
        *,
        wrap: Callable[[ByteSource], ByteSource] | None = None,
    ) -> None:
        if checksum not in ("error", "warn", "ignore"):
            raise ValueError(f"checksum is {checksum!r}, wanted 'error', 'warn' or 'ignore'")
        self.path = os.fspath(path)
        self.checksum = checksum
        self._lock = threading.Lock()
        self._found: list[Hdu] = []
        self._sums: dict[int, int] = {}
        self._damage: FileFormatError | None = None
        self._complete = False
        self._source = open_source(path, wrap)
        self._limit = self._source.most()
        self._file_size = os.stat(path).st_size
        try:
            if self._scan(0) == 0:
                raise self._damage or FileFormatError(f"{self.path}: holds no HDU")
        except BaseException:
            self.close()
            raise
        self.hdus: Sequence[Hdu] = _Hdus(self)

    def __enter__(self) -> "FitsFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays valid."""
        self._source.close()

    @property
    def damage(self) -> str | None:
        """What keeps the file from being whole, if anything; finds all HDUs."""
        self._scan(None)
        return None if self._damage is None else str(self._damage)

    def read(
        self,
        index: int,
        rows: tuple[int, int] | slice | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return the pixels of an image HDU.

        Beside the pixels only some MiB of memory are used, however large the HDU is; a
        compressed tile is held as a whole where it is larger.

        Parameters
        ----------
        index : int
            Number of the HDU, 0 for the primary.
        rows : (first, end) or slice, optional
            Rows to read, all by default; the checksum is verified only when all are.
        out : ndarray, shape (rows, columns), optional
            Where to put the pixels, of the type that is returned otherwise; it may be a part
            of a larger array. After an error it holds anything.

        Returns
        -------
        pixels : ndarray, shape (rows, columns)
            uint16 for BITPIX 16 with BZERO 32768; the type that is stored, in the order of
            this machine, for unscaled pixels; float32 (BLANK is NaN) for other BSCALE, BZERO.
            This is `out`, if that is given.

        Raises
        ------
        FileFormatError
            If the HDU holds no image of two axes, or is damaged, or its sum is wrong.
        IndexError
            If there is no such HDU.
        ValueError
            If `out` has another shape or type, or cannot be written to.
        OSError
            If the system cannot read the file.
        """
        hdu = self.hdus[index]
        if hdu.shape is None:
            raise FileFormatError(f"{hdu.where}: holds no image of two axes")
        first, end = _row_range(rows, hdu.shape[0])
        shape = end - first, hdu.shape[1]
        if out is not None:
            check_target(out, shape, hdu.dtype, hdu.where)
        is_all = (first, end) == (0, hdu.shape[0])
        # Even if no card is to be compared: whoever notes the inputs of a product wants the sum.
        summed = Summed(self._source, hdu) if is_all and hdu.index not in self._sums else None
        read = self._read_tiles if hdu.is_compressed else self._read_plain
        pixels = read(hdu, (first, end), out, summed)
        if summed is not None:
            self._sums[hdu.index] = self._total(summed)
        return pixels

    def read_bytes(self, index: int) -> NDArray[np.uint8]:
        """Return the data of an HDU of any kind as they lie in the file.

        Raises
        ------
        FileFormatError
            If the HDU is damaged, or its sum is wrong.
        """
        hdu = self.hdus[index]
        self._claim(hdu, 0, hdu.data_size)
        summed = Summed(self._source, hdu) if index not in self._sums else None
        data = np.empty(hdu.data_size, np.uint8)
        self._fill(hdu, 0, data, summed)
        if summed is not None:
            self._sums[index] = self._total(summed)
        return data

    def data_sum(self, index: int) -> int:
        """Return the sum of the data of an HDU of any kind, as a DATASUM card would hold it.

        An HDU that was read as a whole has been summed already.

        Raises
        ------
        FileFormatError
            If the HDU is damaged, or a sum that its cards state is wrong.
        """
        hdu = self.hdus[index]
        if index not in self._sums:
            self._claim(hdu, 0, hdu.data_size)
            self._sums[index] = self._total(Summed(self._source, hdu))
        return self._sums[index]

    def stated_sum(self, index: int) -> int:
        """Return the sum of the data of an HDU as its header states it, as `data_sum` would.

        Reading the HDU refuses it if that is wrong. Where nothing is stated, or a wrong sum
        would not be refused, the data are summed.
        """
        stated = str(self.hdus[index].cards.get("DATASUM", "")).strip()
        if index in self._sums or self.checksum != "error" or not stated.isdecimal():
            return self.data_sum(index)
        return int(stated)

    def place(
        self, index: int
    ) -> tuple[int, int, int, tuple[float, float, int | None] | None, tuple[int, int]] | None:
        """Return where a kernel finds the pixels of an HDU; None if it cannot read them itself.

        Returns
        -------
        descriptor, start, bitpix, scaling, shape
            The open file, the first byte of the pixels, how they are stored, and (rows, columns).

        Raises
        ------
        FileFormatError
            If the file is too short for them.
        """
        hdu = self.hdus[index]
        descriptor = descriptor_of(self._source)
        if hdu.shape is None or hdu.is_compressed or descriptor is None or 0 in hdu.shape:
            return None
        rows, columns = hdu.shape
        self._claim(hdu, 0, rows * columns * abs(hdu.image[0]) // 8)
        return descriptor, hdu.data_start, hdu.image[0], hdu.scaling, (rows, columns)

    def was_read(self, index: int, total: int) -> None:
        """Take the sum of the bytes of all pixels of an HDU that a kernel has read at `place`.

        Raises
        ------
        FileFormatError
            If the sum that its header states is wrong.
        """
        if index in self._sums:
            return
        hdu = self.hdus[index]
        rows, columns = hdu.shape or (0, 0)
        summed = Summed(self._source, hdu)
        summed.put(total, rows * columns * abs(hdu.image[0]) // 8)
        self._sums[index] = self._total(summed)

    def blamed(self, index: int) -> AbstractContextManager[None]:
        """Name file and HDU in what a kernel raises that reads the file itself."""
        return self._blamed(self.hdus[index])

    def _total(self, summed: Summed) -> int:
        """Return the sum of an HDU, compared with what its header states."""
        with self._blamed(summed.hdu):
            problem = summed.problem() if self.checksum != "ignore" else None
            total = summed.total()
        if problem is not None and self.checksum == "error":
            raise FileFormatError(f'{problem} (checksum="warn" reads it nevertheless)')
        if problem is not None:
            _log.warning("%s", problem)
        return total

    def _read_plain(
        self, hdu: Hdu, rows: tuple[int, int], out: NDArray[Any] | None, summed: Summed | None
    ) -> NDArray[Any]:
        bitpix, (columns, *_) = hdu.image
        size = abs(bitpix) // 8
        start, count = rows[0] * columns, (rows[1] - rows[0]) * columns
        self._claim(hdu, start * size, count * size)
        pixels = np.empty((rows[1] - rows[0], columns), hdu.dtype) if out is None else out
        scaling = hdu.scaling
        descriptor = descriptor_of(self._source)
        if descriptor is not None and count:
            with self._blamed(hdu):
                total = _kernels.read_pixels(
                    descriptor, hdu.data_start, bitpix, scaling, rows[0], pixels, summed is not None
                )
            if summed is not None:
                summed.put(total, count * size)
            return pixels
        buffer = np.empty(min(count * size, BAND), np.uint8)
        # As flat as it can be: a row may be longer than what is read at a time.
        lines = pixels.reshape(1, -1) if pixels.flags.c_contiguous else pixels
        most = max(BAND // size, 1)
        for number, line in enumerate(lines):
            for left in range(0, len(line), most):
                part = line[left : left + most]
                code = buffer[: len(part) * size]
                self._fill(hdu, (start + number * columns + left) * size, code, summed)
                with filled(part) as band:
                    _kernels.unpack_pixels(code, bitpix, scaling, band)
        return pixels

    def _read_tiles(
        self, hdu: Hdu, rows: tuple[int, int], out: NDArray[Any] | None, summed: Summed | None
    ) -> NDArray[Any]:
        table = TileTable(hdu)
        first, end = rows
        if first >= end or table.columns == 0:
            return np.empty((end - first, table.columns), hdu.dtype) if out is None else out
        down = first // table.tile_rows, -(-end // table.tile_rows)
        lines = down[0] * table.across, down[1] * table.across
        self._claim(hdu, lines[0] * table.width, (lines[1] - lines[0]) * table.width)
        entries = np.empty((lines[1] - lines[0]) * table.width, np.uint8)
        self._fill(hdu, lines[0] * table.width, entries, summed)
        tiles = table.tiles(entries, lines[0])
        ends = tiles.starts + tiles.lengths
        self._claim(hdu, table.heap, int(ends.max()))
        pixels = np.empty((end - first, table.columns), hdu.dtype) if out is None else out
        descriptor = descriptor_of(self._source)
        if descriptor is not None:
            place = hdu.data_start + table.heap
            cut = None if summed is None else (table.heap, table.size, hdu.end - hdu.data_start)
            with self._blamed(hdu):
                total = table.read(descriptor, place, tiles, first, pixels, cut)
            if summed is not None:
                summed.put(total, hdu.end - hdu.data_start)
            return pixels
        if summed is not None:
            summed.done = table.size
        buffer = np.empty(min(BAND, table.heap_size), np.uint8)
        for one, other, low, high in bands(tiles.starts, ends, table.across):
            if len(buffer) < high - low:
                buffer = np.empty(high - low, np.uint8)
            code = buffer[: high - low]
            self._fill(hdu, table.heap + low, code, summed)
            top = max(first, (down[0] + one // table.across) * table.tile_rows)
            bottom = min(end, (down[0] + other // table.across) * table.tile_rows)
            with filled(pixels[top - first : bottom - first]) as band:
                table.decode(code, tiles.part(one, other, low), top, band)
        return pixels

    @contextmanager
    def _blamed(self, hdu: Hdu) -> Iterator[None]:
        """Name file and HDU in what the kernels raise that read the file themselves."""
        try:
            yield
        except FileFormatError:
            raise
        except EOFError as error:
            raise self._truncated(hdu, int(error.args[0])) from None
        except OSError as error:
            what = f"{error.strerror or error} (at the data of {hdu.where})"
            raise OSError(error.errno, what, self.path) from error

    def _claim(self, hdu: Hdu, offset: int, size: int) -> None:
        """Refuse bytes that the file cannot have, before memory is taken for them."""
        end = hdu.data_start + offset + size
        if size > hdu.data_size - offset:
            what = f"needs {size} bytes from byte {offset} of its {hdu.data_size} on"
            raise FileFormatError(f"{hdu.where}: its header {what}")
        if end > self._limit:
            raise self._truncated(hdu, self._limit)

    def _truncated(self, hdu: Hdu, end: int) -> FileFormatError:
        wanted = hdu.data_start + hdu.data_size
        # How much a gzipped file holds is known only at its end.
        least = "before" if end == self._limit != self._file_size else "at"
        what = f"its data end at byte {wanted}, the file {least} byte {end}"
        return FileFormatError(f"{hdu.where}: is truncated: {what}")

    def _fill(
        self, hdu: Hdu, offset: int, target: NDArray[np.uint8], summed: Summed | None
    ) -> None:
        """Read bytes of the data of an HDU, from ``offset`` in them on."""
        if summed is not None:
            summed.up_to(offset)
        place = hdu.data_start + offset
        count = self._source.read_into(place, target.data)
        if count < len(target):
            raise self._truncated(hdu, place + count)
        if summed is not None:
            summed.add(offset, target)

    def _scan(self, index: int | None) -> int:
        """Find HDUs up to one, or all; return how many are known then."""
        with self._lock:
            while not self._complete and (index is None or index >= len(self._found)):
                try:
                    hdu = self._next_hdu()
                except FileFormatError as error:
                    self._damage, hdu = error, None
                if hdu is None:
                    self._complete = True
                else:
                    self._found.append(hdu)
            return len(self._found)

    def _next_hdu(self) -> Hdu | None:
        index = len(self._found)
        start = self._found[-1].end if self._found else 0
        where = f"{self.path}: HDU {index}"
        block = bytearray(BLOCK)
        raw, end = bytearray(), -1
        while end < 0:
            count = self._block(start + len(raw), block)
            if count < BLOCK:
                self._judge_end(index, start + len(raw) + count, bytes(block[:count]), raw)
                return None
            if not raw and not block.startswith((b"SIMPLE  =", b"XTENSION=")):
                self._judge_end(index, start, bytes(block), raw)
                return None
            end = block.find(b"END     ")
            while end % CARD and end >= 0:
                end = block.find(b"END     ", end + 1)
            end += len(raw) if end >= 0 else 0
            raw += block
            if len(raw) >= _LONGEST_HEADER and end < 0:
                what = f"has no END card in {len(raw)} bytes of header"
                raise FileFormatError(f"{where}: {what}")
        return Hdu(index, bytes(raw), start, self.path, Cards(raw[:end].decode("latin-1")))

    def _block(self, place: int, block: bytearray) -> int:
        return self._source.read_into(place, memoryview(block)) if place < self._limit else 0

    def _judge_end(self, index: int, end: int, rest: bytes, raw: bytearray) -> None:
        """Refuse what stands where a header should, unless a file may end so."""
        if raw or (index and rest.startswith(b"XTENSION=")):
            what = f"is truncated: its header has no END card, the file ends at byte {end}"
            raise FileFormatError(f"{self.path}: HDU {index}: {what}")
        if index == 0:
            begin = bytes(rest[:9])
            what = (
                f"is empty or shorter than a block of {BLOCK} bytes"
                if len(rest) < BLOCK
                else (f"begins with {begin!r}, wanted b'SIMPLE  ='")
            )
            raise FileFormatError(f"{self.path}: is no FITS file: {what}")
        last = self._found[-1]
        if len(rest) < BLOCK and last.data_start + last.data_size > min(end, self._limit):
            raise self._truncated(last, min(end, self._limit))
        if rest.strip(b"\0 "):
            what = f"what follows HDU {index - 1} at byte {last.end} is no header"
            raise FileFormatError(f"{self.path}: {what}, it begins with {bytes(rest[:9])!r}")


def _row_range(rows: tuple[int, int] | slice | None, count: int) -> tuple[int, int]:
    if rows is None:
        return 0, count
    cut = rows if isinstance(rows, slice) else slice(*rows)
    first, end, step = cut.indices(count)
    if step != 1:
        raise ValueError(f"rows have step {step}, wanted 1")
    return first, max(first, end)
