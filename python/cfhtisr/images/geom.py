"""Boxes of pixels: the one place, beside FITS, that knows both orders of the axes."""

__all__ = ["Box2I"]

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SECTION = re.compile(r"\[\s*(-?\d+)\s*:\s*(-?\d+)\s*,\s*(-?\d+)\s*:\s*(-?\d+)\s*\]")


@dataclass(frozen=True, slots=True)
class Box2I:
    """A box of whole pixels, corner and size, x first.

    A box without pixels is empty; it reports a corner at (0, 0) and a size of (0, 0).

    Parameters
    ----------
    x0, y0 : int
        Lowest column and row [pixel], counted from 0.
    width, height : int
        Number of columns and rows.

    Raises
    ------
    TypeError
        If a value is not a whole number.
    ValueError
        If the width or the height is negative.

    Examples
    --------
    >>> box = Box2I(32, 0, 1024, 4612)
    >>> box.x1, box.y1
    (1055, 4611)
    >>> box.to_section()
    '[33:1056,1:4612]'
    """

    x0: int
    y0: int
    width: int
    height: int

    def __post_init__(self) -> None:
        plain = type(self.x0) is type(self.y0) is type(self.width) is type(self.height) is int
        if plain and self.width > 0 and self.height > 0:
            return
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
                raise TypeError(f"{name} of a box is {value!r}, wanted a whole number")
            object.__setattr__(self, name, int(value))
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a box cannot be {self.width} x {self.height} pixels")
        if self.width == 0 or self.height == 0:
            for name in self.__slots__:
                object.__setattr__(self, name, 0)

    @classmethod
    def from_section(cls, section: str) -> "Box2I":
        """Read a FITS section, ``[x1:x2,y1:y2]``, inclusive and counted from 1.

        An axis that runs backwards gives the same box as one that runs forwards, and
        ``[0:0,0:0]``, which MegaCam writes for "none", an empty one.

        Raises
        ------
        ValueError
            If the text is not a section.
        """
        match = _SECTION.fullmatch(section.strip())
        if match is None:
            raise ValueError(f"{section!r} is not a section, wanted [x1:x2,y1:y2]")
        xa, xb, ya, yb = map(int, match.groups())
        if (xa, xb, ya, yb) == (0, 0, 0, 0):
            return cls(0, 0, 0, 0)
        return cls(min(xa, xb) - 1, min(ya, yb) - 1, abs(xb - xa) + 1, abs(yb - ya) + 1)

    def to_section(self) -> str:
        """Write the box as a FITS section; an empty one as ``[0:0,0:0]``."""
        if self.is_empty:
            return "[0:0,0:0]"
        return f"[{self.x0 + 1}:{self.x1 + 1},{self.y0 + 1}:{self.y1 + 1}]"

    @property
    def x1(self) -> int:
        """Last column, inclusive."""
        return self.x0 + self.width - 1

    @property
    def y1(self) -> int:
        """Last row, inclusive."""
        return self.y0 + self.height - 1

    @property
    def is_empty(self) -> bool:
        """Whether the box has no pixels."""
        return self.width == 0 or self.height == 0

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of an array of these pixels, (rows, columns)."""
        return (self.height, self.width)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of these pixels in an array whose first pixel is (0, 0).

        Raises
        ------
        IndexError
            If the box begins left of or below the first pixel.
        """
        if self.x0 < 0 or self.y0 < 0:
            raise IndexError(f"box {self.to_section()} begins outside of the array")
        return (slice(self.y0, self.y0 + self.height), slice(self.x0, self.x0 + self.width))

    def contains(self, other: "Box2I") -> bool:
        """Whether every pixel of the other box is in this one; true of an empty other."""
        if other.is_empty:
            return True
        return (
            self.x0 <= other.x0
            and other.x1 <= self.x1
            and self.y0 <= other.y0
            and other.y1 <= self.y1
        )

    def clipped_to(self, other: "Box2I") -> "Box2I":
        """Return the pixels that both boxes have."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        width = min(self.x1, other.x1) - x0 + 1
        height = min(self.y1, other.y1) - y0 + 1
        if width <= 0 or height <= 0:
            return Box2I(0, 0, 0, 0)
        return Box2I(x0, y0, width, height)

    def overlaps(self, other: "Box2I") -> bool:
        """Whether the boxes have a pixel in common."""
        return not self.clipped_to(other).is_empty

    def union(self, other: "Box2I") -> "Box2I":
        """Return the smallest box that holds both."""
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        x0, y0 = min(self.x0, other.x0), min(self.y0, other.y0)
        return Box2I(x0, y0, max(self.x1, other.x1) - x0 + 1, max(self.y1, other.y1) - y0 + 1)

    def shifted_by(self, dx: int, dy: int) -> "Box2I":
        """Return the box moved by so many columns and rows."""
        return self if self.is_empty else Box2I(self.x0 + dx, self.y0 + dy, self.width, self.height)

    @staticmethod
    def to_array(boxes: "Box2I | Iterable[Box2I] | ArrayLike") -> NDArray[np.int32]:
        """Return boxes as the inclusive corners that the kernels take.

        Parameters
        ----------
        boxes : Box2I, iterable of Box2I, or array_like of int, shape (n, 4)
            Rows of an array are ``x0, y0, x1, y1``, inclusive. Empty boxes are left out.

        Returns
        -------
        corners : ndarray of int32, shape (n, 4)

        Raises
        ------
        ValueError
            If an array does not have four columns of whole numbers, or a row ends before
            it begins.
        """
        rows: Any = [boxes] if isinstance(boxes, Box2I) else boxes
        if not isinstance(rows, np.ndarray):
            rows = list(rows)
            if any(isinstance(row, Box2I) for row in rows):
                rows = [(box.x0, box.y0, box.x1, box.y1) for box in rows if not box.is_empty]
        if len(rows) == 0:
            return np.empty((0, 4), np.int32)
        corners = np.asarray(rows)
        if corners.ndim != 2 or corners.shape[1] != 4 or corners.dtype.kind not in "iu":
            raise ValueError(
                f"boxes are an array of {corners.dtype} and shape {corners.shape}, "
                "wanted whole numbers of shape (n, 4): x0, y0, x1, y1, inclusive"
            )
        if (corners[:, 2:] < corners[:, :2]).any():
            raise ValueError("a box ends before it begins, wanted x0 <= x1 and y0 <= y1")
        return np.ascontiguousarray(np.clip(corners, -(2**30), 2**30), dtype=np.int32)

    # LSST's names

    def getMinX(self) -> int:
        """Return the lowest column."""
        return self.x0

    def getMinY(self) -> int:
        """Return the lowest row."""
        return self.y0

    def getMaxX(self) -> int:
        """Return the last column, inclusive."""
        return self.x1

    def getMaxY(self) -> int:
        """Return the last row, inclusive."""
        return self.y1

    def getBeginX(self) -> int:
        """Return the lowest column."""
        return self.x0

    def getBeginY(self) -> int:
        """Return the lowest row."""
        return self.y0

    def getEndX(self) -> int:
        """Return the column after the last."""
        return self.x0 + self.width

    def getEndY(self) -> int:
        """Return the row after the last."""
        return self.y0 + self.height

    def getWidth(self) -> int:
        """Return the number of columns."""
        return self.width

    def getHeight(self) -> int:
        """Return the number of rows."""
        return self.height

    def getMin(self) -> tuple[int, int]:
        """Return the lowest corner, x first."""
        return (self.x0, self.y0)

    def getMax(self) -> tuple[int, int]:
        """Return the last corner, x first, inclusive."""
        return (self.x1, self.y1)

    def getDimensions(self) -> tuple[int, int]:
        """Return the size, x first."""
        return (self.width, self.height)

    def getArea(self) -> int:
        """Return the number of pixels."""
        return self.area

    def isEmpty(self) -> bool:
        """Return whether the box has no pixels."""
        return self.is_empty
