"""A plane: a two-dimensional array that knows where its first pixel lies."""

__all__ = ["Image", "Plane", "as_plane_array"]

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cfhtisr.images.geom import Box2I


def as_plane_array(name: str, array: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return an array of two dimensions in the machine's byte order, without a copy if it is one.

    Raises
    ------
    ValueError
        If the array does not have two dimensions.
    TypeError
        If it does not hold real numbers.
    """
    values = np.asarray(array)
    if values.ndim != 2:
        raise ValueError(f"{name} has shape {values.shape}, wanted (rows, columns)")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {values.dtype}, wanted real numbers")
    if dtype is None:
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    return np.asarray(values, dtype=dtype)


class Plane:
    """Pixels and the position of the first of them.

    Parameters
    ----------
    array : array_like, shape (rows, columns)
        The pixels; taken without a copy where that is possible.
    xy0 : (int, int), optional
        Column and row of the first pixel in the parent frame.
    """

    __slots__ = ("_array", "_xy0")

    def __init__(self, array: ArrayLike, xy0: tuple[int, int] = (0, 0)) -> None:
        self._array = as_plane_array(type(self).__name__.lower(), array)
        self._xy0 = (int(xy0[0]), int(xy0[1]))

    @property
    def array(self) -> NDArray[Any]:
        """The pixels, shape (rows, columns); assigning copies into them."""
        return self._array

    @array.setter
    def array(self, values: ArrayLike) -> None:
        self._array[...] = values

    @property
    def xy0(self) -> tuple[int, int]:
        """Column and row of the first pixel in the parent frame."""
        return self._xy0

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return Box2I(*self._xy0, self.width, self.height)

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self._array.shape[1])

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self._array.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Shape, (rows, columns)."""
        return (self.height, self.width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        return self._array.dtype

    def subset(self, box: Box2I) -> Self:
        """Return the pixels of a box of the parent frame, shared with this plane.

        Raises
        ------
        IndexError
            If the box reaches outside of the plane.
        """
        if not self.bbox.contains(box):
            raise IndexError(
                f"box {box.to_section()} reaches outside of the image {self.bbox.to_section()}"
            )
        local = box.shifted_by(-self._xy0[0], -self._xy0[1])
        return type(self)(self._array[local.slices], xy0=(box.x0, box.y0))

    def copy(self) -> Self:
        """Return a plane with pixels of its own."""
        return type(self)(self._array.copy(), xy0=self._xy0)

    def __getitem__(self, box: Box2I) -> Self:
        if not isinstance(box, Box2I):
            raise TypeError("index a plane with a Box2I, its array with numbers")
        return self.subset(box)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy or (dtype is not None and np.dtype(dtype) != self._array.dtype):
            return np.array(self._array, dtype=dtype)
        return self._array

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width} x {self.height} {self.dtype}, xy0={self._xy0})"

    # LSST's names

    def getArray(self) -> NDArray[Any]:
        """Return the pixels, shape (rows, columns)."""
        return self._array

    def getBBox(self) -> Box2I:
        """Return the box of these pixels in the parent frame."""
        return self.bbox

    def getX0(self) -> int:
        """Return the column of the first pixel."""
        return self.xy0[0]

    def getY0(self) -> int:
        """Return the row of the first pixel."""
        return self.xy0[1]

    def getXY0(self) -> tuple[int, int]:
        """Return the column and row of the first pixel."""
        return self._xy0

    def setXY0(self, x0: int, y0: int) -> None:
        """Move the first pixel to another column and row of the parent frame."""
        self._xy0 = (int(x0), int(y0))

    def getWidth(self) -> int:
        """Return the number of columns."""
        return self.width

    def getHeight(self) -> int:
        """Return the number of rows."""
        return self.height

    def getDimensions(self) -> tuple[int, int]:
        """Return the size, x first."""
        return (self.width, self.height)

    def clone(self) -> Self:
        """Return a plane with pixels of its own."""
        return self.copy()


class Image(Plane):
    """An image plane [ADU unless its exposure says otherwise]."""

    __slots__ = ()
