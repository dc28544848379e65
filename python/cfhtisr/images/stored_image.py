"""An image whose pixels lie in a file until somebody looks at them."""

__all__ = ["PixelSource", "StoredImage"]

from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.geom import Box2I
from cfhtisr.images.plane import Image

FilePlace = tuple[int, int, int, tuple[float, float, int | None] | None, tuple[int, int]]
"""Descriptor of the file, first byte, BITPIX, scaling, and (rows, columns)."""


class PixelSource(Protocol):
    """Pixels in a file that is open."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""

    @property
    def place(self) -> FilePlace | None:
        """Where a kernel finds them; None if it cannot read them itself."""

    def read(self) -> NDArray[Any]:
        """Return the pixels, whose sum is verified."""

    def was_read(self, total: int) -> None:
        """Verify the sum of the bytes of all pixels, which a kernel has read."""

    def blamed(self) -> AbstractContextManager[None]:
        """Name the file and the place in it in what a kernel raises."""


class StoredImage(Image):
    """An image plane whose pixels are read when somebody looks at them, and not before.

    Parameters
    ----------
    source : PixelSource
        Where the pixels are.
    xy0 : (int, int), optional
        Column and row of the first pixel in the parent frame.
    """

    __slots__ = ("_pixels", "source")

    def __init__(self, source: PixelSource, xy0: tuple[int, int] = (0, 0)) -> None:
        self.source = source
        self._pixels: NDArray[Any] | None = None
        self._xy0 = (int(xy0[0]), int(xy0[1]))

    @property
    def is_pending(self) -> bool:
        """Whether the pixels are still to be read."""
        return self._pixels is None

    @property
    def _array(self) -> NDArray[Any]:  # type: ignore[override]  # the slot of a plane
        if self._pixels is None:
            self._pixels = self.source.read()
        return self._pixels

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.source.shape[1]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.source.shape[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self.source.dtype

    # A part, and a copy, are of pixels that are there.

    def subset(self, box: Box2I) -> Image:  # type: ignore[override]
        """Return the pixels of a box of the parent frame, shared with this plane.

        Raises
        ------
        IndexError
            If the box reaches outside of the plane.
        """
        return Image(self._array, self._xy0).subset(box)

    def copy(self) -> Image:  # type: ignore[override]
        """Return a plane with pixels of its own."""
        return Image(self._array.copy(), self._xy0)

    def clone(self) -> Image:  # type: ignore[override]
        """Return a plane with pixels of its own."""
        return self.copy()
