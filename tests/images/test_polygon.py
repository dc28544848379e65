import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.errors import SinglePolygonError
from cfhtisr.images import Box2I, Polygon

# Whole numbers, so that products in double precision are exact and coincidences are common.
coordinate = st.integers(-8, 8).map(float)
points = st.tuples(coordinate, coordinate)


@st.composite
def convex(draw):
    """Return the convex hull of some points."""
    found = sorted(set(draw(st.lists(points, min_size=3, max_size=9))))
    hull = []
    for way in (found, found[::-1]):
        chain = []
        for x, y in way:
            while len(chain) > 1 and (
                (chain[-1][0] - chain[-2][0]) * (y - chain[-2][1])
                <= (x - chain[-2][0]) * (chain[-1][1] - chain[-2][1])
            ):
                chain.pop()
            chain.append((x, y))
        hull += chain[:-1]
    assume(len(hull) >= 3)
    return Polygon(hull[::-1] if draw(st.booleans()) else hull)


@st.composite
def stars(draw):
    """Return a polygon that is seen whole from its centre, of whole coordinates or not."""
    count = draw(st.integers(3, 12))
    radii = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    x, y = draw(points)
    turned = draw(st.floats(0, 1))
    grid = draw(st.booleans())
    angles = [2 * math.pi * (i + turned) / count for i in range(count)]
    corners = [
        (x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)
    ]
    if grid:
        corners = [(round(u), round(v)) for u, v in corners]
    try:
        return Polygon(corners)
    except ValueError:
        assume(False)


polygons = st.one_of(convex(), stars())
grid_x, grid_y = np.meshgrid(np.arange(-18, 18) + 0.37, np.arange(-18, 18) + 0.41)
exact_x, exact_y = np.meshgrid(np.arange(-18, 18) + 0.375, np.arange(-18, 18) + 0.4375)


def inside_of(parts):
    return sum((part.contains(grid_x, grid_y) for part in parts), np.zeros(grid_x.shape, int))


@given(polygons, polygons)
def test_the_common_part_holds_the_points_that_both_hold(a, b):
    parts = a.intersection(b)
    wanted = a.contains(grid_x, grid_y) & b.contains(grid_x, grid_y)
    near = np.zeros(grid_x.shape, bool)  # rounding decides within 1e-9 of an edge
    for polygon in (a, b):
        for dx in (-1e-9, 1e-9):
            near |= polygon.contains(grid_x + dx, grid_y) != polygon.contains(grid_x, grid_y)
            near |= polygon.contains(grid_x, grid_y + dx) != polygon.contains(grid_x, grid_y)
    assert_array_equal(inside_of(parts)[~near], wanted.astype(int)[~near])


@given(polygons, polygons)
def test_the_order_of_two_polygons_does_not_matter(a, b):
    assert a.intersection(b) == b.intersection(a)


@given(polygons, polygons)
def test_a_part_is_no_larger_than_the_whole_and_cutting_again_changes_nothing(a, b):
    parts = a.intersection(b)
    total = sum(part.area for part in parts)
    assert total <= min(a.area, b.area) * (1 + 1e-9)
    for part in parts:
        assert part.signed_area > 0
        again = part.intersection(a)
        assert_allclose(sum(each.area for each in again), part.area, rtol=1e-9)


@given(convex(), convex())
def test_convex_polygons_have_at_most_one_convex_part_in_common(a, b):
    parts = a.intersection(b)
    assert len(parts) <= 1
    assert a.is_convex
    for part in parts:
        # to rounding: a corner between two nearly parallel edges may be dented by an ulp
        hull = part.vertices
        assert_allclose(part.area, _hull_area(hull), rtol=1e-9)


def _hull_area(corners):
    centre = corners.mean(axis=0)
    angle = np.arctan2(*(corners - centre).T[::-1])
    x, y = corners[np.argsort(angle)].T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


@given(polygons)
@example(Polygon([(0, 0), (2, 0), (2, 2), (1, 2), (0, 2)]))
def test_a_polygon_is_its_own_intersection(a):
    (same,) = a.intersection(a)
    assert_allclose(same.area, a.area, rtol=1e-12)
    assert set(same) <= set(a)
    turned = Polygon(a.vertices[::-1])
    assert turned.intersection(a) == [same]
    assert_allclose(turned.signed_area, -a.signed_area)
    assert_allclose(turned.perimeter, a.perimeter)


