"""Polygons in a plane: the part of a CCD that light could reach, and what it is cut from."""

__all__ = ["Polygon"]

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr.errors import SinglePolygonError
from cfhtisr.images import _arrangement
from cfhtisr.images.geom import Box2I

Points = NDArray[np.float64]
Moved = tuple[ArrayLike, ArrayLike]

_SLIVER = 1e-12


class Polygon(Sequence[tuple[float, float]]):
    """A simple polygon: a sequence of its corners, none of whose edges cross or touch.

    Corners keep the order in which they come, either way round. The plane is any: pixels of a
    CCD, or mm of the focal plane.

    Parameters
    ----------
    corners : array_like of float, shape (n, 2)
        x and y of at least three corners; the last is joined to the first, and dropped if it
        is the first again.

    Raises
    ------
    ValueError
        If these are no corners of a simple polygon with an area.

    Notes
    -----
    Which edges meet, and where, is decided in exact arithmetic; only the corners of a result
    are rounded. So edges in common, corners on edges and equal polygons need no tolerance.

    Examples
    --------
    >>> square = Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])
    >>> square.area, bool(square.contains(1, 1))
    (4.0, True)
    >>> square.single_intersection(Polygon([(1, 1), (3, 1), (3, 3), (1, 3)]))
    Polygon([(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)])
    """

    def __init__(self, corners: ArrayLike | Iterable[tuple[float, float]]) -> None:
        given: Any = corners
        points = np.array(given if hasattr(given, "__len__") else list(given), np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"the polygon has shape {points.shape}, wanted corners (x, y)")
        if len(points) > 3 and (points[0] == points[-1]).all():
            points = points[:-1].copy()
        if len(points) < 3 or not np.isfinite(points).all():
            raise ValueError("a polygon needs at least three corners, all of them finite")
        trouble = _arrangement.crossing(points)
        if trouble is not None:
            raise ValueError(
                f"edges {trouble[0]} and {trouble[1]} of the polygon meet, or one has no length"
            )
        points.setflags(write=False)
        self._points = points

    @classmethod
    def from_box(cls, box: Box2I) -> "Polygon":
        """Return the outline of pixels: half a pixel beyond the centres of the outermost."""
        if box.is_empty:
            raise ValueError("an empty box has no outline")
        x0, y0, x1, y1 = box.x0 - 0.5, box.y0 - 0.5, box.x1 + 0.5, box.y1 + 0.5
        return cls([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])

    @property
    def vertices(self) -> Points:
        """The corners, shape (n, 2), read-only."""
        return self._points

    @property
    def signed_area(self) -> float:
        """The area; negative if the corners go round clockwise (x right, y up)."""
        x, y = (self._points - self._points[0]).T
        return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))

    @property
    def area(self) -> float:
        """The area, in squares of the unit of the corners."""
        return abs(self.signed_area)

    @property
    def perimeter(self) -> float:
        """The length of all edges."""
        return float(np.hypot(*(np.roll(self._points, -1, axis=0) - self._points).T).sum())

    @property
    def center(self) -> tuple[float, float]:
        """The centre of gravity."""
        origin = self._points[0]
        x, y = (self._points - origin).T
        u, v = np.roll(x, -1), np.roll(y, -1)
        cross = x * v - u * y
        third = 3.0 * cross.sum()
        return (
            float(origin[0] + ((x + u) * cross).sum() / third),
            float(origin[1] + ((y + v) * cross).sum() / third),
        )

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Lowest x, lowest y, highest x and highest y of the corners."""
        (x0, y0), (x1, y1) = self._points.min(axis=0), self._points.max(axis=0)
        return (float(x0), float(y0), float(x1), float(y1))

    @property
    def is_convex(self) -> bool:
        """Whether the polygon bends one way only."""
        exact = [(Fraction(x), Fraction(y)) for x, y in self]
        turns = {
            _arrangement.turn(exact[i - 2], exact[i - 1], corner) > 0
            for i, corner in enumerate(exact)
            if _arrangement.turn(exact[i - 2], exact[i - 1], corner) != 0
        }
        return len(turns) == 1

    def contains(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which points lie inside, or on an edge.

        Parameters
        ----------
        x, y : array_like of float
            Points, of shapes that broadcast.

        Returns
        -------
        inside : ndarray of bool
            False for points that are not finite.

        Examples
        --------
        >>> Polygon([(0, 0), (4, 0), (0, 4)]).contains([1, 2, 3], 2)
        array([ True,  True, False])
        """
        px, py = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        inside = np.zeros(px.shape, bool)
        border = np.zeros(px.shape, bool)
        with np.errstate(invalid="ignore", over="ignore"):
            for (ax, ay), (bx, by) in zip(self, [*self[1:], self[0]], strict=True):
                side = (bx - ax) * (py - ay) - (px - ax) * (by - ay)
                up = (ay <= py) & (py < by) & (side > 0)
                down = (by <= py) & (py < ay) & (side < 0)
                inside ^= up | down
                border |= (
                    (side == 0)
                    & (min(ax, bx) <= px) & (px <= max(ax, bx))
                    & (min(ay, by) <= py) & (py <= max(ay, by))
                )  # fmt: skip
        return inside | border

    def intersection(self, other: "Polygon") -> list["Polygon"]:
        """Return the parts that two polygons have in common.

        Parameters
        ----------
        other : Polygon
            In the same plane.

        Returns
        -------
        parts : list of Polygon
            None, one or several, without an area in common; each counterclockwise, from its
            lowest left corner on, without corners that are on a straight line. Parts of less
            than 1e-12 of the smaller polygon, which only rounding can make, are left out.

        Notes
        -----
        The order of the two does not matter, to the last bit.
        """
        found = []
        for part in _arrangement.intersection(self._points, other._points):
            x, y = (np.array(part) - part[0]).T
            area = 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
            if len(part) >= 3 and area > _SLIVER * min(self.area, other.area):
                found.append(self._of(np.array(part)))
        return found

    @classmethod
    def _of(cls, points: Points) -> "Polygon":
        """Return the polygon of corners that were simple before they were rounded."""
        polygon = cls.__new__(cls)
        points.setflags(write=False)
        polygon._points = points
        return polygon

    def single_intersection(self, other: "Polygon") -> "Polygon":
        """Return what two polygons have in common, which is to be one polygon.

        Raises
        ------
        SinglePolygonError
            If they have nothing in common, or more than one part.
        """
        parts = self.intersection(other)
        if len(parts) != 1:
            what = "have nothing in common" if not parts else f"have {len(parts)} parts in common"
            raise SinglePolygonError(f"the polygons {what}, wanted one part")
        return parts[0]

    def overlaps(self, other: "Polygon") -> bool:
        """Return whether two polygons have an area in common."""
        return bool(self.intersection(other))

    def transform(self, function: Callable[[Points, Points], Moved]) -> "Polygon":
        """Return the polygon of the moved corners.

        Parameters
        ----------
        function : callable
            Gets x and y of the corners, arrays, and returns them moved.

        Examples
        --------
        >>> Polygon([(0, 0), (1, 0), (0, 1)]).transform(lambda x, y: (2 * x, y + 1))
        Polygon([(0.0, 1.0), (2.0, 1.0), (0.0, 2.0)])
        """
        x, y = function(self._points[:, 0].copy(), self._points[:, 1].copy())
        return Polygon(np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1))

    def mask(self, box: Box2I) -> NDArray[np.bool_]:
        """Return which pixels of a box have their centre inside, shape (rows, columns)."""
        x = np.arange(box.x0, box.x0 + box.width)
        y = np.arange(box.y0, box.y0 + box.height)
        return self.contains(x[None, :], y[:, None])

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter([(x, y) for x, y in self._points.tolist()])

    @overload
    def __getitem__(self, key: int) -> tuple[float, float]: ...

    @overload
    def __getitem__(self, key: slice) -> list[tuple[float, float]]: ...

    def __getitem__(self, key: int | slice) -> tuple[float, float] | list[tuple[float, float]]:
        if isinstance(key, slice):
            return [(x, y) for x, y in self._points[key].tolist()]
        x, y = self._points[key].tolist()
        return (x, y)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Polygon):
            return bool(np.array_equal(self._points, other._points))
        if isinstance(other, list | tuple):
            return len(other) == len(self) and list(self) == [tuple(corner) for corner in other]
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._points, dtype)

    def __repr__(self) -> str:
        return f"Polygon({list(self)})"

    # LSST's names

    def getVertices(self) -> list[tuple[float, float]]:
        """Return the corners."""
        return list(self)

    def getNumEdges(self) -> int:
        """Return how many edges there are."""
        return len(self)

    def getCenter(self) -> tuple[float, float]:
        """Return the centre of gravity."""
        return self.center

    def calculateArea(self) -> float:
        """Return the area."""
        return self.area

    def calculatePerimeter(self) -> float:
        """Return the length of all edges."""
        return self.perimeter

    def intersectionSingle(self, other: "Polygon") -> "Polygon":
        """Return what two polygons have in common, which is to be one polygon."""
        return self.single_intersection(other)
