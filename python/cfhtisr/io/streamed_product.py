"""A product whose planes are written by the pass that makes them."""

__all__ = ["StreamedProduct"]

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.streamed_frame import KINDS
from cfhtisr.io._checksum import BLOCK
from cfhtisr.io._hdu import Hdu, InFile, summed_header, write_hdu
from cfhtisr.io.atomic import AtomicFile

_PIECE = 1 << 22  # bytes that are moved at a time


class StreamedProduct:
    """A file with room for headers and planes; see `cfhtisr.images.streamed_frame.Sink`.

    How long the headers are is known only when the frame is made. They are expected to be as
    long as those of the product before; if they are not, the planes are moved.

    Parameters
    ----------
    file : AtomicFile
        The file, open and empty.
    headers : sequence of int
        How long the headers of the primary HDU, of IMAGE, MASK and VARIANCE will be [byte];
        after `finish`, how long they are.
    """

    def __init__(self, file: AtomicFile, headers: Sequence[int]) -> None:
        self.file = file
        self.headers = tuple(headers)
        self._shape = (0, 0)
        self._starts = (0, 0, 0)
        self._sums: tuple[int, ...] = (0, 0, 0)

    def open(self, shape: tuple[int, int]) -> tuple[int, tuple[int, int, int]]:
        """Return the descriptor of the file, and the first byte of each plane."""
        self._shape = shape
        starts, end = self._layout(self.headers)
        self._starts = (starts[0], starts[1], starts[2])
        self.file.resize(end)
        return self.file.descriptor, self._starts

    def take(self, sums: Sequence[int]) -> None:
        """Note the sums of the bytes of the planes, which are written."""
        self._sums = tuple(sums)

    def read(self, plane: int) -> NDArray[Any]:
        """Return the pixels of a plane that was written."""
        kind = KINDS[plane]
        pixels = np.empty(self._shape, kind)
        flat, step = pixels.reshape(-1), _PIECE // kind.itemsize
        for first in range(0, flat.size, step):
            part = flat[first : first + step]
            place = self._starts[plane] + first * kind.itemsize
            data = self.file.read_at(place, part.nbytes)
            part[...] = np.frombuffer(data, kind.newbyteorder(">"))
        return pixels

    def blamed(self) -> AbstractContextManager[None]:
        """Name the file in what a kernel raises that writes it."""
        return self.file.blamed()

    def planes(self) -> list[InFile]:
        """Return what stands for the pixels of image, mask and variance in the file."""
        return [
            InFile(self._shape, kind, total) for kind, total in zip(KINDS, self._sums, strict=True)
        ]

    def finish(self, hdus: Sequence[Hdu]) -> None:
        """Write all headers, and the HDUs behind the planes.

        Parameters
        ----------
        hdus : sequence of (cards, pixels)
            The primary HDU, IMAGE, MASK, VARIANCE with what `planes` returned, and others.
        """
        headers = []
        for cards, pixels in hdus[:4]:
            headers.append(summed_header(cards, pixels.datasum if pixels is not None else 0))
        self.headers = tuple(len(header) for header in headers)
        starts, end = self._layout(self.headers)
        self.file.resize(max(end, self.file.tell()))
        self._move(starts)
        self.file.resize(end)
        first, *others = headers
        self.file.write_at(0, first)
        for header, start in zip(others, starts, strict=True):
            self.file.write_at(start - len(header), header)
        for cards, pixels in hdus[4:]:
            write_hdu(self.file, cards, pixels)

    def _plane_size(self) -> int:
        return 4 * self._shape[0] * self._shape[1]

    def _layout(self, headers: Sequence[int]) -> tuple[list[int], int]:
        """Return where each plane begins, and the end of the last."""
        place, starts = headers[0], []
        for header in headers[1:]:
            place += header
            starts.append(place)
            place += -(-self._plane_size() // BLOCK) * BLOCK
        return starts, place

    def _move(self, starts: Sequence[int]) -> None:
        """Move planes to where they belong, with zeros up to the end of their block."""
        size = self._plane_size()
        moves = list(zip(self._starts, starts, strict=True))
        # None onto another that is still to be moved: the last first if they move up.
        moves = [(old, new) for old, new in reversed(moves) if new > old] + [
            (old, new) for old, new in moves if new < old
        ]
        for old, new in moves:
            offsets = list(range(0, size, _PIECE))
            for offset in offsets if new < old else reversed(offsets):
                data = self.file.read_at(old + offset, min(_PIECE, size - offset))
                self.file.write_at(new + offset, data)
            self.file.write_at(new + size, bytes(-size % BLOCK))
        self._starts = (starts[0], starts[1], starts[2])