@given(polygons, st.integers(-5, 5), st.integers(1, 4))
def test_area_and_centre_move_along(a, shift, factor):
    moved = a.transform(lambda x, y: (factor * x + shift, factor * y - shift))
    assert_allclose(moved.area, factor**2 * a.area, rtol=1e-12)
    x, y = a.center
    assert_allclose(moved.center, (factor * x + shift, factor * y - shift), atol=1e-9)
    mirrored = a.transform(lambda x, y: (-x, y))
    assert_allclose(mirrored.signed_area, -a.signed_area, rtol=1e-12)
    x, y = exact_x, exact_y  # rounding would decide of points on an edge
    inside = moved.contains(factor * x + shift, factor * y - shift)
    assert_array_equal(inside, a.contains(x, y))


@given(polygons)
def test_corners_and_middles_of_edges_count_as_inside(a):
    x, y = a.vertices.T
    assert a.contains(x, y).all()
    whole = bool((a.vertices == np.round(a.vertices)).all())
    if whole:  # the middle is exact
        assert a.contains((x + np.roll(x, 1)) / 2, (y + np.roll(y, 1)) / 2).all()
    assert not a.contains([np.nan, np.inf, 0.0], [0.0, 0.0, np.nan]).any()


def test_two_combs_have_several_parts_in_common():
    comb = Polygon([(0, 0), (5, 0), (5, 3), (4, 3), (4, 1), (3, 1), (3, 3), (2, 3), (2, 1),
                    (1, 1), (1, 3), (0, 3)])  # fmt: skip
    bar = Polygon([(-1, 2), (6, 2), (6, 2.5), (-1, 2.5)])
    parts = comb.intersection(bar)
    assert [part.center for part in parts] == [(0.5, 2.25), (2.5, 2.25), (4.5, 2.25)]
    with pytest.raises(SinglePolygonError, match="3 parts in common"):
        comb.single_intersection(bar)
    with pytest.raises(SinglePolygonError, match="nothing in common"):
        comb.intersectionSingle(Polygon([(9, 9), (10, 9), (9, 10)]))
    assert not comb.overlaps(Polygon([(5, 0), (6, 0), (6, 1), (5, 1)]))  # an edge in common
    assert not comb.is_convex


def test_parts_that_touch_in_a_corner_stay_apart():
    bow = Polygon([(0, 0), (4, 0), (4, 4), (2, 2), (0, 4)])
    band = Polygon([(-1, 2), (5, 2), (5, 5), (-1, 5)])
    assert [list(part) for part in bow.intersection(band)] == [
        [(0, 2), (2, 2), (0, 4)],
        [(2, 2), (4, 2), (4, 4)],
    ]


@pytest.mark.parametrize(
    ("corners", "text"),
    [
        ([1, 2, 3], "shape"),
        ([(0, 0), (1, 1)], "three corners"),
        ([(0, 0), (1, np.nan), (1, 0)], "finite"),
        ([(0, 0), (1, 1), (2, 2)], "meet"),
        ([(0, 0), (2, 2), (2, 0), (0, 2)], "meet"),
        ([(0, 0), (0, 0), (1, 0), (0, 1)], "no length"),
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], "meet"),
    ],
)
def test_what_is_no_simple_polygon_is_refused(corners, text):
    with pytest.raises(ValueError, match=text):
        Polygon(corners)


def test_a_polygon_is_a_sequence_of_its_corners():
    corners = [(0.0, 0.0), (3.0, 0.0), (0.0, 4.0)]
    triangle = Polygon(corner for corner in corners)
    assert triangle == corners
    assert triangle != corners[::-1]
    assert triangle != 1
    assert list(triangle) == triangle.getVertices() == corners
    assert triangle[1] == (3.0, 0.0)
    assert triangle[1:] == corners[1:]
    assert len({triangle, Polygon(corners)}) == 1
    assert pickle.loads(pickle.dumps(triangle)) == triangle
    assert_array_equal(np.asarray(triangle), corners)
    assert (triangle.calculateArea(), triangle.calculatePerimeter()) == (6.0, 12.0)
    assert triangle.getNumEdges() == 3
    assert_allclose(triangle.getCenter(), (1, 4 / 3))
    assert triangle.limits == (0.0, 0.0, 3.0, 4.0)
    with pytest.raises(ValueError, match="read-only"):
        triangle.vertices[0] = 1


def test_the_outline_of_a_box_holds_its_pixels():
    box = Box2I(3, -2, 5, 4)
    outline = Polygon.from_box(box)
    assert outline.area == box.area
    assert outline.mask(Box2I(0, -5, 12, 12)).sum() == box.area
    with pytest.raises(ValueError, match="empty"):
        Polygon.from_box(Box2I(0, 0, 0, 0))
