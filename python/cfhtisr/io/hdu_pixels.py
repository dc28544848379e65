"""The pixels of an HDU, to be read later or by a kernel."""

__all__ = ["HduPixels"]

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.stored_image import FilePlace
from cfhtisr.io.fits_file import FitsFile


class HduPixels:
    """The pixels of an image HDU; see `cfhtisr.images.stored_image.PixelSource`.

    Parameters
    ----------
    file : FitsFile
        A file that stays open.
    index : int
        Number of the HDU.
    """

    def __init__(self, file: FitsFile, index: int) -> None:
        self._file, self._index = file, index
        hdu = file.hdus[index]
        rows, columns = hdu.shape or (0, 0)
        self.shape = (rows, columns)
        self.dtype: np.dtype[Any] = hdu.dtype

    @property
    def place(self) -> FilePlace | None:
        """Where a kernel finds them; None if they are compressed."""
        return self._file.place(self._index)

    def read(self) -> NDArray[Any]:
        """Return the pixels, whose sum is verified."""
        return self._file.read(self._index)

    def was_read(self, total: int) -> None:
        """Verify the sum of the bytes of all pixels, which a kernel has read."""
        self._file.was_read(self._index, total)

    def blamed(self) -> AbstractContextManager[None]:
        """Name file and HDU in what a kernel raises."""
        return self._file.blamed(self._index)
