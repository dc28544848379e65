"""Where the edges of polygons meet, in exact arithmetic."""

__all__ = ["crossing", "intersection", "turn"]

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Point = tuple[Fraction, Fraction]
Edge = tuple[Point, Point]
Loop = list[tuple[float, float]]


def turn(a: Point, b: Point, c: Point) -> Fraction:
    """Return a number that is positive if the way a, b, c bends left, 0 if it is straight."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])


def _exact(points: NDArray[np.float64]) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in points.tolist()]


def _edges(points: list[Point]) -> list[Edge]:
    return list(pairwise([*points, points[0]]))


def _near(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each edge of the first, and those of the second whose boxes touch its box."""
    boxes = []
    for points in (first, second):
        ends = np.roll(points, -1, axis=0)
        boxes.append((np.minimum(points, ends), np.maximum(points, ends)))
    (low, high), (others_low, others_high) = boxes
    for index in range(len(first)):
        touch = (others_low <= high[index]) & (low[index] <= others_high)
        yield index, np.flatnonzero(touch.all(axis=1))


def crossing(points: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return two edges of a polygon that meet where they should not, or None.

    Neighbours may share their corner only. An edge without length meets itself.
    """
    exact = _exact(points)
    edges = _edges(exact)
    count = len(edges)
    for index, near in _near(points, points):
        if edges[index][0] == edges[index][1]:
            return (index, index)
        for other in near.tolist():
            if other <= index:
                continue
            meet = set(_meeting(edges[index], edges[other]))
            shared = set()
            if other == index + 1:
                shared = {exact[other]}
            elif index == 0 and other == count - 1:
                shared = {exact[0]}
            if meet - shared:
                return (index, other)
    return None


def _within(point: Point, edge: Edge) -> bool:
    """Return whether a point of the straight line through an edge lies on the edge."""
    (ax, ay), (bx, by) = edge
    return min(ax, bx) <= point[0] <= max(ax, bx) and min(ay, by) <= point[1] <= max(ay, by)


def _meeting(first: Edge, second: Edge) -> list[Point]:
    """Return the point that two edges share, or both ends of what they share."""
    (a, b), (c, d) = first, second
    at_c, at_d = turn(a, b, c), turn(a, b, d)
    if at_c == 0 and at_d == 0:
        return [p for p in (a, b) if _within(p, second)] + [p for p in (c, d) if _within(p, first)]
    if (at_c > 0 and at_d > 0) or (at_c < 0 and at_d < 0):
        return []
    at_a, at_b = turn(c, d, a), turn(c, d, b)
    if (at_a > 0 and at_b > 0) or (at_a < 0 and at_b < 0):
        return []
    part = at_c / (at_c - at_d)
    return [(c[0] + part * (d[0] - c[0]), c[1] + part * (d[1] - c[1]))]


def _counterclockwise(points: list[Point]) -> list[Point]:
    twice = sum((a[0] * b[1] - b[0] * a[1] for a, b in _edges(points)), Fraction(0))
    return points if twice > 0 else points[::-1]


def _place(point: Point, edges: list[Edge]) -> int:
    """Return 1 for a point inside of the edges of a polygon, 0 on one of them, -1 outside."""
    x, y = point
    inside = False
    for a, b in edges:
        low, high = (a[1], b[1]) if a[1] <= b[1] else (b[1], a[1])
        if not low <= y <= high:
            continue
        side = turn(a, b, point)
        if side == 0 and min(a[0], b[0]) <= x <= max(a[0], b[0]):
            return 0
        if (a[1] <= y < b[1] and side > 0) or (b[1] <= y < a[1] and side < 0):
            inside = not inside
    return 1 if inside else -1


def _cut(edge: Edge, points: set[Point]) -> list[Edge]:
    """Return the pieces of an edge between points on it."""
    (ax, ay), (bx, by) = edge
    along = bx - ax, by - ay
    order = sorted({*points, *edge}, key=lambda p: (p[0] - ax) * along[0] + (p[1] - ay) * along[1])
    return list(pairwise(order))


def intersection(first: NDArray[np.float64], second: NDArray[np.float64]) -> list[Loop]:
    """Return the outlines of what two simple polygons have in common.

    Both are cut where their edges meet. A piece of one that lies inside the other bounds the
    common part, and so does a piece of both that has both on its left. (The common part of two
    simple polygons has no holes.) The pieces are then joined to loops.
    """
    a = _counterclockwise(_exact(first))
    b = _counterclockwise(_exact(second))
    edges_a, edges_b = _edges(a), _edges(b)
    cuts_a: list[set[Point]] = [set() for _ in edges_a]
    cuts_b: list[set[Point]] = [set() for _ in edges_b]
    rounded = [np.array([[float(x), float(y)] for x, y in points]) for points in (a, b)]
    for index, near in _near(*rounded):
        for other in near.tolist():
            meet = _meeting(edges_a[index], edges_b[other])
            cuts_a[index].update(meet)
            cuts_b[other].update(meet)
    pieces_b = [p for e, cuts in zip(edges_b, cuts_b, strict=True) for p in _cut(e, cuts)]
    both = set(pieces_b)
    kept: list[Edge] = []
    for edge, cuts in zip(edges_a, cuts_a, strict=True):
        for piece in _cut(edge, cuts):
            if piece in both or _place(_middle(piece), edges_b) > 0:
                kept.append(piece)
    kept += [piece for piece in pieces_b if _place(_middle(piece), edges_a) > 0]
    return sorted(_canonical(loop) for loop in _loops(kept))


def _middle(piece: Edge) -> Point:
    return ((piece[0][0] + piece[1][0]) / 2, (piece[0][1] + piece[1][1]) / 2)


def _loops(pieces: list[Edge]) -> list[list[Point]]:
    """Return loops of pieces; where several go on, the one most to the left."""
    after: dict[Point, list[Point]] = {}
    for start, end in pieces:
        after.setdefault(start, []).append(end)
    loops = []
    while after:
        start = at = min(after)
        loop = []
        came: Point | None = None
        while True:
            loop.append(at)
            ways = after[at]
            way = ways[0] if came is None or len(ways) == 1 else _leftmost(came, at, ways)
            ways.remove(way)
            if not ways:
                del after[at]
            came, at = at, way
            if at == start:
                break
        loops.append(loop)
    return loops


def _leftmost(came: Point, at: Point, ways: list[Point]) -> Point:
    best = ways[0]
    for way in ways[1:]:
        # Left of the way back to where we came from lies what is furthest right of us.
        a, b = _half(came, at, best), _half(came, at, way)
        if b > a or (a == b and turn(at, best, way) > 0):
            best = way
    return best


def _half(came: Point, at: Point, way: Point) -> int:
    """Return 2 for a way to the left, 1 for straight on, 0 for one to the right."""
    side = turn(came, at, way)
    return 2 if side > 0 else 1 if side == 0 else 0


def _canonical(loop: list[Point]) -> Loop:
    """Return a loop from its lowest corner on, without corners on a straight line, rounded."""
    corners = [
        point
        for index, point in enumerate(loop)
        if turn(loop[index - 1], point, loop[(index + 1) % len(loop)]) != 0
    ]
    rounded: Loop = []
    for x, y in corners:
        point = (float(x), float(y))
        if not rounded or rounded[-1] != point:
            rounded.append(point)
    while len(rounded) > 1 and rounded[0] == rounded[-1]:
        rounded.pop()
    if not rounded:
        return rounded
    first = rounded.index(min(rounded))
    return rounded[first:] + rounded[:first]
